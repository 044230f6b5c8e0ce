//! Backups: everything that a store holds, as one file that belongs to neither store, so that what one has written the other
//! can read.
//!
//! A backup is one snapshot, written while nodes work. It is restored into a store that is empty, wholly or not at all. What
//! is carried is one list; what it looks like in the file is another module's business, and how a store
//! reads and writes it is the store's.
//!
//! Rows travel in blocks through a bounded channel between the store and a thread that compresses and writes, or reads and
//! unpacks, so that a backup of any size takes the same few megabytes of memory.

mod block;
mod format;
mod progress;
mod stream;
mod table;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Seek};

use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use watchkeeper_domain::port::RepoError;
use watchkeeper_domain::time::Timestamp;

use crate::row::{self, Fault, Unreadable, next_slot};

pub use progress::Progress;

pub(crate) use block::{Row, Value};
pub(crate) use format::Piece;
pub(crate) use stream::{Sink, Source};
#[cfg(test)]
use table::LEFT_OUT;
pub(crate) use table::{Column, Kind, TABLES, Table};

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the program that made it.
    pub product: String,
    /// The kind of store that it was made of: `sqlite` or `postgres`.
    pub store: String,
    /// The newest migration of that store.
    pub schema: i64,
    /// The instant of the snapshot, in RFC 3339.
    pub taken_at: String,
}

/// What a backup has in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// What it says of itself.
    pub header: Header,
    /// Its tables, each with the number of its rows.
    pub tables: Vec<(&'static str, u64)>,
    /// The size of the file.
    pub bytes: u64,
}

impl Summary {
    /// How many rows it has in all.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|(_, rows)| rows).sum()
    }
}

/// Why no backup was made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The store does not answer, or cannot be read.
    #[error("the database cannot be read")]
    Store(#[source] RepoError),
    /// There is no such file to make a backup of.
    #[error("there is no database at {0}: DATABASE_URL or WATCHKEEPER_DATA_DIR must name one that is there")]
    Absent(String),
    /// The schema is not that of this program, which might leave something out.
    #[error(
        "the database has migration {found}, this program {known}: make the backup with the version that runs on it, or bring \
         it to this one with `watchkeeper migrate`"
    )]
    OtherSchema {
        /// The newest migration of the database.
        found: i64,
        /// The newest one that the program knows.
        known: i64,
    },
    /// The backup cannot be written.
    #[error("the backup cannot be written")]
    Write(#[source] io::Error),
}

impl From<Fault> for BackupError {
    fn from(fault: Fault) -> Self {
        Self::Store(fault.into())
    }
}

impl From<sqlx::Error> for BackupError {
    fn from(error: sqlx::Error) -> Self {
        Fault::from(error).into()
    }
}

/// Why a backup cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is something else.
    #[error("the file is no backup of Watchkeeper")]
    Foreign,
    /// It has a form that this program does not know yet.
    #[error(
        "the backup has format {format}, this program reads up to {known}: restore it with the version that made it"
    )]
    NewerFormat {
        /// The format that it has.
        format: u32,
        /// The newest that is known.
        known: u32,
    },
    /// It holds what this program has no place for.
    #[error(
        "the backup holds {what}, which this program does not know: restore it with version {product}, which made it"
    )]
    NewerContent {
        /// The table or column.
        what: String,
        /// The version that made it.
        product: String,
    },
    /// It ends before its end.
    #[error("the backup was cut off: copy it again, or take another one")]
    CutShort,
    /// It is not what was written.
    #[error("the backup is damaged ({0}): copy it again, or take another one")]
    Damaged(&'static str),
    /// The file cannot be read.
    #[error("the backup cannot be read")]
    Io(#[source] io::Error),
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is something already, and nothing is ever restored over it.
    #[error(
        "the database is not empty (there is something in {0}): restore into a new one, by another DATABASE_URL or \
         WATCHKEEPER_DATA_DIR"
    )]
    NotEmpty(&'static str),
    /// The store does not answer, or cannot take what is in the backup.
    #[error("the database cannot take the backup; nothing of it was restored")]
    Store(#[source] RepoError),
    /// The database's file cannot be written.
    #[error("the database's file cannot be written; nothing was restored")]
    Write(#[source] io::Error),
}

impl From<Fault> for RestoreError {
    fn from(fault: Fault) -> Self {
        Self::Store(fault.into())
    }
}

impl From<sqlx::Error> for RestoreError {
    fn from(error: sqlx::Error) -> Self {
        Fault::from(error).into()
    }
}

/// Reads a backup to its end, and answers what it has in it. This blocks.
///
/// # Errors
/// [`ReadError`] where it is not whole, not what was written, or not for this program.
pub fn verify(file: impl io::Read, progress: &Progress) -> Result<Summary, ReadError> {
    let mut reader = format::Reader::begin(io::BufReader::with_capacity(stream::BUFFER_BYTES, file))?;
    while let Some(piece) = reader.next()? {
        match piece {
            Piece::Table(table, _) => progress.begins(table.name),
            Piece::Rows(rows) => progress.done(rows.len()),
        }
    }
    Ok(reader.summary())
}

/// A file that was read to its end and found to be a whole backup for this program.
#[derive(Debug)]
pub struct Checked(File);

impl Checked {
    /// Reads a file to its end.
    ///
    /// # Errors
    /// As [`verify`].
    pub async fn of(file: File) -> Result<Self, ReadError> {
        let checking = spawn_blocking(move || verify(&file, &Progress::default()).map(|_| Self(file)));
        checking.await.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()))
    }

    /// Begins to read it again.
    pub(crate) fn source(mut self) -> Result<Source, ReadError> {
        self.0.rewind().map_err(ReadError::Io)?;
        Ok(Source::begin(Box::new(self.0)))
    }
}

/// Takes the seat of a monitor away: its row of the schedule, which ends with how far its cohort is claimed, says by itself
/// when it is due.
pub(crate) fn unseated(schedule: &Table, row: &mut Row) -> Result<(), Fault> {
    let claimed_to = row.pop().and_then(|value| value.number()).map(Timestamp::from_micros);
    let number = |name| schedule.position(name).and_then(|at| row.get(at)).and_then(Value::number);
    let (Some(due), Some(interval), Some(phase)) = (number("next_due_at"), number("interval_ms"), number("phase_ms"))
    else {
        return Err(Unreadable::new("row of the schedule", format!("{row:?}")).into());
    };
    let next = next_slot(row::schedule(interval, phase), Timestamp::from_micros(due), claimed_to);
    if let Some(value) = schedule.position("next_due_at").and_then(|at| row.get_mut(at)) {
        *value = Value::Number(next.as_micros());
    }
    Ok(())
}
