//! What a browser asks for that loads the dashboard (`frontend/src/features`): it listens to the stream of events, reads
//! the list of all monitors page by page, opens one monitor, and begins anew after a while. Scripts and styles are in its cache.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use reqwest::Response;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use uuid::Uuid;
use watchkeeper_adapters::rfc3339;
use watchkeeper_domain::time::Timestamp;

use crate::clock::now;
use crate::watchkeeper::{Session, accepted};

/// How long answers took, in milliseconds, by what was asked.
pub type Times = BTreeMap<&'static str, Vec<f64>>;

/// So many points a graph has at the most, and so far back a page looks of a monitor that is younger.
const MAX_POINTS: u32 = 96;
const LOOKS_BACK: Duration = Duration::from_secs(3_600);
const A_PAGE_OF_THE_LIST: &str = "/monitors?limit=500&recent=30";

/// One that loads, over connections of its own.
pub struct Browser {
    /// Who looks.
    pub session: Session,
    /// What to ask for to read the whole list: see [`pages_of_the_list`].
    pub pages: Vec<String>,
    /// Which monitors are opened, one after the other.
    pub opens: Vec<Uuid>,
    /// How often these are checked, about, in seconds: no graph has finer steps.
    pub interval_seconds: u32,
    /// How long it rests between two loads.
    pub pause: Duration,
}

/// What to ask for to read the whole list: found out once, since what a browser reads is compressed.
pub async fn pages_of_the_list(session: &Session) -> anyhow::Result<Vec<String>> {
    let mut pages = vec![A_PAGE_OF_THE_LIST.to_owned()];
    while let Some(last) = pages.last() {
        let page = session.get(last).await?;
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        pages.push(format!("{A_PAGE_OF_THE_LIST}&cursor={cursor}"));
    }
    Ok(pages)
}

impl Browser {
    /// Loads over and over until told to stop, and says how long that took.
    pub async fn browse(self, mut stopped: watch::Receiver<bool>) -> anyhow::Result<Times> {
        let mut times = Times::new();
        let mut opens = self.opens.iter().cycle();
        while !*stopped.borrow() {
            let events = self.session.open("/events", ENCODINGS).await?;
            let events = accepted(events).await?;
            let listening = tokio::spawn(drained(events));

            let began = Instant::now();
            for page in &self.pages {
                let took = timed(self.session.clone(), page.clone()).await?;
                times.entry("500 monitors of the list").or_default().push(took);
            }
            times.entry("the whole list").or_default().push(millis_since(began));

            let began = Instant::now();
            for (what, took) in self.open_one(opens.next().context("no monitor to open")?).await? {
                times.entry(what).or_default().push(took);
            }
            times.entry("the whole page of a monitor").or_default().push(millis_since(began));
            // While it rests it goes on listening.
            let _ = timeout(self.pause, stopped.wait_for(|stopped| *stopped)).await;
            listening.abort();
        }
        Ok(times)
    }

    /// The page of a monitor: first the monitor itself, then all panels at once.
    async fn open_one(&self, monitor: &Uuid) -> anyhow::Result<Vec<(&'static str, f64)>> {
        let one = format!("/monitors/{monitor}");
        let mut all = vec![("the monitor", timed(self.session.clone(), one.clone()).await?)];
        let from = rfc3339::format(Timestamp::from_micros(now()).minus(LOOKS_BACK));
        let step = self.interval_seconds.max((LOOKS_BACK.as_secs() as u32).div_ceil(MAX_POINTS));
        let mut panels = JoinSet::new();
        for (what, path) in [
            ("its uptime", format!("{one}/uptimes")),
            ("its latencies", format!("{one}/latency?from={from}&step={step}")),
            ("its history of statuses", format!("{one}/history?from={from}")),
            ("its account of slots", format!("{one}/slots?from={from}")),
            ("its gaps", format!("{one}/gaps?from={from}")),
            ("its last 25 checks", format!("{one}/checks?from={from}&limit=25")),
            ("its incidents", format!("{one}/incidents?limit=30")),
        ] {
            let session = self.session.clone();
            panels.spawn(async move { anyhow::Ok((what, timed(session, path).await?)) });
        }
        while let Some(panel) = panels.join_next().await {
            all.push(panel??);
        }
        Ok(all)
    }
}

/// What a browser reads, and can unpack.
const ENCODINGS: &str = "gzip, deflate, br, zstd";

async fn timed(session: Session, path: String) -> anyhow::Result<f64> {
    let began = Instant::now();
    let answer = accepted(session.open(&path, ENCODINGS).await?).await?;
    answer.bytes().await.with_context(|| format!("{path} was cut off"))?;
    Ok(millis_since(began))
}

async fn drained(mut events: Response) {
    // Whoever stops listening has had what they wanted.
    while let Ok(Some(_)) = events.chunk().await {}
}

fn millis_since(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e3
}
