//! Keeping the store in order.

use async_trait::async_trait;
use watchkeeper_domain::port::{Folded, Purged, RepoError, RepoResult, Retired, Upkeep};
use watchkeeper_domain::retention::Retention;
use watchkeeper_domain::time::Timestamp;

use super::connect::MIGRATIONS;
use super::{PostgresStore, commit, fold, partition, purge, retire, rollup};
use crate::row::Fault;

#[async_trait]
impl Upkeep for PostgresStore {
    async fn ping(&self) -> RepoResult<()> {
        let wanted = MIGRATIONS.iter().map(|migration| migration.version).max();
        let applied: Result<Option<i64>, sqlx::Error> =
            sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success").fetch_one(&self.pool).await;
        match applied {
            Ok(applied) if applied >= wanted => Ok(()),
            Ok(_) => Err(RepoError::Unavailable("the schema is older than this program".into())),
            // Before the first migration there is no such table.
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01") => {
                Err(RepoError::Unavailable(Box::new(sqlx::Error::Database(error))))
            }
            Err(error) => Err(Fault::from(error).into()),
        }
    }

    async fn adopt_fingerprint(&self, fingerprint: &str) -> RepoResult<String> {
        sqlx::query(
            "INSERT INTO instance (secret_fingerprint) VALUES ($1)
             ON CONFLICT ON CONSTRAINT instance_pkey DO NOTHING",
        )
        .bind(fingerprint)
        .execute(&self.pool)
        .await
        .map_err(Fault::from)?;
        let kept = sqlx::query_scalar("SELECT secret_fingerprint FROM instance").fetch_one(&self.pool).await;
        Ok(kept.map_err(Fault::from)?)
    }

    async fn prepare(&self, now: Timestamp) -> RepoResult<()> {
        let mut transaction = self.begin().await?;
        partition::prepare(&mut transaction, now).await?;
        Ok(commit(transaction).await?)
    }

    async fn roll_up(&self, now: Timestamp) -> RepoResult<Option<Timestamp>> {
        let mut transaction = self.begin().await?;
        let hour = rollup::roll_up(&mut transaction, now).await?;
        commit(transaction).await?;
        Ok(hour)
    }

    async fn fold(&self, limit: u32) -> RepoResult<Folded> {
        let mut transaction = self.begin().await?;
        let folded = fold::fold(&mut transaction, i64::from(limit)).await?;
        commit(transaction).await?;
        Ok(folded)
    }

    async fn retire(&self, now: Timestamp, retention: &Retention, limit: u32) -> RepoResult<Retired> {
        let mut transaction = self.begin().await?;
        let retired = retire::retire(&mut transaction, now, retention, i64::from(limit)).await?;
        commit(transaction).await?;
        Ok(retired)
    }

    async fn purge(&self, now: Timestamp, limit: u32) -> RepoResult<Purged> {
        let mut transaction = self.begin().await?;
        let purged = purge::purge(&mut transaction, now, i64::from(limit)).await?;
        commit(transaction).await?;
        Ok(purged)
    }
}
