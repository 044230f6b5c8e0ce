//! Asking a target, and whether our own network works.

use std::time::Duration;

use async_trait::async_trait;

use crate::monitor::Target;
use crate::report::Report;

/// What to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeRequest<'a> {
    /// The target.
    pub target: &'a Target,
    /// How long the whole probe may take.
    pub timeout: Duration,
}

/// Asks targets. It never fails: a target that does not answer is a report.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Prober: Send + Sync {
    /// Asks a target over a fresh connection with a fresh look at its name, within the timeout.
    #[allow(clippy::needless_lifetimes, reason = "mockall needs the lifetime to have a name")]
    async fn probe<'a>(&self, request: ProbeRequest<'a>) -> Report;
}

/// Tells whether we ourselves have a network, by asking addresses that the operator named for it.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Connectivity: Send + Sync {
    /// Whether any of the addresses can be reached. It answers within a few seconds, and may answer what it found a
    /// moment ago.
    async fn has_network(&self) -> bool;
}
