//! What people are told: channels, the notices owed to them, and each attempt at delivery.

use std::time::Duration;

use crate::id::{ChannelId, IncidentId, MonitorId, NoticeId, WorkspaceId};
use crate::report::Reason;
use crate::status::Status;
use crate::time::Timestamp;

/// How a channel reaches people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChannelKind {
    /// One line on the standard output of the node that delivers.
    Console,
}

/// Where people are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// The channel's identifier.
    pub id: ChannelId,
    /// The workspace whose flips it is told of.
    pub workspace: WorkspaceId,
    /// What people call it.
    pub name: String,
    /// How it reaches them.
    pub kind: ChannelKind,
    /// Whether notices are owed to it.
    pub is_enabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What is owed to a channel because of a flip. It carries all that is told, so that a later change of the monitor
/// does not change the message, and its identifier is the idempotency key towards the receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The notice's identifier: the idempotency key of its deliveries.
    pub id: NoticeId,
    /// The workspace that the monitor and the channel belong to.
    pub workspace: WorkspaceId,
    /// The channel that it is owed to.
    pub channel: ChannelId,
    /// The means by which that channel is reached.
    pub channel_kind: ChannelKind,
    /// The monitor whose status changed.
    pub monitor: MonitorId,
    /// In the course of which incident.
    pub incident: IncidentId,
    /// What the monitor was called at the flip.
    pub monitor_name: String,
    /// What was asked at the flip.
    pub target_url: String,
    /// The status before the flip.
    pub from: Status,
    /// The status after the flip.
    pub to: Status,
    /// The slot at which the change began.
    pub since: Timestamp,
    /// Why; `None` where all is well.
    pub reason: Option<Reason>,
    /// When the flip was recorded, and the debt with it.
    pub created_at: Timestamp,
}

/// The right to deliver a notice: who holds it may record what came of the attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeClaim {
    /// What to deliver.
    pub notice: Notice,
    /// The how-manieth attempt this is, from 1.
    pub attempt: u32,
    /// Proof towards the store.
    pub token: crate::id::LeaseToken,
}

/// How long an attempt at delivery may take.
pub const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the lease of a notice lasts: one attempt, and some air.
pub const NOTICE_LEASE: Duration = Duration::from_secs(40);

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The receiver has it.
    Delivered,
    /// It did not get through; it is tried again at the given instant, or never (dead letter).
    Failed {
        /// Why, in words, never with a secret.
        error: String,
        /// When the next attempt is due; `None` where there will be none.
        retry_at: Option<Timestamp>,
    },
}

/// One attempt at delivery, as the ledger keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The notice that was to be delivered.
    pub notice: NoticeId,
    /// The number of the attempt, counted from 1.
    pub attempt: u32,
    /// Proof of the right to record it.
    pub token: crate::id::LeaseToken,
    /// When it began.
    pub at: Timestamp,
    /// How long the attempt took, whatever came of it.
    pub took: Duration,
    /// Whether the receiver has it, and if not, when to try again.
    pub outcome: DeliveryOutcome,
}

/// A notice that a channel refused or could not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct NotDelivered {
    /// Why, in words, never with a secret.
    pub detail: String,
    /// Whether trying again can help.
    pub is_final: bool,
}
