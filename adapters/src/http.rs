//! The HTTP prober: asks a URL over a fresh connection and reports what it saw.
//!
//! One client serves all probes, with pooling off: every request has its name looked up (a `lookup` is shared by those
//! who ask for the same name while it runs) and opens a connection of its own, while the TLS configuration is built once.
//! What happens underneath a request (the name was resolved, the connection is open, the handshake begins) is noted by
//! hooks in the resolver, the connector and the TLS configuration, which find the probe that they run for through a
//! task-local `trace`. The `resolver` hands the connector only addresses that the guard permits, so what was judged is
//! what is dialled; literal addresses never reach it and are judged here.

mod evidence;
mod failure;
mod lookup;
mod redirect;
mod resolver;
mod tls;
mod trace;

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::{Client, Method, Response};
use rustls::RootCertStore;
use tokio::time::{Instant, timeout_at};
use url::Url;
use watchkeeper_domain::address::AddressGuard;
use watchkeeper_domain::monitor::{HttpMethod, HttpTarget, Target};
use watchkeeper_domain::port::{ProbeRequest, Prober};
use watchkeeper_domain::report::{Ending, Report};

use self::evidence::Seen;
use self::failure::Failure;
use self::lookup::Lookups;
use self::trace::Stage;

pub use self::lookup::MAX_LOOKUPS;
pub use self::redirect::{MAX_LOCATION_BYTES, MAX_REDIRECTS};
pub use self::tls::trusted_roots;

/// How much of a body is read. Where there is more, reading stops, and that is no failure.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// How the prober names itself.
pub const USER_AGENT: &str = concat!("Watchkeeper/", env!("CARGO_PKG_VERSION"));

/// A prober that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ProberError {
    /// The TLS library refused its configuration.
    #[error("the TLS configuration of the prober is unsound")]
    Tls(#[from] rustls::Error),
    /// The HTTP client could not be built.
    #[error("the HTTP client of the prober cannot be built")]
    Client(#[from] reqwest::Error),
}

/// Asks targets over HTTP and HTTPS.
#[derive(Clone, Debug)]
pub struct HttpProber {
    client: Client,
    guard: Arc<AddressGuard>,
}

impl HttpProber {
    /// A prober that dials what the guard permits and trusts certificates of these roots ([`trusted_roots`]).
    ///
    /// # Errors
    /// [`ProberError`] where TLS or the client cannot be set up.
    pub fn new(guard: AddressGuard, roots: RootCertStore) -> Result<Self, ProberError> {
        Self::looking_up_by(Lookups::new(Arc::new(lookup::ask_the_system), MAX_LOOKUPS), guard, roots)
    }

    fn looking_up_by(lookups: Lookups, guard: AddressGuard, roots: RootCertStore) -> Result<Self, ProberError> {
        let guard = Arc::new(guard);
        let client = Client::builder()
            .tls_backend_preconfigured(tls::configuration(roots)?)
            .dns_resolver(resolver::GuardedResolver::new(Arc::clone(&guard), lookups))
            .connector_layer(trace::NoteConnected)
            .user_agent(USER_AGENT)
            // A proxy of the environment would be dialled in place of the target, past the guard.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .pool_max_idle_per_host(0)
            // A probe is shorter than any of these could matter.
            .tcp_keepalive(None)
            .tcp_keepalive_interval(None)
            .tcp_keepalive_retries(None)
            .build()?;
        Ok(Self { client, guard })
    }

    /// Goes from URL to URL until one answers for good, and reads that answer.
    async fn visit(&self, target: &HttpTarget, seen: &mut Seen) -> Result<u16, Failure> {
        let mut url = target.url().clone();
        loop {
            let (mut response, status) = self.ask(url, target.method, seen).await?;
            let location = if target.follow_redirects { redirect::location(status, seen.headers()) } else { None };
            let Some(location) = location else {
                read(&mut response, seen).await?;
                return Ok(status);
            };
            url = redirect::next_hop(seen.urls(), location)?;
        }
    }

    /// Asks one URL and waits for the head of the answer.
    async fn ask(&self, url: Url, method: HttpMethod, seen: &mut Seen) -> Result<(Response, u16), Failure> {
        let literal = resolver::literal_address(&url);
        if literal.is_some_and(|address| !self.guard.permits(address)) {
            seen.visit(url);
            return Err(Failure::blocked(seen.url()));
        }
        trace::begin(literal);
        let method = match method {
            HttpMethod::Get => Method::GET,
            HttpMethod::Head => Method::HEAD,
        };
        let request = self.client.request(method, url.clone());
        seen.visit(url);
        let mut response = request.send().await.map_err(|error| failure::explain(&error, seen.url()))?;
        trace::enter(Stage::Transfer);
        let status = seen.note_head(&mut response);
        Ok((response, status))
    }
}

/// Reads the body up to its cap.
async fn read(response: &mut Response, seen: &mut Seen) -> Result<(), Failure> {
    let mut length = 0;
    while length < MAX_BODY_BYTES {
        let chunk = response.chunk().await.map_err(|error| failure::explain(&error, seen.url()))?;
        let Some(chunk) = chunk else { break };
        length += chunk.len();
        seen.note_body(&chunk);
    }
    Ok(())
}

#[async_trait]
impl Prober for HttpProber {
    async fn probe<'a>(&self, request: ProbeRequest<'a>) -> Report {
        let Target::Http(target) = request.target;
        let started = Instant::now();
        trace::scope(async {
            let mut seen = Seen::default();
            let visited = timeout_at(started + request.timeout, self.visit(target, &mut seen)).await;
            let ending = match visited.unwrap_or_else(|_| Err(failure::overdue(request.timeout))) {
                Ok(http_status) => Ending::Answered { http_status },
                Err(Failure::Theirs(reason)) => Ending::Failed { http_status: seen.status(), reason },
                Err(Failure::Ours(lack, detail)) => Ending::CutOff { lack, detail },
            };
            let latency = started.elapsed();
            let (timings, dialled) = trace::finish();
            Report { ending, latency, timings, evidence: seen.into_evidence(dialled) }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::{Mutex, mpsc};
    use std::time::Duration;

    use watchkeeper_domain::monitor::HttpTarget;
    use watchkeeper_domain::report::{Lack, ReasonKind};

    use super::*;

    const SHORT: Duration = Duration::from_millis(300);

    async fn probe(prober: &HttpProber, url: &str) -> Report {
        let target = Target::Http(HttpTarget::stored(url, HttpMethod::Get, true).unwrap());
        prober.probe(ProbeRequest { target: &target, timeout: SHORT }).await
    }

    #[tokio::test]
    async fn names_that_take_all_room_do_not_make_others_seem_down() {
        let (_release, held) = mpsc::channel::<()>();
        let held = Mutex::new(held);
        let silent = move |_: &str| {
            held.lock().unwrap().recv().unwrap_err();
            Ok(vec![SocketAddr::from(([127, 0, 0, 1], 0))])
        };
        let (guard, roots) = (AddressGuard::allowing_all(), RootCertStore::empty());
        let prober = HttpProber::looking_up_by(Lookups::new(Arc::new(silent), 1), guard, roots).unwrap();
        let report = probe(&prober, "http://silent.example/").await;
        let Ending::Failed { reason, .. } = &report.ending else { panic!("{report:?}") };
        assert_eq!(reason.kind, ReasonKind::Timeout);
        assert!(reason.detail.ends_with("while resolving the name"), "{reason:?}");
        let report = probe(&prober, "http://healthy.example/").await;
        let Ending::CutOff { lack: Lack::Room, detail } = &report.ending else { panic!("{report:?}") };
        assert_eq!(detail, "there was no room to look up the name within 300 ms");
        assert_eq!(report.timings.dns, None, "waiting for us is no phase of the target's");
    }
}
