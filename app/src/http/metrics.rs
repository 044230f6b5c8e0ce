//! What the HTTP side counts.

use std::time::Duration;

use poem::http::{Method, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Bounds of the time that answers take, in seconds.
const DURATION_BUCKETS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
/// What stands for every path that is not an operation of the API: paths are the client's to choose, labels are not.
const NO_OPERATION: &str = "none";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    operation: &'static str,
    method: &'static str,
    status: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DurationLabels {
    operation: &'static str,
}

/// The counters of the HTTP side.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    durations: Family<DurationLabels, Histogram, fn() -> Histogram>,
}

impl Metrics {
    /// Makes the counters and registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let requests = Family::default();
        let histogram: fn() -> Histogram = || Histogram::new(DURATION_BUCKETS);
        let durations = Family::new_with_constructor(histogram);
        registry.register("http_requests", "Requests answered, by operation", Family::clone(&requests));
        registry.register_with_unit(
            "http_request_duration",
            "How long answers took until their headers were ready, by operation",
            Unit::Seconds,
            Family::clone(&durations),
        );
        Self { requests, durations }
    }

    /// Counts an answer.
    pub(super) fn count(&self, method: &Method, operation: Option<&'static str>, status: StatusCode, took: Duration) {
        let operation = operation.unwrap_or(NO_OPERATION);
        let labels = RequestLabels { operation, method: label(method), status: u32::from(status.as_u16()) };
        self.requests.get_or_create(&labels).inc();
        self.durations.get_or_create(&DurationLabels { operation }).observe(took.as_secs_f64());
    }
}

/// The method as a label; one that nobody knows is not the client's to name.
pub(super) fn label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::PUT => "PUT",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
