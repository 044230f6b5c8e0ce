//! Letting go of packed checks: a pack goes where all of it is too old, and loses what is too old where it is not.

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;
use watchkeeper_domain::time::Timestamp;

use crate::row::{Fault, Instant, JOINED_BYTES, PackRow, bigint};

/// Packs that began before an instant, the oldest first. One of a single day, which goes with it, is answered as an empty one:
/// it need not be read.
const OF_ALL: &str = "
    SELECT monitor_id, region, began_at,
           CASE WHEN octet_length(packed_latencies) <= $3 THEN runs::text ELSE '[]' END AS runs,
           CASE WHEN octet_length(packed_latencies) <= $3 THEN packed_latencies ELSE '' END AS packed_latencies
    FROM packed_checks
    WHERE began_at AT TIME ZONE 'UTC' < $1::timestamptz AT TIME ZONE 'UTC'
    ORDER BY began_at AT TIME ZONE 'UTC'
    LIMIT $2";

/// The same of one monitor, in no order.
const OF_ONE: &str = "
    SELECT monitor_id, region, began_at,
           CASE WHEN octet_length(packed_latencies) <= $3 THEN runs::text ELSE '[]' END AS runs,
           CASE WHEN octet_length(packed_latencies) <= $3 THEN packed_latencies ELSE '' END AS packed_latencies
    FROM packed_checks
    WHERE monitor_id = $4 AND began_at < $1
    LIMIT $2";

#[derive(FromRow)]
struct Old {
    monitor_id: Uuid,
    region: String,
    #[sqlx(flatten)]
    row: PackRow,
}

/// Lets go of the packed checks of before an instant, a midnight, of one monitor or of all: at most `limit` packs, and answers
/// how many lost something.
pub(super) async fn retire(
    connection: &mut PgConnection,
    monitor: Option<Uuid>,
    before: Timestamp,
    limit: i64,
) -> Result<u64, Fault> {
    let query = sqlx::query_as(if monitor.is_some() { OF_ONE } else { OF_ALL });
    let mut query = query.bind(Instant(before)).bind(limit).bind(bigint(JOINED_BYTES));
    if let Some(monitor) = monitor {
        query = query.bind(monitor);
    }
    let old: Vec<Old> = query.fetch_all(&mut *connection).await?;
    if old.is_empty() {
        return Ok(0);
    }
    let (mut monitors, mut regions, mut began, mut left) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for Old { monitor_id, region, row } in old {
        monitors.push(monitor_id);
        regions.push(region);
        began.push(row.began_at);
        left.push(row.since(before)?);
    }
    let (runs, latencies): (Vec<Option<String>>, Vec<Option<Vec<u8>>>) =
        left.into_iter().map(|rest| rest.map(|rest| (rest.runs, rest.packed_latencies)).unzip()).unzip();
    let gone_or_shorter = sqlx::query(
        "WITH old AS (
             SELECT p.ctid AS place, w.runs, w.packed_latencies
             FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::bytea[])
                  AS w (monitor_id, region, began_at, runs, packed_latencies)
             CROSS JOIN LATERAL (
                 SELECT ctid
                 FROM packed_checks
                 WHERE monitor_id = w.monitor_id AND region = w.region AND began_at = w.began_at
                 LIMIT 1
             ) AS p
         ),
         gone AS (
             DELETE FROM packed_checks WHERE ctid = ANY (ARRAY (SELECT place FROM old WHERE runs IS NULL))
         )
         UPDATE packed_checks AS p
         SET began_at = $6, runs = old.runs::json, packed_latencies = old.packed_latencies
         FROM old
         WHERE p.ctid = old.place AND old.runs IS NOT NULL",
    );
    gone_or_shorter
        .bind(&monitors)
        .bind(&regions)
        .bind(&began)
        .bind(runs)
        .bind(latencies)
        .bind(Instant(before))
        .execute(connection)
        .await?;
    Ok(monitors.len() as u64)
}
