//! The live stream: what has just been recorded in a workspace, as server-sent events.
//!
//! Each listener hears through a bounded buffer of the feed, which drops the oldest events for one that is too slow. A
//! stream ends when its access token does, so that the page comes back with a fresh one, and when the server stops.

mod view;

use std::time::Duration;

use poem::http::header::{CACHE_CONTROL, HeaderName};
use poem::web::Data;
use poem::{Body, IntoResponse, Response};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{Example, ToJSON, Type};
use poem_openapi::{ApiResponse, OpenApi};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};
use watchkeeper_domain::port::EventStream;

use super::caller::Caller;
use super::place::{Place, Places};
use super::problem::{Kind, Problem, Refusal, refusals};
use super::{Api, Tag};
use view::{CheckEvent, FlipEvent};

/// How often a sign of life is sent, so that proxies keep the connection and dead ones are noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Tells nginx and its kin not to hold events back.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// How many streams a user may have at once: one for each open page.
const MAX_STREAMS_PER_USER: usize = 32;
/// How many streams this server has at once.
const MAX_STREAMS: usize = 10_000;
/// When it is worth trying again after one stream too many.
const RETRY_AFTER: Duration = Duration::from_secs(15);
const MEDIA_TYPE: &str = "text/event-stream";

refusals! {
    Listen: Unauthenticated, TooManyRequests = too_many_streams();
}

/// The operation.
pub(super) struct EventApi;

#[OpenApi(tag = "Tag::Events")]
impl EventApi {
    /// Listen
    ///
    /// Server-sent events of the workspace, whichever node recorded them: `check` with a `CheckEvent`, `flip` with a `FlipEvent`.
    /// A comment is sent every 15 seconds. The stream ends when the access token does. It is a hint to look, not the record:
    /// events are dropped for a listener that falls behind. A user may have 32 streams at once.
    #[oai(path = "/events", method = "get", operation_id = "streamEvents")]
    async fn listen(&self, api: Data<&Api>, caller: Caller) -> Result<Events, Refusal<Listen>> {
        let place = api.streams.take(caller.user()).ok_or_else(too_many_streams)?;
        let feed = api.feed.listen(caller.workspace()).await;
        Ok(Events(Listener::new(&api, &caller, feed, place)))
    }
}

/// The streams that there may be.
pub(super) fn streams() -> Places {
    Places::new(MAX_STREAMS, MAX_STREAMS_PER_USER)
}

/// What is said to one stream too many.
fn too_many_streams() -> Problem {
    Problem::new(Kind::TooManyRequests).detail("Too many streams are open. Close one first.").retry_after(RETRY_AFTER)
}

/// One who listens.
struct Listener {
    api: Api,
    token: String,
    feed: Box<dyn EventStream>,
    heartbeat: Interval,
    expires_at: Instant,
    _place: Place,
}

impl Listener {
    fn new(api: &Api, caller: &Caller, feed: Box<dyn EventStream>, place: Place) -> Self {
        // The first tick comes at once, so that the client knows that it is heard.
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let expires_at = Instant::now() + caller.expires_at().since(api.clock.now());
        Self { api: api.clone(), token: caller.token().to_owned(), feed, heartbeat, expires_at, _place: place }
    }

    /// The next piece of the stream; `None` at its end.
    async fn next(&mut self) -> Option<String> {
        tokio::select! {
            biased;
            () = self.api.stop.cancelled() => None,
            () = sleep_until(self.expires_at) => None,
            // The clock that tokens are read by may have been set since.
            _ = self.heartbeat.tick() => {
                self.api.accounts.authenticate(&self.token).map(|_| ": heartbeat\n\n".to_owned())
            }
            event = self.feed.next() => event.map(|event| view::frame(&event)),
        }
    }
}

/// The answer.
struct Events(Listener);

impl IntoResponse for Events {
    fn into_response(self) -> Response {
        let pieces = futures_util::stream::unfold(self.0, |mut listener| async move {
            let piece = listener.next().await?;
            Some((Ok::<_, std::io::Error>(piece), listener))
        });
        Response::builder()
            .content_type(MEDIA_TYPE)
            .header(CACHE_CONTROL, "no-store")
            .header(X_ACCEL_BUFFERING, "no")
            .body(Body::from_bytes_stream(pieces))
    }
}

impl ApiResponse for Events {
    fn meta() -> MetaResponses {
        let data = MetaSchema {
            one_of: vec![CheckEvent::schema_ref(), FlipEvent::schema_ref()],
            description: Some("The data of each event, as JSON."),
            example: CheckEvent::example().to_json(),
            ..MetaSchema::ANY
        };
        let schema = MetaSchemaRef::Inline(Box::new(data));
        let response = MetaResponse {
            description: "Events, until the access token ends.",
            status: Some(200),
            status_range: None,
            content: vec![MetaMediaType { content_type: MEDIA_TYPE, schema }],
            headers: vec![],
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(registry: &mut Registry) {
        CheckEvent::register(registry);
        FlipEvent::register(registry);
    }
}
