//! The bare network request, over and over: what a check would cost if there were nothing to it but the asking.

use std::io::Write;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep_until};

use crate::process::Usage;

/// What to ask, and how hard.
#[derive(Args, Clone)]
pub(crate) struct Load {
    /// Whom.
    #[arg(long)]
    pub(crate) url: String,
    /// So many requests a second, evenly spread; as many as can be where it is left out.
    #[arg(long)]
    pub(crate) rate: Option<u32>,
    /// So many at once at the most.
    #[arg(long)]
    pub(crate) concurrency: u32,
    /// So many times a stretch is measured.
    #[arg(long)]
    pub(crate) windows: u32,
    /// For so long each time.
    #[arg(long)]
    pub(crate) seconds: u32,
}

/// What one stretch of asking cost.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Cost {
    pub(crate) requests: u64,
    pub(crate) cpu_us: f64,
    pub(crate) seconds: f64,
}

/// Asks, and prints a list of [`Cost`] as JSON, one for each stretch.
pub(crate) async fn run(load: Load) -> anyhow::Result<()> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .pool_max_idle_per_host(0)
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(10))
        .build()?;
    let mut costs = Vec::new();
    for _ in 0..load.windows {
        costs.push(one_window(&client, &load).await?);
    }
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&costs)?)?;
    Ok(())
}

async fn one_window(client: &reqwest::Client, load: &Load) -> anyhow::Result<Cost> {
    let began = Instant::now();
    let end = began + Duration::from_secs(load.seconds.into());
    let before = Usage::of(std::process::id())?;
    let mut asking = tokio::task::JoinSet::new();
    for asker in 0..load.concurrency {
        let (client, load) = (client.clone(), load.clone());
        asking.spawn(async move {
            let mut done: u64 = 0;
            loop {
                // Every asker has its own even grid; together they make the rate.
                let nth = done * u64::from(load.concurrency) + u64::from(asker);
                let next = load
                    .rate
                    .map_or_else(Instant::now, |rate| began + Duration::from_secs_f64(nth as f64 / f64::from(rate)));
                if next >= end {
                    return anyhow::Ok(done);
                }
                sleep_until(next).await;
                let answer = client.get(&load.url).send().await.context("the target does not answer")?;
                answer.error_for_status()?.bytes().await?;
                done += 1;
            }
        });
    }
    let mut requests = 0;
    while let Some(done) = asking.join_next().await {
        requests += done??;
    }
    let seconds = began.elapsed().as_secs_f64();
    let cpu_us = Usage::of(std::process::id())?.cpu_us_since(before);
    Ok(Cost { requests, cpu_us, seconds })
}
