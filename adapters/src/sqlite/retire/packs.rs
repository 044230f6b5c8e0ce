//! Letting go of packed checks: a pack goes where all of it is too old, and loses what is too old where it is not.

use sqlx::{FromRow, SqliteConnection};
use watchkeeper_domain::time::Timestamp;

use crate::row::{Fault, JOINED_BYTES, PackRow, Unreadable, bigint};
use crate::sqlite::values::numbers;

/// Packs that began before an instant, the oldest first. One of a single day, which goes with it, is answered as an empty one:
/// it need not be read.
pub(crate) const OF_ALL: &str = "
    SELECT rowid AS number, began_at, iif(length(packed_latencies) <= ?3, runs, '[]') AS runs,
           iif(length(packed_latencies) <= ?3, packed_latencies, x'') AS packed_latencies
      FROM packed_checks
     WHERE began_at < ?1
     ORDER BY began_at
     LIMIT ?2";

/// The same of one monitor, in no order.
pub(crate) const OF_ONE: &str = "
    SELECT rowid AS number, began_at, iif(length(packed_latencies) <= ?3, runs, '[]') AS runs,
           iif(length(packed_latencies) <= ?3, packed_latencies, x'') AS packed_latencies
      FROM packed_checks
     WHERE monitor_key = ?4 AND began_at < ?1
     LIMIT ?2";

#[derive(FromRow)]
struct Old {
    number: i64,
    #[sqlx(flatten)]
    row: PackRow,
}

/// Lets go of the packed checks of before an instant, a midnight, of one monitor or of all: at most `limit` packs, and answers
/// how many lost something.
pub(super) async fn retire(
    step: &mut SqliteConnection,
    monitor: Option<i64>,
    before: Timestamp,
    limit: i64,
) -> Result<u64, Fault> {
    let query = sqlx::query_as(if monitor.is_some() { OF_ONE } else { OF_ALL });
    let query = query.bind(before.as_micros()).bind(limit).bind(bigint(JOINED_BYTES)).bind(monitor);
    let old: Vec<Old> = query.fetch_all(&mut *step).await?;
    let count = old.len() as u64;
    let left = old.into_iter().map(|Old { number, row }| Ok((number, row.since(before)?)));
    let left: Vec<(i64, Option<PackRow>)> = left.collect::<Result<_, Unreadable>>()?;
    let gone: Vec<i64> = left.iter().filter(|(_, rest)| rest.is_none()).map(|(number, _)| *number).collect();
    if !gone.is_empty() {
        sqlx::query("DELETE FROM packed_checks WHERE rowid IN (SELECT value FROM json_each(?))")
            .bind(numbers(gone))
            .execute(&mut *step)
            .await?;
    }
    for (number, rest) in left {
        let Some(PackRow { began_at, runs, packed_latencies }) = rest else { continue };
        sqlx::query("UPDATE packed_checks SET began_at = ?, runs = ?, packed_latencies = ? WHERE rowid = ?")
            .bind(began_at)
            .bind(runs)
            .bind(packed_latencies)
            .bind(number)
            .execute(&mut *step)
            .await?;
    }
    Ok(count)
}
