//! The memory that hashes work in, kept from one hash to the next.
//!
//! Each hash fills [`MEMORY_KIB`](super::MEMORY_KIB) of it. Where each gets memory of its own, it comes out of another of
//! the allocator's arenas each time, for every hash is on another thread, and glibc gives back none of it: the process
//! grows with the sign-ins. So what a hash has filled is wiped and lent to the next one.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::password_hash::{CustomizedPasswordHasher, Error, PasswordHasher, Result, Version};
use argon2::{Algorithm, Argon2, Block, Params, Version as Argon2Version};

/// Memory for so many hashes at once. Clones share it.
#[derive(Clone)]
pub(super) struct Memory {
    idle: Arc<Mutex<Vec<Vec<Block>>>>,
    /// How many pieces are kept; who works beyond that gets one that is let go of afterwards.
    most: usize,
    /// How long a piece is that is kept, in blocks.
    usual: usize,
}

impl Memory {
    /// Keeps at most so many pieces, each as long as these parameters ask for.
    pub(super) fn new(most: usize, params: &Params) -> Self {
        Self { idle: Arc::default(), most, usual: params.block_count() }
    }

    /// A piece of at least so many blocks, an idle one where there is any.
    fn lend(&self, blocks: usize) -> Result<Lent<'_>> {
        let mut lent = Lent { blocks: self.idle().pop().unwrap_or_default(), of: self };
        let lacking = blocks.saturating_sub(lent.blocks.len());
        lent.blocks.try_reserve_exact(lacking).map_err(|_| Error::OutOfMemory)?;
        lent.blocks.resize(lent.blocks.len() + lacking, Block::new());
        Ok(lent)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Vec<Block>>> {
        // Nothing that is done under the lock can leave the list half changed.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Memory").field("most", &self.most).field("usual", &self.usual).finish_non_exhaustive()
    }
}

/// A piece of memory while somebody works in it. Afterwards it is wiped, also where the work failed.
struct Lent<'a> {
    blocks: Vec<Block>,
    of: &'a Memory,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut blocks = std::mem::take(&mut self.blocks);
        blocks.fill(Block::new());
        // What the optimiser cannot see the use of it must not leave out.
        std::hint::black_box(blocks.as_mut_slice());
        let mut idle = self.of.idle();
        // One that an older hash with other parameters made longer, or left shorter, does not stay.
        if idle.len() < self.of.most && blocks.len() == self.of.usual {
            idle.push(blocks);
        }
    }
}

/// Argon2id that works in memory which is kept. It makes and verifies the same hashes as [`Argon2`] alone.
pub(super) struct Frugal<'a> {
    pub(super) params: &'a Params,
    pub(super) memory: &'a Memory,
}

impl PasswordHasher<PasswordHash> for Frugal<'_> {
    fn hash_password_with_salt(&self, password: &[u8], salt: &[u8]) -> Result<PasswordHash> {
        let (algorithm, version) = (Algorithm::Argon2id.as_str(), Argon2Version::V0x13.into());
        self.hash_password_customized(password, salt, Some(algorithm), Some(version), self.params.clone())
    }
}

/// That a hash of whatever parameters can be made is what verifying one rests on.
impl CustomizedPasswordHasher<PasswordHash> for Frugal<'_> {
    type Params = Params;

    fn hash_password_customized(
        &self,
        password: &[u8],
        salt: &[u8],
        algorithm: Option<&str>,
        version: Option<Version>,
        params: Params,
    ) -> Result<PasswordHash> {
        let algorithm = algorithm.map(Algorithm::try_from).transpose()?.unwrap_or_default();
        let version = version.map(Argon2Version::try_from).transpose()?.unwrap_or_default();
        let salt = Salt::new(salt)?;
        let mut output = [0; Output::MAX_LENGTH];
        let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
        let output = output.get_mut(..length).ok_or(Error::OutputSize)?;
        let mut lent = self.memory.lend(params.block_count())?;
        let argon2 = Argon2::new(algorithm, version, params);
        argon2.hash_password_into_with_memory(password, &salt, output, &mut lent.blocks)?;
        Ok(PasswordHash {
            algorithm: algorithm.ident(),
            version: Some(version.into()),
            params: ParamsString::try_from(argon2.params())?,
            salt: Some(salt),
            hash: Some(Output::new(output)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use argon2::PasswordVerifier;

    const SALT: &[u8] = b"sixteen bytes of";

    /// The least that there is, so that the tests are quick: what is tested does not depend on how much it is.
    fn params(memory_kib: u32) -> Params {
        Params::new(memory_kib, 1, 1, None).unwrap()
    }

    fn bare(algorithm: Algorithm, version: Argon2Version, params: Params) -> PasswordHash {
        Argon2::new(algorithm, version, params).hash_password_with_salt(b"correct horse", SALT).unwrap()
    }

    #[test]
    fn hashes_are_those_that_argon2_makes_alone_however_often_the_memory_was_used() {
        let params = params(64);
        let memory = Memory::new(1, &params);
        let frugal = Frugal { params: &params, memory: &memory };
        let alone = bare(Algorithm::Argon2id, Argon2Version::V0x13, params.clone());
        for _ in 0..3 {
            let other = frugal.hash_password_with_salt(b"another password", b"and another salt").unwrap();
            assert_ne!(other.hash, alone.hash);
            assert_eq!(frugal.hash_password_with_salt(b"correct horse", SALT).unwrap(), alone);
        }
    }

    #[test]
    fn hashes_of_every_kind_and_length_verify_as_before() {
        let usual = params(64);
        let memory = Memory::new(1, &usual);
        let frugal = Frugal { params: &usual, memory: &memory };
        for algorithm in [Algorithm::Argon2d, Algorithm::Argon2i, Algorithm::Argon2id] {
            for version in [Argon2Version::V0x10, Argon2Version::V0x13] {
                for params in [params(8), params(64), params(256), Params::new(32, 2, 2, Some(16)).unwrap()] {
                    let hash = bare(algorithm, version, params);
                    assert_eq!(frugal.verify_password(b"correct horse", &hash), Ok(()), "{hash}");
                    assert_eq!(frugal.verify_password(b"wrong horse", &hash), Err(Error::PasswordInvalid), "{hash}");
                }
            }
        }
    }

    #[test]
    fn no_more_memory_is_kept_than_is_used_at_once() {
        let memory = Memory::new(2, &params(64));
        let at_once: Vec<_> = (0..5).map(|_| memory.lend(64).unwrap()).collect();
        assert_eq!(memory.idle().len(), 0);
        drop(at_once);
        assert_eq!(memory.idle().len(), 2);
    }

    #[test]
    fn memory_that_was_used_is_used_again() {
        let memory = Memory::new(1, &params(64));
        let first = memory.lend(64).unwrap().blocks.as_ptr();
        assert_eq!(memory.lend(64).unwrap().blocks.as_ptr(), first);
    }

    #[test]
    fn what_was_made_longer_for_one_hash_is_not_kept() {
        let memory = Memory::new(1, &params(64));
        assert_eq!(memory.lend(256).unwrap().blocks.len(), 256);
        assert_eq!(memory.idle().len(), 0);
    }

    #[test]
    fn nothing_of_a_password_stays_in_memory_that_is_kept() {
        let params = params(64);
        let memory = Memory::new(1, &params);
        let is_blank = |memory: &Memory| {
            let idle = memory.idle();
            assert_eq!(idle.len(), 1);
            idle.iter().flatten().flat_map(AsRef::as_ref).all(|word| *word == 0)
        };
        Frugal { params: &params, memory: &memory }.hash_password_with_salt(b"correct horse", SALT).unwrap();
        assert!(is_blank(&memory));
        let working = std::panic::catch_unwind(|| {
            let mut lent = memory.lend(64).unwrap();
            lent.blocks[7].as_mut()[0] = 1;
            panic!("while it works");
        });
        assert!(working.is_err() && is_blank(&memory));
    }
}
