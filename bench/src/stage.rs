//! The real program on a store full of monitors, and what it does there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use serde::{Deserialize, Serialize};
use tokio::process::Command;
use tokio::time::{sleep, timeout};
use watchkeeper_domain::time::Timestamp;

use crate::clock::now;
use crate::fill;
use crate::ground::Ground;
use crate::load::Load;
use crate::process::{Ended, Memory, Running, Usage};
use crate::size::Effort;
use crate::statistics::{Spread, percentile};
use crate::store::{Kind, Store, Stretch};
use crate::tell;
use crate::watchkeeper::{Node, Role, Session};

/// Results are recorded within a batch; so long after a stretch all of it is in the record.
const RECORDING: Duration = Duration::from_secs(2);

/// How often it is looked whether an hour is closed, and how long that may take: as long as the janitor gives it, twice.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const CLOSING: Duration = Duration::from_secs(600);
/// How long it may take until all is claimed that fell due while nobody was there.
const CATCHING_UP: Duration = Duration::from_secs(1_800);

/// Of so many monitors the account of slots is looked at.
const ACCOUNTS: u32 = 10;

/// What every measurement needs.
#[derive(Clone, Copy)]
pub(crate) struct Props<'a> {
    /// The released binary.
    pub(crate) binary: &'a Path,
    /// What all monitors ask.
    pub(crate) target: &'a str,
}

/// Who watches.
#[derive(Clone, Copy)]
pub(crate) enum Crew {
    /// One process that serves as well.
    Serving,
    /// So many that only work.
    Working(u32),
}

/// Processes of the program, with all that they stand on.
pub(crate) struct Stage {
    pub(crate) nodes: Vec<Node>,
    crew: Crew,
    load: Load,
    store: Store,
    /// When the first process was started, in microseconds since the Unix epoch.
    started_at: i64,
    ground: Ground,
    binary: PathBuf,
}

/// How late probes began, as the record has it.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Lateness {
    /// p50, p95, p99 and the latest, in milliseconds.
    pub(crate) ms: [f64; 4],
    pub(crate) checks: u64,
    /// Slots that were missed, or unknown: they are in no percentile.
    pub(crate) missed: u64,
    /// Checks that were not up, although the target always answers.
    pub(crate) failed: u64,
    /// Checks that were late by more than so long; none where that was not counted yet.
    pub(crate) over_100_ms: Option<u64>,
    pub(crate) over_1_s: Option<u64>,
}

/// What was found under one load.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Measured {
    pub(crate) store: Kind,
    pub(crate) load: Load,
    pub(crate) nodes: u32,
    /// Seconds from the start of a process until it served, the longest.
    pub(crate) ready_after: f64,
    /// CPU microseconds of the program for each check, of all processes together.
    pub(crate) cpu_us: Spread,
    /// CPU microseconds of the database server for each check; none where the store is in the program.
    pub(crate) database_us: Option<Spread>,
    /// Checks recorded a second.
    pub(crate) rate: Spread,
    /// In the stretches that were measured.
    pub(crate) late: Lateness,
    /// From the start of the program on.
    pub(crate) late_from_start: Lateness,
    /// By how many bytes the store grew on disk, with its indexes, for each check.
    pub(crate) bytes_per_check: f64,
    /// Bytes of the server's write-ahead log for each check; none where the store is in the program.
    pub(crate) log_bytes_per_check: Option<f64>,
    /// Resident memory of all processes together: at the end, and the sum of what each had at its highest.
    pub(crate) resident_mb: f64,
    pub(crate) resident_peak_mb: f64,
    /// Of all claims, the share of the node that took the fewest, and of the one that took the most.
    pub(crate) shares: [f64; 2],
}

impl Measured {
    /// Whether every slot was checked.
    pub(crate) fn is_whole(&self) -> bool {
        self.late.missed + self.late.failed == 0
    }

    /// CPU microseconds for each check, of the program and of the database server.
    pub(crate) fn cost_us(&self) -> f64 {
        self.cpu_us.median + self.database_us.map_or(0.0, |database| database.median)
    }
}

impl Stage {
    /// Makes a store, fills it, and starts the program.
    pub(crate) async fn set(props: Props<'_>, kind: Kind, load: Load, crew: Crew) -> anyhow::Result<Self> {
        Self::set_after(props, kind, load, crew, None).await
    }

    /// The same, with the checks of an hour that is over and not closed.
    pub(crate) async fn set_after(
        props: Props<'_>,
        kind: Kind,
        load: Load,
        crew: Crew,
        hour: Option<Timestamp>,
    ) -> anyhow::Result<Self> {
        tell(&format!("  {kind}: {load}"));
        let ground = Ground::new(kind).await?;
        // It makes the schema and the account, and leaves, so that the store is found as after a restart.
        let first = ground.start(props.binary, Role::Serve).await?;
        first.door().sign_up_owner().await?;
        first.stop().await?;
        fill::fill(&ground.store(), load, props.target, hour).await?;
        Self::on(ground, props, load, crew).await
    }

    /// Starts the program on a store that has these monitors. What was put into it is on the disk by then, as after a restart
    /// of the machine: else the program's own commits would wait for it.
    pub(crate) async fn on(ground: Ground, props: Props<'_>, load: Load, crew: Crew) -> anyhow::Result<Self> {
        ensure!(Command::new("sync").status().await?.success(), "sync failed");
        let started_at = now();
        let mut nodes = Vec::new();
        match crew {
            Crew::Serving => nodes.push(ground.start(props.binary, Role::Serve).await?),
            Crew::Working(count) => {
                for _ in 0..count {
                    nodes.push(ground.start(props.binary, Role::Work).await?);
                }
            }
        }
        Ok(Self { nodes, crew, load, store: ground.store(), started_at, ground, binary: props.binary.to_owned() })
    }

    /// Lets the program run for a while, and measures some stretches of time.
    pub(crate) async fn watch(&self, effort: Effort) -> anyhow::Result<Measured> {
        sleep(effort.warm_up).await;
        let written_before = self.store.written().await?;
        let claims_before = self.claims().await?;
        let mut windows = Vec::new();
        for _ in 0..effort.windows {
            windows.push(self.window(effort).await?);
        }
        let claims: Vec<f64> =
            self.claims().await?.iter().zip(claims_before).map(|(after, before)| after - before).collect();
        let memory = self.nodes.iter().map(|node| Memory::of(node.process())).collect::<Result<Vec<_>, _>>()?;
        sleep(RECORDING).await;
        let (bytes_per_check, log_bytes_per_check) = self.store.written().await?.for_each_since(written_before);

        let interval = self.load.interval_seconds;
        let (mut cpu_us, mut database_us, mut rate, mut stretches) = (vec![], vec![], vec![], vec![]);
        let (from_start, until) = (self.started_at, windows.last().map_or(self.started_at, |window| window.to));
        for window in windows {
            let stretch = self.store.stretch(window.from, window.to, interval).await?;
            let checks = stretch.late_ms.len() as f64;
            ensure!(checks > 0.0, "nothing was recorded in a whole stretch");
            cpu_us.push(window.cpu_us / checks);
            database_us.extend(window.database_us.map(|us| us / checks));
            rate.push(checks / ((window.to - window.from) as f64 / 1e6));
            stretches.push(stretch);
        }
        let from_start = self.store.stretch(from_start, until, interval).await?;
        let mb = |of: fn(&Memory) -> u64| memory.iter().map(of).sum::<u64>() as f64 / 1024.0;
        let measured = Measured {
            store: self.store.kind(),
            load: self.load,
            nodes: self.nodes.len() as u32,
            ready_after: self.nodes.iter().map(|node| node.ready_after.as_secs_f64()).fold(0.0, f64::max),
            cpu_us: Spread::of(cpu_us),
            database_us: (!database_us.is_empty()).then(|| Spread::of(database_us)),
            rate: Spread::of(rate),
            late: Lateness::of(stretches),
            late_from_start: Lateness::of([from_start]),
            bytes_per_check,
            log_bytes_per_check,
            resident_mb: mb(|memory| memory.now_kb),
            resident_peak_mb: mb(|memory| memory.peak_kb),
            shares: shares(&claims),
        };
        tell(&format!(
            "    {:.0} checks/s, {:.0} us of CPU each, p99 {:.1} ms late, {:.0} MB",
            measured.rate.median, measured.cpu_us.median, measured.late.ms[2], measured.resident_mb
        ));
        Ok(measured)
    }

    /// How many seconds it takes from the start on until nothing is due that nobody has claimed: what fell due while nobody was
    /// there comes first.
    pub(crate) async fn catch_up(&self) -> anyhow::Result<f64> {
        let catching_up = async {
            let lag = RECORDING.as_micros() as i64;
            while self.store.due_since().await?.is_some_and(|due| due < now() - lag) {
                sleep(LOOK_EVERY).await;
            }
            anyhow::Ok((now() - self.started_at) as f64 / 1e6)
        };
        timeout(CATCHING_UP, catching_up).await.context("what fell due before the start is not made up for in time")?
    }

    /// What is watched.
    pub(crate) fn load(&self) -> Load {
        self.load
    }

    /// Runs a command of the program meanwhile, and says how late checks began until that had ended.
    pub(crate) async fn during(&self, arguments: &[&str]) -> anyhow::Result<(Ended, Lateness)> {
        let from = now();
        let ended = Running::through(&mut self.ground.command(&self.binary, arguments)).await?;
        let to = now();
        sleep(RECORDING).await;
        let stretch = self.store.stretch(from, to, self.load.interval_seconds).await?;
        ensure!(!stretch.late_ms.is_empty(), "nothing was recorded meanwhile");
        Ok((ended, Lateness::of([stretch])))
    }

    /// How many seconds it takes from the start on until all hours before an instant are closed, and how late checks began
    /// until then, and for as long afterwards.
    pub(crate) async fn close_hours(&self, before: Timestamp) -> anyhow::Result<(f64, [Lateness; 2])> {
        let looking = async {
            while self.store.closed_to().await?.is_none_or(|closed_to| closed_to < before.as_micros()) {
                sleep(LOOK_EVERY).await;
            }
            anyhow::Ok(now())
        };
        let closed_at = timeout(CLOSING, looking).await.context("the hour is not closed in time")??;
        let closing = closed_at - self.started_at;
        sleep(Duration::from_micros(closing.unsigned_abs()) + RECORDING).await;
        let mut late = Vec::new();
        for from in [self.started_at, closed_at] {
            let stretch = self.store.stretch(from, from + closing, self.load.interval_seconds).await?;
            ensure!(!stretch.late_ms.is_empty(), "nothing was recorded in {closing} us");
            late.push(Lateness::of([stretch]));
        }
        let late = late.try_into().map_err(|_| anyhow!("two stretches are two"))?;
        Ok((closing as f64 / 1e6, late))
    }

    /// The same as [`Stage::watch`], after which the account of slots is looked at and everything is ended. Nodes that do not
    /// serve are joined by one that does.
    pub(crate) async fn watch_and_clear(mut self, effort: Effort) -> anyhow::Result<Measured> {
        let measured = self.watch(effort).await?;
        if let Crew::Working(_) = self.crew {
            let serving = self.ground.start(&self.binary, Role::Serve).await?;
            self.nodes.insert(0, serving);
        }
        if let Some(node) = self.nodes.first() {
            self.account(&node.door().log_in().await?).await?;
        }
        self.clear().await?;
        Ok(measured)
    }

    async fn window(&self, effort: Effort) -> anyhow::Result<Window> {
        let program = || self.nodes.iter().map(|node| Usage::of(node.process())).sum::<anyhow::Result<Usage>>();
        let (from, before, database_before) = (now(), program()?, self.ground.usage_of_server()?);
        sleep(effort.window()).await;
        let (to, after, database_after) = (now(), program()?, self.ground.usage_of_server()?);
        let database_us = database_after.zip(database_before).map(|(after, before)| after.cpu_us_since(before));
        Ok(Window { from, to, cpu_us: after.cpu_us_since(before), database_us })
    }

    /// How many claims each node has taken.
    async fn claims(&self) -> anyhow::Result<Vec<f64>> {
        let mut claims = Vec::new();
        for node in &self.nodes {
            claims.push(node.metric("watchkeeper_claims_total").await?);
        }
        Ok(claims)
    }

    /// Makes sure that every slot of some monitors is accounted for.
    pub(crate) async fn account(&self, session: &Session) -> anyhow::Result<()> {
        for number in (0..self.load.monitors).step_by(self.load.monitors.div_ceil(ACCOUNTS) as usize) {
            let account = session.get(&format!("/monitors/{}/slots", fill::monitor(number))).await?;
            ensure!(account["unaccounted"] == 0, "slots are unaccounted for: {account}");
        }
        Ok(())
    }

    /// Ends everything, the program first.
    pub(crate) async fn clear(self) -> anyhow::Result<()> {
        self.leave().await?.clear().await
    }

    /// Ends the program, and leaves the store.
    pub(crate) async fn leave(self) -> anyhow::Result<Ground> {
        for node in self.nodes {
            node.stop().await?;
        }
        Ok(self.ground)
    }
}

/// What was used in a stretch of time, in microseconds since the Unix epoch.
struct Window {
    from: i64,
    to: i64,
    cpu_us: f64,
    database_us: Option<f64>,
}

impl Lateness {
    fn of(stretches: impl IntoIterator<Item = Stretch>) -> Self {
        let (mut late_ms, mut missed, mut failed) = (vec![], 0, 0);
        for stretch in stretches {
            late_ms.extend(stretch.late_ms);
            missed += stretch.missed;
            failed += stretch.failed;
        }
        late_ms.sort_by(f64::total_cmp);
        let ms = [0.5, 0.95, 0.99, 1.0].map(|share| percentile(&late_ms, share));
        let over = |limit_ms: f64| (late_ms.len() - late_ms.partition_point(|ms| *ms <= limit_ms)) as u64;
        let (over_100_ms, over_1_s) = (Some(over(100.0)), Some(over(1_000.0)));
        Self { ms, checks: late_ms.len() as u64, missed, failed, over_100_ms, over_1_s }
    }
}

/// The least and the greatest share of a whole.
fn shares(of: &[f64]) -> [f64; 2] {
    let whole = of.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    [of.iter().copied().fold(f64::INFINITY, f64::min), of.iter().copied().fold(0.0, f64::max)].map(|part| part / whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_those_of_the_least_and_the_most() {
        assert_eq!(shares(&[10.0, 30.0, 60.0]), [0.1, 0.6]);
        assert_eq!(shares(&[7.0]), [1.0, 1.0]);
    }

    #[test]
    fn lateness_is_taken_over_all_stretches_together() {
        let stretch = |late_ms: &[f64], missed| Stretch { late_ms: late_ms.to_vec(), failed: 1, missed };
        let late = Lateness::of([stretch(&[5.0, 1_900.0], 2), stretch(&[101.0, 100.0], 3)]);
        assert_eq!((late.ms, late.checks, late.missed, late.failed), ([100.0, 1_900.0, 1_900.0, 1_900.0], 4, 5, 2));
        assert_eq!((late.over_100_ms, late.over_1_s), (Some(2), Some(1)));
    }
}
