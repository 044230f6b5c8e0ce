//! Partitions of the log: one for each day of UTC, made ahead and dropped by age.
//!
//! Checks are kept whole for days or weeks, so that they are few; a point look-up goes into one of them, since it names
//! the time. A range that was made in another width by an earlier version counts as what it covers.

use std::collections::BTreeSet;

use sqlx::{AssertSqlSafe, Connection, FromRow, PgConnection};
use watchkeeper_domain::rollup::{DAY, day_of};
use watchkeeper_domain::time::Timestamp;

use super::{Work, take_turns};
use crate::row::{Fault, Instant};

/// How many are made beside the one of the present: before it for results that come late, after it as a reserve.
const BEHIND: u32 = 1;
const AHEAD: u32 = 7;
/// What is partitioned.
const TABLES: [&str; 3] = ["checks", "check_evidence", "hour_rollups"];

/// For how many days one batch may make room: the results of one batch are claimed within minutes, so that a few days hold
/// even what a node brings that was cut off.
const DAYS_OF_A_BATCH: usize = 10;

/// How long dropping a partition may hold up those who read and write, who queue up behind it.
const DROPPING_WAITS: &str = "SET LOCAL lock_timeout = '500ms'";
/// What PostgreSQL answers then (SQLSTATE).
const LOCK_NOT_AVAILABLE: &str = "55P03";
/// How many are dropped in one transaction, which locks each of them with all its indexes: those of ten days.
const DROPPED_AT_ONCE: usize = 10 * TABLES.len();

/// Makes the partitions around an instant that are not there yet.
pub(super) async fn prepare(connection: &mut PgConnection, now: Timestamp) -> Result<(), Fault> {
    let first = day_of(now).minus(DAY * BEHIND);
    make(connection, (0..=BEHIND + AHEAD).map(|number| first.plus(DAY * number))).await
}

/// Makes the partitions for instants that found none; `false` where they lie too far apart, and nothing is made.
pub(super) async fn prepare_for(
    connection: &mut PgConnection,
    instants: impl Iterator<Item = Timestamp>,
) -> Result<bool, Fault> {
    let days: BTreeSet<Timestamp> = instants.map(day_of).collect();
    let are_few = days.len() <= DAYS_OF_A_BATCH;
    if are_few {
        make(connection, days).await?;
    }
    Ok(are_few)
}

/// Makes the partitions of days that are not there yet.
pub(super) async fn make(
    connection: &mut PgConnection,
    days: impl IntoIterator<Item = Timestamp>,
) -> Result<(), Fault> {
    let wanted: Vec<Partition> =
        days.into_iter().flat_map(|day| TABLES.map(|table| Partition { table, day })).collect();
    if missing(connection, &wanted).await?.is_empty() {
        return Ok(());
    }
    take_turns(connection, Work::Partitioning).await?;
    // Looked for again: whoever was waited for has probably made them.
    for partition in missing(connection, &wanted).await? {
        partition.make(connection).await?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Partition {
    table: &'static str,
    day: Timestamp,
}

impl Partition {
    /// Makes a table like the partitioned one and attaches it: other than making it a partition at once, this holds up
    /// nobody who reads or writes meanwhile. Its name is the table's, and the second of Unix time at which it begins; its
    /// owner is the table's as well, so that whoever may drop one partition may drop all of them, whichever role made them.
    async fn make(self, connection: &mut PgConnection) -> Result<(), Fault> {
        let seconds = |at: Timestamp| at.as_micros() / 1_000_000;
        let (table, from, to) = (self.table, seconds(self.day), seconds(self.day.plus(DAY)));
        let statement = format!(
            "CREATE TABLE {table}_{from} (LIKE {table} INCLUDING ALL);
             DO $$ BEGIN
                 EXECUTE format('ALTER TABLE {table}_{from} OWNER TO %s',
                                (SELECT relowner::regrole FROM pg_class WHERE oid = '{table}'::regclass));
             END $$;
             ALTER TABLE {table} ATTACH PARTITION {table}_{from}
                 FOR VALUES FROM (to_timestamp({from})) TO (to_timestamp({to}))"
        );
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await?;
        Ok(())
    }
}

/// A partition that is there, and its bounds.
#[derive(FromRow)]
struct ThereRow {
    parent: String,
    name: String,
    begins: Instant,
    ends: Instant,
}

/// The partitions that are there. The catalogue is read as a table: what answers by name alone may remember that a name was
/// not there a moment ago.
async fn there(connection: &mut PgConnection) -> Result<Vec<ThereRow>, Fault> {
    let rows = sqlx::query_as(
        r"SELECT parent.relname::text AS parent, child.relname::text AS name, bounds[1]::timestamptz AS begins,
                 bounds[2]::timestamptz AS ends
          FROM pg_inherits
          JOIN pg_class AS parent ON parent.oid = inhparent
          JOIN pg_class AS child ON child.oid = inhrelid
          CROSS JOIN LATERAL regexp_match(pg_get_expr(child.relpartbound, child.oid), 'FROM \(''(.+)''\) TO \(''(.+)''\)')
               AS bounds
          WHERE parent.relnamespace = current_schema()::regnamespace
            AND parent.relkind = 'p' AND parent.relname = ANY ($1) AND bounds IS NOT NULL
          ORDER BY begins",
    )
    .bind(TABLES.map(str::to_owned).to_vec())
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

async fn missing(connection: &mut PgConnection, wanted: &[Partition]) -> Result<Vec<Partition>, Fault> {
    let there = there(connection).await?;
    let is_covered = |wanted: &&Partition| {
        let overlaps = |row: &ThereRow| row.begins.0 < wanted.day.plus(DAY) && wanted.day < row.ends.0;
        there.iter().any(|row| row.parent == wanted.table && overlaps(row))
    };
    Ok(wanted.iter().filter(|wanted| !is_covered(wanted)).copied().collect())
}

/// Drops the oldest partitions that end by an instant, those of a few days at a time, and answers whether there are more. Of
/// those that somebody is using for long none is dropped: there will be another time.
pub(super) async fn drop_some_before(connection: &mut PgConnection, instant: Timestamp) -> Result<bool, Fault> {
    let old: Vec<ThereRow> = there(connection).await?.into_iter().filter(|row| row.ends.0 <= instant).collect();
    let some: Vec<&str> = old.iter().take(DROPPED_AT_ONCE).map(|row| row.name.as_str()).collect();
    if some.is_empty() {
        return Ok(false);
    }
    let mut attempt = connection.begin().await?;
    sqlx::query(DROPPING_WAITS).execute(&mut *attempt).await?;
    match sqlx::raw_sql(AssertSqlSafe(format!("DROP TABLE {}", some.join(", ")))).execute(&mut *attempt).await {
        Ok(_) => {
            attempt.commit().await?;
            Ok(old.len() > some.len())
        }
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(LOCK_NOT_AVAILABLE) => {
            attempt.rollback().await?;
            tracing::warn!(
                partitions = some.len(),
                "old partitions of the log are in use by somebody, and are dropped another time"
            );
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}
