//! Users and their workspaces.

use async_trait::async_trait;
use watchkeeper_domain::account::{Email, SignUpPolicy, User};
use watchkeeper_domain::id::UserId;
use watchkeeper_domain::notice::ChannelKind;
use watchkeeper_domain::port::{Credentials, NewAccount, RepoResult, SignedUp, UserRepo};

use super::{SqliteStore, session};
use crate::row::{Code, Fault, UserRow};

#[async_trait]
impl UserRepo for SqliteStore {
    async fn sign_up(&self, account: &NewAccount, policy: SignUpPolicy) -> RepoResult<SignedUp> {
        Ok(sign_up(self, account, policy).await?)
    }

    async fn credentials(&self, email: &Email) -> RepoResult<Option<Credentials>> {
        let query = sqlx::query_as::<_, UserRow>(
            "SELECT id, email, password_hash, workspace_id, created_at FROM users WHERE email = ?",
        );
        let row = query.bind(email.as_str()).fetch_optional(&self.readers).await.map_err(Fault::from)?;
        Ok(row.map(Credentials::try_from).transpose().map_err(Fault::from)?)
    }

    async fn user(&self, id: UserId) -> RepoResult<Option<User>> {
        let query = sqlx::query_as::<_, UserRow>(
            "SELECT id, email, password_hash, workspace_id, created_at FROM users WHERE id = ?",
        );
        let row = query.bind(id.uuid()).fetch_optional(&self.readers).await.map_err(Fault::from)?;
        let credentials = row.map(Credentials::try_from).transpose().map_err(Fault::from)?;
        Ok(credentials.map(|credentials| credentials.user))
    }
}

async fn sign_up(store: &SqliteStore, account: &NewAccount, policy: SignUpPolicy) -> Result<SignedUp, Fault> {
    let mut step = store.write().await?;
    let is_refused = match policy {
        SignUpPolicy::Open => false,
        SignUpPolicy::FirstUser => {
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM users)").fetch_one(&mut *step).await?
        }
        SignUpPolicy::Closed => true,
    };
    if is_refused {
        return Ok(SignedUp::Refused);
    }
    let user = &account.user;
    let taken = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM users WHERE email = ?)");
    if taken.bind(user.email.as_str()).fetch_one(&mut *step).await? {
        return Ok(SignedUp::EmailTaken);
    }
    let (id, workspace, at) = (user.id.uuid(), user.workspace.uuid(), user.created_at.as_micros());
    sqlx::query("INSERT INTO workspaces (id, created_at) VALUES (?, ?)")
        .bind(workspace)
        .bind(at)
        .execute(&mut *step)
        .await?;
    sqlx::query("INSERT INTO users (id, email, password_hash, workspace_id, created_at) VALUES (?, ?, ?, ?, ?)")
        .bind(id)
        .bind(user.email.as_str())
        .bind(account.password.expose())
        .bind(workspace)
        .bind(at)
        .execute(&mut *step)
        .await?;
    sqlx::query("INSERT INTO memberships (workspace_id, user_id, created_at) VALUES (?, ?, ?)")
        .bind(workspace)
        .bind(id)
        .bind(at)
        .execute(&mut *step)
        .await?;
    sqlx::query(
        "INSERT INTO channels (id, workspace_id, name, kind, is_enabled, created_at) VALUES (?, ?, 'Console', ?, 1, ?)",
    )
    .bind(account.channel.uuid())
    .bind(workspace)
    .bind(ChannelKind::Console.code())
    .bind(at)
    .execute(&mut *step)
    .await?;
    session::begin(&mut step, &account.session).await?;
    step.commit().await?;
    Ok(SignedUp::Created)
}
