//! The edge: what holds for every request and every answer, whoever makes it.
//!
//! Time is bounded, every error becomes a problem, every answer carries the security headers and is counted.

mod allow;
mod compression;
mod header;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use poem::http::{HeaderValue, Method, StatusCode, header as http_header};
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};
use poem_openapi::OperationId;
use tokio::time::{Instant, timeout};
use tracing::field::Empty;
use tracing::{Instrument, Span, info_span};

pub(super) use allow::Allowed;
pub(super) use compression::{compressed, gzipped, wants_gzip};
use header::SecurityHeaders;

use super::metrics::{self, Metrics};
use super::problem::{self, Kind, Problem};
use crate::traces::TARGET;

/// How long an answer may take. A check on request takes as long as its monitor's timeout, and is bounded by that.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Where answers are for the asker alone, and not to be kept on the way.
const API: &str = "/api/";
/// Where answers hold secrets: compressing those beside what a client chose would let their length tell (BREACH).
const SECRETS: &str = "/api/v1/auth/";
/// The operation that has a bound of its own.
const CHECK_ON_REQUEST: &str = "/check";

/// What holds for every request and every answer.
pub(super) struct Edge {
    pub(super) metrics: Metrics,
    pub(super) allowed: Allowed,
    pub(super) is_https: bool,
}

impl<E: Endpoint> Middleware<E> for Edge {
    type Output = EdgeEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        EdgeEndpoint {
            inner,
            metrics: self.metrics.clone(),
            allowed: self.allowed.clone(),
            headers: SecurityHeaders::new(self.is_https),
        }
    }
}

/// An endpoint with the edge around it.
pub(super) struct EdgeEndpoint<E> {
    inner: E,
    metrics: Metrics,
    allowed: Allowed,
    headers: SecurityHeaders,
}

impl<E: Endpoint> Endpoint for EdgeEndpoint<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let started = Instant::now();
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let wants_gzip = wants_gzip(request.headers());
        let span = span_of(&method, &path);
        let (mut response, operation) = match self.answer(request, &path).instrument(span.clone()).await {
            Ok(response) => {
                let operation = response.data::<OperationId>().map(|operation| operation.0);
                (response, operation)
            }
            Err(error) => {
                let operation = error.data::<OperationId>().map(|operation| operation.0);
                (self.problem(problem::of_error(&error), &path), operation)
            }
        };
        if !is_presentable(&response) {
            let status = response.status();
            response = self.problem(problem::of_status(status).unwrap_or(Problem::new(Kind::Internal)), &path);
        }
        if path.starts_with(API) {
            response.headers_mut().entry(http_header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        }
        let mut response = compressed(response, wants_gzip && !path.starts_with(SECRETS));
        if method == Method::HEAD {
            response.set_body(());
        }
        self.headers.add_to(response.headers_mut());
        let (status, took) = (response.status(), started.elapsed());
        self.metrics.count(&method, operation, status, took);
        tell(&span, operation, status);
        tracing::debug!(%method, path, status = status.as_u16(), ?took, "answered");
        Ok(response)
    }
}

impl<E: Endpoint> EdgeEndpoint<E> {
    /// Lets the inner endpoint answer, within bounds.
    async fn answer(&self, request: Request, path: &str) -> Result<Response> {
        let too_slow = |_| Problem::new(Kind::TooSlow).retry_after(REQUEST_TIMEOUT);
        let answer = AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        let answer = if path.ends_with(CHECK_ON_REQUEST) {
            answer.await
        } else {
            timeout(REQUEST_TIMEOUT, answer).await.map_err(too_slow)?
        };
        let response = answer.unwrap_or_else(|_| {
            tracing::error!("a request panicked");
            Err(Problem::new(Kind::Internal).into())
        })?;
        Ok(response.into_response())
    }

    fn problem(&self, problem: Problem, path: &str) -> Response {
        let allowed = (problem.kind() == Kind::MethodNotAllowed).then(|| self.allowed.methods(path)).flatten();
        match allowed.and_then(|methods| HeaderValue::from_str(&methods).ok()) {
            Some(methods) => problem.header(http_header::ALLOW, methods).into_response(),
            None => problem.into_response(),
        }
    }
}

/// The span of a request to the API. It names the operation, never the path: that is the client's to choose.
fn span_of(method: &Method, path: &str) -> Span {
    if !path.starts_with(API) {
        return Span::none();
    }
    info_span!(
        target: TARGET,
        "request",
        otel.kind = "server",
        otel.name = Empty,
        otel.status_code = Empty,
        http.request.method = metrics::label(method),
        http.response.status_code = Empty,
    )
}

fn tell(span: &Span, operation: Option<&'static str>, status: StatusCode) {
    if let Some(operation) = operation {
        span.record("otel.name", operation);
    }
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    span.record("http.response.status_code", status.as_u16());
}

/// Whether an answer may go out as it is: a success, a redirect, or a problem.
fn is_presentable(response: &Response) -> bool {
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    !is_error || response.content_type() == Some(problem::MEDIA_TYPE)
}
