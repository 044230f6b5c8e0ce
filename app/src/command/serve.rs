//! Serving: the port is open from the beginning, so that `/healthz` answers while a database is still away; everything
//! else is served once it is there.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use poem::endpoint::BoxEndpoint;
use poem::http::StatusCode;
use poem::listener::TcpAcceptor;
use poem::{Endpoint, Request, Response, Server};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::print;
use crate::config::Settings;
use crate::failure::Failure;
use crate::http;
use crate::wiring::{Patience, Wiring};

/// How long requests under way may take when the server stops.
const HTTP_GRACE: Duration = Duration::from_secs(5);

/// Serves the API and the dashboard, and watches where it is to.
pub(super) async fn serve(settings: &Settings, with_engine: bool, stop: CancellationToken) -> Result<(), Failure> {
    let listener = TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("WATCHKEEPER_LISTEN (--listen): nobody can listen on {}", settings.listen))?;
    let address = listener.local_addr()?;
    let site = Arc::new(OnceLock::new());
    let stop_serving = stop.child_token();
    // Whatever else ends this function ends the server as well.
    let _stop_serving = stop_serving.clone().drop_guard();
    let server = start(listener, Site(Arc::clone(&site)), stop_serving.clone())?;
    print(&format!("Watchkeeper listens on http://{address}\n"))?;

    let Some(wiring) = Wiring::open(settings, Patience::UntilItAnswers, &stop).await? else {
        return finish(stop_serving, server).await;
    };
    let mut registry = Registry::default();
    let engine = wiring.engine(&mut registry);
    let (parts, site_settings) = wiring.site(registry, stop.clone()).await?;
    let _ = site.set(http::router(parts, site_settings));
    tracing::info!(%address, with_engine, "ready");

    let ended = if with_engine {
        engine.run(stop.clone()).await
    } else {
        engine.tidy(stop.clone()).await;
        Ok(())
    };
    // An engine that broke off takes the process with it: whoever supervises it starts a sound one.
    stop.cancel();
    finish(stop_serving, server).await?;
    wiring.close().await;
    Ok(ended?)
}

fn start(listener: TcpListener, site: Site, stop: CancellationToken) -> Result<JoinHandle<io::Result<()>>, Failure> {
    let acceptor = TcpAcceptor::from_tokio(listener)?;
    let server = Server::new_with_acceptor(acceptor);
    Ok(tokio::spawn(server.run_with_graceful_shutdown(site, stop.cancelled_owned(), Some(HTTP_GRACE))))
}

async fn finish(stop: CancellationToken, server: JoinHandle<io::Result<()>>) -> Result<(), Failure> {
    stop.cancel();
    server.await.context("the server broke off")??;
    Ok(())
}

/// All that is served: little at first, everything once the store is there.
struct Site(Arc<OnceLock<BoxEndpoint<'static, Response>>>);

impl Endpoint for Site {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        match self.0.get() {
            Some(site) => site.call(request).await,
            None => Ok(starting(request.uri().path())),
        }
    }
}

/// The answer while the store is not there yet.
fn starting(path: &str) -> Response {
    if path == "/healthz" {
        return Response::builder().content_type("text/plain; charset=utf-8").body("alive\n");
    }
    let problem = serde_json::json!({
        "type": "/problems/store_unavailable",
        "title": "The store cannot be reached",
        "status": 503,
        "code": "store_unavailable",
        "detail": "The store is not reachable yet. Try again in a moment.",
    });
    Response::builder()
        .status(StatusCode::SERVICE_UNAVAILABLE)
        .content_type("application/problem+json")
        .header("Retry-After", "5")
        .header("Cache-Control", "no-store")
        .body(problem.to_string())
}

#[cfg(test)]
mod tests {
    use poem::http::Uri;

    use super::*;

    async fn ask(site: &Site, path: &'static str) -> (StatusCode, String) {
        let request = Request::builder().uri(Uri::from_static(path)).finish();
        let answer = site.call(request).await.unwrap();
        (answer.status(), answer.into_body().into_string().await.unwrap())
    }

    #[tokio::test]
    async fn before_the_store_is_there_the_process_is_alive_and_nothing_else() {
        let site = Site(Arc::default());
        assert_eq!(ask(&site, "/healthz").await, (StatusCode::OK, "alive\n".to_owned()));
        for path in ["/readyz", "/api/v1/monitors", "/"] {
            let (status, body) = ask(&site, path).await;
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(serde_json::from_str::<serde_json::Value>(&body).unwrap()["code"], "store_unavailable");
        }
    }

    #[tokio::test]
    async fn once_it_is_there_everything_is_served() {
        let site = Site(Arc::default());
        let whole = poem::endpoint::make(|_| async { Ok::<_, poem::Error>(Response::builder().body("whole")) });
        assert!(site.0.set(poem::EndpointExt::boxed(whole)).is_ok());
        assert_eq!(ask(&site, "/readyz").await, (StatusCode::OK, "whole".to_owned()));
    }
}
