//! The account of slots: what was due is in the record, exactly once, whatever happens.

use std::collections::HashSet;

use super::stage::era;
use super::{Specimen, Stage};
use crate::audit::SlotAccount;
use crate::check::{Claim, Origin, Region, Settled};
use crate::monitor::{Interval, Timeout};
use crate::port::Recorded;
use crate::testkit::fixture::{self, T0, cut_off, degraded, down, seconds, up};
use crate::time::{Timestamp, Window};
use crate::uptime::uptime;

/// Each slot by what became of it, up to the oldest that is still open.
pub async fn the_account_tells_what_became_of_each_slot(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    for (number, settle) in [(1, degraded as fn(&Claim) -> Settled), (2, down), (3, cut_off)] {
        let claim = stage.claim_one(m.slot(number)).await;
        stage.settle(settle(&claim)).await;
    }
    stage.claim_one(m.slot(6).plus(seconds(55))).await;
    let account = SlotAccount { due: 6, up: 1, degraded: 1, down: 1, missed: 2, unknown: 1, ..SlotAccount::default() };
    assert_eq!(stage.account(m.id(), m.slot(5)).await, account);
    let now = m.slot(7).plus(seconds(1));
    assert_eq!(stage.account(m.id(), now).await, SlotAccount { in_flight: 2, ..account });
    let window = Window::new(m.slot(2), m.slot(5)).unwrap();
    let part = SlotAccount { due: 3, down: 1, missed: 1, unknown: 1, ..SlotAccount::default() };
    assert_eq!(stage.account_of(m.id(), window, now).await, part);
}

/// An engine that stands still misses slots from the instant on at which they can no longer start, whenever that is
/// written.
pub async fn slots_that_nobody_claimed_are_missed_before_that_is_written(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    let now = m.slot(1_440).plus(seconds(1));
    let account = SlotAccount { due: 1_440, up: 1, missed: 1_439, in_flight: 1, ..SlotAccount::default() };
    assert_eq!(stage.account(m.id(), now).await, account);
    assert_eq!(stage.gaps(m.id()).await, []);
    let part = Window::new(m.slot(10), m.slot(20)).unwrap();
    let missed = SlotAccount { due: 10, missed: 10, ..SlotAccount::default() };
    assert_eq!(stage.account_of(m.id(), part, now).await, missed);
    let claim = stage.claim_one(now).await;
    assert_eq!(stage.account(m.id(), now).await, account, "and when it is written it is the same");
    stage.settle(up(&claim)).await;
    let account = SlotAccount { due: 1_441, up: 2, in_flight: 0, ..account };
    assert_eq!(stage.account(m.id(), now).await, account);
}

/// It is in flight while it is leased or may still start, and missed (and blind) when neither is so.
pub async fn a_slot_whose_holder_died_is_missed_before_that_is_written(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    stage.claim_one(m.slot(1)).await;
    let in_flight = SlotAccount { due: 1, up: 1, in_flight: 1, ..SlotAccount::default() };
    assert_eq!(stage.account(m.id(), m.slot(1).plus(seconds(30))).await, in_flight);
    let now = m.slot(4).plus(seconds(30));
    let account = SlotAccount { due: 4, missed: 3, ..in_flight };
    assert_eq!(stage.account(m.id(), now).await, account);
    assert_eq!(stage.gaps(m.id()).await, []);
    let window = Window::new(m.slot(0), now).unwrap();
    let spent = uptime(&stage.time_facts(m.id(), window).await, window, now);
    assert_eq!((spent.up, spent.unknown), (seconds(90), seconds(180)));
    let part = Window::new(m.slot(1).plus(seconds(15)), m.slot(2)).unwrap();
    let spent = uptime(&stage.time_facts(m.id(), part).await, part, now);
    assert_eq!((spent.up, spent.unknown), (seconds(0), seconds(45)), "the slot lies before the window");
}

/// They are in the log, and what was due does not ask for them.
pub async fn confirmations_and_manual_checks_are_no_slots(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.take_down(&m).await;
    let manual = stage.claim_manual(&m.monitor, m.slot(1).plus(seconds(30))).await;
    stage.settle(up(&manual)).await;
    assert_eq!(stage.log(m.id()).await.len(), 4);
    let account = stage.account(m.id(), m.slot(1).plus(seconds(40))).await;
    let expected = SlotAccount { due: 2, up: 1, down: 1, ..SlotAccount::default() };
    assert_eq!(account, expected);
}

/// A clock that has fallen back dates a change no earlier than what is in the record already.
pub async fn a_change_is_dated_after_the_slots_in_the_record(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    stage.check_up(m.slot(1)).await;
    stage.pause(&m.monitor, m.slot(1).minus(seconds(20))).await;
    stage.resume(&m.monitor, m.slot(2)).await;
    stage.check_up(m.slot(5)).await;
    stage.change(&m.monitor, m.slot(3), |change| change.settings.interval = Interval::from_secs(90).unwrap()).await;
    let outage = m.slot(9);
    stage.claim(outage).await;
    stage.change(&m.monitor, m.slot(6), |change| change.settings.interval = Interval::from_secs(75).unwrap()).await;
    let now = outage.plus(seconds(1));
    let opening = stage.claim_one(now).await;
    stage.settle(up(&opening)).await;
    let account = stage.account(m.id(), now).await;
    assert!(account.missed > 2 && account.unaccounted == 0, "{account:?}");
    let spans = stage.spans(m.id()).await;
    assert!(spans.windows(2).all(|pair| pair[0].to == Some(pair[1].from)), "{spans:?}");
}

/// Late claims, lost claims, stale results, pauses, edits, outages of ours and theirs, in no order that anyone chose.
pub async fn every_slot_is_accounted_for_whatever_happens(stage: &Stage) {
    let mut walk = Walk::begin(stage).await;
    for step in 0..500 {
        walk.step().await;
        if step % 15 == 0 {
            walk.audit().await;
        }
    }
    walk.finish().await;
}

/// A walk through several hours of several monitors, the same in every run.
struct Walk<'a> {
    stage: &'a Stage,
    dice: Dice,
    now: Timestamp,
    monitors: Vec<Specimen>,
    held: Vec<Claim>,
    given: HashSet<(Timestamp, crate::id::MonitorId, crate::id::LeaseToken)>,
}

impl<'a> Walk<'a> {
    async fn begin(stage: &'a Stage) -> Self {
        let mut monitors = Vec::new();
        for (interval, timeout, before_down) in [(20, 20, 0), (60, 10, 1), (90, 60, 2)] {
            let specimen = stage
                .monitor_with(|settings| {
                    *settings = fixture::settings(interval);
                    settings.timeout = Timeout::from_secs(timeout);
                    settings.confirmation.before_down = before_down;
                })
                .await;
            monitors.push(specimen);
        }
        Self { stage, dice: Dice(2026), now: T0, monitors, held: Vec::new(), given: HashSet::new() }
    }

    async fn step(&mut self) {
        let pace = if self.dice.below(60) == 0 { 300_000_000 } else { 10_000_000 };
        self.now = Timestamp::from_micros(self.now.as_micros() + i64::try_from(self.dice.below(pace)).unwrap());
        let monitor = self.monitors[self.dice.pick(3)].monitor.clone();
        match self.dice.below(100) {
            0..42 => self.claim().await,
            42..80 => self.record().await,
            80..84 => self.lose(),
            84..88 => {
                let claim = self.stage.claim_manual(&monitor, self.now).await;
                self.take(vec![claim]);
            }
            88..90 => {
                self.stage.pause(&monitor, self.now).await;
            }
            90..94 => {
                self.stage.resume(&monitor, self.now).await;
            }
            94..96 => {
                let interval = Interval::from_secs([15, 45, 70, 120][self.dice.pick(4)]).unwrap();
                self.stage.change(&monitor, self.now, |change| change.settings.interval = interval).await;
            }
            96..98 => {
                let target = fixture::target(&format!("https://example.org/{}", self.dice.below(1_000_000)));
                self.stage.change(&monitor, self.now, |change| change.settings.target = target).await;
            }
            _ => self.stage.store().void_leases(&Region::default(), self.now).await.unwrap(),
        }
    }

    /// Takes some of what is due, now and then a little ahead.
    async fn claim(&mut self) {
        let ahead = seconds([0, 0, 1, 3][self.dice.pick(4)]);
        let limit = 1 + u32::try_from(self.dice.below(4)).unwrap();
        let claims = self.stage.claim_ahead(self.now, self.now.plus(ahead), limit).await;
        assert!(claims.len() <= limit as usize);
        self.take(claims);
    }

    fn take(&mut self, claims: Vec<Claim>) {
        for claim in claims {
            assert!(self.given.insert((claim.slot, claim.monitor, claim.token)), "given twice: {claim:?}");
            self.held.push(claim);
        }
    }

    /// Hands in what is finished of some of the claims, stale ones among them.
    async fn record(&mut self) {
        let mut batch = Vec::new();
        for _ in 0..self.dice.below(6).min(self.held.len() as u64) {
            let claim = self.held.swap_remove(self.dice.pick(self.held.len()));
            if claim.slot > self.now {
                self.held.push(claim);
                continue;
            }
            batch.push(match self.dice.below(10) {
                0..5 => up(&claim),
                5..7 => down(&claim),
                7..9 => degraded(&claim),
                _ => cut_off(&claim),
            });
        }
        let recorded = self.stage.store().record(self.now, &batch).await.unwrap();
        assert_eq!(recorded.len(), batch.len());
        if self.dice.below(5) == 0 {
            let again = self.stage.store().record(self.now, &batch).await.unwrap();
            assert!(again.iter().all(|recorded| *recorded == Recorded::Stale), "a second time all is stale");
        }
    }

    fn lose(&mut self) {
        if !self.held.is_empty() {
            self.held.swap_remove(self.dice.pick(self.held.len()));
        }
    }

    /// Every monitor's slots add up, over its whole life and over any part of it.
    async fn audit(&mut self) {
        let life = u64::try_from(self.now.as_micros() - T0.as_micros()).unwrap() + 1;
        let edge = |micros: u64| Timestamp::from_micros(T0.as_micros() + i64::try_from(micros).unwrap());
        let (a, b) = (edge(self.dice.below(life)), edge(self.dice.below(life)));
        let part = Window::new(a.min(b), a.max(b)).unwrap();
        for specimen in &self.monitors {
            for window in [era(), part] {
                let account = self.stage.account_of(specimen.id(), window, self.now).await;
                assert_eq!(account.unaccounted, 0, "{window:?} at {:?}: {account:?}", self.now);
            }
            let spent = uptime(&self.stage.time_facts(specimen.id(), part).await, part, self.now);
            assert_eq!(spent.total(), part.length());
            let spans = self.stage.spans(specimen.id()).await;
            assert!(spans.windows(2).all(|pair| pair[0].to == Some(pair[1].from)), "spans have no holes: {spans:?}");
            assert!(spans.last().is_some_and(|span| span.to.is_none()), "the last span lasts: {spans:?}");
        }
    }

    /// Pauses everything: then nothing is open, and the log holds what the account says.
    async fn finish(mut self) {
        let mut seen = SlotAccount::default();
        for specimen in self.monitors.clone() {
            self.stage.pause(&specimen.monitor, self.now).await;
        }
        self.now = self.now.plus(seconds(3600));
        self.stage.assert_nothing_due(self.now).await;
        self.audit().await;
        for specimen in &self.monitors {
            let account = self.stage.account(specimen.id(), self.now).await;
            assert_eq!(account.in_flight, 0, "{account:?}");
            let log = self.stage.log(specimen.id()).await;
            let scheduled = log.iter().filter(|check| check.origin == Origin::Scheduled).count() as u64;
            assert_eq!(scheduled, account.up + account.degraded + account.down);
            assert!(log.windows(2).all(|pair| pair[0].slot > pair[1].slot), "each instant once");
            seen.up += account.up;
            seen.degraded += account.degraded;
            seen.down += account.down;
            seen.missed += account.missed;
            seen.unknown += account.unknown;
        }
        let kinds = [seen.up, seen.degraded, seen.down, seen.missed, seen.unknown];
        assert!(kinds.iter().all(|count| *count > 5), "the walk has seen everything: {seen:?}");
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014): as random as a walk needs, and the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }

    fn pick(&mut self, count: usize) -> usize {
        usize::try_from(self.below(count as u64)).unwrap()
    }
}
