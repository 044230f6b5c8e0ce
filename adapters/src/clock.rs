//! Clocks: the one place where the real time is read, and a clock that follows a database's time.

mod database;

use std::time::{SystemTime, UNIX_EPOCH};

use watchkeeper_domain::port::Clock;
use watchkeeper_domain::time::Timestamp;

pub use database::{DatabaseClock, MEASURE_EVERY, MOST_QUIET_JUMP, TimeSource};

/// The clock of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the adapter behind the port that the lint points to")]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::EPOCH.plus(since_epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_present_lies_after_this_was_written() {
        assert!(SystemClock.now() > Timestamp::from_secs(1_763_000_000));
    }
}
