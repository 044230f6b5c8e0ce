//! How often something may be asked for.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::poll;
use poem::Request;
use poem::http::Method;
use serde_json::json;
use watchkeeper::http::Settings;
use watchkeeper_domain::port::{ProbeRequest, Prober};
use watchkeeper_domain::report::Report;
use watchkeeper_domain::testkit::fixture::answer;

use super::server::{Answer, PASSWORD, Server, raw};

const LOG_IN: &str = "/api/v1/auth/login";

/// A server that believes its peer (of which a test has no address) about where requests come from.
fn behind_a_proxy() -> Server {
    Server::with(Settings { trusted_proxies: vec!["::/128".parse().unwrap()], ..Settings::default() }, |_| {})
}

async fn log_in(server: &Server, from: &str, email: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "password": password }).to_string();
    let request = Request::builder().method(Method::POST).uri_str(LOG_IN).header("x-forwarded-for", from);
    Answer::of(server.send(request.content_type("application/json").body(body)).await).await
}

fn refused(answer: &Answer) -> Option<u64> {
    (answer.status == 429).then(|| {
        answer.problem(429, "too_many_requests");
        answer.header("retry-after").unwrap().parse().unwrap()
    })
}

#[tokio::test(start_paused = true)]
async fn an_address_has_thirty_tries_at_once_and_then_one_every_two_seconds() {
    let server = behind_a_proxy();
    for n in 0..30 {
        let answer = log_in(&server, "198.51.100.7", &format!("user{n}@example.org"), PASSWORD).await;
        answer.problem(401, "invalid_credentials");
    }
    let retry_after = refused(&log_in(&server, "198.51.100.7", "ada@example.org", PASSWORD).await);
    assert_eq!(retry_after, Some(2));
    assert_eq!(refused(&log_in(&server, "198.51.100.8", "ada@example.org", PASSWORD).await), None, "another address");
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(refused(&log_in(&server, "198.51.100.7", "ada@example.org", PASSWORD).await), None);
    assert!(refused(&log_in(&server, "198.51.100.7", "ada@example.org", PASSWORD).await).is_some());
}

#[tokio::test(start_paused = true)]
async fn all_auth_routes_share_the_allowance_of_an_address() {
    let server = Server::new();
    for n in 0..30 {
        let path = ["/api/v1/auth/refresh", "/api/v1/auth/logout"][n % 2];
        assert_ne!(server.ask(Method::POST, path, None, None).await.status, 429);
    }
    let body = json!({ "email": "ada@example.org", "password": PASSWORD });
    for path in ["/api/v1/auth/signup", LOG_IN, "/api/v1/auth/refresh", "/api/v1/auth/logout"] {
        server.ask(Method::POST, path, None, Some(&body)).await.problem(429, "too_many_requests");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_malformed_counts_as_well() {
    for body in ["{", "{}", r#"{"email":"ada@example.org"}"#] {
        let server = Server::new();
        for path in ["/api/v1/auth/signup", LOG_IN] {
            for _ in 0..15 {
                let answer = Answer::of(server.send(raw(Method::POST, path, "application/json", body)).await).await;
                assert!(matches!(answer.status.as_u16(), 400 | 422), "{answer:?}");
            }
        }
        let answer = Answer::of(server.send(raw(Method::POST, LOG_IN, "application/json", body)).await).await;
        answer.problem(429, "too_many_requests");
    }
}

/// Of whoever visits it, another site's page uses up nothing.
#[tokio::test(start_paused = true)]
async fn another_sites_page_does_not_use_up_the_allowance_of_its_visitors() {
    let server = Server::new();
    for n in 0..31 {
        let path = ["/api/v1/auth/refresh", "/api/v1/auth/logout"][n % 2];
        let request = Request::builder().method(Method::POST).uri_str(path).header("origin", "https://evil.example");
        Answer::of(server.send(request.finish()).await).await.problem(403, "foreign_origin");
    }
    server.ask(Method::POST, "/api/v1/auth/refresh", None, None).await.problem(401, "session_ended");
}

#[tokio::test(start_paused = true)]
async fn whoever_is_no_trusted_proxy_cannot_choose_an_address() {
    let server = Server::new();
    for n in 0..30 {
        log_in(&server, &format!("198.51.100.{n}"), &format!("user{n}@example.org"), PASSWORD).await;
    }
    assert!(refused(&log_in(&server, "198.51.100.99", "ada@example.org", PASSWORD).await).is_some());
}

#[tokio::test(start_paused = true)]
async fn ten_failed_log_ins_close_an_account_from_every_address_whether_or_not_it_exists() {
    let server = behind_a_proxy();
    server.sign_up("ada@example.org").await;
    for email in ["ada@example.org", "nobody@example.org"] {
        for n in 0..10 {
            log_in(&server, &format!("198.51.100.{n}"), email, "wrong").await.problem(401, "invalid_credentials");
        }
        let retry_after = refused(&log_in(&server, "203.0.113.7", &email.to_uppercase(), PASSWORD).await);
        assert_eq!(retry_after, Some(15 * 60), "{email}");
    }
    tokio::time::advance(Duration::from_secs(15 * 60)).await;
    assert_eq!(log_in(&server, "203.0.113.7", "ada@example.org", PASSWORD).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn log_ins_that_succeed_do_not_close_an_account() {
    let server = behind_a_proxy();
    server.sign_up("ada@example.org").await;
    for n in 0..25 {
        let answer = log_in(&server, &format!("198.51.100.{n}"), "ada@example.org", PASSWORD).await;
        assert_eq!(answer.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_monitor_is_checked_on_request_only_so_often() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    let url = "https://example.org/";
    server.prober.from_now_on(url, answer(200));
    let first = format!("/api/v1/monitors/{}/check", server.add_monitor(&token, url).await);
    let second = format!("/api/v1/monitors/{}/check", server.add_monitor(&token, url).await);
    for _ in 0..5 {
        assert_eq!(server.ask(Method::POST, &first, Some(&token), None).await.status, 200);
        server.clock.advance(Duration::from_millis(1));
    }
    assert_eq!(refused(&server.ask(Method::POST, &first, Some(&token), None).await), Some(10));
    assert_eq!(server.ask(Method::POST, &second, Some(&token), None).await.status, 200, "each has its own allowance");
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(server.ask(Method::POST, &first, Some(&token), None).await.status, 200);
}

/// A prober whose targets never answer.
struct Stuck;

#[async_trait]
impl Prober for Stuck {
    async fn probe<'a>(&self, _: ProbeRequest<'a>) -> Report {
        pending().await
    }
}

/// As many checks on request as a user may have, under way.
async fn eight_checks<'a>(
    server: &'a Server,
    email: &str,
) -> (String, Vec<Pin<Box<dyn Future<Output = Answer> + 'a>>>) {
    let token = server.sign_up(email).await;
    let mut checks: Vec<Pin<Box<dyn Future<Output = Answer> + 'a>>> = Vec::new();
    for n in 0..8 {
        // A monitor has five at once.
        if n % 4 == 0 {
            server.add_monitor(&token, "https://example.org/").await;
        }
        checks.push(Box::pin(check_newest(server, token.clone())));
        assert!(poll!(checks.last_mut().unwrap()).is_pending());
    }
    (token, checks)
}

async fn check_newest(server: &Server, token: String) -> Answer {
    let monitors = server.get("/api/v1/monitors", &token).await.json();
    let monitor = monitors["items"].as_array().unwrap().last().unwrap();
    let path = format!("/api/v1/monitors/{}/check", monitor["id"].as_str().unwrap());
    server.ask(Method::POST, &path, Some(&token), None).await
}

#[tokio::test(start_paused = true)]
async fn a_user_has_a_bounded_number_of_checks_on_request_under_way_and_so_has_the_server() {
    let server = Server::with(Settings::default(), |parts| parts.on_request.watch.prober = Arc::new(Stuck));
    let (token, mut checks) = eight_checks(&server, "ada@example.org").await;
    assert_eq!(refused(&check_newest(&server, token.clone()).await), Some(5));
    checks.pop();
    let mut again = Box::pin(check_newest(&server, token));
    assert!(poll!(&mut again).is_pending(), "one was given up");

    let mut others = Vec::new();
    for n in 1..8 {
        others.push(eight_checks(&server, &format!("user{n}@example.org")).await);
    }
    let token = server.sign_up("last@example.org").await;
    server.add_monitor(&token, "https://example.org/").await;
    assert_eq!(refused(&check_newest(&server, token.clone()).await), Some(5));
    drop(again);
    assert!(poll!(Box::pin(check_newest(&server, token))).is_pending());
}
