//! The real program, driven from outside by its API.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::Instant;

use crate::process::Running;

/// So many monitors are made at the same time.
const MAKERS: u32 = 16;
/// A question is asked so many times before the middle of the answers' times is taken.
const QUESTIONS: u32 = 15;

/// A running `watchkeeper serve` with one account.
pub(crate) struct Watchkeeper {
    running: Running,
    client: Client,
    api: String,
    token: String,
    /// How long after its start it served.
    pub(crate) ready_after: Duration,
}

impl Watchkeeper {
    /// Starts it on an empty directory and, where one is given, an empty database, and signs up.
    pub(crate) async fn start(binary: &Path, directory: &Path, database: Option<&str>) -> anyhow::Result<Self> {
        Self::enter(binary, directory, database, "signup").await
    }

    /// Starts it again where it ran before, and logs in.
    pub(crate) async fn start_again(binary: &Path, directory: &Path, database: Option<&str>) -> anyhow::Result<Self> {
        Self::enter(binary, directory, database, "login").await
    }

    async fn enter(binary: &Path, directory: &Path, database: Option<&str>, by: &str) -> anyhow::Result<Self> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut command = Command::new(binary);
        command.arg("serve").env_clear().stdout(Stdio::null()).stderr(Stdio::inherit());
        command
            .env("WATCHKEEPER_LISTEN", format!("127.0.0.1:{port}"))
            .env("WATCHKEEPER_DATA_DIR", directory)
            .env("WATCHKEEPER_ALLOW_TARGETS", "127.0.0.0/8")
            .env("WATCHKEEPER_MIN_INTERVAL_SECONDS", "1")
            .env("WATCHKEEPER_LOG", "warn");
        if let Some(url) = database {
            command.env("DATABASE_URL", url);
        }
        let mut running = Running::start(&mut command)?;
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(60)).build()?;
        let server = format!("http://127.0.0.1:{port}");
        let (ready, began) = (format!("{server}/readyz"), Instant::now());
        let answers = async || client.get(&ready).send().await.is_ok_and(|answer| answer.status().is_success());
        running.until("watchkeeper is ready", answers).await?;
        let ready_after = began.elapsed();

        let api = format!("{server}/api/v1");
        let account = json!({"email": "bench@example.org", "password": "measure twice, cut once 1847"});
        let answer = body(client.post(format!("{api}/auth/{by}")).json(&account).send().await?).await?;
        let token = answer["access_token"].as_str().context("no access token")?.to_owned();
        Ok(Self { running, client, api, token, ready_after })
    }

    pub(crate) fn process(&self) -> u32 {
        self.running.id
    }

    /// Makes monitors of one target, and answers the identifier of the last one made.
    pub(crate) async fn add_monitors(&self, count: u32, interval_seconds: u32, url: &str) -> anyhow::Result<String> {
        let mut makers = tokio::task::JoinSet::new();
        for maker in 0..MAKERS {
            let (client, token, to) = (self.client.clone(), self.token.clone(), format!("{}/monitors", self.api));
            let monitor = json!({"target": {"type": "http", "url": url}, "interval_seconds": interval_seconds});
            makers.spawn(async move {
                let mut last = None;
                for _ in (maker..count).step_by(MAKERS as usize) {
                    let made = client.post(&to).bearer_auth(&token).json(&monitor).send().await?;
                    last = body(made).await?["id"].as_str().map(str::to_owned);
                }
                anyhow::Ok(last)
            });
        }
        let mut last = None;
        while let Some(made) = makers.join_next().await {
            last = made??.or(last);
        }
        last.context("no monitor was made")
    }

    /// How long an answer takes: the middle of several times, in milliseconds.
    pub(crate) async fn time_of(&self, question: &str) -> anyhow::Result<f64> {
        let mut times = Vec::new();
        for _ in 0..QUESTIONS {
            let began = Instant::now();
            let asked = self.client.get(format!("{}{question}", self.api)).bearer_auth(&self.token).send().await?;
            body(asked).await?;
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
        Ok(crate::statistics::Spread::of(times).median)
    }

    /// Asks something of one monitor.
    pub(crate) async fn ask(&self, question: &str) -> anyhow::Result<Value> {
        body(self.client.get(format!("{}{question}", self.api)).bearer_auth(&self.token).send().await?).await
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.running.stop("TERM").await
    }
}

async fn body(answer: Response) -> anyhow::Result<Value> {
    let (status, url) = (answer.status(), answer.url().clone());
    let text = answer.text().await?;
    ensure!(status.is_success(), "{url} answered {status}: {text}");
    Ok(serde_json::from_str(&text)?)
}
