//! Passwords: hashed with argon2id, weighed with zxcvbn.

mod memory;

use std::num::NonZeroUsize;
use std::sync::Arc;

use argon2::password_hash::phc;
use argon2::{Params, PasswordHasher as _, PasswordVerifier as _};
use async_trait::async_trait;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use watchkeeper_domain::account::{Email, Password, PasswordHash};
use watchkeeper_domain::port::{PasswordHasher, RepoError, RepoResult, WeakPassword};
use zxcvbn::{Score, zxcvbn};

use memory::{Frugal, Memory};

/// Memory of one hash in KiB: 19 MiB, with two passes and one lane the first choice for argon2id of the OWASP Password
/// Storage Cheat Sheet (<https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id>).
pub const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over the memory; see [`MEMORY_KIB`].
pub const PASSES: u32 = 2;
/// Lanes; see [`MEMORY_KIB`].
pub const LANES: u32 = 1;

/// How many may wait for their turn before newcomers are turned away: some seconds of work.
pub const MAX_WAITING: usize = 64;

/// Verified where there is no such user, so that this takes as long as a wrong password. It belongs to nobody, and
/// what comes of it is not looked at.
const NOBODYS_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$d2F0Y2hrZWVwZXItbm9ib2R5$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// How passwords are hashed from now on; those that were hashed otherwise say how.
const PARAMS: Params = match Params::new(MEMORY_KIB, PASSES, LANES, None) {
    Ok(params) => params,
    Err(_) => Params::DEFAULT,
};

/// Hashes with argon2id, off the asynchronous threads and only a few at once: each takes [`MEMORY_KIB`] of memory and a
/// whole core. The memory is kept for the next one, for as many as there may be at once.
#[derive(Clone, Debug)]
pub struct Argon2Hasher {
    memory: Memory,
    at_once: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

impl Argon2Hasher {
    /// A hasher that works on so many passwords at once.
    pub fn new(at_once: NonZeroUsize) -> Self {
        Self {
            memory: Memory::new(at_once.get(), &PARAMS),
            at_once: Arc::new(Semaphore::new(at_once.get())),
            admitted: Arc::new(Semaphore::new(at_once.get().saturating_add(MAX_WAITING).min(Semaphore::MAX_PERMITS))),
        }
    }

    /// Runs work on a thread of its own when its turn comes. The turn ends with the work, not with whoever waits for
    /// it: those who hang up do not make room for more work than the bound permits.
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce(Frugal<'_>) -> RepoResult<T> + Send + 'static,
    ) -> RepoResult<T> {
        let admission = Arc::clone(&self.admitted).try_acquire_owned().map_err(unavailable)?;
        let turn = Arc::clone(&self.at_once).acquire_owned().await.map_err(unavailable)?;
        let memory = self.memory.clone();
        let held: (OwnedSemaphorePermit, OwnedSemaphorePermit) = (admission, turn);
        let work = spawn_blocking(move || {
            let done = work(Frugal { params: &PARAMS, memory: &memory });
            drop(held);
            done
        });
        work.await.map_err(unavailable)?
    }
}

impl Default for Argon2Hasher {
    /// One password at once for each core.
    fn default() -> Self {
        Self::new(std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }
}

#[async_trait]
impl PasswordHasher for Argon2Hasher {
    fn judge(&self, password: &Password, email: &Email) -> Result<(), WeakPassword> {
        let parts = email.as_str().split(['@', '.', '+', '-', '_']);
        let known: Vec<&str> = parts.chain([email.as_str(), "watchkeeper"]).filter(|part| !part.is_empty()).collect();
        if zxcvbn(password.expose(), &known).score() < Score::Two { Err(WeakPassword) } else { Ok(()) }
    }

    async fn hash(&self, password: Password) -> RepoResult<PasswordHash> {
        self.in_turn(move |argon2| {
            let hash: phc::PasswordHash = argon2.hash_password(password.expose().as_bytes()).map_err(unavailable)?;
            Ok(PasswordHash::new(hash.to_string()))
        })
        .await
    }

    async fn verify(&self, password: Password, hash: Option<PasswordHash>) -> RepoResult<bool> {
        self.in_turn(move |argon2| {
            let phc = hash.as_ref().map_or(NOBODYS_HASH, PasswordHash::expose);
            let parsed = phc::PasswordHash::new(phc).map_err(|error| RepoError::Corrupt(Box::new(error)))?;
            match argon2.verify_password(password.expose().as_bytes(), &parsed) {
                Ok(()) => Ok(hash.is_some()),
                Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
                Err(error @ argon2::password_hash::Error::OutOfMemory) => Err(unavailable(error)),
                Err(error) => Err(RepoError::Corrupt(Box::new(error))),
            }
        })
        .await
    }
}

fn unavailable(cause: impl std::error::Error + Send + Sync + 'static) -> RepoError {
    RepoError::Unavailable(Box::new(cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    use argon2::{Algorithm, Argon2, Version};

    fn hasher() -> Argon2Hasher {
        Argon2Hasher::new(NonZeroUsize::MIN)
    }

    fn password(text: &str) -> Password {
        Password::parse(text).unwrap()
    }

    #[tokio::test]
    async fn a_password_fits_its_own_hash_and_no_other() {
        let hasher = hasher();
        let hash = hasher.hash(password("correct horse battery")).await.unwrap();
        assert!(hasher.verify(password("correct horse battery"), Some(hash.clone())).await.unwrap());
        assert!(!hasher.verify(password("correct horse batterz"), Some(hash)).await.unwrap());
    }

    #[tokio::test]
    async fn a_hash_says_how_it_was_made_and_has_a_salt_of_its_own() {
        let hasher = hasher();
        let first = hasher.hash(password("correct horse battery")).await.unwrap();
        let second = hasher.hash(password("correct horse battery")).await.unwrap();
        assert!(first.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", first.expose());
        assert_ne!(first.expose(), second.expose());
    }

    #[tokio::test]
    async fn a_hash_with_older_parameters_still_verifies() {
        let older = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8 * 1024, 1, 1, None).unwrap());
        let phc: phc::PasswordHash = older.hash_password(b"correct horse battery").unwrap();
        let hash = PasswordHash::new(phc.to_string());
        assert!(hasher().verify(password("correct horse battery"), Some(hash)).await.unwrap());
    }

    #[tokio::test]
    async fn without_a_hash_no_password_is_right() {
        assert!(!hasher().verify(password("correct horse battery"), None).await.unwrap());
    }

    #[tokio::test]
    async fn nobodys_hash_costs_what_a_users_costs() {
        let users = hasher().hash(password("correct horse battery")).await.unwrap();
        let users = phc::PasswordHash::new(users.expose()).unwrap();
        let nobodys = phc::PasswordHash::new(NOBODYS_HASH).unwrap();
        assert_eq!((nobodys.algorithm, nobodys.version), (users.algorithm, users.version));
        assert_eq!(nobodys.params.to_string(), users.params.to_string());
        assert_eq!(nobodys.hash.unwrap().len(), users.hash.unwrap().len());
    }

    #[tokio::test]
    async fn hashing_leaves_the_thread_to_others() {
        let (hasher, password) = (hasher(), password("correct horse battery"));
        let mut hashing = std::pin::pin!(hasher.hash(password.clone()));
        assert!(futures_util::poll!(&mut hashing).is_pending(), "it is done elsewhere");
        let hash = hashing.await.unwrap();
        let mut verifying = std::pin::pin!(hasher.verify(password, Some(hash)));
        assert!(futures_util::poll!(&mut verifying).is_pending());
        assert!(verifying.await.unwrap());
    }

    #[tokio::test]
    async fn a_stored_hash_that_is_none_is_reported_as_corrupt() {
        let answer = hasher().verify(password("correct horse battery"), Some(PasswordHash::new("plain"))).await;
        assert!(matches!(answer, Err(RepoError::Corrupt(_))));
    }

    #[tokio::test]
    async fn a_crowd_is_turned_away_and_nobody_who_was_let_in_is() {
        let hasher = hasher();
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let first = hasher.clone();
        let first = tokio::spawn(async move { first.in_turn(move |_| Ok(gate.recv().is_err())).await });
        let waiting: Vec<_> = (0..MAX_WAITING)
            .map(|_| {
                let hasher = hasher.clone();
                tokio::spawn(async move { hasher.in_turn(|_| Ok(())).await })
            })
            .collect();
        while hasher.admitted.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(hasher.in_turn(|_| Ok(())).await, Err(RepoError::Unavailable(_))));
        drop(open);
        assert!(first.await.unwrap().unwrap());
        for turn in waiting {
            turn.await.unwrap().unwrap();
        }
        assert!(hasher.in_turn(|_| Ok(())).await.is_ok(), "there is room again");
    }

    #[test]
    fn what_is_guessed_soon_is_weak() {
        let email = Email::parse("ada.lovelace@analytical-engine.org").unwrap();
        for text in ["password", "12345678", "qwertyui", "adalovelace", "watchkeeper", "analytical1", "aaaaaaaaaaaa"] {
            assert_eq!(hasher().judge(&password(text), &email), Err(WeakPassword), "{text}");
        }
        for text in ["correct horse battery staple", "x7#kQ9vz!m"] {
            assert_eq!(hasher().judge(&password(text), &email), Ok(()), "{text}");
        }
    }
}
