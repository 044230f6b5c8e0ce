//! Redirects, good and bad.

use tokio::io::AsyncWriteExt;
use watchkeeper_adapters::http::MAX_REDIRECTS;
use watchkeeper_domain::monitor::{HttpMethod, HttpTarget, Target};
use watchkeeper_domain::report::ReasonKind;

use crate::server::{ClosedPort, Server, read_head};
use crate::{PATIENCE, assert_answered, assert_failed, probe, probe_with, prober};

/// A server that answers each path by `answer`.
async fn by_path(answer: impl Fn(&str) -> String + Clone + Send + 'static) -> Server {
    Server::start(move |mut stream| {
        let answer = answer.clone();
        async move {
            let head = read_head(&mut stream).await;
            let path = head.split(' ').nth(1).unwrap_or_default();
            stream.write_all(answer(path).as_bytes()).await.unwrap();
        }
    })
    .await
}

fn see(location: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";

/// A way of so many redirects: `/`, `/1`, `/2` and so on.
async fn way_of(redirects: usize) -> Server {
    by_path(move |path| {
        let at: usize = path[1..].parse().unwrap_or(0);
        if at < redirects { see(&format!("/{}", at + 1)) } else { FINE.to_owned() }
    })
    .await
}

#[tokio::test]
async fn redirects_are_followed_and_each_hop_is_kept() {
    let server = way_of(2).await;
    let report = probe(&server.url()).await;
    assert_answered(&report, 200);
    let hops = [server.url(), format!("{}1", server.url()), format!("{}2", server.url())];
    assert_eq!((report.evidence.hops.as_slice(), report.evidence.body.as_deref()), (&hops[..], Some("fine")));
    assert_eq!(server.connections(), 3, "each over a connection of its own");
}

#[tokio::test]
async fn as_many_redirects_as_permitted_are_followed_and_no_more() {
    assert_answered(&probe(&way_of(MAX_REDIRECTS).await.url()).await, 200);
    let report = probe(&way_of(MAX_REDIRECTS + 1).await.url()).await;
    assert_failed(&report, Some(302), ReasonKind::Redirect, "more than 10 redirects");
}

#[tokio::test]
async fn a_circle_is_seen_at_once() {
    let server = by_path(|path| see(if path == "/" { "/a" } else { "/" })).await;
    let report = probe(&server.url()).await;
    assert_failed(&report, Some(302), ReasonKind::Redirect, "the redirects go in circles");
    assert_eq!(report.evidence.hops.len(), 2);
}

#[tokio::test]
async fn a_redirect_that_leads_nowhere_is_a_failure() {
    for (location, words) in [
        ("ftp://127.0.0.1/", "a URL of the scheme ftp"),
        ("file:///etc/passwd", "a URL of the scheme file"),
        ("http://", "something that is no URL"),
        ("http://[::1", "something that is no URL"),
    ] {
        let report = probe(&Server::answering(see(location)).await.url()).await;
        assert_failed(&report, Some(302), ReasonKind::Redirect, words);
    }
    let report = probe(&Server::answering("HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n").await.url()).await;
    assert_failed(&report, Some(301), ReasonKind::Redirect, "does not say where to");
}

#[tokio::test]
async fn credentials_in_a_redirect_are_neither_sent_nor_shown() {
    let end = by_path(|_| FINE.to_owned()).await;
    let location = format!("http://ada:secret@{}/", end.address);
    let server = Server::answering(see(&location)).await;
    let report = probe(&server.url()).await;
    assert_answered(&report, 200);
    assert_eq!(report.evidence.hops, [server.url(), end.url()]);
    assert!(!format!("{report:?}").contains("secret"), "{report:?}");
}

#[tokio::test]
async fn a_redirect_to_a_closed_port_is_the_failure_of_that_hop() {
    let port = ClosedPort::hold();
    let closed = port.address();
    let report = probe(&Server::answering(see(&format!("http://{closed}/"))).await.url()).await;
    assert_failed(&report, None, ReasonKind::Connect, &format!("connection refused by {closed}"));
}

#[tokio::test]
async fn where_redirects_are_not_followed_the_redirect_is_the_answer() {
    let server = way_of(1).await;
    let target = Target::Http(HttpTarget::stored(&server.url(), HttpMethod::Get, false).unwrap());
    assert_answered(&probe_with(&prober(), &target, PATIENCE).await, 302);
}

#[tokio::test]
async fn the_method_stays_the_same_over_a_redirect() {
    let server = by_path(|path| if path == "/" { see("/end") } else { FINE.to_owned() }).await;
    let target = Target::Http(HttpTarget::stored(&server.url(), HttpMethod::Head, true).unwrap());
    let report = probe_with(&prober(), &target, PATIENCE).await;
    assert_answered(&report, 200);
    assert_eq!(report.evidence.body, None, "the answer to HEAD has no body");
}
