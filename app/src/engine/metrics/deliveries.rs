//! Attempts at delivering notices, by the kind of their channel and what came of them.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use watchkeeper_domain::notice::{ChannelKind, DeliveryOutcome};

type ByChannelAndOutcome = Family<[(&'static str, &'static str); 2], Counter>;

/// What can come of an attempt, as a label.
const OUTCOMES: [&str; 3] = [DELIVERED, FAILED, GIVEN_UP];
const DELIVERED: &str = "delivered";
const FAILED: &str = "failed";
const GIVEN_UP: &str = "given_up";

/// A counter for each kind of channel and outcome, and how many attempts are under way.
#[derive(Clone, Debug)]
pub(crate) struct Deliveries {
    made: ByChannelAndOutcome,
    pub(in crate::engine) in_flight: Gauge,
}

impl Deliveries {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let deliveries = Self { made: Family::default(), in_flight: Gauge::default() };
        for outcome in OUTCOMES {
            let _ = deliveries.counter(ChannelKind::Console, outcome);
        }
        registry.register(
            "deliveries",
            "Attempts at delivering notices by channel and outcome",
            Family::clone(&deliveries.made),
        );
        registry.register("deliveries_in_flight", "Deliveries under way", deliveries.in_flight.clone());
        deliveries
    }

    /// The counter of attempts like this one.
    pub(in crate::engine) fn of(&self, channel: ChannelKind, outcome: &DeliveryOutcome) -> Counter {
        let outcome = match outcome {
            DeliveryOutcome::Delivered => DELIVERED,
            DeliveryOutcome::Failed { retry_at: Some(_), .. } => FAILED,
            DeliveryOutcome::Failed { retry_at: None, .. } => GIVEN_UP,
        };
        self.counter(channel, outcome)
    }

    fn counter(&self, channel: ChannelKind, outcome: &'static str) -> Counter {
        let channel = match channel {
            ChannelKind::Console => "console",
        };
        self.made.get_or_create(&[("channel", channel), ("outcome", outcome)]).clone()
    }
}
