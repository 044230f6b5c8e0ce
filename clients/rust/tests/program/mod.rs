//! The real program, and something for it to watch. In a directory of its own, so that it is no test by itself.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};
use watchkeeper_client::Client;

/// How long anything may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A `watchkeeper serve` on an empty directory of its own.
pub struct Program {
    pub url: String,
    child: Child,
    _directory: TempDir,
}

impl Program {
    pub async fn start() -> Self {
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let directory = tempfile::tempdir().unwrap();
        let binary = binary();
        let mut child = Command::new(&binary)
            .arg("serve")
            .env_clear()
            .env("WATCHKEEPER_LISTEN", format!("127.0.0.1:{port}"))
            .env("WATCHKEEPER_DATA_DIR", directory.path())
            .env("WATCHKEEPER_ALLOW_TARGETS", "127.0.0.0/8")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|why| panic!("{} does not start: {why}; `make test` builds it", binary.display()));
        let url = format!("http://127.0.0.1:{port}");
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        eventually("the program is ready", async || {
            assert_eq!(child.try_wait().unwrap(), None, "the program ended");
            let answer = client.get(format!("{url}/readyz")).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
        Self { url, child, _directory: directory }
    }

    /// Asks it to leave, and sees that it leaves in peace.
    pub async fn stop(mut self) {
        let id = self.child.id().expect("it runs").to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &id]).status().await.unwrap().success());
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it leaves").unwrap();
        assert!(status.success(), "it left with {status}");
    }
}

/// The one that `WATCHKEEPER_BIN` names, else the one that was built together with this test.
fn binary() -> PathBuf {
    std::env::var_os("WATCHKEEPER_BIN").map_or_else(
        || {
            let test = std::env::current_exe().unwrap();
            test.ancestors().nth(2).unwrap().join("watchkeeper")
        },
        PathBuf::from,
    )
}

/// A client whose every request carries an access token.
pub fn client_with_token(url: &str, token: &str) -> Client {
    let bearer = format!("Bearer {token}").parse().unwrap();
    let headers = reqwest::header::HeaderMap::from_iter([(reqwest::header::AUTHORIZATION, bearer)]);
    let client = reqwest::Client::builder().no_proxy().default_headers(headers).build().unwrap();
    Client::new_with_client(url, client)
}

/// Asks until there is an answer.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < end, "in vain: waiting until {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Something that answers 200 to everybody.
pub struct Target {
    pub url: String,
    _serving: tokio::task::JoinSet<()>,
}

impl Target {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let mut serving = tokio::task::JoinSet::new();
        serving.spawn(async move {
            loop {
                let (mut connection, _) = listener.accept().await.unwrap();
                let mut request = [0; 4096];
                // Its one request comes in one piece; whoever hangs up early is not our concern.
                let _ = connection.read(&mut request).await;
                let _ =
                    connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").await;
            }
        });
        Self { url, _serving: serving }
    }
}
