//! The verdict of one check: what the probe saw, held against what was expected.

use crate::monitor::Expectation;
use crate::report::{Ending, Reason, ReasonKind, Report};

/// What came of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// As expected.
    Up,
    /// As expected, but not well.
    Degraded,
    /// Not as expected.
    Down,
}

/// A verdict and its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// All is well.
    Up,
    /// It works, but not well.
    Degraded(Reason),
    /// It does not work.
    Down(Reason),
    /// Nothing can be said: we ourselves had no network.
    Unknown,
}

/// Holds a report against an expectation.
pub fn judge(report: &Report, expectation: &Expectation) -> Judgement {
    match &report.ending {
        Ending::CutOff { .. } => Judgement::Unknown,
        Ending::Failed { reason, .. } => Judgement::Down(reason.clone()),
        Ending::Answered { http_status } if !expectation.statuses.contains(*http_status) => Judgement::Down(
            Reason::new(ReasonKind::Status, format!("the answer was {http_status}, expected {}", expectation.statuses)),
        ),
        Ending::Answered { .. } => match expectation.slow_after {
            Some(limit) if report.latency > limit => Judgement::Degraded(Reason::new(
                ReasonKind::Slow,
                // How long it took is the check's latency: a reason that is the same each time is packed once.
                format!("the answer took more than {} ms", limit.as_millis()),
            )),
            _ => Judgement::Up,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::monitor::StatusCodes;
    use crate::report::{Evidence, Lack, Timings};

    fn report(ending: Ending, latency_ms: u64) -> Report {
        Report {
            ending,
            latency: Duration::from_millis(latency_ms),
            timings: Timings::default(),
            evidence: Evidence::default(),
        }
    }

    fn expectation(slow_after_ms: Option<u64>) -> Expectation {
        Expectation { statuses: StatusCodes::default(), slow_after: slow_after_ms.map(Duration::from_millis) }
    }

    #[test]
    fn an_expected_status_in_good_time_is_up() {
        assert_eq!(judge(&report(Ending::Answered { http_status: 204 }, 80), &expectation(Some(100))), Judgement::Up);
    }

    #[test]
    fn an_unexpected_status_is_down_and_says_which() {
        let Judgement::Down(reason) = judge(&report(Ending::Answered { http_status: 503 }, 1), &expectation(None))
        else {
            panic!("503 is not expected")
        };
        assert_eq!((reason.kind, reason.detail.as_str()), (ReasonKind::Status, "the answer was 503, expected 200-399"));
    }

    #[test]
    fn a_slow_answer_is_degraded() {
        let judgement = judge(&report(Ending::Answered { http_status: 200 }, 101), &expectation(Some(100)));
        assert!(matches!(judgement, Judgement::Degraded(Reason { kind: ReasonKind::Slow, .. })));
    }

    #[test]
    fn slow_answers_have_one_reason_however_slow_they_are() {
        let slow = |ms| judge(&report(Ending::Answered { http_status: 200 }, ms), &expectation(Some(100)));
        assert_eq!(slow(101), slow(4_000), "what is the same each time is packed once");
    }

    #[test]
    fn our_own_lack_of_network_says_nothing_about_the_target() {
        assert_eq!(
            judge(&report(Ending::CutOff { lack: Lack::Network, detail: "no route".into() }, 1), &expectation(None)),
            Judgement::Unknown
        );
    }
}
