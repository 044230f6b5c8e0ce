//! Accounts and sessions as the API shows them.

use poem_openapi::types::{Example, Password};
use poem_openapi::{Enum, Object};
use uuid::{Uuid, uuid};
use watchkeeper_domain::account;
use watchkeeper_domain::time::Timestamp;
use watchkeeper_domain::usecase::LoggedIn;

use crate::http::bound::{Email, NewPassword};
use crate::http::value::Time;

/// An account to be made.
#[derive(Object)]
#[oai(example, deny_unknown_fields)]
pub(super) struct NewAccount {
    /// The e-mail address, its length in bytes; upper and lower case are the same.
    pub email: Email,
    /// The password. One that would soon be guessed is refused.
    pub password: NewPassword,
}

impl Example for NewAccount {
    fn example() -> Self {
        let Credentials { email, password } = Credentials::example();
        Self { email: Email(email), password: NewPassword(password.0) }
    }
}

/// What proves who somebody is. Nothing about it is refused: what cannot be right is simply wrong.
#[derive(Object)]
#[oai(example, deny_unknown_fields)]
pub(super) struct Credentials {
    /// The e-mail address of the account; upper and lower case are the same.
    pub email: String,
    /// The password.
    pub password: Password,
}

impl Example for Credentials {
    fn example() -> Self {
        Self { email: "ada@example.org".into(), password: Password("mossy lantern by the quay".into()) }
    }
}

/// A user.
#[derive(Object)]
#[oai(example)]
pub(super) struct User {
    /// Which.
    id: Uuid,
    /// Where they are reached, lower-cased.
    email: String,
    /// The personal workspace, in which their requests act.
    workspace_id: Uuid,
    /// When they signed up.
    created_at: Time,
}

impl Example for User {
    fn example() -> Self {
        Self {
            id: uuid!("019c1405-6400-7000-8000-0000000000a1"),
            email: "ada@example.org".into(),
            workspace_id: uuid!("019c1405-6400-7000-8000-0000000000b1"),
            created_at: Time(Timestamp::from_secs(1_769_860_800)),
        }
    }
}

impl From<&account::User> for User {
    fn from(user: &account::User) -> Self {
        Self {
            id: user.id.uuid(),
            email: user.email.as_str().to_owned(),
            workspace_id: user.workspace.uuid(),
            created_at: user.created_at.into(),
        }
    }
}

/// How an access token is used.
#[derive(Enum)]
pub(super) enum TokenType {
    /// `Authorization: Bearer ...` (RFC 6750).
    Bearer,
}

/// A session: an access token for requests, and the user.
#[derive(Object)]
#[oai(example)]
pub(super) struct Session {
    /// Goes into the header `Authorization` of every request.
    access_token: String,
    /// How it is used.
    token_type: TokenType,
    /// After how many seconds it stops working.
    expires_in: u64,
    /// Who is logged in.
    user: User,
}

impl Example for Session {
    fn example() -> Self {
        Self {
            access_token: "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIuLi4ifQ.c2lnbmF0dXJl".into(),
            token_type: TokenType::Bearer,
            expires_in: 900,
            user: User::example(),
        }
    }
}

impl From<&LoggedIn> for Session {
    fn from(logged_in: &LoggedIn) -> Self {
        Self {
            access_token: logged_in.access_token.expose().to_owned(),
            token_type: TokenType::Bearer,
            expires_in: logged_in.access_expires_in.as_secs(),
            user: User::from(&logged_in.user),
        }
    }
}
