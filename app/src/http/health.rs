//! What operators and their machines ask.

use std::sync::Arc;
use std::time::Duration;

use poem::http::header::CACHE_CONTROL;
use poem::web::Data;
use poem::{IntoResponse, Response, Result, Route, get, handler};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::time::timeout;
use watchkeeper_domain::port::Upkeep;

use super::problem::{Kind, Problem};

/// How long the store has to answer before it counts as away.
const PING_TIMEOUT: Duration = Duration::from_secs(3);
/// When it is worth asking again.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// The media type of OpenMetrics, which Prometheus reads.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The paths of what operators ask.
pub(super) fn routes(route: Route) -> Route {
    route.at("/healthz", get(alive)).at("/readyz", get(ready)).at("/metrics", get(metrics))
}

/// The process is alive.
#[handler]
pub(super) fn alive() -> Response {
    plain("alive\n")
}

/// The store is reachable and has all its migrations.
#[handler]
async fn ready(Data(upkeep): Data<&Arc<dyn Upkeep>>) -> Result<Response> {
    match timeout(PING_TIMEOUT, upkeep.ping()).await {
        Ok(answer) => answer.map_err(Problem::from)?,
        Err(_) => return Err(Problem::new(Kind::StoreUnavailable).retry_after(RETRY_AFTER).into()),
    }
    Ok(plain("ready\n"))
}

/// The store has not been reached yet.
#[handler]
pub(super) fn not_yet() -> Problem {
    Problem::new(Kind::StoreUnavailable)
        .detail("The store is not reachable yet. Try again in a moment.")
        .retry_after(RETRY_AFTER)
}

/// All counters of this process.
#[handler]
fn metrics(Data(registry): Data<&Arc<Registry>>) -> Result<Response> {
    let mut text = String::new();
    encode(&mut text, registry).map_err(|_| Problem::new(Kind::Internal))?;
    Ok(Response::builder().content_type(OPEN_METRICS).header(CACHE_CONTROL, "no-store").body(text))
}

fn plain(text: &'static str) -> Response {
    text.with_header(CACHE_CONTROL, "no-store").into_response()
}
