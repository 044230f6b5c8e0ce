//! Connecting, and bringing the schema up to date.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use tokio::time::Instant;
use watchkeeper_domain::port::{IdGenerator, RepoError, RepoResult};

use super::PostgresStore;
use super::newer::{self, TooNew};
use crate::row::Fault;

/// The schema, embedded.
pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("../migrations/postgres");

/// How many connections there are for work, and for questions, where nothing is said.
const FOR_WORK: NonZeroU32 = NonZeroU32::new(7).unwrap();
const FOR_QUESTIONS: NonZeroU32 = NonZeroU32::new(3).unwrap();
/// How long to wait for a connection before the database counts as unavailable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// What the server is told of every session, so that whoever dies or hangs holds up nobody else for good: durations in
/// milliseconds, but for the keepalives, which are in seconds.
const SESSION: [(&str, &str); 9] = [
    ("TimeZone", "UTC"),
    // One over the partitions of a year is reckoned dear, and would be compiled for longer than it runs.
    ("jit", "off"),
    ("statement_timeout", STATEMENT_TIMEOUT),
    ("lock_timeout", LOCK_TIMEOUT),
    ("idle_in_transaction_session_timeout", IDLE_TIMEOUT),
    ("tcp_keepalives_idle", KEEPALIVE_IDLE),
    ("tcp_keepalives_interval", KEEPALIVE_INTERVAL),
    ("tcp_keepalives_count", KEEPALIVE_COUNT),
    ("tcp_user_timeout", UNACKNOWLEDGED_TIMEOUT),
];
/// No statement takes longer; one that does is given up by the server, before its caller gives up the store (20 s).
const STATEMENT_TIMEOUT: &str = "15000";
/// No statement waits longer for a lock; work is short, so that whoever holds one for longer is stuck.
const LOCK_TIMEOUT: &str = "5000";
/// A session that leaves a transaction open for so long without a statement is ended, and its locks with it.
const IDLE_TIMEOUT: &str = "10000";
/// After so many seconds of silence the server asks whether the node is still there,
const KEEPALIVE_IDLE: &str = "10";
/// again after so many,
const KEEPALIVE_INTERVAL: &str = "5";
/// and ends the session after so many questions without an answer.
const KEEPALIVE_COUNT: &str = "3";
/// What the server sent and nobody has acknowledged for so long ends the session as well.
const UNACKNOWLEDGED_TIMEOUT: &str = "15000";
/// What is asked of a server first: its version as a number and as text, and how it commits.
const SERVER: &str = "SELECT current_setting('server_version_num')::int, current_setting('server_version'),
                             current_setting('synchronous_commit')";
/// The oldest server that is supported, as `server_version_num`.
const OLDEST_SERVER: i32 = 150_000;

/// How long a change of the schema waits for a lock at a time,
const MIGRATION_WAITS: Duration = Duration::from_secs(1);
/// and for how long it comes again: another node may be changing it meanwhile.
const MIGRATION_PATIENCE: Duration = Duration::from_secs(600);

/// How connections are pooled. They are opened when they are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSettings {
    /// The most connections for work: short transactions, and for as long as somebody listens to the database's own
    /// notifications one for that.
    pub for_work: NonZeroU32,
    /// The most connections for questions, which may take long: nobody who works waits for them.
    pub for_questions: NonZeroU32,
    /// How long a caller waits for one before the store is unavailable.
    pub acquire_timeout: Duration,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self { for_work: FOR_WORK, for_questions: FOR_QUESTIONS, acquire_timeout: ACQUIRE_TIMEOUT }
    }
}

/// Why there is no store. Nothing in it holds the password.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL cannot be read.
    #[error("the database URL is not understood")]
    Url(#[source] sqlx::Error),
    /// Nobody answers there (yet); it may help to try again.
    #[error("the database does not answer")]
    Unreachable(#[source] sqlx::Error),
    /// The server answers and says no: the user, the password or the database is wrong.
    #[error("the database refuses the connection")]
    Refused(#[source] sqlx::Error),
    /// The server is too old.
    #[error("the server is PostgreSQL {0}, at least 15 is needed")]
    TooOld(String),
}

/// The schema is older than this program, and the role that it runs as may not change it.
#[derive(Debug, thiserror::Error)]
#[error(
    "the role of DATABASE_URL may not bring the schema up to date: run `watchkeeper migrate` of this version as the role \
     that owns the tables"
)]
pub struct MayNotMigrate(#[source] sqlx::Error);

/// Whether the role may not do what it tried (SQLSTATE 42501, insufficient_privilege).
fn lacks_privilege(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("42501"))
}

impl PostgresStore {
    /// Connects, making sure that there is a database that can be used.
    ///
    /// # Errors
    /// [`ConnectError`] says what is wrong.
    pub async fn connect(url: &str, pool: PoolSettings, ids: Arc<dyn IdGenerator>) -> Result<Self, ConnectError> {
        let options: PgConnectOptions = url.parse().map_err(ConnectError::Url)?;
        let options = options.application_name("watchkeeper").options(SESSION).disable_statement_logging();
        let attempt = tokio::time::timeout(pool.acquire_timeout, PgConnection::connect_with(&options)).await;
        let mut connection = attempt.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(refused)?;
        let (version, spelt, commits): (i32, String, String) =
            sqlx::query_as(SERVER).fetch_one(&mut connection).await.map_err(ConnectError::Unreachable)?;
        if version < OLDEST_SERVER {
            return Err(ConnectError::TooOld(spelt));
        }
        let options = options.options([("synchronous_commit", durable(&commits))]);
        // Closing is a courtesy to the server.
        let _ = connection.close().await;
        let (pool, questions) = pools(&options, pool);
        Ok(Self { pool, questions, ids, cohorts: Arc::default() })
    }

    /// The same store with connections of its own. A connection is driven by the threads of whoever opens it, so those who
    /// are to have nothing to do with each other have a store each.
    #[must_use]
    pub fn apart(&self, pool: PoolSettings) -> Self {
        let (pool, questions) = pools(&self.pool.connect_options(), pool);
        Self { pool, questions, ids: Arc::clone(&self.ids), cohorts: Arc::clone(&self.cohorts) }
    }

    /// Brings the schema up to date. Any number of nodes may do so at once: they wait for each other. A schema that a newer
    /// node has expanded is left as it is.
    ///
    /// # Errors
    /// [`RepoError`] where the database is away, or holds a schema that is not this program's: a
    /// [conflict](RepoError::Conflict) with [`TooNew`] where a newer node has done more than expand it, and one with
    /// [`MayNotMigrate`] where it is older and the role of the URL may not change it.
    pub async fn migrate(&self) -> RepoResult<()> {
        self.migrate_within(MIGRATION_PATIENCE).await
    }

    /// Like [`PostgresStore::migrate`], with a patience of one's own: where somebody holds what is to be changed, it is tried
    /// again until so long after the beginning, each time anew. What is under way then is not broken off.
    ///
    /// # Errors
    /// As there; [`RepoError::Unavailable`] where the lock was not to be had in that time. Nothing is half changed.
    pub async fn migrate_within(&self, patience: Duration) -> RepoResult<()> {
        let mut connection = self.pool.acquire().await.map_err(Fault::from)?.detach();
        let migrated = migrate(&mut connection, patience).await;
        // Closed rather than given back, since its settings are its own; closing is a courtesy to the server.
        let _ = connection.close().await;
        migrated
    }

    /// What a newer node has done to the schema, if anything, that this program cannot live with.
    ///
    /// # Errors
    /// [`RepoError`] where the database is away, or has no schema yet.
    pub async fn outgrown(&self) -> RepoResult<Option<TooNew>> {
        let mut connection = self.pool.acquire().await.map_err(Fault::from)?;
        Ok(newer::obstacle(&mut connection).await.map_err(Fault::from)?)
    }
}

/// How sessions commit: as the server is set to, but for `off`. What is committed is to outlive a crash of the server, since
/// what a node remembers must never be ahead of the record.
fn durable(set_to: &str) -> &str {
    if set_to == "off" { "local" } else { set_to }
}

/// Connections for work, and connections for questions.
fn pools(options: &PgConnectOptions, pool: PoolSettings) -> (PgPool, PgPool) {
    let connections = |most: NonZeroU32| {
        let pool = PgPoolOptions::new().max_connections(most.get()).acquire_timeout(pool.acquire_timeout);
        pool.connect_lazy_with(options.clone())
    };
    (connections(pool.for_work), connections(pool.for_questions))
}

async fn migrate(connection: &mut PgConnection, patience: Duration) -> RepoResult<()> {
    let began = Instant::now();
    // Changing a schema takes its time, and whoever comes second waits for whoever was first. But nobody waits long for a
    // lock: all others who want it queue up behind, and nodes at work must not stand still for one that starts.
    let waits = format!("SET statement_timeout = 0; SET lock_timeout = {}", MIGRATION_WAITS.as_millis());
    sqlx::raw_sql(AssertSqlSafe(waits)).execute(&mut *connection).await.map_err(Fault::from)?;
    let mut known = Migrator::with_migrations(MIGRATIONS.iter().cloned().collect());
    known.set_ignore_missing(true);
    let migrated = loop {
        match known.run_direct(None, &mut *connection, false).await {
            Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _))
                if began.elapsed() < patience && is_locked_out(&error) =>
            {
                tracing::info!("somebody holds what is to be changed of the schema; trying again");
                // As long as it was waited: half of the time is everybody else's.
                tokio::time::sleep(MIGRATION_WAITS).await;
            }
            done => break done,
        }
    };
    migrated.map_err(|error| match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) if lacks_privilege(&error) => {
            RepoError::Conflict(Box::new(MayNotMigrate(error)))
        }
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => Fault::from(error).into(),
        other => RepoError::Conflict(Box::new(other)),
    })?;
    match newer::obstacle(connection).await.map_err(Fault::from)? {
        Some(too_new) => Err(RepoError::Conflict(Box::new(too_new))),
        None => Ok(()),
    }
}

/// SQLSTATE 55P03: a lock was not to be had in the time that was given.
fn is_locked_out(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).as_deref() == Some("55P03")
}

/// SQLSTATE class 28 is a wrong user or password, 3D a database that is not there, 42501 one that may not be entered.
fn refused(error: sqlx::Error) -> ConnectError {
    let code = error.as_database_error().and_then(|error| error.code()).unwrap_or_default().into_owned();
    let is_refusal = code.starts_with("28") || code.starts_with("3D") || lacks_privilege(&error);
    if is_refusal { ConnectError::Refused(error) } else { ConnectError::Unreachable(error) }
}
