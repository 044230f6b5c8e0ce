//! Writing what a backup has: into a file aside, which takes the place of an empty one when it is whole.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection, Executor, Sqlite};

use super::SqliteStore;
use super::lock::private;
use super::open::{MIGRATIONS, options};
use super::shape::{Shape, name_of};
use super::values::{pieces, with_rows};
use crate::backup::{
    Checked, Column, Kind, Piece, Progress, ReadError, RestoreError, Row, Summary, TABLES, Table, Value,
};
use crate::row::Fault;

/// How much of the file is kept in memory while it is written, in KiB; the sign is SQLite's way to say so.
const CACHE: &str = "-16384";

impl SqliteStore {
    /// Restores a backup into a store that is empty, and lets go of it. The file keeps its lock meanwhile.
    ///
    /// # Errors
    /// [`RestoreError`]; the store is as it was then.
    pub async fn restore(self, path: &Path, backup: Checked, progress: Arc<Progress>) -> Result<Summary, RestoreError> {
        for table in TABLES.iter().filter(|table| table.name != "history_progress") {
            let is_there = format!("SELECT EXISTS (SELECT 1 FROM {})", name_of(table));
            if sqlx::query_scalar(AssertSqlSafe(is_there)).fetch_one(&self.readers).await? {
                return Err(RestoreError::NotEmpty(table.name));
            }
        }
        let path = path.canonicalize().map_err(RestoreError::Write)?;
        // From here on this process does not have the file open; the lock stays until the end.
        self.close().await;
        refuse_a_log(&path).map_err(RestoreError::Write)?;
        let aside = Aside::make(&path).map_err(RestoreError::Write)?;
        let options = options(&aside.path)
            .journal_mode(SqliteJournalMode::Off)
            .synchronous(SqliteSynchronous::Off)
            .pragma("cache_size", CACHE);
        let mut connection = SqliteConnection::connect_with(&options).await?;
        let restored = write_all(&mut connection, backup, &progress).await;
        connection.close().await?;
        let summary = restored?;
        aside.take_the_place_of(&path).map_err(RestoreError::Write)?;
        Ok(summary)
    }
}

/// Whoever is the last to close the file removes its log. One that is still there would be taken for that of the new file.
fn refuse_a_log(database: &Path) -> io::Result<()> {
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    if Path::new(&log).try_exists()? {
        return Err(io::Error::other("another process has it open: let it end, and try again"));
    }
    Ok(())
}

/// The file that is being written; unless it takes the place of the other it goes.
struct Aside {
    path: PathBuf,
}

impl Aside {
    fn make(database: &Path) -> io::Result<Self> {
        let mut name = database.as_os_str().to_owned();
        name.push(".restoring");
        let path = PathBuf::from(name);
        // One of this name that a crash left behind belongs to nobody: the lock is ours.
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        private(&mut options);
        options.open(&path)?;
        Ok(Self { path })
    }

    fn take_the_place_of(&self, database: &Path) -> io::Result<()> {
        File::open(&self.path)?.sync_all()?;
        fs::rename(&self.path, database)?;
        File::open(database.parent().unwrap_or(database))?.sync_all()
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // It is not there any more where it has taken the other's place.
        let _ = fs::remove_file(&self.path);
    }
}

async fn write_all(
    connection: &mut SqliteConnection,
    backup: Checked,
    progress: &Progress,
) -> Result<Summary, RestoreError> {
    MIGRATIONS
        .run_direct(None, &mut *connection, false)
        .await
        .map_err(|error| Fault::from(sqlx::Error::from(error)))?;
    let mut transaction = connection.begin().await?;
    transaction.execute("DELETE FROM history_progress").await?;
    let mut source = backup.source()?;
    let mut destination = None;
    while let Some(piece) = source.next().await {
        match (piece, &destination) {
            (Piece::Table(table, columns), _) => {
                progress.begins(table.name);
                destination = Some(Destination::of(table, columns));
            }
            (Piece::Rows(rows), Some(destination)) => {
                progress.done(rows.len());
                for piece in pieces(&rows) {
                    transaction.execute(destination.query(piece)).await?;
                }
            }
            (Piece::Rows(_), None) => return Err(ReadError::Damaged("it has rows of no table").into()),
        }
    }
    let summary = source.finish().await?;
    transaction.commit().await?;
    Ok(summary)
}

/// A table that rows go into.
struct Destination {
    statement: String,
    columns: Vec<&'static Column>,
}

impl Destination {
    fn of(table: &'static Table, columns: Vec<&'static Column>) -> Self {
        let shapes: Vec<Shape> = columns.iter().map(|column| Shape::of(table, column)).collect();
        let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
        let into: Vec<&str> = shapes.iter().map(|shape| shape.name).collect();
        let out_of: Vec<&str> = shapes.iter().map(|shape| shape.write.as_str()).collect();
        let statement = format!(
            "WITH v ({}) AS ({{rows}}) INSERT INTO {} ({}) SELECT {} FROM v",
            names.join(", "),
            name_of(table),
            into.join(", "),
            out_of.join(", ")
        );
        Self { statement, columns }
    }

    fn query<'q>(&self, rows: &[Row]) -> sqlx::query::Query<'q, Sqlite, SqliteArguments> {
        let statement = with_rows(&self.statement, self.columns.len(), rows.len());
        let values = rows.iter().flat_map(|row| row.iter().zip(&self.columns));
        values.fold(sqlx::query(AssertSqlSafe(statement)), |query, (value, column)| match value {
            Value::Null => query.bind(None::<i64>),
            Value::Number(number) => query.bind(*number),
            Value::Bytes(bytes) if column.kind == Kind::Text => query.bind(String::from_utf8_lossy(bytes).into_owned()),
            Value::Bytes(bytes) => query.bind(bytes.clone()),
        })
    }
}
