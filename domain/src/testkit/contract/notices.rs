//! Notices: owed until they are delivered, or given up with a trace.

use super::Stage;
use super::stage::{Step, at_once};
use crate::incident::TimelineEvent;
use crate::notice::{Delivery, DeliveryOutcome, NOTICE_LEASE, NoticeClaim};
use crate::testkit::fixture::{LATENCY, seconds};
use crate::time::Timestamp;

/// A notice is owed from the instant that is answered.
async fn owed(stage: &Stage) -> Timestamp {
    let m = stage.monitor_every(60).await;
    stage.take_down(&m).await.plus(LATENCY)
}

async fn deliver(stage: &Stage, claim: &NoticeClaim, at: Timestamp, outcome: DeliveryOutcome) {
    let NoticeClaim { notice, attempt, token } = claim;
    let delivery = Delivery { notice: notice.id, attempt: *attempt, token: *token, at, took: LATENCY, outcome };
    stage.store().record_deliveries(&[delivery]).await.unwrap();
}

fn failed(retry_at: Option<Timestamp>) -> DeliveryOutcome {
    DeliveryOutcome::Failed { error: "the “receiver” is away".into(), retry_at }
}

async fn claim_one(stage: &Stage, now: Timestamp) -> NoticeClaim {
    let mut claims = stage.claim_notices(now).await;
    assert_eq!(claims.len(), 1, "one notice is due");
    claims.remove(0)
}

/// To one claimer only while the lease lasts, and then anew: whoever held it may have crashed.
pub async fn a_notice_is_given_anew_when_its_lease_ends(stage: &Stage) {
    let now = owed(stage).await;
    let lost = claim_one(stage, now).await;
    assert_eq!(lost.attempt, 1);
    assert_eq!(stage.claim_notices(now.plus(NOTICE_LEASE).minus(seconds(1))).await, []);
    let again = claim_one(stage, now.plus(NOTICE_LEASE)).await;
    assert_eq!(again.notice, lost.notice);
    assert_ne!(again.token, lost.token);
}

/// However many ask at once.
pub async fn a_notice_is_given_to_one_of_many_at_once(stage: &Stage) {
    let now = owed(stage).await;
    let claimers = (0..5).map(|_| Box::pin(stage.claim_notices(now)) as Step<'_, Vec<NoticeClaim>>).collect();
    let given: usize = at_once(claimers).await.iter().map(Vec::len).sum();
    assert_eq!(given, 1);
}

/// Nor is what has been delivered.
pub async fn a_delivered_notice_is_not_given_again(stage: &Stage) {
    let now = owed(stage).await;
    let claim = claim_one(stage, now).await;
    deliver(stage, &claim, now, DeliveryOutcome::Delivered).await;
    assert_eq!(stage.claim_notices(now.plus(NOTICE_LEASE)).await, []);
    assert_eq!(stage.claim_notices(now.plus(seconds(30 * 24 * 3600))).await, []);
}

/// Not before its time, and then as the next attempt.
pub async fn a_failed_notice_is_given_again_when_its_time_comes(stage: &Stage) {
    let now = owed(stage).await;
    let claim = claim_one(stage, now).await;
    let retry_at = now.plus(seconds(100));
    deliver(stage, &claim, now, failed(Some(retry_at))).await;
    assert_eq!(stage.claim_notices(retry_at.minus(seconds(1))).await, []);
    let again = claim_one(stage, retry_at).await;
    assert_eq!((again.attempt, &again.notice), (2, &claim.notice));
    deliver(stage, &again, retry_at, DeliveryOutcome::Delivered).await;
    assert_eq!(stage.claim_notices(retry_at.plus(NOTICE_LEASE)).await, []);
}

/// It stays in the ledger, where it can be seen.
pub async fn a_dead_notice_is_not_given_again(stage: &Stage) {
    let now = owed(stage).await;
    let claim = claim_one(stage, now).await;
    deliver(stage, &claim, now, failed(None)).await;
    assert_eq!(stage.claim_notices(now.plus(seconds(30 * 24 * 3600))).await, []);
    let (workspace, incident) = (claim.notice.workspace, claim.notice.incident);
    let (_, timeline) = stage.store().incident(workspace, incident).await.unwrap().unwrap();
    let is_failure =
        |event: &TimelineEvent| matches!(event, TimelineEvent::Delivery { outcome, .. } if *outcome == failed(None));
    assert!(timeline.iter().any(is_failure), "{timeline:?}");
}

/// Whoever was too slow does not undo what another has done, and leaves no trace in the ledger.
pub async fn a_stale_delivery_changes_nothing(stage: &Stage) {
    let now = owed(stage).await;
    let lost = claim_one(stage, now).await;
    let again = claim_one(stage, now.plus(NOTICE_LEASE)).await;
    let late = now.plus(NOTICE_LEASE).plus(seconds(1));
    deliver(stage, &lost, late, failed(Some(late))).await;
    assert_eq!(stage.claim_notices(late.plus(seconds(1))).await, [], "the other one still holds it");
    deliver(stage, &again, late, DeliveryOutcome::Delivered).await;
    deliver(stage, &again, late, failed(Some(late))).await;
    assert_eq!(stage.claim_notices(late.plus(NOTICE_LEASE)).await, []);
    let (_, timeline) = stage.store().incident(again.notice.workspace, again.notice.incident).await.unwrap().unwrap();
    let attempts = timeline.iter().filter(|event| matches!(event, TimelineEvent::Delivery { .. })).count();
    assert_eq!(attempts, 1);
}

/// Those that wait longest first, and no more than were asked for.
pub async fn the_oldest_notices_come_first(stage: &Stage) {
    let (first, second) = (stage.monitor_every(60).await, stage.monitor_every(60).await);
    stage.pause(&second.monitor, second.slot(0)).await;
    stage.take_down(&first).await;
    stage.pause(&first.monitor, first.slot(1).plus(seconds(30))).await;
    let resumed_at = first.slot(5);
    stage.resume(&second.monitor, resumed_at).await;
    stage.check_down(resumed_at).await;
    let now = loop {
        let due = stage.claim(stage.next_slot(&second.monitor).await.unwrap()).await;
        let claim = due.last().unwrap();
        if stage.flip(crate::testkit::fixture::down(claim)).await.is_some() {
            break claim.slot.plus(LATENCY);
        }
    };
    for expected in [first.id(), second.id()] {
        let claims = stage.store().claim_notices(now, 1, stage.token()).await.unwrap();
        assert_eq!(claims.iter().map(|claim| claim.notice.monitor).collect::<Vec<_>>(), [expected]);
    }
    assert_eq!(stage.claim_notices(now).await, []);
}
