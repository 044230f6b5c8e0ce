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
    /// Which.
    pub id: ChannelId,
    /// Whose.
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
    /// Which.
    pub id: NoticeId,
    /// Whose.
    pub workspace: WorkspaceId,
    /// To whom.
    pub channel: ChannelId,
    /// By what means.
    pub channel_kind: ChannelKind,
    /// About which monitor.
    pub monitor: MonitorId,
    /// In the course of which incident.
    pub incident: IncidentId,
    /// What the monitor was called at the flip.
    pub monitor_name: String,
    /// What was asked at the flip.
    pub target_url: String,
    /// What it was.
    pub from: Status,
    /// What it became.
    pub to: Status,
    /// The slot at which the change began.
    pub since: Timestamp,
    /// Why; `None` where all is well.
    pub reason: Option<Reason>,
    /// When the debt came about.
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
    /// Of which notice.
    pub notice: NoticeId,
    /// The how-manieth, from 1.
    pub attempt: u32,
    /// Proof of the right to record it.
    pub token: crate::id::LeaseToken,
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// What came of it.
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
