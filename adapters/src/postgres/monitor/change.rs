//! Changing a monitor: what happens to its epoch, state and open work.
//!
//! The monitor's row, its schedule row, its cohort's, its leases, its claims and its state are locked in this order before
//! anything is decided, so that a claim or a record at the same time comes wholly before or wholly after.

use sqlx::PgConnection;
use uuid::Uuid;
use watchkeeper_domain::id::{MonitorId, WorkspaceId};
use watchkeeper_domain::incident::Ending;
use watchkeeper_domain::monitor::Settings;
use watchkeeper_domain::port::Change;
use watchkeeper_domain::schedule::Epoch;
use watchkeeper_domain::settle::{Standing, instants_from};
use watchkeeper_domain::status::State;
use watchkeeper_domain::time::Timestamp;
use watchkeeper_domain::uptime::{Gap, GapOutcome};

use super::{open_epoch, timeout_ms};
use crate::postgres::cohort::{depart, renew};
use crate::postgres::consequence::end_incidents;
use crate::postgres::gap::{Silent, leave_gaps};
use crate::postgres::lease;
use crate::postgres::schedule::NextRow;
use crate::postgres::span::{NewSpan, begin_spans};
use crate::postgres::standing::{lock_standings, write_states};
use crate::row::{Fault, Instant, SettingsRow};

/// A monitor that nobody else can claim, record or change until the transaction ends.
struct Held {
    standing: Standing,
    next_due_at: Option<Timestamp>,
    cohort: Option<i64>,
}

/// Changes a monitor; `false` where there is none.
pub(super) async fn change(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    id: MonitorId,
    change: &Change,
    at: Timestamp,
) -> Result<bool, Fault> {
    let Some(mut held) = hold(connection, workspace, id).await? else { return Ok(false) };
    if held.standing.monitor.version != change.version {
        return Err(Fault::Stale);
    }
    let epoch = &held.standing.epoch;
    let at = epoch.instant_of_change(at, recorded_since(connection, epoch, at).await?);
    let version = change.version.saturating_add(1);
    let (was_active, before) = (held.standing.monitor.is_active, held.standing.monitor.settings.clone());
    write_monitor(connection, id, change, version, held.cohort).await?;
    match (was_active, change.is_active) {
        (true, false) => {
            end_epoch(connection, &mut held, at).await?;
            enter(connection, &mut held.standing, State::paused(at)).await?;
        }
        (false, true) => {
            begin_epoch(connection, &held.standing, &change.settings, version, at).await?;
            enter(connection, &mut held.standing, State::pending(at)).await?;
        }
        (true, true) if before.begins_epoch(&change.settings) => {
            end_epoch(connection, &mut held, at).await?;
            begin_epoch(connection, &held.standing, &change.settings, version, at).await?;
            if before.target != change.settings.target {
                held.standing.state = held.standing.state.retargeted(at);
            }
        }
        _ => {}
    }
    write_states(connection, &[(id, held.standing.state)].into()).await?;
    if !change.is_active {
        end_incidents(connection, &[(id, at)], Ending::Paused).await?;
    }
    Ok(true)
}

/// Deletes a monitor; `false` where there is none. Its history is purged later.
pub(super) async fn delete(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    id: MonitorId,
    at: Timestamp,
) -> Result<bool, Fault> {
    let Some(mut held) = hold(connection, workspace, id).await? else { return Ok(false) };
    let epoch = &held.standing.epoch;
    let at = epoch.instant_of_change(at, recorded_since(connection, epoch, at).await?);
    end_epoch(connection, &mut held, at).await?;
    sqlx::query("DELETE FROM claims WHERE monitor_id = $1").bind(id.uuid()).execute(&mut *connection).await?;
    sqlx::query("UPDATE monitors SET deleted_at = $2 WHERE id = $1")
        .bind(id.uuid())
        .bind(Instant(at))
        .execute(&mut *connection)
        .await?;
    end_incidents(connection, &[(id, at)], Ending::Paused).await?;
    Ok(true)
}

async fn hold(connection: &mut PgConnection, workspace: WorkspaceId, id: MonitorId) -> Result<Option<Held>, Fault> {
    let owned: Option<Uuid> = sqlx::query_scalar(
        "SELECT id FROM monitors WHERE id = $1 AND workspace_id = $2 AND deleted_at IS NULL FOR NO KEY UPDATE",
    )
    .bind(id.uuid())
    .bind(workspace.uuid())
    .fetch_optional(&mut *connection)
    .await?;
    if owned.is_none() {
        return Ok(None);
    }
    let cohort = hold_schedule(connection, id).await?;
    let next: Option<NextRow> = sqlx::query_as(
        "SELECT s.next_due_at, s.interval_ms, s.phase_ms, c.claimed_to
         FROM schedule AS s
         LEFT JOIN cohorts AS c ON c.id = s.cohort_id
         WHERE s.monitor_id = $1",
    )
    .bind(id.uuid())
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(cohort) = cohort {
        lease::take_out(connection, cohort, [id]).await?;
    }
    sqlx::query("SELECT FROM claims WHERE monitor_id = $1 ORDER BY slot FOR UPDATE")
        .bind(id.uuid())
        .execute(&mut *connection)
        .await?;
    let standing = lock_standings(connection, &[id].into()).await?.remove(&id);
    Ok(standing.map(|standing| Held { standing, next_due_at: next.map(|next| next.slot()), cohort }))
}

/// Locks the row of the schedule and the one of its cohort, and answers which cohort that is.
async fn hold_schedule(connection: &mut PgConnection, id: MonitorId) -> Result<Option<i64>, Fault> {
    let cohort: Option<Option<i64>> =
        sqlx::query_scalar("SELECT cohort_id FROM schedule WHERE monitor_id = $1 FOR UPDATE")
            .bind(id.uuid())
            .fetch_optional(&mut *connection)
            .await?;
    let Some(cohort) = cohort.flatten() else { return Ok(None) };
    sqlx::query("SELECT FROM cohorts WHERE id = $1 FOR NO KEY UPDATE").bind(cohort).execute(connection).await?;
    Ok(Some(cohort))
}

/// The newest slots in the record of an epoch's monitor from an instant on: of a check, and of a gap.
async fn recorded_since(
    connection: &mut PgConnection,
    epoch: &Epoch,
    at: Timestamp,
) -> Result<impl Iterator<Item = Timestamp>, Fault> {
    // Where no clock has fallen back nothing lies in the log from here on, so that this reads next to nothing.
    let last: Option<Instant> = sqlx::query_scalar(
        "SELECT greatest(
             (SELECT max(slot) FROM checks WHERE slot >= $3 AND monitor_id = $1 AND region = $2),
             (SELECT max(last_slot) FROM slot_gaps WHERE monitor_id = $1 AND region = $2 AND last_slot >= $3))",
    )
    .bind(epoch.monitor.uuid())
    .bind(epoch.region.as_str())
    .bind(Instant(at))
    .fetch_one(connection)
    .await?;
    Ok(last.into_iter().map(|last| last.0))
}

async fn write_monitor(
    connection: &mut PgConnection,
    id: MonitorId,
    change: &Change,
    version: u32,
    cohort: Option<i64>,
) -> Result<(), Fault> {
    let settings = SettingsRow::from(&change.settings);
    sqlx::query(
        "UPDATE monitors
         SET name = $2, target_kind = $3, url = $4, http_method = $5, follow_redirects = $6, interval_secs = $7,
             timeout_secs = $8, statuses = $9, slow_after_ms = $10, confirm_down = $11, confirm_up = $12,
             is_active = $13, version = $14
         WHERE id = $1",
    )
    .bind(id.uuid())
    .bind(settings.name)
    .bind(settings.target_kind)
    .bind(settings.url)
    .bind(settings.http_method)
    .bind(settings.follow_redirects)
    .bind(settings.interval_secs)
    .bind(settings.timeout_secs)
    .bind(settings.statuses)
    .bind(settings.slow_after_ms)
    .bind(settings.confirm_down)
    .bind(settings.confirm_up)
    .bind(change.is_active)
    .bind(i32::try_from(version).unwrap_or(i32::MAX))
    .execute(&mut *connection)
    .await?;
    let changed = match cohort {
        Some(cohort) => Some(renew(connection, cohort).await?),
        None => None,
    };
    sqlx::query("UPDATE schedule SET timeout_ms = $2, version = $3, changed = $4 WHERE monitor_id = $1")
        .bind(id.uuid())
        .bind(timeout_ms(&change.settings))
        .bind(i32::try_from(version).unwrap_or(i32::MAX))
        .bind(changed)
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends the epoch that lasts, if one does: what was due and is not claimed is missed, what is claimed stays but is
/// not started any more, what lies ahead or waits is dropped.
async fn end_epoch(connection: &mut PgConnection, held: &mut Held, at: Timestamp) -> Result<(), Fault> {
    let Standing { epoch, state, .. } = &mut held.standing;
    if epoch.ended_at.is_some() {
        return Ok(());
    }
    epoch.ended_at = Some(at);
    sqlx::query("UPDATE schedule_epochs SET ended_at = $4 WHERE monitor_id = $1 AND region = $2 AND began_at = $3")
        .bind(epoch.monitor.uuid())
        .bind(epoch.region.as_str())
        .bind(Instant(epoch.began_at))
        .bind(Instant(at))
        .execute(&mut *connection)
        .await?;
    if let Some(run) = held.next_due_at.take().and_then(|slot| epoch.schedule.run(slot, at)) {
        *state = state.silent(run.first, run.count);
        let gap = Gap { run, outcome: GapOutcome::Missed };
        let silent = Silent { monitor: epoch.monitor, region: epoch.region.clone(), gap };
        leave_gaps(connection, vec![silent]).await?;
    }
    if let Some(cohort) = held.cohort.take() {
        depart(connection, cohort, &[(epoch.monitor, epoch.schedule)]).await?;
    }
    sqlx::query("DELETE FROM schedule WHERE monitor_id = $1")
        .bind(epoch.monitor.uuid())
        .execute(&mut *connection)
        .await?;
    sqlx::query("DELETE FROM claims WHERE monitor_id = $1 AND (slot >= $2 OR token IS NULL)")
        .bind(epoch.monitor.uuid())
        .bind(Instant(at))
        .execute(&mut *connection)
        .await?;
    sqlx::query("UPDATE claims SET start_before = least(start_before, $2) WHERE monitor_id = $1")
        .bind(epoch.monitor.uuid())
        .bind(Instant(at))
        .execute(connection)
        .await?;
    Ok(())
}

async fn begin_epoch(
    connection: &mut PgConnection,
    standing: &Standing,
    settings: &Settings,
    version: u32,
    at: Timestamp,
) -> Result<(), Fault> {
    let epoch = Epoch::open(standing.monitor.id, standing.epoch.region.clone(), settings.interval, at);
    for opening_slot in instants_from(at) {
        let epoch = Epoch { opening_slot, ..epoch.clone() };
        if !is_taken(connection, &epoch).await? {
            return open_epoch(connection, &epoch, settings, version).await;
        }
    }
    Err(Fault::NoInstant)
}

/// Whether a claim or check of the monitor has the instant of its opening slot.
async fn is_taken(connection: &mut PgConnection, epoch: &Epoch) -> Result<bool, Fault> {
    let is_taken = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM claims WHERE monitor_id = $1 AND region = $2 AND slot = $3)
             OR EXISTS (SELECT FROM checks WHERE monitor_id = $1 AND region = $2 AND slot = $3)",
    )
    .bind(epoch.monitor.uuid())
    .bind(epoch.region.as_str())
    .bind(Instant(epoch.opening_slot))
    .fetch_one(connection)
    .await?;
    Ok(is_taken)
}

/// Gives the monitor a new state, with a span of its own.
async fn enter(connection: &mut PgConnection, standing: &mut Standing, state: State) -> Result<(), Fault> {
    standing.state = state;
    let span = NewSpan { monitor: standing.monitor.id, status: state.held, from: state.since };
    begin_spans(connection, &[span]).await
}
