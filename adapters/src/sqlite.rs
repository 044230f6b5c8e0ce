//! The whole store in one SQLite file: the embedded default, for one node.
//!
//! One process holds the file ([`SqliteStore::open`] takes a lock that says by whom). Inside, one connection writes,
//! each port method in one short transaction that takes the write lock at its beginning; a few others read, each
//! question in one snapshot. `synchronous=FULL` makes what is recorded survive a power cut.
//!
//! History is never searched: healthy checks lie on a known grid and are looked up slot by slot, the others are found
//! through a small index, and long windows are read from rollups (`log`).

mod backup;
mod check;
mod claim;
mod cohort;
mod fold;
#[cfg(test)]
mod full;
mod gap;
mod history;
mod incident;
mod lease;
mod lock;
mod log;
mod monitor;
mod monitor_row;
mod notice;
mod open;
#[cfg(test)]
mod plan;
mod progress;
mod purge;
mod record;
mod restore;
mod retire;
mod rollup;
mod session;
mod shape;
mod together;
mod upkeep;
mod user;
mod values;
mod workspace;

use std::panic::resume_unwind;
use std::sync::Arc;

use sqlx::sqlite::SqlitePool;
use sqlx::{Sqlite, Transaction};
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;
use watchkeeper_domain::port::IdGenerator;

use self::lock::LockFile;
use crate::cohort::CohortMemory;
use crate::connections::Connections;
use crate::row::Fault;

pub use self::backup::back_up;
pub use self::lock::Holder;
pub use self::open::OpenError;
#[cfg(test)]
pub(crate) use self::shape::carried;

/// A store in one SQLite file.
pub struct SqliteStore {
    ids: Arc<dyn IdGenerator>,
    /// The runtime on which the store was opened.
    home: Handle,
    writer: SqlitePool,
    readers: SqlitePool,
    cohorts: CohortMemory,
    _lock: LockFile,
}

impl SqliteStore {
    /// Begins a step that writes. It waits for the one before it, for a bounded time.
    ///
    /// A connection has a thread, which is given a core by the system as whoever opened it is. One that failed is replaced
    /// on the way, and whoever comes just then may be somebody who gives way to those who watch: so it is done at home.
    async fn write(&self) -> Result<Transaction<'static, Sqlite>, Fault> {
        let writer = self.writer.clone();
        let begun = self.home.spawn(async move { writer.begin_with("BEGIN IMMEDIATE").await });
        match AbortOnDropHandle::new(begun).await {
            Ok(step) => Ok(step?),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // Whatever is asked while the runtime ends is asked of a store that is closed.
                Err(_) => Err(sqlx::Error::PoolClosed.into()),
            },
        }
    }

    /// Begins a step that only reads: all its queries see the same instant.
    async fn read(&self) -> Result<Transaction<'static, Sqlite>, Fault> {
        Ok(self.readers.begin().await?)
    }

    /// What the connections do now: those for work, and those for questions.
    pub fn connections(&self) -> [Connections; 2] {
        [Connections::of(&self.writer), Connections::of(&self.readers)]
    }

    /// Closes the file: what waits is written, and another process may open it. Dropping the store does the same in the
    /// background.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}
