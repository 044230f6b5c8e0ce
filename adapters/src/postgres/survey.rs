//! Surveying the log of one monitor over a long window: whole hours that are rolled up are read from there, everything
//! else by look-ups in bounded chunks.

use std::time::Duration;

use sqlx::{FromRow, PgConnection};
use watchkeeper_domain::check::Region;
use watchkeeper_domain::histogram::Histogram;
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::time::{Timestamp, Window};

use super::facts::Facts;
use super::instant::Instant;
use super::log::{Figure, figures_in};
use super::rollup::{HOUR, HOURLY, hour_of, rolled_to};
use crate::row::{Fault, Unreadable};

/// How many slots are looked up at once.
const CHUNK: usize = 2_000;

/// An hour of a monitor, rolled up.
pub(super) struct Hour {
    pub(super) began_at: Timestamp,
    pub(super) up: u64,
    pub(super) degraded: u64,
    pub(super) down: u64,
    pub(super) latencies: Histogram,
}

/// What a survey finds.
pub(super) enum Finding {
    Hour(Hour),
    Check(Figure),
}

/// Shows everything that the log holds of a monitor in a window, each check once: whole hours that may be taken rolled
/// up, and the other checks one by one, in no order.
pub(super) async fn survey(
    connection: &mut PgConnection,
    (monitor, region): (MonitorId, &Region),
    facts: &Facts,
    window: Window,
    may_take: impl Fn(Window) -> bool,
    mut see: impl FnMut(Finding),
) -> Result<(), Fault> {
    let rolled_to = rolled_to(connection).await?;
    let hours: Vec<Window> = rolled_to.map_or_else(Vec::new, |rolled_to| whole_hours(window, rolled_to));
    let hours: Vec<Window> = hours.into_iter().filter(|hour| may_take(*hour)).collect();
    for hour in read_hours(connection, monitor, region, &hours).await? {
        see(Finding::Hour(hour));
    }
    let taken = |slot: Timestamp| {
        let next = hours.partition_point(|hour| hour.from() <= slot);
        next.checked_sub(1).is_some_and(|position| hours[position].contains(slot))
    };
    let last = |hour: &Window| hour.to().minus(Duration::from_micros(1));
    let mut walk = facts.walk_past(window, hours.iter().map(|hour| (hour.from(), last(hour))));
    loop {
        let stretch = walk.next(CHUNK);
        for figure in figures_in(connection, monitor, region, &stretch).await? {
            if !taken(figure.slot()) {
                see(Finding::Check(figure));
            }
        }
        if stretch.is_last {
            return Ok(());
        }
    }
}

/// The whole hours of a window before an instant, the oldest first.
fn whole_hours(window: Window, end: Timestamp) -> Vec<Window> {
    let first = hour_of(window.from().plus(HOUR).minus(Duration::from_micros(1)));
    let next = |hour: &Window| Window::new(hour.to(), hour.to().plus(HOUR));
    let hours = std::iter::successors(Window::new(first, first.plus(HOUR)), next);
    hours.take_while(|hour| hour.to() <= window.to().min(end) && !hour.is_empty()).collect()
}

#[derive(FromRow)]
struct HourRow {
    began_at: Instant,
    up: i64,
    degraded: i64,
    down: i64,
    latencies: Vec<u8>,
}

async fn read_hours(
    connection: &mut PgConnection,
    monitor: MonitorId,
    region: &Region,
    hours: &[Window],
) -> Result<Vec<Hour>, Fault> {
    if hours.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<HourRow> = sqlx::query_as(
        "SELECT r.began_at, r.up, r.degraded, r.down, r.latencies
         FROM unnest($1::timestamptz[]) AS w (began_at)
         CROSS JOIN LATERAL (
             SELECT *
             FROM rollups
             WHERE period = $2 AND began_at = w.began_at AND monitor_id = $3 AND region = $4
             LIMIT 1
         ) AS r",
    )
    .bind(hours.iter().map(|hour| Instant(hour.from())).collect::<Vec<_>>())
    .bind(HOURLY)
    .bind(monitor.uuid())
    .bind(region.as_str())
    .fetch_all(connection)
    .await?;
    let count = |count: i64| u64::try_from(count).unwrap_or(0);
    let hour = |row: HourRow| {
        let latencies = Histogram::from_bytes(&row.latencies);
        let latencies = latencies.ok_or_else(|| Unreadable::new("Histogram", "a stored rollup"))?;
        let (up, degraded, down) = (count(row.up), count(row.degraded), count(row.down));
        Ok(Hour { began_at: row.began_at.0, up, degraded, down, latencies })
    };
    rows.into_iter().map(hour).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hours_that_are_whole_and_rolled_up_are_taken() {
        let at = |hour: i64, minute: i64| Timestamp::from_secs(hour * 3600 + minute * 60);
        let window = Window::new(at(1, 30), at(5, 30)).unwrap();
        let hours = whole_hours(window, at(4, 0));
        assert_eq!(hours.iter().map(Window::from).collect::<Vec<_>>(), [at(2, 0), at(3, 0)]);
        let exact = Window::new(at(1, 0), at(2, 0)).unwrap();
        assert_eq!(whole_hours(exact, at(9, 0)), [exact]);
    }
}
