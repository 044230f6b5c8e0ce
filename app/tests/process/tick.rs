//! One pass of everything that is due.

use crate::client::User;
use crate::database::{Place, on_both};
use crate::program::full_pipe;
use crate::target::Target;

on_both! {
    a_pass_checks_what_is_due_tells_what_it_finds_and_ends;
}

async fn a_pass_checks_what_is_due_tells_what_it_finds_and_ends(place: Place) {
    let target = Target::start().await;
    target.answer(503);
    let mut program = place.setup().start(&["serve", "--no-engine"]);
    let url = program.url().await;
    program.ready(&url).await;
    let mut user = User::sign_up(&url).await;
    let monitor = user.watch(target.url(), 5).await;
    assert_eq!(program.terminate().await.code(), Some(0));

    let pass = place.setup().run(&["tick"]).await;
    assert_eq!(pass.status.code(), Some(0), "{pass:?}");
    assert!(pass.printed.contains("checked: "), "{pass:?}");
    assert!(pass.printed.lines().any(|line| line.contains("PENDING -> DOWN")), "{pass:?}");

    let mut program = place.setup().start(&["serve", "--no-engine"]);
    let url = program.url().await;
    program.ready(&url).await;
    user.refresh_at(&url).await;
    assert_eq!(user.get(&format!("/monitors/{monitor}")).await["last_check"]["status"], "DOWN");
    assert!(user.checks(&monitor).await.len() >= 2, "the first failure and what confirms it");
    user.finds_every_slot_accounted_for(&monitor).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_fails_where_another_process_holds_the_file() {
    let place = Place::for_sqlite();
    let (program, _) = place.setup().serve().await;
    let pass = place.setup().run(&["tick"]).await;
    assert_eq!(pass.status.code(), Some(1));
    assert!(pass.logged.contains(&format!("process {}", program.id())), "{pass:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_fails_where_the_database_is_away() {
    let place = Place::for_sqlite();
    let pass = place.setup().with("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none").run(&["tick"]).await;
    assert_eq!(pass.status.code(), Some(1));
    assert_eq!(pass.logged.lines().count(), 1, "{pass:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_that_nobody_listens_to_ends_and_says_so() {
    let (place, target) = (Place::for_sqlite(), Target::start().await);
    target.answer(503);
    let mut program = place.setup().start(&["serve", "--no-engine"]);
    let url = program.url().await;
    program.ready(&url).await;
    User::sign_up(&url).await.watch(target.url(), 5).await;
    assert_eq!(program.terminate().await.code(), Some(0));

    let (_unread, console) = full_pipe();
    let mut pass = place.setup().start_onto(console, &["tick"]);
    assert_eq!(pass.end().await.code(), Some(1));
    pass.logs("a notice was not delivered").await;
    pass.logs("nobody reads what the pass did").await;
}
