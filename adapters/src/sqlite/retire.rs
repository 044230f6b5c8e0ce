//! Letting go of history by its age, row by row, the oldest first.

pub(crate) mod packs;
pub(crate) mod workspace;

use sqlx::SqliteConnection;
use watchkeeper_domain::port::Retired;
use watchkeeper_domain::retention::{Left, Retention};
use watchkeeper_domain::time::Timestamp;

use super::progress;
use crate::row::{Fault, bigint};

/// What is older than checks are kept whole. It is packed, and nothing reads it any more.
pub(super) const WHOLE: [&str; 3] = [
    "DELETE FROM checks
      WHERE (slot, monitor_key, region) IN (SELECT slot, monitor_key, region FROM checks
                                             WHERE slot < ? ORDER BY slot LIMIT ?)",
    "DELETE FROM evidence
      WHERE rowid IN (SELECT rowid FROM evidence WHERE slot < ? ORDER BY slot LIMIT ?)",
    "DELETE FROM hour_rollups
      WHERE (began_at, monitor_key, region) IN (SELECT began_at, monitor_key, region FROM hour_rollups
                                                 WHERE began_at < ? ORDER BY began_at LIMIT ?)",
];
pub(super) const ROLLUPS: &str = "
    DELETE FROM day_rollups
     WHERE (monitor_key, region, began_at) IN (SELECT monitor_key, region, began_at FROM day_rollups
                                                WHERE began_at < ? ORDER BY began_at LIMIT ?)";

/// Does what [`watchkeeper_domain::port::Upkeep::retire`] says.
pub(super) async fn retire(
    step: &mut SqliteConnection,
    now: Timestamp,
    retention: &Retention,
    limit: u32,
) -> Result<Retired, Fault> {
    let mut retired = Retired::default();
    let row = progress::row(step).await?;
    let Some(days_to) = row.progress().days_to else { return Ok(retired) };
    let before = row.left();
    let left = retention.left(now);
    let raw_from = left.raw_from.min(days_to).max(before.raw_from);
    retired.raw_from = Some(raw_from).filter(|from| *from > before.raw_from);
    let left = before.and(Left { raw_from, ..left });
    if left != before {
        progress::is_left(step, &left).await?;
    }
    let whole = WHOLE.map(|statement| (statement, raw_from));
    let mut room = i64::from(limit);
    for (statement, before) in whole.into_iter().chain([(ROLLUPS, left.rollups_from)]) {
        let before = before.min(raw_from).as_micros();
        let gone = sqlx::query(statement).bind(before).bind(room).execute(&mut *step).await?.rows_affected();
        retired.rows += gone;
        room = room.saturating_sub(bigint(gone)).max(0);
    }
    let gone = packs::retire(step, None, left.packed_from.min(raw_from), room).await?;
    retired.rows += gone;
    room = room.saturating_sub(bigint(gone)).max(0);
    let (rows, has_more) = workspace::retire(step, now, retention, raw_from, room).await?;
    retired.rows += rows;
    retired.has_more = has_more;
    Ok(retired)
}
