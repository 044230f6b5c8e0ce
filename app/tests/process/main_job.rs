//! The main job: sign up, add a URL, see it go down and come back, and be told.

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::client::User;
use crate::database::{Place, on_both};
use crate::eventually;
use crate::program::full_pipe;
use crate::target::Target;

on_both! {
    a_target_that_goes_down_and_comes_back_is_seen_and_told;
    without_an_engine_checks_are_made_on_request_only;
}

/// A second would be enough, were there not machines so busy that an answer takes longer: that would be told as well.
const INTERVAL_SECONDS: u32 = 5;

async fn a_target_that_goes_down_and_comes_back_is_seen_and_told(place: Place) {
    let target = Target::start().await;
    let (mut program, url) = place.setup().serve().await;
    let user = User::sign_up(&url).await;
    let monitor = user.watch(target.url(), INTERVAL_SECONDS).await;
    user.sees(&monitor, "UP").await;

    target.answer(503);
    let down = user.sees(&monitor, "DOWN").await;
    let line = program.printed_where("the alert", |line| line.contains("UP -> DOWN")).await;
    let since = down["status_since"].as_str().unwrap();
    for part in ["\"Shop\"", target.url(), since, "the answer was 503, expected 200-399"] {
        assert!(line.contains(part), "{part} is missing: {line}");
    }
    let open = &user.get(&format!("/monitors/{monitor}/incidents")).await["items"][0];
    assert_eq!((&open["started_at"], &open["ended_at"]), (&down["status_since"], &Value::Null));

    target.answer(200);
    let up = user.sees(&monitor, "UP").await;
    let line = program.printed_where("the all-clear", |line| line.contains("DOWN -> UP")).await;
    assert!(line.contains(up["status_since"].as_str().unwrap()), "{line}");
    let incidents = user.get("/incidents").await;
    assert_eq!(incidents["items"].as_array().unwrap().len(), 1);
    assert_eq!(incidents["items"][0]["ended_at"], up["status_since"]);
    assert_eq!(program.printed().iter().filter(|line| line.contains(" -> ")).count(), 2, "each change is told once");
    user.finds_every_slot_accounted_for(&monitor).await;
    assert_eq!(program.terminate().await.code(), Some(0));
}

async fn without_an_engine_checks_are_made_on_request_only(place: Place) {
    let target = Target::start().await;
    let mut program = place.setup().start(&["serve", "--no-engine"]);
    let url = program.url().await;
    program.ready(&url).await;
    let user = User::sign_up(&url).await;
    let monitor = user.watch(target.url(), INTERVAL_SECONDS).await;
    let answer = user.ask(Method::POST, &format!("/monitors/{monitor}/check"), None).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let check: Value = answer.json().await.unwrap();
    assert_eq!((&check["origin"], &check["status"]), (&Value::from("manual"), &Value::from("UP")));
    user.sees(&monitor, "UP").await;
    // A few slots pass by before it is looked again.
    let account = eventually("slots have passed", async || {
        let account = user.slots(&monitor).await;
        (account["missed"].as_u64()? >= 2).then_some(account)
    })
    .await;
    assert_eq!((&account["due"], &account["in_flight"]), (&account["missed"], &Value::from(1)), "{account}");
    assert_eq!(target.asked(), 1);
    assert_eq!(user.checks(&monitor).await, [check]);
    assert_eq!(program.terminate().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_that_nobody_reads_costs_notices_and_holds_up_neither_checks_nor_the_end() {
    let (place, target) = (Place::for_sqlite(), Target::start().await);
    target.answer(503);
    let mut program = place.setup().start(&["serve", "--no-engine"]);
    let url = program.url().await;
    program.ready(&url).await;
    User::sign_up(&url).await.watch(target.url(), INTERVAL_SECONDS).await;
    assert_eq!(program.terminate().await.code(), Some(0));

    let (_unread, console) = full_pipe();
    let program = place.setup().start_onto(console, &["work"]);
    program.logs("a notice was not delivered").await;
    let asked = target.asked();
    eventually("checks go on", async || (target.asked() > asked).then_some(())).await;
    assert_eq!(program.terminate().await.code(), Some(0));
}
