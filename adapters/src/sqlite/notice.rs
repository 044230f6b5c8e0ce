//! Channels, notices and the ledger of deliveries.

use async_trait::async_trait;
use sqlx::SqliteConnection;
use watchkeeper_domain::id::{LeaseToken, WorkspaceId};
use watchkeeper_domain::notice::{Channel, Delivery, NOTICE_LEASE, NoticeClaim};
use watchkeeper_domain::port::{ChannelRepo, NoticeRepo, RepoResult};
use watchkeeper_domain::time::Timestamp;

use super::SqliteStore;
use crate::row::{ChannelRow, Code, Fault, NoticeRow, Unreadable, micros, outcome_columns};

#[async_trait]
impl ChannelRepo for SqliteStore {
    async fn channels(&self, workspace: WorkspaceId) -> RepoResult<Vec<Channel>> {
        let rows: Vec<ChannelRow> = sqlx::query_as(
            "SELECT id, workspace_id, name, kind, is_enabled, created_at FROM channels WHERE workspace_id = ? ORDER BY id",
        )
        .bind(workspace.uuid())
        .fetch_all(&self.readers)
        .await
        .map_err(Fault::from)?;
        let channels: Result<_, Unreadable> = rows.into_iter().map(Channel::try_from).collect();
        Ok(channels.map_err(Fault::from)?)
    }
}

#[async_trait]
impl NoticeRepo for SqliteStore {
    async fn claim_notices(&self, now: Timestamp, limit: u32, token: LeaseToken) -> RepoResult<Vec<NoticeClaim>> {
        let mut step = self.write().await?;
        let claims = claim(&mut step, now, limit, token).await?;
        step.commit().await.map_err(Fault::from)?;
        Ok(claims)
    }

    async fn record_deliveries(&self, deliveries: &[Delivery]) -> RepoResult<()> {
        let mut step = self.write().await?;
        for delivery in deliveries {
            record(&mut step, delivery).await?;
        }
        Ok(step.commit().await.map_err(Fault::from)?)
    }
}

async fn claim(
    step: &mut SqliteConnection,
    now: Timestamp,
    limit: u32,
    token: LeaseToken,
) -> Result<Vec<NoticeClaim>, Fault> {
    let rows: Vec<NoticeRow> = sqlx::query_as(
        "SELECT n.*, m.id AS monitor_id
           FROM notices AS n
           JOIN monitors AS m ON m.key = n.monitor_key
          WHERE n.state = 0 AND n.due_at <= ?
          ORDER BY n.due_at, n.id
          LIMIT ?",
    )
    .bind(now.as_micros())
    .bind(limit)
    .fetch_all(&mut *step)
    .await?;
    let mut claims = Vec::with_capacity(rows.len());
    for row in rows {
        sqlx::query("UPDATE notices SET token = ?, due_at = ?, attempts = attempts + 1 WHERE id = ?")
            .bind(token.uuid())
            .bind(now.plus(NOTICE_LEASE).as_micros())
            .bind(row.id)
            .execute(&mut *step)
            .await?;
        let attempt = u32::try_from(row.attempts).unwrap_or(0).saturating_add(1);
        claims.push(NoticeClaim { notice: row.try_into()?, attempt, token });
    }
    Ok(claims)
}

async fn record(step: &mut SqliteConnection, delivery: &Delivery) -> Result<(), Fault> {
    let (state, error, retry_at) = outcome_columns(&delivery.outcome);
    let retry_at = retry_at.map(Timestamp::as_micros);
    let moved = sqlx::query(
        "UPDATE notices SET state = ?, due_at = coalesce(?, due_at), token = NULL
          WHERE id = ? AND token = ? AND state = 0",
    )
    .bind(state.code())
    .bind(retry_at)
    .bind(delivery.notice.uuid())
    .bind(delivery.token.uuid())
    .execute(&mut *step)
    .await?;
    if moved.rows_affected() == 0 {
        return Ok(());
    }
    sqlx::query("INSERT INTO deliveries (notice_id, attempt, at, took_us, error, retry_at) VALUES (?, ?, ?, ?, ?, ?)")
        .bind(delivery.notice.uuid())
        .bind(delivery.attempt)
        .bind(delivery.at.as_micros())
        .bind(micros(delivery.took))
        .bind(error)
        .bind(retry_at)
        .execute(step)
        .await?;
    Ok(())
}
