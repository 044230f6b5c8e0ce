//! Measures the whole program against the bare network request, and writes what it found into `docs/performance.md`.
//!
//! Everything that is measured is a process of its own, so that the CPU time of each is known by itself: the target that
//! answers, the loop that only asks, the real `watchkeeper` binary, PostgreSQL. Nothing here is a test: it reports.

mod bare;
mod fill;
mod finding;
mod ground;
mod load;
mod part;
mod postgres;
mod report;
mod size;
mod stage;
mod store;

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::{Parser, Subcommand, ValueEnum};
use tokio::time::Instant;
use watchkeeper_rig::circumstances::Circumstances;
use watchkeeper_rig::{clock, plot, process, statistics, target, tell, watchkeeper};

use part::Part;
use size::Size;

/// Measure Watchkeeper, and write what was found into a document.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The document whose measured part is written anew. Figures and plots lie beside it.
    #[arg(long, global = true, default_value = "docs/performance.md")]
    document: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Measure some parts, and write the document out of these and what was kept of the others
    Measure {
        /// Which; all of them where none is named
        #[arg(value_delimiter = ',')]
        parts: Vec<Part>,
        /// How much
        #[arg(long, default_value = "small")]
        size: Size,
        /// The released binary
        #[arg(long, default_value = "target/release/watchkeeper")]
        binary: PathBuf,
    },
    /// Write the document out of what was kept
    Report,
    /// Answer HTTP requests, as little as possible for each
    Target,
    /// Ask a target over and over, a fresh connection each time, and say what that cost
    Bare(bare::Asking),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Arguments { command, document } = Arguments::parse();
    match command {
        Command::Target => target::serve(target::well).await,
        Command::Bare(asking) => bare::run(asking).await,
        Command::Report => write(&document),
        Command::Measure { parts, size, binary } => {
            ensure!(binary.is_file(), "there is no {}: `make build` makes it", binary.display());
            // A document that the report has no place in would be found out after all has been measured.
            write(&document)?;
            let parts = if parts.is_empty() { Part::value_variants().to_vec() } else { parts };
            let postgres = postgres::installed_version().await.unwrap_or_else(|| "not installed".to_owned());
            let circumstances = Circumstances::now(postgres);
            let (mut failed, began) = (Vec::new(), Instant::now());
            for part in parts {
                // One that fails is told, and takes nothing from the others.
                if let Err(error) = part.measure(&binary, size, &circumstances, &kept(&document)).await {
                    tell(&format!("  {part} failed: {error:#}"));
                    failed.push(part.to_string());
                }
                // After each part, so that a run that is cut short has told what it found.
                write(&document)?;
            }
            ensure!(failed.is_empty(), "failed: {}; the document has the others", failed.join(", "));
            tell(&format!("{} is written, after {} s in all", document.display(), began.elapsed().as_secs()));
            Ok(())
        }
    }
}

/// Where what parts found is kept: a directory that has the document's name.
fn kept(document: &Path) -> PathBuf {
    document.with_extension("")
}

fn write(document: &Path) -> anyhow::Result<()> {
    report::write(&kept(document), document).with_context(|| document.display().to_string())
}
