//! The notice dispatcher: delivers what is owed to channels, never on the path of checking. A slow receiver holds up
//! itself and nobody else.

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

/// The notice dispatcher.
pub struct Dispatcher {
    dispatch: Dispatch,
    under_way: JoinSet<Delivery>,
    finished: Vec<Delivery>,
    news: Arc<Notify>,
    outage: Outage,
    metrics: Metrics,
}

impl Dispatcher {
    /// A dispatcher that is nudged by `news`.
    pub fn new(dispatch: Dispatch, news: Arc<Notify>, ids: Arc<dyn IdGenerator>, metrics: Metrics) -> Self {
        let outage = Outage::new("dispatcher", &metrics, ids);
        Self { dispatch, under_way: JoinSet::new(), finished: Vec::new(), news, outage, metrics }
    }

    /// Delivers until told to stop, then finishes what is under way.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let pause = self.step().await;
            let news = Arc::clone(&self.news);
            // In an outage a nudge must not defeat the backoff.
            let next = async {
                if self.outage.lasts() {
                    sleep(pause).await;
                } else {
                    let _ = timeout(pause, news.notified()).await;
                }
            };
            let _ = stop.run_until_cancelled(next).await;
        }
        self.step().await;
        while !self.is_idle() && !self.outage.lasts() {
            self.finish_some().await;
        }
    }

    /// Takes what is due and starts delivering it; records what has been delivered by now. Answers how long to wait
    /// before the next step.
    pub async fn step(&mut self) -> Duration {
        let room = MAX_DELIVERIES.saturating_sub(self.under_way.len() + self.finished.len());
        let mut is_work_left = false;
        if room > 0 {
            let answer = patiently(self.dispatch.claim(u32::try_from(room).unwrap_or(u32::MAX))).await;
            match self.outage.note(answer) {
                Ok(claims) => {
                    is_work_left = claims.len() == room;
                    for claim in claims {
                        let dispatch = self.dispatch.clone();
                        self.under_way.spawn(async move { dispatch.deliver(&claim).await });
                    }
                }
                Err(pause) => return pause,
            }
        }
        match self.finish_some().await {
            Some(pause) => pause,
            None if is_work_left || !self.under_way.is_empty() => Duration::ZERO,
            None => POLL_INTERVAL,
        }
    }

    /// Whether nothing is under way and everything is written down.
    pub fn is_idle(&self) -> bool {
        self.under_way.is_empty() && self.finished.is_empty()
    }

    /// Waits a little for deliveries and writes down those that are finished. Answers how long to wait where the store
    /// failed; the attempts are then written down the next time.
    async fn finish_some(&mut self) -> Option<Duration> {
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
            return None;
        }
        let answer: RepoResult<()> = patiently(self.dispatch.record(&self.finished)).await;
        match self.outage.note(answer) {
            Ok(()) => {
                for delivery in self.finished.drain(..) {
                    count(&delivery, &self.metrics);
                }
                None
            }
            Err(pause) => Some(pause),
        }
    }
}

fn count(delivery: &Delivery, metrics: &Metrics) {
    match &delivery.outcome {
        DeliveryOutcome::Delivered => metrics.deliveries_made.inc(),
        DeliveryOutcome::Failed { error, retry_at } => {
            tracing::warn!(
                notice = %delivery.notice,
                attempt = delivery.attempt,
                %error,
                is_final = retry_at.is_none(),
                "a notice was not delivered"
            );
            metrics.deliveries_failed.inc()
        }
    };
}
