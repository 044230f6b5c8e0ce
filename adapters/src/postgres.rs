//! Everything that is stored, on PostgreSQL 15 or newer: any number of nodes share one database.
//!
//! Each port is a file of its own. A port method is one transaction; what several of them need is a free function over
//! `&mut PgConnection`. Nothing here waits for a probe, and nothing per check is a statement of its own: batches travel
//! as arrays.
//!
//! **Locks** are taken in one order, so that nodes never wait for each other in a circle: the monitor's row, its
//! schedule row, its cohort's, leases, claims, its state row; several of a kind by their keys, which takes a `SELECT ...
//! ORDER BY ... FOR UPDATE` of its own, since an `UPDATE` or `DELETE` locks in no order. `claim` skips rows of the schedule,
//! cohorts, leases and claims that others hold. Where a rare crossing remains, PostgreSQL ends one of the two, which is done again here
//! (`done_again`).

mod backup;
mod channel;
mod check;
mod claim;
mod cohort;
mod connect;
mod consequence;
mod copy;
mod facts;
mod fold;
mod gap;
mod history;
mod incident;
mod lease;
mod log;
mod monitor;
mod newer;
mod notice;
mod partition;
mod progress;
mod purge;
mod record;
mod restore;
mod retire;
mod rollup;
mod schedule;
mod session;
mod span;
mod standing;
mod upkeep;
mod user;
mod workspace;

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::postgres::PgPool;
use sqlx::{PgConnection, Postgres, Transaction};
use watchkeeper_domain::port::{IdGenerator, RepoResult};
use watchkeeper_domain::time::Timestamp;

pub use connect::{ConnectError, MayNotMigrate, PoolSettings};
pub use newer::TooNew;

use crate::clock::TimeSource;
use crate::cohort::CohortMemory;
use crate::connections::Connections;
use crate::row::{Fault, Instant};

/// The store on PostgreSQL.
#[derive(Clone)]
pub struct PostgresStore {
    /// Connections for short transactions.
    pool: PgPool,
    /// Connections for what may take long: nobody who claims or records waits for them.
    questions: PgPool,
    ids: Arc<dyn IdGenerator>,
    cohorts: Arc<CohortMemory>,
}

impl PostgresStore {
    /// The connections, for those who listen to the database's own notifications.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// What the connections do now: those for work, and those for questions.
    pub fn connections(&self) -> [Connections; 2] {
        [Connections::of(&self.pool), Connections::of(&self.questions)]
    }

    /// Closes all connections, once nobody uses them any more.
    pub async fn close(&self) {
        self.pool.close().await;
        self.questions.close().await;
    }

    async fn begin(&self) -> Result<Transaction<'static, Postgres>, Fault> {
        Ok(self.pool.begin().await?)
    }

    /// Does a step that is one transaction, and does it again, a few times at the most, where PostgreSQL ended it to let
    /// another through.
    async fn done_again<T, Step>(&self, step: impl Fn() -> Step) -> Result<T, Fault>
    where
        Step: Future<Output = Result<T, Fault>>,
    {
        for _ in 1..MAX_ATTEMPTS {
            match step().await {
                Err(fault) if fault.gave_way() => {}
                answer => return answer,
            }
        }
        step().await
    }

    /// A transaction in which everything is read as it was at one moment.
    async fn snapshot(&self) -> Result<Transaction<'static, Postgres>, Fault> {
        Ok(self.questions.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?)
    }
}

#[async_trait]
impl TimeSource for PostgresStore {
    async fn database_time(&self) -> RepoResult<Timestamp> {
        let now = sqlx::query_scalar::<_, Instant>("SELECT clock_timestamp()").fetch_one(&self.pool).await;
        Ok(now.map_err(Fault::from)?.0)
    }
}

/// How often a step is done at the most that PostgreSQL ends to let another through.
const MAX_ATTEMPTS: u32 = 3;

/// A text without the one character that PostgreSQL cannot keep.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Ends a function that took the connection out of a transaction.
async fn commit(transaction: Transaction<'static, Postgres>) -> Result<(), Fault> {
    Ok(transaction.commit().await?)
}

/// Waits for whoever else does the same work, until the transaction ends.
async fn take_turns(connection: &mut PgConnection, work: Work) -> Result<(), Fault> {
    sqlx::query("SELECT pg_advisory_xact_lock($1, $2)")
        .bind(ADVISORY_LOCKS)
        .bind(work as i32)
        .execute(connection)
        .await?;
    Ok(())
}

/// Sets this program's advisory locks apart from those of others in the same database.
const ADVISORY_LOCKS: i32 = 0x5741_5443;

/// Work that nodes do one after the other.
#[derive(Clone, Copy)]
enum Work {
    /// Letting the first user in, and nobody after.
    SigningUp = 1,
    /// Making partitions.
    Partitioning = 2,
}
