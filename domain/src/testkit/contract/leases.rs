//! Leases: what becomes of work whose holder is not heard of again.

use std::collections::BTreeSet;

use super::Stage;
use crate::check::{Claim, Region};
use crate::monitor::Timeout;
use crate::port::Recorded;
use crate::schedule::SlotRun;
use crate::testkit::fixture::{down, seconds, up};
use crate::uptime::{Gap, GapOutcome};

/// The timeout is 10 s and the margin 2 s; a late start counts from its claim.
pub async fn a_lease_lasts_from_its_slot_for_the_timeout_and_a_margin(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    let on_time = stage.check_up(m.slot(0)).await;
    assert_eq!(on_time.lease_until, m.slot(0).plus(seconds(12)));
    let late = stage.claim_one(m.slot(1).plus(seconds(30))).await;
    assert_eq!(late.lease_until, m.slot(1).plus(seconds(42)));
}

/// Somebody else takes the slot over, with a token of their own; the former holder comes too late.
pub async fn a_slot_whose_lease_has_ended_is_given_anew(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    let lost = stage.claim_one(m.slot(0)).await;
    stage.assert_nothing_due(lost.lease_until.minus(seconds(1))).await;
    let taken_over = stage.claim_one(lost.lease_until).await;
    assert_eq!((taken_over.slot, taken_over.origin), (lost.slot, lost.origin));
    assert_eq!(taken_over.start_before, lost.start_before);
    assert_ne!(taken_over.token, lost.token);
    assert_eq!(taken_over.lease_until, lost.lease_until.plus(seconds(12)));
    assert_eq!(stage.settle_at(taken_over.lease_until, down(&lost)).await, Recorded::Stale);
    assert!(stage.log(m.id()).await.is_empty());
    assert_eq!(stage.view(&m.monitor).await.state.streak, None);
    assert_ne!(stage.settle(up(&taken_over)).await, Recorded::Stale);
    assert_eq!(stage.log(m.id()).await.len(), 1);
}

/// While a store is away, results are kept; they are recorded when it is back, however long that took.
pub async fn a_result_is_kept_after_its_lease_until_somebody_takes_over(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    let claim = stage.claim_one(m.slot(0)).await;
    let recorded = stage.settle_at(claim.lease_until.plus(seconds(600)), up(&claim)).await;
    assert_ne!(recorded, Recorded::Stale);
    assert_eq!(stage.log(m.id()).await.len(), 1);
}

/// When the next slot has come, nobody starts the lost one any more.
pub async fn a_lost_slot_that_may_no_longer_start_is_missed(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    let lost = stage.claim_one(m.slot(1)).await;
    let next = stage.claim_work(m.slot(2)).await;
    let given: Vec<_> = next.claims.iter().map(|claim| claim.slot).collect();
    assert_eq!((given, next.missed), (vec![m.slot(2)], 1));
    let run = SlotRun { first: m.slot(1), last: m.slot(1), count: 1 };
    assert_eq!(stage.gaps(m.id()).await, [Gap { run, outcome: GapOutcome::Missed }]);
    assert_eq!(stage.view(&m.monitor).await.state.silence.map(|silence| silence.count), Some(1));
    assert_eq!(stage.settle_at(m.slot(2), up(&lost)).await, Recorded::Stale, "it is in the record already");
    assert_eq!(stage.log(m.id()).await.len(), 1);
}

/// With a timeout as long as the interval, a slot is due while the one before is still being probed.
pub async fn a_long_lease_does_not_hold_up_the_next_slot(stage: &Stage) {
    let m = stage.monitor_with(|settings| settings.timeout = Timeout::from_secs(60)).await;
    let slow = stage.claim_one(m.slot(0)).await;
    let next = stage.claim_one(m.slot(1)).await;
    assert_eq!(next.slot, m.slot(1));
    assert_ne!(stage.settle_at(m.slot(1), up(&slow)).await, Recorded::Stale);
    assert_ne!(stage.settle(up(&next)).await, Recorded::Stale);
    assert_eq!(stage.account(m.id(), m.slot(1)).await.up, 2);
}

/// Two monitors are due at the same instants, and a claim has room for one of them while slots of both are under way.
/// Whatever a store does with the other, its slot goes on being accounted for, also when it is paused meanwhile.
pub async fn a_slot_under_way_stays_with_its_monitor_when_there_is_not_room_for_all(stage: &Stage) {
    let m = stage.monitor_with(|settings| settings.timeout = Timeout::from_secs(60)).await;
    let twin = stage.twin_of(&m).await;
    for slot in [m.slot(0), m.slot(1)] {
        for claim in stage.claim(slot).await {
            stage.settle(up(&claim)).await;
        }
    }
    let under_way = stage.claim(m.slot(2)).await;
    let mut claimed = Vec::new();
    for given in 0..=2 {
        for each in [&m, &twin] {
            let account = stage.account(each.id(), m.slot(3)).await;
            let told = (account.due, account.up, account.in_flight, account.unaccounted);
            assert_eq!(told, (2, 2, 2, 0), "{given} of two are claimed");
        }
        claimed.extend(stage.claim_some(m.slot(3), 1).await);
    }
    let of = |claims: &[Claim]| claims.iter().map(|claim| (claim.monitor, claim.slot)).collect::<BTreeSet<_>>();
    assert_eq!(of(&under_way), [(m.id(), m.slot(2)), (twin.id(), m.slot(2))].into());
    assert_eq!(of(&claimed), [(m.id(), m.slot(3)), (twin.id(), m.slot(3))].into());
    for each in [&m, &twin] {
        stage.pause(&each.monitor, m.slot(3).plus(seconds(1))).await;
    }
    let now = m.slot(3).plus(seconds(1));
    for claim in under_way.iter().chain(&claimed) {
        assert_ne!(stage.settle_at(now, up(claim)).await, Recorded::Stale);
    }
    for each in [&m, &twin] {
        let account = stage.account(each.id(), m.slot(6)).await;
        assert_eq!((account.due, account.up, account.in_flight, account.unaccounted), (4, 4, 0, 0));
    }
}

/// The one holder of a store knows at its start that nobody else holds anything.
pub async fn voided_leases_are_given_anew_at_once(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    let lost = stage.claim_one(m.slot(0)).await;
    let now = m.slot(0).plus(seconds(1));
    stage.store().void_leases(&Region::parse("elsewhere").unwrap(), now).await.unwrap();
    stage.assert_nothing_due(now).await;
    stage.store().void_leases(&Region::default(), now).await.unwrap();
    let taken_over = stage.claim_one(now).await;
    assert_eq!(taken_over.slot, lost.slot);
    assert_eq!(stage.settle_at(now, up(&lost)).await, Recorded::Stale);
}

/// After a longer stop, what was claimed before it is missed like all the rest.
pub async fn voided_leases_that_may_no_longer_start_are_missed(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.claim_one(m.slot(0)).await;
    let now = m.slot(3).plus(seconds(5));
    stage.store().void_leases(&Region::default(), now).await.unwrap();
    assert_eq!(stage.claim_one(now).await.slot, m.slot(3));
    let missed: u64 = stage.gaps(m.id()).await.iter().map(|gap| gap.run.count).sum();
    assert_eq!(missed, 3);
}
