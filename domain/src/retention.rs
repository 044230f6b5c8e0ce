//! For how long which part of the history is kept.
//!
//! Checks are kept whole for a while, then packed ([`crate::pack`]), then as counts and latencies by the hour and day
//! ([`crate::rollup`]). All of it goes by whole days of UTC. Epochs, gaps, status spans and incidents are few, and live as
//! long as their monitor.

use std::time::Duration;

use crate::invalid::Invalid;
use crate::rollup::{DAY, day_of, hour_of};
use crate::time::{Timestamp, Window};

/// For how many whole days each form of the history is kept. None is kept for longer than the next coarser one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    raw: u32,
    packed: u32,
    rollups: u32,
}

impl Retention {
    /// The most days that can be asked for: a hundred years.
    pub const MAX_DAYS: u32 = 36_525;

    /// What is usual: details for a week, every check for thirteen months, its sums for five years.
    pub const DEFAULT: Self = Self { raw: 7, packed: 400, rollups: 1_830 };

    /// Checks whole for `raw` days, packed until they are `packed` days old, their sums until they are `rollups` days old.
    ///
    /// # Errors
    /// [`Invalid`] on `raw_days`, `packed_days` or `rollup_days`: each is at least one day, at most [`Self::MAX_DAYS`], and
    /// no less than the one before it.
    pub fn new(raw: u32, packed: u32, rollups: u32) -> Result<Self, Invalid> {
        let least = [("raw_days", raw, 1), ("packed_days", packed, raw), ("rollup_days", rollups, packed)];
        for (field, days, least) in least {
            if !(least.max(1)..=Self::MAX_DAYS).contains(&days) {
                let message = format!(
                    "It is {} to {} days: every form of the history is kept at least as long as the finer one before it.",
                    least.max(1),
                    Self::MAX_DAYS
                );
                return Err(Invalid::new(field, "days_out_of_bounds", message));
            }
        }
        Ok(Self { raw, packed, rollups })
    }

    /// For how many days checks are kept whole.
    pub fn raw_days(&self) -> u32 {
        self.raw
    }

    /// For how many days checks are kept at all.
    pub fn packed_days(&self) -> u32 {
        self.packed
    }

    /// For how many days the sums of checks are kept.
    pub fn rollup_days(&self) -> u32 {
        self.rollups
    }

    /// The day from which on checks are kept whole.
    pub fn raw_from(&self, now: Timestamp) -> Timestamp {
        days_before(now, self.raw)
    }

    /// The day from which on checks are kept at all.
    pub fn packed_from(&self, now: Timestamp) -> Timestamp {
        days_before(now, self.packed)
    }

    /// The day from which on the sums of checks are kept.
    pub fn rollups_from(&self, now: Timestamp) -> Timestamp {
        days_before(now, self.rollups)
    }

    /// The part of a window that can be told of: nothing of before the sums, and whole hours only where sums are all that
    /// is left, each end moving inwards.
    pub fn known_part(&self, window: Window, now: Timestamp) -> Window {
        let packed_from = self.packed_from(now);
        let floor = |at: Timestamp| if at < packed_from { hour_of(at) } else { at };
        let to = floor(window.to());
        let from = window.from().max(self.rollups_from(now));
        let from = if floor(from) == from { from } else { floor(from).plus(crate::rollup::HOUR) };
        Window::new(from.min(to), to).unwrap_or(window)
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self::DEFAULT
    }
}

fn days_before(now: Timestamp, days: u32) -> Timestamp {
    day_of(now.minus(DAY.checked_mul(days).unwrap_or(Duration::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::fixture::T0;

    fn hours_ago(hours: i64, minutes: i64) -> Timestamp {
        Timestamp::from_micros(T0.as_micros() - (hours * 60 + minutes) * 60_000_000)
    }

    #[test]
    fn a_coarser_form_is_kept_at_least_as_long_as_a_finer_one() {
        assert_eq!(Retention::new(7, 400, 1_830), Ok(Retention::DEFAULT));
        assert_eq!(Retention::new(1, 1, 1).map(|all| all.raw_days()), Ok(1));
        for (days, field) in [
            ((0, 5, 5), "raw_days"),
            ((6, 5, 7), "packed_days"),
            ((1, 8, 7), "rollup_days"),
            ((1, 8, 40_000), "rollup_days"),
        ] {
            assert_eq!(Retention::new(days.0, days.1, days.2).map_err(|invalid| invalid.field), Err(field));
        }
    }

    #[test]
    fn forms_change_at_the_beginning_of_a_day() {
        let retention = Retention::new(1, 2, 3).unwrap();
        assert_eq!(retention.raw_from(T0), hours_ago(36, 0), "noon is twelve hours into the day");
        assert_eq!(retention.packed_from(T0), hours_ago(60, 0));
        assert_eq!(retention.rollups_from(T0), hours_ago(84, 0));
        assert_eq!(retention.raw_from(Timestamp::EPOCH), Timestamp::from_secs(-86_400));
    }

    #[test]
    fn a_window_is_told_of_as_far_and_as_finely_as_there_is_something_left() {
        let retention = Retention::new(1, 2, 3).unwrap();
        let known = |from, to| {
            let known = retention.known_part(Window::new(from, to).unwrap(), T0);
            (known.from(), known.to())
        };
        assert_eq!(known(hours_ago(59, 30), hours_ago(0, 7)), (hours_ago(59, 30), hours_ago(0, 7)));
        assert_eq!(known(hours_ago(61, 30), hours_ago(60, 30)), (hours_ago(61, 0), hours_ago(61, 0)));
        assert_eq!(known(hours_ago(63, 20), hours_ago(60, 30)), (hours_ago(63, 0), hours_ago(61, 0)));
        assert_eq!(known(hours_ago(900, 0), hours_ago(1, 0)), (hours_ago(84, 0), hours_ago(1, 0)));
        assert_eq!(known(hours_ago(900, 0), hours_ago(800, 0)), (hours_ago(800, 0), hours_ago(800, 0)));
    }
}
