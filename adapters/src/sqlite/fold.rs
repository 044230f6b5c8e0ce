//! Folding: the hours of a day become the day, a bounded number of monitors at a time, in the order of their keys.

use std::collections::HashMap;

use serde_json::{Value, json};
use sqlx::{FromRow, SqliteConnection};
use watchkeeper_domain::pack::JOINED_CHECKS;
use watchkeeper_domain::port::Folded;
use watchkeeper_domain::rollup::{DAY, DayTally, HOUR, day_of};
use watchkeeper_domain::time::Timestamp;

use super::progress;
use super::values::{instants, pieces, query_with_rows};
use crate::log::closing::{ClosedRow, Stretch, Stretches};
use crate::row::{DayRow, Fault, JOINED_BYTES, PackRow, Unreadable, bigint};

/// Does what [`watchkeeper_domain::port::Upkeep::fold`] says.
pub(super) async fn fold(step: &mut SqliteConnection, limit: u32) -> Result<Folded, Fault> {
    let row = progress::row(step).await?;
    let Some(hours_to) = row.progress().hours_to else { return Ok(Folded::default()) };
    let days_to = row.progress().days_to;
    // Days in which nothing was checked are passed over. A day that is folded in part has been looked at before.
    let day = match days_to.filter(|_| row.folded_key.is_some()) {
        Some(day) => Some(day),
        None => oldest_hour(step, days_to).await?.map(day_of).or(days_to.map(|day| day.max(day_of(hours_to)))),
    };
    let Some(day) = day.filter(|day| day.plus(DAY) <= hours_to) else {
        return pass_over(step, days_to, day_of(hours_to)).await;
    };
    let after = row.folded_key.unwrap_or(0);
    let last: Option<i64> = sqlx::query_scalar("SELECT key FROM monitors WHERE key > ? ORDER BY key LIMIT 1 OFFSET ?")
        .bind(after)
        .bind(limit.max(1) - 1)
        .fetch_optional(&mut *step)
        .await?;
    let monitor_days = fold_monitors(step, day, after, last.unwrap_or(i64::MAX)).await?;
    if last.is_some() {
        progress::days_are_folded_to(step, day, last).await?;
        return Ok(Folded { monitor_days, finished: None, has_more: true });
    }
    let end = day.plus(DAY);
    progress::days_are_folded_to(step, end, None).await?;
    Ok(Folded { monitor_days, finished: Some(day), has_more: end.plus(DAY) <= hours_to })
}

/// Notes that nothing is left to fold up to a day, where that is news.
async fn pass_over(step: &mut SqliteConnection, days_to: Option<Timestamp>, day: Timestamp) -> Result<Folded, Fault> {
    if days_to.is_none_or(|days_to| days_to >= day) {
        return Ok(Folded::default());
    }
    progress::days_are_folded_to(step, day, None).await?;
    Ok(Folded { finished: Some(day.minus(DAY)), ..Folded::default() })
}

/// The oldest hour with a check, of those from a day on.
async fn oldest_hour(step: &mut SqliteConnection, from: Option<Timestamp>) -> Result<Option<Timestamp>, Fault> {
    let oldest: Option<i64> = sqlx::query_scalar("SELECT min(began_at) FROM hour_rollups WHERE began_at >= ?")
        .bind(from.map_or(i64::MIN, Timestamp::as_micros))
        .fetch_one(step)
        .await?;
    Ok(oldest.map(Timestamp::from_micros))
}

#[derive(FromRow)]
struct HourOf {
    monitor_key: i64,
    region: String,
    #[sqlx(flatten)]
    row: ClosedRow,
}

/// The hours of some monitors, monitor by monitor; of none that was purged, which nobody would remove again.
pub(super) const HOURS: &str = "
    SELECT h.monitor_key, h.region, h.began_at, h.up, h.degraded, h.down, h.latencies, h.runs, h.packed_latencies
      FROM json_each(?1) AS asked
     CROSS JOIN hour_rollups AS h ON h.began_at = asked.value AND h.monitor_key > ?2 AND h.monitor_key <= ?3
     CROSS JOIN monitors AS m ON m.key = h.monitor_key
     ORDER BY h.monitor_key, h.region, h.began_at";

/// Folds the day of the monitors after one of them up to another, and answers how many there were.
async fn fold_monitors(step: &mut SqliteConnection, day: Timestamp, after: i64, last: i64) -> Result<u64, Fault> {
    let hours: Vec<Timestamp> = (0..24).map(|hour| day.plus(HOUR * hour)).collect();
    let query = sqlx::query_as(HOURS).bind(instants(&hours)).bind(after).bind(last);
    let rows: Vec<HourOf> = query.fetch_all(&mut *step).await?;
    let (mut days, mut count): (Stretches<i64, DayTally>, u64) = (Stretches::default(), 0);
    for HourOf { monitor_key, region, row } in rows {
        if let Some(whole) = days.enough(&monitor_key, &region) {
            count += write(step, day, &whole).await?;
        }
        days.add(day, monitor_key, &region, row)?;
    }
    Ok(count + write(step, day, &days.rest()).await?)
}

/// The newest packs of some monitors that began on a day or before it, where they may share days.
pub(super) const EARLIER: &str = "
    SELECT asked.value ->> 0 AS number, p.began_at, p.runs, p.packed_latencies
      FROM json_each(?1) AS asked
     CROSS JOIN packed_checks AS p
        ON p.monitor_key = asked.value ->> 1 AND p.region = asked.value ->> 2
       AND p.began_at = (SELECT max(began_at)
                           FROM packed_checks
                          WHERE monitor_key = asked.value ->> 1 AND region = asked.value ->> 2 AND began_at <= ?2)
     WHERE length(p.packed_latencies) <= ?3";

/// Those of the days of few checks, each with the number of its day.
async fn earlier(
    step: &mut SqliteConnection,
    day: Timestamp,
    days: &[Stretch<i64, DayTally>],
) -> Result<HashMap<i64, PackRow>, Fault> {
    let few = (0_i64..).zip(days).filter(|(_, of)| of.pack.len() <= JOINED_CHECKS);
    let asked = Value::from_iter(few.map(|(number, of)| json!([number, of.monitor, of.region])));
    if asked.as_array().is_none_or(Vec::is_empty) {
        return Ok(HashMap::new());
    }
    let query = sqlx::query_as(EARLIER).bind(asked.to_string()).bind(day.as_micros()).bind(bigint(JOINED_BYTES));
    let rows: Vec<EarlierRow> = query.fetch_all(step).await?;
    Ok(rows.into_iter().map(|EarlierRow { number, row }| (number, row)).collect())
}

#[derive(FromRow)]
struct EarlierRow {
    number: i64,
    #[sqlx(flatten)]
    row: PackRow,
}

async fn write(step: &mut SqliteConnection, day: Timestamp, days: &[Stretch<i64, DayTally>]) -> Result<u64, Fault> {
    let mut earlier = earlier(step, day, days).await?;
    let rows: Vec<(&Stretch<i64, DayTally>, DayRow, PackRow)> = (0_i64..)
        .zip(days)
        .map(|(number, of)| {
            let pack = PackRow::with_day(earlier.remove(&number), day, &of.pack)?;
            Ok((of, DayRow::of(day, &of.sums), pack))
        })
        .collect::<Result<_, Unreadable>>()?;
    for piece in pieces(&rows) {
        let statement = "INSERT OR REPLACE INTO day_rollups
                (monitor_key, region, began_at, up, degraded, down, latencies, hours) {rows}";
        let query = piece.iter().fold(query_with_rows(statement, 8, piece.len()), |query, (of, row, _)| {
            query
                .bind(of.monitor)
                .bind(of.region.as_str())
                .bind(row.began_at)
                .bind(row.up)
                .bind(row.degraded)
                .bind(row.down)
                .bind(row.latencies.as_slice())
                .bind(row.hours.as_deref())
        });
        query.execute(&mut *step).await?;
        let statement = "INSERT INTO packed_checks (monitor_key, region, began_at, runs, packed_latencies) {rows}
             ON CONFLICT (monitor_key, region, began_at)
             DO UPDATE SET runs = excluded.runs, packed_latencies = excluded.packed_latencies";
        let query = piece.iter().fold(query_with_rows(statement, 5, piece.len()), |query, (of, _, pack)| {
            query
                .bind(of.monitor)
                .bind(of.region.as_str())
                .bind(pack.began_at)
                .bind(pack.runs.as_str())
                .bind(pack.packed_latencies.as_slice())
        });
        query.execute(&mut *step).await?;
    }
    Ok(days.len() as u64)
}
