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
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::operator::Operator;
use super::print;
use super::schema::unless_outgrown;
use crate::config::Settings;
use crate::failure::Failure;
use crate::http;
use crate::threads::Threads;
use crate::wiring::{self, Patience, Wiring};
use connection::{Bounded, Bounds};

/// How long requests under way may take when the server stops.
const HTTP_GRACE: Duration = Duration::from_secs(5);
/// How long the head of the first request of a connection may take: a slow line has time, and who opens connections only to
/// hold them has not.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may be silent: longer than between two signs of life of a stream, and than a check on request
/// (two minutes, see [`watchkeeper_domain::monitor::Timeout::MAX_SECS`]) keeps its caller waiting.
const IDLE_TIMEOUT: Duration = Duration::from_secs(150);
/// How many connections may wait to be accepted: after a restart all dashboards come back at once.
const BACKLOG: u32 = 1024;
/// How many connections there may be at once: one for every live stream, and some for everybody else.
const MAX_CONNECTIONS: usize = 12_000;
/// How many of them an address may have, behind which there may be a whole office.
const MAX_CONNECTIONS_OF_ADDRESS: usize = 1_000;
/// How many requests there may be at once on a connection that speaks HTTP/2: a proxy that needs more opens another.
const MAX_STREAMS: u32 = 128;

/// Serves the API and the dashboard, and watches where it is to.
pub(super) async fn serve(
    settings: &Settings,
    with_engine: bool,
    threads: &Threads,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let serving = threads.serve(with_engine)?;
    let listener = listen(settings.listen, &serving)
        .with_context(|| format!("WATCHKEEPER_LISTEN (--listen): nobody can listen on {}", settings.listen))?;
    let address = listener.local_addr()?;
    let operator = Operator::start(settings)?;
    let site = Arc::new(OnceLock::new());
    let stop_serving = stop.child_token();
    // Whatever else ends this function ends the server as well.
    let _stop_serving = stop_serving.clone().drop_guard();
    let server = start(listener, Site::new(Arc::clone(&site), settings), settings, &serving, stop_serving.clone())?;
    print(&format!("Watchkeeper listens on http://{address}\n"))?;

    let Some(wiring) = Wiring::open(settings, Patience::UntilItAnswers, &stop).await? else {
        return finish(stop_serving, server).await;
    };
    let mut registry = Registry::default();
    let engine = wiring.engine(&mut registry);
    let (parts, site_settings) = wiring.site(registry, threads.watching().clone(), stop.clone()).await?;
    if let Some(operator) = &operator {
        operator.serve(http::for_operators(&parts, &site_settings));
    }
    let _ = site.set(http::router(parts, site_settings));
    tracing::info!(%address, with_engine, "ready");

    let work = async {
        if with_engine {
            return engine.run(stop.clone()).await;
        }
        engine.tidy(stop.clone()).await;
        Ok(())
    };
    let ended = unless_outgrown(async || wiring.outgrown().await, work, &stop).await;
    // An engine that broke off takes the process with it: whoever supervises it starts a sound one.
    stop.cancel();
    finish(stop_serving, server).await?;
    if let Some(operator) = operator {
        operator.finish().await?;
    }
    wiring.close().await;
    Ok(ended??)
}

/// Listens for those who are to serve.
pub(super) fn listen(address: SocketAddr, serving: &Handle) -> io::Result<TcpListener> {
    let _theirs = serving.enter();
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A start right after a stop finds connections of before that the system still remembers.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

pub(super) fn start(
    listener: TcpListener,
    site: Site,
    settings: &Settings,
    serving: &Handle,
    stop: CancellationToken,
) -> Result<JoinHandle<io::Result<()>>, Failure> {
    let bounds = Bounds {
        most: MAX_CONNECTIONS,
        most_of_address: MAX_CONNECTIONS_OF_ADDRESS,
        silence: IDLE_TIMEOUT,
        head: HEAD_TIMEOUT,
    };
    let trusted = wiring::site_settings(settings).trusted_proxies;
    let acceptor = Bounded::new(TcpAcceptor::from_tokio(listener)?, bounds, trusted);
    // Unless it is named, there is no bound: the framework's own default is none.
    let server = Server::new_with_acceptor(acceptor).http2_max_concurrent_streams(MAX_STREAMS);
    Ok(serving.spawn(server.run_with_graceful_shutdown(site, stop.cancelled_owned(), Some(HTTP_GRACE))))
}

pub(super) async fn finish(stop: CancellationToken, server: JoinHandle<io::Result<()>>) -> Result<(), Failure> {
    stop.cancel();
    server.await.context("the server broke off")??;
    Ok(())
}

/// All that is served: little at first, everything once the store is there.
pub(super) struct Site {
    whole: Arc<OnceLock<BoxEndpoint<'static, Response>>>,
    starting: BoxEndpoint<'static, Response>,
}

impl Site {
    pub(super) fn new(whole: Arc<OnceLock<BoxEndpoint<'static, Response>>>, settings: &Settings) -> Self {
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
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use crate::config::Config;

    use super::*;

    fn settings() -> Settings {
        Config::read(["watchkeeper"]).unwrap().settings
    }

    fn site() -> Site {
        Site::new(Arc::default(), &settings())
    }

    /// HTTP/2 without TLS is spoken by whoever begins with its preface (RFC 9113, section 3.3); each side says first what it
    /// bears.
    #[tokio::test]
    async fn a_connection_that_speaks_http_2_has_a_bound_of_requests_at_once() {
        let serving = Handle::current();
        let listener = listen("127.0.0.1:0".parse().unwrap(), &serving).unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let stop = CancellationToken::new();
        let _stop = stop.clone().drop_guard();
        let _server = start(listener, site(), &settings(), &serving, stop).unwrap();
        client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
        let mut frame = [0; 9];
        client.read_exact(&mut frame).await.unwrap();
        let mut said = vec![0; u32::from_be_bytes([0, frame[0], frame[1], frame[2]]).try_into().unwrap()];
        client.read_exact(&mut said).await.unwrap();
        assert_eq!(frame[3], 4, "SETTINGS");
        // SETTINGS_MAX_CONCURRENT_STREAMS is the third setting (RFC 9113, section 6.5.2).
        let streams = said.chunks_exact(6).find(|setting| setting[..2] == [0, 3]).unwrap();
        assert_eq!(streams[2..], MAX_STREAMS.to_be_bytes());
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
