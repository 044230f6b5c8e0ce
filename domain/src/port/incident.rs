//! Reading incidents.

use async_trait::async_trait;

use super::RepoResult;
use crate::id::{IncidentId, MonitorId, WorkspaceId};
use crate::incident::{Incident, TimelineEvent};

/// A question about incidents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentQuery {
    /// The workspace whose incidents are asked for.
    pub workspace: WorkspaceId,
    /// Of which monitor; `None` for all.
    pub monitor: Option<MonitorId>,
    /// Those before this one, in the order below.
    pub before: Option<IncidentId>,
    /// How many are wanted at the most.
    pub limit: u32,
}

/// Incidents, for reading: they are written by recording checks and by changing monitors.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait IncidentRepo: Send + Sync {
    /// The incidents by identifier (the order in which they were noticed), the newest first. Those of other workspaces
    /// and of deleted monitors MUST be left out.
    async fn incidents(&self, query: &IncidentQuery) -> RepoResult<Vec<Incident>>;

    /// One incident and what happened in the course of it, oldest first: the first failure, the confirmation, each
    /// notice owed, each delivery, the end. `None` for another workspace's and for a deleted monitor's.
    async fn incident(
        &self,
        workspace: WorkspaceId,
        id: IncidentId,
    ) -> RepoResult<Option<(Incident, Vec<TimelineEvent>)>>;
}
