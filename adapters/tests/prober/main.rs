//! The HTTP prober against real servers that misbehave in every way there is.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, and so does what it is made of")]

mod address;
mod answer;
mod connection;
mod proxy;
mod redirect;
mod server;
mod tls;

use std::time::Duration;

use rustls::RootCertStore;
use watchkeeper_adapters::http::HttpProber;
use watchkeeper_domain::address::AddressGuard;
use watchkeeper_domain::monitor::{HttpMethod, HttpTarget, Target};
use watchkeeper_domain::port::{ProbeRequest, Prober};
use watchkeeper_domain::report::{Ending, ReasonKind, Report};

/// More than any probe takes that is not meant to run into its timeout.
const PATIENCE: Duration = Duration::from_secs(20);

/// A prober for the servers of the tests, which listen on addresses that the guard refuses by default.
fn prober() -> HttpProber {
    HttpProber::new(AddressGuard::allowing_all(), RootCertStore::empty()).unwrap()
}

fn target(url: &str) -> Target {
    Target::Http(HttpTarget::stored(url, HttpMethod::Get, true).unwrap())
}

async fn probe(url: &str) -> Report {
    probe_with(&prober(), &target(url), PATIENCE).await
}

async fn probe_with(prober: &HttpProber, target: &Target, timeout: Duration) -> Report {
    prober.probe(ProbeRequest { target, timeout }).await
}

/// Holds a failure against what is expected of it: its class, and words that must appear.
#[track_caller]
fn assert_failed(report: &Report, status: Option<u16>, kind: ReasonKind, words: &str) {
    let Ending::Failed { http_status, reason } = &report.ending else { panic!("{report:?}") };
    assert_eq!((*http_status, reason.kind), (status, kind), "{reason:?}");
    assert!(reason.detail.contains(words), "{:?} does not say {words:?}", reason.detail);
}

#[track_caller]
fn assert_answered(report: &Report, status: u16) {
    assert_eq!(report.ending, Ending::Answered { http_status: status });
}
