//! Making, reading, changing and deleting monitors.

use async_trait::async_trait;

use super::RepoResult;
use crate::id::{MonitorId, WorkspaceId};
use crate::monitor::{Monitor, Settings};
use crate::schedule::Schedule;
use crate::status::State;
use crate::time::Timestamp;

/// A monitor as it stands: what was chosen, and what is known.
#[derive(Clone, Debug, PartialEq)]
pub struct MonitorView {
    /// What was chosen.
    pub monitor: Monitor,
    /// Its state.
    pub state: State,
    /// The slot that is to be claimed next, and the grid; `None` while paused.
    pub next_slot: Option<(Timestamp, Schedule)>,
}

/// What came of making a monitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is there.
    Created,
    /// The workspace has as many as it may; nothing changed.
    LimitReached,
}

/// A change of a monitor, decided upon a version of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The settings afterwards.
    pub settings: Settings,
    /// Whether it is watched afterwards.
    pub is_active: bool,
    /// The version that the decision was made upon.
    pub version: u32,
}

/// Monitors: what is watched.
///
/// What happens to slots, state, spans and incidents, with `at` the instant of the change:
///
/// | change | epoch | state and span | open work |
/// |---|---|---|---|
/// | made | one opens at `at` | `PENDING` from `at` | the opening slot is due at `at` |
/// | paused | ends at `at` | `PAUSED` from `at`; an open incident ends as `Paused` | see below |
/// | resumed | one opens | `PENDING` from `at` | the opening slot is due |
/// | interval changed while active | ends at `at`, another opens | kept | see below, and the opening slot is due |
/// | target changed while active | ends at `at`, another opens | kept, streak reset | see below, and the opening slot is due |
/// | target or interval changed while paused | none | kept | none |
/// | anything else changed | kept | kept | kept, with the new timeout from the next claim on |
/// | deleted | ends at `at` | hidden | all dropped |
///
/// Where an epoch ends: slots of it that were due before `at` and that nobody has claimed are recorded as `Missed`;
/// claims for instants at or after `at`, and confirmations that nobody has claimed, are dropped (their results are
/// stale); other claims stay, and their results are kept without changing the status, but they must have started before
/// `at`: what is lost of them is missed and not given anew.
///
/// `at` is the caller's now; where the newest epoch began at or after it, a microsecond after that beginning is taken
/// instead, and where it ended after it, its end, so that epochs never overlap. Where the record holds a check or gap
/// of the monitor at or after it (the clock fell back), a microsecond after the last of them is taken, so that no epoch
/// ends before its slots. An opening slot that is taken (by a confirmation or manual check) moves on by a microsecond.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait MonitorRepo: Send + Sync {
    /// Makes a monitor that is active, unless the workspace has `most` already. `created_at` MUST be the opening slot.
    ///
    /// Two at once MUST NOT exceed the limit by more than what was under way.
    async fn create_monitor(&self, monitor: &Monitor, most: u32) -> RepoResult<Created>;

    /// A monitor of the workspace. Another workspace's, and a deleted one, MUST be `None`.
    async fn monitor(&self, workspace: WorkspaceId, id: MonitorId) -> RepoResult<Option<MonitorView>>;

    /// The monitors of a workspace by identifier (the order in which they were made), those after `after`, at most `limit`.
    async fn monitors(
        &self,
        workspace: WorkspaceId,
        after: Option<MonitorId>,
        limit: u32,
    ) -> RepoResult<Vec<MonitorView>>;

    /// Changes a monitor as the table above says, and answers how it stands then; `None` where there is none.
    ///
    /// # Errors
    /// [`super::RepoError::Stale`] where the stored version is not the one that the change was decided upon: nothing
    /// MUST have changed.
    async fn change_monitor(
        &self,
        workspace: WorkspaceId,
        id: MonitorId,
        change: &Change,
        at: Timestamp,
    ) -> RepoResult<Option<MonitorView>>;

    /// Deletes a monitor: it MUST be hidden at once, its history with it, its incident closed as `Paused`, nothing of
    /// it due any more, and results under way stale. `false` where there was none.
    async fn delete_monitor(&self, workspace: WorkspaceId, id: MonitorId, at: Timestamp) -> RepoResult<bool>;

    /// The monitors by their identifiers, for those who probe; deleted ones are left out. Any workspace's.
    async fn monitors_by_id(&self, ids: &[MonitorId]) -> RepoResult<Vec<Monitor>>;
}
