//! Pausing and resuming.

use super::Stage;
use crate::check::Origin;
use crate::incident::Ending;
use crate::port::Recorded;
use crate::schedule::SlotRun;
use crate::status::Status;
use crate::testkit::fixture::{down, seconds, up};
use crate::uptime::{Gap, GapOutcome, StatusSpan};

/// Nothing is due from the pause on, however long it lasts, and nothing is missed.
pub async fn a_paused_monitor_is_not_due(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    let at = m.slot(0).plus(seconds(20));
    let view = stage.pause(&m.monitor, at).await;
    assert!(!view.monitor.is_active);
    assert_eq!((view.next_slot, view.monitor.version), (None, 2));
    stage.assert_nothing_due(m.slot(1)).await;
    stage.assert_nothing_due(m.slot(100)).await;
    assert_eq!(stage.shown(&m.monitor, m.slot(100)).await, (Status::Paused, at));
    assert!(stage.gaps(m.id()).await.is_empty());
    let account = stage.account(m.id(), m.slot(100)).await;
    assert_eq!((account.due, account.up, account.in_flight, account.unaccounted), (1, 1, 0, 0));
}

/// A slot at the very instant of the pause is not due any more.
pub async fn what_was_due_and_unclaimed_is_missed(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    stage.pause(&m.monitor, m.slot(3)).await;
    let run = SlotRun { first: m.slot(1), last: m.slot(2), count: 2 };
    assert_eq!(stage.gaps(m.id()).await, [Gap { run, outcome: GapOutcome::Missed }]);
    let account = stage.account(m.id(), m.slot(9)).await;
    assert_eq!((account.due, account.up, account.missed, account.unaccounted), (3, 1, 2, 0));
}

/// It was due, so its outcome counts; it says nothing about a monitor that nobody watches.
pub async fn a_probe_under_way_is_kept_and_changes_no_status(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    let claim = stage.claim_one(m.slot(0)).await;
    let at = m.slot(0).plus(seconds(1));
    stage.pause(&m.monitor, at).await;
    let workspace = m.monitor.workspace;
    let recorded = stage.settle_at(at.plus(seconds(1)), down(&claim)).await;
    assert_eq!(recorded, Recorded::Recorded { workspace, flip: None });
    let view = stage.view(&m.monitor).await;
    assert_eq!((view.state.held, view.state.since, view.state.streak), (Status::Paused, at, None));
    let account = stage.account(m.id(), m.slot(5)).await;
    assert_eq!((account.due, account.down, account.unaccounted), (1, 1, 0));
    stage.assert_nothing_due(at.plus(seconds(20))).await;
}

/// A slot that was claimed before the pause and is never heard of again does not stay open for ever.
pub async fn a_probe_under_way_that_is_lost_is_missed(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.claim_one(m.slot(0)).await;
    stage.pause(&m.monitor, m.slot(0).plus(seconds(1))).await;
    stage.assert_nothing_due(m.slot(0).plus(seconds(30))).await;
    stage.assert_nothing_due(m.slot(2)).await;
    let account = stage.account(m.id(), m.slot(2)).await;
    assert_eq!((account.due, account.missed, account.in_flight, account.unaccounted), (1, 1, 0, 0));
    assert_eq!(stage.view(&m.monitor).await.state.held, Status::Paused);
}

/// A slot that was taken ahead of its time does not belong to the epoch that has ended before it.
pub async fn claims_ahead_are_dropped(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    let now = m.slot(1).minus(seconds(2));
    let ahead = stage.claim_ahead(now, m.slot(1), 10).await;
    stage.pause(&m.monitor, now.plus(seconds(1))).await;
    assert_eq!(stage.settle(up(&ahead[0])).await, Recorded::Stale);
    assert_eq!(stage.log(m.id()).await.len(), 1);
    assert!(stage.gaps(m.id()).await.is_empty());
    let account = stage.account(m.id(), m.slot(9)).await;
    assert_eq!((account.due, account.up, account.unaccounted), (1, 1, 0));
}

/// There is nothing left to confirm, whether its instant was still to come or had come already.
pub async fn a_waiting_confirmation_is_dropped(stage: &Stage) {
    for pause_after in [5, 15] {
        let m = stage.monitor_every(60).await;
        stage.check_up(m.slot(0)).await;
        stage.check_down(m.slot(1)).await;
        stage.pause(&m.monitor, m.slot(1).plus(seconds(pause_after))).await;
        let resumed_at = m.slot(1).plus(seconds(16));
        stage.resume(&m.monitor, resumed_at).await;
        assert_eq!(stage.check_up(resumed_at).await.origin, Origin::Scheduled);
        stage.assert_nothing_due(resumed_at.plus(seconds(10))).await;
        stage.pause(&m.monitor, resumed_at.plus(seconds(10))).await;
    }
}

/// Nobody knows whether it is over, and nobody is told.
pub async fn an_open_incident_closes_as_paused(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    let confirmed_at = stage.take_down(&m).await;
    let notices = stage.claim_notices(confirmed_at.plus(seconds(1))).await.len();
    assert_eq!(notices, 1);
    let at = confirmed_at.plus(seconds(5));
    stage.pause(&m.monitor, at).await;
    let incidents = stage.incidents().await;
    assert_eq!(incidents.iter().map(|incident| incident.ended).collect::<Vec<_>>(), [Some((at, Ending::Paused))]);
    stage.resume(&m.monitor, at.plus(seconds(60))).await;
    stage.check_up(at.plus(seconds(60))).await;
    assert_eq!(stage.incidents().await, incidents, "coming back later changes nothing about it");
    assert!(stage.claim_notices(at.plus(seconds(61))).await.iter().all(|claim| claim.notice.to == Status::Down));
}

/// What was known before the pause is not known now.
pub async fn resuming_starts_at_pending_with_a_slot_at_once(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    let (paused_at, resumed_at) = (m.slot(0).plus(seconds(20)), m.slot(10).plus(seconds(7)));
    stage.pause(&m.monitor, paused_at).await;
    let view = stage.resume(&m.monitor, resumed_at).await;
    assert_eq!((view.state.held, view.state.since), (Status::Pending, resumed_at));
    assert_eq!((view.next_slot, view.monitor.version), (Some((resumed_at, m.schedule())), 3));
    let opening = stage.check_up(resumed_at).await;
    assert_eq!((opening.slot, opening.origin), (resumed_at, Origin::Scheduled));
    assert_eq!(stage.claim_one(m.slot(11)).await.slot, m.slot(11), "and the grid is the same");
    assert_eq!(
        stage.spans(m.id()).await,
        [
            StatusSpan { status: Status::Up, from: m.slot(0), to: Some(paused_at) },
            StatusSpan { status: Status::Paused, from: paused_at, to: Some(resumed_at) },
            StatusSpan { status: Status::Up, from: resumed_at, to: None },
        ]
    );
    let account = stage.account(m.id(), m.slot(10).plus(seconds(30))).await;
    assert_eq!((account.due, account.up, account.missed, account.unaccounted), (2, 2, 0, 0));
}

/// A manual check of the paused monitor is under way where the epoch would open.
pub async fn an_opening_slot_that_is_taken_moves_on_by_a_microsecond(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    stage.pause(&m.monitor, m.slot(0).plus(seconds(1))).await;
    let at = m.slot(0).plus(seconds(5));
    let manual = stage.claim_manual(&m.monitor, at).await;
    assert_eq!(manual.slot, at);
    stage.resume(&m.monitor, at).await;
    let opening = stage.claim_one(at.plus(seconds(1))).await;
    assert_eq!((opening.slot, opening.origin), (at.next(), Origin::Scheduled));
    for claim in [&manual, &opening] {
        assert_ne!(stage.settle(up(claim)).await, Recorded::Stale);
    }
    assert_eq!(stage.log(m.id()).await.len(), 3);
    let account = stage.account(m.id(), m.slot(0).plus(seconds(30))).await;
    assert_eq!((account.due, account.up, account.unaccounted), (2, 2, 0));
}

/// However fast the changes follow upon each other, and even where the clock falls back between them.
pub async fn changes_at_the_same_instant_leave_epochs_apart(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    let at = m.slot(0);
    stage.pause(&m.monitor, at).await;
    stage.resume(&m.monitor, at).await;
    stage.pause(&m.monitor, at).await;
    stage.resume(&m.monitor, at.minus(seconds(3))).await;
    stage.pause(&m.monitor, at.plus(seconds(1))).await;
    stage.resume(&m.monitor, at.minus(seconds(3))).await;
    let epochs = stage.time_facts(m.id(), super::stage::era()).await.epochs;
    for pair in epochs.windows(2) {
        assert!(pair[0].ended_at.is_some_and(|end| pair[0].began_at < end && end <= pair[1].began_at), "{epochs:?}");
    }
    let last = stage.claim_one(at.plus(seconds(2))).await;
    assert_ne!(stage.settle(up(&last)).await, Recorded::Stale);
    assert_eq!(stage.view(&m.monitor).await.state.held, Status::Up);
    assert_eq!(stage.account(m.id(), at.plus(seconds(2))).await.unaccounted, 0);
}
