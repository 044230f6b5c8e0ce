//! Workspaces.

use async_trait::async_trait;
use watchkeeper_domain::id::{MonitorId, WorkspaceId};
use watchkeeper_domain::port::{Keeping, MonitorKeeping, RepoResult, WorkspaceRepo};
use watchkeeper_domain::retention::{Left, OwnRetention};
use watchkeeper_domain::time::Timestamp;

use super::SqliteStore;
use crate::row::{Fault, KeepingRow, LeftRow, MonitorKeepingRow, OwnRetentionRow};

/// What a workspace `w` keeps, and what is left of it after all that was let go of (`p`): of two instants the later one, or
/// the one that there is.
macro_rules! kept {
    () => {
        "w.raw_days, w.packed_days, w.rollup_days,
                    max(ifnull(w.raw_from, p.raw_from), ifnull(p.raw_from, w.raw_from)) AS raw_from,
                    max(ifnull(w.packed_from, p.packed_from), ifnull(p.packed_from, w.packed_from)) AS packed_from,
                    max(ifnull(w.rollups_from, p.rollups_from), ifnull(p.rollups_from, w.rollups_from)) AS rollups_from"
    };
}

#[async_trait]
impl WorkspaceRepo for SqliteStore {
    async fn keeping(&self, workspace: WorkspaceId) -> RepoResult<Option<Keeping>> {
        let row: Option<KeepingRow> = sqlx::query_as(concat!(
            "SELECT ",
            kept!(),
            "
               FROM workspaces AS w CROSS JOIN history_progress AS p
              WHERE w.id = ?"
        ))
        .bind(workspace.uuid())
        .fetch_optional(&self.readers)
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
              WHERE m.id = ? AND m.workspace_id = ? AND m.deleted_at IS NULL"
        ))
        .bind(monitor.uuid())
        .bind(workspace.uuid())
        .fetch_optional(&self.readers)
        .await
        .map_err(Fault::from)?;
        Ok(row.map(MonitorKeeping::try_from).transpose().map_err(Fault::from)?)
    }

    async fn keep_for(&self, workspace: WorkspaceId, own: OwnRetention, left: Left) -> RepoResult<Option<Keeping>> {
        let [raw_days, packed_days, rollup_days] = OwnRetentionRow::columns(&own);
        let [raw_from, packed_from, rollups_from] = LeftRow::columns(&left).map(|from| from.map(Timestamp::as_micros));
        let mut step = self.write().await?;
        sqlx::query(
            "UPDATE workspaces
                SET raw_days = ?2, packed_days = ?3, rollup_days = ?4,
                    raw_from = max(ifnull(raw_from, ?5), ifnull(?5, raw_from)),
                    packed_from = max(ifnull(packed_from, ?6), ifnull(?6, packed_from)),
                    rollups_from = max(ifnull(rollups_from, ?7), ifnull(?7, rollups_from)),
                    retired_at = NULL, retired_id = NULL
              WHERE id = ?1",
        )
        .bind(workspace.uuid())
        .bind(raw_days)
        .bind(packed_days)
        .bind(rollup_days)
        .bind(raw_from)
        .bind(packed_from)
        .bind(rollups_from)
        .execute(&mut *step)
        .await
        .map_err(Fault::from)?;
        step.commit().await.map_err(Fault::from)?;
        self.keeping(workspace).await
    }
}
