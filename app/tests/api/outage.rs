//! A store that is away: the API says so and lives.

use std::sync::Arc;

use poem::Request;
use poem::http::Method;
use serde_json::json;
use watchkeeper::http::Settings;
use watchkeeper_domain::port::{MockMonitorRepo, MockUpkeep, MockUserRepo, RepoError};

use super::server::{Answer, PASSWORD, Server};

fn away() -> RepoError {
    RepoError::Unavailable("connection refused by db.internal:5432".into())
}

fn unreadable() -> RepoError {
    RepoError::Corrupt("column secret_column of row 7".into())
}

#[tokio::test]
async fn a_store_that_is_away_is_503_and_worth_another_try() {
    let server = Server::with(Settings::default(), |parts| {
        let mut monitors = MockMonitorRepo::new();
        monitors.expect_monitors().returning(|_, _, _| Err(away()));
        monitors.expect_monitor().returning(|_, _| Err(away()));
        monitors.expect_create_monitor().returning(|_, _| Err(away()));
        monitors.expect_delete_monitor().returning(|_, _, _| Err(away()));
        let monitors = Arc::new(monitors);
        parts.monitors.repo = monitors.clone();
        parts.history.monitors = monitors;
    });
    let token = server.sign_up("ada@example.org").await;
    let body = json!({ "target": { "type": "http", "url": "https://example.org" }, "interval_seconds": 60 });
    let path = "/api/v1/monitors/019c1405-6400-7000-8000-0000000000c1";
    for answer in [
        server.get("/api/v1/monitors", &token).await,
        server.get(path, &token).await,
        server.get(&format!("{path}/checks"), &token).await,
        server.get(&format!("{path}/uptime"), &token).await,
        server.post("/api/v1/monitors", &token, &body).await,
        server.patch(path, &token, &json!({ "name": "Shop" })).await,
        server.ask(Method::DELETE, path, Some(&token), None).await,
        server.ask(Method::POST, &format!("{path}/check"), Some(&token), None).await,
    ] {
        answer.problem(503, "store_unavailable");
        assert_eq!(answer.header("retry-after"), Some("5"));
        assert!(!answer.text().contains("db.internal"), "the cause is for the log");
    }
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
    let get = async |server: &Server, path: &str| {
        Answer::of(server.send(Request::builder().uri_str(path).finish()).await).await
    };
    assert_eq!(get(&server, "/readyz").await.status, 200);

    let without = Server::with(Settings::default(), |parts| {
        let mut upkeep = MockUpkeep::new();
        upkeep.expect_ping().returning(|| Err(away()));
        parts.upkeep = Arc::new(upkeep);
    });
    get(&without, "/readyz").await.problem(503, "store_unavailable");
    assert_eq!(get(&without, "/healthz").await.status, 200);
}
