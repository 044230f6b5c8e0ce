//! What workspaces keep.

use async_trait::async_trait;

use super::{MemoryStore, World};
use crate::id::{MonitorId, WorkspaceId};
use crate::port::{Keeping, MonitorKeeping, RepoResult, WorkspaceRepo};
use crate::retention::{Left, OwnRetention};

#[async_trait]
impl WorkspaceRepo for MemoryStore {
    async fn keeping(&self, workspace: WorkspaceId) -> RepoResult<Option<Keeping>> {
        Ok(self.world().keeping(workspace))
    }

    async fn keeping_of(&self, workspace: WorkspaceId, monitor: MonitorId) -> RepoResult<Option<MonitorKeeping>> {
        let world = self.world();
        let watched = world.watched(monitor).filter(|watched| watched.monitor.workspace == workspace);
        let known = watched.zip(world.keeping(workspace));
        Ok(known.map(|(watched, keeping)| MonitorKeeping { created_at: watched.monitor.created_at, keeping }))
    }

    async fn keep_for(&self, workspace: WorkspaceId, own: OwnRetention, left: Left) -> RepoResult<Option<Keeping>> {
        let mut world = self.world();
        if let Some(keeping) = world.workspaces.get_mut(&workspace) {
            *keeping = Keeping { own, left: keeping.left.and(left) };
        }
        Ok(world.keeping(workspace))
    }
}

impl World {
    fn keeping(&self, workspace: WorkspaceId) -> Option<Keeping> {
        let Keeping { own, left } = *self.workspaces.get(&workspace)?;
        Some(Keeping { own, left: left.and(self.left.unwrap_or(Left::ALL)) })
    }
}
