//! When to try again: exponential backoff with full jitter, bounded in length and number.
//!
//! Source: Marc Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015). Half of each wait is fixed, so
//! that a jittered wait is never next to nothing.

use std::time::Duration;

/// How attempts are spaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest the first wait can be.
    pub first: Duration,
    /// The longest any wait can be.
    pub longest: Duration,
    /// How many attempts there are in all, the first one included.
    pub attempts: u32,
}

/// How delivering a notice is tried: 12 times over about seven hours.
pub const DELIVERY_BACKOFF: Backoff =
    Backoff { first: Duration::from_secs(10), longest: Duration::from_secs(2 * 3600), attempts: 12 };

impl Backoff {
    /// How long to wait after the attempt of this number (from 1) failed, `chance` being any 32 random bits; `None`
    /// where it was the last one.
    pub fn wait(&self, attempt: u32, chance: u32) -> Option<Duration> {
        if attempt >= self.attempts {
            return None;
        }
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)));
        let ceiling = doubled.min(self.longest);
        Some(ceiling / 2 + (ceiling / 2).mul_f64(f64::from(chance) / f64::from(u32::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_last_attempt_is_the_last() {
        assert!(DELIVERY_BACKOFF.wait(11, 0).is_some());
        assert_eq!(DELIVERY_BACKOFF.wait(12, 0), None);
    }

    proptest! {
        #[test]
        fn a_wait_lies_between_half_and_all_of_its_ceiling(attempt in 1_u32..12, chance in any::<u32>()) {
            let ceiling = Duration::from_secs(10 * 2_u64.pow(attempt - 1)).min(DELIVERY_BACKOFF.longest);
            let wait = DELIVERY_BACKOFF.wait(attempt, chance).unwrap();
            prop_assert!(wait >= ceiling / 2 && wait <= ceiling);
        }
    }
}
