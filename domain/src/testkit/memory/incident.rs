//! Incidents, for reading.

use async_trait::async_trait;

use super::{MemoryStore, World};
use crate::id::{IncidentId, WorkspaceId};
use crate::incident::{Incident, TimelineEvent};
use crate::port::{IncidentQuery, IncidentRepo, RepoResult};

#[async_trait]
impl IncidentRepo for MemoryStore {
    async fn incidents(&self, query: &IncidentQuery) -> RepoResult<Vec<Incident>> {
        let world = self.world();
        let incidents = world.incidents.values().rev().filter(|incident| {
            world.shows(incident, query.workspace)
                && query.monitor.is_none_or(|monitor| incident.monitor == monitor)
                && query.before.is_none_or(|before| incident.id < before)
        });
        Ok(incidents.take(query.limit as usize).cloned().collect())
    }

    async fn incident(
        &self,
        workspace: WorkspaceId,
        id: IncidentId,
    ) -> RepoResult<Option<(Incident, Vec<TimelineEvent>)>> {
        let world = self.world();
        let incident = world.incidents.get(&id).filter(|incident| world.shows(incident, workspace));
        Ok(incident.map(|incident| (incident.clone(), world.timeline(incident))))
    }
}

impl World {
    /// Whether a workspace may see an incident.
    fn shows(&self, incident: &Incident, workspace: WorkspaceId) -> bool {
        incident.workspace == workspace && self.watched(incident.monitor).is_some()
    }

    fn timeline(&self, incident: &Incident) -> Vec<TimelineEvent> {
        let mut events =
            vec![TimelineEvent::FirstFailure(incident.started_at), TimelineEvent::Confirmed(incident.confirmed_at)];
        for owed in self.notices.values().filter(|owed| owed.notice.incident == incident.id) {
            let (notice, channel) = (owed.notice.id, owed.notice.channel);
            events.push(TimelineEvent::NoticeOwed {
                at: owed.notice.created_at,
                notice,
                channel,
                about: owed.notice.to,
            });
            events.extend(owed.ledger.iter().map(|delivery| TimelineEvent::Delivery {
                at: delivery.at,
                notice,
                channel,
                attempt: delivery.attempt,
                outcome: delivery.outcome.clone(),
            }));
        }
        events.extend(incident.ended.map(|(at, ending)| TimelineEvent::Ended(at, ending)));
        events.sort_by_key(TimelineEvent::at);
        events
    }
}
