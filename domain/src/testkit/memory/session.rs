//! Families of refresh tokens.

use async_trait::async_trait;

use super::{MemoryStore, World};
use crate::id::{SessionId, UserId};
use crate::port::{RepoResult, SessionRepo};
use crate::session::{NewSession, RefreshTokenHash, Rotation};
use crate::time::Timestamp;

/// One log-in and all its rotations.
pub(super) struct Family {
    user: UserId,
    has_ended: bool,
}

/// One refresh token.
pub(super) struct Token {
    pub(super) family: SessionId,
    pub(super) expires_at: Timestamp,
    is_used: bool,
}

#[async_trait]
impl SessionRepo for MemoryStore {
    async fn begin_session(&self, session: &NewSession) -> RepoResult<()> {
        self.world().begin_session(session);
        Ok(())
    }

    async fn rotate_session(
        &self,
        shown: RefreshTokenHash,
        new: RefreshTokenHash,
        new_expires_at: Timestamp,
        now: Timestamp,
    ) -> RepoResult<Rotation> {
        let mut world = self.world();
        let World { families, tokens, .. } = &mut *world;
        let Some(token) = tokens.get_mut(&shown).filter(|token| now < token.expires_at) else {
            return Ok(Rotation::Unknown);
        };
        let Some(family) = families.get_mut(&token.family).filter(|family| !family.has_ended) else {
            return Ok(Rotation::Unknown);
        };
        if token.is_used {
            family.has_ended = true;
            return Ok(Rotation::Reused);
        }
        token.is_used = true;
        let next = Token { family: token.family, expires_at: new_expires_at, is_used: false };
        tokens.insert(new, next);
        Ok(Rotation::Rotated { user: family.user })
    }

    async fn end_session(&self, shown: RefreshTokenHash) -> RepoResult<()> {
        let mut world = self.world();
        let World { families, tokens, .. } = &mut *world;
        if let Some(family) = tokens.get(&shown).and_then(|token| families.get_mut(&token.family)) {
            family.has_ended = true;
        }
        Ok(())
    }
}

impl World {
    /// Begins a family with its first token.
    pub(super) fn begin_session(&mut self, session: &NewSession) {
        self.families.insert(session.id, Family { user: session.user, has_ended: false });
        let token = Token { family: session.id, expires_at: session.expires_at, is_used: false };
        self.tokens.insert(session.token, token);
    }
}
