//! Reading incidents.

use super::Stage;
use crate::id::IncidentId;
use crate::incident::{Ending, TimelineEvent};
use crate::notice::{Delivery, DeliveryOutcome};
use crate::port::IncidentQuery;
use crate::status::Status;
use crate::testkit::fixture::{LATENCY, down, seconds};

/// Takes a monitor of no patience down and up again so many times, from its slot 0 on.
async fn stumble(stage: &Stage, times: u32) -> crate::testkit::contract::Specimen {
    let m = stage.monitor_with(|settings| settings.confirmation.before_down = 0).await;
    for number in 0..times {
        stage.check_down(m.slot(2 * number)).await;
        stage.check_up(m.slot(2 * number + 1)).await;
    }
    m
}

/// The newest first, each once, of one monitor or of all.
pub async fn incidents_are_listed_page_by_page(stage: &Stage) {
    let m = stumble(stage, 5).await;
    stage.pause(&m.monitor, m.slot(9).plus(seconds(1))).await;
    let (workspace, monitor) = (m.monitor.workspace, Some(m.id()));
    for limit in [1, 2, 10] {
        let (mut starts, mut before) = (Vec::new(), None);
        loop {
            let query = IncidentQuery { workspace, monitor, before, limit };
            let page = stage.store().incidents(&query).await.unwrap();
            assert!(page.len() <= limit as usize);
            starts.extend(page.iter().map(|incident| incident.started_at));
            match page.last() {
                Some(last) => {
                    assert!(before.is_none_or(|before| last.id < before), "reading on makes progress");
                    before = Some(last.id);
                }
                None => break,
            }
        }
        assert_eq!(starts, [8, 6, 4, 2, 0].map(|number| m.slot(number)), "in pages of {limit}");
    }
    let other = IncidentQuery { workspace, monitor: Some(stage.monitor_id()), before: None, limit: 10 };
    assert_eq!(stage.store().incidents(&other).await.unwrap(), []);
    assert_eq!(stage.incidents().await.len(), 5);
}

/// Neither in the list nor alone.
pub async fn another_workspaces_incident_is_not_there(stage: &Stage) {
    let m = stumble(stage, 1).await;
    let id = stage.incidents().await[0].id;
    let eve = stage.workspace_of("eve@example.org").await;
    for monitor in [None, Some(m.id())] {
        let query = IncidentQuery { workspace: eve, monitor, before: None, limit: 10 };
        assert_eq!(stage.store().incidents(&query).await.unwrap(), []);
    }
    assert_eq!(stage.store().incident(eve, id).await.unwrap(), None);
    let nothing = IncidentId::new(stage.token().uuid());
    assert_eq!(stage.store().incident(m.monitor.workspace, nothing).await.unwrap(), None);
}

/// From the first failure to the end, with each notice and each attempt at its delivery.
pub async fn the_timeline_tells_all_that_happened_in_its_order(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    let confirmed_at = stage.take_down(&m).await;
    let owed_at = confirmed_at.plus(LATENCY);
    let claim = stage.claim_notices(owed_at).await.remove(0);
    let (notice, channel) = (claim.notice.id, claim.notice.channel);
    let tried_at = owed_at.plus(seconds(1));
    let failure = DeliveryOutcome::Failed { error: "away".into(), retry_at: Some(tried_at) };
    let attempt = |claim: &crate::notice::NoticeClaim, at, outcome| Delivery {
        notice: claim.notice.id,
        attempt: claim.attempt,
        token: claim.token,
        at,
        took: LATENCY,
        outcome,
    };
    stage.store().record_deliveries(&[attempt(&claim, tried_at, failure.clone())]).await.unwrap();
    let again = stage.claim_notices(tried_at.plus(seconds(1))).await.remove(0);
    let delivered_at = tried_at.plus(seconds(2));
    stage.store().record_deliveries(&[attempt(&again, delivered_at, DeliveryOutcome::Delivered)]).await.unwrap();
    stage.check_up(m.slot(2)).await;
    let back = stage.claim_notices(m.slot(2).plus(LATENCY)).await.remove(0).notice;
    let incident = stage.incidents().await.remove(0);
    let (alone, timeline) = stage.store().incident(m.monitor.workspace, incident.id).await.unwrap().unwrap();
    assert_eq!(alone, incident);
    assert_eq!(
        timeline,
        [
            TimelineEvent::FirstFailure(m.slot(1)),
            TimelineEvent::Confirmed(confirmed_at),
            TimelineEvent::NoticeOwed { at: owed_at, notice, channel, about: Status::Down },
            TimelineEvent::Delivery { at: tried_at, notice, channel, attempt: 1, outcome: failure },
            TimelineEvent::Delivery {
                at: delivered_at,
                notice,
                channel,
                attempt: 2,
                outcome: DeliveryOutcome::Delivered
            },
            TimelineEvent::Ended(m.slot(2), Ending::Recovered),
            TimelineEvent::NoticeOwed { at: m.slot(2).plus(LATENCY), notice: back.id, channel, about: Status::Up },
        ]
    );
}

/// Also when its monitor has been renamed since.
pub async fn an_incident_keeps_the_names_of_its_time(stage: &Stage) {
    let m = stage.monitor_with(|settings| settings.confirmation.before_down = 0).await;
    let claim = stage.claim_one(m.slot(0)).await;
    stage.flip(down(&claim)).await.unwrap();
    let before = stage.incidents().await;
    let name = crate::monitor::MonitorName::parse("renamed").unwrap();
    stage.change(&m.monitor, m.slot(0).plus(seconds(1)), |change| change.settings.name = name).await;
    assert_eq!(stage.incidents().await, before);
}
