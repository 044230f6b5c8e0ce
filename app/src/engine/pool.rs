//! The worker pool: starts every claim at its very slot, with a bound on how many probes run at once and another on how
//! many claims are held in all.
//!
//! A check costs one spawned task. It waits for its instant on the monotonic clock, takes a worker's permit, probes,
//! and hands the result to the recorder. A probe that panics costs its own slot only, which is missed when its lease
//! ends.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, sleep_until};
use tokio_util::task::TaskTracker;
use tracing::field::{self, Empty};
use tracing::{Instrument, info_span};
use watchkeeper_domain::check::{Outcome, Settled};
use watchkeeper_domain::usecase::{Assignment, Watch};

use super::metrics::{Counted, Metrics, level};
use super::network::{Network, Share};
use super::recorder::{Backlog, MAX_BATCH};
use crate::traces::{CHECK, TARGET};

/// How many claims are held for each worker: those that are probed, those that wait for their instant, and a few that
/// wait for a worker.
const CLAIMS_PER_WORKER: usize = 4;

/// A portion is one in so many of the claims that are held at the most. No fewer are taken at once, since each time costs the
/// store as much as dozens of checks. A greater portion would cost lateness: a claim goes through one cohort after the other,
/// each up to the horizon, and what is due next in the last of them waits for its turn.
const PORTIONS: usize = 8;

/// For how many workers one claim may wait whose instant has come: enough to keep every worker busy.
const WORKERS_PER_WAITING_CLAIM: usize = 4;

/// The worker pool.
pub struct Pool {
    shared: Arc<Shared>,
    tasks: TaskTracker,
}

struct Shared {
    watch: Watch,
    workers: Semaphore,
    most_held: usize,
    most_waiting: usize,
    held: AtomicUsize,
    waiting: AtomicUsize,
    results: mpsc::Sender<Settled>,
    backlog: Arc<Backlog>,
    network: Network,
    metrics: Metrics,
}

impl Pool {
    /// A pool of so many workers, and what it finds. It never finds more at once than the channel holds.
    pub fn new(
        watch: Watch,
        workers: usize,
        backlog: Arc<Backlog>,
        metrics: Metrics,
    ) -> (Self, mpsc::Receiver<Settled>) {
        let most_held = workers * CLAIMS_PER_WORKER;
        let (results, found) = mpsc::channel(most_held);
        metrics.workers.set(level(workers));
        metrics.claims_held_limit.set(level(most_held));
        // Those in the channel, those that wait for room in it with their claim still held, and the recorder's batch.
        metrics.results_kept_limit.set(level(2 * most_held + MAX_BATCH));
        let shared = Shared {
            watch,
            workers: Semaphore::new(workers),
            most_held,
            most_waiting: workers.div_ceil(WORKERS_PER_WAITING_CLAIM),
            held: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            results,
            backlog,
            network: Network::new(metrics.is_cut_off.clone()),
            metrics,
        };
        (Self { shared: Arc::new(shared), tasks: TaskTracker::new() }, found)
    }

    /// How many more claims may be handed in now: none where there are places for less than a portion. Few or none while claims
    /// wait for a worker: other nodes may have room, and a claim that waits for long outlives its lease.
    pub fn room(&self) -> usize {
        let (held, waiting) = (self.shared.held.load(Ordering::Relaxed), self.shared.waiting.load(Ordering::Relaxed));
        let free = self.shared.most_held.saturating_sub(held);
        let room = if free < self.shared.most_held / PORTIONS { 0 } else { free };
        if waiting == 0 { room } else { room.min(self.shared.most_waiting.saturating_sub(waiting)) }
    }

    /// What of the work that is due had better be asked for: less where this node cannot get out, and others may.
    pub(super) fn share(&self) -> Share {
        self.shared.network.share()
    }

    /// Notes that what was claimed is a trial.
    pub(super) fn tries(&self) {
        self.shared.network.tries();
    }

    /// Takes claims over, each to be started at its slot, or at once where that has passed.
    pub fn start(&self, assignments: Vec<Assignment>) {
        let (now, instant) = (self.shared.watch.clock.now(), Instant::now());
        for assignment in assignments {
            let wait = assignment.claim.slot.since(now);
            let start_at = (!wait.is_zero()).then(|| instant + wait);
            let seat = Seat::take(&self.shared);
            self.tasks.spawn(check(seat, assignment, start_at));
        }
    }

    /// Waits until everything that was handed in is finished.
    pub async fn finish(self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// A place among the claims that are held; given back when dropped, also by a panic.
struct Seat(Arc<Shared>);

impl Seat {
    fn take(shared: &Arc<Shared>) -> Self {
        shared.held.fetch_add(1, Ordering::Relaxed);
        shared.metrics.claims_held.inc();
        Self(Arc::clone(shared))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, Ordering::Relaxed);
        self.0.metrics.claims_held.dec();
    }
}

/// One claim from its instant to its result.
async fn check(seat: Seat, assignment: Assignment, start_at: Option<Instant>) {
    let shared = &*seat.0;
    if let Some(start_at) = start_at {
        sleep_until(start_at).await;
    }
    let permit = match shared.workers.try_acquire() {
        Ok(permit) => permit,
        Err(_) => {
            shared.waiting.fetch_add(1, Ordering::Relaxed);
            let _waiting = Counted::one(&shared.metrics.claims_waiting);
            let permit = shared.workers.acquire().await;
            shared.waiting.fetch_sub(1, Ordering::Relaxed);
            // The semaphore is never closed.
            let Ok(permit) = permit else { return };
            permit
        }
    };
    let settled = {
        let _in_flight = Counted::one(&shared.metrics.probes_in_flight);
        probe(&shared.watch, &assignment, &shared.metrics).await
    };
    drop(permit);
    let Some(settled) = settled else { return };
    shared.network.saw(&settled);
    shared.backlog.add(1);
    if shared.results.send(settled).await.is_err() {
        shared.backlog.sub(1);
    }
}

/// Probes one claim. `None` where nothing can be said, and the slot is given anew or missed when its lease ends: it is too
/// late to start, or the probe panicked.
pub(crate) async fn probe(watch: &Watch, assignment: &Assignment, metrics: &Metrics) -> Option<Settled> {
    let claim = &assignment.claim;
    let span = info_span!(target: TARGET, CHECK, monitor = %claim.monitor, origin = ?claim.origin, verdict = Empty);
    let probed = AssertUnwindSafe(watch.probe(assignment)).catch_unwind().instrument(span.clone()).await;
    if let Ok(Some(Settled { outcome: Outcome::Checked(check), .. })) = &probed {
        span.record("verdict", field::debug(check.verdict));
    }
    match probed {
        Ok(Some(settled)) => {
            metrics.probed(&settled);
            Some(settled)
        }
        Ok(None) => {
            metrics.probes_too_late.inc();
            None
        }
        Err(_) => {
            metrics.probes_panicked.inc();
            tracing::error!(monitor = %assignment.claim.monitor, slot = ?assignment.claim.slot, "a probe panicked; its slot is missed");
            None
        }
    }
}
