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
