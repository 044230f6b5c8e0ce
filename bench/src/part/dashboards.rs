//! Whether checks are on time while people look on, and how long those wait.

use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Beside;
use crate::bare::Bare;
use crate::fill;
use crate::load::Load;
use crate::size::{Effort, Size};
use crate::stage::{Crew, Measured, Props, Stage};
use crate::statistics::percentile;
use crate::store::Kind;
use crate::tell;
use crate::watchkeeper::Session;
use watchkeeper_rig::browser::{Browser, Times, pages_of_the_list};

/// How many browsers load at the same time.
pub(crate) const BROWSERS: u32 = 10;
/// So many monitors are opened in turn by each browser.
const OPENED: u32 = 50;
/// How long a person looks before loading again.
pub(crate) const LOOKING: Duration = Duration::from_secs(5);

fn load(size: Size) -> Load {
    match size {
        Size::Tiny => Load::new(600, 5),
        Size::Small | Size::Full => Load::new(2_000, 20),
    }
}

/// What was found.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Found {
    /// The bare request at the same rate.
    pub(crate) bare: Bare,
    pub(crate) stores: Vec<OnStore>,
}

/// What was found on one store.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct OnStore {
    /// While nobody looks on.
    pub(crate) alone: Measured,
    /// While ten people look on, who load the dashboard again after [`LOOKING`].
    pub(crate) looking: Visited,
    /// While ten dashboards load without a pause.
    pub(crate) loading: Visited,
}

/// What was found while there were visitors, and how long these waited.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Visited {
    pub(crate) measured: Measured,
    pub(crate) requests: Vec<Asked>,
}

/// How long something takes until the whole answer is there, in milliseconds.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Asked {
    pub(crate) what: String,
    pub(crate) times: u64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

impl Asked {
    pub(crate) fn of(what: &str, mut took: Vec<f64>) -> Self {
        took.sort_by(f64::total_cmp);
        let [p50_ms, p99_ms] = [0.5, 0.99].map(|share| percentile(&took, share));
        Self { what: what.to_owned(), times: took.len() as u64, p50_ms, p99_ms }
    }
}

pub(crate) async fn measure(props: Props<'_>, size: Size) -> anyhow::Result<Found> {
    let (load, effort) = (load(size), Effort::of_onlookers(size));
    let mut beside = Beside::new(Some(load.rate() as u32), effort);
    beside.ask(props.target).await?;
    let mut stores = Vec::new();
    for kind in Kind::BOTH {
        stores.push(on_store(props, kind, load, effort).await?);
    }
    beside.ask(props.target).await?;
    Ok(Found { bare: beside.found(), stores })
}

async fn on_store(props: Props<'_>, kind: Kind, load: Load, effort: Effort) -> anyhow::Result<OnStore> {
    let stage = Stage::set(props, kind, load, Crew::Serving).await?;
    let alone = stage.watch(effort).await?;
    let session = stage.nodes.first().context("nobody serves")?.door().log_in().await?;
    let looking = visited(&stage, &session, load, LOOKING, effort).await?;
    let loading = visited(&stage, &session, load, Duration::ZERO, effort).await?;
    stage.account(&session).await?;
    stage.clear().await?;
    Ok(OnStore { alone, looking, loading })
}

async fn visited(
    stage: &Stage,
    session: &Session,
    load: Load,
    pause: Duration,
    effort: Effort,
) -> anyhow::Result<Visited> {
    let pages = pages_of_the_list(session).await?;
    let (stop, stopped) = watch::channel(false);
    let mut browsers = JoinSet::new();
    for number in 0..BROWSERS {
        let opens = (number * OPENED..(number + 1) * OPENED).map(|opened| fill::monitor(opened % load.monitors));
        let browser = Browser {
            session: session.elsewhere()?,
            pages: pages.clone(),
            opens: opens.collect(),
            interval_seconds: load.interval_seconds,
            pause,
        };
        browsers.spawn(browser.browse(stopped.clone()));
    }
    let measured = stage.watch(effort.warmed_up()).await?;
    stop.send_replace(true);
    let mut times = Times::new();
    while let Some(browsed) = browsers.join_next().await {
        for (what, took) in browsed?? {
            times.entry(what).or_default().extend(took);
        }
    }
    let requests: Vec<Asked> = times.into_iter().map(|(what, took)| Asked::of(what, took)).collect();
    for Asked { what, times, p50_ms, p99_ms } in &requests {
        tell(&format!("    {what}: {times} times, p50 {p50_ms:.1} ms, p99 {p99_ms:.1} ms"));
    }
    Ok(Visited { measured, requests })
}
