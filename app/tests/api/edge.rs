//! What holds for every request and every answer.

use futures_util::FutureExt;
use futures_util::future::join_all;
use poem::http::Method;
use poem::{Body, Request};
use serde_json::json;
use watchkeeper::http::Settings;

use super::server::{Answer, PASSWORD, Server, raw};

async fn plain(server: &Server, method: Method, path: &str) -> Answer {
    Answer::of(server.send(Request::builder().method(method).uri_str(path).finish()).await).await
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_and_not_a_page() {
    let server = Server::new();
    for path in ["/api", "/api/", "/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v2/monitors", "/api/v1/monitors/"] {
        plain(&server, Method::GET, path).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_method_that_is_not_there_is_told_which_are() {
    let server = Server::new();
    for (method, path, allowed) in [
        (Method::PUT, "/api/v1/monitors", "GET, HEAD, POST"),
        (Method::DELETE, "/api/v1/auth/login", "POST"),
        (Method::POST, "/api/v1/incidents", "GET, HEAD"),
        (Method::PUT, "/api/v1/monitors/019c1405-6400-7000-8000-0000000000c1", "DELETE, GET, HEAD, PATCH"),
        (Method::OPTIONS, "/api/v1/monitors", "GET, HEAD, POST"),
        (Method::POST, "/healthz", "GET, HEAD"),
        (Method::POST, "/monitors", "GET, HEAD"),
    ] {
        let answer = plain(&server, method.clone(), path).await;
        answer.problem(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}");
    }
}

#[tokio::test]
async fn a_body_is_never_longer_than_its_bound() {
    let server = Server::new();
    let body = json!({ "email": "ada@example.org", "password": "a".repeat(70_000) }).to_string();
    let request = raw(Method::POST, "/api/v1/auth/signup", "application/json", body.clone());
    Answer::of(server.send(request).await).await.problem(413, "body_too_large");

    let said =
        Request::builder().method(Method::POST).uri_str("/api/v1/auth/signup").header("content-length", "999999");
    let request = said.content_type("application/json").body("{}");
    Answer::of(server.send(request).await).await.problem(413, "body_too_large");

    // Without a length nobody knows before it comes.
    let pieces: Vec<Result<_, std::io::Error>> =
        body.into_bytes().chunks(1000).map(|piece| Ok(piece.to_vec())).collect();
    let streamed = Body::from_bytes_stream(futures_util::stream::iter(pieces));
    let request = raw(Method::POST, "/api/v1/auth/signup", "application/json", streamed);
    Answer::of(server.send(request).await).await.problem(413, "body_too_large");
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    for answer in [
        plain(&server, Method::GET, "/").await,
        plain(&server, Method::GET, "/docs").await,
        plain(&server, Method::GET, "/healthz").await,
        plain(&server, Method::GET, "/api/v1/nothing").await,
        plain(&server, Method::PUT, "/api/v1/monitors").await,
        server.get("/api/v1/monitors", &token).await,
    ] {
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("cross-origin-opener-policy"), Some("same-origin"));
        assert!(answer.header("permissions-policy").is_some());
        assert_eq!(answer.header("strict-transport-security"), None, "over http it means nothing");
        assert_eq!(answer.header("access-control-allow-origin"), None, "no other site's page reads this");
    }
}

#[tokio::test]
async fn behind_https_browsers_are_told_to_stay_there() {
    let public_url = Some("https://watch.example.org".parse().unwrap());
    let server = Server::with(Settings { public_url, ..Settings::default() }, |_| {});
    assert!(plain(&server, Method::GET, "/healthz").await.header("strict-transport-security").is_some());
}

#[tokio::test]
async fn head_answers_like_get_without_a_body() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    for path in ["/api/v1/monitors", "/healthz", "/openapi.json", "/"] {
        let request =
            Request::builder().method(Method::HEAD).uri_str(path).header("authorization", format!("Bearer {token}"));
        let answer = Answer::of(server.send(request.finish()).await).await;
        assert_eq!((answer.status.as_u16(), answer.bytes.len()), (200, 0), "{path}");
    }
}

#[tokio::test]
async fn head_tells_what_get_would_send_compressed_or_not() {
    let server = Server::new();
    for path in ["/", "/openapi.json", "/api/v1/nothing"] {
        for coding in ["gzip", "identity"] {
            let ask = async |method: Method| {
                let request = Request::builder().method(method).uri_str(path).header("accept-encoding", coding);
                Answer::of(server.send(request.finish()).await).await
            };
            let (head, get) = (ask(Method::HEAD).await, ask(Method::GET).await);
            assert!(head.bytes.is_empty() && !get.bytes.is_empty(), "{path}");
            for name in ["content-type", "content-encoding", "etag", "vary", "cache-control"] {
                assert_eq!(head.header(name), get.header(name), "{name} of {path} in {coding}");
            }
        }
    }
}

#[tokio::test]
async fn answers_are_compressed_for_those_who_can_read_it() {
    let server = Server::new();
    let ask =
        |coding: &'static str| Request::builder().uri_str("/openapi.json").header("accept-encoding", coding).finish();
    let gzipped = Answer::of(server.send(ask("gzip, br")).await).await;
    assert_eq!((gzipped.header("content-encoding"), gzipped.header("vary")), (Some("gzip"), Some("accept-encoding")));
    assert_eq!(gzipped.bytes[..2], [0x1f, 0x8b]);
    let bare = Answer::of(server.send(ask("identity")).await).await;
    assert_eq!((bare.header("content-encoding"), bare.header("vary")), (None, Some("accept-encoding")));
    assert!(bare.bytes.len() > 4 * gzipped.bytes.len());
}

#[tokio::test]
async fn answers_of_the_api_are_not_kept_on_the_way_and_secrets_not_compressed() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    for path in ["/api/v1/monitors", "/api/v1/auth/me", "/api/v1/nothing"] {
        let request = Request::builder().uri_str(path).header("authorization", format!("Bearer {token}"));
        let answer = Answer::of(server.send(request.header("accept-encoding", "gzip").finish()).await).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(answer.header("content-encoding").is_some(), path == "/api/v1/monitors", "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_end_is_not_waited_for() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    let answer = Answer::of(server.send(endless("/api/v1/monitors", &token)).await).await;
    answer.problem(503, "too_slow");
    assert_eq!(server.get("/api/v1/auth/me", &token).await.status, 200);
}

/// A request whose body never ends.
fn endless(path: &str, token: &str) -> Request {
    let never = Body::from_bytes_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let request = Request::builder().method(Method::POST).uri_str(path);
    request.header("authorization", format!("Bearer {token}")).content_type("application/json").body(never)
}

#[tokio::test(start_paused = true)]
async fn a_body_is_read_only_where_one_is_taken_and_of_whom_it_is_taken() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    let monitor = "/api/v1/monitors/019c1405-6400-7000-8000-0000000000c1";
    for (path, token, status, code) in [
        ("/api/v1/monitors", "nobody", 401, "unauthenticated"),
        ("/api/v1/nothing", &token, 404, "not_found"),
        (monitor, &token, 405, "method_not_allowed"),
        (&format!("{monitor}/check"), &token, 404, "not_found"),
        ("/api/v1/auth/refresh", &token, 401, "session_ended"),
    ] {
        let answer = server.send(endless(path, token)).now_or_never();
        Answer::of(answer.unwrap_or_else(|| panic!("{path} waits for the body"))).await.problem(status, code);
    }
}

#[tokio::test(start_paused = true)]
async fn only_so_many_bodies_are_read_at_once() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    let path = "/api/v1/monitors";
    let mut reading = Box::pin(join_all((0..1024).map(|_| server.send(endless(path, &token)))));
    assert!(futures_util::poll!(&mut reading).is_pending());
    Answer::of(server.send(endless(path, &token)).await).await.problem(503, "too_busy");
    assert_eq!(server.get(path, &token).await.status, 200, "who sends none is not concerned");
    drop(reading);
    server.add_monitor(&token, "https://example.org/").await;
}

#[tokio::test]
async fn what_is_answered_is_counted_by_operation() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    server.get("/api/v1/monitors", &token).await;
    server.get("/api/v1/monitors/7", &token).await;
    plain(&server, Method::GET, "/api/v1/monitors").await;
    plain(&server, Method::GET, "/some/page").await;
    let metrics = plain(&server, Method::GET, "/metrics").await;
    assert!(metrics.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    for line in [
        r#"http_requests_total{operation="signUp",method="POST",status="201"} 1"#,
        r#"http_requests_total{operation="listMonitors",method="GET",status="200"} 1"#,
        r#"http_requests_total{operation="listMonitors",method="GET",status="401"} 1"#,
        r#"http_requests_total{operation="getMonitor",method="GET",status="404"} 1"#,
        r#"http_requests_total{operation="none",method="GET",status="200"} 1"#,
        r#"http_request_duration_seconds_count{operation="listMonitors"} 2"#,
    ] {
        assert!(metrics.text().contains(line), "{line} in\n{}", metrics.text());
    }
}

#[tokio::test]
async fn a_password_is_never_sent_back() {
    let server = Server::new();
    let body = json!({ "email": "ada@example.org", "password": PASSWORD });
    for path in ["/api/v1/auth/signup", "/api/v1/auth/login", "/api/v1/auth/signup"] {
        let answer = server.ask(Method::POST, path, None, Some(&body)).await;
        assert!(!answer.text().contains(PASSWORD), "{path}");
    }
}
