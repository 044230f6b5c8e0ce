//! Staying logged in: families of refresh tokens that rotate, so that a stolen one betrays itself.
//!
//! Each log-in begins a family. A refresh token works once and is replaced; whoever shows a used one is either the
//! thief or the robbed, so the whole family ends (RFC 9700, section 4.14.2).

use std::fmt;
use std::time::Duration;

use crate::id::{SessionId, UserId};
use crate::time::Timestamp;

/// How long a refresh token lives, counted from its own making.
pub const REFRESH_TOKEN_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long an access token lives.
pub const ACCESS_TOKEN_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// How long refresh tokens are kept after they expired.
pub const EXPIRED_TOKENS_KEPT: Duration = Duration::from_secs(24 * 3600);

/// Refresh tokens that expired before this instant need not be kept.
pub fn forgotten_before(now: Timestamp) -> Timestamp {
    now.minus(EXPIRED_TOKENS_KEPT)
}

/// A refresh token in the clear, as the browser keeps it. It never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken(String);

impl RefreshToken {
    /// Takes the text of a token.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret, for the cookie and for hashing.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken(..)")
    }
}

/// The SHA-256 of a refresh token: what the store keeps. Tokens have 256 random bits, so no salt is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RefreshTokenHash(pub [u8; 32]);

/// An access token, ready to send. It never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken(String);

impl AccessToken {
    /// Takes the text of a token.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The token, for the answer to the one it was made for.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(..)")
    }
}

/// The first token of a new family, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSession {
    /// The family.
    pub id: SessionId,
    /// The user who is logged in by it.
    pub user: UserId,
    /// The first token.
    pub token: RefreshTokenHash,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the token stops working.
    pub expires_at: Timestamp,
}

/// What came of showing a refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// It was the newest of a living family: the new one took its place.
    Rotated {
        /// Whose family it is.
        user: UserId,
    },
    /// It had been used before: the family has ended, for everybody who holds a token of it.
    Reused,
    /// Nobody knows it, or it is too old, or its family has ended.
    Unknown,
}
