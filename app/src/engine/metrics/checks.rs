//! Recorded checks, by why they were made and what came of them.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use watchkeeper_domain::check::{Origin, Outcome, Settled};
use watchkeeper_domain::verdict::Verdict;

type ByOriginAndVerdict = Family<[(&'static str, &'static str); 2], Counter>;

/// A counter for each origin and verdict.
#[derive(Clone, Debug)]
pub(crate) struct Checks {
    scheduled: ByVerdict,
    confirmation: ByVerdict,
    manual: ByVerdict,
}

#[derive(Clone, Debug)]
struct ByVerdict {
    up: Counter,
    degraded: Counter,
    down: Counter,
    unknown: Counter,
}

impl Checks {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let family = ByOriginAndVerdict::default();
        let of = |origin: &'static str| {
            let counter =
                |verdict: &'static str| family.get_or_create(&[("origin", origin), ("verdict", verdict)]).clone();
            ByVerdict {
                up: counter("up"),
                degraded: counter("degraded"),
                down: counter("down"),
                unknown: counter("unknown"),
            }
        };
        let checks = Self { scheduled: of("scheduled"), confirmation: of("confirmation"), manual: of("manual") };
        registry.register("checks", "Recorded checks by origin and verdict", family);
        checks
    }

    /// The counter of checks like this one.
    pub(in crate::engine) fn of(&self, settled: &Settled) -> &Counter {
        let of_origin = match settled.claim.origin {
            Origin::Scheduled => &self.scheduled,
            Origin::Confirmation => &self.confirmation,
            Origin::Manual => &self.manual,
        };
        match &settled.outcome {
            Outcome::Unknown => &of_origin.unknown,
            Outcome::Checked(check) => match check.verdict {
                Verdict::Up => &of_origin.up,
                Verdict::Degraded => &of_origin.degraded,
                Verdict::Down => &of_origin.down,
            },
        }
    }
}
