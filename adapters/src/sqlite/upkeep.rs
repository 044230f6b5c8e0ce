//! Keeping the store in order.

use async_trait::async_trait;
use watchkeeper_domain::port::{Folded, Purged, RepoResult, Retired, Upkeep};
use watchkeeper_domain::retention::Retention;
use watchkeeper_domain::time::Timestamp;

use super::open::MIGRATIONS;
use super::{SqliteStore, fold, purge, retire, rollup};
use crate::row::{Fault, Unreadable};

#[async_trait]
impl Upkeep for SqliteStore {
    async fn ping(&self) -> RepoResult<()> {
        Ok(ping(self).await?)
    }

    async fn adopt_fingerprint(&self, fingerprint: &str) -> RepoResult<String> {
        let adopted = sqlx::query_scalar(
            "UPDATE instance SET fingerprint = coalesce(fingerprint, ?) WHERE key = 1 RETURNING fingerprint",
        );
        Ok(adopted.bind(fingerprint).fetch_one(&self.writer).await.map_err(Fault::from)?)
    }

    /// The file grows by itself.
    async fn prepare(&self, _now: Timestamp) -> RepoResult<()> {
        Ok(())
    }

    async fn roll_up(&self, now: Timestamp) -> RepoResult<Option<Timestamp>> {
        Ok(rollup::roll_up(self, now).await?)
    }

    async fn fold(&self, limit: u32) -> RepoResult<Folded> {
        let mut step = self.write().await?;
        let folded = fold::fold(&mut step, limit).await?;
        step.commit().await.map_err(Fault::from)?;
        Ok(folded)
    }

    async fn retire(&self, now: Timestamp, retention: &Retention, limit: u32) -> RepoResult<Retired> {
        let mut step = self.write().await?;
        let retired = retire::retire(&mut step, now, retention, limit).await?;
        step.commit().await.map_err(Fault::from)?;
        Ok(retired)
    }

    async fn purge(&self, now: Timestamp, limit: u32) -> RepoResult<Purged> {
        let mut step = self.write().await?;
        let purged = purge::purge(&mut step, now, limit).await?;
        step.commit().await.map_err(Fault::from)?;
        Ok(purged)
    }
}

async fn ping(store: &SqliteStore) -> Result<(), Fault> {
    let newest: Option<i64> =
        sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success").fetch_one(&store.readers).await?;
    let wanted = MIGRATIONS.iter().map(|migration| migration.version).max();
    if newest < wanted {
        return Err(Unreadable::new("complete schema", newest.unwrap_or(0)).into());
    }
    Ok(())
}
