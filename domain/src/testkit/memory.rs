//! The store in memory: every repository port, by the domain's own policy functions.
//!
//! One lock is the transaction: each method takes it once, so that it happens wholly or not at all. What is decided is
//! decided by [`crate::schedule`], [`crate::settle`] and [`crate::status`]; what is left to a store is to keep open work
//! apart from the log, and to write what a decision brings about in one step.

mod channel;
mod check;
mod history;
mod incident;
mod monitor;
mod notice;
mod session;
mod upkeep;
mod user;
mod watched;
mod workspace;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::notice::Owed;
use self::session::{Family, Token};
use self::watched::Watched;
use crate::id::{ChannelId, IncidentId, MonitorId, NoticeId, SessionId, UserId, WorkspaceId};
use crate::incident::Incident;
use crate::notice::Channel;
use crate::port::{Credentials, IdGenerator, Keeping};
use crate::retention::Left;
use crate::session::RefreshTokenHash;
use crate::time::Timestamp;

/// A store that lives as long as the process. It knows no time and no chance: instants come in, and identifiers of
/// incidents and notices come from its generator. Every monitor is checked from [`crate::check::Region::default`].
pub struct MemoryStore {
    ids: Arc<dyn IdGenerator>,
    world: Mutex<World>,
}

/// All that is stored.
#[derive(Default)]
struct World {
    users: BTreeMap<UserId, Credentials>,
    workspaces: BTreeMap<WorkspaceId, Keeping>,
    families: BTreeMap<SessionId, Family>,
    tokens: HashMap<RefreshTokenHash, Token>,
    channels: BTreeMap<ChannelId, Channel>,
    monitors: BTreeMap<MonitorId, Watched>,
    incidents: BTreeMap<IncidentId, Incident>,
    notices: BTreeMap<NoticeId, Owed>,
    fingerprint: Option<String>,
    rolled_up_to: Option<Timestamp>,
    folded_to: Option<Timestamp>,
    /// Checks of before this instant are packed.
    raw_from: Option<Timestamp>,
    /// What the operator's terms have left of everybody's history; `None` while they took nothing.
    left: Option<Left>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new(ids: Arc<dyn IdGenerator>) -> Self {
        Self { ids, world: Mutex::default() }
    }

    /// Begins a step. A holder that panicked had finished no half of anything that the next one could see as whole, and
    /// is a fault of the program in any case: the lock is taken all the same.
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    /// A monitor that is not deleted, of whatever workspace.
    fn watched(&self, id: MonitorId) -> Option<&Watched> {
        self.monitors.get(&id).filter(|watched| !watched.is_deleted)
    }

    /// A monitor of the workspace that is not deleted.
    fn watched_in(&mut self, workspace: WorkspaceId, id: MonitorId) -> Option<&mut Watched> {
        self.monitors.get_mut(&id).filter(|watched| !watched.is_deleted && watched.monitor.workspace == workspace)
    }

    /// The incident of a monitor that has not ended.
    fn open_incident(&mut self, monitor: MonitorId) -> Option<&mut Incident> {
        self.incidents.values_mut().rev().find(|incident| incident.monitor == monitor && incident.ended.is_none())
    }
}
