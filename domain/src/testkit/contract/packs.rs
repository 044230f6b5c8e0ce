//! Days of few checks share a pack, and those of many have one each: nobody who reads the log can tell.

use std::collections::BTreeMap;
use std::time::Duration;

use super::retention::{observed, verdict};
use super::stage::{Specimen, Stage};
use crate::check::{Check, Claim, Origin, Outcome, Region, Settled};
use crate::pack::JOINED_CHECKS;
use crate::port::{CheckQuery, Retired};
use crate::retention::{Left, OwnRetention, Retention};
use crate::rollup::{DAY, HOUR, day_of};
use crate::testkit::fixture::{self, seconds};
use crate::time::{Timestamp, Window};
use crate::verdict::Verdict;

/// How often a monitor is checked at first, in seconds: four times a day.
const SELDOM: u32 = 21_600;
/// And from one noon to the next, so that two days have more checks each than days may share.
const OFTEN: u32 = 150;
/// For how many days it lives, from noon to noon, and which one of them that is.
const DAYS: u32 = 20;
const BUSY_DAY: u32 = 7;

/// A monitor that lives from day to day.
struct Life {
    m: Specimen,
    /// All of its checks as they were recorded, the newest first.
    log: Vec<Check>,
}

impl Life {
    async fn begin(stage: &Stage) -> Self {
        Self { m: stage.monitor_every(SELDOM).await, log: Vec::new() }
    }

    /// When a day of its life ends.
    fn end_of(&self, number: u32) -> Timestamp {
        self.m.slot(0).plus(DAY * (number + 1))
    }

    /// One of its days.
    async fn live(&mut self, stage: &Stage, number: u32) {
        let begin = self.end_of(number).minus(DAY);
        let interval = |seconds: u32| fixture::settings(seconds).interval;
        let step = match number {
            BUSY_DAY => OFTEN,
            _ => SELDOM,
        };
        if number == BUSY_DAY || number == BUSY_DAY + 1 {
            stage.change(&self.m.monitor, begin, |change| change.settings.interval = interval(step)).await;
        }
        for count in 0..86_400 / step {
            let now = begin.plus(seconds((step * count).into()));
            for claim in stage.claim(now).await {
                let number = number * 7 + count;
                let check = observed(fixture::check(&claim, verdict(number)), number, now);
                stage.settle_at(now, Settled { claim, outcome: Outcome::Checked(Box::new(check)) }).await;
            }
        }
        let newest = self.log.first().map(|check| check.slot);
        let fresh = self.read(stage).await.into_iter().take_while(|check| Some(check.slot) > newest);
        self.log.splice(0..0, fresh.collect::<Vec<_>>());
    }

    /// What there is of its log, the newest first, in pages of which some end within a pack.
    async fn read(&self, stage: &Stage) -> Vec<Check> {
        let (monitor, region) = (self.m.id(), Region::default());
        let window = Window::new(self.m.slot(0).minus(DAY), self.end_of(DAYS)).unwrap();
        stage.read_through(CheckQuery { monitor, region, window, verdict: None, limit: 70 }).await
    }

    /// Its log is what is left of all its checks, read in one go or little by little.
    async fn assert_left(&self, stage: &Stage, left: &Left, now: Timestamp) {
        let expected: Vec<Check> = self.log.iter().filter_map(|check| left.of(check.clone())).collect();
        assert_eq!(self.read(stage).await, expected, "at {now:?}");
        for limit in [1, 5, 300] {
            let newest = stage.recent(&[self.m.id()], limit, now).await.remove(0);
            assert_eq!(newest, expected.iter().take(limit as usize).cloned().collect::<Vec<_>>(), "the newest {limit}");
        }
    }
}

impl Stage {
    /// A monitor in trouble for three days, checked every two minutes and a half: one check in two fails, in several ways, some
    /// start late, most failures are confirmed or not at any microsecond, and now and then somebody asks for a check.
    pub async fn live_in_trouble(&self) -> (Specimen, Timestamp) {
        let m = self.monitor_every(OFTEN).await;
        let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
        let mut settle = async |claim: Claim, now: Timestamp| {
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            let verdict = if chance.is_multiple_of(2) { Verdict::Down } else { Verdict::Up };
            let http_status = [Some(503), Some(500), None][usize::try_from(chance / 8 % 3).unwrap()];
            let checked_at = now.plus(seconds(u32::from((chance / 32).is_multiple_of(40)).into()));
            let latency = Duration::from_micros(20_000 + chance / 2_048 % 700_000);
            let check = Check { checked_at, latency, ..fixture::check(&claim, verdict) };
            let check = if verdict == Verdict::Down { Check { http_status, ..check } } else { check };
            let (settled, end) =
                (Settled { claim, outcome: Outcome::Checked(Box::new(check)) }, checked_at.plus(latency));
            self.settle_at(end, settled).await;
            end
        };
        let slots = 3 * 86_400 / OFTEN;
        for number in 0..slots {
            let slot = m.slot(number);
            let end = settle(self.claim_one(slot).await, slot).await;
            for claim in self.claim(end.plus(seconds(10))).await {
                let at = claim.slot;
                settle(claim, at).await;
            }
            if number % 50 == 7 {
                let at = slot.plus(seconds(97));
                settle(self.claim_manual(&m.monitor, at).await, at).await;
            }
        }
        let end = m.slot(slots);
        (m, end)
    }
}

/// Whatever they change to, and whoever asked for them.
pub async fn results_that_change_all_the_time_are_all_kept(stage: &Stage) {
    let (m, now) = stage.live_in_trouble().await;
    let log = stage.log(m.id()).await;
    let confirmed = log.iter().filter(|check| check.origin == Origin::Confirmation).count();
    assert!(confirmed > 100, "{confirmed} confirmations");
    stage.fold_all(now).await;
    let retention = Retention::new(1, 400, 400).unwrap();
    stage.retire_all(now, &retention).await;
    let left: Vec<Check> = log.iter().filter_map(|check| retention.left(now).of(check.clone())).collect();
    assert_eq!(stage.log(m.id()).await, left);
    assert!(left.iter().filter(|check| check.slot < retention.left(now).raw_from).count() > 300);
}

/// Folded, packed and let go of as the days pass, so that a pack holds days of which the checks are still whole, and days that
/// are too old.
pub async fn days_of_few_checks_age_as_those_of_many(stage: &Stage) {
    let mut life = Life::begin(stage).await;
    let retention = Retention::new(2, 9, 400).unwrap();
    for number in 0..DAYS {
        life.live(stage, number).await;
        let now = life.end_of(number).plus(HOUR);
        stage.fold_all(now).await;
        stage.retire_all(now, &retention).await;
        life.assert_left(stage, &retention.left(now), now).await;
        let again = stage.store().retire(now, &retention, 1_000).await.unwrap();
        assert_eq!(again, Retired::default(), "nothing that is let go of is let go of again");
    }
    let mut counts: BTreeMap<Timestamp, usize> = BTreeMap::new();
    life.log.iter().for_each(|check| *counts.entry(day_of(check.slot)).or_default() += 1);
    let busy = counts.values().filter(|count| **count > JOINED_CHECKS).count();
    assert_eq!((busy, counts.values().filter(|count| **count < 5).count()), (2, counts.len() - 2), "{counts:?}");
}

/// All of them at once, and then less and less of them; at last those of the workspace alone.
pub async fn a_pack_of_some_days_loses_them_one_by_one(stage: &Stage) {
    let mut life = Life::begin(stage).await;
    for number in 0..DAYS {
        life.live(stage, number).await;
    }
    let now = life.end_of(DAYS - 1).plus(HOUR);
    let account = stage.account(life.m.id(), now).await;
    stage.fold_all(now).await;
    for packed in [400, 17, 16, 12, 11, 8] {
        let retention = Retention::new(2, packed, 400).unwrap();
        stage.retire_all(now, &retention).await;
        life.assert_left(stage, &retention.left(now), now).await;
    }
    let (operators, own) = (Retention::new(2, 8, 400).unwrap(), OwnRetention::new(None, Some(5), None).unwrap());
    stage.store().keep_for(life.m.monitor.workspace, own, Left::ALL).await.unwrap().unwrap();
    assert!(stage.retire_all(now, &operators).await > 0);
    let left = own.within(&operators).left(now);
    life.assert_left(stage, &left, now).await;
    let window = Window::new(left.packed_from.minus(DAY), left.packed_from.plus(HOUR * 31)).unwrap();
    let (monitor, region) = (life.m.id(), Region::default());
    for verdict in [Verdict::Up, Verdict::Degraded, Verdict::Down] {
        let query = CheckQuery { monitor, region: region.clone(), window, verdict: Some(verdict), limit: 2 };
        let in_window = life.log.iter().filter(|check| check.verdict == verdict && window.contains(check.slot));
        let expected: Vec<Check> = in_window.filter_map(|check| left.of(check.clone())).collect();
        assert_eq!(stage.read_through(query).await, expected, "{verdict:?}");
    }
    assert_eq!(stage.account(life.m.id(), now).await, account, "the sums are all there");
}
