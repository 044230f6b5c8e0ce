//! Serving: the port is open from the beginning, so that `/healthz` answers while a database is still away; everything
//! else is served once it is there.

mod connection;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use poem::endpoint::BoxEndpoint;
use poem::listener::TcpAcceptor;
use poem::{Endpoint, Request, Response, Server};
use prometheus_client::registry::Registry;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::print;
use crate::config::Settings;
use crate::failure::Failure;
use crate::http;
use crate::wiring::{self, Patience, Wiring};
use connection::Bounded;

/// How long requests under way may take when the server stops.
const HTTP_GRACE: Duration = Duration::from_secs(5);
/// How long a connection may be silent: longer than between two signs of life of a stream, and than a check on request
/// (two minutes, see [`watchkeeper_domain::monitor::Timeout::MAX_SECS`]) keeps its caller waiting.
const IDLE_TIMEOUT: Duration = Duration::from_secs(150);
/// How many connections may wait to be accepted: after a restart all dashboards come back at once.
const BACKLOG: u32 = 1024;
/// How many connections there may be at once: one for every live stream, and some for everybody else.
const MAX_CONNECTIONS: usize = 12_000;

/// Serves the API and the dashboard, and watches where it is to.
pub(super) async fn serve(settings: &Settings, with_engine: bool, stop: CancellationToken) -> Result<(), Failure> {
    let listener = listen(settings.listen)
        .with_context(|| format!("WATCHKEEPER_LISTEN (--listen): nobody can listen on {}", settings.listen))?;
    let address = listener.local_addr()?;
    let site = Arc::new(OnceLock::new());
    let stop_serving = stop.child_token();
    // Whatever else ends this function ends the server as well.
    let _stop_serving = stop_serving.clone().drop_guard();
    let server = start(listener, Site::new(Arc::clone(&site), settings), stop_serving.clone())?;
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

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A start right after a stop finds connections of before that the system still remembers.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn start(listener: TcpListener, site: Site, stop: CancellationToken) -> Result<JoinHandle<io::Result<()>>, Failure> {
    let acceptor = Bounded::new(TcpAcceptor::from_tokio(listener)?, MAX_CONNECTIONS, IDLE_TIMEOUT);
    let server = Server::new_with_acceptor(acceptor);
    Ok(tokio::spawn(server.run_with_graceful_shutdown(site, stop.cancelled_owned(), Some(HTTP_GRACE))))
}

async fn finish(stop: CancellationToken, server: JoinHandle<io::Result<()>>) -> Result<(), Failure> {
    stop.cancel();
    server.await.context("the server broke off")??;
    Ok(())
}

/// All that is served: little at first, everything once the store is there.
struct Site {
    whole: Arc<OnceLock<BoxEndpoint<'static, Response>>>,
    starting: BoxEndpoint<'static, Response>,
}

impl Site {
    fn new(whole: Arc<OnceLock<BoxEndpoint<'static, Response>>>, settings: &Settings) -> Self {
        Self { whole, starting: http::starting(&wiring::site_settings(settings)) }
    }
}

impl Endpoint for Site {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        self.whole.get().unwrap_or(&self.starting).call(request).await
    }
}

#[cfg(test)]
mod tests {
    use poem::http::{StatusCode, Uri};

    use crate::config::Config;

    use super::*;

    fn site() -> Site {
        Site::new(Arc::default(), &Config::read(["watchkeeper"]).unwrap().settings)
    }

    async fn ask(site: &Site, path: &'static str) -> (StatusCode, String) {
        let request = Request::builder().uri(Uri::from_static(path)).finish();
        let answer = site.call(request).await.unwrap();
        (answer.status(), answer.into_body().into_string().await.unwrap())
    }

    #[tokio::test]
    async fn before_the_store_is_there_the_process_is_alive_and_nothing_else() {
        let site = site();
        assert_eq!(ask(&site, "/healthz").await, (StatusCode::OK, "alive\n".to_owned()));
        for path in ["/readyz", "/api/v1/monitors", "/metrics", "/"] {
            let (status, body) = ask(&site, path).await;
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(serde_json::from_str::<serde_json::Value>(&body).unwrap()["code"], "store_unavailable");
        }
    }

    #[tokio::test]
    async fn what_is_answered_before_the_store_is_there_is_as_guarded_as_all_else() {
        for path in ["/healthz", "/api/v1/monitors", "/"] {
            let answer = site().call(Request::builder().uri(Uri::from_static(path)).finish()).await.unwrap();
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
            assert!(answer.header("content-security-policy").is_some(), "{path}");
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
            assert_eq!(answer.header("retry-after").is_some(), path != "/healthz", "{path}");
        }
    }

    #[tokio::test]
    async fn once_it_is_there_everything_is_served() {
        let site = site();
        let whole = poem::endpoint::make(|_| async { Ok::<_, poem::Error>(Response::builder().body("whole")) });
        assert!(site.whole.set(poem::EndpointExt::boxed(whole)).is_ok());
        assert_eq!(ask(&site, "/readyz").await, (StatusCode::OK, "whole".to_owned()));
    }
}
