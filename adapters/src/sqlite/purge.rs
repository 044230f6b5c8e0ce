//! Purging: what belongs to deleted monitors goes piece by piece, without searching the log for it.
//!
//! A deleted monitor's epochs say where its checks lie. The newest epoch is walked backwards; how far the walk has come is
//! where the epoch ends from then on, so that the next step goes on there. The monitor's own row goes last.

use std::time::Duration;

use sqlx::{FromRow, SqliteConnection};
use uuid::Uuid;
use watchkeeper_domain::check::Region;
use watchkeeper_domain::port::Purged;
use watchkeeper_domain::session::forgotten_before;
use watchkeeper_domain::time::{Timestamp, Window};

use super::progress;
use super::values::instants;
use crate::row::{EpochRow, Fault, Unreadable, bigint};

/// Removes a bounded number of rows that nobody can see any more.
pub(super) async fn purge(step: &mut SqliteConnection, now: Timestamp, limit: u32) -> Result<Purged, Fault> {
    let sessions = purge_tokens(step, now, limit).await?;
    let mut room = Room { left: i64::from(limit), history_rows: 0 };
    while room.left > 0 {
        let Some(monitor) = next_deleted(step).await? else { break };
        purge_monitor(step, &monitor, &mut room).await?;
    }
    let has_more: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM monitors WHERE deleted_at IS NOT NULL)
             OR EXISTS (SELECT 1 FROM session_tokens WHERE expires_at < ?)",
    )
    .bind(forgotten_before(now).as_micros())
    .fetch_one(step)
    .await?;
    Ok(Purged { history_rows: room.history_rows, sessions, has_more })
}

async fn purge_tokens(step: &mut SqliteConnection, now: Timestamp, limit: u32) -> Result<u64, Fault> {
    let families: Vec<Uuid> = sqlx::query_scalar(
        "DELETE FROM session_tokens
          WHERE hash IN (SELECT hash FROM session_tokens WHERE expires_at < ? ORDER BY expires_at LIMIT ?)
      RETURNING session_id",
    )
    .bind(forgotten_before(now).as_micros())
    .bind(limit)
    .fetch_all(&mut *step)
    .await?;
    for family in &families {
        sqlx::query(
            "DELETE FROM sessions
              WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM session_tokens WHERE session_id = ?1)",
        )
        .bind(family)
        .execute(&mut *step)
        .await?;
    }
    Ok(families.len() as u64)
}

/// How much may still be done in this step.
struct Room {
    left: i64,
    history_rows: u64,
}

impl Room {
    fn take(&mut self, removed: u64) {
        self.left -= bigint(removed);
        self.history_rows += removed;
    }
}

#[derive(FromRow)]
struct DeletedRow {
    key: i64,
    id: Uuid,
}

async fn next_deleted(step: &mut SqliteConnection) -> Result<Option<DeletedRow>, Fault> {
    let query = sqlx::query_as("SELECT key, id FROM monitors WHERE deleted_at IS NOT NULL ORDER BY deleted_at LIMIT 1");
    Ok(query.fetch_optional(step).await?)
}

async fn purge_monitor(step: &mut SqliteConnection, monitor: &DeletedRow, room: &mut Room) -> Result<(), Fault> {
    purge_notable(step, monitor.key, room).await?;
    while room.left > 0 {
        if !purge_epoch(step, monitor, room).await? {
            break;
        }
    }
    for statement in DEPENDENTS {
        if room.left <= 0 {
            return Ok(());
        }
        let removed = sqlx::query(statement).bind(monitor.key).bind(room.left).execute(&mut *step).await?;
        room.take(removed.rows_affected());
    }
    if room.left > 0 {
        sqlx::query("DELETE FROM monitor_states WHERE monitor_key = ?").bind(monitor.key).execute(&mut *step).await?;
        sqlx::query("DELETE FROM monitors WHERE key = ?").bind(monitor.key).execute(step).await?;
        room.left -= 1;
    }
    Ok(())
}

/// What refers to a monitor, in an order that leaves no reference behind.
const DEPENDENTS: [&str; 7] = [
    "DELETE FROM deliveries
      WHERE (notice_id, attempt) IN (SELECT d.notice_id, d.attempt
                                       FROM notices AS n
                                       JOIN deliveries AS d ON d.notice_id = n.id
                                      WHERE n.monitor_key = ?
                                      LIMIT ?)",
    "DELETE FROM notices WHERE rowid IN (SELECT rowid FROM notices WHERE monitor_key = ? LIMIT ?)",
    "DELETE FROM incidents WHERE rowid IN (SELECT rowid FROM incidents WHERE monitor_key = ? LIMIT ?)",
    "DELETE FROM packed_checks WHERE rowid IN (SELECT rowid FROM packed_checks WHERE monitor_key = ? LIMIT ?)",
    "DELETE FROM day_rollups
      WHERE (monitor_key, region, began_at) IN (SELECT monitor_key, region, began_at
                                                  FROM day_rollups WHERE monitor_key = ? LIMIT ?)",
    "DELETE FROM slot_gaps
      WHERE (monitor_key, region, first_slot) IN (SELECT monitor_key, region, first_slot
                                                    FROM slot_gaps WHERE monitor_key = ? LIMIT ?)",
    "DELETE FROM status_spans
      WHERE (monitor_key, began_at) IN (SELECT monitor_key, began_at FROM status_spans WHERE monitor_key = ? LIMIT ?)",
];

/// Removes checks that are not healthy scheduled ones, with their evidence and the rollups of their hours, which may lie
/// outside of all epochs: a paused monitor is checked by hand.
async fn purge_notable(step: &mut SqliteConnection, key: i64, room: &mut Room) -> Result<(), Fault> {
    for statement in [
        "DELETE FROM evidence
          WHERE (slot, monitor_key, region) IN (SELECT slot, monitor_key, region FROM checks
                                                 WHERE (verdict <> 1 OR origin <> 0) AND monitor_key = ? LIMIT ?)",
        "DELETE FROM hour_rollups
          WHERE (began_at, monitor_key, region)
                IN (SELECT slot / 3600000000 * 3600000000, monitor_key, region FROM checks
                     WHERE (verdict <> 1 OR origin <> 0) AND monitor_key = ? LIMIT ?)",
        "DELETE FROM checks
          WHERE (slot, monitor_key, region) IN (SELECT slot, monitor_key, region FROM checks
                                                 WHERE (verdict <> 1 OR origin <> 0) AND monitor_key = ? LIMIT ?)",
    ] {
        let removed = sqlx::query(statement).bind(key).bind(room.left.max(0)).execute(&mut *step).await?;
        if statement.starts_with("DELETE FROM checks") {
            room.take(removed.rows_affected());
        }
    }
    Ok(())
}

#[derive(FromRow)]
struct RegionEpochRow {
    region: String,
    #[sqlx(flatten)]
    epoch: EpochRow,
}

/// Removes a piece of the newest epoch, or the epoch itself where nothing is left of it; `false` where there is none.
async fn purge_epoch(step: &mut SqliteConnection, monitor: &DeletedRow, room: &mut Room) -> Result<bool, Fault> {
    let row: Option<RegionEpochRow> = sqlx::query_as(
        "SELECT region, began_at, ended_at, opening_slot, interval_ms, phase_ms
           FROM schedule_epochs
          WHERE monitor_key = ?
          ORDER BY region DESC, began_at DESC
          LIMIT 1",
    )
    .bind(monitor.key)
    .fetch_optional(&mut *step)
    .await?;
    let Some(RegionEpochRow { region, epoch }) = row else { return Ok(false) };
    let began_at = epoch.began_at;
    // What is older is packed, and goes with the days.
    let raw_from = progress::read(step).await?.raw_from.unwrap_or(Timestamp::from_micros(i64::MIN));
    let region = Region::parse(&region).map_err(|_| Unreadable::new("Region", &region))?;
    let epoch = epoch.epoch(monitor.id, &region);
    let piece = usize::try_from(room.left.clamp(1, 500)).unwrap_or(1);
    let slots: Vec<Timestamp> = epoch
        .slots_back(Window::last(Duration::MAX, Timestamp::from_micros(i64::MAX)).not_before(raw_from))
        .take(piece)
        .collect();
    let Some(last) = slots.last() else {
        sqlx::query("DELETE FROM schedule_epochs WHERE monitor_key = ? AND region = ? AND began_at = ?")
            .bind(monitor.key)
            .bind(region.as_str())
            .bind(began_at)
            .execute(step)
            .await?;
        room.take(1);
        return Ok(true);
    };
    let slots = instants(&slots);
    let removed = sqlx::query(
        "DELETE FROM checks WHERE monitor_key = ? AND region = ? AND slot IN (SELECT value FROM json_each(?))",
    )
    .bind(monitor.key)
    .bind(region.as_str())
    .bind(&slots)
    .execute(&mut *step)
    .await?;
    sqlx::query(
        "DELETE FROM hour_rollups
          WHERE monitor_key = ? AND region = ?
            AND began_at IN (SELECT DISTINCT value / 3600000000 * 3600000000 FROM json_each(?))",
    )
    .bind(monitor.key)
    .bind(region.as_str())
    .bind(&slots)
    .execute(&mut *step)
    .await?;
    sqlx::query("UPDATE schedule_epochs SET ended_at = ? WHERE monitor_key = ? AND region = ? AND began_at = ?")
        .bind(last.as_micros())
        .bind(monitor.key)
        .bind(region.as_str())
        .bind(began_at)
        .execute(step)
        .await?;
    room.take(removed.rows_affected());
    // Looking for slots is work as well, whether or not they are there.
    room.left -= i64::try_from(piece).unwrap_or(0) - i64::try_from(removed.rows_affected()).unwrap_or(0);
    Ok(true)
}
