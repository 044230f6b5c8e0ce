//! Rollups: closed hours, derived from the log, so that long windows are read quickly.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::{FromRow, SqliteConnection};
use watchkeeper_domain::check::Origin;
use watchkeeper_domain::histogram::Histogram;
use watchkeeper_domain::time::{Timestamp, Window};
use watchkeeper_domain::verdict::Verdict;

use super::SqliteStore;
use super::log::Log;
use super::values::{json, pieces, query_with_rows};
use crate::row::{Code, Fault, duration};

/// The period of a rollup.
pub(super) const HOUR: Duration = Duration::from_secs(HOUR_SECS as u64);
const HOUR_SECS: u32 = 3_600;
/// How long an hour must have been over before it is rolled up.
const SETTLING_TIME: Duration = Duration::from_secs(900);
/// How many monitors' hours are written in one transaction, so that nobody waits long.
const ROWS_AT_ONCE: usize = 2_000;
/// How many hours are read in one statement.
const HOURS_AT_ONCE: usize = 500;

/// A rolled-up hour of one monitor.
#[derive(FromRow)]
pub(super) struct HourRow {
    pub(super) began_at: i64,
    pub(super) up: i64,
    pub(super) degraded: i64,
    pub(super) down: i64,
    pub(super) latencies: Vec<u8>,
}

/// The whole hours of a window that have been rolled up, in order.
pub(super) fn hours_in(window: Window, rolled_up_to: Option<Timestamp>) -> Vec<Timestamp> {
    let Some(rolled_up_to) = rolled_up_to else { return Vec::new() };
    let end = window.to().min(rolled_up_to);
    let floor = hour_of(window.from());
    let first = if floor == window.from() { floor } else { floor.plus(HOUR) };
    std::iter::successors(Some(first), |hour| Some(hour.plus(HOUR))).take_while(|hour| hour.plus(HOUR) <= end).collect()
}

/// The beginning of the hour in which an instant lies.
fn hour_of(at: Timestamp) -> Timestamp {
    let micros = i64::from(HOUR_SECS) * 1_000_000;
    Timestamp::from_micros(at.as_micros().div_euclid(micros).saturating_mul(micros))
}

/// What was rolled up of these hours of a monitor; hours without checks have no row.
pub(super) async fn rolled(step: &mut SqliteConnection, log: &Log, hours: &[Timestamp]) -> Result<Vec<HourRow>, Fault> {
    let mut rows = Vec::new();
    for piece in hours.chunks(HOURS_AT_ONCE) {
        let found: Vec<HourRow> = sqlx::query_as(
            "SELECT began_at, up, degraded, down, latencies
               FROM rollups
              WHERE period_secs = ? AND monitor_key = ? AND region = ?
                AND began_at IN (SELECT value FROM json_each(?))",
        )
        .bind(HOUR_SECS)
        .bind(log.key)
        .bind(log.region.as_str())
        .bind(json(piece))
        .fetch_all(&mut *step)
        .await?;
        rows.extend(found);
    }
    Ok(rows)
}

/// One monitor's hour in the making.
#[derive(Default)]
struct Sum {
    up: i64,
    degraded: i64,
    down: i64,
    latencies: Histogram,
}

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
    let sums: Vec<((i64, String), Sum)> = sums(store, hour).await?.into_iter().collect();
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
    let end = hour.plus(HOUR);
    if end.plus(SETTLING_TIME) > now {
        return Ok(None);
    }
    // A slot of a long interval may start for hours: it keeps its hour open until it is claimed.
    let is_open: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM claims WHERE slot < ?1)
             OR EXISTS (SELECT 1 FROM schedule
                         WHERE next_due_at < ?1 AND ?2 - interval_ms * 1500 < ?1)",
    )
    .bind(end.as_micros())
    .bind(now.as_micros())
    .fetch_one(&mut *step)
    .await?;
    Ok((!is_open).then_some(hour))
}

async fn sums(store: &SqliteStore, hour: Timestamp) -> Result<HashMap<(i64, String), Sum>, Fault> {
    let mut step = store.read().await?;
    let mut sums: HashMap<(i64, String), Sum> = HashMap::new();
    let mut rows = sqlx::query_as::<_, LoggedRow>(
        "SELECT monitor_key, region, origin, verdict, latency_us FROM checks WHERE slot >= ? AND slot < ?",
    )
    .bind(hour.as_micros())
    .bind(hour.plus(HOUR).as_micros())
    .fetch(&mut *step);
    while let Some(row) = rows.try_next().await? {
        let sum = sums.entry((row.monitor_key, row.region)).or_default();
        let (verdict, scheduled) = (Verdict::of_code(row.verdict)?, i64::from(row.origin == Origin::Scheduled.code()));
        match verdict {
            Verdict::Up => sum.up += scheduled,
            Verdict::Degraded => sum.degraded += scheduled,
            Verdict::Down => sum.down += scheduled,
        }
        if verdict != Verdict::Down {
            sum.latencies.add(duration(row.latency_us));
        }
    }
    Ok(sums)
}

async fn write(store: &SqliteStore, hour: Timestamp, sums: &[((i64, String), Sum)]) -> Result<(), Fault> {
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
                .bind(sum.up)
                .bind(sum.degraded)
                .bind(sum.down)
                .bind(sum.latencies.to_bytes())
        });
        query.execute(&mut *step).await?;
    }
    Ok(step.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_hours_that_are_rolled_up_are_taken_from_rollups() {
        let at = Timestamp::from_secs;
        let window = Window::new(at(1), at(14_399)).unwrap();
        assert_eq!(hours_in(window, None), []);
        assert_eq!(hours_in(window, Some(at(3_600))), []);
        assert_eq!(hours_in(window, Some(at(7_200))), [at(3_600)]);
        assert_eq!(hours_in(window, Some(at(36_000))), [at(3_600), at(7_200)]);
    }
}
