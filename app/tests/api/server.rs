//! A server on the memory store, and what it answers.

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderMap, Method, StatusCode};
use poem::{Body, Request, Response};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use watchkeeper::http::{self, Metrics, OnRequest, Parts, Settings};
use watchkeeper_adapters::token::{JwtIssuer, JwtSecret};
use watchkeeper_domain::account::{Email, Password, PasswordHash, SignUpPolicy};
use watchkeeper_domain::address::AddressGuard;
use watchkeeper_domain::check::{Claim, Region, Settled};
use watchkeeper_domain::id::LeaseToken;
use watchkeeper_domain::monitor::Interval;
use watchkeeper_domain::port::{CheckRepo, ClaimRequest, Clock, IdGenerator, PasswordHasher, RepoResult, WeakPassword};
use watchkeeper_domain::retention::Retention;
use watchkeeper_domain::testkit::fixture::T0;
use watchkeeper_domain::testkit::{CountingIds, FakeProber, MemoryFeed, MemoryStore, SteppingClock};
use watchkeeper_domain::usecase::{Accounts, History, Memory, Monitors, Watch, Workspaces};

/// The most monitors of a workspace.
pub(crate) const MOST_MONITORS: u32 = 7;

/// Everything behind the server, for a test to reach into.
pub(crate) struct Server {
    pub(crate) endpoint: BoxEndpoint<'static, Response>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: Arc<SteppingClock>,
    pub(crate) prober: Arc<FakeProber>,
    pub(crate) feed: Arc<MemoryFeed>,
    pub(crate) ids: Arc<CountingIds>,
    pub(crate) stop: CancellationToken,
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Server {
    /// A server that lets everybody sign up.
    pub(crate) fn new() -> Self {
        Self::with(Settings::default(), |_| {})
    }

    /// A server with these settings, and whatever else is to be different about its parts.
    pub(crate) fn with(settings: Settings, change: impl FnOnce(&mut Parts)) -> Self {
        let ids = Arc::new(CountingIds::new());
        let store = Arc::new(MemoryStore::new(ids.clone()));
        let clock = Arc::new(SteppingClock::at(T0));
        let (prober, feed) = (Arc::new(FakeProber::new()), Arc::new(MemoryFeed::new()));
        let stop = CancellationToken::new();
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let tokens = Arc::new(JwtIssuer::new(&JwtSecret::new(vec![7; 32]).unwrap()));
        let watch = Watch {
            checks: store.clone(),
            monitors: store.clone(),
            prober: prober.clone(),
            connectivity: None,
            feed: feed.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
            region: Region::default(),
            memory: Arc::new(Memory::default()),
        };
        let mut parts = Parts {
            accounts: Accounts {
                users: store.clone(),
                sessions: store.clone(),
                hasher: Arc::new(PlainHasher),
                tokens,
                clock: clock.clone(),
                ids: ids.clone(),
                policy: SignUpPolicy::Open,
            },
            monitors: Monitors {
                repo: store.clone(),
                clock: clock.clone(),
                ids: ids.clone(),
                guard: AddressGuard::default(),
                least_interval: Interval::from_secs(5).unwrap(),
                most_monitors: MOST_MONITORS,
            },
            workspaces: Workspaces { repo: store.clone(), clock: clock.clone(), retention: Retention::DEFAULT },
            history: History {
                workspaces: store.clone(),
                repo: store.clone(),
                incidents: store.clone(),
                clock: clock.clone(),
                retention: Retention::DEFAULT,
                region: Region::default(),
            },
            on_request: OnRequest { watch, watching: Handle::current() },
            feed: feed.clone(),
            upkeep: store.clone(),
            clock: clock.clone(),
            metrics,
            registry: Arc::new(registry),
            stop: stop.clone(),
        };
        change(&mut parts);
        Self { endpoint: http::router(parts, settings), store, clock, prober, feed, ids, stop }
    }

    /// Sends a request and takes the answer as it comes.
    pub(crate) async fn send(&self, request: Request) -> Response {
        self.endpoint.call(request).await.unwrap()
    }

    /// Asks, with a token where there is one and a JSON body where there is one.
    pub(crate) async fn ask(&self, method: Method, path: &str, token: Option<&str>, body: Option<&Value>) -> Answer {
        let mut request = Request::builder().method(method.clone()).uri_str(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = match body {
            Some(body) => request.content_type("application/json").body(body.to_string()),
            None => request.finish(),
        };
        let answer = Answer::of(self.send(request).await).await;
        answer.is_documented(&method, path);
        answer
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.ask(Method::GET, path, Some(token), None).await
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        self.ask(Method::POST, path, Some(token), Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, token: &str, body: &Value) -> Answer {
        self.ask(Method::PATCH, path, Some(token), Some(body)).await
    }

    /// Signs somebody up and answers their access token.
    pub(crate) async fn sign_up(&self, email: &str) -> String {
        let body = json!({ "email": email, "password": PASSWORD });
        let answer = self.ask(Method::POST, "/api/v1/auth/signup", None, Some(&body)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// Adds a monitor of a URL with an interval of a minute and answers its identifier.
    pub(crate) async fn add_monitor(&self, token: &str, url: &str) -> String {
        let body = json!({ "target": { "type": "http", "url": url }, "interval_seconds": 60 });
        let answer = self.post("/api/v1/monitors", token, &body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// Claims all that is due, records what `settle` makes of it, and moves on by a minute.
    pub(crate) async fn work(&self, settle: impl Fn(&Claim) -> Settled) {
        let now = self.clock.now();
        let token = LeaseToken::new(self.ids.uuid());
        let request = ClaimRequest { region: Region::default(), now, horizon: now, limit: 100, token };
        let claims = self.store.claim(&request).await.unwrap().claims;
        let settled: Vec<_> = claims.iter().map(settle).collect();
        self.store.record(now, &settled).await.unwrap();
        self.clock.advance(std::time::Duration::from_secs(60));
    }
}

/// The password of everybody.
pub(crate) const PASSWORD: &str = "mossy lantern by the quay";

impl Answer {
    pub(crate) async fn of(mut response: Response) -> Self {
        let bytes = response.take_body().into_vec().await.unwrap();
        Self { status: response.status(), headers: response.headers().clone(), bytes }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Makes sure that this is a problem of a kind, whole and in form, with the headers of its status, and answers it.
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        let problem = self.json();
        assert_eq!((self.status.as_u16(), problem["code"].as_str()), (status, Some(code)), "{problem}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], format!("/problems/{code}"));
        for part in ["title", "detail"] {
            assert!(problem[part].as_str().is_some_and(|text| !text.is_empty()), "{part} of {problem}");
        }
        assert_eq!(self.header("cache-control"), Some("no-store"), "{problem}");
        assert_eq!(self.header("www-authenticate"), (status == 401).then_some("Bearer"), "{problem}");
        let retry_after = self.header("retry-after").and_then(|seconds| seconds.parse::<u64>().ok());
        assert_eq!(retry_after.is_some_and(|seconds| seconds > 0), matches!(status, 429 | 503), "{problem}");
        assert_eq!(self.header("allow").is_some(), status == 405, "{problem}");
        problem
    }

    /// Makes sure that this is a refusal of these fields and no others.
    pub(crate) fn refuses(&self, fields: &[&str]) {
        let problem = self.problem(422, "validation_failed");
        let mut found: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|e| e["field"].clone()).collect();
        let mut expected: Vec<_> = fields.iter().map(|field| json!(field)).collect();
        found.sort_by_key(Value::to_string);
        expected.sort_by_key(Value::to_string);
        assert_eq!(found, expected, "{problem}");
    }

    /// Makes sure that the document knows this answer of this operation.
    fn is_documented(&self, method: &Method, path: &str) {
        let path = path.split('?').next().unwrap();
        let Some(operations) = operations_of(path) else { return };
        let Some(operation) = operations.get(method.as_str().to_lowercase()) else { return };
        let response = &operation["responses"][self.status.as_str()];
        assert!(response.is_object(), "{method} {path} answers {}, which the document does not know", self.status);
        if let Some(content) = response["content"].as_object() {
            let media_type = self.header("content-type").unwrap_or_default();
            assert!(
                content.contains_key(media_type),
                "{method} {path} answers {media_type}, documented is {content:?}"
            );
        }
    }
}

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(&http::openapi_json()).unwrap());

/// The document.
pub(crate) fn document() -> &'static Value {
    &DOCUMENT
}

/// All operations of the document: path, method, and what it says of each.
pub(crate) fn operations() -> impl Iterator<Item = (&'static String, &'static String, &'static Value)> {
    let paths = document()["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, operations)| {
        operations.as_object().unwrap().iter().map(move |(method, operation)| (path, method, operation))
    })
}

/// The operations of the path that a path of a request belongs to.
pub(crate) fn operations_of(path: &str) -> Option<&'static Value> {
    let given: Vec<_> = path.split('/').collect();
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let matches = |template: &str| {
        let template: Vec<_> = template.split('/').collect();
        template.len() == given.len() && template.iter().zip(&given).all(|(a, b)| a.starts_with('{') || a == b)
    };
    paths.iter().find(|(template, _)| matches(template)).map(|(_, operations)| operations)
}

/// A body that is already text, or bytes.
pub(crate) fn raw(method: Method, path: &str, content_type: &str, body: impl Into<Body>) -> Request {
    Request::builder().method(method).uri_str(path).content_type(content_type).body(body)
}

/// Keeps passwords as they are, so that tests do not wait for hashing. Anything with `password` in it is weak.
struct PlainHasher;

#[async_trait]
impl PasswordHasher for PlainHasher {
    fn judge(&self, password: &Password, _email: &Email) -> Result<(), WeakPassword> {
        if password.expose().contains("password") { Err(WeakPassword) } else { Ok(()) }
    }

    async fn hash(&self, password: Password) -> RepoResult<PasswordHash> {
        Ok(PasswordHash::new(password.expose()))
    }

    async fn verify(&self, password: Password, hash: Option<PasswordHash>) -> RepoResult<bool> {
        Ok(hash.is_some_and(|hash| hash.expose() == password.expose()))
    }
}
