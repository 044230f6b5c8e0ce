//! Rollups: closed hours of the log, drawn up once, and days made of them, so that long windows need not be read check by
//! check.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::check::Origin;
use crate::histogram::Histogram;
use crate::settle::is_slot;
use crate::time::{Timestamp, Window};
use crate::varint::{pull, push};
use crate::verdict::Verdict;

/// What is rolled up together.
pub const HOUR: Duration = Duration::from_secs(3600);

/// What hours are folded into: a day of UTC.
pub const DAY: Duration = Duration::from_secs(24 * 3600);

/// How long an hour must have been over before it is rolled up.
pub const SETTLING_TIME: Duration = Duration::from_secs(15 * 60);

/// The beginning of the hour in which an instant lies.
pub fn hour_of(at: Timestamp) -> Timestamp {
    beginning(at, HOUR)
}

/// The beginning of the day of UTC in which an instant lies.
pub fn day_of(at: Timestamp) -> Timestamp {
    beginning(at, DAY)
}

fn beginning(at: Timestamp, period: Duration) -> Timestamp {
    let period = i64::try_from(period.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(at.as_micros().saturating_sub(at.as_micros().rem_euclid(period)))
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

/// What the checks of one monitor in one stretch of time add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Scheduled checks that found it up.
    pub up: u64,
    /// Scheduled checks that found it degraded.
    pub degraded: u64,
    /// Scheduled checks that found it down.
    pub down: u64,
    /// The latencies of all checks that got an answer, whatever their origin.
    pub latencies: Histogram,
}

impl Tally {
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

    /// Counts all that another one counts.
    pub fn merge(&mut self, other: &Self) {
        self.up += other.up;
        self.degraded += other.degraded;
        self.down += other.down;
        self.latencies.merge(&other.latencies);
    }
}

/// What the checks of one monitor in one day add up to, hour by hour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DayTally {
    /// The hours that hold checks, counted from nought.
    hours: BTreeMap<u8, Tally>,
}

impl DayTally {
    const HOURS: u64 = 24;

    /// Adds the hour that began so many hours after the day; `None`, and nothing happens, where no day is that long.
    pub fn insert(&mut self, hour: u8, tally: Tally) -> Option<()> {
        (u64::from(hour) < Self::HOURS).then(|| drop(self.hours.insert(hour, tally)))
    }

    /// The hours of the day that began at an instant, the oldest first; those without checks are left out.
    pub fn hours(&self, day: Timestamp) -> impl Iterator<Item = (Timestamp, &Tally)> {
        self.hours.iter().map(move |(hour, tally)| (day.plus(HOUR * u32::from(*hour)), tally))
    }

    /// What the whole day adds up to.
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        self.hours.values().for_each(|hour| total.merge(hour));
        total
    }

    /// The hours as bytes: of each, variable-length integers (LEB128) for its number, its counts and the length of its
    /// histogram, and that ([`Histogram::to_bytes`]).
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (hour, tally) in &self.hours {
            let latencies = tally.latencies.to_bytes();
            for number in [u64::from(*hour), tally.up, tally.degraded, tally.down, latencies.len() as u64] {
                push(&mut bytes, number);
            }
            bytes.extend(latencies);
        }
        bytes
    }

    /// The day that [`DayTally::to_bytes`] wrote; `None` where the bytes are something else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (mut rest, mut day) = (bytes, Self::default());
        while !rest.is_empty() {
            let hour = u8::try_from(pull(&mut rest)?).ok()?;
            let (up, degraded, down) = (pull(&mut rest)?, pull(&mut rest)?, pull(&mut rest)?);
            let length = usize::try_from(pull(&mut rest)?).ok()?;
            let (histogram, tail) = rest.split_at_checked(length)?;
            day.insert(hour, Tally { up, degraded, down, latencies: Histogram::from_bytes(histogram)? })?;
            rest = tail;
        }
        Some(day)
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

    /// Whether the whole of an hour, or a day, lies in one stretch.
    pub fn hold_whole(&self, part: Window) -> bool {
        let last = part.to().minus(Duration::from_micros(1));
        self.stretch_of(part.from()) == self.stretch_of(last)
    }

    /// Counts the check of a slot.
    pub fn add(&mut self, slot: Timestamp, verdict: Verdict, latency: Duration) {
        if has_latency(verdict) {
            self.stretches.entry(self.stretch_of(slot)).or_default().add(latency);
        }
    }

    /// Counts an hour, or a day, that lies whole in one stretch.
    pub fn add_whole(&mut self, began_at: Timestamp, latencies: &Histogram) {
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
        let mut sum = Tally::default();
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
    fn a_day_is_the_sum_of_its_hours_and_comes_back_from_its_bytes() {
        let mut day = DayTally::default();
        for (hour, millis) in [(3, 20), (23, 40)] {
            let mut tally = Tally::default();
            tally.add(Origin::Scheduled, Verdict::Up, Duration::from_millis(millis));
            tally.add(Origin::Scheduled, Verdict::Down, Duration::from_millis(millis));
            assert_eq!(day.insert(hour, tally), Some(()));
        }
        assert_eq!(day.insert(24, Tally::default()), None);
        let total = day.total();
        assert_eq!((total.up, total.degraded, total.down, total.latencies.count()), (2, 0, 2, 2));
        assert_eq!(day.hours(at(24, 0)).map(|(hour, _)| hour).collect::<Vec<_>>(), [at(27, 0), at(47, 0)]);
        let bytes = day.to_bytes();
        assert_eq!(DayTally::from_bytes(&bytes), Some(day));
        assert_eq!(DayTally::from_bytes(&bytes[..bytes.len() - 1]), None);
        assert_eq!(DayTally::from_bytes(&[24, 0, 0, 0, 0]), None);
        assert_eq!(DayTally::from_bytes(&[1, 0, 0, 0, 200, 1]), None);
        assert_eq!(day_of(at(47, 59)), at(24, 0));
    }

    #[test]
    fn an_hour_is_taken_whole_only_where_it_lies_in_one_stretch() {
        let mut stretches = LatencyStretches::new(window(at(0, 30), at(9, 0)), Duration::from_secs(5400));
        let hour = |hour| window(at(hour, 0), at(hour + 1, 0));
        assert_eq!([1, 2, 3].map(|n| stretches.hold_whole(hour(n))), [true, true, false]);
        let mut latencies = Histogram::default();
        latencies.add(Duration::from_millis(3));
        stretches.add_whole(at(1, 0), &latencies);
        stretches.add_whole(at(4, 0), &Histogram::default());
        stretches.add(at(1, 59), Verdict::Up, Duration::from_millis(4));
        stretches.add(at(2, 0), Verdict::Degraded, Duration::from_millis(5));
        stretches.add(at(2, 1), Verdict::Down, Duration::from_millis(6));
        let counts: Vec<_> = stretches.into_stretches().map(|(at, latencies)| (at, latencies.count())).collect();
        assert_eq!(counts, [(at(0, 30), 2), (at(2, 0), 1)]);
    }
}
