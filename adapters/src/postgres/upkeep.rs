//! Keeping the store in order.

use async_trait::async_trait;
use watchkeeper_domain::port::{Arrears, Folded, Purged, RepoError, RepoResult, Retired, Upkeep};
use watchkeeper_domain::retention::Retention;
use watchkeeper_domain::time::Timestamp;

use super::connect::MIGRATIONS;
use super::{PostgresStore, commit, fold, partition, progress, purge, retire, rollup};
use crate::row::{Fault, Instant};

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

    /// Read-only servers refuse the statement, whether or not there is a row yet.
    async fn can_write(&self) -> RepoResult<()> {
        let unchanged = "UPDATE instance SET secret_fingerprint = secret_fingerprint";
        sqlx::query(unchanged).execute(&self.pool).await.map_err(Fault::from)?;
        Ok(())
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

    async fn arrears(&self) -> RepoResult<Arrears> {
        let mut snapshot = self.snapshot().await?;
        let (notices, due_at, whole_since): (i64, Option<Instant>, Option<Instant>) = sqlx::query_as(
            "SELECT (SELECT count(*) FROM (SELECT 1 FROM notices WHERE state = 0 LIMIT $1) AS owed),
                    (SELECT min(due_at) FROM notices WHERE state = 0), (SELECT min(slot) FROM checks)",
        )
        .bind(i64::from(Arrears::MAX_NOTICES))
        .fetch_one(&mut *snapshot)
        .await
        .map_err(Fault::from)?;
        let progress = progress::read(&mut snapshot).await?;
        commit(snapshot).await?;
        Ok(Arrears {
            notices: u64::try_from(notices).unwrap_or(0),
            notice_due_at: due_at.map(|at| at.0),
            rolled_up_to: progress.hours_to,
            folded_to: progress.days_to,
            whole_since: whole_since.map(|at| at.0),
        })
    }

    async fn size_bytes(&self) -> RepoResult<u64> {
        let size = sqlx::query_scalar("SELECT pg_database_size(current_database())").fetch_one(&self.pool).await;
        let bytes: i64 = size.map_err(Fault::from)?;
        Ok(u64::try_from(bytes).unwrap_or(0))
    }
}
