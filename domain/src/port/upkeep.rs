use async_trait::async_trait;

use super::RepoResult;
use crate::time::Timestamp;

/// What one step of purging removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Rows removed of deleted monitors' history.
    pub history_rows: u64,
    /// Refresh tokens removed whose time was up long ago.
    pub sessions: u64,
    /// Whether more is left to do.
    pub has_more: bool,
}

/// Keeping the store in order.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// Whether the store answers and has all its migrations.
    async fn ping(&self) -> RepoResult<()>;

    /// Leaves the fingerprint of the token secret, if none is there yet, and answers the one that is.
    async fn adopt_fingerprint(&self, fingerprint: &str) -> RepoResult<String>;

    /// Makes room for checks around an instant (partitions, a good while ahead). It MUST have been called for an
    /// instant near enough before checks of that time are recorded, and may be called as often as one likes.
    async fn prepare(&self, now: Timestamp) -> RepoResult<()>;

    /// Rolls up the oldest closed hour that is not yet rolled up, of all monitors, and answers where it begins; `None`
    /// where there is nothing to do. An hour MUST NOT be rolled up before it has been over for a quarter of an hour, no
    /// claim of it is open, and no slot of it may still be claimed. Doing it again MUST change nothing.
    async fn roll_up(&self, now: Timestamp) -> RepoResult<Option<Timestamp>>;

    /// Removes rows that nobody can see any more, at most `limit` of each kind: history of deleted monitors (what a
    /// store retires by its age may be left to that), refresh tokens that expired more than a day ago. Repeating it
    /// until there is no more to do MUST end.
    async fn purge(&self, now: Timestamp, limit: u32) -> RepoResult<Purged>;
}
