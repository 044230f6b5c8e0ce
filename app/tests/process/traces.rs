//! Traces that are sent to a collector, one that takes them and others that do not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message;
use reqwest::Method;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::client::{PASSWORD, User};
use crate::database::{Place, on_both};
use crate::eventually;
use crate::target::Target;

/// What a monitor's URL asks for beside its path.
const QUERY_KEY: &str = "query-key-of-a-monitor";
/// Where nobody listens: the port is that of a service that nobody runs.
const NOBODY: &str = "http://127.0.0.1:1";

/// A collector that takes every span.
struct Collector {
    url: String,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
    serving: JoinHandle<()>,
}

/// A span as it came.
#[derive(Clone, Debug)]
struct Span {
    service: String,
    name: String,
    kind: SpanKind,
    attributes: BTreeMap<String, String>,
}

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let taken = Arc::clone(&requests);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(take(stream, Arc::clone(&taken)));
            }
        });
        Self { url, requests, serving }
    }

    fn spans(&self) -> Vec<Span> {
        let requests = self.requests.lock().unwrap();
        let requests = requests.iter().map(|body| ExportTraceServiceRequest::decode(body.as_slice()).unwrap());
        let of_resources = requests.flat_map(|request| request.resource_spans).flat_map(|of_resource| {
            let service = text(of_resource.resource.unwrap().attributes).remove("service.name").unwrap();
            let spans = of_resource.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans);
            spans.map(move |span| (service.clone(), span))
        });
        let span = |(service, span): (String, opentelemetry_proto::tonic::trace::v1::Span)| {
            assert_eq!((span.events.len(), span.links.len()), (0, 0), "{span:?}");
            Span { service, kind: span.kind(), name: span.name, attributes: text(span.attributes) }
        };
        of_resources.map(span).collect()
    }

    async fn takes(&self, name: &str) -> Span {
        let look = async || self.spans().into_iter().find(|span| span.name == name);
        eventually(&format!("a span is sent: {name}"), look).await
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Takes requests from one connection until it ends.
async fn take(stream: TcpStream, requests: Arc<Mutex<Vec<Vec<u8>>>>) {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut length, mut line) = (0, String::new());
        loop {
            line.clear();
            match stream.read_line(&mut line).await {
                Ok(1..) if line.trim().is_empty() => break,
                Ok(1..) => {}
                _ => return,
            }
            if let Some(("content-length", value)) = line.to_ascii_lowercase().split_once(':') {
                length = value.trim().parse().unwrap();
            } else if let Some(path) = line.strip_prefix("POST ") {
                assert!(path.starts_with("/v1/traces "), "{line}");
            }
        }
        let mut body = vec![0; length];
        if stream.read_exact(&mut body).await.is_err() {
            return;
        }
        requests.lock().unwrap().push(body);
        if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.is_err() {
            return;
        }
    }
}

fn text(attributes: Vec<opentelemetry_proto::tonic::common::v1::KeyValue>) -> BTreeMap<String, String> {
    let value = |value: Value| match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(is_so) => is_so.to_string(),
        other => panic!("no attribute is of this kind: {other:?}"),
    };
    let pairs = attributes.into_iter().map(|pair| (pair.key, value(pair.value.unwrap().value.unwrap())));
    pairs.collect()
}

on_both! {
    requests_steps_and_checks_are_traced_and_no_secret_with_them;
}

async fn requests_steps_and_checks_are_traced_and_no_secret_with_them(place: Place) {
    let (collector, target) = (Collector::start().await, Target::start().await);
    let setup = place.setup().with("WATCHKEEPER_OTLP_ENDPOINT", &collector.url).with("WATCHKEEPER_OTLP_SAMPLE", "1");
    let (program, url) = setup.serve().await;
    let user = User::sign_up(&url).await;
    let monitor = user.watch(&format!("{}shop?key={QUERY_KEY}", target.url()), 1).await;
    user.sees(&monitor, "UP").await;
    target.answer(500);
    user.sees(&monitor, "DOWN").await;

    let asked = collector.takes("createMonitor").await;
    assert_eq!((asked.kind, asked.service.as_str()), (SpanKind::Server, "watchkeeper"));
    assert_eq!(asked.attributes["http.response.status_code"], "201");
    assert_eq!(asked.attributes["http.request.method"], "POST");
    for step in ["signUp", "claim", "record", "deliver", "tidy"] {
        collector.takes(step).await;
    }
    let check = collector.takes("check").await;
    assert_eq!(check.attributes["monitor"], monitor);
    assert_eq!(check.attributes["origin"], "Scheduled");

    // Spans wait for company; what is left is sent before the program ends.
    assert_eq!(user.ask(Method::GET, "/auth/me", None).await.status(), 200);
    assert_eq!(program.terminate().await.code(), Some(0));
    assert!(collector.spans().iter().any(|span| span.name == "getMe"), "{:?}", collector.spans());
    for span in collector.spans() {
        let shown = format!("{span:?}");
        for secret in [QUERY_KEY, PASSWORD, "ada@example.org", "127.0.0.1", user.token()] {
            assert!(!shown.contains(secret), "{secret} is in {shown}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_checks_no_more_than_the_share_is_traced() {
    let (place, collector, target) = (Place::for_sqlite(), Collector::start().await, Target::start().await);
    let setup = place.setup().with("WATCHKEEPER_OTLP_ENDPOINT", &collector.url).with("WATCHKEEPER_OTLP_SAMPLE", "0");
    let (program, url) = setup.serve().await;
    let user = User::sign_up(&url).await;
    let monitor = user.watch(target.url(), 1).await;
    user.sees_checks(&monitor, 3).await;
    collector.takes("record").await;
    assert_eq!(program.terminate().await.code(), Some(0));
    assert!(collector.spans().iter().all(|span| span.name != "check"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_or_never_answers_harms_nothing_and_is_told_once() {
    // The system accepts for it, and nobody ever reads.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = (format!("http://{}", silent.local_addr().unwrap()), silent);
    for endpoint in [NOBODY, &silent.0] {
        let (place, target) = (Place::for_sqlite(), Target::start().await);
        let setup = place.setup().with("WATCHKEEPER_OTLP_ENDPOINT", endpoint).with("WATCHKEEPER_OTLP_SAMPLE", "1");
        let (program, url) = setup.serve().await;
        let user = User::sign_up(&url).await;
        let monitor = user.watch(target.url(), 1).await;
        program.logs("takes no traces").await;
        let seen = user.checks(&monitor).await.len();
        user.sees_checks(&monitor, seen + 5).await;
        user.finds_every_slot_accounted_for(&monitor).await;
        let told = program.logged().iter().filter(|line| line.contains("takes no traces")).count();
        assert_eq!(told, 1, "{:?}", program.logged());
        assert_eq!(program.terminate().await.code(), Some(0), "{endpoint}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_collector_the_log_shows_no_span() {
    let place = Place::for_sqlite();
    let (program, url) = place.setup().with("WATCHKEEPER_LOG", "trace,traces=trace").serve().await;
    User::sign_up(&url).await;
    program.logs("answered").await;
    let lines = program.logged();
    assert!(lines.iter().all(|line| !line.contains("request{") && !line.contains(" traces")), "{lines:#?}");
    assert_eq!(program.terminate().await.code(), Some(0));
}
