//! Rollups: closed hours, derived from the log, so that long windows are read quickly.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use sqlx::FromRow;
use watchkeeper_domain::rollup::{HOUR, HourSum, has_settled, hour_of};
use watchkeeper_domain::time::Timestamp;

use super::SqliteStore;
use super::values::{pieces, query_with_rows};
use crate::row::{Code, Fault, duration};

/// The period of a rollup in its key.
pub(super) const HOUR_SECS: u32 = 3_600;
/// How many monitors' hours are written in one transaction, so that nobody waits long.
const ROWS_AT_ONCE: usize = 2_000;

#[derive(FromRow)]
struct LoggedRow {
    monitor_key: i64,
    region: String,
    origin: i16,
    verdict: i16,
    latency_us: i64,
}

/// Rolls up the oldest hour that is due for it. It is written in pieces and counts when the last one is in: the
/// watermark moves then, and doing a piece again writes the same.
pub(super) async fn roll_up(store: &SqliteStore, now: Timestamp) -> Result<Option<Timestamp>, Fault> {
    let Some(hour) = due_hour(store, now).await? else { return Ok(None) };
    let sums: Vec<((i64, String), HourSum)> = sums(store, hour).await?.into_iter().collect();
    for piece in sums.chunks(ROWS_AT_ONCE) {
        write(store, hour, piece).await?;
    }
    sqlx::query("UPDATE instance SET rolled_up_to = ?")
        .bind(hour.plus(HOUR).as_micros())
        .execute(&store.writer)
        .await?;
    Ok(Some(hour))
}

/// The oldest hour that is not rolled up, where nothing can be added to it any more.
async fn due_hour(store: &SqliteStore, now: Timestamp) -> Result<Option<Timestamp>, Fault> {
    let mut step = store.read().await?;
    let rolled_up_to: Option<i64> =
        sqlx::query_scalar("SELECT rolled_up_to FROM instance").fetch_one(&mut *step).await?;
    let hour = match rolled_up_to {
        Some(at) => Timestamp::from_micros(at),
        None => {
            let first: Option<i64> = sqlx::query_scalar("SELECT min(slot) FROM checks").fetch_one(&mut *step).await?;
            let Some(first) = first else { return Ok(None) };
            hour_of(Timestamp::from_micros(first))
        }
    };
    if !has_settled(hour, now) {
        return Ok(None);
    }
    // A slot of a long interval may start for hours, at the most one and a half intervals where it opens an epoch: it keeps
    // its hour open until it is claimed.
    let is_open: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM claims WHERE slot < ?1)
             OR EXISTS (SELECT 1 FROM schedule
                         WHERE next_due_at < ?1 AND next_due_at + interval_ms * 1500 > ?2)",
    )
    .bind(hour.plus(HOUR).as_micros())
    .bind(now.as_micros())
    .fetch_one(&mut *step)
    .await?;
    Ok((!is_open).then_some(hour))
}

async fn sums(store: &SqliteStore, hour: Timestamp) -> Result<HashMap<(i64, String), HourSum>, Fault> {
    let mut step = store.read().await?;
    let mut sums: HashMap<(i64, String), HourSum> = HashMap::new();
    let mut rows = sqlx::query_as::<_, LoggedRow>(
        "SELECT monitor_key, region, origin, verdict, latency_us FROM checks WHERE slot >= ? AND slot < ?",
    )
    .bind(hour.as_micros())
    .bind(hour.plus(HOUR).as_micros())
    .fetch(&mut *step);
    while let Some(row) = rows.try_next().await? {
        let sum = sums.entry((row.monitor_key, row.region)).or_default();
        sum.add(Code::of_code(row.origin)?, Code::of_code(row.verdict)?, duration(row.latency_us));
    }
    Ok(sums)
}

fn count(checks: u64) -> i64 {
    i64::try_from(checks).unwrap_or(i64::MAX)
}

async fn write(store: &SqliteStore, hour: Timestamp, sums: &[((i64, String), HourSum)]) -> Result<(), Fault> {
    let mut step = store.write().await?;
    for piece in pieces(sums) {
        let statement = "INSERT OR REPLACE INTO rollups
                (period_secs, began_at, monitor_key, region, up, degraded, down, latencies) {rows}";
        let query = piece.iter().fold(query_with_rows(statement, 8, piece.len()), |query, ((key, region), sum)| {
            query
                .bind(HOUR_SECS)
                .bind(hour.as_micros())
                .bind(key)
                .bind(region.as_str())
                .bind(count(sum.up))
                .bind(count(sum.degraded))
                .bind(count(sum.down))
                .bind(sum.latencies.to_bytes())
        });
        query.execute(&mut *step).await?;
    }
    Ok(step.commit().await?)
}
