//! Instants and windows. Everything in Watchkeeper is stamped in whole microseconds of Unix time.

use std::fmt;
use std::time::Duration;

/// An instant in UTC: whole microseconds since the Unix epoch.
///
/// It only ever comes in from outside (a [`crate::port::Clock`], a request, a row): the domain never asks for the time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The Unix epoch, to which every grid of slots is anchored.
    pub const EPOCH: Self = Self(0);

    /// The instant so many microseconds after the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The instant so many whole seconds after the Unix epoch.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// This instant moved later, saturating at the end of time.
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(micros(by)))
    }

    /// This instant moved earlier, saturating at the beginning of time.
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(micros(by)))
    }

    /// The time from `earlier` to this instant; zero where `earlier` is in fact later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The very next instant that can be told apart from this one.
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// The duration in whole microseconds, saturating.
fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0.div_euclid(1_000_000), self.0.rem_euclid(1_000_000))
    }
}

/// A half-open stretch of time: `from` belongs to it, `to` does not. Never negative, possibly empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    from: Timestamp,
    to: Timestamp,
}

impl Window {
    /// The window between two instants, or `None` where `to` lies before `from`.
    pub fn new(from: Timestamp, to: Timestamp) -> Option<Self> {
        (from <= to).then_some(Self { from, to })
    }

    /// The window that ends at `to` and reaches back by `length`.
    pub fn last(length: Duration, to: Timestamp) -> Self {
        Self { from: to.minus(length), to }
    }

    /// The first instant inside.
    pub fn from(&self) -> Timestamp {
        self.from
    }

    /// The first instant after.
    pub fn to(&self) -> Timestamp {
        self.to
    }

    /// How long it is.
    pub fn length(&self) -> Duration {
        self.to.since(self.from)
    }

    /// Whether nothing lies inside.
    pub fn is_empty(&self) -> bool {
        self.from == self.to
    }

    /// Whether the instant lies inside.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }

    /// The part of this window that lies before an instant.
    pub fn before(&self, end: Timestamp) -> Self {
        self.clip(Self { from: self.from.min(end), to: end })
    }

    /// The part of this window that does not lie before an instant.
    pub fn not_before(&self, start: Timestamp) -> Self {
        Self { from: self.from.max(start).min(self.to), to: self.to }
    }

    /// The part of this window that lies in the other as well; empty (at the nearer edge) where they are apart.
    pub fn clip(&self, other: Self) -> Self {
        let from = self.from.max(other.from).min(self.to.max(other.from));
        let to = self.to.min(other.to).max(from);
        Self { from, to }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: i64, to: i64) -> Window {
        Window::new(Timestamp::from_secs(from), Timestamp::from_secs(to)).unwrap()
    }

    #[test]
    fn a_window_never_runs_backwards() {
        assert_eq!(Window::new(Timestamp::from_secs(2), Timestamp::from_secs(1)), None);
    }

    #[test]
    fn what_lies_before_an_instant_ends_there_at_the_latest() {
        let before = |end| window(0, 10).before(Timestamp::from_secs(end));
        assert_eq!([before(4), before(10), before(20)], [window(0, 4), window(0, 10), window(0, 10)]);
        assert!(before(0).is_empty() && before(-5).is_empty());
    }

    #[test]
    fn a_window_is_cut_in_two_by_any_instant() {
        for (at, before, after) in [(5, (10, 10), (10, 20)), (15, (10, 15), (15, 20)), (25, (10, 20), (20, 20))] {
            let (whole, at) = (window(10, 20), Timestamp::from_secs(at));
            assert_eq!(whole.before(at), window(before.0, before.1));
            assert_eq!(whole.not_before(at), window(after.0, after.1));
        }
    }

    #[test]
    fn clipping_keeps_what_both_windows_share() {
        assert_eq!(window(0, 10).clip(window(5, 20)), window(5, 10));
        assert_eq!(window(0, 10).clip(window(2, 3)), window(2, 3));
        assert!(window(0, 10).clip(window(20, 30)).is_empty());
        assert!(window(20, 30).clip(window(0, 10)).is_empty());
    }

    #[test]
    fn time_before_an_instant_counts_as_none() {
        let (early, late) = (Timestamp::from_secs(1), Timestamp::from_secs(3));
        assert_eq!(late.since(early), Duration::from_secs(2));
        assert_eq!(early.since(late), Duration::ZERO);
    }
}
