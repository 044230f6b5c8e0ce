//! Bad input: a clear answer that names the field, and nothing changed.

use poem::http::Method;
use serde_json::{Value, json};

use super::server::{Answer, PASSWORD, Server, raw};

const URL: &str = "https://example.org/health";

fn with(path: &[&str], value: Value) -> Value {
    let mut body = json!({ "target": { "type": "http", "url": URL }, "interval_seconds": 60 });
    *path.iter().fold(&mut body, |body, name| &mut body[*name]) = value;
    body
}

#[tokio::test]
async fn a_bad_sign_up_names_the_field_and_makes_no_account() {
    let server = Server::new();
    let long = "a".repeat(129);
    for (body, fields) in [
        (json!({ "email": "ada", "password": PASSWORD }), &["email"][..]),
        (json!({ "email": format!("{}@example.org", "a".repeat(250)), "password": PASSWORD }), &["email"]),
        (json!({ "email": "ada@example.org", "password": "short" }), &["password"]),
        (json!({ "email": "ada@example.org", "password": long }), &["password"]),
        (json!({ "email": "ada@example.org", "password": "password1234" }), &["password"]),
        (json!({ "email": "ada", "password": "short" }), &["email", "password"]),
        (json!({ "email": "ada@example.org" }), &["password"]),
        (json!({ "email": "ada@example.org", "password": 12_345_678 }), &["password"]),
        (json!({ "email": true, "password": PASSWORD }), &["email"]),
        (json!({ "email": null, "password": PASSWORD }), &["email"]),
        (json!({ "email": "ada@example.org", "password": PASSWORD, "is_admin": true }), &["is_admin"]),
        (json!([]), &["body"]),
        (json!("ada@example.org"), &["body"]),
        (Value::Null, &["body"]),
    ] {
        let answer = server.ask(Method::POST, "/api/v1/auth/signup", None, Some(&body)).await;
        answer.refuses(fields);
        assert!(!answer.text().contains(PASSWORD), "a password is not sent back");
    }
    server.sign_up("ada@example.org").await;
}

#[tokio::test]
async fn a_bad_monitor_names_the_field_and_is_not_made() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    let long_url = format!("https://example.org/{}", "a".repeat(2048));
    for (body, fields) in [
        (json!({}), &["target", "interval_seconds"][..]),
        (with(&["target"], json!({ "type": "http" })), &["target.url"]),
        (with(&["target"], json!("https://example.org")), &["target"]),
        (with(&["target"], Value::Null), &["target"]),
        (with(&["target", "type"], json!("gopher")), &["target.type"]),
        (with(&["target", "url"], json!(7)), &["target.url"]),
        (with(&["target", "url"], json!("example.org")), &["target.url"]),
        (with(&["target", "url"], json!("ftp://example.org")), &["target.url"]),
        (with(&["target", "url"], json!("https://ada:secret@example.org")), &["target.url"]),
        (with(&["target", "url"], json!("http://127.0.0.1/")), &["target.url"]),
        (with(&["target", "url"], json!("http://[::ffff:169.254.169.254]/")), &["target.url"]),
        (with(&["target", "url"], json!(long_url)), &["target.url"]),
        (with(&["target", "method"], json!("POST")), &["target.method"]),
        (with(&["target", "follow_redirects"], json!("yes")), &["target.follow_redirects"]),
        (with(&["target", "port"], json!(80)), &["target.port"]),
        (with(&["name"], json!("")), &["name"]),
        (with(&["name"], json!("a".repeat(101))), &["name"]),
        (with(&["name"], json!("two\nlines")), &["name"]),
        (with(&["name"], json!(7)), &["name"]),
        (with(&["interval_seconds"], json!(4)), &["interval_seconds"]),
        (with(&["interval_seconds"], json!(86_401)), &["interval_seconds"]),
        (with(&["interval_seconds"], json!(60.5)), &["interval_seconds"]),
        (with(&["interval_seconds"], json!("60")), &["interval_seconds"]),
        (with(&["interval_seconds"], json!(u64::MAX)), &["interval_seconds"]),
        (with(&["timeout_seconds"], json!(61)), &["timeout_seconds"]),
        (with(&["timeout_seconds"], json!(0)), &["timeout_seconds"]),
        (with(&["expectation"], json!({ "statuses": "all" })), &["expectation.statuses"]),
        (with(&["expectation"], json!({ "slow_after_ms": 0 })), &["expectation.slow_after_ms"]),
        (with(&["expectation"], json!({ "slow_after_ms": 10_001 })), &["expectation.slow_after_ms"]),
        (with(&["expectation"], json!({ "body": "ok" })), &["expectation.body"]),
        (
            with(&["confirmation"], json!({ "before_down": 11, "before_up": -1 })),
            &["confirmation.before_down", "confirmation.before_up"],
        ),
        (with(&["is_active"], json!(false)), &["is_active"]),
        (with(&["status"], json!("UP")), &["status"]),
    ] {
        server.post("/api/v1/monitors", &token, &body).await.refuses(fields);
    }
    assert_eq!(server.get("/api/v1/monitors", &token).await.json()["items"], json!([]));
}

#[tokio::test]
async fn a_bad_change_names_the_field_and_changes_nothing() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    let path = format!("/api/v1/monitors/{}", server.add_monitor(&token, URL).await);
    let before = server.get(&path, &token).await.json();
    for (body, fields) in [
        (json!({ "name": "Shop", "interval_seconds": 1 }), &["interval_seconds"][..]),
        (json!({ "name": "Shop", "timeout_seconds": 61 }), &["timeout_seconds"]),
        (json!({ "target": { "url": URL } }), &["target.type"]),
        (json!({ "target": { "type": "http", "url": "http://10.0.0.1" } }), &["target.url"]),
        (json!({ "is_active": "no" }), &["is_active"]),
        (json!({ "is_active": null }), &["is_active"]),
        (json!({ "id": "019c1405-6400-7000-8000-0000000000c1" }), &["id"]),
        (
            json!({ "expectation": { "statuses": "" }, "confirmation": { "before_up": 11 } }),
            &["expectation.statuses", "confirmation.before_up"],
        ),
    ] {
        server.patch(&path, &token, &body).await.refuses(fields);
    }
    assert_eq!(server.get(&path, &token).await.json(), before);
}

#[tokio::test]
async fn what_is_no_json_is_malformed_and_not_a_broken_rule() {
    let server = Server::new();
    for body in ["", "{", "{\"email\":}", "email=ada", "{\"email\": \"a\u{0}\"}", "{}{}"] {
        let request = raw(Method::POST, "/api/v1/auth/login", "application/json", body);
        Answer::of(server.send(request).await).await.problem(400, "malformed_json");
    }
    let request = raw(Method::POST, "/api/v1/auth/login", "application/json", vec![0xff, 0xfe]);
    Answer::of(server.send(request).await).await.problem(400, "malformed_json");
}

#[tokio::test]
async fn deep_nesting_is_refused_and_does_no_harm() {
    let server = Server::new();
    let body = "[".repeat(30_000);
    let request = raw(Method::POST, "/api/v1/auth/login", "application/json", body);
    Answer::of(server.send(request).await).await.problem(400, "malformed_json");
}

#[tokio::test]
async fn a_body_has_to_be_json_by_its_media_type() {
    let server = Server::new();
    let body = json!({ "email": "ada@example.org", "password": PASSWORD }).to_string();
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let request = raw(Method::POST, "/api/v1/auth/signup", content_type, body.clone());
        Answer::of(server.send(request).await).await.problem(415, "unsupported_media_type");
    }
    let without = poem::Request::builder().method(Method::POST).uri_str("/api/v1/auth/signup").body(body.clone());
    Answer::of(server.send(without).await).await.problem(415, "unsupported_media_type");
    let request = raw(Method::POST, "/api/v1/auth/signup", "application/json; charset=utf-8", body);
    assert_eq!(server.send(request).await.status(), 201);
}

#[tokio::test]
async fn a_bad_query_names_the_parameter() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    let id = server.add_monitor(&token, URL).await;
    for (path, field) in [
        ("/monitors?limit=0", "limit"),
        ("/monitors?limit=501", "limit"),
        ("/monitors?limit=ten", "limit"),
        ("/monitors?limit=-1", "limit"),
        ("/monitors?recent=101", "recent"),
        ("/monitors?cursor=nonsense", "cursor"),
        ("/monitors?cursor=", "cursor"),
        ("/incidents?limit=0", "limit"),
        ("/incidents?cursor=01", "cursor"),
        ("/monitors/{id}/checks?from=yesterday", "from"),
        ("/monitors/{id}/checks?to=2026-13-01T00:00:00Z", "to"),
        ("/monitors/{id}/checks?from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z", "from"),
        ("/monitors/{id}/checks?status=SIDEWAYS", "status"),
        ("/monitors/{id}/checks?status=PAUSED", "status"),
        ("/monitors/{id}/checks?limit=0", "limit"),
        ("/monitors/{id}/uptime?from=1", "from"),
        ("/monitors/{id}/history?to=now", "to"),
        ("/monitors/{id}/latency?step=0", "step"),
        ("/monitors/{id}/latency?step=soon", "step"),
        ("/monitors/{id}/slots?from=", "from"),
        ("/monitors/{id}/gaps?cursor=03", "cursor"),
        ("/monitors/{id}/incidents?limit=1000", "limit"),
    ] {
        let path = format!("/api/v1{}", path.replace("{id}", &id));
        server.get(&path, &token).await.refuses(&[field]);
    }
}

#[tokio::test]
async fn a_bad_query_is_told_the_rule_in_words() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    let id = server.add_monitor(&token, URL).await;
    for (path, rule) in [
        ("/monitors?limit=501", "This must be a whole number from 1 to 500."),
        ("/monitors?limit=", "This must be a whole number from 1 to 500."),
        ("/monitors?recent=some", "This must be a whole number from 0 to 100."),
        ("/monitors/{id}/latency?step=0.5", "This must be a whole number from 1 to 315360000."),
        ("/monitors/{id}/uptime?from=soon", "A time looks like 2026-01-31T12:00:00Z."),
        ("/monitors/{id}/uptime?from=%ff", "A time looks like 2026-01-31T12:00:00Z."),
    ] {
        let answer = server.get(&format!("/api/v1{}", path.replace("{id}", &id)), &token).await;
        assert_eq!(answer.problem(422, "validation_failed")["errors"][0]["message"], rule, "{path}");
    }
}

#[tokio::test]
async fn a_step_may_not_cut_a_window_into_dust() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    let id = server.add_monitor(&token, URL).await;
    server.clock.advance(std::time::Duration::from_secs(86_400));
    let body = json!({ "email": "ada@example.org", "password": PASSWORD });
    let session = server.ask(Method::POST, "/api/v1/auth/login", None, Some(&body)).await.json();
    let token = session["access_token"].as_str().unwrap();
    server.get(&format!("/api/v1/monitors/{id}/latency?step=1"), token).await.refuses(&["step"]);
}

#[tokio::test]
async fn an_identifier_that_is_none_is_not_found() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    for path in
        ["/monitors/7", "/monitors/x/checks", "/monitors/%00", "/monitors/%ff", "/incidents/none", "/monitors/7/slots"]
    {
        server.get(&format!("/api/v1{path}"), &token).await.problem(404, "not_found");
    }
}
