//! The notice dispatcher: delivers what is owed to channels, never on the path of checking. A slow receiver holds up
//! itself and nobody else.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use watchkeeper_domain::notice::{Delivery, DeliveryOutcome};
use watchkeeper_domain::port::{IdGenerator, RepoResult};
use watchkeeper_domain::usecase::Dispatch;

use super::metrics::Metrics;
use super::outage::{Outage, patiently};

/// How often notices are looked for; the recorder's nudge comes sooner for those of this node.
pub const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// How many deliveries are under way at once.
pub const MAX_DELIVERIES: usize = 64;

/// How long a step waits for deliveries before it looks for further notices.
const STEP_PATIENCE: Duration = Duration::from_millis(200);

/// What came of deliveries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many got through.
    pub delivered: u64,
    /// How many did not.
    pub failed: u64,
}

/// The notice dispatcher.
pub struct Dispatcher {
    dispatch: Dispatch,
    under_way: JoinSet<Delivery>,
    finished: Vec<Delivery>,
    news: Arc<Notify>,
    outage: Outage,
    tally: Tally,
    metrics: Metrics,
}

impl Dispatcher {
    /// A dispatcher that is nudged by `news`.
    pub fn new(dispatch: Dispatch, news: Arc<Notify>, ids: Arc<dyn IdGenerator>, metrics: Metrics) -> Self {
        let outage = Outage::new("dispatcher", &metrics, ids);
        Self {
            dispatch,
            under_way: JoinSet::new(),
            finished: Vec::new(),
            news,
            outage,
            tally: Tally::default(),
            metrics,
        }
    }

    /// Delivers until told to stop, then finishes what is under way.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let answer = self.step().await;
            let (pause, has_failed) = match self.outage.note(answer) {
                Ok(pause) => (pause, false),
                Err(pause) => (pause, true),
            };
            let news = Arc::clone(&self.news);
            let next = async {
                // In an outage a nudge must not defeat the backoff.
                if has_failed {
                    sleep(pause).await;
                } else {
                    let _ = timeout(pause, news.notified()).await;
                }
            };
            let _ = stop.run_until_cancelled(next).await;
        }
        if let Err(error) = self.finish().await {
            tracing::warn!(error = &error as &dyn Error, "notices are left for the next start");
        }
    }

    /// Delivers all that is due now.
    ///
    /// # Errors
    /// Where the store failed; what is owed stays owed.
    pub async fn finish(&mut self) -> RepoResult<()> {
        while self.step().await? < POLL_INTERVAL {}
        Ok(())
    }

    /// Takes what is due and starts delivering it; records what has been delivered by now. Answers how long to wait
    /// before the next step: [`POLL_INTERVAL`] where nothing is under way.
    ///
    /// # Errors
    /// Where the store failed. What has been delivered is written down by a later step, and nothing is lost.
    pub async fn step(&mut self) -> RepoResult<Duration> {
        let room = MAX_DELIVERIES.saturating_sub(self.under_way.len() + self.finished.len());
        let mut taken = 0;
        if room > 0 {
            let claims = patiently(self.dispatch.claim(u32::try_from(room).unwrap_or(u32::MAX))).await?;
            taken = claims.len();
            for claim in claims {
                let dispatch = self.dispatch.clone();
                self.under_way.spawn(async move { dispatch.deliver(&claim).await });
            }
        }
        self.record_finished().await?;
        let is_work_left = taken == room || !self.under_way.is_empty();
        Ok(if is_work_left { Duration::ZERO } else { POLL_INTERVAL })
    }

    /// What came of the deliveries so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Waits a little for deliveries and writes down those that are finished.
    async fn record_finished(&mut self) -> RepoResult<()> {
        let collect = async {
            while let Some(result) = self.under_way.join_next().await {
                match result {
                    Ok(delivery) => self.finished.push(delivery),
                    Err(error) => tracing::error!(%error, "a delivery panicked; it is tried again when its lease ends"),
                }
            }
        };
        let _ = timeout(STEP_PATIENCE, collect).await;
        if self.finished.is_empty() {
            return Ok(());
        }
        patiently(self.dispatch.record(&self.finished)).await?;
        for delivery in self.finished.drain(..) {
            match &delivery.outcome {
                DeliveryOutcome::Delivered => {
                    self.tally.delivered += 1;
                    self.metrics.deliveries_made.inc();
                }
                DeliveryOutcome::Failed { error, retry_at } => {
                    self.tally.failed += 1;
                    self.metrics.deliveries_failed.inc();
                    let (notice, attempt, is_final) = (delivery.notice, delivery.attempt, retry_at.is_none());
                    tracing::warn!(%notice, attempt, %error, is_final, "a notice was not delivered");
                }
            }
        }
        Ok(())
    }
}
