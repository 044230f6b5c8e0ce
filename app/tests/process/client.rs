//! Somebody who uses the API.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::eventually;

pub(crate) const PASSWORD: &str = "violet tandem glacier orchard";

/// How many slots of a monitor the account may leave out, since they come after one that is still open: those of the longest
/// lease in these tests.
const AFTER_AN_OPEN_ONE: u64 = 5;

pub(crate) struct User {
    url: String,
    client: Client,
    token: String,
}

impl User {
    /// Signs up.
    pub(crate) async fn sign_up(url: &str) -> Self {
        Self::enter(url, "signup", StatusCode::CREATED).await
    }

    /// Logs in to the account that was made before.
    pub(crate) async fn log_in(url: &str) -> Self {
        Self::enter(url, "login", StatusCode::OK).await
    }

    async fn enter(url: &str, door: &str, expected: StatusCode) -> Self {
        let client = Client::builder().cookie_store(true).timeout(Duration::from_secs(30)).build().unwrap();
        let body = json!({"email": "ada@example.org", "password": PASSWORD});
        let answer = client.post(format!("{url}/api/v1/auth/{door}")).json(&body).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert_eq!(status, expected, "{text}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        Self { url: url.to_owned(), client, token: answer["access_token"].as_str().unwrap().to_owned() }
    }

    /// Goes on with the refresh cookie at a program that was started anew, on another port.
    pub(crate) async fn refresh_at(&mut self, url: &str) {
        self.refresh_token_at(url).await;
    }

    /// Does the same, and answers the refresh token that takes the place of the old one.
    pub(crate) async fn refresh_token_at(&mut self, url: &str) -> String {
        // Cookies belong to the host whatever the port (RFC 6265, section 8.5), so the jar works for the new one.
        self.url = url.to_owned();
        let answer = self.client.post(format!("{url}/api/v1/auth/refresh")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let refresh_token = answer.cookies().next().unwrap().value().to_owned();
        let answer: Value = answer.json().await.unwrap();
        self.token = answer["access_token"].as_str().unwrap().to_owned();
        refresh_token
    }

    /// The access token that it has now.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Asks for something and answers what came.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let request = self.client.request(method, format!("{}/api/v1{path}", self.url)).bearer_auth(&self.token);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        request.send().await.unwrap()
    }

    /// Reads something that is there.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.ask(Method::GET, path, None).await;
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Adds a monitor, which gives its target all the time there is, and answers its identifier.
    pub(crate) async fn watch(&self, url: &str, interval_seconds: u32) -> String {
        self.watch_within(url, interval_seconds, interval_seconds).await
    }

    /// Adds a monitor that gives its target so many seconds, and answers its identifier.
    pub(crate) async fn watch_within(&self, url: &str, interval_seconds: u32, timeout_seconds: u32) -> String {
        let body = json!({
            "name": "Shop",
            "target": {"type": "http", "url": url},
            "interval_seconds": interval_seconds,
            "timeout_seconds": timeout_seconds,
        });
        let answer = self.ask(Method::POST, "/monitors", Some(body)).await;
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert_eq!(status, StatusCode::CREATED, "{text}");
        serde_json::from_str::<Value>(&text).unwrap()["id"].as_str().unwrap().to_owned()
    }

    /// Waits until a monitor has a status, and answers how it stands.
    pub(crate) async fn sees(&self, monitor: &str, status: &str) -> Value {
        let look = async || {
            let seen = self.get(&format!("/monitors/{monitor}")).await;
            (seen["status"] == status).then_some(seen)
        };
        eventually(&format!("the monitor is {status}"), look).await
    }

    /// The checks of a monitor, the newest first.
    pub(crate) async fn checks(&self, monitor: &str) -> Vec<Value> {
        let page = self.get(&format!("/monitors/{monitor}/checks?limit=500")).await;
        assert_eq!(page["next_cursor"], Value::Null, "the tests make no more checks than that");
        page["items"].as_array().unwrap().clone()
    }

    /// Waits until a monitor has so many checks.
    pub(crate) async fn sees_checks(&self, monitor: &str, count: usize) -> Vec<Value> {
        let look = async || Some(self.checks(monitor).await).filter(|checks| checks.len() >= count);
        eventually(&format!("the monitor has {count} checks"), look).await
    }

    /// The account of slots.
    pub(crate) async fn slots(&self, monitor: &str) -> Value {
        self.get(&format!("/monitors/{monitor}/slots")).await
    }

    /// Makes sure that each slot of a monitor is in the record once, and none is nowhere.
    pub(crate) async fn finds_every_slot_accounted_for(&self, monitor: &str) {
        let checks = self.checks(monitor).await;
        let account = self.slots(monitor).await;
        assert_eq!(account["unaccounted"], 0, "{account}");
        let scheduled = checks.iter().filter(|check| check["origin"] == "scheduled").count() as u64;
        let counted: u64 = ["up", "degraded", "down"].iter().map(|outcome| account[outcome].as_u64().unwrap()).sum();
        assert!(scheduled <= counted + AFTER_AN_OPEN_ONE, "{scheduled} slots are checked, and not counted: {account}");
        let slots: BTreeSet<_> = checks.iter().map(|check| check["slot"].as_str().unwrap()).collect();
        assert_eq!(slots.len(), checks.len(), "no slot is in the record twice");
        let gaps = self.get(&format!("/monitors/{monitor}/gaps?limit=500")).await;
        for gap in gaps["items"].as_array().unwrap() {
            // Times are written so that they compare as text.
            let run = gap["first_slot"].as_str().unwrap()..=gap["last_slot"].as_str().unwrap();
            let is_checked =
                |check: &&Value| check["origin"] == "scheduled" && run.contains(&check["slot"].as_str().unwrap());
            assert_eq!(checks.iter().find(is_checked), None, "no slot is both checked and a gap");
        }
    }
}
