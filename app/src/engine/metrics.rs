//! What the engine counts, by four signals: lateness, throughput, errors and saturation; and what its calls of the store
//! and its deliveries come to. Handles are looked up once and kept, so that counting costs a few nanoseconds a check.

mod arrears;
mod checks;
mod deliveries;

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};
use watchkeeper_domain::check::{Origin, Outcome, Settled};

pub(super) use arrears::Arrears;
use checks::Checks;
use deliveries::Deliveries;

/// Bounds of the lateness of checks, in seconds: fine where it ought to be, coarse where something is wrong.
const LATENESS_BUCKETS: [f64; 14] =
    [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0];

/// Bounds of the number of results that are recorded in one transaction.
const BATCH_BUCKETS: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0];

/// Bounds of the time that calls of the store take, in seconds: up to where they count as failed.
const CALL_BUCKETS: [f64; 12] = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 20.0];

/// The loops that call the store; each counts its errors, also while there are none.
const LOOPS: [&str; 4] = ["scheduler", "recorder", "dispatcher", "janitor"];

type Labelled = Family<[(&'static str, &'static str); 1], Counter>;
type Timed = Family<[(&'static str, &'static str); 1], Histogram, fn() -> Histogram>;

/// The engine's counters, gauges and histograms.
#[derive(Clone, Debug)]
pub struct Metrics {
    pub(super) lateness: Histogram,
    pub(super) checks: Checks,
    pub(super) claims_made: Counter,
    pub(super) slots_missed: Counter,
    pub(super) results_dropped: Counter,
    pub(super) results_stale: Counter,
    pub(super) probes_too_late: Counter,
    pub(super) probes_panicked: Counter,
    pub(super) is_cut_off: Gauge,
    pub(super) workers: Gauge,
    pub(super) probes_in_flight: Gauge,
    pub(super) claims_held: Gauge,
    pub(super) claims_held_limit: Gauge,
    pub(super) claims_waiting: Gauge,
    pub(super) results_kept: Gauge,
    pub(super) results_kept_limit: Gauge,
    pub(super) batch_size: Histogram,
    pub(super) calls: Calls,
    pub(super) deliveries: Deliveries,
    pub(super) arrears: Arrears,
    pub(super) store_size: Gauge,
    store_errors: Labelled,
}

/// How long each kind of call of the store takes, waiting for a connection included, and whatever comes of it.
#[derive(Clone, Debug)]
pub(super) struct Calls {
    pub(super) claim: Histogram,
    pub(super) record: Histogram,
    pub(super) claim_notices: Histogram,
    pub(super) record_deliveries: Histogram,
    pub(super) tidy: Histogram,
}

impl Metrics {
    /// Makes the metrics and registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let mut named = Named(registry.sub_registry_with_prefix("watchkeeper"));
        let calls: Timed = Family::new_with_constructor(|| Histogram::new(CALL_BUCKETS));
        let call = |name: &'static str| calls.get_or_create(&[("call", name)]).clone();
        let store_errors = Labelled::default();
        for of in LOOPS {
            let _ = store_errors.get_or_create(&[("loop", of)]);
        }
        let metrics = Self {
            lateness: named.keep(
                "check_lateness_seconds",
                "How long after its slot a scheduled check started",
                Histogram::new(LATENESS_BUCKETS),
            ),
            checks: Checks::register(named.0),
            claims_made: named.count("claims", "Claims taken from the store"),
            slots_missed: named.count("slots_missed", "Slots that this node found that nobody had come to in time"),
            results_dropped: named.count("results_dropped", "Finished checks that the store refused"),
            results_stale: named.count("results_stale", "Finished checks whose slot somebody else holds"),
            probes_too_late: named.count("probes_too_late", "Claims that could no longer start"),
            probes_panicked: named.count("probes_panicked", "Probes that panicked"),
            is_cut_off: named.level("network_cut_off", "1 while this node has no network"),
            workers: named.level("workers", "Probes that may be under way at once"),
            probes_in_flight: named.level("probes_in_flight", "Probes under way"),
            claims_held: named.level("claims_held", "Claims that wait for their instant or are probed"),
            claims_held_limit: named.level("claims_held_limit", "Claims that may be held at once"),
            claims_waiting: named.level("claims_waiting", "Claims whose instant has come and that wait for a worker"),
            results_kept: named.level("results_kept", "Finished checks that are not recorded yet"),
            results_kept_limit: named.level("results_kept_limit", "Finished checks that may be kept at once"),
            batch_size: named.keep(
                "record_batch_size",
                "Results recorded in one transaction",
                Histogram::new(BATCH_BUCKETS),
            ),
            calls: Calls {
                claim: call("claim"),
                record: call("record"),
                claim_notices: call("claim_notices"),
                record_deliveries: call("record_deliveries"),
                tidy: call("tidy"),
            },
            deliveries: Deliveries::register(named.0),
            arrears: Arrears::register(named.0),
            store_size: named.level("store_size_bytes", "Bytes that the store takes on disk"),
            store_errors,
        };
        named.keep("store_call_duration_seconds", "How long calls of the store took, by kind", calls.clone());
        named.keep("store_errors", "Failed calls of the store by loop", metrics.store_errors.clone());
        metrics
    }

    /// Counts the results of a batch: those that are in the record now, and those that came too late, by their position.
    pub(super) fn recorded(&self, batch: &[Settled], stale: &[usize]) {
        self.batch_size.observe(batch.len() as f64);
        self.results_stale.inc_by(stale.len() as u64);
        let in_the_record = batch.iter().enumerate().filter(|(position, _)| !stale.contains(position));
        for (_, settled) in in_the_record {
            self.checks.of(settled).inc();
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

/// A registry that hands back what it registers.
struct Named<'r>(&'r mut Registry);

impl Named<'_> {
    fn keep<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register(name, help, metric.clone());
        metric
    }

    fn count(&mut self, name: &str, help: &str) -> Counter {
        self.keep(name, help, Counter::default())
    }

    fn level(&mut self, name: &str, help: &str) -> Gauge {
        self.keep(name, help, Gauge::default())
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

/// A bound as a gauge shows it.
pub(super) fn level(bound: usize) -> i64 {
    i64::try_from(bound).unwrap_or(i64::MAX)
}

/// How long something took, for logs.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
