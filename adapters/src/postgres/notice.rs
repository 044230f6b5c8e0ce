//! Notices: what is owed, and the ledger of what was tried.

use async_trait::async_trait;
use sqlx::PgConnection;
use uuid::Uuid;
use watchkeeper_domain::id::LeaseToken;
use watchkeeper_domain::notice::{Delivery, NOTICE_LEASE, Notice, NoticeClaim};
use watchkeeper_domain::port::{NoticeRepo, RepoResult};
use watchkeeper_domain::time::Timestamp;

use super::{PostgresStore, commit, storable};
use crate::row::{Code, Fault, Instant, NoticeRow, bigint, micros, outcome_columns};

#[async_trait]
impl NoticeRepo for PostgresStore {
    async fn claim_notices(&self, now: Timestamp, limit: u32, token: LeaseToken) -> RepoResult<Vec<NoticeClaim>> {
        // The attempt is counted here, so that one that takes its node down with it counts as well.
        let rows: Vec<NoticeRow> = sqlx::query_as(
            "WITH due AS (
                 SELECT id
                 FROM notices
                 WHERE state = 0 AND due_at <= $1
                 ORDER BY due_at, id
                 LIMIT $2
                 FOR UPDATE SKIP LOCKED
             )
             UPDATE notices AS n
             SET token = $3, due_at = $4, attempts = n.attempts + 1
             FROM due
             WHERE n.id = due.id
             RETURNING n.id, workspace_id, channel_id, channel_kind, monitor_id, incident_id, monitor_name, target_url,
                       from_status, to_status, since, reason_kind, reason_detail, created_at, attempts",
        )
        .bind(Instant(now))
        .bind(i64::from(limit))
        .bind(token.uuid())
        .bind(Instant(now.plus(NOTICE_LEASE)))
        .fetch_all(&self.pool)
        .await
        .map_err(Fault::from)?;
        let claim = |row: NoticeRow| {
            let attempt = u32::try_from(row.attempts).unwrap_or(0);
            Ok(NoticeClaim { notice: Notice::try_from(row)?, attempt, token })
        };
        let mut claims: Vec<NoticeClaim> = rows.into_iter().map(claim).collect::<Result<_, Fault>>()?;
        claims.sort_by_key(|claim| (claim.notice.created_at, claim.notice.id));
        Ok(claims)
    }

    async fn record_deliveries(&self, deliveries: &[Delivery]) -> RepoResult<()> {
        let mut transaction = self.begin().await?;
        let mut ordered: Vec<&Delivery> = deliveries.iter().collect();
        ordered.sort_by_key(|delivery| delivery.notice);
        for delivery in ordered {
            record_delivery(&mut transaction, delivery).await?;
        }
        Ok(commit(transaction).await?)
    }
}

/// Moves a notice on and writes the attempt into the ledger, both only where its token holds.
async fn record_delivery(connection: &mut PgConnection, delivery: &Delivery) -> Result<(), Fault> {
    let (state, error, retry_at) = outcome_columns(&delivery.outcome);
    let held: Option<Uuid> = sqlx::query_scalar(
        "UPDATE notices
         SET state = $3, token = NULL, due_at = coalesce($4, due_at)
         WHERE id = $1 AND token = $2 AND state = 0
         RETURNING id",
    )
    .bind(delivery.notice.uuid())
    .bind(delivery.token.uuid())
    .bind(state.code())
    .bind(retry_at.map(Instant))
    .fetch_optional(&mut *connection)
    .await?;
    if held.is_none() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO deliveries (notice_id, attempt, at, took_us, error, retry_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(delivery.notice.uuid())
    .bind(i32::try_from(bigint(delivery.attempt)).unwrap_or(i32::MAX))
    .bind(Instant(delivery.at))
    .bind(micros(delivery.took))
    .bind(error.map(storable))
    .bind(retry_at.map(Instant))
    .execute(connection)
    .await?;
    Ok(())
}
