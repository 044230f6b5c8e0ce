//! Opening the file: the directory, the lock, the connections, the migrations.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};
use tokio::runtime::Handle;
use watchkeeper_domain::port::IdGenerator;

use super::SqliteStore;
use super::lock::{Holder, LockFile, Locking, private};
use crate::cohort::CohortMemory;

pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("../migrations/sqlite");

/// How many questions are answered at once.
const MAX_READERS: u32 = 4;
/// How long a step waits for its turn before the store counts as overloaded.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How many prepared statements a connection keeps.
const STATEMENTS_KEPT: usize = 256;

/// How many rows a connection's thread reads ahead of whoever takes them, so that a list is not handed over row by row.
const ROWS_AHEAD: usize = 512;

/// Why a database file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("the database {} is held by {holder}", path.display())]
    Held {
        /// The file.
        path: PathBuf,
        /// Who holds it.
        holder: Holder,
    },
    /// A newer version of the program has changed it.
    #[error("the database {} was written by a newer version of this program (it has migration {migration})", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// A migration that this version does not know.
        migration: i64,
    },
    /// The file or its directory cannot be used.
    #[error("the database {} cannot be opened", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no room for what has to be written to begin with.
    #[error("there is no room left on the disk of the database {}", path.display())]
    Full {
        /// The file.
        path: PathBuf,
        /// How it showed.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file is no database, or cannot be used as one.
    #[error("the database {} cannot be used", path.display())]
    Sql {
        /// The file.
        path: PathBuf,
        /// Why.
        source: sqlx::Error,
    },
    /// A migration failed, or is not the one that was once applied under its number.
    #[error("the database {} could not be migrated", path.display())]
    Migration {
        /// The file.
        path: PathBuf,
        /// Why.
        source: MigrateError,
    },
}

impl SqliteStore {
    /// Opens a database file, making it and its directory where they are not there (readable by their owner alone), and
    /// applies the migrations that it lacks. The runtime on which this is called has to be driven for as long as the store is
    /// used: what is written begins there.
    ///
    /// # Errors
    /// [`OpenError`], also where another process holds the file.
    pub async fn open(path: &Path, ids: Arc<dyn IdGenerator>) -> Result<Self, OpenError> {
        let lock = match prepare_file(path) {
            Ok(Locking::Taken(lock)) => lock,
            Ok(Locking::Held(holder)) => return Err(OpenError::Held { path: path.to_owned(), holder }),
            Err(source) => return Err(of_system(path, source)),
        };
        let sql = |source| of_database(path, source);
        let writer = pool(1).connect_with(options(path)).await.map_err(sql)?;
        MIGRATIONS.run(&writer).await.map_err(|error| match error {
            MigrateError::VersionMissing(migration) => OpenError::Newer { path: path.to_owned(), migration },
            MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) if is_full(&source) => {
                of_database(path, source)
            }
            source => OpenError::Migration { path: path.to_owned(), source },
        })?;
        // All of them at once, so that none is opened by whoever asks first.
        let readers = pool(MAX_READERS).min_connections(MAX_READERS);
        let readers = readers.connect_with(options(path).read_only(true)).await.map_err(sql)?;
        Ok(Self { ids, home: Handle::current(), writer, readers, cohorts: CohortMemory::default(), _lock: lock })
    }
}

fn of_system(path: &Path, source: io::Error) -> OpenError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => OpenError::Full { path, source: source.into() },
        _ => OpenError::Io { path, source },
    }
}

fn of_database(path: &Path, source: sqlx::Error) -> OpenError {
    let path = path.to_owned();
    if is_full(&source) { OpenError::Full { path, source: source.into() } } else { OpenError::Sql { path, source } }
}

/// Whether SQLite found no room: SQLITE_FULL, or SQLITE_IOERR_SHMSIZE where the index of its log does not fit.
fn is_full(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    matches!(code.as_deref(), Some("13" | "4874"))
}

fn prepare_file(path: &Path) -> io::Result<Locking> {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(directory)?;
    }
    let locking = LockFile::take(path)?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    private(&mut options);
    options.open(path)?;
    Ok(locking)
}

/// How the file is opened. Its statements are in no log, as those of PostgreSQL are not: metrics tell how long it takes to claim and
/// to record, and a backup, which reads tables from end to end, takes as long as it takes.
pub(super) fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .disable_statement_logging()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(LONGEST_WAIT)
        .statement_cache_capacity(STATEMENTS_KEPT)
        .row_buffer_size(ROWS_AHEAD)
}

/// How the file is opened beside whoever holds it, in whatever mode its log is.
pub(super) fn for_reading(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .disable_statement_logging()
        .filename(path)
        .read_only(true)
        .busy_timeout(LONGEST_WAIT)
        .row_buffer_size(ROWS_AHEAD)
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(LONGEST_WAIT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        // A full disk or a failed read makes SQLite end the transaction by itself, after which the library cannot: it takes
        // the connection for one in the middle of a transaction for good. Such a one is replaced.
        .before_acquire(|connection, _| Box::pin(std::future::ready(Ok(!connection.is_in_transaction()))))
}
