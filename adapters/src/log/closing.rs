//! Closing an hour and folding a day: what both stores do alike with what they read in the order of its monitors.

use sqlx::FromRow;
use watchkeeper_domain::check::Check;
use watchkeeper_domain::pack::Pack;
use watchkeeper_domain::rollup::{DayTally, HOUR, Tally};
use watchkeeper_domain::time::Timestamp;

use crate::row::{HourRow, PackRow, Unreadable};

/// How many monitors' hours or days are written at once.
pub(crate) const ROWS_AT_ONCE: usize = 1_000;

/// A stretch of time of one monitor, seen from one region.
#[derive(Clone, Debug)]
pub(crate) struct Stretch<K, T> {
    /// The monitor as the store knows it.
    pub(crate) monitor: K,
    pub(crate) region: String,
    /// What its checks add up to.
    pub(crate) sums: T,
    /// Its checks.
    pub(crate) pack: Pack,
}

/// Stretches of the same time that are drawn up monitor by monitor.
#[derive(Debug)]
pub(crate) struct Stretches<K, T>(Vec<Stretch<K, T>>);

impl<K, T> Default for Stretches<K, T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: PartialEq, T: Default> Stretches<K, T> {
    /// Those that are whole now that something of this monitor and region comes, if they are enough to be written.
    pub(crate) fn enough(&mut self, monitor: &K, region: &str) -> Option<Vec<Stretch<K, T>>> {
        let is_new = !self.0.last().is_some_and(|last| last.monitor == *monitor && last.region == region);
        (is_new && self.0.len() >= ROWS_AT_ONCE).then(|| std::mem::take(&mut self.0))
    }

    /// All that are left at the end.
    pub(crate) fn rest(self) -> Vec<Stretch<K, T>> {
        self.0
    }

    fn of(&mut self, monitor: K, region: &str) -> Option<&mut Stretch<K, T>> {
        if !self.0.last().is_some_and(|last| last.monitor == monitor && last.region == region) {
            self.0.push(Stretch { monitor, region: region.to_owned(), sums: T::default(), pack: Pack::default() });
        }
        self.0.last_mut()
    }
}

impl<K: PartialEq> Stretches<K, Tally> {
    /// Adds a check. Those of one monitor and region come one after the other, by their slots.
    pub(crate) fn add(&mut self, monitor: K, check: &Check) {
        if let Some(stretch) = self.of(monitor, check.region.as_str()) {
            stretch.sums.add(check.origin, check.verdict, check.latency);
            stretch.pack.push(check);
        }
    }
}

/// A closed hour as a row, without whose it is.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct ClosedRow {
    #[sqlx(flatten)]
    hour: HourRow,
    runs: String,
    packed_latencies: Vec<u8>,
}

impl<K: PartialEq> Stretches<K, DayTally> {
    /// Adds an hour of a day. Those of one monitor and region come one after the other, the oldest first.
    pub(crate) fn add(&mut self, day: Timestamp, monitor: K, region: &str, row: ClosedRow) -> Result<(), Unreadable> {
        let ClosedRow { hour, runs, packed_latencies } = row;
        let pack = PackRow { began_at: hour.began_at, runs, packed_latencies }.pack()?;
        let (began_at, tally) = hour.try_into()?;
        let number = u8::try_from(began_at.since(day).as_secs() / HOUR.as_secs());
        let number = number.map_err(|_| Unreadable::new("hour of a day", began_at.as_micros()))?;
        if let Some(stretch) = self.of(monitor, region) {
            let inserted = stretch.sums.insert(number, tally);
            inserted.ok_or_else(|| Unreadable::new("hour of a day", began_at.as_micros()))?;
            stretch.pack.append(pack);
        }
        Ok(())
    }
}
