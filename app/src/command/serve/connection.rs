//! Connections: no more at once than there are descriptors to spare, whoever opens them, and none that is silent for long.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use poem::http::uri::Scheme;
use poem::listener::Acceptor;
use poem::web::{LocalAddr, RemoteAddr};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// How long to wait after a connection could not be accepted, so that a lack of descriptors does not become a busy loop.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts a bounded number of connections at once; further ones wait in the system's queue until others end.
pub(super) struct Bounded<A> {
    inner: A,
    free: Arc<Semaphore>,
    patience: Duration,
}

impl<A> Bounded<A> {
    /// At most so many connections, each ended when nothing has passed over it for as long as the patience lasts.
    pub(super) fn new(inner: A, most: usize, patience: Duration) -> Self {
        Self { inner, free: Arc::new(Semaphore::new(most)), patience }
    }
}

impl<A: Acceptor> Acceptor for Bounded<A> {
    type Io = Connection<A::Io>;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.inner.local_addr()
    }

    async fn accept(&mut self) -> io::Result<(Self::Io, LocalAddr, RemoteAddr, Scheme)> {
        let place = Arc::clone(&self.free).acquire_owned().await.map_err(io::Error::other)?;
        match self.inner.accept().await {
            Ok((io, local, remote, scheme)) => Ok((Connection::new(io, place, self.patience), local, remote, scheme)),
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                sleep(PAUSE).await;
                Err(error)
            }
        }
    }
}

/// A connection, which gives its place back when it is dropped. Reading fails when nothing has passed for too long: who
/// opens a connection and says nothing, or stops in the middle of a request, does not hold a place for ever.
pub(super) struct Connection<T> {
    io: T,
    patience: Duration,
    silent_until: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl<T> Connection<T> {
    fn new(io: T, place: OwnedSemaphorePermit, patience: Duration) -> Self {
        Self { io, patience, silent_until: Box::pin(sleep(patience)), _place: place }
    }

    /// Something has passed.
    fn passed<P>(&mut self, progress: Poll<io::Result<P>>) -> Poll<io::Result<P>> {
        if matches!(progress, Poll::Ready(Ok(_))) {
            self.silent_until.as_mut().reset(Instant::now() + self.patience);
        }
        progress
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Connection<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        if self.passed(read)?.is_pending() {
            ready!(self.silent_until.as_mut().poll(cx));
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

    #[tokio::test]
    async fn who_comes_when_all_places_are_taken_waits_until_one_is_free() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut acceptor = Bounded::new(TcpAcceptor::from_tokio(listener).unwrap(), 1, Duration::from_secs(60));
        let _clients = [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
        let (first, ..) = acceptor.accept().await.unwrap();
        let mut second = std::pin::pin!(acceptor.accept());
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(first);
        second.await.unwrap();
    }

    async fn connection(patience: Duration) -> (Connection<DuplexStream>, DuplexStream) {
        let (ours, theirs) = duplex(64);
        let place = Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap();
        (Connection::new(ours, place, patience), theirs)
    }

    #[tokio::test(start_paused = true)]
    async fn who_stops_in_the_middle_of_a_request_is_let_go() {
        let (mut ours, mut theirs) = connection(Duration::from_secs(60)).await;
        theirs.write_all(b"GET / HT").await.unwrap();
        let began = Instant::now();
        let ended = ours.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!((ended.kind(), began.elapsed().as_secs()), (io::ErrorKind::TimedOut, 60));
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_told_something_now_and_then_stays() {
        let (mut ours, mut theirs) = connection(Duration::from_secs(60)).await;
        for _ in 0..10 {
            let silence = timeout(Duration::from_secs(45), ours.read_u8()).await;
            assert!(silence.is_err(), "nothing is read, and nothing has failed");
            ours.write_all(b":").await.unwrap();
            theirs.read_u8().await.unwrap();
        }
    }
}
