//! Flips: spans, incidents and notices, written in the step that writes the check.

use super::Stage;
use crate::id::WorkspaceId;
use crate::incident::Ending;
use crate::notice::ChannelKind;
use crate::report::ReasonKind;
use crate::status::Status;
use crate::testkit::fixture::{self, degraded, down, seconds, up};
use crate::uptime::StatusSpan;

/// From the slot of that result on.
pub async fn the_first_result_ends_pending(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    let view = stage.view(&m.monitor).await;
    assert_eq!((view.state.held, view.state.since), (Status::Pending, m.slot(0)));
    let claim = stage.claim_one(m.slot(2).plus(seconds(1))).await;
    let flip = stage.flip(up(&claim)).await.unwrap();
    assert_eq!((flip.from, flip.to, flip.at, flip.reason), (Status::Pending, Status::Up, m.slot(2), None));
    assert_eq!(
        stage.spans(m.id()).await,
        [
            StatusSpan { status: Status::Pending, from: m.slot(0), to: Some(m.slot(2)) },
            StatusSpan { status: Status::Up, from: m.slot(2), to: None },
        ]
    );
    assert_eq!(stage.shown(&m.monitor, m.slot(2)).await, (Status::Up, m.slot(2)));
}

/// Not when it was noticed, nor when it was confirmed.
pub async fn down_is_dated_at_the_first_failing_slot(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    let confirmed_at = stage.take_down(&m).await;
    assert!(confirmed_at > m.slot(1));
    assert_eq!(stage.shown(&m.monitor, confirmed_at).await, (Status::Down, m.slot(1)));
    assert_eq!(
        stage.spans(m.id()).await,
        [
            StatusSpan { status: Status::Up, from: m.slot(0), to: Some(m.slot(1)) },
            StatusSpan { status: Status::Down, from: m.slot(1), to: None },
        ]
    );
}

/// Nobody is told, and no time is lost.
pub async fn a_failure_that_is_not_confirmed_leaves_no_trace(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    stage.check_down(m.slot(1)).await;
    assert_eq!(
        stage.view(&m.monitor).await.state.streak.map(|streak| (streak.since, streak.count)),
        Some((m.slot(1), 1))
    );
    let confirmation = stage.claim_one(m.slot(1).plus(seconds(11))).await;
    assert_eq!(stage.flip(up(&confirmation)).await, None);
    assert_eq!(stage.view(&m.monitor).await.state.streak, None);
    assert_eq!(stage.spans(m.id()).await, [StatusSpan { status: Status::Up, from: m.slot(0), to: None }]);
    assert_eq!(stage.incidents().await, []);
    assert_eq!(stage.claim_notices(m.slot(2)).await, []);
}

/// All that an alert needs to be argued about.
pub async fn going_down_opens_an_incident_with_cause_and_evidence(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    let confirmed_at = stage.take_down(&m).await;
    let incidents = stage.incidents().await;
    assert_eq!(incidents.len(), 1);
    let incident = &incidents[0];
    assert_eq!((incident.workspace, incident.monitor), (m.monitor.workspace, m.id()));
    assert_eq!((incident.started_at, incident.confirmed_at, incident.ended), (m.slot(1), confirmed_at, None));
    assert_eq!(incident.monitor_name, m.monitor.settings.name.as_str());
    assert_eq!(incident.target_url, m.monitor.settings.target.url());
    assert_eq!(
        (incident.cause.kind, incident.cause.detail.as_str()),
        (ReasonKind::Status, "the answer was 503, expected 200-399")
    );
    assert_eq!(incident.evidence, Some(fixture::evidence()));
}

/// In the step that records the change, to the channels of this workspace and no other.
pub async fn every_enabled_channel_is_owed_a_notice_of_going_down_and_coming_back(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.workspace_of("eve@example.org").await;
    let confirmed_at = stage.take_down(&m).await;
    let recorded_at = confirmed_at.plus(fixture::LATENCY);
    let channels = stage.store().channels(m.monitor.workspace).await.unwrap();
    let claims = stage.claim_notices(recorded_at).await;
    assert_eq!(claims.iter().map(|claim| claim.notice.channel).collect::<Vec<_>>(), [channels[0].id]);
    let incident = stage.incidents().await[0].id;
    let notice = &claims[0].notice;
    assert_eq!((notice.workspace, notice.monitor, notice.incident), (m.monitor.workspace, m.id(), incident));
    assert_eq!((notice.from, notice.to, notice.since), (Status::Up, Status::Down, m.slot(1)));
    assert_eq!((notice.created_at, notice.channel_kind), (recorded_at, ChannelKind::Console));
    assert_eq!(notice.monitor_name, m.monitor.settings.name.as_str());
    assert_eq!(notice.target_url, m.monitor.settings.target.url());
    assert_eq!(notice.reason.as_ref().map(|reason| reason.kind), Some(ReasonKind::Status));
    stage.check_up(m.slot(2)).await;
    let back = stage.claim_notices(m.slot(2).plus(fixture::LATENCY)).await;
    let back: Vec<_> = back.iter().filter(|claim| claim.notice.id != notice.id).map(|claim| &claim.notice).collect();
    assert_eq!(back.len(), 1);
    assert_eq!((back[0].from, back[0].to, back[0].since), (Status::Down, Status::Up, m.slot(2)));
    assert_eq!((back[0].incident, &back[0].reason), (incident, &None));
    let nobody = WorkspaceId::new(stage.token().uuid());
    assert_eq!(stage.store().channels(nobody).await.unwrap(), []);
}

/// At the slot that found it well.
pub async fn a_recovery_ends_the_incident(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.take_down(&m).await;
    stage.check_up(m.slot(2)).await;
    let incidents = stage.incidents().await;
    assert_eq!(incidents[0].ended, Some((m.slot(2), Ending::Recovered)));
    stage.check_down(m.slot(3)).await;
    let confirmation = stage.claim_one(m.slot(3).plus(seconds(11))).await;
    stage.flip(down(&confirmation)).await.unwrap();
    let incidents = stage.incidents().await;
    assert_eq!(incidents.iter().map(|incident| incident.started_at).collect::<Vec<_>>(), [m.slot(3), m.slot(1)]);
    assert_eq!(incidents[0].ended, None, "the next one is an incident of its own");
}

/// It works, so nobody is woken.
pub async fn being_degraded_is_a_span_and_no_news(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    let claim = stage.claim_one(m.slot(1)).await;
    let flip = stage.flip(degraded(&claim)).await.unwrap();
    assert_eq!((flip.from, flip.to, flip.at), (Status::Up, Status::Degraded, m.slot(1)));
    assert_eq!(flip.reason.map(|reason| reason.kind), Some(ReasonKind::Slow));
    stage.check_up(m.slot(2)).await;
    let spans: Vec<_> = stage.spans(m.id()).await.iter().map(|span| (span.status, span.from)).collect();
    assert_eq!(spans, [(Status::Up, m.slot(0)), (Status::Degraded, m.slot(1)), (Status::Up, m.slot(2))]);
    assert_eq!(stage.incidents().await, []);
    assert_eq!(stage.claim_notices(m.slot(3)).await, []);
}
