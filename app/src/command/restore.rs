//! `watchkeeper restore`: a backup into an empty database, or only looked at.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::backup::{figures, told};
use super::print;
use crate::config::Settings;
use crate::failure::Failure;
use crate::wiring::backup::{self, Progress};

/// Restores a backup.
pub(super) async fn restore(settings: &Settings, file: &Path, stop: CancellationToken) -> Result<(), Failure> {
    let begun_at = Instant::now();
    let progress = Arc::new(Progress::default());
    let backup = open(file)?;
    let summary = told(backup::restore(settings, backup, Arc::clone(&progress)), &progress, &stop).await?;
    print(&format!("{}\n", figures("restored", &summary, begun_at)))
}

/// Reads a backup to its end, and says what is in it.
pub(super) async fn verify(file: &Path, stop: CancellationToken) -> Result<(), Failure> {
    let begun_at = Instant::now();
    let progress = Arc::new(Progress::default());
    let backup = open(file)?;
    let reading = spawn_blocking({
        let progress = Arc::clone(&progress);
        move || backup::verify(backup, &progress)
    });
    let summary = told(async { reading.await? }, &progress, &stop).await?;
    let mut text = format!("{}\n", figures("verified", &summary, begun_at));
    for (table, rows) in &summary.tables {
        text.push_str(&format!("{rows:>12} {table}\n"));
    }
    print(&text)
}

fn open(file: &Path) -> Result<File, Failure> {
    let opened = File::open(file).with_context(|| format!("the backup {} cannot be opened", file.display()))?;
    Ok(opened)
}
