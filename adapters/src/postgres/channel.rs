//! Channels.

use async_trait::async_trait;
use sqlx::FromRow;
use uuid::Uuid;
use watchkeeper_domain::id::{ChannelId, WorkspaceId};
use watchkeeper_domain::notice::Channel;
use watchkeeper_domain::port::{ChannelRepo, RepoResult};

use super::PostgresStore;
use super::instant::Instant;
use crate::row::{Code, Fault, Unreadable};

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

#[derive(FromRow)]
struct ChannelRow {
    id: Uuid,
    workspace_id: Uuid,
    name: String,
    kind: i16,
    is_enabled: bool,
    created_at: Instant,
}

impl TryFrom<ChannelRow> for Channel {
    type Error = Unreadable;

    fn try_from(row: ChannelRow) -> Result<Self, Unreadable> {
        Ok(Self {
            id: ChannelId::new(row.id),
            workspace: WorkspaceId::new(row.workspace_id),
            name: row.name,
            kind: Code::of_code(row.kind)?,
            is_enabled: row.is_enabled,
            created_at: row.created_at.0,
        })
    }
}
