//! Manual checks: made because somebody asks.

use super::Stage;
use crate::check::{Origin, Region};
use crate::port::{ManualClaim, Recorded};
use crate::schedule::Schedule;
use crate::status::Status;
use crate::testkit::fixture::{self, T0, down, seconds, up};

/// Beside the slots, which go on as if nothing had been.
pub async fn a_manual_check_is_claimed_for_the_present_instant(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    let now = m.slot(0).plus(seconds(20));
    let claim = stage.claim_manual(&m.monitor, now).await;
    assert_eq!((claim.monitor, claim.slot, claim.origin), (m.id(), now, Origin::Manual));
    assert_eq!((claim.version, claim.lease_until), (1, now.plus(seconds(12))));
    assert_ne!(stage.settle(up(&claim)).await, Recorded::Stale);
    let log = stage.log(m.id()).await;
    assert_eq!(
        log.iter().map(|check| (check.slot, check.origin)).collect::<Vec<_>>(),
        [(now, Origin::Manual), (m.slot(0), Origin::Scheduled)]
    );
    assert_eq!(stage.next_slot(&m.monitor).await, Some(m.slot(1)));
}

/// Two at the same instant, and one where a check is in the log already: each has an instant of its own.
pub async fn instants_that_are_taken_move_on_by_a_microsecond(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    let now = m.slot(0).plus(seconds(20));
    let first = stage.claim_manual(&m.monitor, now).await;
    let second = stage.claim_manual(&m.monitor, now).await;
    assert_eq!((first.slot, second.slot), (now, now.next()));
    stage.settle(up(&first)).await;
    let third = stage.claim_manual(&m.monitor, now).await;
    assert_eq!(third.slot, now.next().next());
    assert_ne!(stage.settle(up(&second)).await, Recorded::Stale);
    assert_ne!(stage.settle(up(&third)).await, Recorded::Stale);
    assert_eq!(stage.log(m.id()).await.len(), 4);
}

/// At the very instant of a slot that nobody has claimed yet, and of one that is under way, both checks are in the log.
pub async fn a_manual_check_keeps_clear_of_the_slots(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    for number in [0, 1] {
        let early = stage.claim_manual(&m.monitor, m.slot(number)).await;
        assert_eq!(early.slot, m.slot(number).next());
        let scheduled = stage.claim_one(m.slot(number)).await;
        assert_eq!(scheduled.slot, m.slot(number));
        let late = stage.claim_manual(&m.monitor, m.slot(number)).await;
        assert_eq!(late.slot, m.slot(number).next().next());
        for claim in [&scheduled, &early, &late] {
            assert_ne!(stage.settle(up(claim)).await, Recorded::Stale);
        }
    }
    assert_eq!(stage.log(m.id()).await.len(), 6);
    assert_eq!(stage.account(m.id(), m.slot(1)).await.up, 2);
}

/// Also at an opening slot off the grid, and at a grid slot that comes next only because those before it were missed.
pub async fn a_manual_check_keeps_clear_of_slots_that_are_still_to_be_claimed(stage: &Stage) {
    let workspace = stage.workspace().await;
    let monitor = fixture::monitor(stage.monitor_id(), workspace, 60, T0.next());
    let schedule = Schedule::of(monitor.id, monitor.settings.interval);
    stage.create(&monitor).await;
    let third = schedule.after(schedule.after(schedule.after(T0.next())));
    for slot in [T0.next(), third] {
        let manual = stage.claim_manual(&monitor, slot).await;
        assert_eq!(manual.slot, slot.next());
        let scheduled = stage.claim_one(slot).await;
        assert_eq!(scheduled.slot, slot);
        for claim in [&scheduled, &manual] {
            assert_ne!(stage.settle(up(claim)).await, Recorded::Stale);
        }
    }
    assert_eq!(stage.log(monitor.id).await.len(), 4);
    assert_eq!(stage.account(monitor.id, third).await.unaccounted, 0);
}

/// It speaks about the target as any other check does.
pub async fn a_manual_check_moves_the_status(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    stage.check_down(m.slot(1)).await;
    let claim = stage.claim_manual(&m.monitor, m.slot(1).plus(seconds(5))).await;
    let flip = stage.flip(down(&claim)).await.unwrap();
    assert_eq!((flip.to, flip.at, flip.settled_by), (Status::Down, m.slot(1), claim.slot));
}

/// It is an answer for the one who asks, and nothing more.
pub async fn a_manual_check_of_a_paused_monitor_is_kept_and_changes_nothing(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    let paused_at = m.slot(0).plus(seconds(10));
    stage.pause(&m.monitor, paused_at).await;
    for number in 0..3 {
        let claim = stage.claim_manual(&m.monitor, paused_at.plus(seconds(10 + number))).await;
        assert_eq!(stage.flip(down(&claim)).await, None);
    }
    assert_eq!(stage.log(m.id()).await.len(), 4);
    assert_eq!(stage.shown(&m.monitor, m.slot(5)).await, (Status::Paused, paused_at));
    assert_eq!(stage.next_slot(&m.monitor).await, None);
}

/// Whoever asked waits for the answer; nobody else would read it.
pub async fn a_manual_claim_is_not_taken_over(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    let claim = stage.claim_manual(&m.monitor, m.slot(0).plus(seconds(5))).await;
    stage.assert_nothing_due(claim.lease_until).await;
    assert_eq!(stage.claim_one(m.slot(1)).await.origin, Origin::Scheduled);
    assert!(stage.gaps(m.id()).await.is_empty(), "it is no slot, so nothing is missed");
}

/// Another workspace's monitor, a deleted one, and one that never was.
pub async fn there_is_none_of_what_is_not_there(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    let (workspace, monitor) = (m.monitor.workspace, m.id());
    let now = m.slot(0).plus(seconds(5));
    let request = ManualClaim { workspace, monitor, region: Region::default(), now, token: stage.token() };
    let foreign = ManualClaim { workspace: stage.workspace_of("eve@example.org").await, ..request.clone() };
    assert_eq!(stage.store().claim_manual(&foreign).await.unwrap(), None);
    let invented = ManualClaim { monitor: stage.monitor_id(), ..request.clone() };
    assert_eq!(stage.store().claim_manual(&invented).await.unwrap(), None);
    stage.store().delete_monitor(workspace, monitor, now).await.unwrap();
    assert_eq!(stage.store().claim_manual(&request).await.unwrap(), None);
}
