//! Gaps: slots without a check, kept as runs.

use sqlx::{FromRow, SqliteConnection};
use watchkeeper_domain::check::Region;
use watchkeeper_domain::schedule::SlotRun;
use watchkeeper_domain::time::Timestamp;
use watchkeeper_domain::uptime::{Gap, GapOutcome};

use crate::row::{Code, Fault, GapRow, bigint, schedule};

/// The grid that a new gap lies on.
#[derive(FromRow)]
struct GridRow {
    opening_slot: i64,
    interval_ms: i64,
    phase_ms: i64,
}

/// Records slots that have no check, extending the gap that they follow upon.
pub(super) async fn leave(
    step: &mut SqliteConnection,
    key: i64,
    region: &Region,
    run: SlotRun,
    outcome: GapOutcome,
) -> Result<(), Fault> {
    let mut gap = Gap { run, outcome };
    if let Some(grid) = grid_of(step, key, region, run.first).await? {
        let (opening_slot, grid) =
            (Timestamp::from_micros(grid.opening_slot), schedule(grid.interval_ms, grid.phase_ms));
        gap = gap.joined_to(gap_before(step, key, region, run.first).await?, opening_slot, grid);
    }
    sqlx::query(
        "INSERT INTO slot_gaps (monitor_key, region, first_slot, last_slot, count, outcome)
         VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT (monitor_key, region, first_slot)
             DO UPDATE SET last_slot = excluded.last_slot, count = excluded.count",
    )
    .bind(key)
    .bind(region.as_str())
    .bind(gap.run.first.as_micros())
    .bind(gap.run.last.as_micros())
    .bind(bigint(gap.run.count))
    .bind(gap.outcome.code())
    .execute(step)
    .await?;
    Ok(())
}

/// The grid of the epoch that a slot belongs to.
async fn grid_of(
    step: &mut SqliteConnection,
    key: i64,
    region: &Region,
    slot: Timestamp,
) -> Result<Option<GridRow>, Fault> {
    let query = sqlx::query_as(
        "SELECT opening_slot, interval_ms, phase_ms
           FROM schedule_epochs
          WHERE monitor_key = ?1 AND region = ?2 AND began_at <= ?3 AND opening_slot <= ?3
          ORDER BY began_at DESC
          LIMIT 1",
    );
    Ok(query.bind(key).bind(region.as_str()).bind(slot.as_micros()).fetch_optional(step).await?)
}

/// The newest gap that begins before a slot.
async fn gap_before(
    step: &mut SqliteConnection,
    key: i64,
    region: &Region,
    slot: Timestamp,
) -> Result<Option<Gap>, Fault> {
    let row: Option<GapRow> = sqlx::query_as(
        "SELECT first_slot, last_slot, count, outcome
           FROM slot_gaps
          WHERE monitor_key = ? AND region = ? AND first_slot < ?
          ORDER BY first_slot DESC
          LIMIT 1",
    )
    .bind(key)
    .bind(region.as_str())
    .bind(slot.as_micros())
    .fetch_optional(step)
    .await?;
    Ok(row.map(Gap::try_from).transpose()?)
}
