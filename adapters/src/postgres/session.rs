//! Families of refresh tokens.

use async_trait::async_trait;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;
use watchkeeper_domain::id::UserId;
use watchkeeper_domain::port::{RepoResult, SessionRepo};
use watchkeeper_domain::session::{NewSession, RefreshTokenHash, Rotation};
use watchkeeper_domain::time::Timestamp;

use super::{PostgresStore, commit};
use crate::row::{Fault, Instant};

#[async_trait]
impl SessionRepo for PostgresStore {
    async fn begin_session(&self, session: &NewSession) -> RepoResult<()> {
        let mut transaction = self.begin().await?;
        insert_session(&mut transaction, session).await?;
        Ok(commit(transaction).await?)
    }

    async fn rotate_session(
        &self,
        shown: RefreshTokenHash,
        new: RefreshTokenHash,
        new_expires_at: Timestamp,
        now: Timestamp,
    ) -> RepoResult<Rotation> {
        let mut transaction = self.begin().await?;
        let Some(token) = lock_token(&mut transaction, shown).await? else { return Ok(Rotation::Unknown) };
        if token.has_ended || token.expires_at.0 <= now {
            return Ok(Rotation::Unknown);
        }
        if token.is_used {
            end_family(&mut transaction, token.session_id).await?;
            commit(transaction).await?;
            return Ok(Rotation::Reused);
        }
        replace(&mut transaction, shown, new, token.session_id, new_expires_at).await?;
        commit(transaction).await?;
        Ok(Rotation::Rotated { user: UserId::new(token.user_id) })
    }

    async fn end_session(&self, shown: RefreshTokenHash) -> RepoResult<()> {
        sqlx::query(
            "UPDATE sessions
             SET has_ended = true
             FROM session_tokens
             WHERE session_tokens.token_hash = $1 AND sessions.id = session_tokens.session_id",
        )
        .bind(shown.0.as_slice())
        .execute(&self.pool)
        .await
        .map_err(Fault::from)?;
        Ok(())
    }
}

#[derive(FromRow)]
struct TokenRow {
    session_id: Uuid,
    user_id: Uuid,
    has_ended: bool,
    expires_at: Instant,
    is_used: bool,
}

/// Begins a family with its first token.
pub(super) async fn insert_session(connection: &mut PgConnection, session: &NewSession) -> Result<(), Fault> {
    sqlx::query("INSERT INTO sessions (id, user_id, created_at) VALUES ($1, $2, $3)")
        .bind(session.id.uuid())
        .bind(session.user.uuid())
        .bind(Instant(session.created_at))
        .execute(&mut *connection)
        .await?;
    insert_token(connection, session.token, session.id.uuid(), session.expires_at).await
}

/// A token and its family, which nobody else can rotate until the transaction ends.
async fn lock_token(connection: &mut PgConnection, shown: RefreshTokenHash) -> Result<Option<TokenRow>, Fault> {
    let family: Option<Uuid> = sqlx::query_scalar(
        "SELECT sessions.id
         FROM session_tokens JOIN sessions ON sessions.id = session_tokens.session_id
         WHERE token_hash = $1
         FOR UPDATE OF sessions",
    )
    .bind(shown.0.as_slice())
    .fetch_optional(&mut *connection)
    .await?;
    if family.is_none() {
        return Ok(None);
    }
    // Read again: what was waited for may have used the token.
    let token = sqlx::query_as(
        "SELECT session_id, user_id, has_ended, expires_at, is_used
         FROM session_tokens JOIN sessions ON sessions.id = session_tokens.session_id
         WHERE token_hash = $1",
    )
    .bind(shown.0.as_slice())
    .fetch_optional(connection)
    .await?;
    Ok(token)
}

async fn end_family(connection: &mut PgConnection, session: Uuid) -> Result<(), Fault> {
    sqlx::query("UPDATE sessions SET has_ended = true WHERE id = $1").bind(session).execute(connection).await?;
    Ok(())
}

async fn replace(
    connection: &mut PgConnection,
    shown: RefreshTokenHash,
    new: RefreshTokenHash,
    session: Uuid,
    expires_at: Timestamp,
) -> Result<(), Fault> {
    sqlx::query("UPDATE session_tokens SET is_used = true WHERE token_hash = $1")
        .bind(shown.0.as_slice())
        .execute(&mut *connection)
        .await?;
    insert_token(connection, new, session, expires_at).await
}

async fn insert_token(
    connection: &mut PgConnection,
    token: RefreshTokenHash,
    session: Uuid,
    expires_at: Timestamp,
) -> Result<(), Fault> {
    sqlx::query("INSERT INTO session_tokens (token_hash, session_id, expires_at) VALUES ($1, $2, $3)")
        .bind(token.0.as_slice())
        .bind(session)
        .bind(Instant(expires_at))
        .execute(connection)
        .await?;
    Ok(())
}
