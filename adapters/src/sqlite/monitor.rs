//! Making, changing and deleting monitors.

use async_trait::async_trait;
use sqlx::SqliteConnection;
use watchkeeper_domain::check::Region;
use watchkeeper_domain::id::{MonitorId, WorkspaceId};
use watchkeeper_domain::monitor::{Monitor, Settings};
use watchkeeper_domain::port::{Change, Created, MonitorRepo, MonitorView, RepoResult};
use watchkeeper_domain::schedule::Epoch;
use watchkeeper_domain::settle::instants_from;
use watchkeeper_domain::status::{State, Status};
use watchkeeper_domain::time::Timestamp;
use watchkeeper_domain::uptime::GapOutcome;

use super::cohort::{depart, renew};
use super::log::LogReader;
use super::monitor_row::{ViewRow, begin_span, fall_silent, first_free, insert_epoch, newest_epoch, view, write_state};
use super::values::{pieces, query_with_rows};
use super::{SqliteStore, gap, incident, lease};
use crate::log;
use crate::row::{Fault, MonitorRow, SettingsRow, Unreadable};

#[async_trait]
impl MonitorRepo for SqliteStore {
    async fn create_monitor(&self, monitor: &Monitor, most: u32) -> RepoResult<Created> {
        Ok(create(self, monitor, most).await?)
    }

    async fn monitor(&self, workspace: WorkspaceId, id: MonitorId) -> RepoResult<Option<MonitorView>> {
        let mut step = self.read().await?;
        Ok(view(&mut step, workspace, id).await?.map(|(_, view)| view))
    }

    async fn monitors(
        &self,
        workspace: WorkspaceId,
        after: Option<MonitorId>,
        limit: u32,
    ) -> RepoResult<Vec<MonitorView>> {
        let rows: Vec<ViewRow> = sqlx::query_as(
            "SELECT m.*, s.*, d.next_due_at, d.interval_ms, d.phase_ms, c.claimed_to
               FROM monitors AS m
               JOIN monitor_states AS s ON s.monitor_key = m.key
               LEFT JOIN schedule AS d ON d.monitor_key = m.key
               LEFT JOIN cohorts AS c ON c.id = d.cohort_id
              WHERE m.workspace_id = ? AND m.deleted_at IS NULL AND m.id > ?
              ORDER BY m.id
              LIMIT ?",
        )
        .bind(workspace.uuid())
        .bind(after.map_or(uuid::Uuid::nil(), MonitorId::uuid))
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(Fault::from)?;
        let views: Result<Vec<MonitorView>, Unreadable> = rows.into_iter().map(MonitorView::try_from).collect();
        Ok(views.map_err(Fault::from)?)
    }

    async fn change_monitor(
        &self,
        workspace: WorkspaceId,
        id: MonitorId,
        change: &Change,
        at: Timestamp,
    ) -> RepoResult<Option<MonitorView>> {
        Ok(change_monitor(self, workspace, id, change, at).await?)
    }

    async fn delete_monitor(&self, workspace: WorkspaceId, id: MonitorId, at: Timestamp) -> RepoResult<bool> {
        Ok(delete(self, workspace, id, at).await?)
    }

    async fn monitors_by_id(&self, ids: &[MonitorId]) -> RepoResult<Vec<Monitor>> {
        Ok(by_id(self, ids).await?)
    }
}

async fn create(store: &SqliteStore, monitor: &Monitor, most: u32) -> Result<Created, Fault> {
    let mut step = store.write().await?;
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM monitors WHERE workspace_id = ? AND deleted_at IS NULL")
        .bind(monitor.workspace.uuid())
        .fetch_one(&mut *step)
        .await?;
    if count >= i64::from(most) {
        return Ok(Created::LimitReached);
    }
    let row = SettingsRow::from(&monitor.settings);
    let key = sqlx::query(
        "INSERT INTO monitors
                (id, workspace_id, name, target_kind, url, http_method, follow_redirects, interval_secs, timeout_secs,
                 statuses, slow_after_ms, confirm_down, confirm_up, is_active, created_at, version)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?)",
    )
    .bind(monitor.id.uuid())
    .bind(monitor.workspace.uuid())
    .bind(row.name)
    .bind(row.target_kind)
    .bind(row.url)
    .bind(row.http_method)
    .bind(row.follow_redirects)
    .bind(row.interval_secs)
    .bind(row.timeout_secs)
    .bind(row.statuses)
    .bind(row.slow_after_ms)
    .bind(row.confirm_down)
    .bind(row.confirm_up)
    .bind(monitor.created_at.as_micros())
    .bind(monitor.version)
    .execute(&mut *step)
    .await?
    .last_insert_rowid();
    let at = monitor.created_at;
    write_state(&mut step, key, &State::pending(at)).await?;
    begin_span(&mut step, key, Status::Pending, at).await?;
    let epoch = Epoch::open(monitor.id, Region::default(), monitor.settings.interval, at);
    insert_epoch(&mut step, key, &epoch, timeout_ms(&monitor.settings), monitor.version).await?;
    step.commit().await?;
    Ok(Created::Created)
}

/// A change under way: whose, from what, and when.
struct Changing {
    key: i64,
    before: MonitorView,
    epoch: Epoch,
    at: Timestamp,
    cohort: Option<i64>,
}

/// Reads what a change is about, and dates it so that epochs never overlap; `None` where there is no such monitor.
async fn begin_change(
    step: &mut SqliteConnection,
    workspace: WorkspaceId,
    id: MonitorId,
    at: Timestamp,
) -> Result<Option<Changing>, Fault> {
    let Some((key, before)) = view(step, workspace, id).await? else { return Ok(None) };
    let epoch = newest_epoch(step, key, id.uuid(), &Region::default())
        .await?
        .ok_or_else(|| Unreadable::new("monitor with an epoch", id))?;
    let at = epoch.instant_of_change(at, newest_recorded(step, key, &epoch).await?);
    let cohort = cohort_of(step, key).await?;
    if let Some(cohort) = cohort {
        lease::take_out(step, cohort, [id]).await?;
    }
    Ok(Some(Changing { key, before, epoch, at, cohort }))
}

/// The cohort that a monitor has a seat in.
async fn cohort_of(step: &mut SqliteConnection, key: i64) -> Result<Option<i64>, Fault> {
    let query = sqlx::query_scalar("SELECT cohort_id FROM schedule WHERE monitor_key = ?").bind(key);
    Ok(query.fetch_optional(step).await?.flatten())
}

/// The newest slots in the record of an epoch's monitor: of a check, and of a gap.
async fn newest_recorded(step: &mut SqliteConnection, key: i64, epoch: &Epoch) -> Result<Vec<Timestamp>, Fault> {
    let the_end = Timestamp::from_micros(i64::MAX);
    let mut reader = LogReader::new(&mut *step, &epoch.region);
    let glances = log::glances(&mut reader, &[(epoch.monitor, Timestamp::EPOCH)], 1, 1, the_end).await?;
    let missed: Option<i64> = sqlx::query_scalar(
        "SELECT last_slot FROM slot_gaps WHERE monitor_key = ? AND region = ? ORDER BY first_slot DESC LIMIT 1",
    )
    .bind(key)
    .bind(epoch.region.as_str())
    .fetch_optional(step)
    .await?;
    let checked = glances.into_iter().flat_map(|glance| glance.recent).map(|check| check.slot);
    Ok(checked.chain(missed.map(Timestamp::from_micros)).collect())
}

async fn change_monitor(
    store: &SqliteStore,
    workspace: WorkspaceId,
    id: MonitorId,
    change: &Change,
    at: Timestamp,
) -> Result<Option<MonitorView>, Fault> {
    let mut step = store.write().await?;
    let Some(changing) = begin_change(&mut step, workspace, id, at).await? else { return Ok(None) };
    if changing.before.monitor.version != change.version {
        return Err(Fault::Stale);
    }
    let version = change.version.saturating_add(1);
    write_settings(&mut step, changing.key, change, version).await?;
    let Changing { key, at, cohort, .. } = changing;
    let before = &changing.before.monitor;
    match (before.is_active, change.is_active) {
        (true, false) => {
            end_epoch(&mut step, &changing).await?;
            write_state(&mut step, key, &State::paused(at)).await?;
            begin_span(&mut step, key, Status::Paused, at).await?;
            incident::end_as_paused(&mut step, key, at).await?;
        }
        (false, true) => {
            open_epoch(&mut step, &changing, &change.settings, version).await?;
            write_state(&mut step, key, &State::pending(at)).await?;
            begin_span(&mut step, key, Status::Pending, at).await?;
        }
        (true, true) if before.settings.begins_epoch(&change.settings) => {
            end_epoch(&mut step, &changing).await?;
            open_epoch(&mut step, &changing, &change.settings, version).await?;
            if before.settings.target != change.settings.target {
                retarget(&mut step, workspace, id, key, at).await?;
            }
        }
        (true, true) => {
            let changed = match cohort {
                Some(cohort) => Some(renew(&mut step, cohort).await?),
                None => None,
            };
            sqlx::query("UPDATE schedule SET timeout_ms = ?, version = ?, changed = ? WHERE monitor_key = ?")
                .bind(timeout_ms(&change.settings))
                .bind(version)
                .bind(changed)
                .bind(key)
                .execute(&mut *step)
                .await?;
        }
        (false, false) => {}
    }
    let after = view(&mut step, workspace, id).await?.map(|(_, view)| view);
    step.commit().await?;
    Ok(after)
}

async fn retarget(
    step: &mut SqliteConnection,
    workspace: WorkspaceId,
    id: MonitorId,
    key: i64,
    at: Timestamp,
) -> Result<(), Fault> {
    if let Some((_, view)) = view(step, workspace, id).await? {
        write_state(step, key, &view.state.retargeted(at)).await?;
    }
    Ok(())
}

async fn write_settings(step: &mut SqliteConnection, key: i64, change: &Change, version: u32) -> Result<(), Fault> {
    let row = SettingsRow::from(&change.settings);
    sqlx::query(
        "UPDATE monitors
            SET name = ?, target_kind = ?, url = ?, http_method = ?, follow_redirects = ?, interval_secs = ?,
                timeout_secs = ?, statuses = ?, slow_after_ms = ?, confirm_down = ?, confirm_up = ?, is_active = ?,
                version = ?
          WHERE key = ?",
    )
    .bind(row.name)
    .bind(row.target_kind)
    .bind(row.url)
    .bind(row.http_method)
    .bind(row.follow_redirects)
    .bind(row.interval_secs)
    .bind(row.timeout_secs)
    .bind(row.statuses)
    .bind(row.slow_after_ms)
    .bind(row.confirm_down)
    .bind(row.confirm_up)
    .bind(change.is_active)
    .bind(version)
    .bind(key)
    .execute(step)
    .await?;
    Ok(())
}

/// Ends the epoch: what was due and is not claimed is missed, what is claimed stays but is not started any more, what lies
/// ahead is dropped.
async fn end_epoch(step: &mut SqliteConnection, changing: &Changing) -> Result<(), Fault> {
    let Changing { key, before, epoch, at, cohort } = changing;
    if epoch.ended_at.is_some() {
        return Ok(());
    }
    sqlx::query("UPDATE schedule_epochs SET ended_at = ? WHERE monitor_key = ? AND region = ? AND began_at = ?")
        .bind(at.as_micros())
        .bind(key)
        .bind(epoch.region.as_str())
        .bind(epoch.began_at.as_micros())
        .execute(&mut *step)
        .await?;
    if let Some(cohort) = cohort {
        depart(step, *cohort, &[(epoch.monitor, epoch.schedule)]).await?;
    }
    sqlx::query("DELETE FROM schedule WHERE monitor_key = ?").bind(key).execute(&mut *step).await?;
    if let Some(run) = before.next_slot.and_then(|(slot, schedule)| schedule.run(slot, *at)) {
        gap::leave(step, *key, &epoch.region, run, GapOutcome::Missed).await?;
        fall_silent(step, *key, run).await?;
    }
    sqlx::query("DELETE FROM claims WHERE monitor_key = ? AND (slot >= ? OR token IS NULL)")
        .bind(key)
        .bind(at.as_micros())
        .execute(&mut *step)
        .await?;
    sqlx::query("UPDATE claims SET start_before = min(start_before, ?2) WHERE monitor_key = ?1")
        .bind(key)
        .bind(at.as_micros())
        .execute(step)
        .await?;
    Ok(())
}

/// Opens an epoch with the monitor's grid: due at once.
async fn open_epoch(
    step: &mut SqliteConnection,
    changing: &Changing,
    settings: &Settings,
    version: u32,
) -> Result<(), Fault> {
    let region = Region::default();
    let opening_slot = first_free(step, changing.key, &region, instants_from(changing.at)).await?;
    let epoch = Epoch::open(changing.before.monitor.id, region, settings.interval, changing.at);
    insert_epoch(step, changing.key, &Epoch { opening_slot, ..epoch }, timeout_ms(settings), version).await
}

async fn delete(store: &SqliteStore, workspace: WorkspaceId, id: MonitorId, at: Timestamp) -> Result<bool, Fault> {
    let mut step = store.write().await?;
    let Some(changing) = begin_change(&mut step, workspace, id, at).await? else { return Ok(false) };
    end_epoch(&mut step, &changing).await?;
    sqlx::query("DELETE FROM claims WHERE monitor_key = ?").bind(changing.key).execute(&mut *step).await?;
    incident::end_as_paused(&mut step, changing.key, changing.at).await?;
    sqlx::query("UPDATE monitors SET deleted_at = ? WHERE key = ?")
        .bind(changing.at.as_micros())
        .bind(changing.key)
        .execute(&mut *step)
        .await?;
    step.commit().await?;
    Ok(true)
}

async fn by_id(store: &SqliteStore, ids: &[MonitorId]) -> Result<Vec<Monitor>, Fault> {
    let mut step = store.read().await?;
    let mut monitors = Vec::with_capacity(ids.len());
    for piece in pieces(ids) {
        let statement = "WITH asked (id) AS ({rows})
             SELECT m.* FROM asked CROSS JOIN monitors AS m ON m.id = asked.id WHERE m.deleted_at IS NULL";
        let query = piece.iter().fold(query_with_rows(statement, 1, piece.len()), |query, id| query.bind(id.uuid()));
        for row in query.fetch_all(&mut *step).await? {
            monitors.push(<MonitorRow as sqlx::FromRow<_>>::from_row(&row)?.try_into()?);
        }
    }
    Ok(monitors)
}

fn timeout_ms(settings: &Settings) -> i64 {
    i64::from(settings.timeout.as_secs()) * 1000
}
