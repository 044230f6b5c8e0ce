//! Monitors: making, reading, changing and deleting them.

mod change;

use async_trait::async_trait;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;
use watchkeeper_domain::check::Region;
use watchkeeper_domain::id::{MonitorId, WorkspaceId};
use watchkeeper_domain::monitor::{Monitor, Settings};
use watchkeeper_domain::port::{Change, Created, MonitorRepo, MonitorView, RepoResult};
use watchkeeper_domain::schedule::Epoch;
use watchkeeper_domain::status::State;
use watchkeeper_domain::time::Timestamp;

use super::span::{NewSpan, begin_spans};
use super::{PostgresStore, commit};
use crate::row::{Fault, Instant, MonitorRow, SettingsRow, StateRow, bigint, next_slot, schedule};

#[async_trait]
impl MonitorRepo for PostgresStore {
    async fn create_monitor(&self, monitor: &Monitor, most: u32) -> RepoResult<Created> {
        let mut transaction = self.begin().await?;
        if has_reached(&mut transaction, monitor.workspace, most).await? {
            return Ok(Created::LimitReached);
        }
        begin(&mut transaction, monitor).await?;
        commit(transaction).await?;
        Ok(Created::Created)
    }

    async fn monitor(&self, workspace: WorkspaceId, id: MonitorId) -> RepoResult<Option<MonitorView>> {
        let mut connection = self.questions.acquire().await.map_err(Fault::from)?;
        Ok(view(&mut connection, workspace, id).await?)
    }

    async fn monitors(
        &self,
        workspace: WorkspaceId,
        after: Option<MonitorId>,
        limit: u32,
    ) -> RepoResult<Vec<MonitorView>> {
        // The page first, and then a look-up for each of its monitors, to which OFFSET 0 keeps the planner: a merge would go
        // through what others have between them. Cohorts are few, a hundred for a million monitors.
        let rows: Vec<ViewRow> = sqlx::query_as(
            "SELECT m.id, m.workspace_id, m.name, m.target_kind, m.url, m.http_method, m.follow_redirects,
                    m.interval_secs, m.timeout_secs, m.statuses, m.slow_after_ms, m.confirm_down, m.confirm_up,
                    m.is_active, m.created_at, m.version,
                    st.held, st.since, st.streak_since, st.streak_count, st.silence_since, st.silence_count, st.last_slot,
                    sc.next_due_at, sc.interval_ms, sc.phase_ms, co.claimed_to
             FROM (
                 SELECT *
                 FROM monitors
                 WHERE workspace_id = $1 AND deleted_at IS NULL AND id > $2
                 ORDER BY id
                 LIMIT $3
             ) AS m
             CROSS JOIN LATERAL (SELECT * FROM monitor_states WHERE monitor_id = m.id OFFSET 0) AS st
             LEFT JOIN LATERAL (SELECT * FROM schedule WHERE monitor_id = m.id OFFSET 0) AS sc ON true
             LEFT JOIN cohorts AS co ON co.id = sc.cohort_id
             ORDER BY m.id",
        )
        .bind(workspace.uuid())
        .bind(after.map_or(Uuid::nil(), MonitorId::uuid))
        .bind(i64::from(limit))
        .fetch_all(&self.questions)
        .await
        .map_err(Fault::from)?;
        Ok(rows.into_iter().map(ViewRow::view).collect::<Result<_, _>>()?)
    }

    async fn change_monitor(
        &self,
        workspace: WorkspaceId,
        id: MonitorId,
        change: &Change,
        at: Timestamp,
    ) -> RepoResult<Option<MonitorView>> {
        Ok(self.done_again(|| self.change_once(workspace, id, change, at)).await?)
    }

    async fn delete_monitor(&self, workspace: WorkspaceId, id: MonitorId, at: Timestamp) -> RepoResult<bool> {
        Ok(self.done_again(|| self.delete_once(workspace, id, at)).await?)
    }

    async fn monitors_by_id(&self, ids: &[MonitorId]) -> RepoResult<Vec<Monitor>> {
        let rows: Vec<MonitorRow> = sqlx::query_as(
            "SELECT id, workspace_id, name, target_kind, url, http_method, follow_redirects, interval_secs, timeout_secs,
                    statuses, slow_after_ms, confirm_down, confirm_up, is_active, created_at, version
             FROM monitors
             WHERE id = ANY ($1) AND deleted_at IS NULL",
        )
        .bind(ids.iter().map(|id| id.uuid()).collect::<Vec<_>>())
        .fetch_all(&self.pool)
        .await
        .map_err(Fault::from)?;
        Ok(rows.into_iter().map(Monitor::try_from).collect::<Result<_, _>>().map_err(Fault::from)?)
    }
}

impl PostgresStore {
    async fn change_once(
        &self,
        workspace: WorkspaceId,
        id: MonitorId,
        change: &Change,
        at: Timestamp,
    ) -> Result<Option<MonitorView>, Fault> {
        let mut transaction = self.begin().await?;
        if !change::change(&mut transaction, workspace, id, change, at).await? {
            return Ok(None);
        }
        let view = view(&mut transaction, workspace, id).await?;
        commit(transaction).await?;
        Ok(view)
    }

    async fn delete_once(&self, workspace: WorkspaceId, id: MonitorId, at: Timestamp) -> Result<bool, Fault> {
        let mut transaction = self.begin().await?;
        let was_there = change::delete(&mut transaction, workspace, id, at).await?;
        commit(transaction).await?;
        Ok(was_there)
    }
}

#[derive(FromRow)]
struct ViewRow {
    #[sqlx(flatten)]
    monitor: MonitorRow,
    #[sqlx(flatten)]
    state: StateRow,
    next_due_at: Option<Instant>,
    interval_ms: Option<i64>,
    phase_ms: Option<i64>,
    claimed_to: Option<Instant>,
}

impl ViewRow {
    fn view(self) -> Result<MonitorView, Fault> {
        let next_slot = match (self.next_due_at, self.interval_ms, self.phase_ms) {
            (Some(next_due_at), Some(interval_ms), Some(phase_ms)) => {
                let schedule = schedule(interval_ms, phase_ms);
                let slot = next_slot(schedule, next_due_at.0, self.claimed_to.map(|at| at.0));
                Some((slot, schedule))
            }
            _ => None,
        };
        Ok(MonitorView { monitor: self.monitor.try_into()?, state: self.state.try_into()?, next_slot })
    }
}

async fn view(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    id: MonitorId,
) -> Result<Option<MonitorView>, Fault> {
    let row: Option<ViewRow> = sqlx::query_as(
        "SELECT m.id, m.workspace_id, m.name, m.target_kind, m.url, m.http_method, m.follow_redirects,
                m.interval_secs, m.timeout_secs, m.statuses, m.slow_after_ms, m.confirm_down, m.confirm_up,
                m.is_active, m.created_at, m.version,
                st.held, st.since, st.streak_since, st.streak_count, st.silence_since, st.silence_count, st.last_slot,
                sc.next_due_at, sc.interval_ms, sc.phase_ms, co.claimed_to
         FROM monitors AS m
         JOIN monitor_states AS st ON st.monitor_id = m.id
         LEFT JOIN schedule AS sc ON sc.monitor_id = m.id
         LEFT JOIN cohorts AS co ON co.id = sc.cohort_id
         WHERE m.id = $1 AND m.workspace_id = $2 AND m.deleted_at IS NULL",
    )
    .bind(id.uuid())
    .bind(workspace.uuid())
    .fetch_optional(connection)
    .await?;
    row.map(ViewRow::view).transpose()
}

/// Whether the workspace has as many monitors as it may. It is locked, so that two at once are counted one by one.
async fn has_reached(connection: &mut PgConnection, workspace: WorkspaceId, most: u32) -> Result<bool, Fault> {
    sqlx::query("SELECT FROM workspaces WHERE id = $1 FOR NO KEY UPDATE")
        .bind(workspace.uuid())
        .execute(&mut *connection)
        .await?;
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM monitors WHERE workspace_id = $1 AND deleted_at IS NULL")
        .bind(workspace.uuid())
        .fetch_one(connection)
        .await?;
    Ok(count >= i64::from(most))
}

/// Writes a new monitor with everything that it begins with.
async fn begin(connection: &mut PgConnection, monitor: &Monitor) -> Result<(), Fault> {
    let settings = SettingsRow::from(&monitor.settings);
    sqlx::query(
        "INSERT INTO monitors (id, workspace_id, name, target_kind, url, http_method, follow_redirects, interval_secs,
                               timeout_secs, statuses, slow_after_ms, confirm_down, confirm_up, is_active, created_at,
                               version)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, true, $14, $15)",
    )
    .bind(monitor.id.uuid())
    .bind(monitor.workspace.uuid())
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
    .bind(Instant(monitor.created_at))
    .bind(i32::try_from(monitor.version).unwrap_or(i32::MAX))
    .execute(&mut *connection)
    .await?;
    let state = State::pending(monitor.created_at);
    let row = StateRow::from(&state);
    sqlx::query(
        "INSERT INTO monitor_states (monitor_id, held, since, streak_count, silence_count, last_slot)
         VALUES ($1, $2, $3, 0, 0, $4)",
    )
    .bind(monitor.id.uuid())
    .bind(row.held)
    .bind(Instant(state.since))
    .bind(Instant(state.last_slot))
    .execute(&mut *connection)
    .await?;
    begin_spans(connection, &[NewSpan { monitor: monitor.id, status: state.held, from: state.since }]).await?;
    let epoch = Epoch::open(monitor.id, Region::default(), monitor.settings.interval, monitor.created_at);
    open_epoch(connection, &epoch, &monitor.settings, monitor.version).await
}

/// Writes an epoch and puts its opening slot on the schedule, where the monitor is due by itself at first.
async fn open_epoch(
    connection: &mut PgConnection,
    epoch: &Epoch,
    settings: &Settings,
    version: u32,
) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO schedule_epochs (monitor_id, region, began_at, opening_slot, interval_ms, phase_ms)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(epoch.monitor.uuid())
    .bind(epoch.region.as_str())
    .bind(Instant(epoch.began_at))
    .bind(Instant(epoch.opening_slot))
    .bind(bigint(epoch.schedule.interval_ms()))
    .bind(bigint(epoch.schedule.phase_ms()))
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO schedule (monitor_id, region, next_due_at, interval_ms, phase_ms, timeout_ms, version)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT ON CONSTRAINT schedule_pkey
         DO UPDATE SET next_due_at = excluded.next_due_at, interval_ms = excluded.interval_ms,
                       phase_ms = excluded.phase_ms, timeout_ms = excluded.timeout_ms, version = excluded.version,
                       cohort_id = NULL, changed = NULL",
    )
    .bind(epoch.monitor.uuid())
    .bind(epoch.region.as_str())
    .bind(Instant(epoch.opening_slot))
    .bind(bigint(epoch.schedule.interval_ms()))
    .bind(bigint(epoch.schedule.phase_ms()))
    .bind(timeout_ms(settings))
    .bind(i32::try_from(version).unwrap_or(i32::MAX))
    .execute(connection)
    .await?;
    Ok(())
}

fn timeout_ms(settings: &Settings) -> i64 {
    bigint(settings.timeout.duration().as_millis())
}
