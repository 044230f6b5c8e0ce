//! The notice dispatcher: delivers what is owed to channels, never on the path of checking. A slow receiver holds up
//! itself and nobody else.

use std::collections::HashMap;
use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::field::Empty;
use tracing::{Instrument, info_span};
use watchkeeper_domain::id::NoticeId;
use watchkeeper_domain::notice::{
    ChannelKind, DELIVERY_TIMEOUT, Delivery, DeliveryOutcome, NotDelivered, Notice, NoticeClaim,
};
use watchkeeper_domain::port::{IdGenerator, Notifier, RepoResult};
use watchkeeper_domain::usecase::Dispatch;

use super::metrics::{Metrics, level};
use super::outage::{Outage, patiently, timed};
use crate::traces::TARGET;

/// How often notices are looked for; the recorder's nudge comes sooner for those of this node.
pub const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// How many deliveries are under way at once.
pub const MAX_DELIVERIES: usize = 64;

/// How long a step waits for deliveries before it looks for further notices.
const STEP_PATIENCE: Duration = Duration::from_millis(200);

/// A notifier that gives up in time, whatever the one inside does: an attempt that hangs is one that failed.
pub struct Punctual(pub Arc<dyn Notifier>);

#[async_trait]
impl Notifier for Punctual {
    fn kind(&self) -> ChannelKind {
        self.0.kind()
    }

    async fn deliver(&self, notice: &Notice) -> Result<(), NotDelivered> {
        timeout(DELIVERY_TIMEOUT, self.0.deliver(notice)).await.unwrap_or_else(|_| {
            let detail = format!("the channel took nothing within {} s", DELIVERY_TIMEOUT.as_secs());
            Err(NotDelivered { detail, is_final: false })
        })
    }
}

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
    attempts: JoinSet<(NoticeId, Option<Delivery>)>,
    /// The newest claim of each notice that is being delivered. A lease may end meanwhile (the machine slept, or the claim
    /// itself took long), and the notice be given anew: then the attempt under way counts as the one of the new claim.
    under_way: HashMap<NoticeId, NoticeClaim>,
    finished: Vec<(ChannelKind, Delivery)>,
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
            attempts: JoinSet::new(),
            under_way: HashMap::new(),
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

    /// Writes down what has been delivered, then takes what is due, starts delivering it, and waits a little for it. Answers
    /// how long to wait before the next step: [`POLL_INTERVAL`] where nothing is under way.
    ///
    /// Nothing is taken before all that is finished is in the ledger: after an outage that outlasted a lease it would be
    /// taken and delivered again.
    ///
    /// # Errors
    /// Where the store failed. What has been delivered is written down by a later step, and nothing is lost.
    pub async fn step(&mut self) -> RepoResult<Duration> {
        self.record_finished().await?;
        let room = MAX_DELIVERIES.saturating_sub(self.under_way.len());
        let mut taken = 0;
        if room > 0 {
            let most = u32::try_from(room).unwrap_or(u32::MAX);
            let claims = timed(&self.metrics.calls.claim_notices, patiently(self.dispatch.claim(most))).await?;
            taken = claims.len();
            claims.into_iter().for_each(|claim| self.start(claim));
        }
        let _ = timeout(STEP_PATIENCE, self.collect()).await;
        self.record_finished().await?;
        let is_work_left = taken == room || !self.under_way.is_empty();
        Ok(if is_work_left { Duration::ZERO } else { POLL_INTERVAL })
    }

    /// What came of the deliveries so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Begins an attempt, unless one of the same notice is under way.
    fn start(&mut self, claim: NoticeClaim) {
        let notice = claim.notice.id;
        if self.under_way.insert(notice, claim.clone()).is_none() {
            self.metrics.deliveries.in_flight.set(level(self.under_way.len()));
            let dispatch = self.dispatch.clone();
            self.attempts.spawn(async move {
                let NoticeClaim { notice: Notice { channel_kind, .. }, attempt, .. } = &claim;
                let span =
                    info_span!(target: TARGET, "deliver", %notice, channel = ?channel_kind, attempt, otel.status_code = Empty);
                let delivery = AssertUnwindSafe(dispatch.deliver(&claim)).catch_unwind();
                let delivery = delivery.instrument(span.clone()).await.ok();
                if !delivery.as_ref().is_some_and(|delivery| delivery.outcome == DeliveryOutcome::Delivered) {
                    span.record("otel.status_code", "ERROR");
                }
                (notice, delivery)
            });
        }
    }

    /// Gathers what is finished until nothing is under way.
    async fn collect(&mut self) {
        while let Some(Ok((notice, delivery))) = self.attempts.join_next().await {
            let claim = self.under_way.remove(&notice);
            self.metrics.deliveries.in_flight.set(level(self.under_way.len()));
            match (delivery, claim) {
                (Some(delivery), Some(NoticeClaim { notice, attempt, token })) => {
                    self.finished.push((notice.channel_kind, Delivery { attempt, token, ..delivery }));
                }
                _ => tracing::error!(%notice, "a delivery panicked; it is tried again when its lease ends"),
            }
        }
    }

    /// Writes down what is finished by now.
    async fn record_finished(&mut self) -> RepoResult<()> {
        let _ = self.collect().now_or_never();
        if self.finished.is_empty() {
            return Ok(());
        }
        let deliveries: Vec<Delivery> = self.finished.iter().map(|(_, delivery)| delivery.clone()).collect();
        timed(&self.metrics.calls.record_deliveries, patiently(self.dispatch.record(&deliveries))).await?;
        for (channel, delivery) in self.finished.drain(..) {
            self.metrics.deliveries.of(channel, &delivery.outcome).inc();
            match &delivery.outcome {
                DeliveryOutcome::Delivered => self.tally.delivered += 1,
                DeliveryOutcome::Failed { error, retry_at } => {
                    self.tally.failed += 1;
                    let (notice, attempt, is_final) = (delivery.notice, delivery.attempt, retry_at.is_none());
                    tracing::warn!(%notice, attempt, %error, is_final, "a notice was not delivered");
                }
            }
        }
        Ok(())
    }
}
