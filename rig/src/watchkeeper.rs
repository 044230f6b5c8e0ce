//! The real program: its processes, and somebody who is logged in.

use std::fmt;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use reqwest::header::ACCEPT_ENCODING;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::Instant;

use crate::process::Running;

/// What a process of it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// API, dashboard and engine.
    Serve,
    /// The engine alone.
    Work,
}

/// How a process of it is started.
pub struct Start<'a> {
    /// What it does.
    pub role: Role,
    /// The program.
    pub binary: &'a Path,
    /// Where it keeps what is its own.
    pub directory: &'a Path,
    /// On which database, where it is not the file in its directory.
    pub database: Option<&'a str>,
    /// Where its log goes.
    pub log: Stdio,
}

/// A process of it.
pub struct Node {
    running: Running,
    /// Where it answers, at least what operators ask.
    server: String,
    /// How long after its start it was ready.
    pub ready_after: Duration,
}

impl Node {
    /// Starts it, and waits until it is ready.
    pub async fn start(Start { role, binary, directory, database, log }: Start<'_>) -> anyhow::Result<Self> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let (subcommand, listen) = match role {
            Role::Serve => ("serve", "WATCHKEEPER_LISTEN"),
            Role::Work => ("work", "WATCHKEEPER_METRICS_LISTEN"),
        };
        let mut command = Command::new(binary);
        command.arg(subcommand).env_clear().stdout(Stdio::null()).stderr(log);
        command
            .env(listen, format!("127.0.0.1:{port}"))
            .env("WATCHKEEPER_DATA_DIR", directory)
            .env("WATCHKEEPER_ALLOW_TARGETS", "127.0.0.0/8")
            .env("WATCHKEEPER_MIN_INTERVAL_SECONDS", "1")
            .env("WATCHKEEPER_LOG", "warn")
            .env("WATCHKEEPER_LOG_FORMAT", "json");
        if let Some(url) = database {
            command.env("DATABASE_URL", url);
        }
        let began = Instant::now();
        let mut running = Running::start(&mut command)?;
        let (client, server) = (client()?, format!("http://127.0.0.1:{port}"));
        let ready = format!("{server}/readyz");
        let answers = async || client.get(&ready).send().await.is_ok_and(|answer| answer.status().is_success());
        running.until("watchkeeper is ready", answers).await?;
        Ok(Self { running, server, ready_after: began.elapsed() })
    }

    /// Where people come in; it leads to whatever answers there, also once this process has ended.
    pub fn door(&self) -> Door {
        Door { server: self.server.clone() }
    }

    /// By which the kernel knows it.
    pub fn process(&self) -> u32 {
        self.running.id
    }

    /// What one of its metrics without labels stands at.
    pub async fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let shown = client()?.get(format!("{}/metrics", self.server)).send().await?.text().await?;
        let value = shown.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.with_context(|| format!("no metric {name}"))?.parse().with_context(|| format!("{name} is no number"))
    }

    /// Asks it to leave, and waits for that.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.running.stop("TERM").await
    }
}

fn client() -> reqwest::Result<Client> {
    Client::builder().no_proxy().timeout(Duration::from_secs(60)).build()
}

/// Where people come in.
#[derive(Clone)]
pub struct Door {
    server: String,
}

impl Door {
    /// Makes the account of who owns the monitors.
    pub async fn sign_up_owner(&self) -> anyhow::Result<Session> {
        self.sign_up(OWNER).await
    }

    /// Makes an account.
    pub async fn sign_up(&self, email: &str) -> anyhow::Result<Session> {
        self.enter("signup", email).await
    }

    /// Enters the account of who owns the monitors.
    pub async fn log_in(&self) -> anyhow::Result<Session> {
        self.enter("login", OWNER).await
    }

    async fn enter(&self, by: &str, email: &str) -> anyhow::Result<Session> {
        let (client, api) = (client()?, format!("{}/api/v1", self.server));
        let account = json!({"email": email, "password": "measure twice, cut once 1847"});
        let said = answer(client.post(format!("{api}/auth/{by}")).json(&account).send().await?).await?;
        let token = said["access_token"].as_str().context("no access token")?.to_owned();
        Ok(Session { client, api, token })
    }
}

/// Who owns the monitors.
const OWNER: &str = "owner@example.org";

/// Somebody who is logged in, over connections of their own.
#[derive(Clone)]
pub struct Session {
    client: Client,
    api: String,
    token: String,
}

impl Session {
    /// The same person in another browser.
    pub fn elsewhere(&self) -> anyhow::Result<Self> {
        Ok(Self { client: client()?, ..self.clone() })
    }

    /// Asks, and reads the whole answer.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        answer(self.open(path, "identity").await?).await
    }

    /// Asks for an answer in one of some encodings, and leaves its body to be read.
    pub async fn open(&self, path: &str, encodings: &str) -> anyhow::Result<Response> {
        let asking = self.client.get(format!("{}{path}", self.api)).bearer_auth(&self.token);
        Ok(asking.header(ACCEPT_ENCODING, encodings).send().await?)
    }

    /// Asks for something to be done or changed, and reads the answer, which may be empty.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        answer(self.put(method, path, body).await?).await
    }

    async fn put(&self, method: Method, path: &str, body: Option<&Value>) -> reqwest::Result<Response> {
        let asking = self.client.request(method, format!("{}{path}", self.api)).bearer_auth(&self.token);
        body.into_iter().fold(asking, RequestBuilder::json).send().await
    }
}

/// An answer that says no.
#[derive(Debug)]
pub struct Refused {
    /// In which way.
    pub status: StatusCode,
    url: String,
    text: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} answered {}: {}", self.url, self.status, self.text)
    }
}

impl std::error::Error for Refused {}

/// An answer that says yes.
///
/// # Errors
/// [`Refused`] where it does not.
pub(crate) async fn accepted(answer: Response) -> anyhow::Result<Response> {
    let (status, url) = (answer.status(), answer.url().to_string());
    if status.is_success() {
        return Ok(answer);
    }
    Err(Refused { status, url, text: answer.text().await? }.into())
}

/// Reads an answer, which may be empty.
async fn answer(answer: Response) -> anyhow::Result<Value> {
    let text = accepted(answer).await?.text().await?;
    Ok(if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? })
}
