//! The engine: loops that check what is due, record what was found, tell people, and tidy up.
//!
//! ```text
//! scheduler -> pool -> recorder -> (news) -> dispatcher      janitor
//! ```
//!
//! Each loop has a `step()` that does the work and that tests and `tick` call; `run()` only repeats it. Every channel
//! between them is bounded. The engine knows the use cases and ports of the domain, neither adapters nor HTTP.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use watchkeeper_domain::port::Upkeep;
use watchkeeper_domain::retention::Retention;
use watchkeeper_domain::usecase::{Dispatch, Watch};

pub mod dispatcher;
pub mod janitor;
pub mod metrics;
mod network;
pub mod outage;
pub mod pool;
pub mod recorder;
pub mod scheduler;

use dispatcher::Dispatcher;
use janitor::Janitor;
use metrics::Metrics;
use pool::Pool;
use recorder::{Backlog, Recorder};
use scheduler::Scheduler;

/// How long a graceful stop may take: the usual timeout of a probe, twice, and some air to record. It is less than what
/// service managers wait for. A probe with a longer timeout may be cut off; its slot then shows as missed.
pub const GRACE: Duration = Duration::from_secs(25);

/// What the engine runs on.
#[derive(Clone)]
pub struct Engine {
    /// Claiming, probing, recording.
    pub watch: Watch,
    /// Telling people.
    pub dispatch: Dispatch,
    /// Keeping the store in order.
    pub upkeep: Arc<dyn Upkeep>,
    /// For how long history is kept.
    pub retention: Retention,
    /// How long to wait before the first claim: [`scheduler::HEAD_START`] where the store was away, so that nodes that kept
    /// results record them first; else nothing.
    pub head_start: Duration,
    /// How many probes run at once; at least one.
    pub workers: usize,
    /// What is counted.
    pub metrics: Metrics,
}

/// A loop of the engine ended although nobody told it to: a fault of the program, so that the process had better begin anew.
#[derive(Debug, thiserror::Error)]
#[error("a loop of the engine broke off")]
pub struct BrokeOff;

impl Engine {
    /// Runs until told to stop; then claims nothing more, finishes what runs, records it, and leaves, within [`GRACE`].
    ///
    /// # Errors
    /// [`BrokeOff`], after leaving in the same way as far as that is possible.
    pub async fn run(self, stop: CancellationToken) -> Result<(), BrokeOff> {
        let news = Arc::new(Notify::new());
        let Self { watch, dispatch, upkeep, retention, head_start, workers, metrics } = self;
        let backlog = Arc::new(Backlog::shown_by(&metrics.results_kept));
        let (clock, ids) = (Arc::clone(&watch.clock), Arc::clone(&watch.ids));

        let (pool, found) = Pool::new(watch.clone(), workers.max(1), Arc::clone(&backlog), metrics.clone());
        let recorder = Recorder::new(watch.clone(), found, Arc::clone(&backlog), Arc::clone(&news), metrics.clone());
        let scheduler = Scheduler::new(watch, Arc::clone(&upkeep), pool, Arc::clone(&backlog), metrics.clone());
        let dispatcher = Dispatcher::new(dispatch, news, Arc::clone(&ids), metrics.clone());
        let janitor = Janitor::new(upkeep, retention, clock, ids, &metrics);

        let (claim_no_more, all_is_recorded, one_ended) =
            (stop.child_token(), CancellationToken::new(), CancellationToken::new());
        let janitor = start(janitor.run(claim_no_more.clone()), &one_ended);
        let dispatcher = start(dispatcher.run(all_is_recorded.clone()), &one_ended);
        let recorder = start(recorder.run(), &one_ended);
        let scheduler = start(scheduler.run(head_start, claim_no_more.clone()), &one_ended);

        let broke_off = tokio::select! {
            // Being told to stop comes first: the loops then end one by one, as they should.
            biased;
            () = stop.cancelled() => false,
            () = one_ended.cancelled() => true,
        };
        claim_no_more.cancel();
        let leave = async {
            let scheduler = scheduler.await;
            let recorder = recorder.await;
            // The dispatcher outlives the recorder, so that what the last checks brought about is still told.
            all_is_recorded.cancel();
            [scheduler, recorder, dispatcher.await, janitor.await].into_iter().all(|ended| ended.is_ok())
        };
        match timeout(GRACE, leave).await {
            Ok(true) if !broke_off => Ok(()),
            Ok(_) => Err(BrokeOff),
            Err(_) => {
                tracing::warn!(
                    unrecorded = backlog.len(),
                    "the engine could not finish in time; what is not recorded will show as missed"
                );
                if broke_off { Err(BrokeOff) } else { Ok(()) }
            }
        }
    }

    /// Keeps the store in order and does nothing else, until told to stop: for a node that serves without watching, whose
    /// checks on request need room all the same.
    pub async fn tidy(self, stop: CancellationToken) {
        let Self { watch, upkeep, retention, metrics, .. } = self;
        Janitor::new(upkeep, retention, watch.clock, watch.ids, &metrics).run(stop).await;
    }
}

/// Starts a loop that says when it has ended, be it by a panic, and that does not outlive whoever holds the handle.
fn start(run: impl Future<Output = ()> + Send + 'static, ended: &CancellationToken) -> AbortOnDropHandle<()> {
    let ended = ended.clone().drop_guard();
    AbortOnDropHandle::new(tokio::spawn(async move {
        let _ended = ended;
        run.await;
    }))
}

#[cfg(test)]
pub(crate) mod tests;
