//! Rollups: closed hours, derived from the log, so that long windows are read quickly.

use futures_util::TryStreamExt;
use sqlx::FromRow;
use uuid::Uuid;
use watchkeeper_domain::check::Region;
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::rollup::{HOUR, Tally, has_settled, hour_of};
use watchkeeper_domain::time::Timestamp;

use super::values::{pieces, query_with_rows};
use super::{SqliteStore, progress};
use crate::log::closing::{Stretch, Stretches};
use crate::row::{CheckRow, Fault, PackRow, Unreadable, bigint};

#[derive(FromRow)]
struct LoggedRow {
    monitor_key: i64,
    region: String,
    #[sqlx(flatten)]
    check: CheckRow,
}

/// Rolls up the oldest hour that is due for it, with a few monitors in memory at a time. It is written in pieces and counts
/// when the last one is in: the watermark moves then, and doing a piece again writes the same.
pub(super) async fn roll_up(store: &SqliteStore, now: Timestamp) -> Result<Option<Timestamp>, Fault> {
    let Some(hour) = due_hour(store, now).await? else { return Ok(None) };
    let mut step = store.read().await?;
    let mut rows = sqlx::query_as::<_, LoggedRow>(CLOSED)
        .bind(hour.as_micros())
        .bind(hour.plus(HOUR).as_micros())
        .fetch(&mut *step);
    let mut hours: Stretches<i64, Tally> = Stretches::default();
    while let Some(LoggedRow { monitor_key, region, check }) = rows.try_next().await? {
        if let Some(whole) = hours.enough(&monitor_key, &region) {
            write(store, hour, &whole).await?;
        }
        let region = Region::parse(&region).map_err(|_| Unreadable::new("Region", &region))?;
        // Whose it is the key says.
        hours.add(monitor_key, &check.check(MonitorId::new(Uuid::nil()), &region)?);
    }
    write(store, hour, &hours.rest()).await?;
    let mut step = store.write().await?;
    progress::hours_are_rolled_up_to(&mut step, hour.plus(HOUR)).await?;
    step.commit().await?;
    Ok(Some(hour))
}

/// The checks of an hour, monitor by monitor.
const CLOSED: &str = "
    SELECT monitor_key, region, slot, origin, slot + late_us AS checked_at, verdict, reason_kind, reason_detail, latency_us,
           NULL AS dns_us, NULL AS connect_us, NULL AS tls_us, NULL AS first_byte_us, NULL AS transfer_us, http_status,
           NULL AS evidence
      FROM checks
     WHERE slot >= ? AND slot < ?
     ORDER BY monitor_key, region, slot";

/// The oldest hour that is not rolled up, where nothing can be added to it any more.
async fn due_hour(store: &SqliteStore, now: Timestamp) -> Result<Option<Timestamp>, Fault> {
    let mut step = store.read().await?;
    let hour = match progress::read(&mut step).await?.hours_to {
        Some(at) => at,
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
    // its hour open until it is claimed. A cohort's next slot may be that of a short interval, and another one of its members be
    // due later and at any time up to the end.
    let is_open: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM claims WHERE slot < ?1)
             OR EXISTS (SELECT 1 FROM leases WHERE first_slot < ?1)
             OR EXISTS (SELECT 1 FROM schedule
                         WHERE cohort_id IS NULL AND next_due_at < ?1 AND next_due_at + interval_ms * 1500 > ?2)
             OR EXISTS (SELECT 1 FROM cohorts
                         WHERE next_due_at < ?1 AND ?1 + longest_interval_ms * 1500 > ?2)",
    )
    .bind(hour.plus(HOUR).as_micros())
    .bind(now.as_micros())
    .fetch_one(&mut *step)
    .await?;
    Ok((!is_open).then_some(hour))
}

/// A number of checks, for its column.
fn count(checks: u64) -> i64 {
    bigint(checks)
}

async fn write(store: &SqliteStore, hour: Timestamp, hours: &[Stretch<i64, Tally>]) -> Result<(), Fault> {
    let packs: Vec<(&Stretch<i64, Tally>, PackRow)> = hours
        .iter()
        .map(|stretch| Ok((stretch, PackRow::of(hour, &stretch.pack)?)))
        .collect::<Result<_, Unreadable>>()?;
    let mut step = store.write().await?;
    for piece in pieces(&packs) {
        let statement = "INSERT OR REPLACE INTO hour_rollups
                (began_at, monitor_key, region, up, degraded, down, latencies, runs, packed_latencies) {rows}";
        let query = piece.iter().fold(query_with_rows(statement, 9, piece.len()), |query, (of, pack)| {
            query
                .bind(hour.as_micros())
                .bind(of.monitor)
                .bind(of.region.as_str())
                .bind(count(of.sums.up))
                .bind(count(of.sums.degraded))
                .bind(count(of.sums.down))
                .bind(of.sums.latencies.to_bytes())
                .bind(pack.runs.as_str())
                .bind(pack.packed_latencies.as_slice())
        });
        query.execute(&mut *step).await?;
    }
    Ok(step.commit().await?)
}
