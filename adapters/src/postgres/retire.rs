//! Letting go of history by its age: whole checks by their partitions, packed days and sums row by row, the oldest first.

mod packs;
mod workspace;

use sqlx::PgConnection;
use watchkeeper_domain::port::Retired;
use watchkeeper_domain::retention::{Left, Retention};
use watchkeeper_domain::time::Timestamp;

use super::{partition, progress};
use crate::row::{Fault, Instant, bigint};

/// The sums of days, found through their index of days.
const ROLLUPS: &str = "
    DELETE FROM day_rollups
    WHERE ctid = ANY (ARRAY (SELECT ctid
                             FROM day_rollups
                             WHERE began_at AT TIME ZONE 'UTC' < $1::timestamptz AT TIME ZONE 'UTC'
                             ORDER BY began_at AT TIME ZONE 'UTC'
                             LIMIT $2))";

/// Does what [`watchkeeper_domain::port::Upkeep::retire`] says.
pub(super) async fn retire(
    connection: &mut PgConnection,
    now: Timestamp,
    retention: &Retention,
    limit: i64,
) -> Result<Retired, Fault> {
    let mut retired = Retired::default();
    let Some(row) = progress::lock_unless_held(connection).await? else { return Ok(retired) };
    let Some(days_to) = row.progress().days_to else { return Ok(retired) };
    let before = row.left();
    let left = retention.left(now);
    let raw_from = left.raw_from.min(days_to).max(before.raw_from);
    retired.raw_from = Some(raw_from).filter(|from| *from > before.raw_from);
    let left = before.and(Left { raw_from, ..left });
    if left != before {
        progress::is_left(connection, &left).await?;
    }
    retired.rows += packs::retire(connection, None, left.packed_from.min(raw_from), limit).await?;
    let room = limit.saturating_sub(bigint(retired.rows));
    let before = Instant(left.rollups_from.min(raw_from));
    retired.rows += sqlx::query(ROLLUPS).bind(before).bind(room).execute(&mut *connection).await?.rows_affected();
    let room = limit.saturating_sub(bigint(retired.rows));
    let (rows, has_more) = workspace::retire(connection, now, retention, raw_from, room).await?;
    retired.rows += rows;
    // Last, since whoever records waits from here on until all of it is committed.
    let are_more = partition::drop_some_before(connection, raw_from).await?;
    retired.has_more = has_more || are_more;
    Ok(retired)
}
