//! Slots: what is due, to whom it is given, and what becomes of what was not.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::Stage;
use super::stage::{Step, at_once};
use crate::check::{Claim, Origin, Region};
use crate::id::MonitorId;
use crate::port::{ClaimRequest, ClaimedWork, Recorded};
use crate::schedule::{Schedule, SlotRun};
use crate::testkit::fixture::{self, T0, seconds, up};
use crate::time::Timestamp;
use crate::uptime::{Gap, GapOutcome};

/// A monitor that has just been made is checked at once.
pub async fn the_opening_slot_is_due_at_once(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.assert_nothing_due(Timestamp::from_micros(m.slot(0).as_micros() - 1)).await;
    let claim = stage.claim_one(m.slot(0)).await;
    assert_eq!((claim.monitor, claim.slot, claim.origin), (m.id(), m.slot(0), Origin::Scheduled));
    assert_eq!((claim.region, claim.start_before), (Region::default(), m.slot(1)));
}

/// The second slot is the first grid slot that is at least half an interval away from the opening one.
pub async fn the_grid_follows_from_half_an_interval_later(stage: &Stage) {
    let workspace = stage.workspace().await;
    for micros in [1, 29_999_999, 30_000_000, 30_000_001, 59_999_999] {
        let id = stage.monitor_id();
        let schedule = Schedule::of(id, fixture::settings(60).interval);
        let opening = Timestamp::from_micros(schedule.at_or_after(T0).as_micros() + micros);
        let monitor = fixture::monitor(id, workspace, 60, opening);
        stage.create(&monitor).await;
        let claim = stage.claim_one(opening).await;
        let half_later = opening.plus(seconds(30));
        assert_eq!(claim.start_before, schedule.at_or_after(half_later), "{micros} us after a grid slot");
        assert_eq!(stage.next_slot(&monitor).await, Some(claim.start_before));
        stage.settle(up(&claim)).await;
        stage.pause(&monitor, opening.plus(seconds(1))).await;
    }
}

/// Whoever comes second gets nothing.
pub async fn a_slot_is_given_once(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.claim_one(m.slot(0)).await;
    stage.assert_nothing_due(m.slot(0)).await;
    stage.assert_nothing_due(m.slot(0).plus(seconds(5))).await;
}

/// Eight claimers at once get all that is due between them, and nothing twice.
pub async fn claimers_at_once_share_the_slots_between_them(stage: &Stage) {
    let mut expected = HashSet::new();
    for _ in 0..40 {
        expected.insert(stage.monitor_every(60).await.id());
    }
    let now = T0.plus(seconds(60)).minus(Duration::from_micros(1));
    let claimers = (0..8).map(|_| Box::pin(stage.claim_some(now, 10)) as Step<'_, Vec<Claim>>).collect();
    let claims: Vec<_> = at_once(claimers).await.into_iter().flatten().collect();
    let mut given: HashSet<_> = claims.iter().map(|claim| claim.monitor).collect();
    assert_eq!(given.len(), claims.len(), "no slot is given twice");
    let mut rest = stage.claim(now).await;
    rest.retain(|claim| !given.insert(claim.monitor));
    assert!(rest.is_empty(), "no slot is given twice");
    assert_eq!(given, expected, "every slot is given");
}

/// The next slot is where the grid has it, however late the one before was taken.
pub async fn a_late_claim_does_not_shift_the_next_slot(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    let claim = stage.claim_one(m.slot(0).plus(seconds(50))).await;
    assert_eq!((claim.slot, claim.start_before), (m.slot(0), m.slot(1)));
    stage.settle_at(m.slot(0).plus(seconds(51)), up(&claim)).await;
    assert_eq!(stage.claim_one(m.slot(1)).await.slot, m.slot(1));
}

/// A slot may start until the next one. The newest that may is given; the others are a gap.
pub async fn slots_that_can_no_longer_start_are_missed(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    let ClaimedWork { claims, missed } = stage.claim_work(m.slot(4).plus(seconds(10))).await;
    let given: Vec<_> = claims.iter().map(|claim| (claim.slot, claim.start_before)).collect();
    assert_eq!((given, missed), (vec![(m.slot(4), m.slot(5))], 3));
    let run = SlotRun { first: m.slot(1), last: m.slot(3), count: 3 };
    assert_eq!(stage.gaps(m.id()).await, [Gap { run, outcome: GapOutcome::Missed }]);
    assert_eq!(stage.view(&m.monitor).await.state.silence.map(|silence| silence.count), Some(3));
}

/// Who waits for the instant themselves may take a slot a little before it.
pub async fn a_slot_ahead_is_given_within_the_horizon(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    let now = m.slot(1).minus(seconds(2));
    assert!(stage.claim_ahead(now, now.plus(seconds(1)), 10).await.is_empty());
    let claims = stage.claim_ahead(now, m.slot(1), 10).await;
    assert_eq!(claims.iter().map(|claim| claim.slot).collect::<Vec<_>>(), [m.slot(1)]);
    assert_eq!(claims[0].lease_until, m.slot(1).plus(seconds(12)), "the lease counts from the slot");
    stage.assert_nothing_due(m.slot(1)).await;
}

/// Reading ahead takes nothing: the claims after it are those that would have been without it.
pub async fn reading_ahead_takes_nothing(stage: &Stage) {
    let (m, changed) = (stage.monitor_every(60).await, stage.monitor_every(60).await);
    for specimen in [&m, &changed] {
        stage.check_up(specimen.slot(0)).await;
    }
    stage.store().read_ahead(&Region::default(), m.slot(3)).await.unwrap();
    assert_eq!(stage.next_slot(&m.monitor).await, Some(m.slot(1)));
    let view = stage
        .change(&changed.monitor, changed.slot(0).plus(seconds(1)), |change| {
            change.settings.timeout = crate::monitor::Timeout::from_secs(3)
        })
        .await;
    let claims = stage.claim(m.slot(1).max(changed.slot(1))).await;
    let mut given: Vec<_> = claims.iter().map(|claim| (claim.monitor, claim.slot, claim.version)).collect();
    let mut expected = vec![(m.id(), m.slot(1), 1), (changed.id(), changed.slot(1), view.monitor.version)];
    given.sort();
    expected.sort();
    assert_eq!(given, expected, "what has changed since it was read counts");
}

/// A clock that falls behind gives nothing anew.
pub async fn the_next_slot_never_moves_back_with_the_clock(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    stage.check_up(m.slot(5)).await;
    for now in [m.slot(0), m.slot(2), m.slot(5)] {
        stage.assert_nothing_due(now).await;
        assert_eq!(stage.next_slot(&m.monitor).await, Some(m.slot(6)));
    }
    assert_eq!(stage.claim_one(m.slot(6)).await.slot, m.slot(6));
}

/// A claimer with little room gets what has waited longest.
pub async fn the_limit_is_kept_and_the_longest_due_come_first(stage: &Stage) {
    let mut waiting = Vec::new();
    for _ in 0..6 {
        let m = stage.monitor_every(60).await;
        waiting.push((m.slot(0), m.id()));
    }
    waiting.sort();
    let now = T0.plus(seconds(60));
    for expected in waiting.chunks(2) {
        let claims = stage.claim_some(now, 2).await;
        let mut given: Vec<_> = claims.iter().map(|claim| (claim.slot, claim.monitor)).collect();
        given.sort();
        assert_eq!(given, expected);
    }
    stage.assert_nothing_due(now).await;
}

/// So many are overdue at once that a store may seat them in cohorts before they have been claimed: each is given its newest
/// slot that may start, and misses those before.
pub async fn a_crowd_that_is_overdue_is_given_slot_by_slot(stage: &Stage) {
    const CROWD: u32 = 2_100;
    let now = T0.plus(seconds(215));
    let mut expected = HashMap::new();
    let mut specimens = Vec::new();
    for _ in 0..CROWD {
        let m = stage.monitor_every(60).await;
        let newest = (0..4).rev().find(|number| m.slot(*number) <= now).unwrap();
        expected.insert(m.id(), (newest, m.slot(newest), m.slot(newest + 1)));
        specimens.push(m);
    }
    let (mut given, mut missed) = (HashMap::new(), 0);
    for limit in std::iter::once(50).chain([500; 20]) {
        let ClaimedWork { claims, missed: more } = stage.store().claim(&stage.request(now, now, limit)).await.unwrap();
        missed += more;
        for claim in &claims {
            let before = given.insert(claim.monitor, (claim.slot, claim.start_before));
            assert_eq!(before, None, "no monitor is given twice");
        }
        let results: Vec<_> = claims.iter().map(up).collect();
        let recorded = stage.store().record(now, &results).await.unwrap();
        assert!(recorded.iter().all(|recorded| matches!(recorded, Recorded::Recorded { .. })));
    }
    let newest = |(monitor, (_, slot, next)): (&MonitorId, &(u32, Timestamp, Timestamp))| (*monitor, (*slot, *next));
    assert!(given == expected.iter().map(newest).collect(), "each is given its newest slot");
    assert_eq!(missed, expected.values().map(|(before, ..)| u64::from(*before)).sum::<u64>());
    for m in specimens.iter().step_by(300) {
        let account = stage.account(m.id(), now).await;
        let missed = u64::from(expected[&m.id()].0);
        let counted = (account.up, account.missed, account.unaccounted, account.in_flight);
        assert_eq!(counted, (1, missed, 0, 0), "{account:?}");
    }
    let later = now.plus(seconds(60));
    let mut again = HashSet::new();
    for _ in 0..20 {
        for claim in stage.claim_some(later, 500).await {
            assert_eq!(claim.slot, expected[&claim.monitor].2, "the slot after it");
            assert!(again.insert(claim.monitor), "no slot is given twice");
        }
    }
    assert_eq!(again.len(), CROWD as usize);
}

/// What is checked from one region is not given to another.
pub async fn another_region_gets_nothing(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    let region = Region::parse("elsewhere").unwrap();
    let request = ClaimRequest { region, now: m.slot(0), horizon: m.slot(0), limit: 10, token: stage.token() };
    assert!(stage.store().claim(&request).await.unwrap().claims.is_empty());
    stage.claim_one(m.slot(0)).await;
    let later = ClaimRequest { now: m.slot(0).plus(seconds(30)), token: stage.token(), ..request };
    assert!(stage.store().claim(&later).await.unwrap().claims.is_empty(), "nor is it taken over from there");
}

/// Those who keep settings see from the claim whether theirs are the newest.
pub async fn a_claim_carries_the_version_of_the_settings(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    assert_eq!(stage.check_up(m.slot(0)).await.version, 1);
    let view = stage
        .change(&m.monitor, m.slot(0).plus(seconds(1)), |change| {
            change.settings.timeout = crate::monitor::Timeout::from_secs(3)
        })
        .await;
    assert_eq!(view.monitor.version, 2);
    assert_eq!(stage.claim_one(m.slot(1)).await.version, 2);
}
