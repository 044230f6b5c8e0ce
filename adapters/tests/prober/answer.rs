//! What an answer may look like, and what is kept of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use watchkeeper_adapters::http::{MAX_BODY_BYTES, USER_AGENT};
use watchkeeper_domain::monitor::{HttpMethod, HttpTarget, Target};
use watchkeeper_domain::report::{Evidence, ReasonKind};

use crate::server::{Server, read_head};
use crate::{PATIENCE, assert_answered, assert_failed, probe, probe_with, prober, target};

const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn an_answer_is_reported_with_its_evidence() {
    let server = Server::answering(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 6\r\nX-Why: maintenance\r\n\
         Set-Cookie: session=secret\r\n\r\nclosed",
    )
    .await;
    let report = probe(&server.url()).await;
    assert_answered(&report, 503);
    assert_eq!(
        report.evidence,
        Evidence {
            remote_address: Some(server.address.ip()),
            hops: vec![server.url()],
            headers: vec![("content-length".into(), "6".into()), ("x-why".into(), "maintenance".into())],
            body: Some("closed".into()),
        }
    );
}

#[tokio::test]
async fn the_phases_add_up_to_no_more_than_the_latency() {
    let server = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let report = probe(&server.url()).await;
    let timings = report.timings;
    assert_eq!((timings.dns, timings.tls), (None, None), "an address needs no resolving, and http no TLS");
    let phases = [timings.connect, timings.first_byte, timings.transfer].map(Option::unwrap);
    assert!(phases.iter().all(|phase| !phase.is_zero()), "{phases:?}");
    assert!(phases.iter().sum::<Duration>() <= report.latency, "{report:?}");
}

#[tokio::test]
async fn a_name_is_resolved_and_that_takes_time() {
    let server = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let report = probe(&format!("http://localhost:{}/", server.address.port())).await;
    assert_answered(&report, 200);
    assert!(report.timings.dns.is_some_and(|dns| !dns.is_zero()));
    assert_eq!(report.evidence.remote_address, Some(server.address.ip()));
}

#[tokio::test]
async fn every_probe_opens_a_connection_of_its_own() {
    let server = Server::falling_silent_after("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let (prober, target) = (prober(), target(&server.url()));
    for count in 1..=3 {
        assert_answered(&probe_with(&prober, &target, PATIENCE).await, 200);
        assert_eq!(server.connections(), count);
    }
}

#[tokio::test]
async fn the_request_says_who_asks_and_nothing_of_whom() {
    let heard = Arc::new(Mutex::new(String::new()));
    let ear = Arc::clone(&heard);
    let server = Server::start(move |mut stream| {
        let ear = Arc::clone(&ear);
        async move {
            *ear.lock().unwrap() = read_head(&mut stream).await;
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        }
    })
    .await;
    let report = probe(&format!("{}path?query#fragment", server.url())).await;
    assert_answered(&report, 204);
    assert_eq!(report.evidence.body, None);
    let mut head: Vec<String> = heard.lock().unwrap().lines().map(str::to_owned).collect();
    head.sort();
    let host = format!("host: {}", server.address);
    let agent = format!("user-agent: {USER_AGENT}");
    assert_eq!(head, ["", "GET /path?query HTTP/1.1", "accept: */*", &host, &agent]);
}

#[tokio::test]
async fn the_answer_to_head_has_no_body_whatever_it_promises() {
    let server = Server::falling_silent_after("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n").await;
    let target = Target::Http(HttpTarget::stored(&server.url(), HttpMethod::Head, true).unwrap());
    let report = probe_with(&prober(), &target, PATIENCE).await;
    assert_answered(&report, 200);
    assert_eq!(report.evidence.body, None);
}

#[tokio::test]
async fn a_head_that_does_not_come_runs_into_the_timeout() {
    let server = Server::falling_silent_after("HTTP/1.1 200").await;
    let report = probe_with(&prober(), &target(&server.url()), SHORT).await;
    assert_failed(&report, None, ReasonKind::Timeout, "no answer within 300 ms, while waiting for the answer");
    assert!(report.latency >= SHORT && report.timings.first_byte.is_some());
    assert_eq!(report.evidence.remote_address, Some(server.address.ip()));
}

#[tokio::test]
async fn a_body_that_does_not_end_runs_into_the_timeout() {
    let server = Server::falling_silent_after("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nonce").await;
    let report = probe_with(&prober(), &target(&server.url()), Duration::from_secs(1)).await;
    assert_failed(&report, Some(200), ReasonKind::Timeout, "no answer within 1 s, while reading the answer");
    assert_eq!(report.evidence.body.as_deref(), Some("once"));
}

#[tokio::test]
async fn an_endless_body_is_read_up_to_the_cap_and_that_is_no_failure() {
    let server = Server::start(|mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        while stream.write_all(&[b'x'; 65_536]).await.is_ok() {}
    })
    .await;
    let report = probe(&server.url()).await;
    assert_answered(&report, 200);
    assert_eq!(report.evidence.body.map(|body| body.len()), Some(Evidence::MAX_BODY_CHARS));
}

#[tokio::test]
async fn a_body_that_breaks_off_beyond_the_cap_is_no_failure() {
    let promised = MAX_BODY_BYTES * 2;
    let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {promised}\r\n\r\n").into_bytes();
    answer.resize(answer.len() + MAX_BODY_BYTES + 1, b'x');
    let server = Server::answering(answer).await;
    assert_answered(&probe(&server.url()).await, 200);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_failure() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nonce",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nonce",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno length\r\n",
    ] {
        let report = probe(&Server::answering(answer).await.url()).await;
        assert_failed(&report, Some(200), ReasonKind::Body, "the answer broke off: ");
    }
}

#[tokio::test]
async fn what_is_no_http_is_a_failure() {
    for answer in
        ["", "\0\x01\x02\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nbroken"]
    {
        let report = probe(&Server::answering(answer).await.url()).await;
        assert_failed(&report, None, ReasonKind::Body, "connected, but no HTTP answer could be read: ");
    }
}

#[tokio::test]
async fn large_headers_are_read_and_kept_in_part() {
    let server =
        Server::answering(format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Long: {}\r\n\r\n", "y".repeat(60_000)))
            .await;
    let report = probe(&server.url()).await;
    assert_answered(&report, 200);
    assert_eq!(report.evidence.headers[1].1.len(), Evidence::MAX_HEADER_CHARS);
}

#[tokio::test]
async fn headers_without_end_are_given_up() {
    let server = Server::start(|mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n").await.unwrap();
        while stream.write_all(b"X-More: and more and more\r\n").await.is_ok() {}
    })
    .await;
    assert_failed(&probe(&server.url()).await, None, ReasonKind::Body, "connected, but no HTTP answer could be read: ");
}
