//! Who makes a request: read from the access token that it carries.

use poem::Request;
use poem_openapi::SecurityScheme;
use poem_openapi::auth::Bearer;
use watchkeeper_domain::id::{UserId, WorkspaceId};
use watchkeeper_domain::port::Access;
use watchkeeper_domain::time::Timestamp;

use super::Api;

/// The access token from signing up, logging in or refreshing. It works for 15 minutes.
#[derive(SecurityScheme)]
#[oai(ty = "bearer", rename = "accessToken", bearer_format = "JWT", checker = "authenticate")]
pub(super) struct Caller(Authenticated);

/// What is known of a caller.
pub(super) struct Authenticated {
    access: Access,
    token: String,
}

impl Caller {
    /// The user.
    pub(super) fn user(&self) -> UserId {
        self.0.access.claims.user
    }

    /// The workspace in which the request acts.
    pub(super) fn workspace(&self) -> WorkspaceId {
        self.0.access.claims.workspace
    }

    /// When the token stops working.
    pub(super) fn expires_at(&self) -> Timestamp {
        self.0.access.expires_at
    }

    /// The token, to see later whether it still works.
    pub(super) fn token(&self) -> &str {
        &self.0.token
    }
}

async fn authenticate(request: &Request, bearer: Bearer) -> Option<Authenticated> {
    let api = request.data::<Api>()?;
    let access = api.accounts.authenticate(&bearer.token)?;
    Some(Authenticated { access, token: bearer.token })
}
