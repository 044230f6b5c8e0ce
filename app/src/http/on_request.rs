//! Checks on request. They are made where all others are, so that what they measure does not depend on who looks on.

use std::panic::resume_unwind;

use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;
use watchkeeper_domain::check::Outcome;
use watchkeeper_domain::id::{MonitorId, WorkspaceId};
use watchkeeper_domain::port::{RepoError, RepoResult};
use watchkeeper_domain::usecase::Watch;

/// Makes checks on request.
pub struct OnRequest {
    /// How checks are made.
    pub watch: Watch,
    /// The threads that watch.
    pub watching: Handle,
}

impl OnRequest {
    /// Checks a monitor at once; whoever asked and went away ends it.
    pub(super) async fn check(&self, workspace: WorkspaceId, monitor: MonitorId) -> RepoResult<Option<Outcome>> {
        let watch = self.watch.clone();
        let check = self.watching.spawn(async move { watch.check_now(workspace, monitor).await });
        match AbortOnDropHandle::new(check).await {
            Ok(answer) => answer,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(ended) => Err(RepoError::Unavailable(ended.into())),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::thread;

    use async_trait::async_trait;
    use tokio::runtime::Builder;
    use uuid::Uuid;
    use watchkeeper_domain::account::SignUpPolicy;
    use watchkeeper_domain::check::Region;
    use watchkeeper_domain::port::{MonitorRepo, ProbeRequest, Prober, UserRepo};
    use watchkeeper_domain::report::Report;
    use watchkeeper_domain::testkit::fixture::{self, T0};
    use watchkeeper_domain::testkit::{CountingIds, FakeProber, MemoryFeed, MemoryStore, SteppingClock};
    use watchkeeper_domain::usecase::Memory;

    use super::*;

    /// Notes on which threads it is asked.
    #[derive(Default)]
    struct Noting {
        inner: FakeProber,
        threads: Mutex<Vec<Option<String>>>,
    }

    #[async_trait]
    impl Prober for Noting {
        async fn probe<'a>(&self, request: ProbeRequest<'a>) -> Report {
            self.threads.lock().unwrap().push(thread::current().name().map(str::to_owned));
            self.inner.probe(request).await
        }
    }

    #[tokio::test]
    async fn a_check_on_request_is_made_by_those_who_watch() {
        let store = Arc::new(MemoryStore::new(Arc::new(CountingIds::new())));
        let account = fixture::account("ada@example.org");
        store.sign_up(&account, SignUpPolicy::Open).await.unwrap();
        let monitor = fixture::monitor(MonitorId::new(Uuid::from_u128(7)), account.user.workspace, 60, T0);
        store.create_monitor(&monitor, 10).await.unwrap();
        let prober = Arc::new(Noting::default());
        let watch = Watch {
            checks: store.clone(),
            monitors: store,
            prober: prober.clone(),
            connectivity: None,
            feed: Arc::new(MemoryFeed::default()),
            clock: Arc::new(SteppingClock::at(T0)),
            ids: Arc::new(CountingIds::in_lane(1)),
            region: Region::default(),
            memory: Arc::new(Memory::default()),
        };
        let watching = Builder::new_multi_thread().worker_threads(1).thread_name("watching").build().unwrap();
        let on_request = OnRequest { watch, watching: watching.handle().clone() };
        assert!(on_request.check(monitor.workspace, monitor.id).await.unwrap().is_some());
        assert_eq!(*prober.threads.lock().unwrap(), [Some("watching".to_owned())]);
        watching.shutdown_background();
    }
}
