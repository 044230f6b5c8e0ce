//! What the program recorded, read from its database by plain SQL: the record is what counts.

use std::path::Path;

use anyhow::Context;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};

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

/// How many slots are in the record twice.
pub(crate) async fn slots_twice(directory: &Path, postgres: Option<&str>) -> anyhow::Result<i64> {
    let counted = match postgres {
        Some(url) => {
            let mut connection = PgConnection::connect(url).await?;
            sqlx::query_scalar(sqlx::AssertSqlSafe(twice("monitor_id"))).fetch_one(&mut connection).await
        }
        None => {
            let file = SqliteConnectOptions::new().filename(directory.join("watchkeeper.db")).read_only(true);
            let mut connection = file.connect().await?;
            sqlx::query_scalar(sqlx::AssertSqlSafe(twice("monitor_key"))).fetch_one(&mut connection).await
        }
    };
    counted.context("counting what is recorded twice")
}
