//! The recorder: writes finished checks in batches, keeps them while the store is away, and does not let one result that
//! the store refuses hold up the others.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{Notify, mpsc};
use tokio::time::sleep;
use tracing::field::Empty;
use tracing::{Instrument, info_span};
use watchkeeper_domain::check::Settled;
use watchkeeper_domain::port::{RepoError, RepoResult};
use watchkeeper_domain::usecase::{Recap, Watch};

use super::metrics::{Metrics, level};
use super::outage::{Outage, patiently, timed};
use crate::traces::TARGET;

/// How many results are written in one transaction.
pub const MAX_BATCH: usize = 500;

/// How long the first result of a batch waits for company, unless the batch is full before. A transaction costs as much
/// as several checks; nobody notices a tenth of a second, and a crash loses no more than that.
pub const BATCH_WINDOW: Duration = Duration::from_millis(100);

/// In how many parts the window is waited for. Looking now and then is cheaper than being woken by every result.
const LOOKS_PER_WINDOW: u32 = 4;

/// What the recorder has before it, for those who must not overtake it.
#[derive(Debug, Default)]
pub struct Backlog {
    results: AtomicUsize,
    is_held_up: AtomicBool,
    shown: Gauge,
}

impl Backlog {
    /// A backlog whose length a gauge shows.
    pub(super) fn shown_by(gauge: &Gauge) -> Self {
        Self { shown: gauge.clone(), ..Self::default() }
    }

    /// Whether the store would not take the last batch.
    pub fn is_held_up(&self) -> bool {
        self.is_held_up.load(Ordering::Acquire)
    }

    /// Whether nothing is left to record.
    pub fn is_empty(&self) -> bool {
        self.results.load(Ordering::Acquire) == 0
    }

    /// How many finished results are not recorded yet.
    pub fn len(&self) -> usize {
        self.results.load(Ordering::Acquire)
    }

    pub(super) fn add(&self, count: usize) {
        self.results.fetch_add(count, Ordering::AcqRel);
        self.shown.inc_by(level(count));
    }

    pub(super) fn sub(&self, count: usize) {
        self.results.fetch_sub(count, Ordering::AcqRel);
        self.shown.dec_by(level(count));
    }
}

/// The recorder. It holds one batch and leaves all else in the bounded channel, so that a store that is slow or away holds
/// up the pool, and the pool the claiming: however long that takes, what was found is kept, and nothing piles up.
pub struct Recorder {
    watch: Watch,
    found: mpsc::Receiver<Settled>,
    /// What is recorded next: empty, but for the batch that the store would not take.
    batch: Vec<Settled>,
    backlog: Arc<Backlog>,
    news: Arc<Notify>,
    outage: Outage,
    metrics: Metrics,
}

impl Recorder {
    /// A recorder of what a pool finds. `news` is notified when people are to be told something.
    pub fn new(
        watch: Watch,
        found: mpsc::Receiver<Settled>,
        backlog: Arc<Backlog>,
        news: Arc<Notify>,
        metrics: Metrics,
    ) -> Self {
        let outage = Outage::new("recorder", &metrics, Arc::clone(&watch.ids));
        Self { watch, found, batch: Vec::new(), backlog, news, outage, metrics }
    }

    /// Records until the pool is gone and everything is written.
    pub async fn run(mut self) {
        let mut pause = Duration::ZERO;
        while self.gather(pause).await {
            pause = self.step().await;
        }
    }

    /// Waits for something to record; after a failed step, for the length of a pause. `false` when nothing will ever come
    /// again.
    async fn gather(&mut self, pause: Duration) -> bool {
        if !self.batch.is_empty() {
            sleep(pause).await;
            return true;
        }
        let Some(first) = self.found.recv().await else { return false };
        self.batch.push(first);
        for _ in 0..LOOKS_PER_WINDOW {
            if self.found.len() >= MAX_BATCH || self.found.is_closed() {
                break;
            }
            sleep(BATCH_WINDOW / LOOKS_PER_WINDOW).await;
        }
        true
    }

    /// Records one batch of what has been found. Answers how long to wait before the next; zero unless the store failed.
    pub async fn step(&mut self) -> Duration {
        while self.batch.len() < MAX_BATCH
            && let Ok(settled) = self.found.try_recv()
        {
            self.batch.push(settled);
        }
        if self.batch.is_empty() {
            return Duration::ZERO;
        }
        let (recap, answer) = record(&self.watch, &self.batch, &self.metrics).await;
        if recap.flips.iter().any(|(_, flip)| flip.is_news()) {
            self.news.notify_one();
        }
        let pause = match self.outage.note(answer) {
            Ok(()) => {
                self.backlog.sub(self.batch.len());
                self.batch.clear();
                Duration::ZERO
            }
            Err(pause) => pause,
        };
        self.backlog.is_held_up.store(self.outage.lasts(), Ordering::Release);
        pause
    }
}

/// Records a batch. Where the store refuses it, it is halved until those that are refused stand alone; these are logged
/// and let go, and all others are recorded. Answers what is in the record now, also where the store went away in between:
/// then the batch may be given again, and what is in the record already is stale.
pub(crate) async fn record(watch: &Watch, batch: &[Settled], metrics: &Metrics) -> (Recap, RepoResult<()>) {
    let mut whole = Recap::default();
    // Each with its position in the batch.
    let mut parts = vec![(0, batch)];
    while let Some((first, part)) = parts.pop() {
        let span = info_span!(target: TARGET, "record", results = part.len(), otel.status_code = Empty);
        let answer = timed(&metrics.calls.record, patiently(watch.record(part))).instrument(span.clone()).await;
        if answer.is_err() {
            span.record("otel.status_code", "ERROR");
        }
        match answer {
            Ok(recap) => {
                metrics.recorded(part, &recap.stale);
                whole.recorded += recap.recorded;
                whole.stale.extend(recap.stale.into_iter().map(|position| first + position));
                whole.flips.extend(recap.flips);
            }
            Err(error @ RepoError::Unavailable(_)) => return (whole, Err(error)),
            Err(error) => match part {
                [] => {}
                [refused] => {
                    metrics.results_dropped.inc();
                    tracing::error!(
                        monitor = %refused.claim.monitor,
                        slot = ?refused.claim.slot,
                        error = &error as &dyn Error,
                        "the store refused a result; its slot will show as missed"
                    );
                }
                _ => {
                    let half = part.len() / 2;
                    let (earlier, later) = part.split_at(half);
                    parts.extend([(first + half, later), (first, earlier)]);
                }
            },
        }
    }
    (whole, Ok(()))
}
