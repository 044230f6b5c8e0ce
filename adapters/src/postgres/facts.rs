//! What is known of monitors beside their log: epochs, gaps, spans, and the next slot. Each statement serves many
//! monitors.
//!
//! Epochs, gaps and spans each lie one after the other, so that only the last one that begins by a window's beginning can
//! reach into it: all that is read begins there, or with the oldest of the newest so many.

use std::collections::HashMap;

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;
use watchkeeper_domain::check::Region;
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::time::{Timestamp, Window};
use watchkeeper_domain::uptime::StatusSpan;

use super::instant::Instant;
use crate::log::Facts;
use crate::row::{EpochRow, Fault, GapRow, SpanRow, next_slot, schedule};

#[derive(FromRow)]
struct KnownRow {
    monitor_id: Uuid,
    next_due_at: Option<Instant>,
    interval_ms: Option<i64>,
    phase_ms: Option<i64>,
    claimed_to: Option<Instant>,
}

impl KnownRow {
    fn next_slot(&self) -> Option<Timestamp> {
        let schedule = schedule(self.interval_ms?, self.phase_ms?);
        Some(next_slot(schedule, self.next_due_at?.0, self.claimed_to.map(|at| at.0)))
    }
}

/// A row of a monitor.
#[derive(FromRow)]
pub(super) struct Of<T> {
    pub(super) monitor_id: Uuid,
    #[sqlx(flatten)]
    pub(super) row: T,
}

/// Monitors and their windows as arrays.
struct Asked {
    monitors: Vec<Uuid>,
    begins: Vec<Instant>,
    ends: Vec<Instant>,
    most: i64,
}

impl Asked {
    fn new(asked: &[(MonitorId, Window)], most: usize) -> Self {
        Self {
            monitors: asked.iter().map(|(monitor, _)| monitor.uuid()).collect(),
            begins: asked.iter().map(|(_, window)| Instant(window.from())).collect(),
            ends: asked.iter().map(|(_, window)| Instant(window.to())).collect(),
            most: i64::try_from(most).unwrap_or(i64::MAX),
        }
    }
}

/// What is known of each monitor in its window, at most `most` epochs and gaps of each, the newest; deleted ones are left
/// out.
pub(super) async fn facts(
    connection: &mut PgConnection,
    asked: &[(MonitorId, Window)],
    region: &Region,
    most: usize,
) -> Result<HashMap<MonitorId, Facts>, Fault> {
    let asked = Asked::new(asked, most);
    let known: Vec<KnownRow> = sqlx::query_as(
        "SELECT m.id AS monitor_id, s.next_due_at, s.interval_ms, s.phase_ms, c.claimed_to
         FROM monitors AS m
         LEFT JOIN schedule AS s ON s.monitor_id = m.id AND s.region = $2
         LEFT JOIN cohorts AS c ON c.id = s.cohort_id
         WHERE m.id = ANY ($1) AND m.deleted_at IS NULL",
    )
    .bind(&asked.monitors)
    .bind(region.as_str())
    .fetch_all(&mut *connection)
    .await?;
    let fact = |row: KnownRow| {
        let next_due_at = row.next_slot();
        (MonitorId::new(row.monitor_id), Facts { next_due_at, ..Facts::default() })
    };
    let mut facts: HashMap<MonitorId, Facts> = known.into_iter().map(fact).collect();
    for row in epochs(connection, &asked, region).await? {
        if let Some(facts) = facts.get_mut(&MonitorId::new(row.monitor_id)) {
            facts.epochs.push(row.row.epoch(row.monitor_id, region));
        }
    }
    for row in gaps(connection, &asked, region).await? {
        if let Some(facts) = facts.get_mut(&MonitorId::new(row.monitor_id)) {
            facts.gaps.push(row.row.try_into()?);
        }
    }
    Ok(facts)
}

/// The newest epochs that touch each window, the oldest first.
async fn epochs(connection: &mut PgConnection, asked: &Asked, region: &Region) -> Result<Vec<Of<EpochRow>>, Fault> {
    let rows = sqlx::query_as(
        "SELECT w.monitor_id, unix_us(e.began_at) AS began_at, unix_us(e.ended_at) AS ended_at,
                unix_us(e.opening_slot) AS opening_slot, e.interval_ms, e.phase_ms
         FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) AS w (monitor_id, begins, ends)
         CROSS JOIN LATERAL (
             SELECT *
             FROM schedule_epochs
             WHERE monitor_id = w.monitor_id AND region = $4 AND began_at < w.ends
               AND (ended_at IS NULL OR ended_at > w.begins)
               AND began_at >= coalesce(
                   (SELECT max(began_at) FROM schedule_epochs
                    WHERE monitor_id = w.monitor_id AND region = $4 AND began_at <= w.begins),
                   w.begins)
             ORDER BY began_at DESC
             LIMIT $5
         ) AS e
         ORDER BY e.began_at",
    )
    .bind(&asked.monitors)
    .bind(&asked.begins)
    .bind(&asked.ends)
    .bind(region.as_str())
    .bind(asked.most)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// The newest gaps that touch each window, or the one before it, the oldest first.
async fn gaps(connection: &mut PgConnection, asked: &Asked, region: &Region) -> Result<Vec<Of<GapRow>>, Fault> {
    let rows = sqlx::query_as(
        "SELECT w.monitor_id, unix_us(g.first_slot) AS first_slot, unix_us(g.last_slot) AS last_slot,
                g.slot_count AS count, g.outcome
         FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) AS w (monitor_id, begins, ends)
         CROSS JOIN LATERAL (
             SELECT *
             FROM slot_gaps
             WHERE monitor_id = w.monitor_id AND region = $4 AND first_slot < w.ends
               AND first_slot >= coalesce(
                   (SELECT max(first_slot) FROM slot_gaps
                    WHERE monitor_id = w.monitor_id AND region = $4 AND first_slot <= w.begins),
                   w.begins)
             ORDER BY first_slot DESC
             LIMIT $5
         ) AS g
         ORDER BY g.first_slot",
    )
    .bind(&asked.monitors)
    .bind(&asked.begins)
    .bind(&asked.ends)
    .bind(region.as_str())
    .bind(asked.most)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// The newest spans that touch each window, the oldest first.
pub(super) async fn spans(
    connection: &mut PgConnection,
    asked: &[(MonitorId, Window)],
    most: usize,
) -> Result<HashMap<MonitorId, Vec<StatusSpan>>, Fault> {
    let asked = Asked::new(asked, most);
    let rows: Vec<Of<SpanRow>> = sqlx::query_as(
        "SELECT w.monitor_id, s.status, unix_us(s.began_at) AS began_at, unix_us(s.ended_at) AS ended_at
         FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) AS w (monitor_id, begins, ends)
         CROSS JOIN LATERAL (
             SELECT *
             FROM status_spans
             WHERE monitor_id = w.monitor_id AND began_at < w.ends AND (ended_at IS NULL OR ended_at > w.begins)
               AND began_at >= coalesce(
                   (SELECT max(began_at) FROM status_spans
                    WHERE monitor_id = w.monitor_id AND began_at <= w.begins),
                   w.begins)
             ORDER BY began_at DESC
             LIMIT $4
         ) AS s
         ORDER BY s.began_at",
    )
    .bind(asked.monitors)
    .bind(asked.begins)
    .bind(asked.ends)
    .bind(asked.most)
    .fetch_all(connection)
    .await?;
    let mut spans: HashMap<MonitorId, Vec<StatusSpan>> = HashMap::new();
    for row in rows {
        spans.entry(MonitorId::new(row.monitor_id)).or_default().push(row.row.try_into()?);
    }
    Ok(spans)
}
