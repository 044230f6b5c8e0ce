//! Status spans.

use sqlx::PgConnection;
use uuid::Uuid;
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::status::Status;
use watchkeeper_domain::time::Timestamp;

use crate::row::{Code, Fault, Instant};

/// The beginning of a span.
pub(super) struct NewSpan {
    pub(super) monitor: MonitorId,
    pub(super) status: Status,
    pub(super) from: Timestamp,
}

/// Ends the spans that last and begins others, at most one for each monitor, whose state is locked and is written with them: the
/// newest span of a monitor is what its state says, since when. Spans never run backwards and are never empty.
pub(super) async fn begin_spans(connection: &mut PgConnection, spans: &[NewSpan]) -> Result<(), Fault> {
    if spans.is_empty() {
        return Ok(());
    }
    let monitors: Vec<Uuid> = spans.iter().map(|span| span.monitor.uuid()).collect();
    let from: Vec<Instant> = spans.iter().map(|span| Instant(span.from)).collect();
    sqlx::query(
        "DELETE FROM status_spans AS s
         USING unnest($1::uuid[], $2::timestamptz[]) AS w (monitor_id, began_at)
         WHERE s.monitor_id = w.monitor_id AND s.began_at >= w.began_at",
    )
    .bind(&monitors)
    .bind(&from)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "UPDATE status_spans AS s
         SET ended_at = last.ended_at
         FROM (
             SELECT w.monitor_id, w.began_at AS ended_at,
                    (SELECT max(began_at) FROM status_spans WHERE monitor_id = w.monitor_id) AS began_at
             FROM unnest($1::uuid[], $2::timestamptz[]) AS w (monitor_id, began_at)
         ) AS last
         WHERE s.monitor_id = last.monitor_id AND s.began_at = last.began_at",
    )
    .bind(&monitors)
    .bind(&from)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO status_spans (monitor_id, began_at, status)
         SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::smallint[])",
    )
    .bind(&monitors)
    .bind(&from)
    .bind(spans.iter().map(|span| span.status.code()).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}
