//! Deleting a monitor, and what is left to do afterwards.

use super::Stage;
use crate::port::Recorded;
use crate::testkit::fixture::{seconds, up};

/// At once and for everybody.
pub async fn a_deleted_monitor_is_hidden_and_not_due(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    let (workspace, store) = (m.monitor.workspace, stage.store());
    let at = m.slot(0).plus(seconds(1));
    let eve = stage.workspace_of("eve@example.org").await;
    assert!(!store.delete_monitor(eve, m.id(), at).await.unwrap(), "it is not hers");
    stage.check_up(m.slot(0)).await;
    assert!(store.delete_monitor(workspace, m.id(), at).await.unwrap());
    assert_eq!(store.monitor(workspace, m.id()).await.unwrap(), None);
    assert_eq!(store.monitors(workspace, None, 10).await.unwrap(), []);
    assert_eq!(store.monitors_by_id(&[m.id()]).await.unwrap(), []);
    stage.assert_nothing_due(m.slot(1)).await;
    assert!(!store.delete_monitor(workspace, m.id(), at).await.unwrap(), "it is gone already");
}

/// Slots, confirmations that wait, and manual checks alike.
pub async fn results_under_way_are_stale(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    let scheduled = stage.claim_one(m.slot(0)).await;
    let manual = stage.claim_manual(&m.monitor, m.slot(0).plus(seconds(1))).await;
    let at = m.slot(0).plus(seconds(2));
    assert!(stage.store().delete_monitor(m.monitor.workspace, m.id(), at).await.unwrap());
    let results = [up(&scheduled), up(&manual)];
    assert_eq!(stage.store().record(at, &results).await.unwrap(), [Recorded::Stale, Recorded::Stale]);
    stage.assert_nothing_due(scheduled.lease_until).await;
}

/// Its incidents go with it, and the one that was open has ended.
pub async fn an_incident_of_a_deleted_monitor_is_hidden(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    let confirmed_at = stage.take_down(&m).await;
    let incident = stage.incidents().await.remove(0);
    let workspace = m.monitor.workspace;
    assert!(stage.store().delete_monitor(workspace, m.id(), confirmed_at.plus(seconds(1))).await.unwrap());
    assert_eq!(stage.incidents().await, []);
    assert_eq!(stage.store().incident(workspace, incident.id).await.unwrap(), None);
}

/// However much there is of it, one step is short.
pub async fn history_is_purged_in_bounded_steps(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    for number in 0..20 {
        stage.check_up(m.slot(number)).await;
    }
    let outage = stage.claim_one(m.slot(30)).await;
    stage.settle(up(&outage)).await;
    let now = m.slot(30).plus(seconds(1));
    let idle = stage.store().purge(now, 4).await.unwrap();
    assert_eq!((idle.history_rows, idle.has_more), (0, false), "nobody has deleted anything");
    assert!(stage.store().delete_monitor(m.monitor.workspace, m.id(), now).await.unwrap());
    let mut removed = 0;
    for step in 0.. {
        assert!(step < 100, "purging ends");
        let purged = stage.store().purge(now, 4).await.unwrap();
        assert!(purged.history_rows <= 4, "a step is bounded: {purged:?}");
        removed += purged.history_rows;
        if !purged.has_more {
            break;
        }
    }
    assert!(removed > 0);
    assert_eq!(stage.store().purge(now, 4).await.unwrap().history_rows, 0);
    assert_eq!(stage.gaps(m.id()).await, []);
}

/// What is purged belongs to the deleted one alone.
pub async fn another_monitor_keeps_its_history(stage: &Stage) {
    let (kept, gone) = (stage.monitor_every(60).await, stage.monitor_every(60).await);
    let now = kept.slot(3).max(gone.slot(3));
    for claim in stage.claim(now).await {
        stage.settle_at(now, up(&claim)).await;
    }
    let before = (stage.log(kept.id()).await, stage.gaps(kept.id()).await, stage.spans(kept.id()).await);
    assert!(stage.store().delete_monitor(gone.monitor.workspace, gone.id(), now).await.unwrap());
    for _ in 0..50 {
        stage.store().purge(now, 10).await.unwrap();
    }
    let after = (stage.log(kept.id()).await, stage.gaps(kept.id()).await, stage.spans(kept.id()).await);
    assert_eq!(after, before);
    assert_eq!(stage.account(kept.id(), now).await.unaccounted, 0);
    let recent = stage.recent(&[kept.id()], 5, now).await;
    assert_eq!(recent[0].len(), 1);
}
