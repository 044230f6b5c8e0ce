//! Rollups: closed hours of the log, drawn up once, so that long windows need not be read check by check.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::check::Origin;
use crate::histogram::Histogram;
use crate::settle::is_slot;
use crate::time::{Timestamp, Window};
use crate::verdict::Verdict;

/// What is rolled up together.
pub const HOUR: Duration = Duration::from_secs(3600);

/// How long an hour must have been over before it is rolled up.
pub const SETTLING_TIME: Duration = Duration::from_secs(15 * 60);

/// The beginning of the hour in which an instant lies.
pub fn hour_of(at: Timestamp) -> Timestamp {
    let hour = i64::try_from(HOUR.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(at.as_micros().saturating_sub(at.as_micros().rem_euclid(hour)))
}

/// Whether the hour that began at an instant has been over for long enough to be rolled up.
pub fn has_settled(hour: Timestamp, now: Timestamp) -> bool {
    hour.plus(HOUR).plus(SETTLING_TIME) <= now
}

/// The whole hours of a window that end by `rolled_to`, the oldest first.
pub fn whole_hours(window: Window, rolled_to: Timestamp) -> impl Iterator<Item = Window> {
    let end = window.to().min(rolled_to);
    let floor = hour_of(window.from());
    let first = if floor == window.from() { floor } else { floor.plus(HOUR) };
    let hours = std::iter::successors(Some(first), |hour| Some(hour.plus(HOUR)));
    hours.map_while(move |hour| Window::new(hour, hour.plus(HOUR)).filter(|hour| hour.to() <= end && !hour.is_empty()))
}

/// What the checks of one monitor in one hour add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HourSum {
    /// Scheduled checks that found it up.
    pub up: u64,
    /// Scheduled checks that found it degraded.
    pub degraded: u64,
    /// Scheduled checks that found it down.
    pub down: u64,
    /// The latencies of all checks that got an answer, whatever their origin.
    pub latencies: Histogram,
}

impl HourSum {
    /// Counts a check.
    pub fn add(&mut self, origin: Origin, verdict: Verdict, latency: Duration) {
        let scheduled = u64::from(is_slot(origin));
        match verdict {
            Verdict::Up => self.up += scheduled,
            Verdict::Degraded => self.degraded += scheduled,
            Verdict::Down => self.down += scheduled,
        }
        if has_latency(verdict) {
            self.latencies.add(latency);
        }
    }
}

/// Whether the latency of a check says something: only an answer has one.
fn has_latency(verdict: Verdict) -> bool {
    verdict != Verdict::Down
}

/// Latencies by stretches of a window, each as long as a step, counted from the window's beginning.
#[derive(Clone, Debug)]
pub struct LatencyStretches {
    from: Timestamp,
    step: i64,
    stretches: BTreeMap<Timestamp, Histogram>,
}

impl LatencyStretches {
    /// Stretches without any latency. A step of nothing is taken as a microsecond.
    pub fn new(window: Window, step: Duration) -> Self {
        let step = i64::try_from(step.as_micros()).unwrap_or(i64::MAX).max(1);
        Self { from: window.from(), step, stretches: BTreeMap::new() }
    }

    /// Where the stretch begins in which an instant lies.
    fn stretch_of(&self, at: Timestamp) -> Timestamp {
        let since = at.as_micros().saturating_sub(self.from.as_micros());
        Timestamp::from_micros(self.from.as_micros().saturating_add(since.div_euclid(self.step) * self.step))
    }

    /// Whether the whole of an hour lies in one stretch.
    pub fn hold_whole(&self, hour: Window) -> bool {
        let last = hour.to().minus(Duration::from_micros(1));
        self.stretch_of(hour.from()) == self.stretch_of(last)
    }

    /// Counts the check of a slot.
    pub fn add(&mut self, slot: Timestamp, verdict: Verdict, latency: Duration) {
        if has_latency(verdict) {
            self.stretches.entry(self.stretch_of(slot)).or_default().add(latency);
        }
    }

    /// Counts an hour that lies whole in one stretch.
    pub fn add_hour(&mut self, began_at: Timestamp, latencies: &Histogram) {
        if latencies.count() > 0 {
            self.stretches.entry(self.stretch_of(began_at)).or_default().merge(latencies);
        }
    }

    /// The stretches that hold latencies, by where they begin, the oldest first.
    pub fn into_stretches(self) -> impl Iterator<Item = (Timestamp, Histogram)> {
        self.stretches.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64, minute: i64) -> Timestamp {
        Timestamp::from_secs(hour * 3600 + minute * 60)
    }

    fn window(from: Timestamp, to: Timestamp) -> Window {
        Window::new(from, to).unwrap()
    }

    #[test]
    fn only_hours_that_are_whole_and_rolled_up_are_taken() {
        let hours = |window, rolled_to| whole_hours(window, rolled_to).map(|hour| hour.from()).collect::<Vec<_>>();
        let uneven = window(at(1, 30), at(5, 30));
        assert_eq!(hours(uneven, at(4, 0)), [at(2, 0), at(3, 0)]);
        assert_eq!(hours(uneven, at(9, 0)), [at(2, 0), at(3, 0), at(4, 0)]);
        assert_eq!(hours(uneven, at(2, 59)), []);
        assert_eq!(hours(window(at(1, 0), at(2, 0)), at(9, 0)), [at(1, 0)]);
        let end_of_time = Timestamp::from_micros(i64::MAX);
        assert_eq!(hours(window(end_of_time, end_of_time), end_of_time), []);
    }

    #[test]
    fn an_hour_settles_a_quarter_of_an_hour_after_its_end() {
        assert!(!has_settled(at(3, 0), at(4, 14)));
        assert!(has_settled(at(3, 0), at(4, 15)));
        assert_eq!(hour_of(at(3, 59)), at(3, 0));
        assert_eq!(hour_of(at(-1, 30)), at(-1, 0));
    }

    #[test]
    fn an_hour_counts_slots_by_verdict_and_every_answer_by_its_latency() {
        let mut sum = HourSum::default();
        let latency = Duration::from_millis(20);
        for (origin, verdict) in [
            (Origin::Scheduled, Verdict::Up),
            (Origin::Scheduled, Verdict::Down),
            (Origin::Confirmation, Verdict::Down),
            (Origin::Manual, Verdict::Degraded),
        ] {
            sum.add(origin, verdict, latency);
        }
        assert_eq!((sum.up, sum.degraded, sum.down, sum.latencies.count()), (1, 0, 1, 2));
    }

    #[test]
    fn an_hour_is_taken_whole_only_where_it_lies_in_one_stretch() {
        let mut stretches = LatencyStretches::new(window(at(0, 30), at(9, 0)), Duration::from_secs(5400));
        let hour = |hour| window(at(hour, 0), at(hour + 1, 0));
        assert_eq!([1, 2, 3].map(|n| stretches.hold_whole(hour(n))), [true, true, false]);
        let mut latencies = Histogram::default();
        latencies.add(Duration::from_millis(3));
        stretches.add_hour(at(1, 0), &latencies);
        stretches.add_hour(at(4, 0), &Histogram::default());
        stretches.add(at(1, 59), Verdict::Up, Duration::from_millis(4));
        stretches.add(at(2, 0), Verdict::Degraded, Duration::from_millis(5));
        stretches.add(at(2, 1), Verdict::Down, Duration::from_millis(6));
        let counts: Vec<_> = stretches.into_stretches().map(|(at, latencies)| (at, latencies.count())).collect();
        assert_eq!(counts, [(at(0, 30), 2), (at(2, 0), 1)]);
    }
}
