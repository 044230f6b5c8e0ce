//! Connections that do not come about.

use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;
use watchkeeper_domain::report::ReasonKind;

use crate::server::ClosedPort;
use crate::{assert_failed, probe, probe_with, prober, target};

#[tokio::test]
async fn a_closed_port_is_named() {
    let port = ClosedPort::hold();
    let address = port.address();
    let report = probe(&format!("http://{address}/")).await;
    assert_failed(&report, None, ReasonKind::Connect, &format!("connection refused by {address}"));
    assert_eq!(report.evidence.remote_address, Some(address.ip()));
    assert!(report.timings.connect.is_some() && report.timings.first_byte.is_none());
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_named() {
    let report = probe("http://no-such-name.invalid/").await;
    assert_failed(&report, None, ReasonKind::Dns, "the name no-such-name.invalid does not resolve: ");
    assert!(report.timings.dns.is_some() && report.timings.connect.is_none());
    assert_eq!(report.evidence.remote_address, None);
}

#[tokio::test]
async fn a_server_that_takes_no_more_connections_runs_into_the_timeout() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(connection) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        waiting.push(connection.unwrap());
    }
    let report = probe_with(&prober(), &target(&format!("http://{address}/")), Duration::from_millis(300)).await;
    assert_failed(&report, None, ReasonKind::Timeout, "no answer within 300 ms, while connecting");
    assert_eq!(report.evidence.remote_address, Some(address.ip()));
}

#[tokio::test]
async fn a_server_that_never_accepts_runs_into_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let report = probe_with(&prober(), &target(&url), Duration::from_millis(300)).await;
    assert_failed(&report, None, ReasonKind::Timeout, "while waiting for the answer");
}
