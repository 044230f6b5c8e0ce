//! Instants as people and interfaces read them: RFC 3339 in UTC, always with six fraction digits.

use jiff::fmt::temporal::DateTimePrinter;
use watchkeeper_domain::time::Timestamp;

const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(6));

/// The instant as `2026-11-22T19:14:37.000000Z`. What lies outside the years -9999 to 9999 is shown as the nearest
/// instant inside.
pub fn format(at: Timestamp) -> String {
    let nearest = if at < Timestamp::EPOCH { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    let instant = jiff::Timestamp::from_microsecond(at.as_micros()).unwrap_or(nearest);
    PRINTER.timestamp_to_string(&instant)
}

/// Reads an instant; `None` where the text is no RFC 3339 timestamp with an offset. Digits beyond microseconds are
/// dropped towards the past, so that an instant never moves past the one it names.
pub fn parse(text: &str) -> Option<Timestamp> {
    let instant: jiff::Timestamp = text.parse().ok()?;
    let micros = instant.as_nanosecond().div_euclid(1_000);
    i64::try_from(micros).ok().map(Timestamp::from_micros)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_instant_shows_six_digits_always() {
        assert_eq!(format(Timestamp::EPOCH), "1970-01-01T00:00:00.000000Z");
        assert_eq!(format(Timestamp::from_micros(1_763_838_877_120_000)), "2025-11-22T19:14:37.120000Z");
    }

    #[test]
    fn any_offset_is_read_and_what_has_none_is_refused() {
        assert_eq!(parse("1970-01-01T01:00:00+01:00"), Some(Timestamp::EPOCH));
        assert_eq!(parse("1969-12-31T23:59:59.9999999Z"), Some(Timestamp::from_micros(-1)));
        for text in ["", "1970-01-01", "1970-01-01T00:00:00", "now", "0"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_ends_of_time_are_shown_and_do_not_panic() {
        assert!(format(Timestamp::from_micros(i64::MAX)).starts_with("9999-12-30"));
        assert!(format(Timestamp::from_micros(i64::MIN)).starts_with("-009999-01-02"));
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(micros in -62_135_596_800_000_000_i64..253_402_200_000_000_000) {
            let at = Timestamp::from_micros(micros);
            prop_assert_eq!(parse(&format(at)), Some(at));
        }
    }
}
