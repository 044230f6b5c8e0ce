//! A clock that is set by hand.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::port::Clock;
use crate::time::Timestamp;

/// A clock that stands still until it is told to move. It can be moved back, as real ones are.
#[derive(Debug)]
pub struct SteppingClock(AtomicI64);

impl SteppingClock {
    /// A clock that stands at an instant.
    pub fn at(instant: Timestamp) -> Self {
        Self(AtomicI64::new(instant.as_micros()))
    }

    /// Sets it to an instant, be it later or earlier.
    pub fn set(&self, instant: Timestamp) {
        self.0.store(instant.as_micros(), Ordering::SeqCst);
    }

    /// Moves it on, and answers where it stands then.
    pub fn advance(&self, by: Duration) -> Timestamp {
        let later = self.now().plus(by);
        self.set(later);
        later
    }
}

impl Clock for SteppingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_only_when_told() {
        let clock = SteppingClock::at(Timestamp::from_secs(10));
        assert_eq!(clock.now(), clock.now());
        assert_eq!(clock.advance(Duration::from_secs(5)), Timestamp::from_secs(15));
        clock.set(Timestamp::from_secs(1));
        assert_eq!(clock.now(), Timestamp::from_secs(1));
    }
}
