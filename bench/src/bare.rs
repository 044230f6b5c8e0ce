//! The bare network request, over and over: what a check would cost if there were nothing to it but the asking.

use std::io::Write;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep_until};

use crate::process::{Running, Usage};
use crate::size::Effort;
use crate::statistics::Spread;

/// The loop asks with so many at once; more gain nothing on two cores.
const CONCURRENCY: u32 = 64;

/// What to ask, and how hard.
#[derive(Args, Clone)]
pub(crate) struct Asking {
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

/// What was found of the bare request.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Bare {
    /// CPU microseconds for each.
    pub(crate) cpu_us: Spread,
    /// So many a second.
    pub(crate) rate: Spread,
}

impl Bare {
    pub(crate) fn of(costs: &[Cost]) -> Self {
        Self {
            cpu_us: Spread::of(costs.iter().map(|cost| cost.cpu_us / cost.requests as f64)),
            rate: Spread::of(costs.iter().map(|cost| cost.requests as f64 / cost.seconds)),
        }
    }
}

/// Asks a target from a process of its own: so often a second, or as often as can be.
pub(crate) async fn measure(target: &str, rate: Option<u32>, effort: Effort) -> anyhow::Result<Vec<Cost>> {
    let [concurrency, windows, seconds] =
        [CONCURRENCY, effort.windows, effort.window_seconds].map(|number| number.to_string());
    let mut arguments =
        vec!["bare", "--url", target, "--concurrency", &concurrency, "--windows", &windows, "--seconds", &seconds];
    let rate = rate.map(|rate| rate.to_string());
    arguments.extend(rate.iter().flat_map(|rate| ["--rate", rate.as_str()]));
    let (_asking, said) = Running::part(&arguments).await?;
    serde_json::from_str(&said).context("the bare loop said something odd")
}

/// Asks, and prints a list of [`Cost`] as JSON, one for each stretch.
pub(crate) async fn run(load: Asking) -> anyhow::Result<()> {
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

async fn one_window(client: &reqwest::Client, load: &Asking) -> anyhow::Result<Cost> {
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
