//! Connections that do not come about.

use std::ffi::OsStr;
use std::io::Write;
use std::net::{SocketAddr, UdpSocket};
use std::process::Stdio;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::process::Command;
use tokio::task::yield_now;
use tokio::time::timeout;
use watchkeeper_domain::report::{Ending, Lack, ReasonKind};

use crate::server::ClosedPort;
use crate::{PATIENCE, assert_failed, probe, probe_with, prober, target};

#[tokio::test]
async fn a_closed_port_is_named() {
    let port = ClosedPort::hold();
    let address = port.address();
    let report = probe(&format!("http://{address}/")).await;
    assert_failed(&report, None, ReasonKind::Connect, &format!("connection refused by {address}"));
    assert_eq!(report.evidence.remote_address, Some(address.ip()));
    assert!(report.timings.connect.is_some() && report.timings.first_byte.is_none());
}

/// Whether this machine knows a way to the Internet.
fn has_network() -> bool {
    ["0.0.0.0:0", "[::]:0"].into_iter().zip(["198.51.100.1:53", "[2001:4860:4860::8888]:53"]).any(|(from, to)| {
        let from: SocketAddr = from.parse().unwrap();
        UdpSocket::bind(from).and_then(|socket| socket.connect(to)).is_ok()
    })
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_named_where_we_have_a_network() {
    let report = probe("http://no-such-name.invalid/").await;
    if has_network() {
        assert_failed(&report, None, ReasonKind::Dns, "the name no-such-name.invalid does not resolve: ");
    } else {
        let Ending::CutOff { lack, detail } = &report.ending else { panic!("{report:?}") };
        assert_eq!(*lack, Lack::Network);
        assert!(detail.contains("no route to the Internet"), "{detail}");
    }
    assert!(report.timings.dns.is_some() && report.timings.connect.is_none());
    assert_eq!(report.evidence.remote_address, None);
}

#[tokio::test]
async fn without_a_network_a_name_that_does_not_resolve_is_our_own_lack() {
    // The network belongs to the process, so the test above runs in a process of its own, in an empty network.
    let alone = |program: &OsStr| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--net", "--"]).arg(program).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    if !alone(OsStr::new("true")).status().await.is_ok_and(|status| status.success()) {
        // What is decided there is held beside the decision as well, by a test that needs no such rights.
        let _ = writeln!(std::io::stderr(), "no process may be given an empty network here");
        return;
    }
    let mut child = alone(std::env::current_exe().unwrap().as_os_str());
    child.args(["--exact", "connection::a_name_that_does_not_exist_is_named_where_we_have_a_network"]);
    let output = child.output().await.unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}

#[tokio::test]
async fn a_server_that_takes_no_more_connections_runs_into_the_timeout() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    // Linux lets one more connection wait than the backlog says, and drops the packets of any further one.
    let _waiting = [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
    let full = async {
        while connections_that_wait(address) != 2 {
            yield_now().await;
        }
    };
    timeout(PATIENCE, full).await.unwrap();
    let report = probe_with(&prober(), &target(&format!("http://{address}/")), Duration::from_millis(300)).await;
    assert_failed(&report, None, ReasonKind::Timeout, "no answer within 300 ms, while connecting");
    assert_eq!(report.evidence.remote_address, Some(address.ip()));
}

/// How many connections a listener on loopback has not accepted yet: what the kernel shows as its receive queue.
fn connections_that_wait(address: SocketAddr) -> u32 {
    let local = format!("0100007F:{:04X}", address.port());
    let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let mut sockets = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let listener = sockets.find(|socket| socket[1] == local && socket[3] == "0A").unwrap();
    let (_, received) = listener[4].split_once(':').unwrap();
    u32::from_str_radix(received, 16).unwrap()
}

#[tokio::test]
async fn a_server_that_never_accepts_runs_into_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let report = probe_with(&prober(), &target(&url), Duration::from_millis(300)).await;
    assert_failed(&report, None, ReasonKind::Timeout, "while waiting for the answer");
}
