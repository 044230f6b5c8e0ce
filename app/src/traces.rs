//! Traces: spans of requests, of the engine's steps, and of some checks, for an OpenTelemetry collector that the operator
//! names. Where none is named nothing here is made, and a span costs the look at a flag.
//!
//! Spans carry names, counts and identifiers, never a URL, an address, or what somebody sent.

mod exporter;

use std::time::Duration;

use anyhow::Context;
use opentelemetry::trace::{Link, SpanKind, TraceId, TracerProvider};
use opentelemetry::{Context as Surroundings, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SamplingResult, SdkTracerProvider, ShouldSample, SpanLimits,
};
use tokio::runtime::Handle;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

use crate::config::Settings;
use exporter::Collector;

/// The target of spans: the log never shows it, and an exporter shows nothing else.
pub const TARGET: &str = "traces";

/// The name of the span of a check, of which there are too many to keep them all.
pub const CHECK: &str = "check";

/// How many spans wait to be sent; those that come when so many wait are dropped.
const MAX_WAITING: usize = 4_096;

/// How many spans are sent in one request.
const MAX_BATCH: usize = 512;

/// How long spans wait for company.
const SEND_EVERY: Duration = Duration::from_secs(2);

/// How long a stop waits for the spans that are left.
const FLUSH_PATIENCE: Duration = Duration::from_secs(3);

/// What a span may carry.
const LIMITS: SpanLimits = SpanLimits {
    max_events_per_span: 0,
    max_attributes_per_span: 16,
    max_links_per_span: 0,
    max_attributes_per_event: 0,
    max_attributes_per_link: 0,
};

/// Spans on their way to a collector.
pub struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Begins to gather spans; `None` where no collector is named.
    ///
    /// # Errors
    /// Where no connection could ever be made.
    pub fn begin(settings: &Settings, runtime: &Handle) -> anyhow::Result<Option<Self>> {
        let Some(endpoint) = &settings.otlp_endpoint else { return Ok(None) };
        // Built from nothing: only the configuration reads the environment.
        let resource = Resource::builder_empty()
            .with_service_name(env!("CARGO_PKG_NAME"))
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let collector = Collector::at(endpoint, &resource, runtime.clone()).context("spans could never be sent")?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(MAX_WAITING)
            .with_max_export_batch_size(MAX_BATCH)
            .with_scheduled_delay(SEND_EVERY);
        let waiting = BatchSpanProcessor::builder(collector).with_batch_config(batches.build()).build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(waiting)
            .with_sampler(Sampling { of_checks: Sampler::TraceIdRatioBased(settings.otlp_sample) })
            .with_span_limits(LIMITS)
            .with_resource(resource)
            .build();
        Ok(Some(Self { provider }))
    }

    /// What takes spans, to be put beside the log.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'s> LookupSpan<'s> + Send + Sync,
    {
        let tracer = self.provider.tracer(env!("CARGO_PKG_NAME"));
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            // Only a span that has not been begun there can be named after the operation, which is known at its end.
            .with_context_activation(false)
            .with_filter(Targets::new().with_target(TARGET, LevelFilter::INFO))
    }

    /// Sends what is left, within a bound. It blocks the calling thread, and needs the runtime to go on meanwhile.
    pub fn finish(self) {
        // Whatever could not be sent has been told by the exporter.
        let _ = self.provider.shutdown_with_timeout(FLUSH_PATIENCE);
    }
}

/// Takes every span but those of checks, of which it takes a share.
#[derive(Clone, Debug)]
struct Sampling {
    of_checks: Sampler,
}

impl ShouldSample for Sampling {
    fn should_sample(
        &self,
        parent: Option<&Surroundings>,
        trace: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let sampler = if name == CHECK { &self.of_checks } else { &Sampler::AlwaysOn };
        sampler.should_sample(parent, trace, name, kind, attributes, links)
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::trace::SamplingDecision;

    use super::*;

    #[test]
    fn of_checks_a_share_is_taken_and_of_all_else_everything() {
        let sampling = Sampling { of_checks: Sampler::TraceIdRatioBased(0.25) };
        let taken = |name: &str| {
            // The share is told by the last eight bytes of the identifier.
            let traces = (0..100_u64).map(|n| TraceId::from(u128::from(n * (u64::MAX / 100))));
            let is_taken = |trace: &TraceId| {
                let answer = sampling.should_sample(None, *trace, name, &SpanKind::Internal, &[], &[]);
                answer.decision == SamplingDecision::RecordAndSample
            };
            traces.filter(is_taken).count()
        };
        assert_eq!(taken("claim"), 100);
        assert!((20..=30).contains(&taken(CHECK)), "{}", taken(CHECK));
    }
}
