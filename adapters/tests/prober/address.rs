//! The address guard, on the address that would be dialled.

use rustls::RootCertStore;
use tokio::io::AsyncWriteExt;
use watchkeeper_adapters::http::HttpProber;
use watchkeeper_domain::address::AddressGuard;
use watchkeeper_domain::report::{ReasonKind, Timings};

use crate::server::{Server, read_head};
use crate::{PATIENCE, assert_answered, assert_failed, probe_with, target};

const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// A prober that may dial these networks beside the open Internet.
fn guarded(networks: &[&str]) -> HttpProber {
    let guard = AddressGuard::allowing(networks.iter().map(|network| network.parse().unwrap()));
    HttpProber::new(guard, RootCertStore::empty()).unwrap()
}

#[tokio::test]
async fn a_guarded_address_is_not_dialled_in_whatever_dress() {
    let server = Server::answering(FINE).await;
    let port = server.address.port();
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "[::1]", "0.0.0.0", "[64:ff9b::7f00:1]"] {
        let report = probe_with(&guarded(&[]), &target(&format!("http://{host}:{port}/")), PATIENCE).await;
        assert_failed(&report, None, ReasonKind::Blocked, "private or special range");
        assert_eq!(report.evidence.remote_address, None, "{host} was not dialled");
        assert_eq!(report.timings, Timings::default(), "{host} was not even looked up");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_name_that_leads_to_a_guarded_address_is_not_dialled() {
    let server = Server::answering(FINE).await;
    let url = format!("http://localhost:{}/", server.address.port());
    let report = probe_with(&guarded(&[]), &target(&url), PATIENCE).await;
    assert_failed(&report, None, ReasonKind::Blocked, "localhost lies in a private or special range");
    assert!(!format!("{report:?}").contains("127.0.0.1"), "where an internal name leads is not told");
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn what_the_operator_allows_is_dialled() {
    let server = Server::answering(FINE).await;
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("http://{host}:{}/", server.address.port());
        assert_answered(&probe_with(&guarded(&["127.0.0.1/32"]), &target(&url), PATIENCE).await, 200);
    }
}

#[tokio::test]
async fn a_redirect_to_a_guarded_address_is_not_followed() {
    let inside = Server::start_at("127.0.0.2:0", |_| async {}).await;
    let server = Server::answering(format!("HTTP/1.1 302 Found\r\nLocation: {}\r\n\r\n", inside.url())).await;
    let report = probe_with(&guarded(&["127.0.0.1/32"]), &target(&server.url()), PATIENCE).await;
    assert_failed(&report, None, ReasonKind::Blocked, "127.0.0.2 lies in a private or special range");
    assert_eq!(report.evidence.hops, [server.url(), inside.url()]);
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn a_redirect_to_a_name_that_leads_to_a_guarded_address_is_not_followed() {
    let inside = Server::start(|_| async {}).await;
    let location = format!("http://localhost:{}/", inside.address.port());
    let server = Server::start_at("127.0.0.2:0", move |mut stream| {
        let answer = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\n\r\n");
        async move {
            read_head(&mut stream).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await;
    let report = probe_with(&guarded(&["127.0.0.2/32"]), &target(&server.url()), PATIENCE).await;
    assert_failed(&report, None, ReasonKind::Blocked, "localhost lies in a private or special range");
    assert_eq!(inside.connections(), 0);
}
