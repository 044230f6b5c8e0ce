//! What is known of monitors beside their log, in one statement for many monitors.
//!
//! Epochs, gaps and spans each lie one after the other, so that only the last one that begins by a window's beginning can
//! reach into it: all that is read begins there, or with the oldest of the newest so many. Epochs are so few that looking for
//! that last one would cost more than it saves.

use std::collections::HashMap;

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;
use watchkeeper_domain::check::{Origin, Region};
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::time::Window;
use watchkeeper_domain::uptime::TimeFacts;

use crate::log::Depth;
use crate::row::{self, Code, FactRow, Fault, Instant, bigint};

/// A row of a monitor.
#[derive(FromRow)]
pub(super) struct Of<T> {
    pub(super) monitor_id: Uuid,
    #[sqlx(flatten)]
    pub(super) row: T,
}

/// The rows of [`FactRow`]. Where the present status began by a window's beginning, no other reaches into it, and its span need
/// not be looked for. Leases are taken apart once, and not anew for each monitor that is asked for.
const FACTS: &str = "
    WITH asked AS MATERIALIZED (
        SELECT m.id, w.begins, w.ends, st.held, st.since, s.next_due_at, s.interval_ms, s.phase_ms, s.cohort_id, c.claimed_to
        FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) AS w (id, begins, ends)
        JOIN monitors AS m ON m.id = w.id AND m.deleted_at IS NULL
        JOIN monitor_states AS st ON st.monitor_id = m.id
        LEFT JOIN schedule AS s ON s.monitor_id = m.id AND s.region = $4
        LEFT JOIN cohorts AS c ON c.id = s.cohort_id
    ), held AS MATERIALIZED (
        SELECT u.id, u.slot, l.lease_until, l.cohort_id
        FROM leases AS l
        CROSS JOIN LATERAL unnest(l.monitor_ids, l.slots) AS u (id, slot)
        WHERE $7 AND l.cohort_id = ANY (ARRAY(SELECT cohort_id FROM asked))
    )
    SELECT id AS of, 0 AS kind, next_due_at AS at, claimed_to AS until, NULL::timestamptz AS slot,
           interval_ms, phase_ms, NULL::smallint AS code, NULL::bigint AS count
    FROM asked
    UNION ALL
    SELECT w.id, 1, e.began_at, e.ended_at, e.opening_slot, e.interval_ms, e.phase_ms, NULL, NULL
    FROM asked AS w
    CROSS JOIN LATERAL (
        SELECT *
        FROM schedule_epochs
        WHERE monitor_id = w.id AND region = $4 AND began_at < w.ends
        ORDER BY began_at DESC
        LIMIT $5
    ) AS e
    WHERE e.ended_at IS NULL OR e.ended_at > w.begins
    UNION ALL
    SELECT w.id, 2, g.first_slot, g.last_slot, NULL, NULL, NULL, g.outcome, g.slot_count
    FROM asked AS w
    CROSS JOIN LATERAL (
        SELECT *
        FROM slot_gaps
        WHERE monitor_id = w.id AND region = $4 AND first_slot < w.ends
          AND first_slot >= coalesce(
              (SELECT max(first_slot) FROM slot_gaps
               WHERE monitor_id = w.id AND region = $4 AND first_slot <= w.begins),
              w.begins)
        ORDER BY first_slot DESC
        LIMIT $5
    ) AS g
    UNION ALL
    SELECT id, 3, since, NULL, NULL, NULL, NULL, held, NULL
    FROM asked
    WHERE $6 AND since <= begins AND since < ends
    UNION ALL
    SELECT w.id, 3, s.began_at, s.ended_at, NULL, NULL, NULL, s.status, NULL
    FROM asked AS w
    CROSS JOIN LATERAL (
        SELECT *
        FROM status_spans
        WHERE monitor_id = w.id AND began_at < w.ends AND (ended_at IS NULL OR ended_at > w.begins)
          AND began_at >= coalesce(
              (SELECT max(began_at) FROM status_spans WHERE monitor_id = w.id AND began_at <= w.begins),
              w.begins)
        ORDER BY began_at DESC
        LIMIT $5
    ) AS s
    WHERE $6 AND w.since > w.begins
    UNION ALL
    SELECT w.id, 4, c.slot, c.start_before, c.free_at, NULL, NULL, NULL, NULL
    FROM asked AS w
    JOIN claims AS c ON c.monitor_id = w.id AND c.region = $4 AND c.origin = $8
    WHERE $7
    UNION ALL
    SELECT w.id, 4, h.slot, h.slot + w.interval_ms * interval '1 millisecond', h.lease_until, NULL, NULL, NULL, NULL
    FROM held AS h
    JOIN asked AS w ON w.id = h.id AND w.cohort_id = h.cohort_id";

/// What is known of each monitor in its window; deleted ones are left out.
pub(super) async fn facts(
    connection: &mut PgConnection,
    asked: &[(MonitorId, Window)],
    region: &Region,
    most: usize,
    depth: Depth,
) -> Result<HashMap<MonitorId, TimeFacts>, Fault> {
    let rows: Vec<FactRow> = sqlx::query_as(FACTS)
        .bind(asked.iter().map(|(monitor, _)| monitor.uuid()).collect::<Vec<_>>())
        .bind(asked.iter().map(|(_, window)| Instant(window.from())).collect::<Vec<_>>())
        .bind(asked.iter().map(|(_, window)| Instant(window.to())).collect::<Vec<_>>())
        .bind(region.as_str())
        .bind(bigint(most))
        .bind(depth >= Depth::Time)
        .bind(depth >= Depth::Account)
        .bind(Origin::Scheduled.code())
        .fetch_all(connection)
        .await?;
    Ok(row::facts(rows, region)?)
}
