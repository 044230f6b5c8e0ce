//! Signing up, logging in, staying logged in, logging out.

use poem::Request;
use poem::http::{Method, StatusCode};
use serde_json::{Value, json};
use watchkeeper::http::Settings;
use watchkeeper_domain::account::SignUpPolicy;
use watchkeeper_domain::session::{ACCESS_TOKEN_LIFETIME, REFRESH_TOKEN_LIFETIME};

use super::server::{Answer, PASSWORD, Server};

fn ada() -> Value {
    json!({ "email": "Ada@Example.org", "password": PASSWORD })
}

async fn sign_up(server: &Server, body: &Value) -> Answer {
    server.ask(Method::POST, "/api/v1/auth/signup", None, Some(body)).await
}

async fn log_in(server: &Server, body: &Value) -> Answer {
    server.ask(Method::POST, "/api/v1/auth/login", None, Some(body)).await
}

/// Posts with a cookie and other headers.
async fn post(server: &Server, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = Request::builder().method(Method::POST).uri_str(path).header("host", "watch.test:8080");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    Answer::of(server.send(request.finish()).await).await
}

async fn refresh(server: &Server, cookie: &str) -> Answer {
    post(server, "/api/v1/auth/refresh", &[("cookie", cookie)]).await
}

/// The cookie that an answer sets, as the browser sends it back.
fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn signing_up_logs_in() {
    let server = Server::new();
    let answer = sign_up(&server, &ada()).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let session = answer.json();
    assert_eq!((&session["token_type"], &session["expires_in"]), (&json!("Bearer"), &json!(900)));
    assert_eq!(session["user"]["email"], "ada@example.org");
    assert_eq!(session["user"]["created_at"], "2026-03-01T12:00:00.000000Z");
    let me = server.get("/api/v1/auth/me", session["access_token"].as_str().unwrap()).await;
    assert_eq!(me.json(), session["user"]);
}

#[tokio::test]
async fn the_refresh_token_is_a_cookie_out_of_reach() {
    let server = Server::new();
    let answer = sign_up(&server, &ada()).await;
    let cookie = answer.header("set-cookie").unwrap();
    let lifetime = format!("Max-Age={}", REFRESH_TOKEN_LIFETIME.as_secs());
    for part in ["refresh_token=", "HttpOnly", "SameSite=Strict", "Path=/api/v1/auth", &lifetime] {
        assert!(cookie.contains(part), "{part} in {cookie}");
    }
    assert!(!cookie.contains("Secure"), "without https the browser would drop it");
    assert!(!answer.text().contains(cookie.split(['=', ';']).nth(1).unwrap()), "it is nowhere but in the cookie");
}

#[tokio::test]
async fn behind_https_the_cookie_is_secure() {
    let public_url = Some("https://watch.example.org".parse().unwrap());
    let server = Server::with(Settings { public_url, ..Settings::default() }, |_| {});
    assert!(sign_up(&server, &ada()).await.header("set-cookie").unwrap().contains("Secure"));
}

#[tokio::test]
async fn a_taken_address_cannot_sign_up_again() {
    let server = Server::new();
    sign_up(&server, &ada()).await;
    let again = json!({ "email": "ADA@example.ORG", "password": PASSWORD });
    let problem = sign_up(&server, &again).await.problem(409, "email_taken");
    assert_eq!(problem["errors"][0]["field"], "email");
    assert_eq!(problem["detail"], "Log in instead, or use another address.");
}

#[tokio::test]
async fn the_operator_decides_who_signs_up() {
    let server = Server::with(Settings::default(), |parts| parts.accounts.policy = SignUpPolicy::Closed);
    sign_up(&server, &ada()).await.problem(403, "signup_closed");

    let server = Server::with(Settings::default(), |parts| parts.accounts.policy = SignUpPolicy::FirstUser);
    assert_eq!(sign_up(&server, &ada()).await.status, StatusCode::CREATED);
    let second = json!({ "email": "bob@example.org", "password": PASSWORD });
    sign_up(&server, &second).await.problem(403, "signup_closed");
}

#[tokio::test]
async fn only_the_right_password_logs_in_and_nobody_learns_who_has_an_account() {
    let server = Server::new();
    sign_up(&server, &ada()).await;
    let answer = log_in(&server, &json!({ "email": " ada@EXAMPLE.org", "password": PASSWORD })).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.header("set-cookie").is_some());
    let wrong = log_in(&server, &json!({ "email": "ada@example.org", "password": "x" })).await;
    let unknown = log_in(&server, &json!({ "email": "eve@example.org", "password": PASSWORD })).await;
    let no_address = log_in(&server, &json!({ "email": "eve", "password": PASSWORD })).await;
    for answer in [&wrong, &unknown, &no_address] {
        assert_eq!(answer.problem(401, "invalid_credentials"), wrong.json());
    }
}

#[tokio::test]
async fn refreshing_rotates_and_reuse_ends_the_session() {
    let server = Server::new();
    let first = cookie(&sign_up(&server, &ada()).await);
    let answer = refresh(&server, &first).await;
    assert_eq!(answer.status, StatusCode::OK);
    let second = cookie(&answer);
    assert_ne!(first, second);
    let third = cookie(&refresh(&server, &second).await);
    refresh(&server, &first).await.problem(401, "session_ended");
    refresh(&server, &third).await.problem(401, "session_ended");
}

#[tokio::test]
async fn one_session_does_not_end_with_another() {
    let server = Server::new();
    let phone = cookie(&sign_up(&server, &ada()).await);
    let laptop = cookie(&log_in(&server, &ada()).await);
    refresh(&server, &phone).await;
    refresh(&server, &phone).await.problem(401, "session_ended");
    assert_eq!(refresh(&server, &laptop).await.status, StatusCode::OK);
}

#[tokio::test]
async fn without_a_valid_cookie_there_is_nothing_to_refresh() {
    let server = Server::new();
    post(&server, "/api/v1/auth/refresh", &[]).await.problem(401, "session_ended");
    let answer = refresh(&server, "refresh_token=made-up").await;
    answer.problem(401, "session_ended");
    let removal = answer.header("set-cookie").unwrap();
    assert!(removal.starts_with("refresh_token=;") && removal.contains("Max-Age=0"), "{removal}");
    let expired = cookie(&sign_up(&server, &ada()).await);
    server.clock.advance(REFRESH_TOKEN_LIFETIME);
    refresh(&server, &expired).await.problem(401, "session_ended");
}

#[tokio::test]
async fn logging_out_ends_the_session_and_takes_the_cookie_away() {
    let server = Server::new();
    let shown = cookie(&sign_up(&server, &ada()).await);
    let answer = post(&server, "/api/v1/auth/logout", &[("cookie", &shown)]).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert!(answer.header("set-cookie").unwrap().contains("Max-Age=0"));
    refresh(&server, &shown).await.problem(401, "session_ended");
    assert_eq!(post(&server, "/api/v1/auth/logout", &[]).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_page_of_another_site_cannot_use_the_cookie() {
    let server = Server::new();
    let shown = cookie(&sign_up(&server, &ada()).await);
    for path in ["/api/v1/auth/refresh", "/api/v1/auth/logout"] {
        for origin in ["https://evil.example", "http://watch.test", "null"] {
            post(&server, path, &[("cookie", &shown), ("origin", origin)]).await.problem(403, "foreign_origin");
        }
    }
    let own = [("cookie", shown.as_str()), ("origin", "http://watch.test:8080")];
    assert_eq!(post(&server, "/api/v1/auth/refresh", &own).await.status, StatusCode::OK);
}

/// Over HTTP/2 there need be no `Host`: the target of a request names whom it asks.
#[tokio::test]
async fn our_own_page_may_use_the_cookie_over_http_2_as_well() {
    let server = Server::new();
    let shown = cookie(&sign_up(&server, &ada()).await);
    for (origin, status) in [("http://evil.example", 403), ("http://watch.test:8080", 200)] {
        let request = Request::builder().method(Method::POST).uri_str("http://watch.test:8080/api/v1/auth/refresh");
        let request = request.header("cookie", &shown).header("origin", origin).finish();
        assert_eq!(server.send(request).await.status(), status, "{origin}");
    }
}

#[tokio::test]
async fn an_access_token_ends_and_cannot_be_made_up() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    let mut parts = token.split('.');
    let (header, claims, signature) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    // {"alg":"none"}, and the token of somebody else's server.
    let unsigned = format!("eyJhbGciOiJub25lIn0.{claims}.");
    let tampered = format!("{header}.{}.{signature}", claims.chars().rev().collect::<String>());
    let cut = format!("{header}.{claims}.{}", &signature[..signature.len() - 2]);
    for forged in ["", "x", "a.b.c", &unsigned, &tampered, &cut] {
        let answer = server.get("/api/v1/auth/me", forged).await;
        answer.problem(401, "unauthenticated");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    server.clock.advance(ACCESS_TOKEN_LIFETIME);
    server.get("/api/v1/auth/me", &token).await.problem(401, "unauthenticated");
}
