//! PostgreSQL that goes away.

use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use watchkeeper_testdb::{Database, Relay};

use crate::client::User;
use crate::eventually;
use crate::program::Setup;
use crate::target::Target;

async fn status_of(url: &str, path: &str) -> u16 {
    status_for(&Client::new(), url, path).await
}

async fn status_for(client: &Client, url: &str, path: &str) -> u16 {
    client.get(format!("{url}{path}")).send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away_stops_nothing_for_good() {
    let (data, database) = (tempfile::tempdir().unwrap(), Database::fresh().await);
    let mut relay = Relay::to(&database).await;
    let (target, held) = (Target::start().await, Target::start().await);
    let (program, url) = Setup::on(data.path(), relay.url()).serve().await;
    let user = User::sign_up(&url).await;
    let before = user.watch(target.url(), 60).await;
    user.sees_checks(&before, 1).await;

    // This check is under way when the database goes, and finished before it is back.
    held.hold();
    let checked = user.watch(held.url(), 60).await;
    eventually("the check is under way", async || (held.asked() == 1).then_some(())).await;
    relay.cut().await;
    let answer = user.ask(Method::GET, "/monitors", None).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    assert_eq!(status_of(&url, "/readyz").await, 503);
    assert_eq!(status_of(&url, "/healthz").await, 200);
    held.release();
    eventually("the recorder has noticed", async || (kept_results(&url).await >= 1).then_some(())).await;

    relay.restore().await;
    eventually("it is ready again", async || (status_of(&url, "/readyz").await == 200).then_some(())).await;
    let checks = user.sees_checks(&checked, 1).await;
    assert_eq!((checks.len(), &checks[0]["status"]), (1, &"UP".into()), "what was found meanwhile is recorded");
    user.finds_every_slot_accounted_for(&checked).await;
    let fresh = user.watch(target.url(), 1).await;
    user.sees(&fresh, "UP").await;
    assert_eq!(program.terminate().await.code(), Some(0));
}

/// How long whoever asks about the program itself may have to wait, at the most, on a machine that others use as well:
/// far less than any call of the store takes to fail.
const AT_ONCE: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_falls_silent_keeps_nobody_waiting_who_asks_about_the_program() {
    let (data, database) = (tempfile::tempdir().unwrap(), Database::fresh().await);
    let relay = Relay::to(&database).await;
    let target = Target::start().await;
    let (program, url) = Setup::on(data.path(), relay.url()).serve().await;
    let user = User::sign_up(&url).await;
    let watched = user.watch(target.url(), 1).await;
    user.sees(&watched, "UP").await;

    relay.fall_silent();
    // More than there are connections: whoever needs the store waits.
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let asking = Client::new().get(format!("{url}/api/v1/monitors")).bearer_auth(user.token());
        waiting.spawn(async move { asking.send().await.unwrap().status() });
    }
    let store_failed = async || (store_errors(&url).await >= 1).then_some(());
    let client = Client::new();
    let asked = async {
        loop {
            for path in ["/healthz", "/metrics"] {
                let answer = tokio::time::timeout(AT_ONCE, status_for(&client, &url, path)).await;
                assert_eq!(answer.ok(), Some(200), "{path} at once");
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = eventually("the engine has given the store up", store_failed) => {}
        () = asked => {}
    }
    while let Some(status) = waiting.join_next().await {
        assert_eq!(status.unwrap(), StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(status_of(&url, "/readyz").await, 503);

    relay.speak_again();
    eventually("it is ready again", async || (status_of(&url, "/readyz").await == 200).then_some(())).await;
    user.finds_every_slot_accounted_for(&watched).await;
    assert_eq!(program.terminate().await.code(), Some(0));
}

async fn store_errors(url: &str) -> u64 {
    crate::metrics::Shown::at(url).await.sum("watchkeeper_store_errors_total", "") as u64
}

/// How many finished checks the program keeps until they are recorded.
async fn kept_results(url: &str) -> u64 {
    crate::metrics::Shown::at(url).await.sum("watchkeeper_results_kept", "") as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_there_yet_is_waited_for() {
    let (data, database) = (tempfile::tempdir().unwrap(), Database::fresh().await);
    let mut relay = Relay::to(&database).await;
    relay.cut().await;
    let mut program = Setup::on(data.path(), relay.url()).start(&["serve"]);
    let url = program.url().await;
    assert_eq!(status_of(&url, "/healthz").await, 200);
    assert_eq!(status_of(&url, "/readyz").await, 503);
    assert_eq!(status_of(&url, "/api/v1/monitors").await, 503);
    relay.restore().await;
    program.ready(&url).await;
    User::sign_up(&url).await;
    assert_eq!(program.terminate().await.code(), Some(0));
}
