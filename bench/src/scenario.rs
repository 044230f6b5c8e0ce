//! What is measured, and in which order.

use std::fmt;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::bare::Cost;
use crate::bed::{Bed, Kind};
use crate::process::{Memory, Running, Usage};
use crate::statistics::{Spread, percentile, whole};

/// The load of the promise on lateness: so many monitors, each so often.
const STEADY: Load = Load { monitors: 2_000, interval_seconds: 20 };
/// The load at which the cost of a check is compared, and memory read.
const BUSY: Load = Load { monitors: 10_000, interval_seconds: 5 };
/// What keeps two cores busy.
const FLOOD: Load = Load { monitors: 6_000, interval_seconds: 1 };
/// The bare loop asks with so many at once; more gain nothing on two cores.
const BARE_CONCURRENCY: u32 = 64;
/// Results are recorded within a batch; so long after a stretch all of it is in the record.
const RECORDING: Duration = Duration::from_secs(3);

/// How much time is given to it.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    /// How many stretches are measured, one after the other.
    windows: u32,
    /// How long each of them is.
    window: Duration,
}

impl Effort {
    pub(crate) const FULL: Self = Self { windows: 3, window: Duration::from_secs(10) };
    pub(crate) const BRIEF: Self = Self { windows: 2, window: Duration::from_secs(5) };
}

/// Monitors, and how often each is checked.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Load {
    pub(crate) monitors: u32,
    pub(crate) interval_seconds: u32,
}

impl fmt::Display for Load {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} monitors every {} s", whole(self.monitors.into()), self.interval_seconds)
    }
}

impl Load {
    pub(crate) fn per_second(self) -> u32 {
        self.monitors / self.interval_seconds
    }
}

/// All that was found.
#[derive(Debug, Serialize)]
pub(crate) struct Found {
    /// The bare request at the rate of the steady load.
    pub(crate) bare_steady: Bare,
    /// At the rate of the busy load.
    pub(crate) bare_busy: Bare,
    /// With nothing to hold it back.
    pub(crate) bare_flat_out: Bare,
    pub(crate) stores: Vec<OnStore>,
    pub(crate) seconds: f64,
}

/// What was found of the bare request.
#[derive(Debug, Serialize)]
pub(crate) struct Bare {
    /// CPU microseconds for each.
    pub(crate) cpu_us: Spread,
    /// So many a second.
    pub(crate) rate: Spread,
}

/// What was found on one store.
#[derive(Debug, Serialize)]
pub(crate) struct OnStore {
    pub(crate) store: Kind,
    pub(crate) version: String,
    pub(crate) steady: Measured,
    pub(crate) busy: Measured,
    pub(crate) flood: Measured,
    /// Questions, and the middle time of their answers in milliseconds, under the busy load.
    pub(crate) questions: Vec<(&'static str, f64)>,
}

/// What was found under one load.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) load: Load,
    /// CPU microseconds of the program for each check.
    pub(crate) cpu_us: Spread,
    /// CPU microseconds of the database server for each check; none where the store is in the program.
    pub(crate) database_us: Option<Spread>,
    /// Checks recorded a second.
    pub(crate) rate: Spread,
    /// How late probes began: p50, p95, p99 and the latest, in milliseconds.
    pub(crate) late_ms: [f64; 4],
    pub(crate) checks: u64,
    pub(crate) missed: u64,
    pub(crate) failed: u64,
    /// By how many bytes the store grew on disk, with its indexes, for each check.
    pub(crate) bytes_per_check: f64,
    pub(crate) resident_mb: f64,
    pub(crate) resident_peak_mb: f64,
}

/// Measures everything.
pub(crate) async fn measure_all(binary: &Path, effort: Effort) -> anyhow::Result<Found> {
    ensure!(binary.is_file(), "there is no {}: `make build` makes it", binary.display());
    let began = Instant::now();
    let (_target, url) = Running::part(&["target"]).await?;

    tell("the bare request, as often as the loads ask, and flat out");
    let bare_steady = bare(&url, Some(STEADY.per_second()), effort).await?;
    let bare_busy = bare(&url, Some(BUSY.per_second()), effort).await?;
    let bare_flat_out = bare(&url, None, effort).await?;

    let mut stores = Vec::new();
    for kind in [Kind::Sqlite, Kind::Postgres] {
        stores.push(on_store(kind, binary, &url, effort).await?);
    }

    Ok(Found { bare_steady, bare_busy, bare_flat_out, stores, seconds: began.elapsed().as_secs_f64() })
}

async fn bare(url: &str, rate: Option<u32>, effort: Effort) -> anyhow::Result<Bare> {
    let [concurrency, windows, seconds] =
        [BARE_CONCURRENCY, effort.windows, effort.window.as_secs() as u32].map(|number| number.to_string());
    let mut arguments =
        vec!["bare", "--url", url, "--concurrency", &concurrency, "--windows", &windows, "--seconds", &seconds];
    let rate = rate.map(|rate| rate.to_string());
    arguments.extend(rate.iter().flat_map(|rate| ["--rate", rate.as_str()]));
    let (_asking, said) = Running::part(&arguments).await?;
    let costs: Vec<Cost> = serde_json::from_str(&said).context("the bare loop said something odd")?;
    Ok(Bare {
        cpu_us: Spread::of(costs.iter().map(|cost| cost.cpu_us / cost.requests as f64)),
        rate: Spread::of(costs.iter().map(|cost| cost.requests as f64 / cost.seconds)),
    })
}

async fn on_store(kind: Kind, binary: &Path, url: &str, effort: Effort) -> anyhow::Result<OnStore> {
    tell(&format!("{kind}: {STEADY}"));
    let bed = Bed::make(kind, binary).await?;
    let steady = under(STEADY, &bed, url, effort).await?.0;
    let version = bed.version().to_owned();
    bed.clear().await?;

    tell(&format!("{kind}: {BUSY}"));
    let bed = Bed::make(kind, binary).await?;
    let (busy, monitor) = under(BUSY, &bed, url, effort).await?;
    let questions = questions(&bed, &monitor).await?;
    bed.clear().await?;

    tell(&format!("{kind}: {FLOOD}, which keeps the machine busy"));
    let bed = Bed::make(kind, binary).await?;
    let flood = under(FLOOD, &bed, url, effort).await?.0;
    bed.clear().await?;

    Ok(OnStore { store: kind, version, steady, busy, flood, questions })
}

/// Puts a load on, lets it settle for a round, and measures; answers also the last of the monitors.
async fn under(load: Load, bed: &Bed, url: &str, effort: Effort) -> anyhow::Result<(Measured, String)> {
    let monitor = bed.watchkeeper.add_monitors(load.monitors, load.interval_seconds, url).await?;
    // Every monitor leaves its opening slot behind and is on its grid after one and a half intervals at the most.
    sleep(Duration::from_secs(u64::from(load.interval_seconds) * 3 / 2) + RECORDING).await;

    let (checks_before, bytes_before) = bed.store.size().await?;
    let mut windows = Vec::new();
    for _ in 0..effort.windows {
        windows.push(one_window(bed, effort.window).await?);
    }
    let memory = Memory::of(bed.watchkeeper.process())?;
    sleep(RECORDING).await;
    let (checks_after, bytes_after) = bed.store.size().await?;

    let (mut cpu_us, mut database_us, mut rate, mut late_ms) = (vec![], vec![], vec![], vec![]);
    let (mut missed, mut failed) = (0, 0);
    for window in windows {
        let stretch = bed.store.stretch(window.from, window.to, load.interval_seconds).await?;
        let checks = stretch.late_ms.len() as f64;
        ensure!(checks > 0.0, "nothing was recorded in a whole window");
        cpu_us.push(window.cpu_us / checks);
        database_us.extend(window.database_us.map(|us| us / checks));
        rate.push(checks / ((window.to - window.from) as f64 / 1e6));
        late_ms.extend(stretch.late_ms);
        missed += stretch.missed;
        failed += stretch.failed;
    }
    late_ms.sort_by(f64::total_cmp);
    let measured = Measured {
        load,
        cpu_us: Spread::of(cpu_us),
        database_us: (!database_us.is_empty()).then(|| Spread::of(database_us)),
        rate: Spread::of(rate),
        late_ms: [0.5, 0.95, 0.99, 1.0].map(|share| percentile(&late_ms, share)),
        checks: late_ms.len() as u64,
        missed,
        failed,
        bytes_per_check: (bytes_after - bytes_before) as f64 / (checks_after - checks_before).max(1) as f64,
        resident_mb: memory.now_kb as f64 / 1024.0,
        resident_peak_mb: memory.peak_kb as f64 / 1024.0,
    };
    tell(&format!(
        "    {:.0} checks/s, {:.0} us of CPU each, p99 {:.1} ms late, {:.0} MB",
        measured.rate.median, measured.cpu_us.median, measured.late_ms[2], measured.resident_mb
    ));
    Ok((measured, monitor))
}

/// What was used in a stretch of time, in microseconds since the Unix epoch.
struct Window {
    from: i64,
    to: i64,
    cpu_us: f64,
    database_us: Option<f64>,
}

async fn one_window(bed: &Bed, length: Duration) -> anyhow::Result<Window> {
    let program = bed.watchkeeper.process();
    let database = || bed.database_process().map(Usage::of_family).transpose();
    let (from, before, database_before) = (now(), Usage::of(program)?, database()?);
    sleep(length).await;
    let (to, after, database_after) = (now(), Usage::of(program)?, database()?);
    let database_us = database_after.zip(database_before).map(|(after, before)| after.cpu_us_since(before));
    Ok(Window { from, to, cpu_us: after.cpu_us_since(before), database_us })
}

async fn questions(bed: &Bed, monitor: &str) -> anyhow::Result<Vec<(&'static str, f64)>> {
    let mut times = Vec::new();
    for (name, path) in [
        ("50 monitors with status, last check and uptime", "/monitors?limit=50".to_owned()),
        ("500 of them", "/monitors?limit=500".to_owned()),
        ("the newest 50 checks of one", format!("/monitors/{monitor}/checks")),
        ("uptime of one over 24 h", format!("/monitors/{monitor}/uptime")),
        ("latency of one over 24 h", format!("/monitors/{monitor}/latency")),
        ("account of its slots over 24 h", format!("/monitors/{monitor}/slots")),
    ] {
        times.push((name, bed.watchkeeper.time_of(&path).await?));
    }
    let account = bed.watchkeeper.ask(&format!("/monitors/{monitor}/slots")).await?;
    ensure!(account["unaccounted"] == 0, "slots are unaccounted for: {account}");
    Ok(times)
}

#[expect(clippy::disallowed_methods, reason = "the record is kept in wall-clock time, and so a window of it is too")]
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64)
}

pub(crate) fn tell(what: &str) {
    // Where nobody listens, the document still tells.
    let _ = writeln!(std::io::stderr(), "{what}");
}
