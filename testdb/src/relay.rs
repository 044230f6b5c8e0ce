//! A way to a database that a test can cut off: what a program sees when the server is down, whichever server it is.

use std::net::SocketAddr;

use sqlx::postgres::PgConnectOptions;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use url::Url;

use crate::{Database, fail};

/// Passes bytes on from a port of its own to the database's server.
pub struct Relay {
    url: Url,
    server: String,
    address: SocketAddr,
    passing: Option<JoinHandle<()>>,
}

impl Relay {
    /// Opens a way to a database.
    ///
    /// # Panics
    /// Where no port can be had.
    pub async fn to(database: &Database) -> Self {
        let options: PgConnectOptions = database.url().parse().unwrap_or_else(|why| fail(&format!("{why}")));
        let server = format!("{}:{}", options.get_host(), options.get_port());
        let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0))).await;
        let address = listener.local_addr().unwrap_or_else(|why| fail(&format!("{why}")));
        let mut url = database.url.clone();
        if url.set_host(Some("127.0.0.1")).is_err() || url.set_port(Some(address.port())).is_err() {
            fail("the test database's URL has no host");
        }
        let passing = Some(tokio::spawn(pass(listener, server.clone())));
        Self { url, server, address, passing }
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
        self.passing = Some(tokio::spawn(pass(listener, self.server.clone())));
    }
}

async fn listen(address: SocketAddr) -> TcpListener {
    TcpListener::bind(address).await.unwrap_or_else(|why| fail(&format!("no port for the relay: {why}")))
}

/// Passes connections on until it is dropped, and all of them with it.
async fn pass(listener: TcpListener, server: String) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((mut client, _)) = listener.accept().await {
        let server = server.clone();
        connections.spawn(async move {
            let Ok(mut server) = TcpStream::connect(server).await else { return };
            // Either side may hang up at any time: that is what relays are for.
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        });
    }
}
