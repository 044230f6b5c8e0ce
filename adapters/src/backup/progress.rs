//! How far it is, for those who wait.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// How far a backup or a restore has come. It may be looked at while the work goes on.
#[derive(Debug, Default)]
pub struct Progress {
    table: Mutex<&'static str>,
    rows: AtomicU64,
}

impl Progress {
    /// The table that is under way, by its name in PostgreSQL; empty before the first one.
    pub fn table(&self) -> &'static str {
        *self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many rows are done, of all tables.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    pub(crate) fn begins(&self, table: &'static str) {
        *self.table.lock().unwrap_or_else(PoisonError::into_inner) = table;
    }

    pub(crate) fn done(&self, rows: usize) {
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
    }
}
