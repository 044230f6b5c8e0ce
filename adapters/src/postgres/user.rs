//! Users, and all that comes into being with them.

use async_trait::async_trait;
use sqlx::PgConnection;
use watchkeeper_domain::account::{Email, SignUpPolicy, User};
use watchkeeper_domain::id::UserId;
use watchkeeper_domain::notice::ChannelKind;
use watchkeeper_domain::port::{Credentials, NewAccount, RepoResult, SignedUp, UserRepo};

use super::session::insert_session;
use super::{PostgresStore, Work, commit, take_turns};
use crate::row::{Code, Fault, Instant, UserRow};

#[async_trait]
impl UserRepo for PostgresStore {
    async fn sign_up(&self, account: &NewAccount, policy: SignUpPolicy) -> RepoResult<SignedUp> {
        if policy == SignUpPolicy::Closed {
            return Ok(SignedUp::Refused);
        }
        let mut transaction = self.begin().await?;
        if policy == SignUpPolicy::FirstUser && !is_first(&mut transaction).await? {
            return Ok(SignedUp::Refused);
        }
        if !insert_account(&mut transaction, account).await? {
            return Ok(SignedUp::EmailTaken);
        }
        commit(transaction).await?;
        Ok(SignedUp::Created)
    }

    async fn credentials(&self, email: &Email) -> RepoResult<Option<Credentials>> {
        let row: Option<UserRow> = sqlx::query_as(
            "SELECT id, email, password_hash, workspace_id, created_at
             FROM users
             WHERE email = $1",
        )
        .bind(email.as_str())
        .fetch_optional(&self.pool)
        .await
        .map_err(Fault::from)?;
        Ok(row.map(Credentials::try_from).transpose().map_err(Fault::from)?)
    }

    async fn user(&self, id: UserId) -> RepoResult<Option<User>> {
        let row: Option<UserRow> = sqlx::query_as(
            "SELECT id, email, password_hash, workspace_id, created_at
             FROM users
             WHERE id = $1",
        )
        .bind(id.uuid())
        .fetch_optional(&self.pool)
        .await
        .map_err(Fault::from)?;
        Ok(row.map(Credentials::try_from).transpose().map_err(Fault::from)?.map(|known| known.user))
    }
}

/// Whether there is no user yet; nobody else can become the first one until the transaction ends.
async fn is_first(connection: &mut PgConnection) -> Result<bool, Fault> {
    take_turns(connection, Work::SigningUp).await?;
    let is_first = sqlx::query_scalar("SELECT NOT EXISTS (SELECT FROM users)").fetch_one(connection).await?;
    Ok(is_first)
}

/// Writes everything about a new account; `false` where the e-mail is taken, and the transaction is to be dropped.
async fn insert_account(connection: &mut PgConnection, account: &NewAccount) -> Result<bool, Fault> {
    let NewAccount { user, password, channel, session } = account;
    let created_at = Instant(user.created_at);
    let is_taken: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM users WHERE email = $1)")
        .bind(user.email.as_str())
        .fetch_one(&mut *connection)
        .await?;
    if is_taken {
        return Ok(false);
    }
    // Another who signs up at this moment is met by the constraint.
    sqlx::query("INSERT INTO workspaces (id, created_at) VALUES ($1, $2)")
        .bind(user.workspace.uuid())
        .bind(created_at)
        .execute(&mut *connection)
        .await?;
    let inserted = sqlx::query(
        "INSERT INTO users (id, email, password_hash, workspace_id, created_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT ON CONSTRAINT users_email_key DO NOTHING",
    )
    .bind(user.id.uuid())
    .bind(user.email.as_str())
    .bind(password.expose())
    .bind(user.workspace.uuid())
    .bind(created_at)
    .execute(&mut *connection)
    .await?;
    if inserted.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query("INSERT INTO memberships (workspace_id, user_id, created_at) VALUES ($1, $2, $3)")
        .bind(user.workspace.uuid())
        .bind(user.id.uuid())
        .bind(created_at)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO channels (id, workspace_id, name, kind, is_enabled, created_at)
         VALUES ($1, $2, 'Console', $3, true, $4)",
    )
    .bind(channel.uuid())
    .bind(user.workspace.uuid())
    .bind(ChannelKind::Console.code())
    .bind(created_at)
    .execute(&mut *connection)
    .await?;
    insert_session(connection, session).await?;
    Ok(true)
}
