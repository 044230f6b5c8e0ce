//! How many of something there may be at once: for each user, and in all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use watchkeeper_domain::id::UserId;

/// A bounded number of places, and who has them.
#[derive(Clone)]
pub(super) struct Places {
    most: usize,
    most_per_user: usize,
    taken: Arc<Mutex<HashMap<UserId, usize>>>,
}

/// The right to one; it is given back when dropped.
pub(super) struct Place {
    places: Places,
    user: UserId,
}

impl Places {
    /// So many places in all, and so many for each user.
    pub(super) fn new(most: usize, most_per_user: usize) -> Self {
        Self { most, most_per_user, taken: Arc::default() }
    }

    /// Takes a place; `None` where there is none left.
    pub(super) fn take(&self, user: UserId) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = taken.values().sum();
        let own = taken.get(&user).copied().unwrap_or_default();
        if all >= self.most || own >= self.most_per_user {
            return None;
        }
        taken.insert(user, own + 1);
        Some(Place { places: self.clone(), user })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.user) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.user);
            }
        }
    }
}
