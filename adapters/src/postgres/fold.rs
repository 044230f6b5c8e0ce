//! Folding: the hours of a day become the day, a bounded number of monitors at a time, in the order of their identifiers.

use std::collections::HashMap;

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;
use watchkeeper_domain::pack::JOINED_CHECKS;
use watchkeeper_domain::port::Folded;
use watchkeeper_domain::rollup::{DAY, DayTally, HOUR, day_of};
use watchkeeper_domain::time::Timestamp;

use super::progress;
use crate::log::closing::{ClosedRow, Stretch, Stretches};
use crate::row::{DayRow, Fault, Instant, JOINED_BYTES, PackRow, Unreadable, bigint};

/// Does what [`watchkeeper_domain::port::Upkeep::fold`] says.
pub(super) async fn fold(connection: &mut PgConnection, limit: i64) -> Result<Folded, Fault> {
    let Some(row) = progress::lock_unless_held(connection).await? else { return Ok(Folded::default()) };
    let Some(hours_to) = row.progress().hours_to else { return Ok(Folded::default()) };
    let days_to = row.progress().days_to;
    // Days in which nothing was checked are passed over. A day that is folded in part has been looked at before.
    let day = match days_to.filter(|_| row.folded_id.is_some()) {
        Some(day) => Some(day),
        None => oldest_hour(connection, days_to).await?.map(day_of).or(days_to.map(|day| day.max(day_of(hours_to)))),
    };
    let Some(day) = day.filter(|day| day.plus(DAY) <= hours_to) else {
        return pass_over(connection, days_to, day_of(hours_to)).await;
    };
    let after = row.folded_id.unwrap_or(Uuid::nil());
    let last = last_monitor(connection, after, limit.max(1)).await?;
    let monitor_days = fold_monitors(connection, day, after, last.unwrap_or(Uuid::max())).await?;
    if last.is_some() {
        progress::days_are_folded_to(connection, day, last).await?;
        return Ok(Folded { monitor_days, finished: None, has_more: true });
    }
    let end = day.plus(DAY);
    progress::days_are_folded_to(connection, end, None).await?;
    Ok(Folded { monitor_days, finished: Some(day), has_more: end.plus(DAY) <= hours_to })
}

/// Notes that nothing is left to fold up to a day, where that is news.
async fn pass_over(connection: &mut PgConnection, days_to: Option<Timestamp>, day: Timestamp) -> Result<Folded, Fault> {
    if days_to.is_none_or(|days_to| days_to >= day) {
        return Ok(Folded::default());
    }
    progress::days_are_folded_to(connection, day, None).await?;
    Ok(Folded { finished: Some(day.minus(DAY)), ..Folded::default() })
}

/// The oldest hour with a check, of those from a day on.
async fn oldest_hour(connection: &mut PgConnection, from: Option<Timestamp>) -> Result<Option<Timestamp>, Fault> {
    let oldest: Option<Instant> =
        sqlx::query_scalar("SELECT began_at FROM hour_rollups WHERE began_at >= $1 ORDER BY began_at LIMIT 1")
            .bind(Instant(from.unwrap_or(Timestamp::from_micros(i64::MIN))))
            .fetch_optional(connection)
            .await?;
    Ok(oldest.map(|at| at.0))
}

/// The last of the next so many monitors; `None` where they are the last ones of all.
async fn last_monitor(connection: &mut PgConnection, after: Uuid, limit: i64) -> Result<Option<Uuid>, Fault> {
    let last = sqlx::query_scalar("SELECT id FROM monitors WHERE id > $1 ORDER BY id LIMIT 1 OFFSET $2 - 1")
        .bind(after)
        .bind(limit)
        .fetch_optional(connection)
        .await?;
    Ok(last)
}

#[derive(FromRow)]
struct HourOf {
    monitor_id: Uuid,
    region: String,
    #[sqlx(flatten)]
    row: ClosedRow,
}

/// Folds the day of the monitors after one of them up to another, and answers how many there were.
async fn fold_monitors(connection: &mut PgConnection, day: Timestamp, after: Uuid, last: Uuid) -> Result<u64, Fault> {
    // The bounds on the time beside the hours tell which partition matters; the OFFSET keeps the planner at one search of
    // the index for each hour.
    let rows: Vec<HourOf> = sqlx::query_as(
        "SELECT h.monitor_id, h.region, h.began_at, h.up, h.degraded, h.down, h.latencies,
                h.runs::text AS runs, h.packed_latencies
         FROM unnest($1::timestamptz[]) AS w (began_at)
         CROSS JOIN LATERAL (
             SELECT *
             FROM hour_rollups
             WHERE began_at = w.began_at AND monitor_id > $2 AND monitor_id <= $3 AND began_at >= $4 AND began_at < $5
             OFFSET 0
         ) AS h
         -- A monitor that was purged meanwhile has nobody who would remove this again.
         WHERE EXISTS (SELECT FROM monitors WHERE id = h.monitor_id)
         ORDER BY h.monitor_id, h.region, h.began_at",
    )
    .bind((0..24).map(|hour| Instant(day.plus(HOUR * hour))).collect::<Vec<_>>())
    .bind(after)
    .bind(last)
    .bind(Instant(day))
    .bind(Instant(day.plus(DAY)))
    .fetch_all(&mut *connection)
    .await?;
    let (mut days, mut count): (Stretches<Uuid, DayTally>, u64) = (Stretches::default(), 0);
    for HourOf { monitor_id, region, row } in rows {
        if let Some(whole) = days.enough(&monitor_id, &region) {
            count += write(connection, day, &whole).await?;
        }
        days.add(day, monitor_id, &region, row)?;
    }
    Ok(count + write(connection, day, &days.rest()).await?)
}

#[derive(FromRow)]
struct EarlierRow {
    number: i64,
    #[sqlx(flatten)]
    row: PackRow,
}

/// The newest packs that began on a day or before it, of those monitors that have few checks on it, where they may share days;
/// each with the number of its monitor.
async fn earlier(
    connection: &mut PgConnection,
    day: Timestamp,
    of: &[Stretch<Uuid, DayTally>],
) -> Result<HashMap<i64, PackRow>, Fault> {
    let few: Vec<(i64, &Stretch<Uuid, DayTally>)> =
        (0_i64..).zip(of).filter(|(_, of)| of.pack.len() <= JOINED_CHECKS).collect();
    if few.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<EarlierRow> = sqlx::query_as(
        "SELECT w.number, p.began_at, p.runs::text AS runs, p.packed_latencies
         FROM unnest($1::bigint[], $2::uuid[], $3::text[]) AS w (number, monitor_id, region)
         CROSS JOIN LATERAL (
             SELECT *
             FROM packed_checks
             WHERE monitor_id = w.monitor_id AND region = w.region AND began_at <= $4
             ORDER BY began_at DESC
             LIMIT 1
         ) AS p
         WHERE octet_length(p.packed_latencies) <= $5",
    )
    .bind(few.iter().map(|(number, _)| *number).collect::<Vec<_>>())
    .bind(few.iter().map(|(_, of)| of.monitor).collect::<Vec<_>>())
    .bind(few.iter().map(|(_, of)| of.region.as_str()).collect::<Vec<_>>())
    .bind(Instant(day))
    .bind(bigint(JOINED_BYTES))
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|EarlierRow { number, row }| (number, row)).collect())
}

async fn write(connection: &mut PgConnection, day: Timestamp, of: &[Stretch<Uuid, DayTally>]) -> Result<u64, Fault> {
    if of.is_empty() {
        return Ok(0);
    }
    let monitors: Vec<Uuid> = of.iter().map(|of| of.monitor).collect();
    let regions: Vec<String> = of.iter().map(|of| of.region.clone()).collect();
    let rows: Vec<DayRow> = of.iter().map(|of| DayRow::of(day, &of.sums)).collect();
    sqlx::query(
        "INSERT INTO day_rollups (monitor_id, region, began_at, up, degraded, down, latencies, hours)
         SELECT w.monitor_id, w.region, $1, w.up, w.degraded, w.down, w.latencies, w.hours
         FROM unnest($2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bytea[], $8::bytea[])
              AS w (monitor_id, region, up, degraded, down, latencies, hours)
         ON CONFLICT ON CONSTRAINT day_rollups_pkey
         DO UPDATE SET up = excluded.up, degraded = excluded.degraded, down = excluded.down,
                       latencies = excluded.latencies, hours = excluded.hours",
    )
    .bind(Instant(day))
    .bind(&monitors)
    .bind(&regions)
    .bind(rows.iter().map(|row| row.up).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.degraded).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.down).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.latencies.clone()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.hours.clone()).collect::<Vec<_>>())
    .execute(&mut *connection)
    .await?;
    let mut earlier = earlier(connection, day, of).await?;
    let packs: Vec<PackRow> = (0_i64..)
        .zip(of)
        .map(|(number, of)| PackRow::with_day(earlier.remove(&number), day, &of.pack))
        .collect::<Result<_, Unreadable>>()?;
    sqlx::query(
        "INSERT INTO packed_checks (monitor_id, region, began_at, runs, packed_latencies)
         SELECT w.monitor_id, w.region, w.began_at, w.runs::json, w.packed_latencies
         FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::bytea[])
              AS w (monitor_id, region, began_at, runs, packed_latencies)
         ON CONFLICT ON CONSTRAINT packed_checks_pkey
         DO UPDATE SET runs = excluded.runs, packed_latencies = excluded.packed_latencies",
    )
    .bind(monitors)
    .bind(regions)
    .bind(packs.iter().map(|pack| pack.began_at).collect::<Vec<_>>())
    .bind(packs.iter().map(|pack| pack.runs.clone()).collect::<Vec<_>>())
    .bind(packs.into_iter().map(|pack| pack.packed_latencies).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(of.len() as u64)
}
