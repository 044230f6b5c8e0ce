//! Connections: no more at once than there are descriptors to spare, of one address only a part of them, and none that is
//! silent for long or does not come to the point.

mod address;
mod head;

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ipnet::IpNet;
use poem::http::uri::Scheme;
use poem::listener::Acceptor;
use poem::web::{LocalAddr, RemoteAddr};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

use address::{Addresses, Share};
use head::Head;

/// How long to wait after a connection could not be accepted, so that a lack of descriptors does not become a busy loop.
const PAUSE: Duration = Duration::from_millis(100);

/// The bounds of connections.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// How many there may be at once.
    pub(super) most: usize,
    /// How many of them an address may have.
    pub(super) most_of_address: usize,
    /// How long one may be silent.
    pub(super) silence: Duration,
    /// How long the head of its first request may take.
    pub(super) head: Duration,
}

/// Accepts a bounded number of connections at once; further ones wait in the system's queue until others end. Of an address
/// that has its share already, they are closed.
pub(super) struct Bounded<A> {
    inner: A,
    free: Arc<Semaphore>,
    addresses: Addresses,
    bounds: Bounds,
}

impl<A> Bounded<A> {
    /// Connections within these bounds. A trusted proxy speaks for many, and may have them all.
    pub(super) fn new(inner: A, bounds: Bounds, trusted: Vec<IpNet>) -> Self {
        let addresses = Addresses::new(bounds.most_of_address, trusted);
        Self { inner, free: Arc::new(Semaphore::new(bounds.most)), addresses, bounds }
    }
}

impl<A: Acceptor> Acceptor for Bounded<A> {
    type Io = Connection<A::Io>;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.inner.local_addr()
    }

    async fn accept(&mut self) -> io::Result<(Self::Io, LocalAddr, RemoteAddr, Scheme)> {
        loop {
            let place = Arc::clone(&self.free).acquire_owned().await.map_err(io::Error::other)?;
            match self.inner.accept().await {
                Ok((io, local, remote, scheme)) => {
                    let Some(share) = self.addresses.share(&remote) else { continue };
                    return Ok((Connection::new(io, place, share, self.bounds), local, remote, scheme));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection cannot be accepted");
                    sleep(PAUSE).await;
                    return Err(error);
                }
            }
        }
    }
}

/// A connection, which gives its place back when it is dropped. Reading fails when nothing has passed for too long: who
/// opens a connection and says nothing, or stops in the middle of a request, does not hold a place for ever; and who says
/// its first request letter by letter, not even for as long as others may be silent.
pub(super) struct Connection<T> {
    io: T,
    head: Head,
    silence: Duration,
    patient_until: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
    _share: Share,
}

impl<T> Connection<T> {
    fn new(io: T, place: OwnedSemaphorePermit, share: Share, bounds: Bounds) -> Self {
        let patient_until = Box::pin(sleep(bounds.head));
        Self { io, head: Head::default(), silence: bounds.silence, patient_until, _place: place, _share: share }
    }

    /// Something has passed. Until the first head is whole that changes nothing.
    fn passed<P>(&mut self, progress: Poll<io::Result<P>>) -> Poll<io::Result<P>> {
        if matches!(progress, Poll::Ready(Ok(_))) && self.head.is_whole() {
            self.patient_until.as_mut().reset(Instant::now() + self.silence);
        }
        progress
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Connection<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let known = buf.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        self.head.hear(&buf.filled()[known..]);
        if self.passed(read)?.is_pending() {
            ready!(self.patient_until.as_mut().poll(cx));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Connection<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        self.passed(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.passed(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use poem::listener::TcpAcceptor;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::timeout;

    use super::*;

    const BOUNDS: Bounds =
        Bounds { most: 3, most_of_address: 2, silence: Duration::from_secs(60), head: Duration::from_secs(10) };

    async fn acceptor(bounds: Bounds, trusted: &str) -> (Bounded<TcpAcceptor>, [TcpStream; 3]) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connect = || TcpStream::connect(address);
        let clients = [connect().await.unwrap(), connect().await.unwrap(), connect().await.unwrap()];
        let acceptor = TcpAcceptor::from_tokio(listener).unwrap();
        (Bounded::new(acceptor, bounds, vec![trusted.parse().unwrap()]), clients)
    }

    #[tokio::test]
    async fn who_comes_when_all_places_are_taken_waits_until_one_is_free() {
        let (mut acceptor, _clients) = acceptor(Bounds { most: 1, ..BOUNDS }, "192.0.2.0/24").await;
        let (first, ..) = acceptor.accept().await.unwrap();
        let mut second = std::pin::pin!(acceptor.accept());
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(first);
        second.await.unwrap();
    }

    #[tokio::test]
    async fn an_address_that_has_its_share_is_turned_away_until_it_gives_one_back() {
        let (mut acceptor, [_first, _second, mut third]) = acceptor(BOUNDS, "192.0.2.0/24").await;
        let (first, ..) = acceptor.accept().await.unwrap();
        let (_second, ..) = acceptor.accept().await.unwrap();
        let address = acceptor.local_addr()[0].as_socket_addr().copied().unwrap();
        {
            let mut next = std::pin::pin!(acceptor.accept());
            let mut said = [0];
            let turned_away = tokio::select! {
                _ = &mut next => panic!("it has a share too many"),
                read = third.read(&mut said) => read,
            };
            assert!(matches!(turned_away, Ok(0) | Err(_)));
        }
        drop(first);
        let _fourth = TcpStream::connect(address).await.unwrap();
        acceptor.accept().await.unwrap();
    }

    #[tokio::test]
    async fn a_trusted_proxy_speaks_for_many() {
        let (mut acceptor, _clients) = acceptor(BOUNDS, "127.0.0.0/8").await;
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(acceptor.accept().await.unwrap());
        }
    }

    async fn connection() -> (Connection<DuplexStream>, DuplexStream) {
        let (ours, theirs) = duplex(64);
        let place = Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap();
        (Connection::new(ours, place, Share::default(), BOUNDS), theirs)
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_a_first_request_letter_by_letter_is_let_go() {
        let (mut ours, mut theirs) = connection().await;
        let began = Instant::now();
        let slowly = async {
            for letter in b"GET /healthz HTTP/1.1".iter().cycle() {
                theirs.write_u8(*letter).await.unwrap();
                sleep(Duration::from_secs(1)).await;
            }
        };
        let mut heard = Vec::new();
        let ended = tokio::select! {
            () = slowly => unreachable!("it goes on for ever"),
            ended = ours.read_to_end(&mut heard) => ended.unwrap_err(),
        };
        assert_eq!((ended.kind(), began.elapsed().as_secs()), (io::ErrorKind::TimedOut, 10));
    }

    #[tokio::test(start_paused = true)]
    async fn who_stops_in_the_middle_of_a_further_request_is_let_go() {
        let (mut ours, mut theirs) = connection().await;
        theirs.write_all(b"GET / HTTP/1.1\r\n\r\nGET / HT").await.unwrap();
        let began = Instant::now();
        let ended = ours.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!((ended.kind(), began.elapsed().as_secs()), (io::ErrorKind::TimedOut, 60));
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_told_something_now_and_then_stays() {
        let (mut ours, mut theirs) = connection().await;
        theirs.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        ours.read_exact(&mut [0; 18]).await.unwrap();
        for _ in 0..10 {
            let silence = timeout(Duration::from_secs(45), ours.read_u8()).await;
            assert!(silence.is_err(), "nothing is read, and nothing has failed");
            ours.write_all(b":").await.unwrap();
            theirs.read_u8().await.unwrap();
        }
    }
}
