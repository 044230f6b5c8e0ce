//! A store that is away: each loop waits longer and longer, says so once, and says once when it is back.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use tokio::time::{Instant, timeout};
use watchkeeper_domain::port::{IdGenerator, RepoError, RepoResult};
use watchkeeper_domain::retry::Backoff;

use super::metrics::Metrics;

/// How calls of a store that is away are spaced. They never end: the process lives until it is stopped.
pub(super) const STORE_BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(250), longest: Duration::from_secs(2), attempts: u32::MAX };

/// How long a call of the store may take before it counts as failed, so that a connection that is dead without saying
/// so cannot hold a loop for ever. All calls may be made again: what they did before is then stale or skipped.
pub const STORE_PATIENCE: Duration = Duration::from_secs(20);

/// Whether the store answers one loop, and for how long it has not.
pub(super) struct Outage {
    of: &'static str,
    attempts: u32,
    errors: Counter,
    ids: Arc<dyn IdGenerator>,
}

impl Outage {
    pub(super) fn new(of: &'static str, metrics: &Metrics, ids: Arc<dyn IdGenerator>) -> Self {
        Self { of, attempts: 0, errors: metrics.store_errors(of), ids }
    }

    /// Whether the last call failed.
    pub(super) fn lasts(&self) -> bool {
        self.attempts > 0
    }

    /// Takes note of an answer of the store. `Err` says how long to wait before the next call.
    pub(super) fn note<T>(&mut self, answer: RepoResult<T>) -> Result<T, Duration> {
        match answer {
            Ok(answer) => {
                self.ended();
                Ok(answer)
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn ended(&mut self) {
        if self.attempts > 0 {
            tracing::info!(of = self.of, attempts = self.attempts, "the store is back");
            self.attempts = 0;
        }
    }

    /// Takes note of a call that failed, and answers how long to wait before the next one.
    pub(super) fn failed(&mut self, error: &RepoError) -> Duration {
        self.errors.inc();
        self.attempts = self.attempts.saturating_add(1);
        if self.attempts == 1 {
            tracing::warn!(of = self.of, error = error as &dyn Error, "the store fails; trying again until it is back");
        } else {
            tracing::debug!(
                of = self.of,
                attempts = self.attempts,
                error = error as &dyn Error,
                "the store still fails"
            );
        }
        STORE_BACKOFF.wait(self.attempts, self.ids.chance()).unwrap_or(STORE_BACKOFF.longest)
    }
}

/// Calls the store; one that does not answer in time counts as unavailable.
pub async fn patiently<T>(call: impl Future<Output = RepoResult<T>>) -> RepoResult<T> {
    timeout(STORE_PATIENCE, call).await.unwrap_or_else(|elapsed| Err(RepoError::Unavailable(Box::new(elapsed))))
}

/// Notes how long a call took, whatever came of it.
pub(super) async fn timed<T>(durations: &Histogram, call: impl Future<Output = T>) -> T {
    let begun_at = Instant::now();
    let answer = call.await;
    durations.observe(begun_at.elapsed().as_secs_f64());
    answer
}
