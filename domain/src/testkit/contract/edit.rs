//! Editing a monitor.

use super::Stage;
use super::stage::era;
use crate::monitor::{Interval, MonitorName, Timeout};
use crate::port::{Change, Recorded, RepoError};
use crate::schedule::{Schedule, SlotRun};
use crate::status::Status;
use crate::testkit::fixture::{self, down, seconds, up};
use crate::uptime::{Gap, GapOutcome, StatusSpan};

/// It is checked at once, and then on the new grid. What is known stays known.
pub async fn a_changed_interval_opens_an_epoch_and_keeps_the_status(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    let at = m.slot(0).plus(seconds(40));
    let interval = Interval::from_secs(300).unwrap();
    let view = stage.change(&m.monitor, at, |change| change.settings.interval = interval).await;
    let grid = Schedule::of(m.id(), interval);
    assert_eq!((view.next_slot, view.monitor.version), (Some((at, grid)), 2));
    assert_eq!((view.state.held, view.state.since), (Status::Up, m.slot(0)));
    assert_eq!(view.monitor.settings.interval, interval);
    let opening = stage.check_up(at).await;
    assert_eq!((opening.slot, opening.start_before), (at, grid.after(at)));
    assert_eq!(stage.next_slot(&m.monitor).await, Some(grid.after(at)));
    assert_eq!(stage.spans(m.id()).await, [StatusSpan { status: Status::Up, from: m.slot(0), to: None }]);
    let epochs = stage.time_facts(m.id(), era()).await.epochs;
    assert_eq!(
        epochs.iter().map(|epoch| (epoch.began_at, epoch.ended_at)).collect::<Vec<_>>(),
        [(m.slot(0), Some(at)), (at, None)]
    );
    assert_eq!((epochs[0].schedule, epochs[1].schedule), (m.schedule(), grid));
}

/// It is the same target: a failure before the change and one after it are two in a row.
pub async fn a_changed_interval_keeps_the_streak(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    stage.check_down(m.slot(1)).await;
    let at = m.slot(1).plus(seconds(5));
    let interval = Interval::from_secs(120).unwrap();
    let view = stage.change(&m.monitor, at, |change| change.settings.interval = interval).await;
    assert_eq!(view.state.streak.map(|streak| (streak.since, streak.count)), Some((m.slot(1), 1)));
    let opening = stage.claim_one(at).await;
    let flip = stage.flip(down(&opening)).await.unwrap();
    assert_eq!((flip.to, flip.at, flip.settled_by), (Status::Down, m.slot(1), at));
}

/// What spoke for a change spoke of another target: one failure of the new one is the first.
pub async fn a_changed_target_opens_an_epoch_and_resets_the_streak(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    stage.check_down(m.slot(1)).await;
    let at = m.slot(1).plus(seconds(5));
    let target = fixture::target("https://example.org/elsewhere");
    let view = stage.change(&m.monitor, at, |change| change.settings.target = target.clone()).await;
    assert_eq!((view.state.held, view.state.streak), (Status::Up, None));
    assert_eq!(view.monitor.settings.target, target);
    let opening = stage.claim_one(at).await;
    assert_eq!(opening.slot, at, "the waiting confirmation of the old target is gone");
    assert_eq!(stage.flip(down(&opening)).await, None);
    let flip = loop {
        let claim = stage.claim_one(at.plus(seconds(12))).await;
        if let Some(flip) = stage.flip(down(&claim)).await {
            break flip;
        }
    };
    assert_eq!((flip.to, flip.at), (Status::Down, at));
}

/// The old epoch is settled to its end, and results of its slots change no status any more.
pub async fn an_edit_misses_what_was_due_and_keeps_what_is_under_way(stage: &Stage) {
    let m = stage.monitor_with(|settings| settings.timeout = Timeout::from_secs(60)).await;
    stage.check_up(m.slot(0)).await;
    let under_way = stage.claim_one(m.slot(1)).await;
    let at = m.slot(3).plus(seconds(30));
    stage.change(&m.monitor, at, |change| change.settings.target = fixture::target("https://example.org/b")).await;
    let workspace = m.monitor.workspace;
    let recorded = stage.settle_at(at.plus(seconds(1)), down(&under_way)).await;
    assert_eq!(recorded, Recorded::Recorded { workspace, flip: None });
    assert_eq!(stage.view(&m.monitor).await.state.streak, None);
    let run = SlotRun { first: m.slot(2), last: m.slot(3), count: 2 };
    assert_eq!(stage.gaps(m.id()).await, [Gap { run, outcome: GapOutcome::Missed }]);
    stage.check_up(at.plus(seconds(2))).await;
    let account = stage.account(m.id(), at.plus(seconds(3))).await;
    assert_eq!((account.due, account.up, account.down, account.missed, account.unaccounted), (5, 2, 1, 2, 0));
}

/// A name is for people.
pub async fn a_changed_name_leaves_schedule_and_state_alone(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    stage.check_down(m.slot(1)).await;
    let before = stage.view(&m.monitor).await;
    let name = MonitorName::parse("The shop “front” ✓").unwrap();
    let at = m.slot(1).plus(seconds(5));
    let after = stage.change(&m.monitor, at, |change| change.settings.name = name.clone()).await;
    assert_eq!((after.state, after.next_slot), (before.state, before.next_slot));
    assert_eq!((&after.monitor.settings.name, after.monitor.version), (&name, 2));
    assert_eq!(stage.view(&m.monitor).await, after);
    assert_eq!(stage.time_facts(m.id(), era()).await.epochs.len(), 1);
    let confirmation = stage.claim_one(m.slot(1).plus(seconds(15))).await;
    let flip = stage.flip(down(&confirmation)).await;
    assert_eq!(flip.map(|flip| flip.to), Some(Status::Down), "the confirmation that was waiting is still made");
    assert_eq!(stage.incidents().await[0].monitor_name, name.as_str());
}

/// What it was to find out was about another target: it is missed, as after a pause, and does not ask the new one.
pub async fn a_slot_of_before_the_edit_is_not_given_anew(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    let lost = stage.claim_one(m.slot(1)).await;
    let at = m.slot(1).plus(seconds(5));
    stage.change(&m.monitor, at, |change| change.settings.target = fixture::target("https://example.org/b")).await;
    assert_eq!(stage.check_up(at).await.slot, at);
    stage.assert_nothing_due(lost.lease_until).await;
    let run = SlotRun { first: m.slot(1), last: m.slot(1), count: 1 };
    assert_eq!(stage.gaps(m.id()).await, [Gap { run, outcome: GapOutcome::Missed }]);
    assert_eq!(stage.settle_at(lost.lease_until, down(&lost)).await, Recorded::Stale);
    assert_eq!(stage.view(&m.monitor).await.state.silence, None, "it is older than the last result");
    let account = stage.account(m.id(), lost.lease_until).await;
    assert_eq!((account.due, account.up, account.missed, account.in_flight, account.unaccounted), (3, 2, 1, 0, 0));
}

/// A claim under way keeps the lease it has.
pub async fn a_changed_timeout_counts_from_the_next_claim_on(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    let before = stage.claim_one(m.slot(0)).await;
    let timeout = Timeout::from_secs(30);
    stage.change(&m.monitor, m.slot(0).plus(seconds(1)), |change| change.settings.timeout = timeout).await;
    assert_ne!(stage.settle(up(&before)).await, Recorded::Stale);
    assert_eq!(stage.claim_one(m.slot(1)).await.lease_until, m.slot(1).plus(seconds(32)));
    assert_eq!(stage.time_facts(m.id(), era()).await.epochs.len(), 1);
}

/// The next epoch opens when it is resumed, with what was chosen meanwhile.
pub async fn a_change_while_paused_opens_no_epoch(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    let paused_at = m.slot(0).plus(seconds(10));
    stage.pause(&m.monitor, paused_at).await;
    let interval = Interval::from_secs(120).unwrap();
    let view = stage
        .change(&m.monitor, paused_at.plus(seconds(10)), |change| {
            change.settings.interval = interval;
            change.settings.target = fixture::target("https://example.org/later");
        })
        .await;
    assert_eq!((view.next_slot, view.state.held, view.state.since), (None, Status::Paused, paused_at));
    stage.assert_nothing_due(m.slot(5)).await;
    assert_eq!(stage.time_facts(m.id(), era()).await.epochs.len(), 1);
    let resumed_at = m.slot(6);
    let view = stage.resume(&m.monitor, resumed_at).await;
    assert_eq!(view.next_slot, Some((resumed_at, Schedule::of(m.id(), interval))));
}

/// Whoever decided upon what is no longer so is asked to look again.
pub async fn a_change_decided_upon_an_older_version_changes_nothing(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    let name = MonitorName::parse("newer").unwrap();
    stage.change(&m.monitor, m.slot(0).plus(seconds(1)), |change| change.settings.name = name).await;
    let before = stage.view(&m.monitor).await;
    let change = Change { settings: fixture::settings(300), is_active: false, version: 1 };
    let (workspace, at) = (m.monitor.workspace, m.slot(0).plus(seconds(2)));
    let refused = stage.store().change_monitor(workspace, m.id(), &change, at).await;
    assert!(matches!(refused, Err(RepoError::Stale)), "{refused:?}");
    assert_eq!(stage.view(&m.monitor).await, before);
    assert_eq!(stage.time_facts(m.id(), era()).await.epochs.len(), 1);
}

/// Another workspace's monitor, a deleted one, and one that never was.
pub async fn there_is_nothing_to_change_of_what_is_not_there(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    let (workspace, at) = (m.monitor.workspace, m.slot(0).plus(seconds(1)));
    let change = Change { settings: fixture::settings(300), is_active: true, version: 1 };
    let eve = stage.workspace_of("eve@example.org").await;
    let store = stage.store();
    assert_eq!(store.change_monitor(eve, m.id(), &change, at).await.unwrap(), None);
    assert_eq!(store.change_monitor(workspace, stage.monitor_id(), &change, at).await.unwrap(), None);
    assert_eq!(stage.view(&m.monitor).await.monitor, m.monitor);
    assert!(store.delete_monitor(workspace, m.id(), at).await.unwrap());
    assert_eq!(store.change_monitor(workspace, m.id(), &change, at).await.unwrap(), None);
}
