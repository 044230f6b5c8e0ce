//! Something to ask: an HTTP server that does as little as possible for each request, and closes the connection.

use std::io::Write;
use std::net::SocketAddr;

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

/// Serves until the process is ended; the first line that it prints is its URL.
pub(crate) async fn serve() -> anyhow::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).context("no port for the target")?;
    let listener = socket.listen(BACKLOG)?;
    let address = listener.local_addr()?;
    writeln!(std::io::stdout(), "http://{address}/")?;
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n";
    let answer = format!("{head}Content-Length: {BODY_BYTES}\r\n\r\n{}", "x".repeat(BODY_BYTES));
    let answer: &'static [u8] = answer.leak().as_bytes();
    loop {
        let (connection, _) = listener.accept().await?;
        tokio::spawn(async move {
            // Whoever hangs up early has had what they wanted.
            let _ = reply(connection, answer).await;
        });
    }
}

async fn reply(mut connection: TcpStream, answer: &[u8]) -> std::io::Result<()> {
    let mut request = [0; MAX_REQUEST_BYTES];
    let mut length = 0;
    while !request[..length].ends_with(b"\r\n\r\n") {
        let read = connection.read(&mut request[length..]).await?;
        if read == 0 {
            return Ok(());
        }
        length += read;
    }
    connection.write_all(answer).await?;
    connection.shutdown().await
}
