//! Families of refresh tokens.

use async_trait::async_trait;
use sqlx::{FromRow, SqliteConnection};
use uuid::Uuid;
use watchkeeper_domain::id::UserId;
use watchkeeper_domain::port::{RepoResult, SessionRepo};
use watchkeeper_domain::session::{NewSession, RefreshTokenHash, Rotation};
use watchkeeper_domain::time::Timestamp;

use super::SqliteStore;
use crate::row::Fault;

#[async_trait]
impl SessionRepo for SqliteStore {
    async fn begin_session(&self, session: &NewSession) -> RepoResult<()> {
        let mut step = self.write().await?;
        begin(&mut step, session).await?;
        Ok(step.commit().await.map_err(Fault::from)?)
    }

    async fn rotate_session(
        &self,
        shown: RefreshTokenHash,
        new: RefreshTokenHash,
        new_expires_at: Timestamp,
        now: Timestamp,
    ) -> RepoResult<Rotation> {
        let mut step = self.write().await?;
        let rotation = rotate(&mut step, shown, new, new_expires_at, now).await?;
        step.commit().await.map_err(Fault::from)?;
        Ok(rotation)
    }

    async fn end_session(&self, shown: RefreshTokenHash) -> RepoResult<()> {
        let mut step = self.write().await?;
        sqlx::query("UPDATE sessions SET ended = 1 WHERE id = (SELECT session_id FROM session_tokens WHERE hash = ?)")
            .bind(&shown.0[..])
            .execute(&mut *step)
            .await
            .map_err(Fault::from)?;
        step.commit().await.map_err(Fault::from)?;
        Ok(())
    }
}

/// Begins a family with its first token.
pub(super) async fn begin(step: &mut SqliteConnection, session: &NewSession) -> Result<(), Fault> {
    sqlx::query("INSERT INTO sessions (id, user_id, created_at) VALUES (?, ?, ?)")
        .bind(session.id.uuid())
        .bind(session.user.uuid())
        .bind(session.created_at.as_micros())
        .execute(&mut *step)
        .await?;
    insert_token(step, session.id.uuid(), session.token, session.expires_at).await
}

async fn insert_token(
    step: &mut SqliteConnection,
    session: Uuid,
    token: RefreshTokenHash,
    expires_at: Timestamp,
) -> Result<(), Fault> {
    sqlx::query("INSERT INTO session_tokens (hash, session_id, expires_at) VALUES (?, ?, ?)")
        .bind(token.0.to_vec())
        .bind(session)
        .bind(expires_at.as_micros())
        .execute(step)
        .await?;
    Ok(())
}

#[derive(FromRow)]
struct TokenRow {
    session_id: Uuid,
    user_id: Uuid,
    expires_at: i64,
    used: bool,
    ended: bool,
}

async fn rotate(
    step: &mut SqliteConnection,
    shown: RefreshTokenHash,
    new: RefreshTokenHash,
    new_expires_at: Timestamp,
    now: Timestamp,
) -> Result<Rotation, Fault> {
    let token: Option<TokenRow> = sqlx::query_as(
        "SELECT token.session_id, session.user_id, token.expires_at, token.used, session.ended
           FROM session_tokens AS token
           JOIN sessions AS session ON session.id = token.session_id
          WHERE token.hash = ?",
    )
    .bind(&shown.0[..])
    .fetch_optional(&mut *step)
    .await?;
    let Some(token) = token.filter(|token| !token.ended && token.expires_at > now.as_micros()) else {
        return Ok(Rotation::Unknown);
    };
    if token.used {
        sqlx::query("UPDATE sessions SET ended = 1 WHERE id = ?").bind(token.session_id).execute(step).await?;
        return Ok(Rotation::Reused);
    }
    sqlx::query("UPDATE session_tokens SET used = 1 WHERE hash = ?").bind(&shown.0[..]).execute(&mut *step).await?;
    insert_token(step, token.session_id, new, new_expires_at).await?;
    Ok(Rotation::Rotated { user: UserId::new(token.user_id) })
}
