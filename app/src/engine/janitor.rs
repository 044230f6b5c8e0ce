//! The janitor: keeps room for what is to come, rolls up what is over, and removes what nobody can see any more. Every
//! step is bounded, and whatever it leaves over waits for the next one.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use watchkeeper_domain::port::{Clock, IdGenerator, RepoError, RepoResult, Upkeep};
use watchkeeper_domain::time::Timestamp;

use super::metrics::Metrics;
use super::outage::Outage;

/// How often the janitor comes by.
pub const ROUND_INTERVAL: Duration = Duration::from_secs(60);

/// How many hours are rolled up in one step.
pub const MAX_HOURS: usize = 24;

/// How many rows one call of purging may remove, so that it never holds the store for long.
pub const MAX_PURGED_ROWS: u32 = 2_000;

/// How many calls of purging one step makes.
pub const MAX_PURGES: usize = 50;

/// How long a step may take before it counts as failed, so that a connection that is dead without saying so cannot hold
/// the janitor for ever. It is long enough for the hours of many monitors.
pub const STEP_PATIENCE: Duration = Duration::from_secs(300);

/// How soon the next step follows where the last one left work over: checking comes first.
const BUSY_PAUSE: Duration = Duration::from_secs(1);

/// What one step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Hours rolled up.
    pub hours: usize,
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
    clock: Arc<dyn Clock>,
    outage: Outage,
}

impl Janitor {
    /// A janitor of a store.
    pub fn new(upkeep: Arc<dyn Upkeep>, clock: Arc<dyn Clock>, ids: Arc<dyn IdGenerator>, metrics: &Metrics) -> Self {
        Self { upkeep, clock, outage: Outage::new("janitor", metrics, ids) }
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
        let round = timeout(STEP_PATIENCE, self.round()).await;
        round.unwrap_or_else(|elapsed| Err(RepoError::Unavailable(Box::new(elapsed))))
    }

    async fn round(&self) -> RepoResult<Tidied> {
        let now = self.clock.now();
        self.upkeep.prepare(now).await?;
        let mut tidied = Tidied::default();
        let rolled_up = self.roll_up(now, &mut tidied).await;
        for round in 1..=MAX_PURGES {
            let purged = self.upkeep.purge(now, MAX_PURGED_ROWS).await?;
            tidied.history_rows += purged.history_rows;
            tidied.sessions += purged.sessions;
            if !purged.has_more {
                break;
            }
            tidied.has_more |= round == MAX_PURGES;
        }
        if tidied != Tidied::default() {
            tracing::debug!(?tidied, "tidied up");
        }
        // An hour that cannot be rolled up is no reason to keep what nobody may see any more.
        rolled_up.and(Ok(tidied))
    }

    async fn roll_up(&self, now: Timestamp, tidied: &mut Tidied) -> RepoResult<()> {
        while self.upkeep.roll_up(now).await?.is_some() {
            tidied.hours += 1;
            if tidied.hours == MAX_HOURS {
                tidied.has_more = true;
                break;
            }
        }
        Ok(())
    }
}
