//! Nodes that freeze, and nodes that are killed.

use std::mem::swap;
use std::time::Duration;

use tokio::time::sleep;
use watchkeeper_adapters::rfc3339;
use watchkeeper_testdb::Database;

use super::scene::Failure;
use super::{Node, Scene, TRANSACTION_IS_KEPT};
use crate::client::User;
use crate::database::{Place, on_both};
use crate::eventually;
use crate::program::Setup;
use crate::target::Target;

on_both! {
    after_a_kill_under_load_everything_is_there_and_every_slot_accounted_for;
}

/// Longer than a lease, so that a slot may still be started when the lease of whoever froze has ended.
const INTERVAL_SECONDS: u32 = 20;

/// How long a target is given whose check is under way when its node freezes: longer than it takes to freeze it.
const TIMEOUT_SECONDS: u32 = 5;

/// How long nobody checks where the only node is killed: several intervals.
const OUTAGE: Duration = Duration::from_secs(6);

/// How many claims a node holds that is taken away under load.
const UNDER_LOAD: f64 = 3.0;

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_froze_beyond_its_lease_records_nothing() {
    let (data, database, target) = (tempfile::tempdir().unwrap(), Database::fresh().await, Target::start().await);
    let setup = Setup::on(data.path(), database.url());
    let (answering, frozen) = (Node::answering(&setup).await, Node::working(&setup).await);
    let user = User::sign_up(&answering.url).await;

    target.hold();
    let monitor = user.watch_within(target.url(), INTERVAL_SECONDS, TIMEOUT_SECONDS).await;
    eventually("its probe is under way", async || (target.asked() == 1).then_some(())).await;
    frozen.program.signal("STOP").await;
    let other = Node::working(&setup).await;
    eventually("the slot is checked by the other node", async || (target.asked() == 2).then_some(())).await;
    target.release();
    let recorded = user.sees_checks(&monitor, 1).await;

    other.program.kill().await;
    frozen.program.signal("CONT").await;
    // It is awake again, and what it had in hand is through, once it has recorded something new.
    user.sees_checks(&monitor, 2).await;
    // It is counted when it is in the record.
    let counted = async || Some(frozen.shows("watchkeeper_checks_total").await).filter(|&checks| checks >= 1.0);
    let counted = eventually("what it has recorded is counted", counted).await;
    assert_eq!(counted, 1.0, "it has recorded nothing but the second slot");
    let checks = user.checks(&monitor).await;
    assert_eq!(checks.last(), recorded.last(), "the record of the first is as it was");
    user.finds_every_slot_accounted_for(&monitor).await;
    frozen.ends().await;
    answering.ends().await;
}

/// Two nodes under load, of which one is about to be lost: the one that has a notice in its hands.
struct Pair {
    setup: Setup,
    answering: Node,
    lost: Node,
    other: Node,
    scene: Scene,
    _database: Database,
    _data: tempfile::TempDir,
}

impl Pair {
    async fn of(start: impl AsyncFn(&Setup) -> Node) -> Self {
        let (data, database) = (tempfile::tempdir().unwrap(), Database::fresh().await);
        let setup = Setup::on(data.path(), database.url());
        let answering = Node::answering(&setup).await;
        let (mut lost, mut other) = (start(&setup).await, start(&setup).await);
        let mut scene = Scene::open(&[&answering, &lost, &other]).await;
        if scene.is_owed_a_notice(&[&lost, &other]).await == 1 {
            swap(&mut lost, &mut other);
        }
        scene.reads(&other);
        is_under_load(&lost).await;
        Self { setup, answering, lost, other, scene, _database: database, _data: data }
    }
}

async fn is_under_load(node: &Node) {
    let is_so = async || (node.shows("watchkeeper_claims_held").await >= UNDER_LOAD).then_some(());
    eventually("the node has claims in hand", is_so).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_freezes_under_load_leaves_its_work_to_the_other_and_changes_nothing_of_it() {
    let Pair { answering, lost: frozen, other, mut scene, _database, _data, .. } = Pair::of(Node::working).await;
    let in_hand = scene.in_hand(TRANSACTION_IS_KEPT).await;
    let recorded = frozen.shows("watchkeeper_checks_total").await;
    let mut failure = Failure::begins("a node frozen beyond its leases");
    frozen.program.signal("STOP").await;
    let until = rfc3339::format(scene.now().await.plus(scene.interval() * u32::try_from(in_hand.slots).unwrap()));
    scene.a_target_goes_down();
    scene.is_carried_on_during(&mut failure).await;
    scene.sees_the_target_down().await;
    scene.checks_go_on_for(2 * in_hand.slots).await;
    scene.is_told_what_was_owed().await;
    // What it had in hand is long settled.
    let settled = scene.record_until(&until).await;
    frozen.program.signal("CONT").await;
    let repair = failure.ends();
    let takes_part = async || (frozen.shows("watchkeeper_checks_total").await > recorded).then_some(());
    eventually("the node that was frozen checks again", takes_part).await;
    scene.comes_back_after(repair).await;
    assert_eq!(scene.record_until(&until).await, settled, "what the other has settled is as it was");
    scene.misses_at_most(in_hand).await;
    for node in [frozen, other, answering] {
        node.ends().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_works_and_is_killed_leaves_its_work_to_the_other() {
    one_of_two_is_killed("one of two nodes that work killed", Node::working).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_serves_and_is_killed_leaves_its_work_to_the_other() {
    one_of_two_is_killed("one of two nodes that serve killed", Node::serving).await;
}

async fn one_of_two_is_killed(what: &'static str, start: impl AsyncFn(&Setup) -> Node) {
    let Pair { setup, answering, lost, other, mut scene, _database, _data } = Pair::of(&start).await;
    let in_hand = scene.in_hand(Duration::ZERO).await;
    is_under_load(&lost).await;
    let mut failure = Failure::begins(what);
    lost.program.kill().await;
    scene.a_target_goes_down();
    scene.is_carried_on_during(&mut failure).await;
    scene.sees_the_target_down().await;
    scene.checks_go_on_for(2 * in_hand.slots).await;
    scene.is_told_what_was_owed().await;
    let another = start(&setup).await;
    scene.hears(&another.program);
    scene.comes_back_after(failure.ends()).await;
    scene.misses_at_most(in_hand).await;
    assert!(scene.slots_that_are("missed").await >= 1, "what the killed node held can no longer start, and shows");
    User::log_in(&answering.url).await;
    for node in [another, other, answering] {
        node.ends().await;
    }
}

async fn after_a_kill_under_load_everything_is_there_and_every_slot_accounted_for(place: Place) {
    let node = Node::serving(&place.setup()).await;
    let mut scene = Scene::open(&[&node]).await;
    scene.is_owed_a_notice(&[&node]).await;
    is_under_load(&node).await;
    let mut before = Vec::new();
    for monitor in scene.monitors() {
        before.push((monitor.clone(), scene.user().checks(monitor).await));
    }
    let is_sqlite = place.setup().database_url().is_empty();
    let failure =
        Failure::begins(if is_sqlite { "the node on SQLite killed" } else { "the only node on PostgreSQL killed" });
    node.program.kill().await;
    scene.a_target_goes_down();
    // This is the outage itself: every monitor has slots in it.
    sleep(OUTAGE).await;

    let node = Node::serving(&place.setup()).await;
    scene.moves_to(&node).await;
    scene.comes_back_after(failure.ends()).await;
    for (monitor, checks) in &before {
        let account = scene.user().slots(monitor).await;
        assert!(account["missed"].as_u64().unwrap() >= 1, "the outage shows as missed slots: {account}");
        let after = scene.user().checks(monitor).await;
        assert!(checks.iter().all(|check| after.contains(check)), "what was recorded is there unchanged");
    }
    let again = User::log_in(&node.url).await;
    assert_eq!(again.get("/monitors?limit=500").await["items"].as_array().unwrap().len(), before.len());
    node.ends().await;
}
