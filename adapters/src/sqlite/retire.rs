//! Letting go of history by its age, row by row, the oldest first.

use sqlx::SqliteConnection;
use watchkeeper_domain::port::Retired;
use watchkeeper_domain::retention::Retention;
use watchkeeper_domain::time::Timestamp;

use super::progress;
use crate::row::Fault;

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
pub(super) const PACKED: &str = "
    DELETE FROM packed_checks
     WHERE rowid IN (SELECT rowid FROM packed_checks WHERE began_at < ? ORDER BY began_at LIMIT ?)";
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
    let progress = progress::read(step).await?;
    let Some(days_to) = progress.days_to else { return Ok(retired) };
    let before = progress.raw_from.unwrap_or(Timestamp::from_micros(i64::MIN));
    let raw_from = retention.raw_from(now).min(days_to).max(before);
    if raw_from > before {
        progress::checks_are_whole_from(step, raw_from).await?;
        retired.raw_from = Some(raw_from);
    }
    let whole = WHOLE.map(|statement| (statement, raw_from));
    let packed = [(PACKED, retention.packed_from(now)), (ROLLUPS, retention.rollups_from(now))];
    for (statement, before) in whole.into_iter().chain(packed) {
        let room = i64::from(limit) - i64::try_from(retired.rows).unwrap_or(i64::MAX);
        let before = before.min(raw_from).as_micros();
        retired.rows +=
            sqlx::query(statement).bind(before).bind(room.max(0)).execute(&mut *step).await?.rows_affected();
    }
    retired.has_more = retired.rows >= u64::from(limit);
    Ok(retired)
}
