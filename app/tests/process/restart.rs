//! Ending when told to: what is under way is recorded, and no slot is nowhere.

use crate::client::User;
use crate::database::{Place, on_both};
use crate::eventually;
use crate::target::Target;

on_both! {
    a_graceful_stop_records_what_is_under_way;
}

/// What it logs when it is told to stop.
const STOPPING: &str = "stopping; a second signal ends the process at once";

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
