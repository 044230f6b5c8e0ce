//! Figures as the tables show them.

use crate::stage::Lateness;
use crate::statistics::{Spread, whole};

/// The middle, and in brackets both ends.
pub(super) fn micros(spread: Spread) -> String {
    format!("{} µs ({} to {})", whole(spread.median), whole(spread.least), whole(spread.most))
}

/// The middle and both ends of a rate.
pub(super) fn rate(spread: Spread) -> String {
    format!("{} ({} to {})", whole(spread.median), whole(spread.least), whole(spread.most))
}

/// A time, with as many digits as it deserves.
pub(super) fn millis(ms: f64) -> String {
    match ms {
        10_000.0.. => format!("{:.0} s", ms / 1e3),
        1_000.0.. => format!("{:.1} s", ms / 1e3),
        100.0.. => format!("{ms:.0} ms"),
        10.0.. => format!("{ms:.1} ms"),
        _ => format!("{ms:.2} ms"),
    }
}

pub(super) const LATENESS_HEAD: &str = "p50 | p95 | p99 | latest | checks | missed | failed";
pub(super) const LATENESS_RULE: &str = "---|---|---|---|---|---|---";

/// The cells below [`LATENESS_HEAD`].
pub(super) fn lateness(late: &Lateness) -> String {
    let [p50, p95, p99, latest] = late.ms.map(millis);
    let [checks, missed, failed] = [late.checks, late.missed, late.failed].map(|count| whole(count as f64));
    format!("{p50} | {p95} | {p99} | {latest} | {checks} | {missed} | {failed}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_about_three_digits() {
        assert_eq!(
            [0.123, 12.34, 123.4, 1_234.0, 12_345.0].map(millis),
            ["0.12 ms", "12.3 ms", "123 ms", "1.2 s", "12 s"]
        );
    }
}
