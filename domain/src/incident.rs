//! Incidents: from the flip to down until the flip away from it.

use crate::id::{ChannelId, IncidentId, MonitorId, NoticeId, WorkspaceId};
use crate::notice::DeliveryOutcome;
use crate::report::{Evidence, Reason};
use crate::status::Status;
use crate::time::Timestamp;

/// How an incident ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The target came back.
    Recovered,
    /// The monitor was paused or deleted.
    Paused,
}

/// A time during which a monitor was down.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// The incident's identifier.
    pub id: IncidentId,
    /// The workspace that the monitor belongs to.
    pub workspace: WorkspaceId,
    /// The monitor that went down.
    pub monitor: MonitorId,
    /// What the monitor was called when it began.
    pub monitor_name: String,
    /// What was asked when it began.
    pub target_url: String,
    /// The slot at which it began.
    pub started_at: Timestamp,
    /// The slot of the check that confirmed it.
    pub confirmed_at: Timestamp,
    /// When and how it ended; `None` while it lasts.
    pub ended: Option<(Timestamp, Ending)>,
    /// Why, as the confirming check found it.
    pub cause: Reason,
    /// What the confirming check saw.
    pub evidence: Option<Evidence>,
}

/// Something that happened in the course of an incident.
#[derive(Clone, Debug, PartialEq)]
pub enum TimelineEvent {
    /// The first check that failed.
    FirstFailure(Timestamp),
    /// The check that settled it.
    Confirmed(Timestamp),
    /// A notice fell due.
    NoticeOwed {
        /// When its flip was recorded.
        at: Timestamp,
        /// The notice that fell due.
        notice: NoticeId,
        /// The channel that it is owed to.
        channel: ChannelId,
        /// The status that the channel is told of.
        about: Status,
    },
    /// An attempt to deliver a notice.
    Delivery {
        /// When it began.
        at: Timestamp,
        /// The notice that was to be delivered.
        notice: NoticeId,
        /// The channel that it was to reach.
        channel: ChannelId,
        /// The how-manieth attempt, from 1.
        attempt: u32,
        /// Whether the receiver has it, and if not, when to try again.
        outcome: DeliveryOutcome,
    },
    /// It was over.
    Ended(Timestamp, Ending),
}

impl TimelineEvent {
    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::FirstFailure(at)
            | Self::Confirmed(at)
            | Self::NoticeOwed { at, .. }
            | Self::Delivery { at, .. }
            | Self::Ended(at, _) => *at,
        }
    }
}
