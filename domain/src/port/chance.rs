//! Time and identifiers, which no use case makes up by itself.

use uuid::Uuid;

use crate::time::Timestamp;

/// Tells the time. On PostgreSQL every node runs on the database's time; the adapter follows it.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// Makes what must not repeat or be guessed.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait IdGenerator: Send + Sync {
    /// A new UUIDv7 (RFC 9562): never one that was given before, ordered by time.
    fn uuid(&self) -> Uuid;

    /// 32 random bits, for jitter; not for secrets.
    fn chance(&self) -> u32;
}
