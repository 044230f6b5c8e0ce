//! How much memory a process has over time, and whether that stays flat.

use watchkeeper_rig::statistics::{percentile, theil_sen_slope};

/// What grows no faster than this counts as flat, once there was time enough to tell it from noise.
const FLAT_MB_AN_HOUR: f64 = 8.0;
/// By so much the memory may still move in the half that is looked at without it being growth: caches that fill, threads
/// that are started for the first time, pages that the allocator has not given back yet.
const SETTLING_MB: f64 = 48.0;
/// So long it takes until that becomes less. A short run can tell a fast leak only, a long one a slow leak as well.
const SETTLING_HOURS: f64 = 2.5 / 60.0;
/// The curve is looked at in so many points, each the median of its stretch: the slope looks at every pair of them.
const POINTS: usize = 600;

const KB_IN_MB: f64 = 1_024.0;
const SECONDS_IN_AN_HOUR: f64 = 3_600.0;

/// Resident memory in megabytes, at seconds since the beginning.
#[derive(Clone, Debug, Default)]
pub(crate) struct Curve {
    points: Vec<(f64, f64)>,
}

/// How fast the memory grew in the second half, in megabytes an hour, and how fast it may.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Growth {
    pub(crate) mb_an_hour: f64,
    pub(crate) most_mb_an_hour: f64,
}

impl Growth {
    pub(crate) fn is_flat(self) -> bool {
        self.mb_an_hour <= self.most_mb_an_hour
    }
}

impl Curve {
    pub(crate) fn add(&mut self, seconds: f64, resident_kb: u64) {
        self.points.push((seconds, resident_kb as f64 / KB_IN_MB));
    }

    /// At most so many points of it, each in the middle of a stretch.
    pub(crate) fn thinned(&self, most: usize) -> Vec<(f64, f64)> {
        let stretch = self.points.len().div_ceil(most).max(1);
        let middle = |stretch: &[(f64, f64)]| {
            let sorted = |of: fn(&(f64, f64)) -> f64| {
                let mut values: Vec<f64> = stretch.iter().map(of).collect();
                values.sort_by(f64::total_cmp);
                percentile(&values, 0.5)
            };
            (sorted(|point| point.0), sorted(|point| point.1))
        };
        self.points.chunks(stretch).map(middle).collect()
    }

    /// The least and the most of its second half, in megabytes.
    pub(crate) fn range(&self) -> (f64, f64) {
        let mb = || self.second_half().iter().map(|(_, mb)| *mb);
        (mb().fold(f64::INFINITY, f64::min), mb().fold(0.0, f64::max))
    }

    /// How its second half grows: the first is there for the program to fill its caches.
    pub(crate) fn growth(&self) -> Growth {
        let half = Self { points: self.second_half().to_vec() };
        let lasted = half.points.last().zip(half.points.first()).map_or(0.0, |(last, first)| last.0 - first.0);
        let hours = lasted / SECONDS_IN_AN_HOUR;
        let settling_mb = SETTLING_MB * (SETTLING_HOURS / hours).min(1.0);
        Growth {
            mb_an_hour: theil_sen_slope(&half.thinned(POINTS)) * SECONDS_IN_AN_HOUR,
            most_mb_an_hour: FLAT_MB_AN_HOUR + settling_mb / hours,
        }
    }

    fn second_half(&self) -> &[(f64, f64)] {
        self.points.get(self.points.len() / 2..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(seconds: u32, kb: impl Fn(f64) -> f64) -> Curve {
        let mut curve = Curve::default();
        for second in 0..=seconds {
            curve.add(second.into(), kb(second.into()) as u64);
        }
        curve
    }

    #[test]
    fn what_fills_up_in_the_first_half_and_then_stays_is_flat() {
        let growth = curve(3_600, |second| 50_000.0 + 100.0 * second.min(1_700.0)).growth();
        assert_eq!((growth.mb_an_hour, growth.is_flat()), (0.0, true));
    }

    #[test]
    fn noise_and_single_peaks_are_no_growth() {
        let noisy =
            |second: f64| 80_000.0 + 3_000.0 * (second * 0.7).sin() + if second % 97.0 < 3.0 { 40_000.0 } else { 0.0 };
        for seconds in [60, 600, 3_600] {
            assert!(curve(seconds, noisy).growth().is_flat(), "{seconds} s: {:?}", curve(seconds, noisy).growth());
        }
    }

    #[test]
    fn a_leak_is_told_the_sooner_the_faster_it_is() {
        let leaking =
            |mb_an_hour: f64| move |second: f64| 80_000.0 + mb_an_hour * KB_IN_MB * second / SECONDS_IN_AN_HOUR;
        assert!(!curve(60, leaking(7_000.0)).growth().is_flat());
        assert!(curve(60, leaking(1_000.0)).growth().is_flat(), "a minute cannot tell it from what settles");
        assert!(!curve(600, leaking(1_000.0)).growth().is_flat());
        assert!(curve(600, leaking(20.0)).growth().is_flat(), "nor ten minutes this");
        assert!(!curve(3_600, leaking(20.0)).growth().is_flat());
        assert!(curve(3_600, leaking(FLAT_MB_AN_HOUR)).growth().is_flat());
    }

    #[test]
    fn a_long_curve_is_thinned_and_keeps_its_course() {
        let growth = curve(86_400, |second| 80_000.0 + second).growth();
        assert!((growth.mb_an_hour - SECONDS_IN_AN_HOUR / KB_IN_MB).abs() < 0.01, "{growth:?}");
    }
}
