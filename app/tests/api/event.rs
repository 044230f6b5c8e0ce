//! The live stream.

use std::time::Duration;

use futures_util::StreamExt;
use poem::http::StatusCode;
use poem::{Request, Response};
use serde_json::{Value, json};
use watchkeeper_domain::event::{Event, Happening};
use watchkeeper_domain::id::{MonitorId, WorkspaceId};
use watchkeeper_domain::port::EventFeed;
use watchkeeper_domain::session::ACCESS_TOKEN_LIFETIME;
use watchkeeper_domain::status::{Flip, Status};
use watchkeeper_domain::testkit::fixture::{T0, answer};

use super::server::{Answer, Server};

/// A stream of pieces as they arrive.
struct Listening(std::pin::Pin<Box<dyn futures_util::Stream<Item = String> + Send>>);

impl Listening {
    async fn begin(server: &Server, token: &str) -> Self {
        let response = open(server, token).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.content_type(), Some("text/event-stream"));
        assert_eq!(response.header("content-encoding"), None, "compressing would hold events back");
        let pieces = response.into_body().into_bytes_stream();
        let mut listening = Self(Box::pin(pieces.map(|piece| String::from_utf8(piece.unwrap().to_vec()).unwrap())));
        assert_eq!(listening.next().await.as_deref(), Some(": heartbeat\n\n"), "a sign of life comes at once");
        listening
    }

    async fn next(&mut self) -> Option<String> {
        self.0.next().await
    }
}

async fn open(server: &Server, token: &str) -> Response {
    let request = Request::builder().uri_str("/api/v1/events").header("accept-encoding", "gzip");
    server.send(request.header("authorization", format!("Bearer {token}")).finish()).await
}

fn parsed(piece: &str) -> (String, Value) {
    let (name, data) = piece.strip_suffix("\n\n").unwrap().split_once('\n').unwrap();
    let data = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
    (name.strip_prefix("event: ").unwrap().to_owned(), data)
}

#[tokio::test(start_paused = true)]
async fn a_check_is_told_to_its_own_workspace_alone() {
    let server = Server::new();
    let (ada, eve) = (server.sign_up("ada@example.org").await, server.sign_up("eve@example.org").await);
    let id = server.add_monitor(&ada, "https://example.org/").await;
    server.prober.from_now_on("https://example.org/", answer(204));
    let (mut own, mut foreign) = (Listening::begin(&server, &ada).await, Listening::begin(&server, &eve).await);
    let path = format!("/api/v1/monitors/{id}/check");
    let check = server.ask(poem::http::Method::POST, &path, Some(&ada), None).await.json();
    let (name, data) = parsed(&own.next().await.unwrap());
    assert_eq!((name.as_str(), data), ("check", json!({ "monitor_id": id, "check": check })));
    let (name, data) = parsed(&own.next().await.unwrap());
    assert_eq!((name.as_str(), &data["from"], &data["to"]), ("flip", &json!("PENDING"), &json!("UP")));
    assert_eq!(foreign.next().await.as_deref(), Some(": heartbeat\n\n"), "the next thing that anybody else hears");
}

#[tokio::test(start_paused = true)]
async fn a_flip_says_from_what_to_what_since_when_and_why() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    let me = server.get("/api/v1/auth/me", &token).await.json();
    let mut listening = Listening::begin(&server, &token).await;
    let (workspace, monitor) = (me["workspace_id"].as_str().unwrap().parse().unwrap(), me["id"].as_str().unwrap());
    let flip = Flip { from: Status::Up, to: Status::Down, at: T0, settled_by: T0.next(), reason: None };
    let event = Event {
        workspace: WorkspaceId::new(workspace),
        monitor: MonitorId::new(monitor.parse().unwrap()),
        happening: Happening::Flipped(flip),
    };
    server.feed.publish(vec![event]).await;
    let (name, data) = parsed(&listening.next().await.unwrap());
    let expected = json!({ "monitor_id": monitor, "from": "UP", "to": "DOWN", "at": "2026-03-01T12:00:00.000000Z", "reason": null });
    assert_eq!((name.as_str(), data), ("flip", expected));
}

#[tokio::test(start_paused = true)]
async fn a_sign_of_life_comes_every_fifteen_seconds() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    let mut listening = Listening::begin(&server, &token).await;
    for _ in 0..3 {
        let before = tokio::time::Instant::now();
        assert_eq!(listening.next().await.as_deref(), Some(": heartbeat\n\n"));
        assert_eq!(before.elapsed(), Duration::from_secs(15));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_its_token() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    let mut listening = Listening::begin(&server, &token).await;
    server.clock.advance(ACCESS_TOKEN_LIFETIME);
    assert_eq!(listening.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_exactly_with_its_token_and_not_with_a_sign_of_life() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    let age = Duration::from_secs(7);
    server.clock.advance(age);
    let mut listening = Listening::begin(&server, &token).await;
    let before = tokio::time::Instant::now();
    while listening.next().await.is_some() {}
    assert_eq!(before.elapsed(), ACCESS_TOKEN_LIFETIME - age);
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_when_the_server_stops() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    let mut listening = Listening::begin(&server, &token).await;
    let before = tokio::time::Instant::now();
    server.stop.cancel();
    assert_eq!((listening.next().await, before.elapsed()), (None, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_user_has_a_bounded_number_of_streams_and_gets_those_back_that_end() {
    let server = Server::new();
    let token = server.sign_up("ada@example.org").await;
    let mut open_ones = Vec::new();
    for _ in 0..32 {
        open_ones.push(Listening::begin(&server, &token).await);
    }
    Answer::of(open(&server, &token).await).await.problem(429, "too_many_requests");
    let other = server.sign_up("bob@example.org").await;
    Listening::begin(&server, &other).await;
    open_ones.pop();
    Listening::begin(&server, &token).await;
}
