//! How many streams there may be at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use watchkeeper_domain::id::UserId;

use crate::http::problem::{Kind, Problem};

/// How many streams a user may have at once: one for each open page.
const MAX_STREAMS_PER_USER: usize = 32;
/// How many streams this server has at once.
const MAX_STREAMS: usize = 10_000;
/// When it is worth trying again.
const RETRY_AFTER: Duration = Duration::from_secs(15);

/// The streams that there are, by user.
#[derive(Clone, Default)]
pub(in crate::http) struct Slots(Arc<Mutex<HashMap<UserId, usize>>>);

/// The right to one stream; it is given back when dropped.
pub(super) struct Slot {
    slots: Slots,
    user: UserId,
}

impl Slots {
    /// Takes the right to one more stream.
    ///
    /// # Errors
    /// `TooManyRequests`.
    pub(super) fn take(&self, user: UserId) -> Result<Slot, Problem> {
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = streams.values().sum();
        let own = streams.get(&user).copied().unwrap_or_default();
        if all >= MAX_STREAMS || own >= MAX_STREAMS_PER_USER {
            return Err(too_many_streams());
        }
        streams.insert(user, own + 1);
        Ok(Slot { slots: self.clone(), user })
    }
}

/// What is said to one stream too many.
pub(super) fn too_many_streams() -> Problem {
    Problem::new(Kind::TooManyRequests).detail("Too many streams are open. Close one first.").retry_after(RETRY_AFTER)
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut streams = self.slots.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = streams.get_mut(&self.user) {
            *own -= 1;
            if *own == 0 {
                streams.remove(&self.user);
            }
        }
    }
}
