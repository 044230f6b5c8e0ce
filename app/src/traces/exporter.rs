//! Sends spans as OTLP over HTTP. A collector that is away costs nothing but its spans: it is told once, and once more when
//! it is back.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use prost::Message;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use tokio::runtime::Handle;
use url::Url;

/// How long one request may take; what it carried is dropped then.
const SEND_TIMEOUT: Duration = Duration::from_secs(2);

/// Where spans go below the endpoint (OTLP specification, "OTLP/HTTP Request").
const PATH: &str = "v1/traces";

/// A collector of spans.
pub(super) struct Collector {
    client: reqwest::Client,
    url: Url,
    resource: ResourceAttributesWithSchema,
    /// The library exports from a thread of its own, which has no runtime.
    runtime: Handle,
    is_away: AtomicBool,
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Collector")
    }
}

impl Collector {
    pub(super) fn at(endpoint: &Url, resource: &Resource, runtime: Handle) -> anyhow::Result<Self> {
        let mut url = endpoint.clone();
        url.set_path(&format!("{}/{PATH}", endpoint.path().trim_end_matches('/')));
        // The endpoint is where the operator says, not where a proxy variable leads.
        let client = reqwest::Client::builder().no_proxy().redirect(Policy::none()).timeout(SEND_TIMEOUT).build()?;
        Ok(Self { client, url, resource: resource.into(), runtime, is_away: AtomicBool::new(false) })
    }

    fn note(&self, answer: Result<(), String>) -> OTelSdkResult {
        match answer {
            Ok(()) => {
                if self.is_away.swap(false, Ordering::Relaxed) {
                    tracing::info!("the collector takes traces again");
                }
                Ok(())
            }
            Err(error) => {
                if !self.is_away.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        error,
                        "the collector of WATCHKEEPER_OTLP_ENDPOINT takes no traces; they are dropped until it does"
                    );
                }
                Err(OTelSdkError::InternalFailure(error))
            }
        }
    }
}

impl SpanExporter for Collector {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let request =
            ExportTraceServiceRequest { resource_spans: group_spans_by_resource_and_scope(batch, &self.resource) };
        let request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/x-protobuf")
            .body(request.encode_to_vec());
        let sent = self.runtime.spawn(async move { request.send().await?.error_for_status() }).await;
        self.note(match sent {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(in_words(&error.without_url())),
            Err(error) => Err(error.to_string()),
        })
    }
}

/// An error and its causes in one line.
fn in_words(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
