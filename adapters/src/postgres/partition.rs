//! Partitions of the log: one for each week, made ahead.
//!
//! A week is a compromise: a point look-up looks into few partitions however many monitors there are, and age leaves in
//! steps that are small against the months for which people keep a log.

use std::collections::BTreeSet;

use sqlx::{AssertSqlSafe, PgConnection};
use watchkeeper_domain::time::Timestamp;

use super::{Work, take_turns};
use crate::row::Fault;

/// How long a partition is; they lie on a grid from the Unix epoch.
const PARTITION_MICROS: i64 = 7 * 24 * 3_600 * 1_000_000;
/// How many are made beside the one of the present: before it for results that come late, after it as a reserve.
const BEHIND: i64 = 1;
const AHEAD: i64 = 4;
/// What is partitioned.
const TABLES: [&str; 2] = ["checks", "check_evidence"];

/// Into how many weeks one batch may make room for itself: the results of one batch are claimed within minutes, so that
/// a few weeks hold even what a node brings that was cut off.
const WEEKS_OF_A_BATCH: usize = 4;

/// Makes the partitions around an instant that are not there yet.
pub(super) async fn prepare(connection: &mut PgConnection, now: Timestamp) -> Result<(), Fault> {
    let present = week_of(now);
    make(connection, present - BEHIND..=present + AHEAD).await
}

/// Makes the partitions for slots that found none; `false` where they lie too far apart, and nothing is made.
pub(super) async fn prepare_for(
    connection: &mut PgConnection,
    slots: impl Iterator<Item = Timestamp>,
) -> Result<bool, Fault> {
    let weeks: BTreeSet<i64> = slots.map(week_of).collect();
    let are_few = weeks.len() <= WEEKS_OF_A_BATCH;
    if are_few {
        make(connection, weeks).await?;
    }
    Ok(are_few)
}

fn week_of(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(PARTITION_MICROS)
}

async fn make(connection: &mut PgConnection, weeks: impl IntoIterator<Item = i64>) -> Result<(), Fault> {
    let wanted: Vec<Partition> =
        weeks.into_iter().flat_map(|number| TABLES.map(|table| Partition { table, number })).collect();
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
    number: i64,
}

impl Partition {
    /// Its name: the table's, and the second of Unix time at which it begins.
    fn name(self) -> String {
        format!("{}_{}", self.table, self.begins() / 1_000_000)
    }

    fn begins(self) -> i64 {
        self.number * PARTITION_MICROS
    }

    /// Makes a table like the partitioned one and attaches it: other than making it a partition at once, this holds up
    /// nobody who reads or writes meanwhile.
    async fn make(self, connection: &mut PgConnection) -> Result<(), Fault> {
        let (table, name) = (self.table, self.name());
        let seconds = |micros: i64| micros / 1_000_000;
        let (from, to) = (seconds(self.begins()), seconds(self.begins() + PARTITION_MICROS));
        let statement = format!(
            "CREATE TABLE {name} (LIKE {table} INCLUDING ALL);
             ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM (to_timestamp({from})) TO (to_timestamp({to}))"
        );
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await?;
        Ok(())
    }
}

async fn missing(connection: &mut PgConnection, wanted: &[Partition]) -> Result<Vec<Partition>, Fault> {
    let names: Vec<String> = wanted.iter().map(|partition| partition.name()).collect();
    // The catalogue is read as a table: what answers by name alone may remember that a name was not there a moment ago.
    let there: Vec<bool> = sqlx::query_scalar(
        "SELECT EXISTS (
             SELECT FROM pg_class WHERE relname = w.name AND relnamespace = current_schema()::regnamespace
         )
         FROM unnest($1::text[]) WITH ORDINALITY AS w (name, n)
         ORDER BY w.n",
    )
    .bind(names)
    .fetch_all(connection)
    .await?;
    Ok(wanted.iter().zip(there).filter(|(_, is_there)| !is_there).map(|(partition, _)| *partition).collect())
}
