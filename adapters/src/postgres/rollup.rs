//! Rollups: closed hours of the log, so that long windows need not be read check by check.
//!
//! Hours are rolled up one after the other, all monitors at once; the row of `rollup_progress` is locked meanwhile. No
//! check is recorded into an hour that is closed: what may still be is open work, and that keeps its hour open.

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;
use watchkeeper_domain::rollup::{HOUR, HourSum, has_settled, hour_of};
use watchkeeper_domain::time::Timestamp;

use super::bigint;
use super::instant::Instant;
use crate::row::{Code, Fault, duration};

/// The period of hourly rollups in their key.
pub(super) const HOURLY: i16 = 1;

/// How many checks are fetched at once.
const FETCH: &str = "FETCH 5000 FROM closed_hour";
/// How many rollups are written at once.
const ROWS: usize = 1_000;
/// The hour of very many monitors is sorted outside of memory, which takes longer than any other statement may.
const PATIENCE: &str = "SET LOCAL statement_timeout = '4min'";

/// Up to where hours are rolled up.
pub(super) async fn rolled_to(connection: &mut PgConnection) -> Result<Option<Timestamp>, Fault> {
    let rolled_to: Option<Option<Instant>> =
        sqlx::query_scalar("SELECT rolled_to FROM rollup_progress WHERE period = $1")
            .bind(HOURLY)
            .fetch_optional(connection)
            .await?;
    Ok(rolled_to.flatten().map(|at| at.0))
}

/// Does what [`watchkeeper_domain::port::Upkeep::roll_up`] says.
pub(super) async fn roll_up(connection: &mut PgConnection, now: Timestamp) -> Result<Option<Timestamp>, Fault> {
    // Whoever holds it is at this very work.
    let Some(rolled_to) = lock_progress_unless_held(connection).await? else { return Ok(None) };
    let next = match rolled_to {
        Some(next) => Some(next),
        None => oldest_check(connection).await?.map(hour_of),
    };
    let Some(hour) = next else { return Ok(None) };
    let end = hour.plus(HOUR);
    if !has_settled(hour, now) || is_open(connection, end, now).await? {
        return Ok(None);
    }
    close(connection, hour).await?;
    sqlx::query("UPDATE rollup_progress SET rolled_to = $2 WHERE period = $1")
        .bind(HOURLY)
        .bind(Instant(end))
        .execute(connection)
        .await?;
    Ok(Some(hour))
}

/// Locks how far hours are rolled up; `None` where somebody else holds it.
async fn lock_progress_unless_held(connection: &mut PgConnection) -> Result<Option<Option<Timestamp>>, Fault> {
    let rolled_to: Option<Option<Instant>> =
        sqlx::query_scalar("SELECT rolled_to FROM rollup_progress WHERE period = $1 FOR UPDATE SKIP LOCKED")
            .bind(HOURLY)
            .fetch_optional(connection)
            .await?;
    Ok(rolled_to.map(|at| at.map(|at| at.0)))
}

async fn oldest_check(connection: &mut PgConnection) -> Result<Option<Timestamp>, Fault> {
    let oldest: Option<Instant> =
        sqlx::query_scalar("SELECT slot FROM checks ORDER BY slot LIMIT 1").fetch_optional(connection).await?;
    Ok(oldest.map(|at| at.0))
}

/// Whether a check of before an instant may still come: its slot is claimed, or may still be. A slot of a long interval
/// may start for hours, at the most one and a half intervals where it opens an epoch.
async fn is_open(connection: &mut PgConnection, end: Timestamp, now: Timestamp) -> Result<bool, Fault> {
    let is_open = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM claims WHERE slot < $1)
             OR EXISTS (SELECT FROM schedule
                         WHERE next_due_at < $1
                           AND next_due_at + interval_ms * interval '1.5 milliseconds' > $2)",
    )
    .bind(Instant(end))
    .bind(Instant(now))
    .fetch_one(connection)
    .await?;
    Ok(is_open)
}

#[derive(FromRow)]
struct ClosedRow {
    monitor_id: Uuid,
    region: String,
    origin: i16,
    verdict: i16,
    latency_us: i64,
}

/// What an hour of one monitor adds up to.
struct Closed {
    monitor: Uuid,
    region: String,
    sum: HourSum,
}

/// Draws up an hour of all monitors, with a few of them in memory at a time. The hour is one contiguous stretch of the
/// log, so that reading it whole is what the key is made for.
async fn close(connection: &mut PgConnection, hour: Timestamp) -> Result<(), Fault> {
    sqlx::query(PATIENCE).execute(&mut *connection).await?;
    sqlx::query(
        "DECLARE closed_hour NO SCROLL CURSOR FOR
         SELECT monitor_id, region, origin, verdict, latency_us
         FROM checks
         WHERE slot >= $1 AND slot < $2
         ORDER BY monitor_id, region",
    )
    .bind(Instant(hour))
    .bind(Instant(hour.plus(HOUR)))
    .execute(&mut *connection)
    .await?;
    let mut sums: Vec<Closed> = Vec::new();
    loop {
        let rows: Vec<ClosedRow> = sqlx::query_as(FETCH).fetch_all(&mut *connection).await?;
        let is_over = rows.is_empty();
        for row in rows {
            let same = sums.last().is_some_and(|of| of.monitor == row.monitor_id && of.region == row.region);
            if !same {
                if sums.len() >= ROWS {
                    write(connection, hour, &sums).await?;
                    sums.clear();
                }
                sums.push(Closed { monitor: row.monitor_id, region: row.region.clone(), sum: HourSum::default() });
            }
            if let Some(Closed { sum, .. }) = sums.last_mut() {
                sum.add(Code::of_code(row.origin)?, Code::of_code(row.verdict)?, duration(row.latency_us));
            }
        }
        if is_over {
            break;
        }
    }
    write(connection, hour, &sums).await?;
    sqlx::query("CLOSE closed_hour").execute(connection).await?;
    Ok(())
}

async fn write(connection: &mut PgConnection, hour: Timestamp, sums: &[Closed]) -> Result<(), Fault> {
    if sums.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO rollups (period, began_at, monitor_id, region, up, degraded, down, latencies)
         SELECT $1, $2, w.*
         FROM unnest($3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bytea[]) AS w (monitor_id)
         -- A monitor that was purged meanwhile has nobody who would remove this again.
         WHERE EXISTS (SELECT FROM monitors WHERE id = w.monitor_id)
         ON CONFLICT ON CONSTRAINT rollups_pkey
         DO UPDATE SET up = excluded.up, degraded = excluded.degraded, down = excluded.down,
                       latencies = excluded.latencies",
    )
    .bind(HOURLY)
    .bind(Instant(hour))
    .bind(sums.iter().map(|of| of.monitor).collect::<Vec<_>>())
    .bind(sums.iter().map(|of| of.region.clone()).collect::<Vec<_>>())
    .bind(sums.iter().map(|of| bigint(of.sum.up)).collect::<Vec<_>>())
    .bind(sums.iter().map(|of| bigint(of.sum.degraded)).collect::<Vec<_>>())
    .bind(sums.iter().map(|of| bigint(of.sum.down)).collect::<Vec<_>>())
    .bind(sums.iter().map(|of| of.sum.latencies.to_bytes()).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}
