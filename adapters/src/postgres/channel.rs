//! Channels.

use async_trait::async_trait;
use watchkeeper_domain::id::WorkspaceId;
use watchkeeper_domain::notice::Channel;
use watchkeeper_domain::port::{ChannelRepo, RepoResult};

use super::PostgresStore;
use crate::row::{ChannelRow, Fault};

#[async_trait]
impl ChannelRepo for PostgresStore {
    async fn channels(&self, workspace: WorkspaceId) -> RepoResult<Vec<Channel>> {
        let rows: Vec<ChannelRow> = sqlx::query_as(
            "SELECT id, workspace_id, name, kind, is_enabled, created_at
             FROM channels
             WHERE workspace_id = $1
             ORDER BY id",
        )
        .bind(workspace.uuid())
        .fetch_all(&self.pool)
        .await
        .map_err(Fault::from)?;
        Ok(rows.into_iter().map(Channel::try_from).collect::<Result<_, _>>().map_err(Fault::from)?)
    }
}
