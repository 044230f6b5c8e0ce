//! For how long which part of the history is kept.
//!
//! Checks are kept whole for a while, then packed ([`crate::pack`]), then as counts and latencies by the hour and day
//! ([`crate::rollup`]). All of it goes by whole days of UTC. Epochs, gaps, status spans and incidents are few, and live as
//! long as their monitor.

use std::time::Duration;

use crate::check::Check;
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

    /// What is left of history by these terms.
    pub fn left(&self, now: Timestamp) -> Left {
        Left {
            raw_from: days_before(now, self.raw),
            packed_from: days_before(now, self.packed),
            rollups_from: days_before(now, self.rollups),
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// For how many days a workspace asks to have each form of its own history kept, where that is less than the operator keeps
/// it anyway; `None` leaves it at that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnRetention {
    raw: Option<u32>,
    packed: Option<u32>,
    rollups: Option<u32>,
}

impl OwnRetention {
    /// As with [`Retention::new`], of those that are named.
    ///
    /// # Errors
    /// [`Invalid`] on `raw_days`, `packed_days` or `rollup_days`: each is at least one day, at most
    /// [`Retention::MAX_DAYS`], and no less than one before it.
    pub fn new(raw: Option<u32>, packed: Option<u32>, rollups: Option<u32>) -> Result<Self, Invalid> {
        let raw_at_least = raw.unwrap_or(1);
        let packed_at_least = packed.unwrap_or(raw_at_least);
        Retention::new(raw_at_least, packed_at_least, rollups.unwrap_or(packed_at_least.max(raw_at_least)))?;
        Ok(Self { raw, packed, rollups })
    }

    /// For how many days checks are to be kept whole.
    pub fn raw_days(&self) -> Option<u32> {
        self.raw
    }

    /// For how many days checks are to be kept at all.
    pub fn packed_days(&self) -> Option<u32> {
        self.packed
    }

    /// For how many days the sums of checks are to be kept.
    pub fn rollup_days(&self) -> Option<u32> {
        self.rollups
    }

    /// Whether it asks for anything.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What holds under an operator's terms: the shorter of each, and no form for longer than the next coarser one.
    pub fn within(&self, operators: &Retention) -> Retention {
        let rollups = self.rollups.map_or(operators.rollups, |days| days.min(operators.rollups));
        let packed = self.packed.unwrap_or(operators.packed).min(operators.packed).min(rollups);
        let raw = self.raw.unwrap_or(operators.raw).min(operators.raw).min(packed);
        Retention { raw, packed, rollups }
    }

    /// The first of its wishes that an operator's terms cannot grant.
    ///
    /// # Errors
    /// [`Invalid`] on `raw_days`, `packed_days` or `rollup_days`.
    pub fn fits(&self, operators: &Retention) -> Result<(), Invalid> {
        let most = [
            ("raw_days", self.raw, operators.raw),
            ("packed_days", self.packed, operators.packed),
            ("rollup_days", self.rollups, operators.rollups),
        ];
        for (field, days, most) in most {
            if days.is_some_and(|days| days > most) {
                let message = format!("It is at most {most} days: the operator of this server keeps it no longer.");
                return Err(Invalid::new(field, "days_out_of_bounds", message));
            }
        }
        Ok(())
    }
}

/// From which day on each form of a history is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Checks are whole from here on.
    pub raw_from: Timestamp,
    /// There are checks from here on.
    pub packed_from: Timestamp,
    /// There are sums of checks from here on.
    pub rollups_from: Timestamp,
}

impl Left {
    /// Nothing has ever been let go of.
    pub const ALL: Self = Self {
        raw_from: Timestamp::from_micros(i64::MIN),
        packed_from: Timestamp::from_micros(i64::MIN),
        rollups_from: Timestamp::from_micros(i64::MIN),
    };

    /// What is left where both have let go of something.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            raw_from: self.raw_from.max(other.raw_from),
            packed_from: self.packed_from.max(other.packed_from),
            rollups_from: self.rollups_from.max(other.rollups_from),
        }
    }

    /// The part of a window that can be told of: nothing of before the sums, and whole hours only where sums are all that
    /// is left, each end moving inwards.
    pub fn known_part(&self, window: Window) -> Window {
        let floor = |at: Timestamp| if at < self.packed_from { hour_of(at) } else { at };
        let to = floor(window.to());
        let from = window.from().max(self.rollups_from);
        let from = if floor(from) == from { from } else { floor(from).plus(crate::rollup::HOUR) };
        Window::new(from.min(to), to).unwrap_or(window)
    }

    /// What is left of a check: all of it, what is packed of it, or nothing.
    pub fn of(&self, check: Check) -> Option<Check> {
        match check.slot {
            slot if slot < self.packed_from => None,
            slot if slot < self.raw_from => Some(check.packed()),
            _ => Some(check),
        }
    }
}

fn days_before(now: Timestamp, days: u32) -> Timestamp {
    day_of(now.minus(DAY.checked_mul(days).unwrap_or(Duration::MAX)))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::check::{Origin, Region};
    use crate::id::MonitorId;
    use crate::report::Timings;
    use crate::testkit::fixture::T0;
    use crate::verdict::Verdict;

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
        let left = retention.left(T0);
        assert_eq!(left.raw_from, hours_ago(36, 0), "noon is twelve hours into the day");
        assert_eq!(left.packed_from, hours_ago(60, 0));
        assert_eq!(left.rollups_from, hours_ago(84, 0));
        assert_eq!(retention.left(Timestamp::EPOCH).raw_from, Timestamp::from_secs(-86_400));
    }

    #[test]
    fn a_window_is_told_of_as_far_and_as_finely_as_there_is_something_left() {
        let left = Retention::new(1, 2, 3).unwrap().left(T0);
        let known = |from, to| {
            let known = left.known_part(Window::new(from, to).unwrap());
            (known.from(), known.to())
        };
        assert_eq!(known(hours_ago(59, 30), hours_ago(0, 7)), (hours_ago(59, 30), hours_ago(0, 7)));
        assert_eq!(known(hours_ago(61, 30), hours_ago(60, 30)), (hours_ago(61, 0), hours_ago(61, 0)));
        assert_eq!(known(hours_ago(63, 20), hours_ago(60, 30)), (hours_ago(63, 0), hours_ago(61, 0)));
        assert_eq!(known(hours_ago(900, 0), hours_ago(1, 0)), (hours_ago(84, 0), hours_ago(1, 0)));
        assert_eq!(known(hours_ago(900, 0), hours_ago(800, 0)), (hours_ago(800, 0), hours_ago(800, 0)));
    }

    #[test]
    fn a_workspace_keeps_at_most_what_the_operator_keeps() {
        let operators = Retention::new(7, 400, 1_830).unwrap();
        let within = |raw, packed, rollups| OwnRetention::new(raw, packed, rollups).unwrap().within(&operators);
        assert_eq!(within(None, None, None), operators);
        assert_eq!(within(Some(3), Some(30), Some(90)), Retention::new(3, 30, 90).unwrap());
        assert_eq!(
            within(None, Some(2), None),
            Retention::new(2, 2, 1_830).unwrap(),
            "no finer form outlives a coarser"
        );
        assert_eq!(within(None, None, Some(5)), Retention::new(5, 5, 5).unwrap());
        assert_eq!(within(Some(30), Some(500), Some(9_000)), operators, "the operator has changed their mind since");
    }

    #[test]
    fn what_a_workspace_asks_for_has_bounds() {
        let field = |raw, packed, rollups| OwnRetention::new(raw, packed, rollups).map_err(|invalid| invalid.field);
        assert!(field(Some(7), None, None).is_ok());
        assert_eq!(field(Some(0), None, None), Err("raw_days"));
        assert_eq!(field(Some(7), Some(6), None), Err("packed_days"));
        assert_eq!(field(Some(7), None, Some(6)), Err("rollup_days"));
        assert_eq!(field(None, Some(7), Some(6)), Err("rollup_days"));
        let operators = Retention::new(7, 400, 1_830).unwrap();
        let fits = |raw, packed, rollups| {
            OwnRetention::new(raw, packed, rollups).unwrap().fits(&operators).map_err(|invalid| invalid.field)
        };
        assert_eq!(fits(Some(7), Some(400), Some(1_830)), Ok(()));
        assert_eq!(fits(Some(8), None, None), Err("raw_days"));
        assert_eq!(fits(None, Some(401), None), Err("packed_days"));
        assert_eq!(fits(None, None, Some(1_831)), Err("rollup_days"));
    }

    #[test]
    fn of_two_who_let_go_the_later_counts() {
        let (early, late) = (Retention::new(3, 3, 9).unwrap().left(T0), Retention::new(1, 5, 5).unwrap().left(T0));
        let both = Left { raw_from: late.raw_from, packed_from: early.packed_from, rollups_from: late.rollups_from };
        assert_eq!(early.and(late), both);
        assert_eq!(Left::ALL.and(early), early);
    }

    #[test]
    fn a_check_is_whole_then_packed_then_gone() {
        let left = Retention::new(1, 2, 3).unwrap().left(T0);
        let at = |slot| Check {
            monitor: MonitorId::new(Uuid::nil()),
            region: Region::default(),
            slot,
            origin: Origin::Scheduled,
            checked_at: slot,
            verdict: Verdict::Up,
            latency: Duration::from_millis(7),
            timings: Timings { connect: Some(Duration::from_millis(2)), ..Timings::default() },
            http_status: Some(200),
            reason: None,
            evidence: None,
        };
        let check = at(hours_ago(36, 0));
        assert_eq!(left.of(check.clone()), Some(check));
        let check = at(hours_ago(36, 1));
        assert_eq!(left.of(check.clone()), Some(check.packed()));
        assert_eq!(left.of(at(hours_ago(60, 1))), None);
    }
}
