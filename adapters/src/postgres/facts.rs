//! What is known of monitors beside their log: epochs, gaps, and the next slot.

use std::collections::HashMap;

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;
use watchkeeper_domain::check::Region;
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::schedule::Epoch;
use watchkeeper_domain::time::{Timestamp, Window};
use watchkeeper_domain::uptime::Gap;

use super::instant::Instant;
use super::walk::Walk;
use crate::row::{EpochRow, Fault, GapRow};

/// What is known of one monitor in a window.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// The epochs that touch the window, the oldest first.
    pub(super) epochs: Vec<Epoch>,
    /// The gaps that touch the window and the one before them, the oldest first.
    pub(super) gaps: Vec<Gap>,
    pub(super) next_due_at: Option<Timestamp>,
}

impl Facts {
    /// A walk over the slots of a window that may hold a check.
    pub(super) fn walk(&self, window: Window) -> Walk {
        self.walk_past(window, [])
    }

    /// The same, passing over other stretches as well.
    pub(super) fn walk_past(&self, window: Window, others: impl IntoIterator<Item = (Timestamp, Timestamp)>) -> Walk {
        let gaps = self.gaps.iter().map(|gap| (gap.run.first, gap.run.last));
        Walk::new(self.epochs.clone(), gaps.chain(others), window, self.next_due_at)
    }

    /// From where on these facts are whole, if no more than so many of each kind were asked for.
    pub(super) fn whole_from(&self, window: Window, most: usize) -> Timestamp {
        let epochs = self.epochs.first().filter(|_| self.epochs.len() >= most).map(|epoch| epoch.began_at);
        let gaps = self.gaps.first().filter(|_| self.gaps.len() >= most).map(|gap| gap.run.first);
        epochs.into_iter().chain(gaps).chain([window.from()]).max().unwrap_or(window.from())
    }
}

#[derive(FromRow)]
struct KnownRow {
    monitor_id: Uuid,
    next_due_at: Option<Instant>,
}

#[derive(FromRow)]
struct EpochOfRow {
    monitor_id: Uuid,
    #[sqlx(flatten)]
    epoch: EpochRow,
}

#[derive(FromRow)]
struct GapOfRow {
    monitor_id: Uuid,
    #[sqlx(flatten)]
    gap: GapRow,
}

/// What is known of monitors in a window, at most `most` epochs and gaps of each, the newest; deleted ones are left out.
pub(super) async fn facts(
    connection: &mut PgConnection,
    monitors: &[MonitorId],
    region: &Region,
    window: Window,
    most: Option<usize>,
) -> Result<HashMap<MonitorId, Facts>, Fault> {
    let ids: Vec<Uuid> = monitors.iter().map(|monitor| monitor.uuid()).collect();
    let known: Vec<KnownRow> = sqlx::query_as(
        "SELECT m.id AS monitor_id, s.next_due_at
         FROM monitors AS m LEFT JOIN schedule AS s ON s.monitor_id = m.id AND s.region = $2
         WHERE m.id = ANY ($1) AND m.deleted_at IS NULL",
    )
    .bind(&ids)
    .bind(region.as_str())
    .fetch_all(&mut *connection)
    .await?;
    let fact = |row: KnownRow| {
        let next_due_at = row.next_due_at.map(|slot| slot.0);
        (MonitorId::new(row.monitor_id), Facts { next_due_at, ..Facts::default() })
    };
    let mut facts: HashMap<MonitorId, Facts> = known.into_iter().map(fact).collect();
    let most = most.map(|most| i64::try_from(most).unwrap_or(i64::MAX));
    for row in epochs(connection, &ids, region, window, most).await?.into_iter().rev() {
        if let Some(facts) = facts.get_mut(&MonitorId::new(row.monitor_id)) {
            facts.epochs.push(row.epoch.epoch(row.monitor_id, region));
        }
    }
    for row in gaps(connection, &ids, region, window, most).await?.into_iter().rev() {
        if let Some(facts) = facts.get_mut(&MonitorId::new(row.monitor_id)) {
            facts.gaps.push(row.gap.try_into()?);
        }
    }
    Ok(facts)
}

/// The epochs that touch a window, the newest first.
async fn epochs(
    connection: &mut PgConnection,
    monitors: &[Uuid],
    region: &Region,
    window: Window,
    most: Option<i64>,
) -> Result<Vec<EpochOfRow>, Fault> {
    let rows = sqlx::query_as(
        "SELECT w.monitor_id, unix_us(e.began_at) AS began_at, unix_us(e.ended_at) AS ended_at,
                unix_us(e.opening_slot) AS opening_slot, e.interval_ms, e.phase_ms
         FROM unnest($1::uuid[]) AS w (monitor_id)
         CROSS JOIN LATERAL (
             SELECT *
             FROM schedule_epochs
             WHERE monitor_id = w.monitor_id AND region = $2
               AND began_at < $4 AND (ended_at IS NULL OR ended_at > $3)
             ORDER BY began_at DESC
             LIMIT $5
         ) AS e
         ORDER BY e.began_at DESC",
    )
    .bind(monitors)
    .bind(region.as_str())
    .bind(Instant(window.from()))
    .bind(Instant(window.to()))
    .bind(most)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// The gaps that touch a window and the one before them, the newest first. Gaps are apart from each other, so that only
/// the last one that begins before the window can reach into it.
async fn gaps(
    connection: &mut PgConnection,
    monitors: &[Uuid],
    region: &Region,
    window: Window,
    most: Option<i64>,
) -> Result<Vec<GapOfRow>, Fault> {
    let rows = sqlx::query_as(
        "SELECT w.monitor_id, unix_us(g.first_slot) AS first_slot, unix_us(g.last_slot) AS last_slot,
                g.slot_count AS count, g.outcome
         FROM unnest($1::uuid[]) AS w (monitor_id)
         CROSS JOIN LATERAL (
             SELECT *
             FROM slot_gaps
             WHERE monitor_id = w.monitor_id AND region = $2 AND first_slot < $4
               AND first_slot >= coalesce(
                   (SELECT max(first_slot) FROM slot_gaps
                    WHERE monitor_id = w.monitor_id AND region = $2 AND first_slot < $3),
                   $3)
             ORDER BY first_slot DESC
             LIMIT $5
         ) AS g
         ORDER BY g.first_slot DESC",
    )
    .bind(monitors)
    .bind(region.as_str())
    .bind(Instant(window.from()))
    .bind(Instant(window.to()))
    .bind(most)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}
