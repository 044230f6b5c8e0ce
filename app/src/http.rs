//! The HTTP side: the API under `/api/v1`, what operators ask (`/healthz`, `/readyz`, `/metrics`), the documentation, and
//! the dashboard on every other path.
//!
//! It drives the domain's use cases and knows neither the engine nor the adapters: the wiring hands in all that it needs.

mod auth;
mod bound;
mod caller;
mod check;
mod client;
mod cursor;
mod dashboard;
mod docs;
mod document;
mod edge;
mod event;
mod health;
mod history;
mod incident;
mod json;
mod limit;
mod metrics;
mod monitor;
mod on_request;
mod parameter;
mod place;
mod problem;
mod status;
mod value;
mod workspace;

use std::sync::Arc;

use ipnet::IpNet;
use poem::endpoint::BoxEndpoint;
use poem::{EndpointExt, IntoEndpoint, Response, Route, get};
use poem_openapi::Tags;
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;
use url::Url;
use watchkeeper_domain::port::{Clock, EventFeed, Upkeep};
use watchkeeper_domain::usecase::{Accounts, History, Monitors, Workspaces};

pub(crate) use client::ClientAddress;
pub use document::{openapi_json, openapi_yaml};
pub use metrics::Metrics;
pub use on_request::OnRequest;

/// What the HTTP side is made of.
pub struct Parts {
    /// Accounts and sessions.
    pub accounts: Accounts,
    /// Monitors.
    pub monitors: Monitors,
    /// What happened.
    pub history: History,
    /// What workspaces decide for themselves.
    pub workspaces: Workspaces,
    /// Checks on request.
    pub on_request: OnRequest,
    /// Who looks on.
    pub feed: Arc<dyn EventFeed>,
    /// Whether the store is there.
    pub upkeep: Arc<dyn Upkeep>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What the HTTP side counts.
    pub metrics: Metrics,
    /// All that the process counts, for `/metrics`.
    pub registry: Arc<Registry>,
    /// Ends streams when the server stops.
    pub stop: CancellationToken,
}

/// How the HTTP side is to behave.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Where people reach the dashboard, where it is known.
    pub public_url: Option<Url>,
    /// Proxies whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
}

impl Settings {
    fn is_https(&self) -> bool {
        self.public_url.as_ref().is_some_and(|url| url.scheme() == "https")
    }
}

/// What every request can reach.
struct Shared {
    accounts: Accounts,
    monitors: Monitors,
    history: History,
    workspaces: Workspaces,
    on_request: OnRequest,
    feed: Arc<dyn EventFeed>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
    settings: Settings,
    limits: limit::Limits,
    streams: place::Places,
    checks_on_request: place::Places,
    bodies: json::Bodies,
}

type Api = Arc<Shared>;

/// The parts of the API.
#[derive(Tags)]
enum Tag {
    /// Signing up, logging in, staying logged in, logging out.
    Auth,
    /// What is watched.
    Monitors,
    /// What happened: checks, uptime, latency, the account of slots.
    History,
    /// When monitors were down.
    Incidents,
    /// What holds for everything that is one's own.
    Workspace,
    /// What happens right now.
    Events,
}

/// What is served while the store has not been reached yet: the process is alive, and everything else has to wait.
pub fn starting(settings: &Settings) -> BoxEndpoint<'static, Response> {
    // Nobody can ask for these counts before the store is there.
    let metrics = Metrics::register(&mut Registry::default());
    Route::new().at("/healthz", get(health::alive)).at("/*", health::not_yet).with(edge(metrics, settings)).boxed()
}

/// What operators ask, for an address of its own beside that of everything else.
pub fn for_operators(parts: &Parts, settings: &Settings) -> BoxEndpoint<'static, Response> {
    operators(Arc::clone(&parts.upkeep), Arc::clone(&parts.registry), parts.metrics.clone(), settings)
}

/// What operators ask, and nothing else.
pub fn operators(
    upkeep: Arc<dyn Upkeep>,
    registry: Arc<Registry>,
    metrics: Metrics,
    settings: &Settings,
) -> BoxEndpoint<'static, Response> {
    health::routes(Route::new()).data(upkeep).data(registry).with(edge(metrics, settings)).boxed()
}

/// Everything that is served.
pub fn router(parts: Parts, settings: Settings) -> BoxEndpoint<'static, Response> {
    let Parts { accounts, monitors, history, workspaces, on_request, feed, upkeep, clock, metrics, registry, stop } =
        parts;
    let edge = edge(metrics, &settings);
    let (limits, streams, checks_on_request) = (limit::Limits::new(), event::streams(), monitor::checks_on_request());
    let api: Api = Arc::new(Shared {
        accounts,
        monitors,
        history,
        workspaces,
        on_request,
        feed,
        clock,
        stop,
        settings,
        limits,
        streams,
        checks_on_request,
        bodies: json::Bodies::new(),
    });
    health::routes(docs::routes(Route::new()))
        .nest("/api/v1", document::service().into_endpoint())
        .at("/*", dashboard::Dashboard)
        .data(api)
        .data(upkeep)
        .data(registry)
        .with(edge)
        .boxed()
}

fn edge(metrics: Metrics, settings: &Settings) -> edge::Edge {
    edge::Edge { metrics, allowed: edge::Allowed::of_document(&openapi_json()), is_https: settings.is_https() }
}
