//! Purging what nobody can see any more, in bounded steps.

use sqlx::PgConnection;
use uuid::Uuid;
use watchkeeper_domain::check::Region;
use watchkeeper_domain::port::Purged;
use watchkeeper_domain::session::forgotten_before;
use watchkeeper_domain::time::{Timestamp, Window};

use super::progress;
use super::standing::region;
use crate::log::Walk;
use crate::row::{EpochRow, Fault, Instant, bigint};

/// Does what [`watchkeeper_domain::port::Upkeep::purge`] says.
pub(super) async fn purge(connection: &mut PgConnection, now: Timestamp, limit: i64) -> Result<Purged, Fault> {
    let sessions = purge_tokens(connection, now, limit).await?;
    let (history_rows, has_more) = purge_monitor(connection, limit).await?;
    let has_more = has_more || i64::try_from(sessions).unwrap_or(i64::MAX) >= limit;
    Ok(Purged { history_rows, sessions, has_more })
}

/// Removes expired tokens, and the families that have none left.
async fn purge_tokens(connection: &mut PgConnection, now: Timestamp, limit: i64) -> Result<u64, Fault> {
    let families: Vec<Uuid> = sqlx::query_scalar(
        "DELETE FROM session_tokens
         WHERE token_hash IN (
             SELECT token_hash FROM session_tokens WHERE expires_at < $1 ORDER BY expires_at LIMIT $2
             FOR UPDATE SKIP LOCKED
         )
         RETURNING session_id",
    )
    .bind(Instant(forgotten_before(now)))
    .bind(limit)
    .fetch_all(&mut *connection)
    .await?;
    sqlx::query(
        "DELETE FROM sessions AS s
         WHERE id = ANY ($1) AND NOT EXISTS (SELECT FROM session_tokens WHERE session_id = s.id)",
    )
    .bind(&families)
    .execute(connection)
    .await?;
    Ok(families.len() as u64)
}

/// Removes some history of the monitor that was deleted first, and the monitor itself once none is left. Answers how
/// many rows went, and whether there is more to do.
async fn purge_monitor(connection: &mut PgConnection, limit: i64) -> Result<(u64, bool), Fault> {
    let oldest: Option<Uuid> = sqlx::query_scalar(
        "SELECT id FROM monitors WHERE deleted_at IS NOT NULL ORDER BY deleted_at LIMIT 1 FOR UPDATE SKIP LOCKED",
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(monitor) = oldest else { return Ok((0, false)) };
    let mut step = Step { limit, work: 0, rows: 0 };
    purge_log(connection, monitor, &mut step).await?;
    for statement in [
        "DELETE FROM packed_checks
         WHERE ctid = ANY (ARRAY (SELECT ctid FROM packed_checks WHERE monitor_id = $1 LIMIT $2))",
        "DELETE FROM day_rollups
         WHERE ctid = ANY (ARRAY (SELECT ctid FROM day_rollups WHERE monitor_id = $1 LIMIT $2))",
        "DELETE FROM slot_gaps WHERE ctid = ANY (ARRAY (SELECT ctid FROM slot_gaps WHERE monitor_id = $1 LIMIT $2))",
        "DELETE FROM status_spans
         WHERE ctid = ANY (ARRAY (SELECT ctid FROM status_spans WHERE monitor_id = $1 LIMIT $2))",
        "DELETE FROM incidents WHERE id = ANY (ARRAY (SELECT id FROM incidents WHERE monitor_id = $1 LIMIT $2))",
    ] {
        if step.room() > 0 {
            let query = sqlx::query(statement).bind(monitor).bind(step.room());
            step.took(query.execute(&mut *connection).await?.rows_affected());
        }
    }
    if step.room() > 0 {
        sqlx::query("DELETE FROM monitors WHERE id = $1").bind(monitor).execute(&mut *connection).await?;
    }
    let has_more = sqlx::query_scalar("SELECT EXISTS (SELECT FROM monitors WHERE deleted_at IS NOT NULL)");
    Ok((step.rows, has_more.fetch_one(connection).await?))
}

/// How much has been done of what one step may do.
struct Step {
    limit: i64,
    /// What counts against the limit: looking for slots is work as well, whether or not they are there.
    work: i64,
    rows: u64,
}

impl Step {
    fn room(&self) -> i64 {
        self.limit.saturating_sub(self.work)
    }

    fn took(&mut self, rows: u64) {
        self.work = self.work.saturating_add(bigint(rows));
        self.rows += rows;
    }
}

/// Removes checks with their evidence, the newest first, each epoch shrinking with what has gone: so nothing is looked
/// for twice, and the log is never scanned. Rollups go with the last of them.
async fn purge_log(connection: &mut PgConnection, monitor: Uuid, step: &mut Step) -> Result<(), Fault> {
    step.took(purge_notable(connection, monitor, step.limit).await?);
    let raw_from = progress::read(connection).await?.raw_from.unwrap_or(Timestamp::from_micros(i64::MIN));
    while step.room() > 0 {
        let Some((region, epoch)) = newest_epoch(connection, monitor).await? else { break };
        let end = epoch.ended_at.map_or(Timestamp::from_micros(i64::MAX), |at| at.0);
        let whole = Window::new(epoch.began_at.0, end);
        // What is older is packed, and goes with the days.
        let Some(whole) = whole.map(|whole| whole.not_before(raw_from)) else { break };
        let gaps = newest_gaps(connection, monitor, &region, whole, step.room()).await?;
        let mut walk = Walk::new(vec![epoch.epoch(monitor, &region)], gaps, whole, None);
        let stretch = walk.next(usize::try_from(step.room()).unwrap_or(usize::MAX));
        step.rows += purge_slots(connection, monitor, &region, &stretch.slots).await?;
        // An epoch without slots is work, too.
        step.work = step.work.saturating_add(bigint(stretch.slots.len().max(1)));
        purge_rollups(connection, monitor, &region, stretch.window).await?;
        let shrunk = if stretch.is_last {
            "DELETE FROM schedule_epochs WHERE monitor_id = $1 AND region = $2 AND began_at = $3 AND $4 IS NOT NULL"
        } else {
            "UPDATE schedule_epochs SET ended_at = $4 WHERE monitor_id = $1 AND region = $2 AND began_at = $3"
        };
        sqlx::query(shrunk)
            .bind(monitor)
            .bind(region.as_str())
            .bind(epoch.began_at)
            .bind(Instant(stretch.window.from()))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// The newest gaps of a monitor, in which nothing need be looked for. Beyond the bound slots are looked up in vain.
async fn newest_gaps(
    connection: &mut PgConnection,
    monitor: Uuid,
    region: &Region,
    window: Window,
    limit: i64,
) -> Result<Vec<(Timestamp, Timestamp)>, Fault> {
    let gaps: Vec<(Instant, Instant)> = sqlx::query_as(
        "SELECT first_slot, last_slot
         FROM slot_gaps
         WHERE monitor_id = $1 AND region = $2 AND first_slot < $3 AND last_slot >= $4
         ORDER BY first_slot DESC
         LIMIT $5",
    )
    .bind(monitor)
    .bind(region.as_str())
    .bind(Instant(window.to()))
    .bind(Instant(window.from()))
    .bind(limit)
    .fetch_all(connection)
    .await?;
    Ok(gaps.into_iter().map(|(first, last)| (first.0, last.0)).collect())
}

async fn newest_epoch(connection: &mut PgConnection, monitor: Uuid) -> Result<Option<(Region, EpochRow)>, Fault> {
    #[derive(sqlx::FromRow)]
    struct Row {
        region: String,
        #[sqlx(flatten)]
        epoch: EpochRow,
    }
    let row: Option<Row> = sqlx::query_as(
        "SELECT region, began_at, ended_at, opening_slot, interval_ms, phase_ms
         FROM schedule_epochs
         WHERE monitor_id = $1
         ORDER BY began_at DESC
         LIMIT 1",
    )
    .bind(monitor)
    .fetch_optional(connection)
    .await?;
    row.map(|row| Ok((region(&row.region)?, row.epoch))).transpose()
}

async fn purge_notable(connection: &mut PgConnection, monitor: Uuid, limit: i64) -> Result<u64, Fault> {
    let slots: Vec<(String, Instant)> = sqlx::query_as(
        "SELECT region, slot FROM checks WHERE (verdict <> 1 OR origin <> 0) AND monitor_id = $1 LIMIT $2",
    )
    .bind(monitor)
    .bind(limit)
    .fetch_all(&mut *connection)
    .await?;
    let mut rows = 0;
    let regions: std::collections::BTreeSet<&String> = slots.iter().map(|(region, _)| region).collect();
    for name in regions {
        let of_region: Vec<Timestamp> = slots.iter().filter(|(of, _)| of == name).map(|(_, slot)| slot.0).collect();
        let region = region(name)?;
        rows += purge_slots(connection, monitor, &region, &of_region).await?;
        // Their hours may lie outside of all epochs: a paused monitor is checked by hand.
        sqlx::query(
            "DELETE FROM hour_rollups
             WHERE monitor_id = $1 AND region = $2
               AND began_at = ANY (ARRAY (SELECT DISTINCT date_trunc('hour', slot, 'UTC')
                                          FROM unnest($3::timestamptz[]) AS w (slot)))",
        )
        .bind(monitor)
        .bind(region.as_str())
        .bind(of_region.into_iter().map(Instant).collect::<Vec<_>>())
        .execute(&mut *connection)
        .await?;
    }
    Ok(rows)
}

async fn purge_slots(
    connection: &mut PgConnection,
    monitor: Uuid,
    region: &Region,
    slots: &[Timestamp],
) -> Result<u64, Fault> {
    let slots: Vec<Instant> = slots.iter().copied().map(Instant).collect();
    sqlx::query("DELETE FROM check_evidence WHERE slot = ANY ($3) AND monitor_id = $1 AND region = $2")
        .bind(monitor)
        .bind(region.as_str())
        .bind(&slots)
        .execute(&mut *connection)
        .await?;
    let removed = sqlx::query("DELETE FROM checks WHERE slot = ANY ($3) AND monitor_id = $1 AND region = $2")
        .bind(monitor)
        .bind(region.as_str())
        .bind(&slots)
        .execute(connection)
        .await?;
    Ok(removed.rows_affected())
}

/// Removes the rollups of the hours that touch a window.
async fn purge_rollups(
    connection: &mut PgConnection,
    monitor: Uuid,
    region: &Region,
    window: Window,
) -> Result<(), Fault> {
    sqlx::query(
        "DELETE FROM hour_rollups
         WHERE monitor_id = $1 AND region = $2
           AND began_at = ANY (ARRAY (SELECT generate_series(date_trunc('hour', $3, 'UTC'), $4, '1 hour')))",
    )
    .bind(monitor)
    .bind(region.as_str())
    .bind(Instant(window.from()))
    .bind(Instant(window.to()))
    .execute(connection)
    .await?;
    Ok(())
}
