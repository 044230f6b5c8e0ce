//! What becomes of history as it ages: hours are folded into days, checks are packed, and go, and leave their sums.

use std::time::Duration;

use super::history::assert_glances;
use super::stage::{Specimen, Stage, era};
use crate::audit::SlotAccount;
use crate::check::{Check, Outcome, Region, Settled};
use crate::id::WorkspaceId;
use crate::port::{CheckQuery, Folded, Keeping, LatencyBucket, MonitorKeeping, Retired};
use crate::retention::{Left, OwnRetention, Retention};
use crate::rollup::{DAY, HOUR, day_of, hour_of};
use crate::testkit::fixture::{self, T0, cut_off, seconds, up};
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

pub(super) fn verdict(number: u32) -> Verdict {
    match number {
        _ if number % 7 == 6 => Verdict::Down,
        _ if number % 5 == 4 => Verdict::Degraded,
        _ => Verdict::Up,
    }
}

pub(super) fn observed(check: Check, number: u32, now: Timestamp) -> Check {
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
    assert_eq!((retired.raw_from, retired.has_more), (Some(retention.left(now).raw_from), false));
    let left = packed_before(&log, retention.left(now).raw_from);
    assert!(left.iter().filter(|check| check.evidence.is_none() && check.verdict == Verdict::Down).count() > 3);
    assert_eq!(told(stage, &m, &windows, now).await, before);
    let region = Region::default();
    for (verdict, limit) in [None, Some(Verdict::Up), Some(Verdict::Down)].iter().flat_map(|v| [(*v, 7), (*v, 500)]) {
        let query = CheckQuery { monitor: m.id(), region: region.clone(), window: era(), verdict, limit };
        let wanted: Vec<_> = left.iter().filter(|c| verdict.is_none_or(|v| c.verdict == v)).cloned().collect();
        assert_eq!(stage.read_through(query).await, wanted, "{verdict:?} in pages of {limit}");
    }
    for limit in [3, 100] {
        let newest = stage.recent(&[m.id()], limit, now).await.remove(0);
        assert_eq!(newest, left.iter().take(limit as usize).cloned().collect::<Vec<_>>());
    }
    for from in [m.slot(0), retention.left(now).raw_from, now.next()] {
        assert_glances(stage, &m, from, now).await;
        assert_glances(stage, &m, from.min(m.slot(41)), m.slot(41)).await;
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
    for limit in [1, 30, 100] {
        let newest = stage.recent(&[m.id()], limit, later).await.remove(0);
        assert_eq!(newest, log.iter().take(limit as usize).map(Check::packed).collect::<Vec<_>>());
    }
}

/// First the checks, then their sums, each by whole days; the account of what is left is still whole.
pub async fn what_is_older_than_it_is_kept_goes_and_leaves_its_sums(stage: &Stage) {
    let (m, now) = stage.live_for_days().await;
    let (log, windows) = (stage.log(m.id()).await, windows(&m));
    let before = told(stage, &m, &windows, now).await;
    let oldest = |from: Timestamp| log.iter().map(|check| check.slot).filter(|slot| *slot >= from).min();
    stage.fold_all(now).await;
    assert_eq!(stage.store().arrears().await.unwrap().whole_since, oldest(Timestamp::EPOCH));
    let shorter = retention([1, 2, 400]);
    assert!(stage.retire_all(now, &shorter).await > 0);
    let whole_since = stage.store().arrears().await.unwrap().whole_since;
    assert_eq!((whole_since, whole_since.is_some()), (oldest(shorter.left(now).raw_from), true));
    let kept: Vec<_> = log.into_iter().filter(|check| check.slot >= shorter.left(now).packed_from).collect();
    assert_eq!(stage.log(m.id()).await, packed_before(&kept, shorter.left(now).raw_from));
    assert_eq!(told(stage, &m, &windows, now).await, before);

    let shortest = retention([1, 2, 3]);
    stage.retire_all(now, &shortest).await;
    let whole = windows[0];
    let known = shortest.left(now).known_part(whole);
    assert!(known.from() > whole.from());
    let gone = Window::new(whole.from(), known.from()).unwrap();
    let region = Region::default();
    assert_eq!(stage.store().latencies(m.id(), &region, gone, HOUR).await.unwrap(), [], "the sums went as well");
    told(stage, &m, &[known], now).await;
}

/// However long nothing was checked, what is checked afterwards ages as all else.
pub async fn a_long_time_without_checks_is_passed_over(stage: &Stage) {
    let (m, now) = stage.live_for_days().await;
    stage.fold_all(now).await;
    stage.pause(&m.monitor, now).await;
    let later = now.plus(DAY * 12);
    let manual = stage.claim_manual(&m.monitor, later).await;
    stage.settle(up(&manual)).await;
    let end = later.plus(DAY * 2);
    let whole = [Window::new(hour_of(m.slot(0)), hour_of(end)).unwrap()];
    let (log, before) = (stage.log(m.id()).await, told(stage, &m, &whole, end).await);
    let days = stage.fold_all(end).await;
    assert!(days.contains(&day_of(later)), "{days:?}");
    assert_eq!(stage.store().arrears().await.unwrap().folded_to, Some(day_of(end)));
    stage.retire_all(end, &retention(PACKED)).await;
    assert_eq!(told(stage, &m, &whole, end).await, before);
    assert_eq!(stage.log(m.id()).await, packed_before(&log, day_of(end).minus(DAY)));
}

/// A workspace that asks for less, beside one that does not.
pub async fn a_workspace_keeps_its_own_history_for_less(stage: &Stage) {
    let neighbour = stage.workspace_of("bea@example.org").await;
    let kept = fixture::monitor(stage.monitor_id(), neighbour, 1_800, T0);
    stage.create(&kept).await;
    let (m, now) = stage.live_for_days().await;
    let (log, of_neighbour, windows) = (stage.log(m.id()).await, stage.log(kept.id).await, windows(&m));
    let before = told(stage, &m, &windows, now).await;
    stage.fold_all(now).await;
    let (operators, own) = (retention(PACKED), OwnRetention::new(None, Some(2), None).unwrap());
    let keeping = stage.store().keep_for(m.monitor.workspace, own, Left::ALL).await.unwrap();
    assert_eq!(keeping, Some(Keeping { own, left: Left::ALL }));

    assert!(stage.retire_all(now, &operators).await > 0);
    let left = own.within(&operators).left(now);
    assert_eq!(stage.log(m.id()).await, log.into_iter().filter_map(|check| left.of(check)).collect::<Vec<_>>());
    assert_eq!(told(stage, &m, &windows, now).await, before, "the sums are still there");
    let packed = packed_before(&of_neighbour, operators.left(now).raw_from);
    assert_eq!(stage.log(kept.id).await, packed, "the neighbour asks for nothing");
    let kept_by = stage.store().keeping(m.monitor.workspace).await.unwrap().unwrap();
    assert_eq!((kept_by.own, kept_by.left), (own, left));
    assert_eq!(stage.store().retire(now, &operators, 1_000).await.unwrap(), Retired::default(), "a second time");

    let own = OwnRetention::new(None, Some(2), Some(3)).unwrap();
    stage.store().keep_for(m.monitor.workspace, own, left).await.unwrap();
    stage.retire_all(now, &operators).await;
    let left = own.within(&operators).left(now);
    let gone = Window::new(windows[0].from(), left.rollups_from).unwrap();
    let region = Region::default();
    assert_eq!(stage.store().latencies(m.id(), &region, gone, HOUR).await.unwrap(), [], "now they went as well");
    told(stage, &m, &[left.known_part(windows[0])], now).await;
    assert_ne!(stage.store().latencies(kept.id, &region, gone, HOUR).await.unwrap(), []);
}

/// Where others still have their checks whole.
pub async fn the_evidence_of_a_workspace_goes_before_its_checks_are_packed(stage: &Stage) {
    let (m, now) = stage.live_for_days().await;
    let log = stage.log(m.id()).await;
    stage.fold_all(now).await;
    let (operators, own) = (retention([3, 400, 1_830]), OwnRetention::new(Some(1), None, None).unwrap());
    stage.store().keep_for(m.monitor.workspace, own, Left::ALL).await.unwrap();
    assert!(stage.retire_all(now, &operators).await > 3);
    let (own, operators) = (own.within(&operators).left(now), operators.left(now));
    let expected = packed_before(&log, operators.raw_from).into_iter().map(|check| match check.slot < own.raw_from {
        true => Check { evidence: None, ..check },
        false => check,
    });
    assert_eq!(stage.log(m.id()).await, expected.collect::<Vec<_>>());
}

/// Neither what was let go of nor what was hidden until now.
pub async fn what_a_workspace_let_go_of_does_not_come_back(stage: &Stage) {
    let (m, now) = stage.live_for_days().await;
    stage.fold_all(now).await;
    let workspace = m.monitor.workspace;
    let (operators, longer) = (retention([1, 2, 3]), retention([7, 400, 1_830]));
    stage.retire_all(now, &operators).await;
    stage.retire_all(now, &longer).await;
    let keeping = stage.store().keeping(workspace).await.unwrap().unwrap();
    assert_eq!(keeping, Keeping { own: OwnRetention::default(), left: operators.left(now) });
    let of_monitor = MonitorKeeping { created_at: m.monitor.created_at, keeping };
    assert_eq!(stage.store().keeping_of(workspace, m.id()).await.unwrap(), Some(of_monitor));

    let hidden = Left { packed_from: now, ..Left::ALL };
    let keeping = stage.store().keep_for(workspace, OwnRetention::default(), hidden).await.unwrap().unwrap();
    assert_eq!(keeping.left, Left { packed_from: now, ..operators.left(now) });
    let of_monitor = stage.store().keeping_of(workspace, m.id()).await.unwrap();
    assert_eq!(of_monitor.map(|of_monitor| of_monitor.keeping), Some(keeping));
    assert_eq!(stage.store().keep_for(workspace, keeping.own, Left::ALL).await.unwrap(), Some(keeping));
}

/// And others do not come into being by it; nor does it keep anything of another's monitors, or of one that is deleted.
pub async fn a_workspace_that_is_not_there_keeps_nothing(stage: &Stage) {
    let nobody = WorkspaceId::new(stage.monitor_id().uuid());
    let m = stage.monitor_every(60).await;
    let workspace = m.monitor.workspace;
    assert_eq!(stage.store().keeping_of(nobody, m.id()).await.unwrap(), None);
    assert_eq!(stage.store().keeping_of(workspace, stage.monitor_id()).await.unwrap(), None);
    assert!(stage.store().keeping_of(workspace, m.id()).await.unwrap().is_some());
    assert!(stage.store().delete_monitor(workspace, m.id(), m.slot(0)).await.unwrap());
    assert_eq!(stage.store().keeping_of(workspace, m.id()).await.unwrap(), None);
    let own = OwnRetention::new(Some(1), None, None).unwrap();
    assert_eq!(stage.store().keeping(nobody).await.unwrap(), None);
    assert_eq!(stage.store().keep_for(nobody, own, Left::ALL).await.unwrap(), None);
    assert_eq!(stage.store().keeping(nobody).await.unwrap(), None);
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
