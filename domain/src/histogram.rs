//! A mergeable histogram of latencies: true percentiles of any window, from parts that were closed long ago.
//!
//! Log-linear buckets, 16 to each power of two of microseconds (the layout of HdrHistogram by Gil Tene, with four bits
//! of precision): a percentile is off by at most 1/32 of its value, about 3.1 %. Sum, least and greatest are exact.

use std::time::Duration;

use crate::varint::{pull, push};

/// How many bits of a value beyond its leading one are told apart.
const PRECISION_BITS: u32 = 4;
const SUB_BUCKETS: u64 = 1 << PRECISION_BITS;

/// A histogram of latencies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Buckets and how many latencies lie in each, by the number of the bucket; those without any are left out.
    buckets: Vec<(u16, u64)>,
    count: u64,
    sum_micros: u64,
    min_micros: u64,
    max_micros: u64,
}

impl Histogram {
    /// Adds one latency.
    pub fn add(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.add_to(bucket(micros), 1);
        self.min_micros = if self.count == 0 { micros } else { self.min_micros.min(micros) };
        self.max_micros = self.max_micros.max(micros);
        self.sum_micros = self.sum_micros.saturating_add(micros);
        self.count += 1;
    }

    /// Adds all that another one holds. The order of merging does not matter.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        self.buckets.reserve(other.buckets.len().saturating_sub(self.buckets.len()));
        let mut from = 0;
        for (index, count) in &other.buckets {
            from = self.add_from(from, *index, *count);
        }
        self.min_micros = if self.count == 0 { other.min_micros } else { self.min_micros.min(other.min_micros) };
        self.max_micros = self.max_micros.max(other.max_micros);
        self.sum_micros = self.sum_micros.saturating_add(other.sum_micros);
        self.count += other.count;
    }

    fn add_to(&mut self, index: u16, count: u64) {
        let place = self.buckets.partition_point(|(other, _)| *other < index);
        self.add_from(place, index, count);
    }

    /// Counts in a bucket that does not come before a place, and answers the place after it.
    fn add_from(&mut self, from: usize, index: u16, count: u64) -> usize {
        let behind = self.buckets.iter().skip(from);
        let place = from + behind.take_while(|(other, _)| *other < index).count();
        match self.buckets.get_mut(place) {
            Some((other, counted)) if *other == index => *counted += count,
            _ => self.buckets.insert(place, (index, count)),
        }
        place + 1
    }

    /// How many latencies it holds.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The mean; `None` where it is empty.
    pub fn mean(&self) -> Option<Duration> {
        self.sum_micros.checked_div(self.count).map(Duration::from_micros)
    }

    /// The least; `None` where it is empty.
    pub fn min(&self) -> Option<Duration> {
        (self.count > 0).then(|| Duration::from_micros(self.min_micros))
    }

    /// The greatest; `None` where it is empty.
    pub fn max(&self) -> Option<Duration> {
        (self.count > 0).then(|| Duration::from_micros(self.max_micros))
    }

    /// The latency that this many per cent of all do not exceed (nearest rank), within 3.1 %; `None` where it is empty.
    pub fn percentile(&self, percent: u32) -> Option<Duration> {
        let rank = (self.count.checked_mul(u64::from(percent.min(100)))?).div_ceil(100).max(1);
        let mut seen = 0;
        for (index, count) in &self.buckets {
            seen += count;
            if seen >= rank {
                let middle = middle(*index).clamp(self.min_micros, self.max_micros);
                return Some(Duration::from_micros(middle));
            }
        }
        None
    }

    /// The histogram as bytes: variable-length integers (LEB128), buckets by their distance from the one before.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + 3 * self.buckets.len());
        for value in [self.sum_micros, self.min_micros, self.max_micros] {
            push(&mut bytes, value);
        }
        let mut before = 0;
        for (index, count) in &self.buckets {
            push(&mut bytes, u64::from(index - before));
            push(&mut bytes, *count);
            before = *index;
        }
        bytes
    }

    /// The histogram that [`Histogram::to_bytes`] wrote; `None` where the bytes are something else: cut off, a bucket that
    /// no latency falls into, or one bucket twice.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let (sum_micros, min_micros, max_micros) = (pull(&mut rest)?, pull(&mut rest)?, pull(&mut rest)?);
        let mut histogram = Self { sum_micros, min_micros, max_micros, ..Self::default() };
        let (mut index, greatest) = (0_u16, bucket(u64::MAX));
        while !rest.is_empty() {
            let distance = u16::try_from(pull(&mut rest)?).ok()?;
            index = index.checked_add(distance)?;
            let count = pull(&mut rest)?;
            histogram.count = histogram.count.checked_add(count)?;
            if index > greatest || (distance == 0 && !histogram.buckets.is_empty()) {
                return None;
            }
            histogram.buckets.push((index, count));
        }
        Some(histogram)
    }
}

/// The bucket of a value: exact below 16, then 16 to each power of two.
fn bucket(micros: u64) -> u16 {
    let index = match micros.checked_ilog2() {
        Some(exponent) if exponent >= PRECISION_BITS => {
            let shift = exponent - PRECISION_BITS;
            u64::from(shift + 1) * SUB_BUCKETS + ((micros >> shift) - SUB_BUCKETS)
        }
        _ => micros,
    };
    u16::try_from(index).unwrap_or(u16::MAX)
}

/// The value in the middle of a bucket.
fn middle(index: u16) -> u64 {
    let (octave, sub) = (u64::from(index) / SUB_BUCKETS, u64::from(index) % SUB_BUCKETS);
    match octave.checked_sub(1) {
        None => sub,
        Some(shift) => ((SUB_BUCKETS + sub) << shift) + ((1 << shift) >> 1),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(micros: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        for value in micros {
            histogram.add(Duration::from_micros(*value));
        }
        histogram
    }

    #[test]
    fn an_empty_one_has_no_percentile() {
        assert_eq!((Histogram::default().percentile(50), Histogram::default().mean()), (None, None));
    }

    #[test]
    fn what_is_no_histogram_is_refused() {
        assert_eq!(Histogram::from_bytes(&[0x80]), None);
        assert_eq!(Histogram::from_bytes(&[1, 1, 1, 0xff]), None);
    }

    #[test]
    fn a_bucket_that_no_latency_falls_into_is_refused_and_so_is_one_that_comes_twice() {
        let with = |index: u16| {
            let mut bytes = of(&[1]).to_bytes();
            push(&mut bytes, u64::from(index));
            push(&mut bytes, 1);
            Histogram::from_bytes(&bytes)
        };
        let greatest = bucket(u64::MAX);
        assert_eq!(with(greatest - 1).and_then(|histogram| histogram.percentile(100)), Some(Duration::from_micros(1)));
        assert_eq!(with(greatest), None, "one beyond the greatest");
        assert_eq!(with(u16::MAX - 1), None);
        assert_eq!(with(0), None, "the same bucket again");
    }

    #[test]
    fn a_day_of_a_check_a_second_never_takes_more_than_an_entry_of_an_index_may() {
        // As many buckets as there are below an hour, and in each as many as there are seconds of a day for it.
        let buckets = usize::from(bucket(3_600_000_000));
        let day: Vec<u64> = (0..86_400).map(|second| middle((second % buckets) as u16)).collect();
        let bytes = of(&day).to_bytes().len();
        assert!((1_300..1_500).contains(&bytes), "{bytes} bytes of the 2,704 that PostgreSQL has for key and sums");
    }

    proptest! {
        #[test]
        fn percentiles_are_within_their_error(mut micros in prop::collection::vec(0_u64..100_000_000, 1..300), percent in 0_u32..=100) {
            let found = of(&micros).percentile(percent).unwrap().as_micros() as f64;
            micros.sort_unstable();
            let rank = (micros.len() as u64 * u64::from(percent)).div_ceil(100).max(1);
            let exact = micros[usize::try_from(rank - 1).unwrap()] as f64;
            prop_assert!((found - exact).abs() <= exact / 32.0 + 1.0, "{} for {}", found, exact);
        }

        #[test]
        fn merging_is_the_same_as_adding_all(a in prop::collection::vec(any::<u32>(), 0..100), b in prop::collection::vec(any::<u32>(), 0..100)) {
            let wide = |values: &[u32]| values.iter().map(|value| u64::from(*value)).collect::<Vec<_>>();
            let (a, b) = (wide(&a), wide(&b));
            let mut merged = of(&a);
            merged.merge(&of(&b));
            prop_assert_eq!(merged, of(&[a, b].concat()));
        }

        #[test]
        fn bytes_bring_it_back(micros in prop::collection::vec(any::<u64>(), 0..100)) {
            let histogram = of(&micros);
            prop_assert_eq!(Histogram::from_bytes(&histogram.to_bytes()), Some(histogram));
        }
    }
}
