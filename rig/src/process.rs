//! Processes: starting them so that they end with us, and what the kernel says about them.

use std::fs;
use std::iter::Sum;
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

/// How long anything that is started may take until it is ready, or gone again.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked how a process is.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The kernel's unit of CPU time in /proc: a hundredth of a second, on every Linux that runs Rust's standard library.
const TICK_US: f64 = 10_000.0;

/// CPU time that a process has used, user and system.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    ticks: u64,
}

impl Usage {
    /// Of one process with all its threads.
    pub fn of(process: u32) -> anyhow::Result<Self> {
        let (own, _) = ticks(process)?;
        Ok(Self { ticks: own })
    }

    /// Of a process, its children, and the children of it that have ended.
    pub fn of_family(process: u32) -> anyhow::Result<Self> {
        let (own, ended) = ticks(process)?;
        let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children"))?;
        // A child may end between being listed and being read.
        let living = children.split_whitespace().filter_map(|child| Some(ticks(child.parse().ok()?).ok()?.0));
        Ok(Self { ticks: own + ended + living.sum::<u64>() })
    }

    /// Microseconds used since an earlier reading.
    pub fn cpu_us_since(self, earlier: Self) -> f64 {
        self.ticks.saturating_sub(earlier.ticks) as f64 * TICK_US
    }
}

impl Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(usages: I) -> Self {
        Self { ticks: usages.map(|usage| usage.ticks).sum() }
    }
}

/// Of a process: its own ticks, and those of its children that have ended.
fn ticks(process: u32) -> anyhow::Result<(u64, u64)> {
    let line = fs::read_to_string(format!("/proc/{process}/stat")).context("the process is gone")?;
    // The name in brackets may hold anything; the fields are counted from behind it (proc(5): utime is the 14th).
    let (_, fields) = line.rsplit_once(')').context("an odd line in /proc")?;
    let fields: Vec<u64> = fields.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
    let field = |number: usize| fields.get(number - 3).copied().unwrap_or(0);
    Ok((field(14) + field(15), field(16) + field(17)))
}

/// Resident memory in kilobytes: now, and at its highest.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Resident now.
    pub now_kb: u64,
    /// The most that was ever resident.
    pub peak_kb: u64,
}

impl Memory {
    /// Of one process.
    pub fn of(process: u32) -> anyhow::Result<Self> {
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).context("an odd /proc status")?;
            line.split_whitespace().next().and_then(|kb| kb.parse().ok()).context("an odd /proc status")
        };
        Ok(Self { now_kb: field("VmRSS:")?, peak_kb: field("VmHWM:")? })
    }
}

/// What a program left that ended by itself.
#[derive(Debug)]
pub struct Ended {
    /// What it printed.
    pub said: String,
    /// From its start to its end.
    pub lasted: Duration,
    /// The most memory it was seen with, in kilobytes.
    pub peak_kb: u64,
}

/// A program that was started, and that ends when this value is dropped.
pub struct Running {
    child: Child,
    /// By which the kernel knows it.
    pub id: u32,
}

impl Running {
    /// Starts it.
    pub fn start(command: &mut Command) -> anyhow::Result<Self> {
        let child = command.stdin(Stdio::null()).kill_on_drop(true).spawn().with_context(|| format!("{command:?}"))?;
        let id = child.id().context("it ended at once")?;
        Ok(Self { child, id })
    }

    /// This very program as another process, and the first line that it prints.
    pub async fn part(arguments: &[&str]) -> anyhow::Result<(Self, String)> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut running = Self::start(command.args(arguments).stdout(Stdio::piped()))?;
        let stdout = running.child.stdout.take().context("it has no output")?;
        let line = BufReader::new(stdout).lines().next_line().await?;
        Ok((running, line.context("it ended without a word")?))
    }

    /// Starts a program, and waits until it has ended by itself, in order.
    pub async fn through(command: &mut Command) -> anyhow::Result<Ended> {
        let began = Instant::now();
        let Self { child, id } = Self::start(command.stdout(Stdio::piped()))?;
        let mut ending = pin!(child.wait_with_output());
        let mut peak_kb = 0;
        let output = loop {
            match timeout(LOOK_EVERY, &mut ending).await {
                Ok(output) => break output?,
                // It has none left to be seen where it is ending just now.
                Err(_) => peak_kb = Memory::of(id).map_or(peak_kb, |memory| memory.peak_kb),
            }
        };
        ensure!(output.status.success(), "{command:?} left with {}", output.status);
        Ok(Ended { said: String::from_utf8(output.stdout)?, lasted: began.elapsed(), peak_kb })
    }

    /// Asks it to leave with a signal (`TERM`, `INT`), and waits until it has, in order.
    pub async fn stop(mut self, signal: &str) -> anyhow::Result<()> {
        Command::new("kill").args(["-s", signal, &self.id.to_string()]).status().await?;
        let status = timeout(PATIENCE, self.child.wait()).await.context("it does not leave")??;
        ensure!(status.success(), "it left with {status}");
        Ok(())
    }

    /// Waits until a condition holds, as long as the program lives.
    pub async fn until(&mut self, what: &str, condition: impl AsyncFn() -> bool) -> anyhow::Result<()> {
        let end = Instant::now() + PATIENCE;
        while !condition().await {
            if let Some(status) = self.child.try_wait()? {
                bail!("waiting until {what}, but it ended: {status}");
            }
            if Instant::now() > end {
                bail!("waiting until {what}, in vain");
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }
}
