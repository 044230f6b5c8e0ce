//! What an answer must be like.

use std::fmt;
use std::time::Duration;

use super::Timeout;
use crate::invalid::Invalid;

/// A set of HTTP status codes, written as `200-299,301`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusCodes(Vec<(u16, u16)>);

impl StatusCodes {
    /// The most ranges in one set.
    pub const MAX_RANGES: usize = 20;

    /// Parses a set.
    ///
    /// # Errors
    /// [`Invalid`] on the field `expectation.statuses`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let code = |text: &str| text.trim().parse::<u16>().ok().filter(|code| (100..=599).contains(code));
        let range = |part: &str| match part.split_once('-') {
            Some((low, high)) => Some((code(low)?, code(high)?)).filter(|(low, high)| low <= high),
            None => code(part).map(|code| (code, code)),
        };
        let ranges: Option<Vec<_>> = text.split(',').take(Self::MAX_RANGES + 1).map(range).collect();
        ranges.filter(|ranges| ranges.len() <= Self::MAX_RANGES).map(Self).ok_or_else(|| {
            let message = "Expected statuses are up to 20 codes or ranges from 100 to 599, such as 200-299,301.";
            Invalid::new("expectation.statuses", "invalid_statuses", message)
        })
    }

    /// Whether the code belongs to the set.
    pub fn contains(&self, code: u16) -> bool {
        self.0.iter().any(|(low, high)| (*low..=*high).contains(&code))
    }
}

impl Default for StatusCodes {
    /// Every success and every redirect.
    fn default() -> Self {
        Self(vec![(200, 399)])
    }
}

impl fmt::Display for StatusCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (low, high)) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            if low == high { write!(f, "{comma}{low}")? } else { write!(f, "{comma}{low}-{high}")? }
        }
        Ok(())
    }
}

/// What an answer must be like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// The status codes that count as well.
    pub statuses: StatusCodes,
    /// Beyond this an answer is degraded; `None` where slowness does not matter.
    pub slow_after: Option<Duration>,
}

impl Expectation {
    /// The lowest limit beyond which an answer can be slow, in milliseconds.
    pub const MIN_SLOW_AFTER_MS: u32 = 1;

    /// Parses the limit beyond which an answer is slow: [`Expectation::MIN_SLOW_AFTER_MS`] up to the timeout.
    ///
    /// # Errors
    /// [`Invalid`] on the field `expectation.slow_after_ms`.
    pub fn parse_slow_after(ms: i64, timeout: Timeout) -> Result<Duration, Invalid> {
        u64::try_from(ms)
            .ok()
            .filter(|ms| *ms >= u64::from(Self::MIN_SLOW_AFTER_MS))
            .map(Duration::from_millis)
            .filter(|limit| *limit <= timeout.duration())
            .ok_or_else(|| {
                let message = "Slow begins between 1 ms and the timeout; beyond the timeout a check is down.";
                Invalid::new("expectation.slow_after_ms", "slow_after_out_of_bounds", message)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expected_statuses_read_and_print_alike() {
        let codes = StatusCodes::parse("200-299, 301").unwrap();
        assert_eq!(codes.to_string(), "200-299,301");
        assert!(codes.contains(204) && codes.contains(301) && !codes.contains(302));
        for text in ["", "20", "600", "300-200", "200,", "ok"] {
            assert!(StatusCodes::parse(text).is_err(), "{text:?}");
        }
    }
}
