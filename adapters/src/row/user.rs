//! Users as rows.

use sqlx::FromRow;
use uuid::Uuid;
use watchkeeper_domain::account::{Email, PasswordHash, User};
use watchkeeper_domain::id::{UserId, WorkspaceId};
use watchkeeper_domain::port::Credentials;

use super::{Instant, Unreadable};

/// A user with what proves who they are, as a row.
#[derive(FromRow)]
pub(crate) struct UserRow {
    id: Uuid,
    email: String,
    password_hash: String,
    workspace_id: Uuid,
    created_at: Instant,
}

impl TryFrom<UserRow> for Credentials {
    type Error = Unreadable;

    fn try_from(row: UserRow) -> Result<Self, Unreadable> {
        let user = User {
            id: UserId::new(row.id),
            email: Email::parse(&row.email).map_err(|_| Unreadable::new("Email", "a stored address"))?,
            workspace: WorkspaceId::new(row.workspace_id),
            created_at: row.created_at.0,
        };
        Ok(Self { user, password: PasswordHash::new(row.password_hash) })
    }
}
