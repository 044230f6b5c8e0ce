//! What the program recorded, read from its database by plain SQL: the record is what counts.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, FromRow, PgConnection};

/// What became of the notices that were owed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromRow)]
pub(crate) struct Notices {
    /// Those that somebody was told.
    pub(crate) told: i64,
    /// Those that were given up.
    pub(crate) given_up: i64,
    /// Those that are owed still, although others came up a minute later.
    pub(crate) overdue: i64,
}

/// What the record holds against the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// How many slots are in it twice.
    pub(crate) slots_twice: i64,
    pub(crate) notices: Notices,
}

/// All notices by what became of them, where a minute is written so.
fn notices(minute: &str) -> String {
    format!(
        "SELECT count(CASE WHEN state = 1 THEN 1 END) AS told, count(CASE WHEN state = 2 THEN 1 END) AS given_up,
                count(CASE WHEN state = 0 AND created_at < (SELECT max(created_at) FROM notices) - {minute} THEN 1 END)
                AS overdue
           FROM notices"
    )
}

/// Slots that have more than one check, or that have one and are in a gap as well. The key of the log forbids the former:
/// it is asked for all the same.
fn twice(monitor: &str) -> String {
    format!(
        "SELECT (SELECT count(*)
                   FROM (SELECT 1 FROM checks WHERE origin = 0 GROUP BY slot, {monitor}, region HAVING count(*) > 1) AS often)
              + (SELECT count(*)
                   FROM slot_gaps AS gap
                   JOIN checks AS one
                     ON one.{monitor} = gap.{monitor} AND one.region = gap.region
                    AND one.slot BETWEEN gap.first_slot AND gap.last_slot
                  WHERE one.origin = 0)
              + (SELECT count(*)
                   FROM slot_gaps AS gap
                   JOIN slot_gaps AS other
                     ON other.{monitor} = gap.{monitor} AND other.region = gap.region
                    AND other.first_slot > gap.first_slot AND other.first_slot <= gap.last_slot)"
    )
}

/// Which version of PostgreSQL this is.
pub(crate) async fn version_of_postgres(url: &str) -> anyhow::Result<String> {
    let mut connection = PgConnection::connect(url).await?;
    Ok(sqlx::query_scalar("SHOW server_version").fetch_one(&mut connection).await?)
}

/// Reads the record when the program has ended.
pub(crate) async fn read(directory: &Path, postgres: Option<&str>) -> anyhow::Result<Record> {
    match postgres {
        Some(url) => {
            let mut connection = PgConnection::connect(url).await?;
            let slots_twice = sqlx::query_scalar(AssertSqlSafe(twice("monitor_id"))).fetch_one(&mut connection).await?;
            let notices = sqlx::query_as(AssertSqlSafe(notices("interval '1 minute'")));
            Ok(Record { slots_twice, notices: notices.fetch_one(&mut connection).await? })
        }
        None => {
            let file = SqliteConnectOptions::new().filename(directory.join("watchkeeper.db")).read_only(true);
            let mut connection = file.connect().await?;
            let slots_twice =
                sqlx::query_scalar(AssertSqlSafe(twice("monitor_key"))).fetch_one(&mut connection).await?;
            let notices = sqlx::query_as(AssertSqlSafe(notices("60000000")));
            Ok(Record { slots_twice, notices: notices.fetch_one(&mut connection).await? })
        }
    }
}
