//! Keeping the store in order.

use async_trait::async_trait;
use watchkeeper_domain::port::{Arrears, Folded, Purged, RepoResult, Retired, Upkeep};
use watchkeeper_domain::retention::Retention;
use watchkeeper_domain::time::Timestamp;

use super::open::MIGRATIONS;
use super::{SqliteStore, fold, progress, purge, retire, rollup};
use crate::row::{Fault, Unreadable};

#[async_trait]
impl Upkeep for SqliteStore {
    async fn ping(&self) -> RepoResult<()> {
        Ok(ping(self).await?)
    }

    async fn can_write(&self) -> RepoResult<()> {
        let unchanged = sqlx::query("UPDATE instance SET fingerprint = fingerprint");
        let mut step = self.write().await?;
        unchanged.execute(&mut *step).await.map_err(Fault::from)?;
        Ok(step.commit().await.map_err(Fault::from)?)
    }

    async fn adopt_fingerprint(&self, fingerprint: &str) -> RepoResult<String> {
        let adopted = sqlx::query_scalar(
            "UPDATE instance SET fingerprint = coalesce(fingerprint, ?) WHERE key = 1 RETURNING fingerprint",
        );
        let mut step = self.write().await?;
        let adopted = adopted.bind(fingerprint).fetch_one(&mut *step).await.map_err(Fault::from)?;
        step.commit().await.map_err(Fault::from)?;
        Ok(adopted)
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

    async fn arrears(&self) -> RepoResult<Arrears> {
        let mut snapshot = self.read().await?;
        let (notices, due_at, whole_since): (i64, Option<i64>, Option<i64>) = sqlx::query_as(
            "SELECT (SELECT count(*) FROM (SELECT 1 FROM notices WHERE state = 0 LIMIT ?)),
                    (SELECT min(due_at) FROM notices WHERE state = 0), (SELECT min(slot) FROM checks)",
        )
        .bind(Arrears::MAX_NOTICES)
        .fetch_one(&mut *snapshot)
        .await
        .map_err(Fault::from)?;
        let progress = progress::read(&mut snapshot).await?;
        snapshot.commit().await.map_err(Fault::from)?;
        Ok(Arrears {
            notices: u64::try_from(notices).unwrap_or(0),
            notice_due_at: due_at.map(Timestamp::from_micros),
            rolled_up_to: progress.hours_to,
            folded_to: progress.days_to,
            whole_since: whole_since.map(Timestamp::from_micros),
        })
    }

    async fn size_bytes(&self) -> RepoResult<u64> {
        let pages = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
        let bytes: i64 = sqlx::query_scalar(pages).fetch_one(&self.readers).await.map_err(Fault::from)?;
        Ok(u64::try_from(bytes).unwrap_or(0))
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
