//! The janitor: keeps room for what is to come, rolls up and folds what is over, and removes what is old enough or what
//! nobody can see any more. A step is bounded by number, of hours and of rows; what it leaves over waits for the next.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::field::Empty;
use tracing::{Instrument, info_span};
use watchkeeper_domain::port::{Clock, IdGenerator, RepoError, RepoResult, Upkeep};
use watchkeeper_domain::retention::Retention;
use watchkeeper_domain::time::Timestamp;

use super::metrics::{Arrears, Metrics};
use super::outage::{Outage, timed};
use crate::traces::TARGET;

/// How often the janitor comes by.
pub const ROUND_INTERVAL: Duration = Duration::from_secs(60);

/// How many hours are rolled up in one step.
pub const MAX_HOURS: usize = 24;

/// How many monitors' days one call of folding may fold, so that it never holds the store for long.
pub const MAX_FOLDED_DAYS: u32 = 500;

/// How many calls of folding one step makes.
pub const MAX_FOLDS: usize = 200;

/// How many rows one call of purging or retiring may remove, so that it never holds the store for long.
pub const MAX_PURGED_ROWS: u32 = 2_000;

/// How many calls of purging, and of retiring, one step makes.
pub const MAX_PURGES: usize = 50;

/// How long one call may take before it counts as failed, so that a connection that is dead without saying so cannot hold
/// the janitor for ever. It is long enough for the hours of many monitors.
pub const CALL_PATIENCE: Duration = Duration::from_secs(300);

/// How long a round goes on with what has more to do: what comes later in a round must have its turn, too.
pub const MAX_ROUND: Duration = Duration::from_secs(300);

/// How soon the next step follows where the last one left work over: checking comes first.
const BUSY_PAUSE: Duration = Duration::from_secs(1);

/// What one step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Hours rolled up.
    pub hours: usize,
    /// Monitors' days folded.
    pub monitor_days: u64,
    /// Rows removed one by one because they were old enough.
    pub old_rows: u64,
    /// Rows of deleted monitors' history removed.
    pub history_rows: u64,
    /// Refresh tokens removed.
    pub sessions: u64,
    /// Whether more is left to do.
    pub has_more: bool,
}

/// The janitor.
pub struct Janitor {
    upkeep: Arc<dyn Upkeep>,
    retention: Retention,
    clock: Arc<dyn Clock>,
    outage: Outage,
    durations: Histogram,
    arrears: Arrears,
    store_size: Gauge,
}

impl Janitor {
    /// A janitor of a store whose history is kept for so long.
    pub fn new(
        upkeep: Arc<dyn Upkeep>,
        retention: Retention,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
        metrics: &Metrics,
    ) -> Self {
        let outage = Outage::new("janitor", metrics, ids);
        let (durations, arrears) = (metrics.calls.tidy.clone(), metrics.arrears.clone());
        Self { upkeep, retention, clock, outage, durations, arrears, store_size: metrics.store_size.clone() }
    }

    /// Tidies until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let rounds = async {
            loop {
                let answer = self.step().await;
                let pause = match self.outage.note(answer) {
                    Ok(Tidied { has_more: true, .. }) => BUSY_PAUSE,
                    Ok(_) => ROUND_INTERVAL,
                    Err(pause) => pause,
                };
                sleep(pause).await;
            }
        };
        let _: Option<()> = stop.run_until_cancelled(rounds).await;
    }

    /// Does one bounded round.
    ///
    /// # Errors
    /// Where the store failed, or does not answer; what was done until then stays done.
    pub async fn step(&mut self) -> RepoResult<Tidied> {
        // Each call of the store is atomic, so that a round may be left at any point.
        let span = info_span!(target: TARGET, "tidy", otel.status_code = Empty);
        let tidied = timed(&self.durations, self.round()).instrument(span.clone()).await;
        if tidied.is_err() {
            span.record("otel.status_code", "ERROR");
        }
        tidied
    }

    async fn round(&self) -> RepoResult<Tidied> {
        let (now, mut round) = (self.clock.now(), Round::begin());
        within(self.upkeep.prepare(now)).await?;
        // What stands in the way of one is no reason to leave the others undone: a disk fills up.
        let rolled_up = self.roll_up(now, &mut round).await;
        let folded = self.fold(&mut round).await;
        let retired = self.retire(now, &mut round).await;
        let purged = self.purge(now, &mut round).await;
        let tidied = round.tidied;
        if tidied != Tidied::default() {
            tracing::debug!(?tidied, "tidied up");
        }
        self.arrears.show(&within(self.upkeep.arrears()).await?, now, self.retention.left(now).raw_from);
        // Rounds that follow upon each other at once are no reason to look at every file each time.
        if !tidied.has_more {
            self.store_size.set(i64::try_from(within(self.upkeep.size_bytes()).await?).unwrap_or(i64::MAX));
        }
        rolled_up.and(folded).and(retired).and(purged).and(Ok(tidied))
    }

    async fn roll_up(&self, now: Timestamp, round: &mut Round) -> RepoResult<()> {
        for hours in 1.. {
            if within(self.upkeep.roll_up(now)).await?.is_none() {
                break;
            }
            round.tidied.hours += 1;
            if round.is_over(hours == MAX_HOURS) {
                break;
            }
        }
        Ok(())
    }

    async fn fold(&self, round: &mut Round) -> RepoResult<()> {
        for call in 1.. {
            let folded = within(self.upkeep.fold(MAX_FOLDED_DAYS)).await?;
            round.tidied.monitor_days += folded.monitor_days;
            if !folded.has_more || round.is_over(call == MAX_FOLDS) {
                break;
            }
        }
        Ok(())
    }

    async fn retire(&self, now: Timestamp, round: &mut Round) -> RepoResult<()> {
        for call in 1.. {
            let retired = within(self.upkeep.retire(now, &self.retention, MAX_PURGED_ROWS)).await?;
            round.tidied.old_rows += retired.rows;
            if !retired.has_more || round.is_over(call == MAX_PURGES) {
                break;
            }
        }
        Ok(())
    }

    async fn purge(&self, now: Timestamp, round: &mut Round) -> RepoResult<()> {
        for call in 1.. {
            let purged = within(self.upkeep.purge(now, MAX_PURGED_ROWS)).await?;
            round.tidied.history_rows += purged.history_rows;
            round.tidied.sessions += purged.sessions;
            if !purged.has_more || round.is_over(call == MAX_PURGES) {
                break;
            }
        }
        Ok(())
    }
}

/// A round that is under way.
struct Round {
    began: Instant,
    tidied: Tidied,
}

impl Round {
    fn begin() -> Self {
        Self { began: Instant::now(), tidied: Tidied::default() }
    }

    /// Whether a kind of work that has more to do waits for the next round: it has had its share, or the round its time.
    fn is_over(&mut self, has_had_its_share: bool) -> bool {
        let is_over = has_had_its_share || self.began.elapsed() >= MAX_ROUND;
        self.tidied.has_more |= is_over;
        is_over
    }
}

/// Waits for a call of the store, though not for ever.
async fn within<T>(call: impl Future<Output = RepoResult<T>>) -> RepoResult<T> {
    timeout(CALL_PATIENCE, call).await.unwrap_or_else(|elapsed| Err(RepoError::Unavailable(Box::new(elapsed))))
}
