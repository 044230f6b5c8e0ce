//! A target on this machine that answers, fails, takes its time or holds its answer back, as it is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

pub(crate) struct Target {
    url: String,
    manner: Arc<Manner>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct Manner {
    http_status: AtomicU16,
    after_ms: AtomicU64,
    asked: AtomicU64,
    is_held: watch::Sender<bool>,
}

impl Target {
    /// A target that answers 200 at once.
    pub(crate) async fn start() -> Self {
        Self::start_on("127.0.0.1").await
    }

    /// The same, on this address of the machine.
    pub(crate) async fn start_on(address: &str) -> Self {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let manner = Arc::new(Manner { http_status: 200.into(), ..Manner::default() });
        let serving = tokio::spawn(serve(listener, Arc::clone(&manner)));
        Self { url, manner, serving }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Lets it answer with this status from now on.
    pub(crate) fn answer(&self, http_status: u16) {
        self.manner.http_status.store(http_status, Ordering::SeqCst);
    }

    /// Lets it take so long from now on.
    pub(crate) fn take(&self, time: Duration) {
        self.manner.after_ms.store(u64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Lets it answer nobody until it is released.
    pub(crate) fn hold(&self) {
        self.manner.is_held.send_replace(true);
    }

    /// Lets it answer all whom it has kept waiting, and everybody from now on.
    pub(crate) fn release(&self) {
        self.manner.is_held.send_replace(false);
    }

    /// How often it has been asked.
    pub(crate) fn asked(&self) -> u64 {
        self.manner.asked.load(Ordering::SeqCst)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, manner: Arc<Manner>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(answer(stream, Arc::clone(&manner)));
    }
}

async fn answer(mut stream: TcpStream, manner: Arc<Manner>) {
    let mut request = [0; 4096];
    let Ok(1..) = stream.read(&mut request).await else { return };
    manner.asked.fetch_add(1, Ordering::SeqCst);
    sleep(Duration::from_millis(manner.after_ms.load(Ordering::SeqCst))).await;
    // The sender lives as long as this does.
    let _ = manner.is_held.subscribe().wait_for(|is_held| !is_held).await;
    let http_status = manner.http_status.load(Ordering::SeqCst);
    let answer = format!("HTTP/1.1 {http_status} So\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
    // Whoever asked may have lost patience.
    let _ = stream.write_all(answer.as_bytes()).await;
}
