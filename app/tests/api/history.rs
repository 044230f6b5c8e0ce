//! Reading what happened.

use serde_json::{Value, json};
use watchkeeper_domain::testkit::fixture::{cut_off, degraded, down, up};

use super::server::Server;

const URL: &str = "https://example.org/health";

/// Somebody with a monitor that was up, degraded, down and up again, a minute each.
async fn watched(server: &Server) -> (String, String) {
    let token = server.sign_up("ada@example.org").await;
    let id = server.add_monitor(&token, URL).await;
    server.work(up).await;
    server.work(degraded).await;
    server.work(down).await;
    server.work(down).await;
    server.work(up).await;
    (token, format!("/api/v1/monitors/{id}"))
}

#[tokio::test]
async fn the_log_shows_each_check_whole() {
    let server = Server::new();
    let (token, path) = watched(&server).await;
    let log = server.get(&format!("{path}/checks"), &token).await.json();
    let checks = log["items"].as_array().unwrap();
    assert!(checks.windows(2).all(|pair| pair[0]["slot"].as_str() > pair[1]["slot"].as_str()), "the newest first");
    let (newest, failed) = (&checks[0], &checks[1]);
    assert_eq!(newest["latency_ms"], 123.456);
    assert_eq!(newest["timings"]["connect_ms"], 1.234);
    assert_eq!(newest["timings"]["dns_ms"], Value::Null);
    assert_eq!((&newest["reason"], &newest["reason_code"]), (&Value::Null, &Value::Null));
    assert_eq!(newest.get("evidence"), None);
    assert_eq!(newest["region"], "default");
    assert_eq!((&failed["status"], &failed["http_status"]), (&json!("DOWN"), &json!(503)));
    assert_eq!(failed["reason"], "the answer was 503, expected 200-399");
    assert_eq!(failed["evidence"]["headers"][1], json!({ "name": "retry-after", "value": "120" }));
    assert_eq!(failed["evidence"]["hops"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_log_is_filtered_and_paged() {
    let server = Server::new();
    let (token, path) = watched(&server).await;
    let all = server.get(&format!("{path}/checks?limit=500"), &token).await.json()["items"].clone();
    let only_down = server.get(&format!("{path}/checks?status=DOWN"), &token).await.json();
    let expected: Vec<_> = all.as_array().unwrap().iter().filter(|check| check["status"] == "DOWN").collect();
    assert_eq!(only_down["items"].as_array().unwrap().iter().collect::<Vec<_>>(), expected);
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("{path}/checks?limit=2{cursor}"), &token).await.json();
        seen.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(json!(seen), all);
    let first_minute = format!("{path}/checks?from=2026-03-01T13:00:00%2B01:00&to=2026-03-01T12:00:30Z");
    assert_eq!(server.get(&first_minute, &token).await.json()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_parts_of_uptime_sum_to_the_window() {
    let server = Server::new();
    let (token, path) = watched(&server).await;
    let uptime = server.get(&format!("{path}/uptime"), &token).await.json();
    assert_eq!(
        (&uptime["from"], &uptime["to"]),
        (&json!("2026-03-01T12:00:00.000000Z"), &json!("2026-03-01T12:05:00.000000Z"))
    );
    let parts = ["up", "degraded", "down", "unknown", "maintenance", "paused", "pending"];
    let sum: f64 = parts.iter().map(|part| uptime[format!("{part}_seconds")].as_f64().unwrap()).sum();
    assert!((sum - 300.0).abs() < 1e-6, "{uptime}");
    let part = |name: &str| uptime[format!("{name}_seconds")].as_f64().unwrap();
    assert!(part("down") > 0.0 && part("degraded") > 0.0);
    let ratio = (part("up") + part("degraded")) / (part("up") + part("degraded") + part("down"));
    assert!((uptime["ratio"].as_f64().unwrap() - ratio).abs() < 1e-9);
}

#[tokio::test]
async fn the_usual_windows_are_told_together() {
    let server = Server::new();
    let (token, path) = watched(&server).await;
    let alone = server.get(&format!("{path}/uptime"), &token).await.json();
    let uptimes = server.get(&format!("{path}/uptimes"), &token).await.json();
    let items = uptimes["items"].as_array().unwrap();
    assert_eq!(items.iter().map(|item| &item["days"]).collect::<Vec<_>>(), [1, 7, 30, 90, 365]);
    for item in items {
        let mut of_life = alone.clone();
        of_life["days"] = item["days"].clone();
        assert_eq!(*item, of_life, "none is longer than the monitor's life");
    }
}

#[tokio::test]
async fn nothing_known_is_no_ratio() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    let id = server.add_monitor(&token, URL).await;
    let uptime = server.get(&format!("/api/v1/monitors/{id}/uptime"), &token).await.json();
    assert_eq!(uptime["ratio"], Value::Null);
}

#[tokio::test]
async fn the_status_history_has_no_holes() {
    let server = Server::new();
    let (token, path) = watched(&server).await;
    let history = server.get(&format!("{path}/history"), &token).await.json();
    let items = history["items"].as_array().unwrap();
    let statuses: Vec<_> = items.iter().map(|item| item["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["UP", "DEGRADED", "DOWN", "UP"]);
    assert!(items.windows(2).all(|pair| pair[0]["to"] == pair[1]["from"]));
    assert_eq!(
        (&items[0]["from"], &items[3]["to"]),
        (&json!("2026-03-01T12:00:00.000000Z"), &json!("2026-03-01T12:05:00.000000Z"))
    );
}

#[tokio::test]
async fn latencies_come_in_stretches() {
    let server = Server::new();
    let (token, path) = watched(&server).await;
    let latency = server.get(&format!("{path}/latency?step=3600"), &token).await.json();
    assert_eq!(
        latency["items"],
        json!([{
            "at": "2026-03-01T12:00:00.000000Z",
            "count": 3,
            "avg_ms": 123.456, "min_ms": 123.456, "max_ms": 123.456,
            "p50_ms": 123.456, "p95_ms": 123.456, "p99_ms": 123.456,
        }]),
        "checks that got no answer have no latency to speak of"
    );
    let fine = server.get(&format!("{path}/latency?step=60"), &token).await.json();
    let stretches = fine["items"].as_array().unwrap();
    assert!(
        stretches.len() > 1 && stretches.iter().all(|s| s["at"].as_str().unwrap().ends_with(":00.000000Z")),
        "{fine}"
    );
    assert_eq!(stretches.iter().map(|stretch| stretch["count"].as_u64().unwrap()).sum::<u64>(), 3);
}

#[tokio::test]
async fn every_slot_is_accounted_for() {
    let server = Server::new();
    let (token, path) = watched(&server).await;
    server.clock.advance(std::time::Duration::from_secs(180));
    server.work(cut_off).await;
    let account = server.get(&format!("{path}/slots"), &token).await.json();
    let of = |name: &str| account[name].as_i64().unwrap();
    assert_eq!(of("unaccounted"), 0, "{account}");
    let parts = ["up", "degraded", "down", "missed", "unknown", "skipped"];
    assert_eq!(of("due"), parts.iter().map(|part| of(part)).sum::<i64>());
    assert!(of("missed") >= 2 && of("unknown") == 1 && of("degraded") == 1, "{account}");

    let gaps = server.get(&format!("{path}/gaps"), &token).await.json();
    let outcomes: Vec<_> =
        gaps["items"].as_array().unwrap().iter().map(|gap| gap["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["unknown", "missed"], "the newest first");
    assert_eq!(gaps["items"][1]["count"], account["missed"]);
    let first = server.get(&format!("{path}/gaps?limit=1"), &token).await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = server.get(&format!("{path}/gaps?limit=1&cursor={cursor}"), &token).await.json();
    assert_eq!(second, json!({ "items": [gaps["items"][1]], "next_cursor": null }));
}
