//! Adding, reading, changing, deleting and checking monitors.

use poem::http::{Method, StatusCode};
use serde_json::{Value, json};
use watchkeeper_domain::report::{Ending, Lack, Report};
use watchkeeper_domain::testkit::fixture::{answer, down, up};

use super::server::{MOST_MONITORS, Server};

const URL: &str = "https://example.org/health";

#[tokio::test]
async fn a_monitor_is_made_with_what_is_usual() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    let body = json!({ "target": { "type": "http", "url": URL }, "interval_seconds": 5 });
    let created = server.post("/api/v1/monitors", &token, &body).await;
    assert_eq!(created.status, StatusCode::CREATED);
    let monitor = created.json();
    let location = format!("/api/v1/monitors/{}", monitor["id"].as_str().unwrap());
    assert_eq!(created.header("location"), Some(location.as_str()));
    assert_eq!(
        monitor,
        json!({
            "id": monitor["id"],
            "name": "example.org/health",
            "target": { "type": "http", "url": URL, "method": "GET", "follow_redirects": true },
            "interval_seconds": 5,
            "timeout_seconds": 5,
            "expectation": { "statuses": "200-399", "slow_after_ms": null },
            "confirmation": { "before_down": 1, "before_up": 0 },
            "is_active": true,
            "created_at": "2026-03-01T12:00:00.000000Z",
            "status": "PENDING",
            "status_since": "2026-03-01T12:00:00.000000Z",
            "last_check": null,
            "uptime_24h": null,
        })
    );
    assert_eq!(server.get(&location, &token).await.json(), monitor);
}

#[tokio::test]
async fn everything_about_a_monitor_can_be_chosen() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    let body = json!({
        "name": " Shop ",
        "target": { "type": "http", "url": URL, "method": "HEAD", "follow_redirects": false },
        "interval_seconds": 60,
        "timeout_seconds": 20,
        "expectation": { "statuses": "200-299, 418", "slow_after_ms": 1500 },
        "confirmation": { "before_down": 3, "before_up": 2 },
    });
    let monitor = server.post("/api/v1/monitors", &token, &body).await.json();
    assert_eq!(monitor["name"], "Shop");
    assert_eq!(monitor["target"], body["target"]);
    assert_eq!(monitor["timeout_seconds"], 20);
    assert_eq!(monitor["expectation"], json!({ "statuses": "200-299,418", "slow_after_ms": 1500 }));
    assert_eq!(monitor["confirmation"], body["confirmation"]);
}

#[tokio::test]
async fn the_same_url_may_be_watched_twice_and_a_workspace_has_a_limit() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    for _ in 0..MOST_MONITORS {
        server.add_monitor(&token, URL).await;
    }
    let body = json!({ "target": { "type": "http", "url": URL }, "interval_seconds": 60 });
    server.post("/api/v1/monitors", &token, &body).await.problem(409, "monitor_limit_reached");
    let other = server.sign_up("bob@example.org").await;
    server.add_monitor(&other, URL).await;
}

#[tokio::test]
async fn a_change_touches_what_it_names_and_nothing_else() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    let path = format!("/api/v1/monitors/{}", server.add_monitor(&token, URL).await);
    let before = server.get(&path, &token).await.json();
    let slow = json!({ "expectation": { "slow_after_ms": 900 }, "confirmation": { "before_up": 2 } });
    let changed = server.patch(&path, &token, &slow).await.json();
    let mut expected = before.clone();
    expected["expectation"]["slow_after_ms"] = json!(900);
    expected["confirmation"]["before_up"] = json!(2);
    assert_eq!(changed, expected);
    let renamed = server.patch(&path, &token, &json!({ "name": "Shop", "interval_seconds": 5 })).await.json();
    assert_eq!((&renamed["name"], &renamed["timeout_seconds"]), (&json!("Shop"), &json!(5)));
    assert_eq!(renamed["expectation"]["slow_after_ms"], 900);
    let cleared = server.patch(&path, &token, &json!({ "expectation": { "slow_after_ms": null } })).await.json();
    assert_eq!(cleared["expectation"]["slow_after_ms"], Value::Null);
    assert_eq!(server.get(&path, &token).await.json(), cleared);
    assert_eq!(server.patch(&path, &token, &json!({})).await.json(), cleared);
}

#[tokio::test]
async fn pausing_and_resuming_show_in_the_status() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    let path = format!("/api/v1/monitors/{}", server.add_monitor(&token, URL).await);
    server.work(up).await;
    assert_eq!(server.get(&path, &token).await.json()["status"], "UP");
    let paused = server.patch(&path, &token, &json!({ "is_active": false })).await.json();
    assert_eq!((&paused["status"], &paused["is_active"]), (&json!("PAUSED"), &json!(false)));
    assert_eq!(paused["status_since"], "2026-03-01T12:01:00.000000Z");
    let resumed = server.patch(&path, &token, &json!({ "is_active": true })).await.json();
    assert_eq!(resumed["status"], "PENDING");
}

#[tokio::test]
async fn a_deleted_monitor_is_gone_with_its_history() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    let path = format!("/api/v1/monitors/{}", server.add_monitor(&token, URL).await);
    let deleted = server.ask(Method::DELETE, &path, Some(&token), None).await;
    assert_eq!((deleted.status, deleted.bytes.len()), (StatusCode::NO_CONTENT, 0));
    server.get(&path, &token).await.problem(404, "not_found");
    server.get(&format!("{path}/checks"), &token).await.problem(404, "not_found");
    server.ask(Method::DELETE, &path, Some(&token), None).await.problem(404, "not_found");
    assert_eq!(server.get("/api/v1/monitors", &token).await.json(), json!({ "items": [], "next_cursor": null }));
}

#[tokio::test]
async fn pages_lead_through_every_monitor_once() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(json!(server.add_monitor(&token, URL).await));
    }
    let (mut seen, mut cursor, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let path = match &cursor {
            Some(cursor) => format!("/api/v1/monitors?limit=2&cursor={cursor}"),
            None => "/api/v1/monitors?limit=2".to_owned(),
        };
        let page = server.get(&path, &token).await.json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|monitor| monitor["id"].clone()));
        pages += 1;
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!((seen, pages), (made, 3));
}

#[tokio::test]
async fn a_list_brings_recent_checks_along_where_they_are_asked_for() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    server.add_monitor(&token, URL).await;
    for _ in 0..3 {
        server.work(up).await;
    }
    let plain = server.get("/api/v1/monitors", &token).await.json();
    assert_eq!(plain["items"][0].get("recent_checks"), None);
    assert_eq!((&plain["items"][0]["status"], &plain["items"][0]["uptime_24h"]), (&json!("UP"), &json!(1.0)));
    let last = &plain["items"][0]["last_check"];
    assert_eq!((&last["status"], &last["latency_ms"]), (&json!("UP"), &json!(123.456)));
    let monitor = server.get("/api/v1/monitors?recent=2", &token).await.json()["items"][0].clone();
    let recent = monitor["recent_checks"].as_array().unwrap();
    assert_eq!(recent.len(), 2);
    assert_eq!(recent[0]["slot"], monitor["last_check"]["slot"], "the newest first");
    let fields: Vec<_> = recent[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["latency_ms", "origin", "slot", "status"]);
}

#[tokio::test]
async fn a_check_on_request_is_made_recorded_and_answered() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    let id = server.add_monitor(&token, URL).await;
    server.prober.from_now_on(URL, answer(204));
    let path = format!("/api/v1/monitors/{id}/check");
    let check = server.ask(Method::POST, &path, Some(&token), None).await;
    assert_eq!(check.status, StatusCode::OK, "{check:?}");
    let check = check.json();
    assert_eq!(
        (&check["origin"], &check["status"], &check["http_status"]),
        (&json!("manual"), &json!("UP"), &json!(204))
    );
    assert_eq!(check["reason"], Value::Null);
    server.clock.advance(std::time::Duration::from_secs(1));
    let log = server.get(&format!("/api/v1/monitors/{id}/checks"), &token).await.json();
    assert_eq!(log["items"], json!([check]));
}

#[tokio::test]
async fn without_a_network_of_our_own_nothing_is_said_about_the_target() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    let id = server.add_monitor(&token, URL).await;
    let ending = Ending::CutOff { lack: Lack::Network, detail: "no route".into() };
    server.prober.from_now_on(URL, Report { ending, ..answer(200) });
    let path = format!("/api/v1/monitors/{id}/check");
    let answer = server.ask(Method::POST, &path, Some(&token), None).await;
    answer.problem(503, "network_unavailable");
    assert!(answer.header("retry-after").is_some());
    let log = server.get(&format!("/api/v1/monitors/{id}/checks"), &token).await.json();
    assert_eq!(log["items"], json!([]));
}

#[tokio::test]
async fn going_down_opens_an_incident_that_says_why() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    let id = server.add_monitor(&token, URL).await;
    server.work(up).await;
    server.work(down).await;
    server.work(down).await;
    assert_eq!(server.get(&format!("/api/v1/monitors/{id}"), &token).await.json()["status"], "DOWN");
    let list = server.get("/api/v1/incidents", &token).await.json();
    assert_eq!(server.get(&format!("/api/v1/monitors/{id}/incidents"), &token).await.json(), list);
    let incident = &list["items"][0];
    assert_eq!((&incident["monitor_id"], &incident["target_url"]), (&json!(id), &json!(URL)));
    assert_eq!((&incident["ended_at"], &incident["ended_as"]), (&Value::Null, &Value::Null));
    assert_eq!(incident["cause_code"], "status");
    assert_eq!(incident["evidence"]["remote_address"], "93.184.216.34");
    assert_eq!(incident.get("timeline"), None);

    server.work(up).await;
    let path = format!("/api/v1/incidents/{}", incident["id"].as_str().unwrap());
    let incident = server.get(&path, &token).await.json();
    assert_eq!(incident["ended_as"], "RECOVERED");
    let events: Vec<_> = incident["timeline"].as_array().unwrap().iter().map(|entry| &entry["type"]).collect();
    assert_eq!(events, ["first_failure", "confirmed", "notice_owed", "ended", "notice_owed"]);
    assert_eq!(incident["timeline"][2]["about"], "DOWN");
}

#[tokio::test]
async fn pages_lead_through_every_incident_once() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    server.add_monitor(&token, URL).await;
    for _ in 0..3 {
        server.work(down).await;
        server.work(down).await;
        server.work(up).await;
    }
    let first = server.get("/api/v1/incidents?limit=2", &token).await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = server.get(&format!("/api/v1/incidents?limit=2&cursor={cursor}"), &token).await.json();
    assert_eq!((first["items"].as_array().unwrap().len(), second["items"].as_array().unwrap().len()), (2, 1));
    assert_eq!(second["next_cursor"], Value::Null);
    assert!(!first["items"].as_array().unwrap().contains(&second["items"][0]));
    assert!(first["items"][0]["started_at"].as_str() > second["items"][0]["started_at"].as_str(), "the newest first");
}
