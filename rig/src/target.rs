//! Something to ask: an HTTP server that does as little as possible for each request, and closes the connection.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::LazyLock;

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// What every answer carries, a small page.
const BODY_BYTES: usize = 512;
/// How many connections may wait to be accepted: more than any load opens at once, so that a busy moment of this server
/// is not taken for an outage.
const BACKLOG: u32 = 4096;
/// A request that is longer than this is none that we sent.
const MAX_REQUEST_BYTES: usize = 4096;

/// What it says to a request; it hangs up where there is nothing.
pub type Answers = fn(request: &[u8]) -> Option<&'static [u8]>;

/// An answer to every request, a small page.
pub fn well(_request: &[u8]) -> Option<&'static [u8]> {
    static PAGE: LazyLock<Vec<u8>> = LazyLock::new(|| page("200 OK"));
    Some(&PAGE)
}

/// A small page with this status.
pub fn page(status: &str) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nConnection: close\r\n");
    format!("{head}Content-Length: {BODY_BYTES}\r\n\r\n{}", "x".repeat(BODY_BYTES)).into_bytes()
}

/// Serves until the process is ended; the first line that it prints is its URL.
pub async fn serve(answers: Answers) -> anyhow::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).context("no port for the target")?;
    let listener = socket.listen(BACKLOG)?;
    let address = listener.local_addr()?;
    writeln!(std::io::stdout(), "http://{address}/")?;
    loop {
        let (connection, _) = listener.accept().await?;
        tokio::spawn(async move {
            // Whoever hangs up early has had what they wanted.
            let _ = reply(connection, answers).await;
        });
    }
}

async fn reply(mut connection: TcpStream, answers: Answers) -> std::io::Result<()> {
    let mut request = [0; MAX_REQUEST_BYTES];
    let mut length = 0;
    while !request[..length].ends_with(b"\r\n\r\n") {
        let read = connection.read(&mut request[length..]).await?;
        if read == 0 {
            return Ok(());
        }
        length += read;
    }
    if let Some(answer) = answers(&request[..length]) {
        connection.write_all(answer).await?;
    }
    connection.shutdown().await
}
