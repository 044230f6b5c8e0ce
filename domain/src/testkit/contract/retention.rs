//! What becomes of history as it ages: hours are folded into days, checks are packed, and go, and leave their sums.

use std::time::Duration;

use super::stage::{Specimen, Stage, era};
use crate::audit::SlotAccount;
use crate::check::{Check, Outcome, Region, Settled};
use crate::port::{CheckQuery, Folded, LatencyBucket, Retired};
use crate::retention::Retention;
use crate::rollup::{DAY, HOUR, day_of, hour_of};
use crate::testkit::fixture::{self, cut_off, seconds, up};
use crate::time::{Timestamp, Window};
use crate::verdict::Verdict;

/// How many slots of half an hour a life has: four days and a bit.
const SLOTS: u32 = 200;

/// Checks for a day whole, and after that packed for as long as anything.
const PACKED: [u32; 3] = [1, 400, 1_830];

fn retention([raw, packed, rollups]: [u32; 3]) -> Retention {
    Retention::new(raw, packed, rollups).unwrap()
}

impl Stage {
    /// Lets a monitor live for some days, with all that a log can hold: failures, gaps, checks by hand, a pause, another
    /// interval. Every answer takes another time. Answers the monitor and the instant after it all.
    pub async fn live_for_days(&self) -> (Specimen, Timestamp) {
        let m = self.monitor_every(1_800).await;
        for number in 0..SLOTS {
            let now = match number {
                20..30 => continue,
                120.. => m.slot(number).plus(seconds(1)),
                _ => m.slot(number),
            };
            if number == 60 {
                self.pause(&m.monitor, now).await;
                let manual = self.claim_manual(&m.monitor, now.plus(seconds(77))).await;
                self.settle(up(&manual)).await;
            }
            if number == 110 {
                self.resume(&m.monitor, now).await;
            }
            if number == 150 {
                let hourly = fixture::settings(3_600).interval;
                self.change(&m.monitor, now, |change| change.settings.interval = hourly).await;
            }
            for claim in self.claim(now).await {
                let outcome = match number % 11 {
                    10 => cut_off(&claim).outcome,
                    _ => Outcome::Checked(Box::new(observed(fixture::check(&claim, verdict(number)), number, now))),
                };
                self.settle_at(now, Settled { claim, outcome }).await;
            }
        }
        let end = m.slot(SLOTS);
        (m, end)
    }

    /// Rolls up and folds all that is over, and answers the days that were folded.
    pub async fn fold_all(&self, now: Timestamp) -> Vec<Timestamp> {
        while self.store().roll_up(now).await.unwrap().is_some() {}
        let mut days = Vec::new();
        for step in 0.. {
            assert!(step < 100, "folding ends");
            let folded = self.store().fold(2).await.unwrap();
            assert!(folded.monitor_days <= 2, "a step is bounded: {folded:?}");
            days.extend(folded.finished);
            if !folded.has_more {
                break;
            }
        }
        days
    }

    /// Lets go of all that is older than it is to be kept, and answers how many rows went one by one.
    pub async fn retire_all(&self, now: Timestamp, retention: &Retention) -> u64 {
        let mut rows = 0;
        for step in 0.. {
            assert!(step < 500, "retiring ends");
            let retired = self.store().retire(now, retention, 7).await.unwrap();
            rows += retired.rows;
            if !retired.has_more {
                break;
            }
        }
        rows
    }
}

fn verdict(number: u32) -> Verdict {
    match number {
        _ if number % 7 == 6 => Verdict::Down,
        _ if number % 5 == 4 => Verdict::Degraded,
        _ => Verdict::Up,
    }
}

fn observed(check: Check, number: u32, now: Timestamp) -> Check {
    let latency = Duration::from_micros(1_000 + u64::from(number) * u64::from(number) * 997 % 2_000_000);
    Check { latency, checked_at: now.max(check.slot), ..check }
}

/// Everything that can be asked about a monitor, over windows that begin and end with an hour.
#[derive(Debug, PartialEq)]
struct Told {
    accounts: Vec<SlotAccount>,
    latencies: Vec<Vec<LatencyBucket>>,
}

async fn told(stage: &Stage, m: &Specimen, windows: &[Window], now: Timestamp) -> Told {
    let mut told = Told { accounts: Vec::new(), latencies: Vec::new() };
    for window in windows {
        told.accounts.push(stage.account_of(m.id(), *window, now).await);
        for step in [HOUR, HOUR * 7, DAY, DAY * 3] {
            let latencies = stage.store().latencies(m.id(), &Region::default(), *window, step).await.unwrap();
            told.latencies.push(latencies);
        }
    }
    assert!(told.accounts.iter().all(|account| account.unaccounted == 0), "{:?}", told.accounts);
    told
}

/// The whole life, one whole day, parts of days, and a few hours.
fn windows(m: &Specimen) -> Vec<Window> {
    let hours = |from: u32, to: u32| {
        let start = hour_of(m.slot(0));
        Window::new(start.plus(HOUR * from), start.plus(HOUR * to)).unwrap()
    };
    let day = day_of(m.slot(0)).plus(DAY);
    vec![hours(0, 101), Window::new(day, day.plus(DAY)).unwrap(), hours(5, 47), hours(20, 23)]
}

/// The log as it is after checks of before an instant were packed.
fn packed_before(log: &[Check], instant: Timestamp) -> Vec<Check> {
    log.iter().map(|check| if check.slot < instant { check.packed() } else { check.clone() }).collect()
}

/// And not before.
pub async fn a_day_is_folded_when_all_of_its_hours_are_rolled_up(stage: &Stage) {
    assert_eq!(stage.store().fold(10).await.unwrap(), Folded::default(), "there is nothing yet");
    let (m, now) = stage.live_for_days().await;
    let first = day_of(m.slot(0));
    let midnight_has_settled = first.plus(DAY).plus(seconds(900));
    while stage.store().roll_up(midnight_has_settled.minus(seconds(1))).await.unwrap().is_some() {}
    assert_eq!(stage.store().fold(10).await.unwrap(), Folded::default(), "its last hour is not rolled up");
    assert_eq!(stage.fold_all(midnight_has_settled).await, [first]);
    assert_eq!(stage.fold_all(midnight_has_settled).await, []);
    assert_eq!(stage.fold_all(now).await, (1..4).map(|day| first.plus(DAY * day)).collect::<Vec<_>>());
}

/// Half way through as well.
pub async fn folding_changes_nothing_that_is_read(stage: &Stage) {
    let other = stage.monitor_every(43_200).await;
    let (m, now) = stage.live_for_days().await;
    let (log, windows) = (stage.log(m.id()).await, windows(&m));
    let before = told(stage, &m, &windows, now).await;
    let of_other = stage.account(other.id(), now).await;
    while stage.store().roll_up(now).await.unwrap().is_some() {}
    assert_eq!(told(stage, &m, &windows, now).await, before, "rolled up");
    for step in 0.. {
        assert!(step < 100, "folding ends");
        let folded = stage.store().fold(1).await.unwrap();
        assert_eq!(told(stage, &m, &windows, now).await, before, "after step {step}: {folded:?}");
        assert_eq!(stage.log(m.id()).await, log);
        if !folded.has_more {
            break;
        }
    }
    assert_eq!(stage.account(other.id(), now).await, of_other);
}

/// All origins and verdicts, page by page and by verdict, as the newest ones, and in accounts and latencies.
pub async fn packed_checks_read_as_what_is_left_of_them(stage: &Stage) {
    let (m, now) = stage.live_for_days().await;
    let (log, windows) = (stage.log(m.id()).await, windows(&m));
    let before = told(stage, &m, &windows, now).await;
    stage.fold_all(now).await;
    let retention = retention(PACKED);
    let retired = stage.store().retire(now, &retention, 1_000).await.unwrap();
    assert_eq!((retired.raw_from, retired.has_more), (Some(retention.raw_from(now)), false));
    let left = packed_before(&log, retention.raw_from(now));
    assert!(left.iter().filter(|check| check.evidence.is_none() && check.verdict == Verdict::Down).count() > 3);
    assert_eq!(told(stage, &m, &windows, now).await, before);
    let region = Region::default();
    for (verdict, limit) in [None, Some(Verdict::Up), Some(Verdict::Down)].iter().flat_map(|v| [(*v, 7), (*v, 500)]) {
        let query = CheckQuery { monitor: m.id(), region: region.clone(), window: era(), verdict, limit };
        let wanted: Vec<_> = left.iter().filter(|c| verdict.is_none_or(|v| c.verdict == v)).cloned().collect();
        assert_eq!(stage.read_through(query).await, wanted, "{verdict:?} in pages of {limit}");
    }
    for limit in [3, 100] {
        let newest = stage.store().recent_checks(&[m.id()], &region, limit, now).await.unwrap().remove(0);
        assert_eq!(newest, left.iter().take(limit as usize).cloned().collect::<Vec<_>>());
    }
    let part = Window::new(m.slot(3).plus(seconds(1)), m.slot(41)).unwrap();
    let query = CheckQuery { monitor: m.id(), region, window: part, verdict: None, limit: 4 };
    let wanted: Vec<_> = left.into_iter().filter(|check| part.contains(check.slot)).collect();
    assert_eq!(stage.read_through(query).await, wanted, "a part of it");
    assert_eq!(stage.store().retire(now, &retention, 1_000).await.unwrap(), Retired::default(), "a second time");
}

/// However long it has been over: what is not derived yet would be lost.
pub async fn a_day_that_is_not_folded_is_not_packed(stage: &Stage) {
    let (m, now) = stage.live_for_days().await;
    let log = stage.log(m.id()).await;
    stage.retire_all(now, &retention([1, 1, 1])).await;
    assert_eq!(stage.log(m.id()).await, log, "nothing is rolled up");
    let second_day = day_of(m.slot(0)).plus(DAY);
    stage.fold_all(second_day.plus(HOUR)).await;
    stage.retire_all(now, &retention(PACKED)).await;
    assert_eq!(stage.log(m.id()).await, packed_before(&log, second_day), "one day is folded");
}

/// The newest checks of a monitor are found however old and packed they are.
pub async fn the_newest_packed_checks_are_found_however_old(stage: &Stage) {
    let (m, now) = stage.live_for_days().await;
    stage.pause(&m.monitor, now).await;
    let log = stage.log(m.id()).await;
    let later = now.plus(DAY * 5);
    stage.fold_all(later).await;
    stage.retire_all(later, &retention(PACKED)).await;
    let region = Region::default();
    for limit in [1, 30, 100] {
        let newest = stage.store().recent_checks(&[m.id()], &region, limit, later).await.unwrap().remove(0);
        assert_eq!(newest, log.iter().take(limit as usize).map(Check::packed).collect::<Vec<_>>());
    }
}

/// First the checks, then their sums, each by whole days; the account of what is left is still whole.
pub async fn what_is_older_than_it_is_kept_goes_and_leaves_its_sums(stage: &Stage) {
    let (m, now) = stage.live_for_days().await;
    let (log, windows) = (stage.log(m.id()).await, windows(&m));
    let before = told(stage, &m, &windows, now).await;
    stage.fold_all(now).await;
    let shorter = retention([1, 2, 400]);
    assert!(stage.retire_all(now, &shorter).await > 0);
    let kept: Vec<_> = log.into_iter().filter(|check| check.slot >= shorter.packed_from(now)).collect();
    assert_eq!(stage.log(m.id()).await, packed_before(&kept, shorter.raw_from(now)));
    assert_eq!(told(stage, &m, &windows, now).await, before);

    let shortest = retention([1, 2, 3]);
    stage.retire_all(now, &shortest).await;
    let whole = windows[0];
    let known = shortest.known_part(whole, now);
    assert!(known.from() > whole.from());
    let gone = Window::new(whole.from(), known.from()).unwrap();
    let region = Region::default();
    assert_eq!(stage.store().latencies(m.id(), &region, gone, HOUR).await.unwrap(), [], "the sums went as well");
    told(stage, &m, &[known], now).await;
}

/// With everything else.
pub async fn what_is_left_of_a_deleted_monitor_is_purged(stage: &Stage) {
    let kept = stage.monitor_every(43_200).await;
    let (m, now) = stage.live_for_days().await;
    stage.fold_all(now).await;
    stage.retire_all(now, &retention(PACKED)).await;
    let log = stage.log(kept.id()).await;
    assert!(stage.store().delete_monitor(m.monitor.workspace, m.id(), now).await.unwrap());
    for step in 0.. {
        assert!(step < 500, "purging ends");
        if !stage.store().purge(now, 10).await.unwrap().has_more {
            break;
        }
    }
    stage.fold_all(now.plus(DAY * 2)).await;
    assert_eq!(stage.log(m.id()).await, []);
    assert_eq!(stage.log(kept.id()).await, log);
    assert_eq!(stage.account(kept.id(), now).await.unaccounted, 0);
}
