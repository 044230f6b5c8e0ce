//! Nodes that freeze.

use watchkeeper_testdb::Database;

use crate::client::User;
use crate::eventually;
use crate::metrics::Shown;
use crate::program::Setup;
use crate::target::Target;

/// Longer than a lease, so that a slot may still be started when the lease of whoever froze has ended.
const INTERVAL_SECONDS: u32 = 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_froze_beyond_its_lease_records_nothing() {
    let (data, database, target) = (tempfile::tempdir().unwrap(), Database::fresh().await, Target::start().await);
    let setup = Setup::on(data.path(), database.url());
    let mut serving = setup.start(&["serve", "--no-engine"]);
    let url = serving.url().await;
    serving.ready(&url).await;
    let user = User::sign_up(&url).await;
    let mut frozen = setup.clone().with("WATCHKEEPER_METRICS_LISTEN", "127.0.0.1:0").start(&["work"]);
    let shown_at = frozen.url_for_operators().await;

    target.hold();
    let monitor = user.watch_within(target.url(), INTERVAL_SECONDS, 1).await;
    eventually("its probe is under way", async || (target.asked() == 1).then_some(())).await;
    frozen.signal("STOP").await;
    let other = setup.start(&["work"]);
    eventually("the slot is checked by the other node", async || (target.asked() == 2).then_some(())).await;
    target.release();
    let recorded = user.sees_checks(&monitor, 1).await;

    other.kill().await;
    frozen.signal("CONT").await;
    // It is awake again, and what it had in hand is through, once it has recorded something new.
    user.sees_checks(&monitor, 2).await;
    let shown = Shown::at(&shown_at).await;
    assert_eq!(shown.sum("watchkeeper_checks_total", ""), 1.0, "it has recorded nothing but the second slot");
    let checks = user.checks(&monitor).await;
    assert_eq!(checks.last(), recorded.last(), "the record of the first is as it was");
    user.finds_every_slot_accounted_for(&monitor).await;
    assert_eq!(frozen.terminate().await.code(), Some(0));
    assert_eq!(serving.terminate().await.code(), Some(0));
}
