//! Who makes a request: read from the access token that it carries.

use poem::Request;
use poem_openapi::SecurityScheme;
use poem_openapi::auth::Bearer;
use watchkeeper_domain::id::{UserId, WorkspaceId};
use watchkeeper_domain::port::AccessClaims;

use super::Api;

/// The access token from signing up, logging in or refreshing. It works for 15 minutes.
#[derive(SecurityScheme)]
#[oai(ty = "bearer", rename = "accessToken", bearer_format = "JWT", checker = "authenticate")]
pub(super) struct Caller(Authenticated);

/// What is known of a caller.
pub(super) struct Authenticated {
    claims: AccessClaims,
    token: String,
}

impl Caller {
    /// The user.
    pub(super) fn user(&self) -> UserId {
        self.0.claims.user
    }

    /// The workspace in which the request acts.
    pub(super) fn workspace(&self) -> WorkspaceId {
        self.0.claims.workspace
    }

    /// The token, to see later whether it still works.
    pub(super) fn token(&self) -> &str {
        &self.0.token
    }
}

async fn authenticate(request: &Request, bearer: Bearer) -> Option<Authenticated> {
    let api = request.data::<Api>()?;
    let claims = api.accounts.authenticate(&bearer.token)?;
    Some(Authenticated { claims, token: bearer.token })
}
