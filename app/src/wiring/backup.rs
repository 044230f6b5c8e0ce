//! Backups of whichever store there is.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use watchkeeper_adapters::backup::Checked;
use watchkeeper_adapters::clock::SystemClock;
use watchkeeper_adapters::id::SystemIds;
use watchkeeper_adapters::{backup, sqlite};
use watchkeeper_domain::port::Clock;

use super::opening;
use crate::config::{Database, Settings};
use crate::failure::Failure;

pub use watchkeeper_adapters::backup::{Progress, Summary};

/// The version of this program.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Writes a backup of the store, whoever works on it.
///
/// # Errors
/// Where the store cannot be read, or the backup not be written.
pub async fn back_up(
    settings: &Settings,
    out: Box<dyn Write + Send>,
    progress: Arc<Progress>,
) -> Result<Summary, Failure> {
    let backed_up = match settings.database() {
        Database::Sqlite { file } => sqlite::back_up(&file, SystemClock.now(), out, VERSION, progress).await,
        Database::Postgres { url } => {
            opening::postgres(&url, Arc::new(SystemIds)).await?.back_up(out, VERSION, progress).await
        }
    };
    Ok(backed_up?)
}

/// Restores a backup into a store that is empty, which gets the newest schema before.
///
/// # Errors
/// Where the backup is none, or the store is not empty or cannot take it: nothing is restored then.
pub async fn restore(settings: &Settings, file: File, progress: Arc<Progress>) -> Result<Summary, Failure> {
    // Nothing is opened, and so nothing changed, before the file is known to be whole.
    let backup = Checked::of(file).await?;
    let ids = Arc::new(SystemIds);
    let restored = match settings.database() {
        Database::Sqlite { file: path } => opening::sqlite(&path, ids).await?.restore(&path, backup, progress).await,
        Database::Postgres { url } => {
            let store = opening::postgres(&url, ids).await?;
            store.migrate().await.map_err(opening::Unopened::from)?;
            store.restore(backup, progress).await
        }
    };
    Ok(restored?)
}

/// Reads a backup to its end, and touches no store. This blocks.
///
/// # Errors
/// Where it is not whole, or nothing for this program.
pub fn verify(file: File, progress: &Progress) -> Result<Summary, Failure> {
    Ok(backup::verify(file, progress)?)
}
