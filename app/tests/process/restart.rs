//! Ending well and ending badly: nothing that was recorded is lost, no slot is recorded twice, none is nowhere.

use std::time::Duration;

use tokio::time::sleep;

use crate::client::User;
use crate::database::{Place, on_both};
use crate::eventually;
use crate::target::Target;

on_both! {
    after_a_kill_under_load_everything_is_there_and_every_slot_accounted_for;
    a_graceful_stop_records_what_is_under_way;
}

/// As many monitors as keep a few checks under way at any moment.
const MONITORS: usize = 30;

/// What it logs when it is told to stop.
const STOPPING: &str = "stopping; a second signal ends the process at once";

async fn after_a_kill_under_load_everything_is_there_and_every_slot_accounted_for(place: Place) {
    let target = Target::start().await;
    target.take(Duration::from_millis(300));
    let (program, url) = place.setup().serve().await;
    let mut user = User::sign_up(&url).await;
    let mut monitors = Vec::new();
    for _ in 0..MONITORS {
        monitors.push(user.watch(target.url(), 1).await);
    }
    let before = user.sees_checks(monitors.last().unwrap(), 3).await;
    program.kill().await;
    // This is the outage itself: every monitor has slots in it.
    sleep(Duration::from_secs(3)).await;

    let (program, url) = place.setup().serve().await;
    user.refresh_at(&url).await;
    for monitor in &monitors {
        eventually("the outage shows as missed slots", async || {
            (user.slots(monitor).await["missed"].as_u64()? >= 1).then_some(())
        })
        .await;
        user.sees(monitor, "UP").await;
        user.finds_every_slot_accounted_for(monitor).await;
    }
    let after = user.sees_checks(monitors.last().unwrap(), before.len() + 2).await;
    assert_eq!(after[after.len() - before.len()..], before, "what was recorded is there unchanged");
    let again = User::log_in(&url).await;
    assert_eq!(again.get("/monitors?limit=500").await["items"].as_array().unwrap().len(), MONITORS);
    assert_eq!(program.terminate().await.code(), Some(0));
}

async fn a_graceful_stop_records_what_is_under_way(place: Place) {
    records_what_is_under_way_when_it_gets("TERM", place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_is_a_graceful_stop_as_well() {
    records_what_is_under_way_when_it_gets("INT", Place::for_sqlite()).await;
}

async fn records_what_is_under_way_when_it_gets(signal: &str, place: Place) {
    let target = Target::start().await;
    target.hold();
    let (mut program, url) = place.setup().serve().await;
    let mut user = User::sign_up(&url).await;
    let monitor = user.watch(target.url(), 60).await;
    eventually("the check is under way", async || (target.asked() == 1).then_some(())).await;
    program.signal(signal).await;
    program.logs(STOPPING).await;
    target.release();
    assert_eq!(program.end().await.code(), Some(0));

    let mut program = place.setup().start(&["serve", "--no-engine"]);
    let url = program.url().await;
    program.ready(&url).await;
    user.refresh_at(&url).await;
    let checks = user.checks(&monitor).await;
    assert_eq!(checks.len(), 1);
    assert_eq!(checks[0]["status"], "UP");
    user.finds_every_slot_accounted_for(&monitor).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_the_program_at_once() {
    let (place, target) = (Place::for_sqlite(), Target::start().await);
    target.hold();
    let (mut program, url) = place.setup().serve().await;
    let user = User::sign_up(&url).await;
    user.watch(target.url(), 60).await;
    eventually("the check is under way", async || (target.asked() == 1).then_some(())).await;
    program.signal("TERM").await;
    program.logs(STOPPING).await;
    program.signal("INT").await;
    assert_eq!(program.end().await.code(), Some(130));
}
