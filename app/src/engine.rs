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
use watchkeeper_domain::usecase::{Dispatch, Watch};

pub mod dispatcher;
pub mod janitor;
pub mod metrics;
mod network;
mod outage;
pub mod pool;
pub mod recorder;
pub mod scheduler;

use dispatcher::Dispatcher;
use janitor::Janitor;
use metrics::Metrics;
use pool::Pool;
use recorder::{Backlog, Recorder};
use scheduler::Scheduler;

/// How long a graceful stop may take: the longest usual timeout of a probe, twice, and some air to record. What is not
/// finished by then shows as missed.
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
    /// How many probes run at once; at least one.
    pub workers: usize,
    /// What is counted.
    pub metrics: Metrics,
}

impl Engine {
    /// Runs until told to stop; then claims nothing more, finishes what runs, records it, and leaves, within [`GRACE`].
    pub async fn run(self, stop: CancellationToken) {
        let backlog = Arc::new(Backlog::default());
        let news = Arc::new(Notify::new());
        let Self { watch, dispatch, upkeep, workers, metrics } = self;
        let (clock, ids) = (Arc::clone(&watch.clock), Arc::clone(&watch.ids));

        let (pool, found) = Pool::new(watch.clone(), workers.max(1), Arc::clone(&backlog), metrics.clone());
        let recorder =
            Recorder::new(watch.clone(), found, Arc::clone(&backlog), Arc::clone(&news), metrics.clone());
        let scheduler = Scheduler::new(watch, pool, Arc::clone(&backlog), &metrics);
        let dispatcher = Dispatcher::new(dispatch, news, Arc::clone(&ids), metrics.clone());
        let janitor = Janitor::new(upkeep, clock, ids, &metrics);

        // The dispatcher outlives the recorder, so that what the last checks brought about is still told.
        let all_recorded = CancellationToken::new();
        let janitor = AbortOnDropHandle::new(tokio::spawn(janitor.run(stop.clone())));
        let dispatcher = AbortOnDropHandle::new(tokio::spawn(dispatcher.run(all_recorded.clone())));
        let recorder = AbortOnDropHandle::new(tokio::spawn(recorder.run()));
        let scheduler = AbortOnDropHandle::new(tokio::spawn(scheduler.run(stop.clone())));

        stop.cancelled().await;
        let leave = async {
            ended("scheduler", scheduler.await);
            ended("recorder", recorder.await);
            all_recorded.cancel();
            ended("dispatcher", dispatcher.await);
            ended("janitor", janitor.await);
        };
        if timeout(GRACE, leave).await.is_err() {
            tracing::warn!(
                unrecorded = backlog.len(),
                "the engine could not finish in time; what is not recorded will show as missed"
            );
        }
    }
}

fn ended(of: &'static str, result: Result<(), tokio::task::JoinError>) {
    if let Err(error) = result {
        tracing::error!(of, %error, "a loop of the engine ended badly");
    }
}
