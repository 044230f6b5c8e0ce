//! Accounts, sessions and passwords.

use async_trait::async_trait;

use super::RepoResult;
use crate::account::{Email, Password, PasswordHash, SignUpPolicy, User};
use crate::id::{ChannelId, UserId, WorkspaceId};
use crate::session::{AccessToken, NewSession, RefreshToken, RefreshTokenHash, Rotation};
use crate::time::Timestamp;

/// All that comes into being when somebody signs up.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// The user, with the identifier of the personal workspace.
    pub user: User,
    /// How they prove who they are.
    pub password: PasswordHash,
    /// The console channel that every workspace starts with; it is named `Console` and enabled.
    pub channel: ChannelId,
    /// The session they are logged in with at once.
    pub session: NewSession,
}

/// What came of signing up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedUp {
    /// The account is there.
    Created,
    /// The e-mail has an account already; nothing changed.
    EmailTaken,
    /// The policy is against it; nothing changed.
    Refused,
}

/// A user together with what proves who they are.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The user.
    pub user: User,
    /// The hash of their password.
    pub password: PasswordHash,
}

/// Users and their workspaces.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait UserRepo: Send + Sync {
    /// Makes the user, the personal workspace, the membership, the console channel and the first session in one step.
    ///
    /// - An e-mail that is taken MUST be answered with `EmailTaken` and change nothing, also when two sign up at once.
    /// - Under [`SignUpPolicy::FirstUser`] exactly one account MUST come into being, also when two sign up at once;
    ///   under [`SignUpPolicy::Closed`] none. Whether the policy refuses MUST be decided before the e-mail is looked at.
    async fn sign_up(&self, account: &NewAccount, policy: SignUpPolicy) -> RepoResult<SignedUp>;

    /// The user with this e-mail, and their password's hash.
    async fn credentials(&self, email: &Email) -> RepoResult<Option<Credentials>>;

    /// The user.
    async fn user(&self, id: UserId) -> RepoResult<Option<User>>;
}

/// Families of refresh tokens.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait SessionRepo: Send + Sync {
    /// Begins a family with its first token.
    async fn begin_session(&self, session: &NewSession) -> RepoResult<()>;

    /// Puts `new` in the place of `shown`.
    ///
    /// - A token MUST work once; two who show it at once MUST NOT both get `Rotated`.
    /// - Showing a used token of a living family MUST answer `Reused` and end the family, so that the newest token no
    ///   longer works either.
    /// - An unknown token, one whose time is up (`expires_at <= now`), and any token of an ended family MUST answer
    ///   `Unknown` and change nothing.
    async fn rotate_session(
        &self,
        shown: RefreshTokenHash,
        new: RefreshTokenHash,
        new_expires_at: Timestamp,
        now: Timestamp,
    ) -> RepoResult<Rotation>;

    /// Ends the family that the token belongs to, be it used or not; nothing happens where there is none.
    async fn end_session(&self, shown: RefreshTokenHash) -> RepoResult<()>;
}

/// A password that would be guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeakPassword;

/// Hashes passwords and knows weak ones. Hashing takes long on purpose and MUST NOT hold up other tasks.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// Whether the password would be guessed soon by someone who knows the e-mail.
    fn judge(&self, password: &Password, email: &Email) -> Result<(), WeakPassword>;

    /// Hashes a password with a new salt.
    async fn hash(&self, password: Password) -> RepoResult<PasswordHash>;

    /// Whether the password belongs to the hash. Without a hash it answers `false` after the same work, so that the
    /// time it takes does not tell whether there is such a user.
    async fn verify(&self, password: Password, hash: Option<PasswordHash>) -> RepoResult<bool>;
}

/// Who an access token speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessClaims {
    /// The user.
    pub user: UserId,
    /// The workspace in which their requests act.
    pub workspace: WorkspaceId,
}

/// What a valid access token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Who it speaks for.
    pub claims: AccessClaims,
    /// Until when it works; at this moment it does not any more.
    pub expires_at: Timestamp,
}

/// Makes and reads tokens.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait TokenIssuer: Send + Sync {
    /// An access token that works until `expires_at`.
    fn access_token(&self, claims: AccessClaims, now: Timestamp, expires_at: Timestamp) -> AccessToken;

    /// What a token says: `None` where it was not made here, was tampered with, or its time is up.
    fn read_access_token(&self, token: &str, now: Timestamp) -> Option<Access>;

    /// A new refresh token of 256 random bits.
    fn refresh_token(&self) -> RefreshToken;

    /// What is stored of a refresh token.
    fn refresh_token_hash(&self, token: &RefreshToken) -> RefreshTokenHash;
}
