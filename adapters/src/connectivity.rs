//! Whether we ourselves have a network: asked of addresses that the operator named for it.

use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use watchkeeper_domain::check::LEASE_MARGIN;
use watchkeeper_domain::port::Connectivity;

/// How long an address has to accept a connection.
pub const CONNECT_WITHIN: Duration = Duration::from_secs(1);

const _: () = assert!(
    CONNECT_WITHIN.as_millis() * 2 <= LEASE_MARGIN.as_millis(),
    "a probe that has used up its timeout must still be recorded under its lease after asking whether we are cut off"
);

/// How long an answer holds. When the network goes, every probe that fails asks: they share one look.
pub const ANSWER_HOLDS_FOR: Duration = Duration::from_secs(1);

/// Opens connections to named addresses.
#[derive(Debug)]
pub struct ConnectivityCheck {
    addresses: Vec<(String, u16)>,
    last: Mutex<Option<(Instant, bool)>>,
}

impl ConnectivityCheck {
    /// A check on these hosts and ports. Without any there is no network.
    pub fn new(addresses: Vec<(String, u16)>) -> Self {
        Self { addresses, last: Mutex::new(None) }
    }

    /// Whether any address accepts a connection in time; the first one decides.
    async fn look(&self) -> bool {
        let attempts = self.addresses.iter().map(|(host, port)| TcpStream::connect((host.as_str(), *port)));
        let accepted = attempts.collect::<FuturesUnordered<_>>().filter(|attempt| std::future::ready(attempt.is_ok()));
        let mut accepted = pin!(accepted);
        matches!(timeout(CONNECT_WITHIN, accepted.next()).await, Ok(Some(_)))
    }
}

#[async_trait]
impl Connectivity for ConnectivityCheck {
    async fn has_network(&self) -> bool {
        // Whoever comes while somebody looks waits here for the answer.
        let mut last = self.last.lock().await;
        if let Some((at, answer)) = *last
            && at.elapsed() < ANSWER_HOLDS_FOR
        {
            return answer;
        }
        let answer = self.look().await;
        *last = Some((Instant::now(), answer));
        answer
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    async fn listener() -> (TcpListener, (String, u16)) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = ("127.0.0.1".to_owned(), listener.local_addr().unwrap().port());
        (listener, address)
    }

    /// A port that is held, so that nobody else gets it, and at which nobody listens.
    fn closed() -> (TcpSocket, (String, u16)) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = ("127.0.0.1".to_owned(), socket.local_addr().unwrap().port());
        (socket, address)
    }

    #[tokio::test]
    async fn one_address_that_accepts_is_enough() {
        let (_socket, closed) = closed();
        let (_listener, open) = listener().await;
        let nonsense = ("no-such-name.invalid".to_owned(), 53);
        assert!(ConnectivityCheck::new(vec![closed, nonsense, open]).has_network().await);
    }

    #[tokio::test]
    async fn where_none_accepts_there_is_no_network() {
        let (_socket, closed) = closed();
        assert!(!ConnectivityCheck::new(vec![closed]).has_network().await);
        assert!(!ConnectivityCheck::new(Vec::new()).has_network().await);
    }

    #[tokio::test]
    async fn those_who_ask_at_once_share_one_look() {
        let (listener, address) = listener().await;
        let check = ConnectivityCheck::new(vec![address]);
        assert_eq!(futures_util::future::join_all((0..10).map(|_| check.has_network())).await, [true; 10]);
        listener.accept().await.unwrap();
        assert!(listener.accept().now_or_never().is_none(), "nobody else has connected");
        assert!(check.last.lock().await.is_some_and(|(_, answer)| answer));
    }

    #[tokio::test]
    async fn an_answer_holds_for_a_while_and_not_for_ever() {
        let (_socket, closed) = closed();
        let check = ConnectivityCheck::new(vec![closed]);
        *check.last.lock().await = Some((Instant::now(), true));
        assert!(check.has_network().await);
        *check.last.lock().await = Some((Instant::now() - ANSWER_HOLDS_FOR, true));
        assert!(!check.has_network().await);
    }
}
