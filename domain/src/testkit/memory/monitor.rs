//! Making, changing and deleting monitors.

use std::ops::Bound;

use async_trait::async_trait;

use super::watched::Watched;
use super::{MemoryStore, World};
use crate::id::{MonitorId, WorkspaceId};
use crate::incident::Ending;
use crate::monitor::Monitor;
use crate::port::{Change, Created, MonitorRepo, MonitorView, RepoError, RepoResult};
use crate::status::{State, Status};
use crate::time::Timestamp;

#[async_trait]
impl MonitorRepo for MemoryStore {
    async fn create_monitor(&self, monitor: &Monitor, most: u32) -> RepoResult<Created> {
        let mut world = self.world();
        let in_workspace = |watched: &&Watched| !watched.is_deleted && watched.monitor.workspace == monitor.workspace;
        if world.monitors.values().filter(in_workspace).count() >= most as usize {
            return Ok(Created::LimitReached);
        }
        if world.monitors.contains_key(&monitor.id) {
            return Err(RepoError::Conflict("there is a monitor with this identifier".into()));
        }
        world.monitors.insert(monitor.id, Watched::begin(monitor.clone()));
        Ok(Created::Created)
    }

    async fn monitor(&self, workspace: WorkspaceId, id: MonitorId) -> RepoResult<Option<MonitorView>> {
        Ok(self.world().watched_in(workspace, id).map(|watched| watched.view()))
    }

    async fn monitors(
        &self,
        workspace: WorkspaceId,
        after: Option<MonitorId>,
        limit: u32,
    ) -> RepoResult<Vec<MonitorView>> {
        let world = self.world();
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let monitors = world.monitors.range((after, Bound::Unbounded)).map(|(_, watched)| watched);
        let own = monitors.filter(|watched| !watched.is_deleted && watched.monitor.workspace == workspace);
        Ok(own.take(limit as usize).map(Watched::view).collect())
    }

    async fn change_monitor(
        &self,
        workspace: WorkspaceId,
        id: MonitorId,
        change: &Change,
        at: Timestamp,
    ) -> RepoResult<Option<MonitorView>> {
        let mut world = self.world();
        let Some(watched) = world.watched_in(workspace, id) else { return Ok(None) };
        if watched.monitor.version != change.version {
            return Err(RepoError::Stale);
        }
        let at = watched.instant_of_change(at);
        watched.change(change, at);
        let view = watched.view();
        if !change.is_active {
            world.end_incident(id, at);
        }
        Ok(Some(view))
    }

    async fn delete_monitor(&self, workspace: WorkspaceId, id: MonitorId, at: Timestamp) -> RepoResult<bool> {
        let mut world = self.world();
        let Some(watched) = world.watched_in(workspace, id) else { return Ok(false) };
        let at = watched.instant_of_change(at);
        watched.end_epoch(at);
        watched.open.clear();
        watched.is_deleted = true;
        world.end_incident(id, at);
        Ok(true)
    }

    async fn monitors_by_id(&self, ids: &[MonitorId]) -> RepoResult<Vec<Monitor>> {
        let world = self.world();
        Ok(ids.iter().filter_map(|id| world.watched(*id)).map(|watched| watched.monitor.clone()).collect())
    }
}

impl Watched {
    /// The instant that a change is dated at, so that epochs never overlap and none ends before its slots.
    fn instant_of_change(&self, at: Timestamp) -> Timestamp {
        let checked = self.checks.last_key_value().map(|(slot, _)| *slot);
        let missed = self.gaps.last_key_value().map(|(_, gap)| gap.run.last);
        self.epoch.instant_of_change(at, checked.into_iter().chain(missed))
    }

    /// Changes the monitor as the table of [`MonitorRepo`] says.
    fn change(&mut self, change: &Change, at: Timestamp) {
        let before = std::mem::replace(&mut self.monitor.settings, change.settings.clone());
        let was_active = std::mem::replace(&mut self.monitor.is_active, change.is_active);
        self.monitor.version += 1;
        match (was_active, change.is_active) {
            (true, false) => {
                self.end_epoch(at);
                self.state = State::paused(at);
                self.begin_span(Status::Paused, at);
            }
            (false, true) => {
                self.open_epoch(at);
                self.state = State::pending(at);
                self.begin_span(Status::Pending, at);
            }
            (true, true) if before.begins_epoch(&change.settings) => {
                self.end_epoch(at);
                self.open_epoch(at);
                if before.target != change.settings.target {
                    self.state = self.state.retargeted(at);
                }
            }
            _ => {}
        }
    }
}

impl World {
    /// Ends the incident of a monitor that nobody watches any more.
    fn end_incident(&mut self, monitor: MonitorId, at: Timestamp) {
        if let Some(incident) = self.open_incident(monitor) {
            incident.ended = Some((at.max(incident.started_at), Ending::Paused));
        }
    }
}
