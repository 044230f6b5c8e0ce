//! Users and what they begin with.

use async_trait::async_trait;

use super::MemoryStore;
use crate::account::{Email, SignUpPolicy, User};
use crate::id::UserId;
use crate::notice::{Channel, ChannelKind};
use crate::port::{Credentials, Keeping, NewAccount, RepoResult, SignedUp, UserRepo};
use crate::retention::{Left, OwnRetention};

#[async_trait]
impl UserRepo for MemoryStore {
    async fn sign_up(&self, account: &NewAccount, policy: SignUpPolicy) -> RepoResult<SignedUp> {
        let mut world = self.world();
        let permits = match policy {
            SignUpPolicy::Open => true,
            SignUpPolicy::FirstUser => world.users.is_empty(),
            SignUpPolicy::Closed => false,
        };
        if !permits {
            return Ok(SignedUp::Refused);
        }
        if world.users.values().any(|known| known.user.email == account.user.email) {
            return Ok(SignedUp::EmailTaken);
        }
        let user = account.user.clone();
        let channel = Channel {
            id: account.channel,
            workspace: user.workspace,
            name: "Console".to_owned(),
            kind: ChannelKind::Console,
            is_enabled: true,
            created_at: user.created_at,
        };
        world.channels.insert(channel.id, channel);
        world.workspaces.insert(user.workspace, Keeping { own: OwnRetention::default(), left: Left::ALL });
        world.users.insert(user.id, Credentials { user, password: account.password.clone() });
        world.begin_session(&account.session);
        Ok(SignedUp::Created)
    }

    async fn credentials(&self, email: &Email) -> RepoResult<Option<Credentials>> {
        Ok(self.world().users.values().find(|known| known.user.email == *email).cloned())
    }

    async fn user(&self, id: UserId) -> RepoResult<Option<User>> {
        Ok(self.world().users.get(&id).map(|known| known.user.clone()))
    }
}
