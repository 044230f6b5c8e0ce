//! Runs the real program for long, on both stores at the same time, and looks whether its memory and its record stay in
//! order: monitors on short intervals, targets that fail now and then, people who look on, sign in, change, pause and delete.
//!
//! In the end every slot must be accounted for, none may be in the record twice, nothing may have gone wrong in the log,
//! and the memory must have stayed flat. Beyond a share of lost slots nothing here is about speed: one that a busy
//! machine misses is accounted for.

mod busy;
mod crowd;
mod curve;
mod log;
mod people;
mod report;
mod run;
mod store;
mod target;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use clap::{Parser, Subcommand};
use watchkeeper_rig::circumstances::Circumstances;
use watchkeeper_rig::process::Running;
use watchkeeper_rig::tell;
use watchkeeper_testdb::Database;

use run::{Run, Whereon};

/// Run Watchkeeper for long, and look whether its memory and its record stay in order.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run it on SQLite and on PostgreSQL at the same time
    Run {
        /// For how long
        #[arg(long, env = "SOAK_SECONDS", default_value_t = 3_600, value_parser = clap::value_parser!(u64).range(20..))]
        seconds: u64,
        /// How many monitors there are on each store
        #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(400..=10_000))]
        monitors: u32,
        /// The released binary
        #[arg(long, default_value = "target/release/watchkeeper")]
        binary: PathBuf,
        /// Where figures and a plot of the memory are left
        #[arg(long, default_value = "target/soak")]
        kept: PathBuf,
    },
    /// Answer HTTP requests, and fail now and then
    Target,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Target => target::serve().await,
        Command::Run { seconds, monitors, binary, kept } => {
            ensure!(binary.is_file(), "there is no {}: `make build` makes it", binary.display());
            let circumstances = Circumstances::now(store::version_of_postgres(Database::fresh().await.url()).await?);
            let (_running, target) = Running::part(&["target"]).await?;
            let lasts = Duration::from_secs(seconds);
            tell(&format!("{seconds} s with {monitors} monitors on SQLite, and as many on PostgreSQL"));
            let on = |whereon| Run { whereon, binary: &binary, target: &target, monitors, lasts }.through();
            let (sqlite, postgres) = tokio::try_join!(on(Whereon::Sqlite), on(Whereon::Postgres))?;
            let found = [sqlite, postgres];
            report::write(&kept, &circumstances, &found)?;
            let complaints: Vec<String> = found.iter().flat_map(run::Found::complaints).collect();
            ensure!(complaints.is_empty(), "not in order:\n  {}", complaints.join("\n  "));
            tell(&format!("in order; figures and a plot are in {}", kept.display()));
            Ok(())
        }
    }
}
