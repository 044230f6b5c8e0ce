//! A workspace and for how long it keeps its history.

use async_trait::async_trait;

use super::RepoResult;
use crate::id::{MonitorId, WorkspaceId};
use crate::retention::{Left, OwnRetention};
use crate::time::Timestamp;

/// What a workspace keeps of its history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keeping {
    /// For how long it asks to have it kept.
    pub own: OwnRetention,
    /// What has not been let go of yet. Whatever is asked for later, nothing of before that comes back.
    pub left: Left,
}

/// Since when a monitor has a history, and what of it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonitorKeeping {
    /// When the monitor was made.
    pub created_at: Timestamp,
    /// What its workspace keeps.
    pub keeping: Keeping,
}

/// Workspaces.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait WorkspaceRepo: Send + Sync {
    /// What a workspace keeps of its history; `None` where there is no such workspace.
    ///
    /// What [`super::Upkeep::retire`] has let go of MUST NOT count as left.
    async fn keeping(&self, workspace: WorkspaceId) -> RepoResult<Option<Keeping>>;

    /// What every question about the history of a monitor begins with. Another workspace's monitor, and a deleted one, MUST
    /// be `None`.
    async fn keeping_of(&self, workspace: WorkspaceId, monitor: MonitorId) -> RepoResult<Option<MonitorKeeping>>;

    /// Lets a workspace ask for something else, and answers what it keeps from then on; `None`, and nothing changed, where
    /// there is no such workspace. `left` is what was left until now: nothing of before that MUST count as left again.
    async fn keep_for(&self, workspace: WorkspaceId, own: OwnRetention, left: Left) -> RepoResult<Option<Keeping>>;
}
