//! Gaps: slots without a check, kept as runs.

use sqlx::{FromRow, SqliteConnection};
use watchkeeper_domain::check::Region;
use watchkeeper_domain::schedule::SlotRun;
use watchkeeper_domain::time::Timestamp;
use watchkeeper_domain::uptime::GapOutcome;

use crate::row::{Code, Fault, schedule};

#[derive(FromRow)]
struct Before {
    first_slot: i64,
    last_slot: i64,
    opening_slot: i64,
    interval_ms: i64,
    phase_ms: i64,
}

/// Records slots that have no check, extending the gap of the same outcome and epoch that they follow upon.
pub(super) async fn leave(
    step: &mut SqliteConnection,
    key: i64,
    region: &Region,
    run: SlotRun,
    outcome: GapOutcome,
) -> Result<(), Fault> {
    let count = i64::try_from(run.count).unwrap_or(i64::MAX);
    match gap_before(step, key, region, run.first, outcome).await? {
        Some(first_slot) => {
            sqlx::query(
                "UPDATE slot_gaps SET last_slot = ?, count = count + ?
                  WHERE monitor_key = ? AND region = ? AND first_slot = ?",
            )
            .bind(run.last.as_micros())
            .bind(count)
            .bind(key)
            .bind(region.as_str())
            .bind(first_slot)
            .execute(step)
            .await?;
        }
        None => {
            sqlx::query(
                "INSERT INTO slot_gaps (monitor_key, region, first_slot, last_slot, count, outcome)
                 VALUES (?, ?, ?, ?, ?, ?)",
            )
            .bind(key)
            .bind(region.as_str())
            .bind(run.first.as_micros())
            .bind(run.last.as_micros())
            .bind(count)
            .bind(outcome.code())
            .execute(step)
            .await?;
        }
    }
    Ok(())
}

/// The first slot of the gap that ends with the slot right before this one.
async fn gap_before(
    step: &mut SqliteConnection,
    key: i64,
    region: &Region,
    slot: Timestamp,
    outcome: GapOutcome,
) -> Result<Option<i64>, Fault> {
    let before: Option<Before> = sqlx::query_as(
        "WITH gap AS (
             SELECT first_slot, last_slot, outcome
               FROM slot_gaps
              WHERE monitor_key = ?1 AND region = ?2 AND first_slot < ?3
              ORDER BY first_slot DESC
              LIMIT 1
         ), epoch AS (
             SELECT opening_slot, interval_ms, phase_ms
               FROM schedule_epochs
              WHERE monitor_key = ?1 AND region = ?2 AND began_at <= ?3 AND opening_slot <= ?3
              ORDER BY began_at DESC
              LIMIT 1
         )
         SELECT first_slot, last_slot, opening_slot, interval_ms, phase_ms
           FROM gap, epoch
          WHERE outcome = ?4 AND last_slot >= opening_slot",
    )
    .bind(key)
    .bind(region.as_str())
    .bind(slot.as_micros())
    .bind(outcome.code())
    .fetch_optional(step)
    .await?;
    Ok(before
        .filter(|gap| gap.last_slot >= gap.opening_slot)
        .filter(|gap| schedule(gap.interval_ms, gap.phase_ms).after(Timestamp::from_micros(gap.last_slot)) == slot)
        .map(|gap| gap.first_slot))
}
