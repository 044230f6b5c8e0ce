//! Parameters that many operations share.

use watchkeeper_domain::usecase::WindowRequest;

use super::value::Time;

/// How many things a page of a list has where nothing is said.
pub(super) const DEFAULT_LIMIT: u32 = 50;

/// The default of `limit`.
pub(super) fn default_limit() -> u32 {
    DEFAULT_LIMIT
}

/// The stretch of time that a request asks about.
pub(super) fn window(from: Option<Time>, to: Option<Time>) -> WindowRequest {
    WindowRequest { from: from.map(|time| time.0), to: to.map(|time| time.0) }
}
