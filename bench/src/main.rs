//! Measures the whole program against the bare network request, and writes what it found into `docs/performance.md`.
//!
//! Everything that is measured is a process of its own, so that the CPU time of each is known by itself: the target that
//! answers, the loop that only asks, the real `watchkeeper` binary, PostgreSQL. Nothing here is a test: it reports.

mod bare;
mod bed;
mod crowd;
mod history;
mod plot;
mod postgres;
mod process;
mod report;
mod scenario;
mod statistics;
mod store;
mod target;
mod watchkeeper;

use std::path::PathBuf;

use anyhow::Context;
use clap::{Parser, Subcommand};

/// Measure Watchkeeper. Without a command, everything, within ten minutes.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    /// The released binary.
    #[arg(long, default_value = "target/release/watchkeeper")]
    binary: PathBuf,
    /// The document whose measured part is written anew.
    #[arg(long, default_value = "docs/performance.md")]
    document: PathBuf,
    /// Measure for a fifth of the time, to try the harness out.
    #[arg(long)]
    brief: bool,
}

/// The parts that run as processes of their own.
#[derive(Subcommand)]
enum Part {
    /// Answer HTTP requests, as little as possible for each
    Target,
    /// Make years of history, and ask about them
    History,
    /// Watch very many monitors
    Crowd {
        #[arg(long, default_value_t = 1_000_000)]
        monitors: u32,
        #[arg(long, default_value_t = 300)]
        interval: u32,
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
    /// Ask a target over and over, a fresh connection each time, and say what that cost
    Bare(bare::Load),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.part {
        Some(Part::Target) => target::serve().await,
        Some(Part::Bare(load)) => bare::run(load).await,
        Some(Part::Crowd { monitors, interval, seconds }) => {
            let (_target, url) = process::Running::part(&["target"]).await?;
            let load = scenario::Load { monitors, interval_seconds: interval };
            for kind in [bed::Kind::Postgres, bed::Kind::Sqlite] {
                let length = std::time::Duration::from_secs(seconds);
                let found = crowd::measure(kind, &arguments.binary, &url, load, length).await?;
                scenario::tell(&serde_json::to_string_pretty(&found)?);
            }
            Ok(())
        }
        Some(Part::History) => {
            let extent = if arguments.brief { history::Extent::BRIEF } else { history::Extent::FULL };
            history::run(extent, None).await
        }
        None => {
            let effort = if arguments.brief { scenario::Effort::BRIEF } else { scenario::Effort::FULL };
            let found = scenario::measure_all(&arguments.binary, effort).await?;
            report::write(&found, &arguments.document).with_context(|| arguments.document.display().to_string())
        }
    }
}
