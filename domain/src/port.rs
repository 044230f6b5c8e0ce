//! The ports: what the domain asks of the outside. Every one is object-safe and speaks in domain types only.
//!
//! A method of a repository is one atomic step: it happens wholly or not at all, and what it says is durable when it
//! returns. "Not there" is `Option`. Every MUST in the documentation of the store's ports ([`Store`]) that can be seen from
//! outside is a case of the contract suite (feature `testkit`), which every store passes. What cannot be seen so (what a
//! question costs, that nobody waits), and what other ports promise, is for the tests of each adapter.

mod chance;
mod check;
mod history;
mod incident;
mod monitor;
mod notice;
mod probe;
mod upkeep;
mod user;
mod workspace;

pub use chance::{Clock, IdGenerator};
pub use check::{CheckRepo, ClaimRequest, ClaimedWork, ManualClaim, Recorded};
pub use history::{CheckPage, CheckQuery, Glance, HistoryRepo, LatencyBucket, MAX_LATENCY_BUCKETS};
pub use incident::{IncidentQuery, IncidentRepo};
pub use monitor::{Change, Created, MonitorRepo, MonitorView};
pub use notice::{ChannelRepo, EventFeed, EventStream, NoticeRepo, Notifier};
pub use probe::{Connectivity, ProbeRequest, Prober};
pub use upkeep::{Arrears, Folded, Purged, Retired, Upkeep};
pub use user::{
    Access, AccessClaims, Credentials, NewAccount, PasswordHasher, SessionRepo, SignedUp, TokenIssuer, UserRepo,
    WeakPassword,
};
pub use workspace::{Keeping, MonitorKeeping, WorkspaceRepo};

#[cfg(feature = "mock")]
pub use {
    chance::{MockClock, MockIdGenerator},
    check::MockCheckRepo,
    history::MockHistoryRepo,
    incident::MockIncidentRepo,
    monitor::MockMonitorRepo,
    notice::{MockChannelRepo, MockNoticeRepo, MockNotifier},
    probe::{MockConnectivity, MockProber},
    upkeep::MockUpkeep,
    user::{MockPasswordHasher, MockSessionRepo, MockTokenIssuer, MockUserRepo},
    workspace::MockWorkspaceRepo,
};

/// Why a repository could not do what it was asked: it says what the caller can do about it. The cause is in
/// [`std::error::Error::source`] and never repeated in the text.
#[derive(Debug, thiserror::Error)]
pub enum RepoError {
    /// The store cannot be reached or is overloaded. Nothing changed (or it cannot be known); try again later.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The request contradicts what is stored, and will again. A fault of the program.
    #[error("the store refused the change")]
    Conflict(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Somebody else changed the thing first: read it again and decide anew.
    #[error("the stored version is newer than the one read")]
    Stale,
    /// What is stored cannot be read. Someone has to look at it.
    #[error("the store holds something unreadable")]
    Corrupt(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What a repository answers.
pub type RepoResult<T> = Result<T, RepoError>;

/// Everything that is stored, in one: what an application is wired with.
pub trait Store:
    UserRepo
    + SessionRepo
    + WorkspaceRepo
    + MonitorRepo
    + CheckRepo
    + HistoryRepo
    + IncidentRepo
    + ChannelRepo
    + NoticeRepo
    + Upkeep
{
}

impl<T> Store for T where
    T: UserRepo
        + SessionRepo
        + WorkspaceRepo
        + MonitorRepo
        + CheckRepo
        + HistoryRepo
        + IncidentRepo
        + ChannelRepo
        + NoticeRepo
        + Upkeep
{
}
