//! Figures out of figures.

use serde::{Deserialize, Serialize};

/// Several measurements of one thing: the middle, and how far they lie apart.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Spread {
    /// The middle.
    pub median: f64,
    /// The smallest.
    pub least: f64,
    /// The largest.
    pub most: f64,
}

impl Spread {
    /// Of at least one measurement; of none, all zero.
    pub fn of(measurements: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = measurements.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |rank: usize| sorted.get(rank).copied().unwrap_or_default();
        Self { median: percentile(&sorted, 0.5), least: at(0), most: at(sorted.len().saturating_sub(1)) }
    }
}

/// The smallest value that is not below the given share of the sorted values (nearest rank).
pub fn percentile(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// A whole number with its thousands apart.
pub fn whole(number: f64) -> String {
    let digits = format!("{number:.0}");
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}

/// How much the second of each pair grows for each step of the first: the median of the slopes of all pairs of points
/// (Theil, "A rank-invariant method of linear and polynomial regression analysis", 1950; Sen, "Estimates of the
/// regression coefficient based on Kendall's tau", 1968). Up to 29 of a hundred points may lie anywhere without moving it
/// far, other than with least squares. Zero where no two points lie apart.
///
/// It looks at every pair: a few thousand points are as many as it should be given.
pub fn theil_sen_slope(points: &[(f64, f64)]) -> f64 {
    let mut slopes = Vec::with_capacity(points.len() * points.len().saturating_sub(1) / 2);
    for (number, (x, y)) in points.iter().enumerate() {
        let later = points.iter().skip(number + 1).filter(|(other, _)| other != x);
        slopes.extend(later.map(|(other_x, other_y)| (other_y - y) / (other_x - x)));
    }
    slopes.sort_by(f64::total_cmp);
    percentile(&slopes, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([0.0, 999.0, 1_000.0, 1_234_567.0].map(whole), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(percentile(&values, 0.5), 100.0);
        assert_eq!(percentile(&values, 0.99), 198.0);
        assert_eq!(percentile(&values, 1.0), 200.0);
        assert_eq!(percentile(&[], 0.5), 0.0);
    }

    #[test]
    fn the_slope_is_that_of_the_line() {
        let line: Vec<(f64, f64)> = (0..60).map(|x| (f64::from(x), 7.0 - 0.5 * f64::from(x))).collect();
        assert_eq!(theil_sen_slope(&line), -0.5);
        assert_eq!(theil_sen_slope(&[]), 0.0);
        assert_eq!(theil_sen_slope(&[(1.0, 2.0), (1.0, 9.0)]), 0.0);
    }

    #[test]
    fn outliers_move_no_slope() {
        let wild = |x: i32| if x % 5 == 0 { 1_000.0 * f64::from(x) } else { 2.0 * f64::from(x) };
        let points: Vec<(f64, f64)> = (1..100).map(|x| (f64::from(x), wild(x))).collect();
        let slope = theil_sen_slope(&points);
        assert!((1.9..2.1).contains(&slope), "{slope}");
    }

    #[test]
    fn one_step_is_no_slope() {
        let points: Vec<(f64, f64)> = (0..100).map(|x| (f64::from(x), if x < 10 { 40.0 } else { 90.0 })).collect();
        assert_eq!(theil_sen_slope(&points), 0.0);
    }

    #[test]
    fn a_spread_shows_the_middle_and_both_ends() {
        let spread = Spread::of([3.0, 1.0, 2.0]);
        assert_eq!((spread.least, spread.median, spread.most), (1.0, 2.0, 3.0));
    }
}
