//! The real program: its processes, and somebody who is logged in.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::header::ACCEPT_ENCODING;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::Instant;

use crate::process::Running;

/// What a process of it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// API, dashboard and engine.
    Serve,
    /// The engine alone.
    Work,
}

/// A process of it.
pub(crate) struct Node {
    running: Running,
    /// Where it answers, at least what operators ask.
    server: String,
    /// How long after its start it was ready.
    pub(crate) ready_after: Duration,
}

impl Node {
    /// Starts it on a directory and, where one is given, a database.
    pub(crate) async fn start(
        role: Role,
        binary: &Path,
        directory: &Path,
        database: Option<&str>,
    ) -> anyhow::Result<Self> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let (subcommand, listen) = match role {
            Role::Serve => ("serve", "WATCHKEEPER_LISTEN"),
            Role::Work => ("work", "WATCHKEEPER_METRICS_LISTEN"),
        };
        let mut command = Command::new(binary);
        command.arg(subcommand).env_clear().stdout(Stdio::null()).stderr(Stdio::inherit());
        command
            .env(listen, format!("127.0.0.1:{port}"))
            .env("WATCHKEEPER_DATA_DIR", directory)
            .env("WATCHKEEPER_ALLOW_TARGETS", "127.0.0.0/8")
            .env("WATCHKEEPER_MIN_INTERVAL_SECONDS", "1")
            .env("WATCHKEEPER_LOG", "warn");
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

    pub(crate) fn process(&self) -> u32 {
        self.running.id
    }

    /// What one of its metrics without labels stands at.
    pub(crate) async fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let shown = client()?.get(format!("{}/metrics", self.server)).send().await?.text().await?;
        let value = shown.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.with_context(|| format!("no metric {name}"))?.parse().with_context(|| format!("{name} is no number"))
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.running.stop("TERM").await
    }
}

fn client() -> reqwest::Result<Client> {
    Client::builder().no_proxy().timeout(Duration::from_secs(60)).build()
}

/// Somebody who is logged in, over connections of their own.
#[derive(Clone)]
pub(crate) struct Session {
    client: Client,
    api: String,
    token: String,
}

impl Session {
    /// Makes the one account.
    pub(crate) async fn sign_up(node: &Node) -> anyhow::Result<Self> {
        Self::enter(node, "signup").await
    }

    /// Enters the account that was made before.
    pub(crate) async fn log_in(node: &Node) -> anyhow::Result<Self> {
        Self::enter(node, "login").await
    }

    async fn enter(node: &Node, by: &str) -> anyhow::Result<Self> {
        let (client, api) = (client()?, format!("{}/api/v1", node.server));
        let account = json!({"email": "bench@example.org", "password": "measure twice, cut once 1847"});
        let answer = body(client.post(format!("{api}/auth/{by}")).json(&account).send().await?).await?;
        let token = answer["access_token"].as_str().context("no access token")?.to_owned();
        Ok(Self { client, api, token })
    }

    /// The same person in another browser.
    pub(crate) fn elsewhere(&self) -> anyhow::Result<Self> {
        Ok(Self { client: client()?, ..self.clone() })
    }

    /// Asks, and reads the whole answer.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        body(self.open(path, "identity").await?).await
    }

    /// Asks for an answer in one of some encodings, and leaves its body to be read.
    pub(crate) async fn open(&self, path: &str, encodings: &str) -> anyhow::Result<Response> {
        let asking = self.client.get(format!("{}{path}", self.api)).bearer_auth(&self.token);
        Ok(asking.header(ACCEPT_ENCODING, encodings).send().await?)
    }
}

async fn body(answer: Response) -> anyhow::Result<Value> {
    let (status, url) = (answer.status(), answer.url().clone());
    let text = answer.text().await?;
    ensure!(status.is_success(), "{url} answered {status}: {text}");
    Ok(serde_json::from_str(&text)?)
}
