//! Rollups: closed hours of the log, so that long windows need not be read check by check.
//!
//! Hours are rolled up one after the other, all monitors at once, while the row of progress is locked. No check is recorded
//! into an hour that is closed: what may still be is open work, and that keeps its hour open.

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::rollup::{HOUR, Tally, has_settled, hour_of};
use watchkeeper_domain::time::Timestamp;

use super::standing::region;
use super::{partition, progress};
use crate::log::closing::{Stretch, Stretches};
use crate::row::{CheckRow, Fault, Instant, PackRow, Unreadable, bigint};

/// How many checks are fetched at once.
const FETCH: &str = "FETCH 5000 FROM closed_hour";
/// The hour of very many monitors is sorted outside of memory, which takes longer than any other statement may.
const PATIENCE: &str = "SET LOCAL statement_timeout = '4min'";

/// Does what [`watchkeeper_domain::port::Upkeep::roll_up`] says.
pub(super) async fn roll_up(connection: &mut PgConnection, now: Timestamp) -> Result<Option<Timestamp>, Fault> {
    // Whoever holds it is at this very work.
    let Some(row) = progress::lock_unless_held(connection).await? else { return Ok(None) };
    let next = match row.progress().hours_to {
        Some(next) => Some(next),
        None => oldest_check(connection).await?.map(hour_of),
    };
    let Some(hour) = next else { return Ok(None) };
    let end = hour.plus(HOUR);
    if !has_settled(hour, now) || is_open(connection, end, now).await? {
        return Ok(None);
    }
    partition::prepare_for(connection, [hour].into_iter()).await?;
    close(connection, hour).await?;
    progress::hours_are_rolled_up_to(connection, end).await?;
    Ok(Some(hour))
}

async fn oldest_check(connection: &mut PgConnection) -> Result<Option<Timestamp>, Fault> {
    let oldest: Option<Instant> =
        sqlx::query_scalar("SELECT slot FROM checks ORDER BY slot LIMIT 1").fetch_optional(connection).await?;
    Ok(oldest.map(|at| at.0))
}

/// Whether a check of before an instant may still come: its slot is claimed, or may still be. A slot of a long interval
/// may start for hours, at the most one and a half intervals where it opens an epoch. A cohort's next slot may be that of a short
/// interval, and another one of its members be due later and at any time up to the end.
async fn is_open(connection: &mut PgConnection, end: Timestamp, now: Timestamp) -> Result<bool, Fault> {
    let is_open = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM claims WHERE slot < $1)
             OR EXISTS (SELECT FROM leases WHERE first_slot < $1)
             OR EXISTS (SELECT FROM schedule
                         WHERE cohort_id IS NULL AND next_due_at < $1
                           AND next_due_at + interval_ms * interval '1.5 milliseconds' > $2)
             OR EXISTS (SELECT FROM cohorts
                         WHERE next_due_at < $1
                           AND $1 + longest_interval_ms * interval '1.5 milliseconds' > $2)",
    )
    .bind(Instant(end))
    .bind(Instant(now))
    .fetch_one(connection)
    .await?;
    Ok(is_open)
}

#[derive(FromRow)]
struct LoggedRow {
    monitor_id: Uuid,
    region: String,
    #[sqlx(flatten)]
    check: CheckRow,
}

/// Draws up an hour of all monitors, with a few of them in memory at a time. The hour is one contiguous stretch of the
/// log, so that reading it whole is what the key is made for.
async fn close(connection: &mut PgConnection, hour: Timestamp) -> Result<(), Fault> {
    sqlx::query(PATIENCE).execute(&mut *connection).await?;
    sqlx::query(
        "DECLARE closed_hour NO SCROLL CURSOR FOR
         SELECT monitor_id, region, slot, origin, checked_at, verdict, reason_kind, reason_detail, latency_us,
                NULL::bigint AS dns_us, NULL::bigint AS connect_us, NULL::bigint AS tls_us,
                NULL::bigint AS first_byte_us, NULL::bigint AS transfer_us, http_status,
                NULL::text AS evidence
         FROM checks
         WHERE slot >= $1 AND slot < $2
         ORDER BY monitor_id, region, slot",
    )
    .bind(Instant(hour))
    .bind(Instant(hour.plus(HOUR)))
    .execute(&mut *connection)
    .await?;
    let mut hours: Stretches<Uuid, Tally> = Stretches::default();
    loop {
        let rows: Vec<LoggedRow> = sqlx::query_as(FETCH).fetch_all(&mut *connection).await?;
        if rows.is_empty() {
            break;
        }
        for LoggedRow { monitor_id, region: name, check } in rows {
            if let Some(whole) = hours.enough(&monitor_id, &name) {
                write(connection, hour, &whole).await?;
            }
            hours.add(monitor_id, &check.check(MonitorId::new(monitor_id), &region(&name)?)?);
        }
    }
    write(connection, hour, &hours.rest()).await?;
    sqlx::query("CLOSE closed_hour").execute(connection).await?;
    Ok(())
}

async fn write(connection: &mut PgConnection, hour: Timestamp, of: &[Stretch<Uuid, Tally>]) -> Result<(), Fault> {
    if of.is_empty() {
        return Ok(());
    }
    let packs: Vec<PackRow> =
        of.iter().map(|stretch| PackRow::of(hour, &stretch.pack)).collect::<Result<_, Unreadable>>()?;
    sqlx::query(
        "INSERT INTO hour_rollups (began_at, monitor_id, region, up, degraded, down, latencies, runs, packed_latencies)
         SELECT $1, w.monitor_id, w.region, w.up, w.degraded, w.down, w.latencies, w.runs::json, w.packed_latencies
         FROM unnest($2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bytea[], $8::text[],
                     $9::bytea[])
              AS w (monitor_id, region, up, degraded, down, latencies, runs, packed_latencies)
         -- A monitor that was purged meanwhile has nobody who would remove this again.
         WHERE EXISTS (SELECT FROM monitors WHERE id = w.monitor_id)
         ON CONFLICT (began_at, monitor_id, region)
         DO UPDATE SET up = excluded.up, degraded = excluded.degraded, down = excluded.down,
                       latencies = excluded.latencies, runs = excluded.runs,
                       packed_latencies = excluded.packed_latencies",
    )
    .bind(Instant(hour))
    .bind(of.iter().map(|of| of.monitor).collect::<Vec<_>>())
    .bind(of.iter().map(|of| of.region.clone()).collect::<Vec<_>>())
    .bind(of.iter().map(|of| bigint(of.sums.up)).collect::<Vec<_>>())
    .bind(of.iter().map(|of| bigint(of.sums.degraded)).collect::<Vec<_>>())
    .bind(of.iter().map(|of| bigint(of.sums.down)).collect::<Vec<_>>())
    .bind(of.iter().map(|of| of.sums.latencies.to_bytes()).collect::<Vec<_>>())
    .bind(packs.iter().map(|pack| pack.runs.clone()).collect::<Vec<_>>())
    .bind(packs.iter().map(|pack| pack.packed_latencies.clone()).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}
