//! Operations on the workspace that somebody's requests act in.

mod view;

use poem::web::Data;
use poem_openapi::OpenApi;
use watchkeeper_domain::invalid::Invalid;
use watchkeeper_domain::retention::{OwnRetention, Retention};

use super::caller::Caller;
use super::json::Json;
use super::problem::{Problem, Refusal, refusals};
use super::{Api, Tag};
use view::{Workspace, WorkspaceChange};

refusals! {
    Get: Unauthenticated;
    Change:
        MalformedJson,
        Unauthenticated,
        BodyTooLarge,
        UnsupportedMediaType,
        ValidationFailed = Problem::broken_rule(longer_than_the_operator());
}

/// The operations.
pub(super) struct WorkspaceApi;

#[OpenApi(tag = "Tag::Workspace")]
impl WorkspaceApi {
    /// The workspace
    ///
    /// And for how long its history is kept.
    #[oai(path = "/workspace", method = "get", operation_id = "getWorkspace")]
    async fn get(&self, api: Data<&Api>, caller: Caller) -> Result<Json<Workspace>, Refusal<Get>> {
        let kept = api.workspaces.kept(caller.workspace()).await?;
        Ok(Json(Workspace::new(caller.workspace(), &kept)))
    }

    /// Change the workspace
    ///
    /// What is older than its history is to be kept is gone at once for whoever reads, and does not come back.
    #[oai(path = "/workspace", method = "patch", operation_id = "changeWorkspace")]
    async fn change(
        &self,
        api: Data<&Api>,
        caller: Caller,
        change: Json<WorkspaceChange>,
    ) -> Result<Json<Workspace>, Refusal<Change>> {
        let kept = api.workspaces.keep_for(caller.workspace(), change.0.into()).await?;
        Ok(Json(Workspace::new(caller.workspace(), &kept)))
    }
}

/// More than the operator keeps.
fn longer_than_the_operator() -> Result<(), Invalid> {
    let fits = OwnRetention::new(Some(8), None, None).and_then(|own| own.fits(&Retention::DEFAULT));
    fits.map_err(|invalid| Invalid { field: "retention.raw_days", ..invalid })
}
