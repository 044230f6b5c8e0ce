//! A way to a database that a test can cut off, let fall silent or lead elsewhere: what a program sees when the server is down,
//! or the network between them, or another server has taken over.

use std::net::SocketAddr;

use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

use crate::local::free_port;
use crate::{Database, fail};

/// How much is passed on at once.
const PIECE_BYTES: usize = 16 * 1024;

/// Passes bytes on from a port of its own to the database's server.
pub struct Relay {
    url: Url,
    server: String,
    address: SocketAddr,
    is_silent: watch::Sender<bool>,
    passing: Option<JoinHandle<()>>,
}

impl Relay {
    /// Opens a way to a database.
    ///
    /// # Panics
    /// Where no port can be had.
    pub async fn to(database: &Database) -> Self {
        Self::to_url(database.url()).await
    }

    /// Opens a way to whatever database has this URL.
    ///
    /// # Panics
    /// Where it is no such URL, or no port can be had.
    pub async fn to_url(url: &str) -> Self {
        let server = server_of(url);
        let address = SocketAddr::from(([127, 0, 0, 1], free_port().unwrap_or_else(|why| fail(&why))));
        let listener = listen(address).await;
        let mut url = Url::parse(url).unwrap_or_else(|why| fail(&format!("{why}")));
        if url.set_host(Some("127.0.0.1")).is_err() || url.set_port(Some(address.port())).is_err() {
            fail("the test database's URL has no host");
        }
        let (is_silent, _) = watch::channel(false);
        let passing = Some(tokio::spawn(pass(listener, server.clone(), is_silent.subscribe())));
        Self { url, server, address, is_silent, passing }
    }

    /// How to connect to the database on this way.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Breaks every connection and refuses new ones. When this returns it has happened.
    pub async fn cut(&mut self) {
        if let Some(passing) = self.passing.take() {
            passing.abort();
            // Its end is what is waited for; that it was cut short is no news.
            let _ = passing.await;
        }
    }

    /// Lets connections through again.
    ///
    /// # Panics
    /// Where somebody else has taken the port meanwhile.
    pub async fn restore(&mut self) {
        self.cut().await;
        let listener = listen(self.address).await;
        self.passing = Some(tokio::spawn(pass(listener, self.server.clone(), self.is_silent.subscribe())));
    }

    /// Leads to another server from now on. Every connection breaks.
    ///
    /// # Panics
    /// As [`Relay::to_url`] and [`Relay::restore`] do.
    pub async fn move_to(&mut self, url: &str) {
        self.server = server_of(url);
        self.restore().await;
    }

    /// Passes nothing on any more, and tells nobody: connections stay open, new ones are taken and hear nothing.
    pub fn fall_silent(&self) {
        self.is_silent.send_replace(true);
    }

    /// Goes on with what was held back.
    pub fn speak_again(&self) {
        self.is_silent.send_replace(false);
    }
}

fn server_of(url: &str) -> String {
    let options: PgConnectOptions = url.parse().unwrap_or_else(|why| fail(&format!("{why}")));
    format!("{}:{}", options.get_host(), options.get_port())
}

async fn listen(address: SocketAddr) -> TcpListener {
    TcpListener::bind(address).await.unwrap_or_else(|why| fail(&format!("no port for the relay: {why}")))
}

/// Passes connections on until it is dropped, and all of them with it.
async fn pass(listener: TcpListener, server: String, is_silent: watch::Receiver<bool>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let (server, mut is_silent) = (server.clone(), is_silent.clone());
        connections.spawn(async move {
            // The sender lives as long as the relay.
            let _ = is_silent.wait_for(|is_silent| !is_silent).await;
            let Ok(server) = TcpStream::connect(server).await else { return };
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            // Either side may hang up at any time: that is what relays are for. Both ways end with the first.
            tokio::select! {
                () = hand_over(from_client, to_server, is_silent.clone()) => {}
                () = hand_over(from_server, to_client, is_silent) => {}
            }
        });
    }
}

async fn hand_over(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut is_silent: watch::Receiver<bool>,
) {
    let mut piece = vec![0; PIECE_BYTES];
    while let Ok(read @ 1..) = from.read(&mut piece).await {
        let _ = is_silent.wait_for(|is_silent| !is_silent).await;
        if to.write_all(piece.get(..read).unwrap_or_default()).await.is_err() {
            return;
        }
    }
}
