//! Channels, notices and their ledger; delivering; telling those who look on.

use async_trait::async_trait;

use super::RepoResult;
use crate::event::Event;
use crate::id::{LeaseToken, WorkspaceId};
use crate::notice::{Channel, ChannelKind, Delivery, NotDelivered, Notice, NoticeClaim};
use crate::time::Timestamp;

/// Channels: where people are told.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait ChannelRepo: Send + Sync {
    /// The channels of a workspace, by identifier.
    async fn channels(&self, workspace: WorkspaceId) -> RepoResult<Vec<Channel>>;
}

/// Notices: what is owed to channels.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait NoticeRepo: Send + Sync {
    /// Takes notices that are due (new ones, and failed ones whose time has come), the oldest first, each for
    /// [`crate::notice::NOTICE_LEASE`].
    ///
    /// - A notice MUST be given to one claimer only until its lease ends; then it MUST be given anew.
    /// - One that is delivered or dead MUST NOT be given again.
    async fn claim_notices(&self, now: Timestamp, limit: u32, token: LeaseToken) -> RepoResult<Vec<NoticeClaim>>;

    /// Writes attempts into the ledger and moves their notices on: delivered, due again at `retry_at`, or dead. An
    /// attempt whose token does not hold the notice MUST change nothing.
    async fn record_deliveries(&self, deliveries: &[Delivery]) -> RepoResult<()>;
}

/// Delivers notices by one means.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Notifier: Send + Sync {
    /// The means.
    fn kind(&self) -> ChannelKind;

    /// Delivers a notice. It may be asked twice for the same one (after a crash): the notice's identifier is the
    /// idempotency key to pass on. It MUST give up within [`crate::notice::DELIVERY_TIMEOUT`].
    async fn deliver(&self, notice: &Notice) -> Result<(), NotDelivered>;
}

/// Tells those who look on what has just been recorded, whichever node recorded it. Best effort: the record is the truth.
#[async_trait]
pub trait EventFeed: Send + Sync {
    /// Tells everybody. It never waits for a listener.
    async fn publish(&self, events: Vec<Event>);

    /// Listens to a workspace from now on.
    async fn listen(&self, workspace: WorkspaceId) -> Box<dyn EventStream>;
}

/// What one listener hears. The number of events that wait for it is bounded; the oldest are dropped.
#[async_trait]
pub trait EventStream: Send {
    /// The next event; `None` when the feed has ended. After events were dropped it goes on with the next one there is.
    /// Whoever waits may stop waiting (drop the future) and ask again: no event is lost by that.
    async fn next(&mut self) -> Option<Event>;
}
