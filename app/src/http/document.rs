//! The OpenAPI document, made from the code.

use poem_openapi::{LicenseObject, OpenApiService};

use super::auth::AuthApi;
use super::event::EventApi;
use super::history::HistoryApi;
use super::incident::IncidentApi;
use super::monitor::MonitorApi;
use super::problem;
use super::workspace::WorkspaceApi;

const DESCRIPTION: &str = "\
Watchkeeper is an uptime monitor that you can audit: every slot at which a monitor was due is accounted for.

Sign up or log in for an access token, and send it as `Authorization: Bearer ...`. Times are RFC 3339 in UTC with six \
fraction digits, latencies are milliseconds with microsecond precision, identifiers are UUIDs. Lists come in pages: hand \
`next_cursor` back as `cursor` until it is null. Every answer that is not a success is a `Problem` (RFC 9457), of media type \
`application/problem+json`; its `code` is stable.";

/// All operations.
pub(super) type Operations = (AuthApi, MonitorApi, HistoryApi, IncidentApi, WorkspaceApi, EventApi);

/// The operations with their document.
pub(super) fn service() -> OpenApiService<Operations, ()> {
    let operations = (AuthApi, MonitorApi, HistoryApi, IncidentApi, WorkspaceApi, EventApi);
    OpenApiService::new(operations, "Watchkeeper", env!("CARGO_PKG_VERSION"))
        .description(format!("{DESCRIPTION}\n\n{}", problem::table()))
        .license(LicenseObject::new("MIT OR Apache-2.0"))
        .server("/")
        .url_prefix("/api/v1")
}

/// The document as YAML.
pub fn openapi_yaml() -> String {
    service().spec_yaml()
}

/// The document as JSON.
pub fn openapi_json() -> String {
    service().spec()
}
