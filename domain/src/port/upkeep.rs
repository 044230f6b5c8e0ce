//! What a store needs done to it from time to time.

use async_trait::async_trait;

use super::RepoResult;
use crate::retention::Retention;
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

/// What one step of folding did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Folded {
    /// How many monitors' days were folded.
    pub monitor_days: u64,
    /// The day that is folded whole with this step.
    pub finished: Option<Timestamp>,
    /// Whether more is left to do.
    pub has_more: bool,
}

/// What one step of retiring let go of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retired {
    /// Where the log of whole checks begins since then; `None` where it began there before.
    pub raw_from: Option<Timestamp>,
    /// Rows removed one by one: packed days, and sums of days.
    pub rows: u64,
    /// Whether more is left to do.
    pub has_more: bool,
}

/// What the store still owes, for those who watch the watcher.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrears {
    /// How many notices are neither delivered nor given up, counted up to [`Arrears::MAX_NOTICES`].
    pub notices: u64,
    /// The earliest instant at which an attempt at one of them is due, or at which the lease of an attempt ends.
    pub notice_due_at: Option<Timestamp>,
    /// Hours that began before it are rolled up; `None` before the first.
    pub rolled_up_to: Option<Timestamp>,
    /// Days that began before it are folded; `None` before the first.
    pub folded_to: Option<Timestamp>,
    /// The slot of the oldest check that is kept whole, also where its time is up; `None` where there is none.
    pub whole_since: Option<Timestamp>,
}

impl Arrears {
    /// How far notices are counted, so that counting stays cheap when nobody delivers any.
    pub const MAX_NOTICES: u32 = 10_000;
}

/// Keeping the store in order.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// Whether the store answers and has all its migrations.
    async fn ping(&self) -> RepoResult<()>;

    /// Whether the store takes writes: one that changes nothing is made, and is kept. A store that answers and takes none
    /// MUST be an error.
    async fn can_write(&self) -> RepoResult<()>;

    /// Leaves the fingerprint of the token secret, if none is there yet, and answers the one that is.
    async fn adopt_fingerprint(&self, fingerprint: &str) -> RepoResult<String>;

    /// Makes room for checks around an instant (partitions, a good while ahead). It MUST have been called for an
    /// instant near enough before checks of that time are recorded, and may be called as often as one likes.
    async fn prepare(&self, now: Timestamp) -> RepoResult<()>;

    /// Rolls up the oldest closed hour that is not yet rolled up, of all monitors, and answers where it begins; `None`
    /// where there is nothing to do. An hour MUST NOT be rolled up before it has been over for a quarter of an hour, no
    /// claim of it is open, and no slot of it may still be claimed. Doing it again MUST change nothing.
    async fn roll_up(&self, now: Timestamp) -> RepoResult<Option<Timestamp>>;

    /// Folds some of the oldest day that is over, whose hours are all rolled up, and that is not folded: the sums and the
    /// packed checks ([`crate::pack`]) of its hours become those of the day, of at most `limit` monitors (at least one)
    /// in one step. Nothing that is read MUST change by it, half way through included, and doing it again MUST change
    /// nothing. Repeating it until there is no more to do MUST end.
    async fn fold(&self, limit: u32) -> RepoResult<Folded>;

    /// Lets go of what is older than it is to be kept, at most `limit` rows where they go one by one. With `left` as what
    /// [`Retention::left`] says of these terms:
    ///
    /// - Checks of before `left.raw_from` whose day is folded MUST read as [`crate::check::Check::packed`] from then on;
    ///   those whose day is not MUST be left alone.
    /// - Checks of before `left.packed_from` MUST be gone when there is no more to do, while accounts and latencies of whole
    ///   hours MUST stay what they were; those go with `left.rollups_from`.
    /// - Of a check that is kept nothing else MUST change. Repeating it until there is no more to do MUST end.
    ///
    /// Where a workspace asks for less ([`super::WorkspaceRepo::keep_for`]), the same MUST hold of its history under
    /// [`crate::retention::OwnRetention::within`] when there is no more to do, but for this: a check that is kept whole for
    /// others loses its evidence only, and one that is not packed yet stays until it is.
    async fn retire(&self, now: Timestamp, retention: &Retention, limit: u32) -> RepoResult<Retired>;

    /// Removes rows that nobody can see any more, at most `limit` of each kind: history of deleted monitors (what a
    /// store retires by its age may be left to that), refresh tokens that expired more than a day ago. Repeating it
    /// until there is no more to do MUST end.
    async fn purge(&self, now: Timestamp, limit: u32) -> RepoResult<Purged>;

    /// What is still owed. A notice that is delivered or given up MUST NOT count, and one that is to be tried again MUST.
    /// It MUST tell how far [`Upkeep::roll_up`] and [`Upkeep::fold`] have come.
    async fn arrears(&self) -> RepoResult<Arrears>;

    /// How many bytes the store takes on disk, with its indexes and with room that is free for reuse; none of one that is
    /// only in memory. It MUST NOT become less by storing more. Asking may read the state of every file of the store, and
    /// is for once a minute.
    async fn size_bytes(&self) -> RepoResult<u64>;
}
