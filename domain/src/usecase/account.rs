//! Signing up, logging in, staying logged in, logging out.

use std::sync::Arc;
use std::time::Duration;

use crate::account::{Email, Password, SignUpPolicy, User};
use crate::id::{ChannelId, SessionId, UserId, WorkspaceId};
use crate::invalid::Invalid;
use crate::port::{
    Access, AccessClaims, Clock, IdGenerator, NewAccount, PasswordHasher, RepoError, SessionRepo, SignedUp,
    TokenIssuer, UserRepo,
};
use crate::session::{ACCESS_TOKEN_LIFETIME, AccessToken, NewSession, REFRESH_TOKEN_LIFETIME, RefreshToken, Rotation};
use crate::time::Timestamp;

/// Why an account could not be made or used.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Fields that break a rule.
    #[error("the account's fields break a rule")]
    Invalid(Vec<Invalid>),
    /// The e-mail has an account already.
    #[error("this e-mail address has an account already")]
    EmailTaken,
    /// The operator does not let people sign up (any more).
    #[error("signing up is closed here")]
    SignUpClosed,
    /// E-mail or password is wrong; which one is not told.
    #[error("e-mail address or password is wrong")]
    InvalidCredentials,
    /// The refresh token is not valid (any more).
    #[error("the session has ended")]
    SessionEnded,
    /// The store could not do it.
    #[error(transparent)]
    Repo(#[from] RepoError),
}

/// Somebody who has just proved who they are.
#[derive(Clone, Debug)]
pub struct LoggedIn {
    /// The user who is logged in now.
    pub user: User,
    /// What their requests carry.
    pub access_token: AccessToken,
    /// How long that works.
    pub access_expires_in: Duration,
    /// What brings the next access token; works once.
    pub refresh_token: RefreshToken,
    /// How long that works.
    pub refresh_expires_in: Duration,
}

/// Accounts and sessions.
#[derive(Clone)]
pub struct Accounts {
    /// Users.
    pub users: Arc<dyn UserRepo>,
    /// Families of refresh tokens.
    pub sessions: Arc<dyn SessionRepo>,
    /// Passwords.
    pub hasher: Arc<dyn PasswordHasher>,
    /// Tokens.
    pub tokens: Arc<dyn TokenIssuer>,
    /// Tells the present instant, for expiries.
    pub clock: Arc<dyn Clock>,
    /// Identifiers.
    pub ids: Arc<dyn IdGenerator>,
    /// Who may sign up.
    pub policy: SignUpPolicy,
}

impl Accounts {
    /// Makes an account with a personal workspace and a console channel, and logs in.
    ///
    /// # Errors
    /// `Invalid`, `SignUpClosed`, `EmailTaken`, `Repo`.
    pub async fn sign_up(&self, email: &str, password: &str) -> Result<LoggedIn, AccountError> {
        if self.policy == SignUpPolicy::Closed {
            return Err(AccountError::SignUpClosed);
        }
        let (email, password) = match (Email::parse(email), Password::parse(password)) {
            (Ok(email), Ok(password)) => (email, password),
            (email, password) => {
                return Err(AccountError::Invalid(email.err().into_iter().chain(password.err()).collect()));
            }
        };
        if self.hasher.judge(&password, &email).is_err() {
            let message = "This password would be guessed soon. A few unrelated words make a strong one.";
            return Err(AccountError::Invalid(vec![Invalid::new("password", "password_too_weak", message)]));
        }
        let password = self.hasher.hash(password).await?;
        let now = self.clock.now();
        let user = User {
            id: UserId::new(self.ids.uuid()),
            email,
            workspace: WorkspaceId::new(self.ids.uuid()),
            created_at: now,
        };
        let refresh_token = self.tokens.refresh_token();
        let account = NewAccount {
            session: self.new_session(user.id, &refresh_token, now),
            channel: ChannelId::new(self.ids.uuid()),
            password,
            user: user.clone(),
        };
        match self.users.sign_up(&account, self.policy).await? {
            SignedUp::Created => Ok(self.logged_in(user, refresh_token, now)),
            SignedUp::EmailTaken => Err(AccountError::EmailTaken),
            SignedUp::Refused => Err(AccountError::SignUpClosed),
        }
    }

    /// Proves who somebody is by their password. It takes the same time whether or not the e-mail is known.
    ///
    /// # Errors
    /// `InvalidCredentials`, `Repo`.
    pub async fn log_in(&self, email: &str, password: &str) -> Result<LoggedIn, AccountError> {
        let credentials = match Email::parse(email) {
            Ok(email) => self.users.credentials(&email).await?,
            Err(_) => None,
        };
        let (user, hash) = credentials.map(|found| (found.user, found.password)).unzip();
        let is_right = self.hasher.verify(Password::attempt(password), hash).await?;
        let Some(user) = user.filter(|_| is_right) else {
            return Err(AccountError::InvalidCredentials);
        };
        let now = self.clock.now();
        let refresh_token = self.tokens.refresh_token();
        self.sessions.begin_session(&self.new_session(user.id, &refresh_token, now)).await?;
        Ok(self.logged_in(user, refresh_token, now))
    }

    /// Exchanges a refresh token for a new one and an access token. Showing a used one ends the whole session.
    ///
    /// # Errors
    /// `SessionEnded`, `Repo`.
    pub async fn refresh(&self, shown: &RefreshToken) -> Result<LoggedIn, AccountError> {
        let now = self.clock.now();
        let refresh_token = self.tokens.refresh_token();
        let rotation = self
            .sessions
            .rotate_session(
                self.tokens.refresh_token_hash(shown),
                self.tokens.refresh_token_hash(&refresh_token),
                now.plus(REFRESH_TOKEN_LIFETIME),
                now,
            )
            .await?;
        let Rotation::Rotated { user } = rotation else {
            return Err(AccountError::SessionEnded);
        };
        let user = self.users.user(user).await?.ok_or(AccountError::SessionEnded)?;
        Ok(self.logged_in(user, refresh_token, now))
    }

    /// Ends the session that a refresh token belongs to.
    ///
    /// # Errors
    /// `Repo`.
    pub async fn log_out(&self, shown: &RefreshToken) -> Result<(), AccountError> {
        Ok(self.sessions.end_session(self.tokens.refresh_token_hash(shown)).await?)
    }

    /// What an access token says; `None` where it is not valid (any more).
    pub fn authenticate(&self, token: &str) -> Option<Access> {
        self.tokens.read_access_token(token, self.clock.now())
    }

    /// The user.
    ///
    /// # Errors
    /// `SessionEnded` where there is none any more, `Repo`.
    pub async fn user(&self, id: UserId) -> Result<User, AccountError> {
        self.users.user(id).await?.ok_or(AccountError::SessionEnded)
    }

    fn new_session(&self, user: UserId, token: &RefreshToken, now: Timestamp) -> NewSession {
        NewSession {
            id: SessionId::new(self.ids.uuid()),
            user,
            token: self.tokens.refresh_token_hash(token),
            created_at: now,
            expires_at: now.plus(REFRESH_TOKEN_LIFETIME),
        }
    }

    fn logged_in(&self, user: User, refresh_token: RefreshToken, now: Timestamp) -> LoggedIn {
        let claims = AccessClaims { user: user.id, workspace: user.workspace };
        LoggedIn {
            access_token: self.tokens.access_token(claims, now, now.plus(ACCESS_TOKEN_LIFETIME)),
            access_expires_in: ACCESS_TOKEN_LIFETIME,
            refresh_token,
            refresh_expires_in: REFRESH_TOKEN_LIFETIME,
            user,
        }
    }
}
