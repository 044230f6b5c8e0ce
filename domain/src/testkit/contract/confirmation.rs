//! Confirmations: checks between the slots that settle whether a surprise is real.

use super::Stage;
use crate::check::Origin;
use crate::monitor::Timeout;
use crate::port::Recorded;
use crate::status::{Confirmation, Status};
use crate::testkit::fixture::{self, LATENCY, down, seconds, up};

/// After min(interval, 10 s), counted from when the failure was known.
pub async fn a_failure_is_confirmed_soon(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    stage.check_down(m.slot(1)).await;
    let confirmation = stage.claim_one(m.slot(1).plus(seconds(11))).await;
    assert_eq!(confirmation.origin, Origin::Confirmation);
    assert_eq!(confirmation.slot, m.slot(1).plus(LATENCY).plus(seconds(10)));
    assert_eq!(confirmation.start_before, m.slot(2));
    let flip = stage.flip(down(&confirmation)).await.unwrap();
    assert_eq!((flip.from, flip.to), (Status::Up, Status::Down));
    assert_eq!(stage.claim_one(m.slot(2)).await.slot, m.slot(2), "and the grid goes on");
}

/// It waits for its instant as a slot does.
pub async fn a_confirmation_is_given_once_and_not_before_its_instant(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    stage.check_down(m.slot(1)).await;
    let due = m.slot(1).plus(LATENCY).plus(seconds(10));
    stage.assert_nothing_due(due.minus(std::time::Duration::from_micros(1))).await;
    let ahead = stage.claim_ahead(due.minus(seconds(1)), due, 10).await;
    assert_eq!(ahead.len(), 1, "within the horizon: {ahead:?}");
    stage.assert_nothing_due(due).await;
}

/// With 10 s between the slots, the next one confirms as soon as anything else could.
pub async fn none_is_made_where_the_next_slot_comes_as_soon(stage: &Stage) {
    let m = stage.monitor_every(10).await;
    stage.check_up(m.slot(0)).await;
    stage.check_down(m.slot(1)).await;
    let next = stage.claim_one(m.slot(2)).await;
    assert_eq!((next.slot, next.origin), (m.slot(2), Origin::Scheduled));
    let flip = stage.flip(down(&next)).await.unwrap();
    assert_eq!((flip.to, flip.at, flip.settled_by), (Status::Down, m.slot(1), m.slot(2)));
    stage.assert_nothing_due(m.slot(2).plus(seconds(9))).await;
}

/// A probe that takes as long as the interval is recorded when the next slot has begun: that slot confirms, and nothing
/// else does.
pub async fn none_is_made_where_the_next_slot_has_begun(stage: &Stage) {
    let m = stage
        .monitor_with(|settings| {
            settings.clone_from(&fixture::settings(20));
            settings.timeout = Timeout::from_secs(20);
        })
        .await;
    stage.check_up(m.slot(0)).await;
    let slow = stage.claim_one(m.slot(1)).await;
    let next = stage.claim_one(m.slot(2)).await;
    stage.settle_at(m.slot(2).plus(LATENCY), down(&slow)).await;
    stage.assert_nothing_due(m.slot(2).plus(seconds(15))).await;
    let flip = stage.flip(down(&next)).await.unwrap();
    assert_eq!((flip.to, flip.at, flip.settled_by), (Status::Down, m.slot(1), m.slot(2)));
}

/// The grid goes on half an interval after an opening slot: its instants before that are no slots and confirm nothing.
pub async fn one_is_made_where_the_grid_passes_soon_after_an_opening_slot(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    stage.pause(&m.monitor, m.slot(0).plus(seconds(20))).await;
    let opening = m.slot(2).minus(seconds(5));
    stage.resume(&m.monitor, opening).await;
    stage.check_down(opening).await;
    let confirmation = stage.claim_one(opening.plus(seconds(11))).await;
    assert_eq!((confirmation.origin, confirmation.start_before), (Origin::Confirmation, m.slot(3)));
    assert_eq!(stage.flip(down(&confirmation)).await.map(|flip| flip.at), Some(opening));
    assert_eq!(stage.claim_one(m.slot(3)).await.slot, m.slot(3), "the next slot");
}

/// The slot that has come meanwhile confirms; a confirmation is no slot, so nothing is missed.
pub async fn one_that_may_no_longer_start_is_dropped(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    stage.check_down(m.slot(1)).await;
    let next = stage.claim_one(m.slot(2)).await;
    assert_eq!(next.origin, Origin::Scheduled);
    assert!(stage.gaps(m.id()).await.is_empty());
    stage.settle(up(&next)).await;
    stage.assert_nothing_due(m.slot(2).plus(seconds(30))).await;
}

/// As any other claim whose lease has ended, while it may still start.
pub async fn a_lost_one_is_given_anew(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    stage.check_down(m.slot(1)).await;
    let lost = stage.claim_one(m.slot(1).plus(seconds(11))).await;
    let again = stage.claim_one(lost.lease_until).await;
    assert_eq!((again.slot, again.origin), (lost.slot, Origin::Confirmation));
    assert_eq!(stage.settle(down(&lost)).await, Recorded::Stale);
    assert_eq!(stage.flip(down(&again)).await.map(|flip| flip.to), Some(Status::Down));
}

/// One who is careful about good news gets a confirmation of it as well.
pub async fn a_recovery_is_confirmed_where_the_policy_asks_for_it(stage: &Stage) {
    let m = stage.monitor_with(|settings| settings.confirmation = Confirmation { before_down: 0, before_up: 1 }).await;
    stage.check_down(m.slot(0)).await;
    stage.check_up(m.slot(1)).await;
    assert_eq!(stage.view(&m.monitor).await.state.held, Status::Down);
    let confirmation = stage.claim_one(m.slot(1).plus(seconds(11))).await;
    let flip = stage.flip(up(&confirmation)).await.unwrap();
    assert_eq!((flip.to, flip.at, flip.settled_by), (Status::Up, m.slot(1), confirmation.slot));
}
