//! A store that is away: the API says so and lives.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use poem::Request;
use poem::http::Method;
use serde_json::{Value, json};
use tokio::time::Instant;
use watchkeeper::http::{Parts, Settings};
use watchkeeper_domain::account::{Email, Password, PasswordHash};
use watchkeeper_domain::port::{
    Arrears, Folded, MockCheckRepo, MockHistoryRepo, MockIncidentRepo, MockMonitorRepo, MockSessionRepo, MockUpkeep,
    MockUserRepo, MockWorkspaceRepo, MonitorRepo, PasswordHasher, Purged, RepoError, RepoResult, Retired, Upkeep,
    WeakPassword,
};
use watchkeeper_domain::retention::Retention;
use watchkeeper_domain::time::Timestamp;

use super::server::{Answer, PASSWORD, Server, document, operations};

fn away() -> RepoError {
    RepoError::Unavailable("connection refused by db.internal:5432".into())
}

fn unreadable() -> RepoError {
    RepoError::Corrupt("column secret_column of row 7".into())
}

async fn get(server: &Server, path: &str) -> Answer {
    Answer::of(server.send(Request::builder().uri_str(path).finish()).await).await
}

/// Puts a store that is away behind all that the API does; of it, those of `monitors` alone may be there.
fn without_store(parts: &mut Parts, monitors: Option<Arc<dyn MonitorRepo>>) {
    let mut users = MockUserRepo::new();
    users.expect_sign_up().returning(|_, _| Err(away()));
    users.expect_credentials().returning(|_| Err(away()));
    users.expect_user().returning(|_| Err(away()));
    let mut sessions = MockSessionRepo::new();
    sessions.expect_begin_session().returning(|_| Err(away()));
    sessions.expect_rotate_session().returning(|_, _, _, _| Err(away()));
    sessions.expect_end_session().returning(|_| Err(away()));
    let mut none = MockMonitorRepo::new();
    none.expect_create_monitor().returning(|_, _| Err(away()));
    none.expect_monitor().returning(|_, _| Err(away()));
    none.expect_monitors().returning(|_, _, _| Err(away()));
    none.expect_change_monitor().returning(|_, _, _, _| Err(away()));
    none.expect_delete_monitor().returning(|_, _, _| Err(away()));
    none.expect_monitors_by_id().returning(|_| Err(away()));
    let mut history = MockHistoryRepo::new();
    history.expect_checks().returning(|_| Err(away()));
    history.expect_glances().returning(|_, _, _, _, _| Err(away()));
    history.expect_time_facts().returning(|_, _, _| Err(away()));
    history.expect_account().returning(|_, _, _, _| Err(away()));
    history.expect_gaps().returning(|_, _, _, _, _| Err(away()));
    history.expect_latencies().returning(|_, _, _, _| Err(away()));
    let mut incidents = MockIncidentRepo::new();
    incidents.expect_incidents().returning(|_| Err(away()));
    incidents.expect_incident().returning(|_, _| Err(away()));
    let mut workspaces = MockWorkspaceRepo::new();
    workspaces.expect_keeping().returning(|_| Err(away()));
    workspaces.expect_keeping_of().returning(|_, _| Err(away()));
    workspaces.expect_keep_for().returning(|_, _, _| Err(away()));
    let workspaces = Arc::new(workspaces);
    let mut checks = MockCheckRepo::new();
    checks.expect_claim_manual().returning(|_| Err(away()));
    let monitors = monitors.unwrap_or(Arc::new(none));
    parts.accounts.users = Arc::new(users);
    parts.accounts.sessions = Arc::new(sessions);
    parts.monitors.repo = monitors.clone();
    parts.workspaces.repo = workspaces.clone();
    parts.history.workspaces = workspaces;
    parts.history.repo = Arc::new(history);
    parts.history.incidents = Arc::new(incidents);
    parts.on_request.watch.monitors = monitors;
    parts.on_request.watch.checks = Arc::new(checks);
}

/// A request for an operation of the document that has all it needs: a token, a cookie, and its example for a body.
fn request(method: &str, path: &str, operation: &Value, token: &str) -> Request {
    let request = Request::builder().method(method.to_uppercase().parse::<Method>().unwrap()).uri_str(path);
    let request = request.header("authorization", format!("Bearer {token}")).header("cookie", "refresh_token=abc");
    match operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str() {
        Some(reference) => {
            let schema = &document()["components"]["schemas"][reference.rsplit('/').next().unwrap()];
            request.content_type("application/json").body(schema["example"].to_string())
        }
        None => request.finish(),
    }
}

fn is_away(answer: &Answer) {
    answer.problem(503, "store_unavailable");
    assert_eq!(answer.header("retry-after"), Some("5"));
    assert!(!answer.text().contains("db.internal"), "the cause is for the log");
}

/// The operations that live from what the process has by itself.
const NEED_NO_STORE: [&str; 1] = ["streamEvents"];

#[tokio::test]
async fn a_store_that_is_away_is_503_and_worth_another_try_whatever_is_asked() {
    let token = Server::new().sign_up("ada@example.org").await;
    let server = Server::with(Settings::default(), |parts| without_store(parts, None));
    let mut without = Vec::new();
    for (path, method, operation) in operations() {
        let path = path.replace("{id}", "019c1405-6400-7000-8000-0000000000c1");
        let response = server.send(request(method, &path, operation, &token)).await;
        // A stream has no end to be read to.
        if response.status().is_success() {
            without.push(operation["operationId"].as_str().unwrap());
        } else {
            is_away(&Answer::of(response).await);
        }
    }
    assert_eq!(without, NEED_NO_STORE);
}

/// The operations on monitors that read no history.
const NEED_MONITORS_ALONE: [&str; 2] = ["createMonitor", "deleteMonitor"];

#[tokio::test]
async fn a_store_that_goes_away_once_the_monitor_is_found_is_503_as_well() {
    let there = Server::with(Settings::default(), |parts| parts.monitors.most_monitors = 100);
    let token = there.sign_up("ada@example.org").await;
    let server = Server::with(Settings::default(), |parts| without_store(parts, Some(there.store.clone())));
    let mut without = Vec::new();
    for (path, method, operation) in operations().filter(|(path, ..)| path.starts_with("/api/v1/monitors")) {
        let path = path.replace("{id}", &there.add_monitor(&token, "https://example.org/").await);
        let answer = Answer::of(server.send(request(method, &path, operation, &token)).await).await;
        if answer.status.is_success() {
            without.push(operation["operationId"].as_str().unwrap());
        } else {
            is_away(&answer);
        }
    }
    without.sort_unstable();
    assert_eq!(without, NEED_MONITORS_ALONE);
}

#[tokio::test]
async fn without_a_session_there_is_none_to_end_in_the_store() {
    let server = Server::with(Settings::default(), |parts| without_store(parts, None));
    assert_eq!(server.ask(Method::POST, "/api/v1/auth/logout", None, None).await.status, 204);
    server.ask(Method::POST, "/api/v1/auth/refresh", None, None).await.problem(401, "session_ended");
}

#[tokio::test]
async fn a_store_that_is_away_does_not_close_accounts() {
    let server = Server::with(Settings::default(), |parts| {
        let mut users = MockUserRepo::new();
        users.expect_credentials().returning(|_| Err(away()));
        parts.accounts.users = Arc::new(users);
    });
    let body = json!({ "email": "ada@example.org", "password": PASSWORD });
    for _ in 0..12 {
        let answer = server.ask(Method::POST, "/api/v1/auth/login", None, Some(&body)).await;
        answer.problem(503, "store_unavailable");
    }
}

#[tokio::test]
async fn a_fault_of_ours_is_500_and_says_nothing() {
    let server = Server::with(Settings::default(), |parts| {
        let mut monitors = MockMonitorRepo::new();
        monitors.expect_monitors().returning(|_, _, _| Err(unreadable()));
        parts.monitors.repo = Arc::new(monitors);
    });
    let token = server.sign_up("ada@example.org").await;
    let request = Request::builder().uri_str("/api/v1/monitors").header("authorization", format!("Bearer {token}"));
    let answer = Answer::of(server.send(request.finish()).await).await;
    answer.problem(500, "internal_error");
    assert!(!answer.text().contains("secret_column"));
}

#[tokio::test]
async fn a_panic_is_500_and_says_nothing() {
    let server = Server::with(Settings::default(), |parts| {
        let mut monitors = MockMonitorRepo::new();
        monitors.expect_monitors().returning(|_, _, _| panic!("secret"));
        parts.monitors.repo = Arc::new(monitors);
    });
    let token = server.sign_up("ada@example.org").await;
    let request = Request::builder().uri_str("/api/v1/monitors").header("authorization", format!("Bearer {token}"));
    let answer = Answer::of(server.send(request.finish()).await).await;
    answer.problem(500, "internal_error");
    assert!(!answer.text().contains("secret"));
}

#[tokio::test(start_paused = true)]
async fn readiness_is_the_stores_and_life_is_the_process_own() {
    let server = Server::new();
    assert_eq!(get(&server, "/readyz").await.status, 200);

    let without = Server::with(Settings::default(), |parts| {
        let mut upkeep = MockUpkeep::new();
        upkeep.expect_ping().returning(|| Err(away()));
        parts.upkeep = Arc::new(upkeep);
    });
    get(&without, "/readyz").await.problem(503, "store_unavailable");
    assert_eq!(get(&without, "/healthz").await.status, 200);
}

/// Answers nothing, ever.
struct Hanging;

#[async_trait]
impl Upkeep for Hanging {
    async fn ping(&self) -> RepoResult<()> {
        pending().await
    }

    async fn can_write(&self) -> RepoResult<()> {
        pending().await
    }

    async fn adopt_fingerprint(&self, _fingerprint: &str) -> RepoResult<String> {
        pending().await
    }

    async fn prepare(&self, _now: Timestamp) -> RepoResult<()> {
        pending().await
    }

    async fn roll_up(&self, _now: Timestamp) -> RepoResult<Option<Timestamp>> {
        pending().await
    }

    async fn fold(&self, _limit: u32) -> RepoResult<Folded> {
        pending().await
    }

    async fn retire(&self, _now: Timestamp, _retention: &Retention, _limit: u32) -> RepoResult<Retired> {
        pending().await
    }

    async fn purge(&self, _now: Timestamp, _limit: u32) -> RepoResult<Purged> {
        pending().await
    }

    async fn arrears(&self) -> RepoResult<Arrears> {
        pending().await
    }

    async fn size_bytes(&self) -> RepoResult<u64> {
        pending().await
    }
}

#[async_trait]
impl PasswordHasher for Hanging {
    fn judge(&self, _password: &Password, _email: &Email) -> Result<(), WeakPassword> {
        Ok(())
    }

    async fn hash(&self, _password: Password) -> RepoResult<PasswordHash> {
        pending().await
    }

    async fn verify(&self, _password: Password, _hash: Option<PasswordHash>) -> RepoResult<bool> {
        pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_not_ready_after_three_seconds_and_life_goes_on() {
    let server = Server::with(Settings::default(), |parts| parts.upkeep = Arc::new(Hanging));
    let asked = Instant::now();
    let ready = async { (get(&server, "/readyz").await, asked.elapsed()) };
    let alive = async { (get(&server, "/healthz").await, asked.elapsed()) };
    let ((ready, waited), (alive, at_once)) = tokio::join!(ready, alive);
    is_away(&ready);
    assert_eq!((waited, alive.status.as_u16(), at_once), (Duration::from_secs(3), 200, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_come_is_given_up_after_half_a_minute() {
    let server = Server::with(Settings::default(), |parts| parts.accounts.hasher = Arc::new(Hanging));
    let body = json!({ "email": "ada@example.org", "password": PASSWORD });
    for path in ["/api/v1/auth/signup", "/api/v1/auth/login"] {
        let asked = Instant::now();
        let answer = server.ask(Method::POST, path, None, Some(&body)).await;
        answer.problem(503, "too_slow");
        assert_eq!((answer.header("retry-after"), asked.elapsed()), (Some("30"), Duration::from_secs(30)), "{path}");
    }
}
