//! What the engine counts. Handles are looked up once and kept, so that counting costs a few nanoseconds a check.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use watchkeeper_domain::check::{Origin, Outcome, Settled};
use watchkeeper_domain::verdict::Verdict;

/// Bounds of the lateness of checks, in seconds: fine where it ought to be, coarse where something is wrong.
const LATENESS_BUCKETS: [f64; 14] =
    [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0];

/// Bounds of the number of results that are recorded in one transaction.
const BATCH_BUCKETS: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0];

type Labelled = Family<[(&'static str, &'static str); 1], Counter>;

/// The engine's counters, gauges and histograms.
#[derive(Clone, Debug)]
pub struct Metrics {
    pub(super) lateness: Histogram,
    pub(super) probes_in_flight: Gauge,
    pub(super) claims_held: Gauge,
    pub(super) results_kept: Gauge,
    pub(super) results_dropped: Counter,
    pub(super) results_stale: Counter,
    pub(super) probes_too_late: Counter,
    pub(super) probes_panicked: Counter,
    pub(super) batch_size: Histogram,
    pub(super) is_cut_off: Gauge,
    pub(super) deliveries_made: Counter,
    pub(super) deliveries_failed: Counter,
    pub(super) checks: Checks,
    store_errors: Labelled,
}

/// Recorded checks by what came of them.
#[derive(Clone, Debug)]
pub(super) struct Checks {
    pub(super) up: Counter,
    pub(super) degraded: Counter,
    pub(super) down: Counter,
    pub(super) unknown: Counter,
}

impl Metrics {
    /// Makes the metrics and registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let (checks, deliveries) = (Labelled::default(), Labelled::default());
        let of = |family: &Labelled, label: &'static str, value: &'static str| {
            family.get_or_create(&[(label, value)]).clone()
        };
        let metrics = Self {
            lateness: Histogram::new(LATENESS_BUCKETS),
            probes_in_flight: Gauge::default(),
            claims_held: Gauge::default(),
            results_kept: Gauge::default(),
            results_dropped: Counter::default(),
            results_stale: Counter::default(),
            probes_too_late: Counter::default(),
            probes_panicked: Counter::default(),
            batch_size: Histogram::new(BATCH_BUCKETS),
            is_cut_off: Gauge::default(),
            deliveries_made: of(&deliveries, "outcome", "delivered"),
            deliveries_failed: of(&deliveries, "outcome", "failed"),
            checks: Checks {
                up: of(&checks, "verdict", "up"),
                degraded: of(&checks, "verdict", "degraded"),
                down: of(&checks, "verdict", "down"),
                unknown: of(&checks, "verdict", "unknown"),
            },
            store_errors: Labelled::default(),
        };
        let of_engine = registry.sub_registry_with_prefix("watchkeeper");
        of_engine.register(
            "check_lateness_seconds",
            "How long after its slot a scheduled check started",
            metrics.lateness.clone(),
        );
        of_engine.register("checks", "Recorded checks by verdict", checks);
        of_engine.register("probes_in_flight", "Probes under way", metrics.probes_in_flight.clone());
        of_engine.register(
            "claims_held",
            "Claims that wait for their instant or are probed",
            metrics.claims_held.clone(),
        );
        of_engine.register("results_kept", "Finished checks that are not recorded yet", metrics.results_kept.clone());
        of_engine.register(
            "results_dropped",
            "Finished checks that the store refused",
            metrics.results_dropped.clone(),
        );
        of_engine.register(
            "results_stale",
            "Finished checks whose slot somebody else holds",
            metrics.results_stale.clone(),
        );
        of_engine.register("probes_too_late", "Claims that could no longer start", metrics.probes_too_late.clone());
        of_engine.register("probes_panicked", "Probes that panicked", metrics.probes_panicked.clone());
        of_engine.register("record_batch_size", "Results recorded in one transaction", metrics.batch_size.clone());
        of_engine.register("network_cut_off", "1 while this node has no network", metrics.is_cut_off.clone());
        of_engine.register("deliveries", "Attempts at delivering notices by outcome", deliveries);
        of_engine.register("store_errors", "Failed calls of the store by loop", metrics.store_errors.clone());
        metrics
    }

    /// Counts the results of a batch: those that are in the record now, and those that came too late, by their position.
    pub(super) fn recorded(&self, batch: &[Settled], stale: &[usize]) {
        self.batch_size.observe(batch.len() as f64);
        self.results_stale.inc_by(stale.len() as u64);
        let in_the_record = batch.iter().enumerate().filter(|(position, _)| !stale.contains(position));
        for (_, settled) in in_the_record {
            match &settled.outcome {
                Outcome::Unknown => self.checks.unknown.inc(),
                Outcome::Checked(check) => match check.verdict {
                    Verdict::Up => self.checks.up.inc(),
                    Verdict::Degraded => self.checks.degraded.inc(),
                    Verdict::Down => self.checks.down.inc(),
                },
            };
        }
    }

    /// Notes how late a check was, where it was one of a slot.
    pub(super) fn probed(&self, settled: &Settled) {
        if let (Origin::Scheduled, Outcome::Checked(check)) = (settled.claim.origin, &settled.outcome) {
            self.lateness.observe(check.checked_at.since(check.slot).as_secs_f64());
        }
    }

    /// The counter of failed calls of the store in one loop.
    pub(super) fn store_errors(&self, of: &'static str) -> Counter {
        self.store_errors.get_or_create(&[("loop", of)]).clone()
    }
}

/// A gauge that goes back down when this is dropped, whatever happens in between.
pub(super) struct Counted(Gauge);

impl Counted {
    pub(super) fn one(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// How long something took, for logs.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
