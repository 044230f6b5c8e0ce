//! Workspaces.

use async_trait::async_trait;
use watchkeeper_domain::id::{MonitorId, WorkspaceId};
use watchkeeper_domain::port::{Keeping, MonitorKeeping, RepoResult, WorkspaceRepo};
use watchkeeper_domain::retention::{Left, OwnRetention};

use super::PostgresStore;
use crate::row::{Fault, Instant, KeepingRow, LeftRow, MonitorKeepingRow, OwnRetentionRow};

/// What a workspace `w` keeps, and what is left of it after all that was let go of (`p`).
macro_rules! kept {
    () => {
        "w.raw_days, w.packed_days, w.rollup_days,
                    greatest(w.raw_from, p.raw_from) AS raw_from,
                    greatest(w.packed_from, p.packed_from) AS packed_from,
                    greatest(w.rollups_from, p.rollups_from) AS rollups_from"
    };
}

#[async_trait]
impl WorkspaceRepo for PostgresStore {
    async fn keeping(&self, workspace: WorkspaceId) -> RepoResult<Option<Keeping>> {
        let row: Option<KeepingRow> = sqlx::query_as(concat!(
            "SELECT ",
            kept!(),
            "
             FROM workspaces AS w CROSS JOIN history_progress AS p
             WHERE w.id = $1"
        ))
        .bind(workspace.uuid())
        .fetch_optional(&self.questions)
        .await
        .map_err(Fault::from)?;
        Ok(row.map(Keeping::try_from).transpose().map_err(Fault::from)?)
    }

    async fn keeping_of(&self, workspace: WorkspaceId, monitor: MonitorId) -> RepoResult<Option<MonitorKeeping>> {
        let row: Option<MonitorKeepingRow> = sqlx::query_as(concat!(
            "SELECT m.created_at, ",
            kept!(),
            "
             FROM monitors AS m
             JOIN workspaces AS w ON w.id = m.workspace_id
             CROSS JOIN history_progress AS p
             WHERE m.id = $1 AND m.workspace_id = $2 AND m.deleted_at IS NULL"
        ))
        .bind(monitor.uuid())
        .bind(workspace.uuid())
        .fetch_optional(&self.questions)
        .await
        .map_err(Fault::from)?;
        Ok(row.map(MonitorKeeping::try_from).transpose().map_err(Fault::from)?)
    }

    async fn keep_for(&self, workspace: WorkspaceId, own: OwnRetention, left: Left) -> RepoResult<Option<Keeping>> {
        let [raw_days, packed_days, rollup_days] = OwnRetentionRow::columns(&own);
        let [raw_from, packed_from, rollups_from] = LeftRow::columns(&left).map(|from| from.map(Instant));
        sqlx::query(
            "UPDATE workspaces
             SET raw_days = $2, packed_days = $3, rollup_days = $4, raw_from = greatest(raw_from, $5),
                 packed_from = greatest(packed_from, $6), rollups_from = greatest(rollups_from, $7),
                 retired_at = NULL, retired_id = NULL
             WHERE id = $1",
        )
        .bind(workspace.uuid())
        .bind(raw_days)
        .bind(packed_days)
        .bind(rollup_days)
        .bind(raw_from)
        .bind(packed_from)
        .bind(rollups_from)
        .execute(&self.pool)
        .await
        .map_err(Fault::from)?;
        self.keeping(workspace).await
    }
}
