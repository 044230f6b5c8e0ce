//! Channels.

use async_trait::async_trait;

use super::MemoryStore;
use crate::id::WorkspaceId;
use crate::notice::Channel;
use crate::port::{ChannelRepo, RepoResult};

#[async_trait]
impl ChannelRepo for MemoryStore {
    async fn channels(&self, workspace: WorkspaceId) -> RepoResult<Vec<Channel>> {
        Ok(self.world().channels.values().filter(|channel| channel.workspace == workspace).cloned().collect())
    }
}
