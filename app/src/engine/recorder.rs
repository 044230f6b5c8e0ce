//! The recorder: writes finished checks in batches, keeps them while the store is away, and does not let one result that
//! the store refuses hold up the others.

use std::collections::VecDeque;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use watchkeeper_domain::check::Settled;
use watchkeeper_domain::port::{RepoError, RepoResult};
use watchkeeper_domain::usecase::{Recap, Watch};

use super::metrics::Metrics;
use super::outage::{Outage, patiently};

/// How many results are written in one transaction.
pub const MAX_BATCH: usize = 500;

/// How long the first result of a batch waits for company, unless the batch is full before. A transaction costs as much
/// as several checks; nobody notices a tenth of a second, and a crash loses no more than that.
pub const BATCH_WINDOW: Duration = Duration::from_millis(100);

/// In how many parts the window is waited for. Looking now and then is cheaper than being woken by every result.
const LOOKS_PER_WINDOW: u32 = 4;

/// How many finished results are kept while the store is away. Beyond that the oldest are dropped, and their slots end
/// as missed. Nothing is claimed meanwhile, so that it takes a very large pool to get there.
pub const MAX_KEPT_RESULTS: usize = 20_000;

/// What the recorder has before it, for those who must not overtake it.
#[derive(Debug, Default)]
pub struct Backlog {
    results: AtomicUsize,
    is_held_up: AtomicBool,
}

impl Backlog {
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
    }

    pub(super) fn sub(&self, count: usize) {
        self.results.fetch_sub(count, Ordering::AcqRel);
    }
}

/// The recorder.
pub struct Recorder {
    watch: Watch,
    found: mpsc::Receiver<Settled>,
    kept: VecDeque<Settled>,
    backlog: Arc<Backlog>,
    news: Arc<Notify>,
    outage: Outage,
    has_dropped: bool,
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
        Self { watch, found, kept: VecDeque::new(), backlog, news, outage, has_dropped: false, metrics }
    }

    /// Records until the pool is gone and everything is written.
    pub async fn run(mut self) {
        let mut pause = Duration::ZERO;
        while self.gather(pause).await {
            pause = self.step().await;
        }
    }

    /// Waits for something to record; after a failed step it goes on collecting for the length of a pause. `false` when
    /// nothing will ever come again.
    async fn gather(&mut self, pause: Duration) -> bool {
        if self.kept.is_empty() {
            match self.found.recv().await {
                Some(first) => self.keep(first),
                None => return false,
            }
            for _ in 0..LOOKS_PER_WINDOW {
                if self.found.len() >= MAX_BATCH || self.found.is_closed() {
                    break;
                }
                sleep(BATCH_WINDOW / LOOKS_PER_WINDOW).await;
            }
            return true;
        }
        let until = Instant::now() + pause;
        while Instant::now() < until {
            match timeout_at(until, self.found.recv()).await {
                Ok(Some(settled)) => self.keep(settled),
                Ok(None) => sleep_until(until).await,
                Err(_) => break,
            }
        }
        true
    }

    /// Records one batch of what has been found. Answers how long to wait before the next; zero unless the store failed.
    pub async fn step(&mut self) -> Duration {
        for _ in 0..self.found.len() {
            if let Ok(settled) = self.found.try_recv() {
                self.keep(settled);
            }
        }
        let batch: Vec<Settled> = self.kept.drain(..self.kept.len().min(MAX_BATCH)).collect();
        if batch.is_empty() {
            return Duration::ZERO;
        }
        let answer = record(&self.watch, &batch, &self.metrics).await;
        let pause = match self.outage.note(answer) {
            Ok(recap) => {
                self.backlog.sub(batch.len());
                self.has_dropped = false;
                if recap.flips.iter().any(|(_, flip)| flip.is_news()) {
                    self.news.notify_one();
                }
                Duration::ZERO
            }
            Err(pause) => {
                batch.into_iter().rev().for_each(|settled| self.kept.push_front(settled));
                pause
            }
        };
        self.backlog.is_held_up.store(self.outage.lasts(), Ordering::Release);
        self.metrics.results_kept.set(i64::try_from(self.backlog.len()).unwrap_or(i64::MAX));
        pause
    }

    /// Keeps a result until it is recorded; where there are too many, the oldest goes.
    fn keep(&mut self, settled: Settled) {
        if self.kept.len() >= MAX_KEPT_RESULTS && self.kept.pop_front().is_some() {
            self.backlog.sub(1);
            self.metrics.results_dropped.inc();
            if !std::mem::replace(&mut self.has_dropped, true) {
                tracing::error!(
                    most = MAX_KEPT_RESULTS,
                    "the store is away for so long that finished checks are dropped; they will show as missed"
                );
            }
        }
        self.kept.push_back(settled);
    }
}

/// Records a batch. Where the store refuses it, it is halved until those that are refused stand alone; these are logged
/// and let go, and all others are recorded.
///
/// # Errors
/// Where the store is unavailable. The batch may be given again: what is in the record already is then stale.
pub(crate) async fn record(watch: &Watch, batch: &[Settled], metrics: &Metrics) -> RepoResult<Recap> {
    let mut whole = Recap::default();
    let mut parts = vec![batch];
    while let Some(part) = parts.pop() {
        match patiently(watch.record(part)).await {
            Ok(recap) => {
                metrics.recorded(part);
                metrics.results_stale.inc_by(recap.stale as u64);
                whole.recorded += recap.recorded;
                whole.stale += recap.stale;
                whole.flips.extend(recap.flips);
            }
            Err(error @ RepoError::Unavailable(_)) => return Err(error),
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
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
            },
        }
    }
    Ok(whole)
}
