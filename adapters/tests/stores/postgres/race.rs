//! Several at once: whatever the order in which they come through, the record adds up.

use std::collections::BTreeSet;
use std::sync::Arc;

use sqlx::{Connection, PgConnection};
use watchkeeper_adapters::postgres::PostgresStore;
use watchkeeper_domain::check::{Claim, Settled};
use watchkeeper_domain::port::{Change, CheckRepo, ClaimRequest, MonitorRepo, Recorded, Upkeep};
use watchkeeper_domain::testkit::fixture::{self, seconds};
use watchkeeper_domain::time::Timestamp;
use watchkeeper_domain::uptime::GapOutcome;

use super::{Nodes, request, wait_for_locks};

fn is_recorded(answer: &Recorded) -> bool {
    matches!(answer, Recorded::Recorded { .. })
}

async fn claim_all(node: Arc<PostgresStore>, requests: Vec<ClaimRequest>) -> Vec<Claim> {
    let mut claims = Vec::new();
    for request in requests {
        claims.extend(node.claim(&request).await.unwrap().claims);
    }
    claims
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_claimers_on_two_nodes_never_take_a_slot_twice() {
    let nodes = Nodes::start().await;
    let mut latest = Timestamp::EPOCH;
    for _ in 0..60 {
        latest = latest.max(nodes.stage.monitor_every(300).await.monitor.created_at);
    }
    let mut claimers = tokio::task::JoinSet::new();
    for number in 0..12 {
        let node = if number % 2 == 0 { &nodes.one } else { &nodes.other };
        let requests = (0..12).map(|_| request(latest, 7, nodes.stage.token())).collect();
        claimers.spawn(claim_all(Arc::clone(node), requests));
    }
    let claims: Vec<Claim> = claimers.join_all().await.into_iter().flatten().collect();
    let slots: BTreeSet<_> = claims.iter().map(|claim| (claim.monitor, claim.slot)).collect();
    assert_eq!((claims.len(), slots.len()), (60, 60));
}

#[tokio::test]
async fn a_claimer_does_not_wait_for_another() {
    let nodes = Nodes::start().await;
    let (held, free) = (nodes.stage.monitor_every(60).await, nodes.stage.monitor_every(60).await);
    let mut claiming = nodes.one.pool().begin().await.unwrap();
    sqlx::query("SELECT FROM schedule WHERE monitor_id = $1 FOR UPDATE")
        .bind(held.id().uuid())
        .execute(&mut *claiming)
        .await
        .unwrap();
    let now = held.slot(0).max(free.slot(0));
    let claims = nodes.other.claim(&request(now, 10, nodes.stage.token())).await.unwrap().claims;
    assert_eq!(claims.iter().map(|claim| claim.monitor).collect::<Vec<_>>(), [free.id()]);
    claiming.rollback().await.unwrap();
    assert_eq!(nodes.stage.claim_one(now).await.monitor, held.id());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_of_the_former_holder_and_of_the_new_one_at_once_count_once() {
    let nodes = Nodes::start().await;
    let mut batches: (Vec<Settled>, Vec<Settled>) = (Vec::new(), Vec::new());
    let mut latest = Timestamp::EPOCH;
    let mut monitors = Vec::new();
    for _ in 0..20 {
        let specimen = nodes.stage.monitor_every(300).await;
        latest = latest.max(specimen.monitor.created_at);
        monitors.push(specimen.id());
    }
    let first = nodes.one.claim(&request(latest, 100, nodes.stage.token())).await.unwrap().claims;
    batches.0.extend(first.iter().map(fixture::up));
    let later = latest.plus(seconds(60));
    let takeover = request(later, 100, nodes.stage.token());
    let (recorded, taken) = tokio::join!(nodes.one.record(later, &batches.0), nodes.other.claim(&takeover));
    // Some monitors have a further slot due by now, which is not what is raced for.
    let raced_for = |claim: &&Claim| first.iter().any(|f| (f.monitor, f.slot) == (claim.monitor, claim.slot));
    batches.1.extend(taken.unwrap().claims.iter().filter(raced_for).map(fixture::down));
    let recorded_by_one = recorded.unwrap().iter().filter(|answer| is_recorded(answer)).count();
    let recorded_by_other = nodes.other.record(later, &batches.1).await.unwrap();
    let recorded_by_other = recorded_by_other.iter().filter(|answer| is_recorded(answer)).count();
    assert_eq!((recorded_by_one + recorded_by_other, batches.1.len()), (20, recorded_by_other));
    for monitor in monitors {
        assert_eq!(nodes.stage.log(monitor).await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_is_recorded_twice_at_once_counts_once() {
    let nodes = Nodes::start().await;
    let mut latest = Timestamp::EPOCH;
    for _ in 0..40 {
        latest = latest.max(nodes.stage.monitor_every(300).await.monitor.created_at);
    }
    let claims = nodes.one.claim(&request(latest, 100, nodes.stage.token())).await.unwrap().claims;
    let batch: Vec<Settled> = claims.iter().map(fixture::down).collect();
    let (one, other) = tokio::join!(nodes.one.record(latest, &batch), nodes.other.record(latest, &batch));
    let answers: Vec<_> = one.unwrap().into_iter().zip(other.unwrap()).collect();
    assert_eq!(answers.len(), 40);
    assert!(answers.iter().all(|(one, other)| is_recorded(one) != is_recorded(other)), "{answers:?}");
}

#[tokio::test]
async fn neither_nodes_nor_results_wait_for_the_one_that_rolls_up() {
    let nodes = Nodes::start().await;
    let specimen = nodes.stage.monitor_every(300).await;
    nodes.stage.check_up(specimen.slot(0)).await;
    let hours = |count: u64| specimen.slot(0).plus(seconds(count * 3600));
    let first = nodes.one.roll_up(hours(2)).await.unwrap().unwrap();
    let claim = nodes.stage.claim_one(hours(3)).await;

    let mut rolling = nodes.other.pool().begin().await.unwrap();
    sqlx::query("SELECT FROM history_progress FOR UPDATE").execute(&mut *rolling).await.unwrap();
    assert_eq!(nodes.one.roll_up(hours(4)).await.unwrap(), None);
    let late = nodes.one.record(hours(3).plus(seconds(600)), &[fixture::up(&claim)]).await.unwrap();
    assert!(late.iter().all(is_recorded), "its hour is not closed: {late:?}");
    rolling.rollback().await.unwrap();
    assert_eq!(nodes.one.roll_up(hours(4)).await.unwrap(), Some(first.plus(seconds(3600))));
}

#[tokio::test]
async fn a_slot_whose_instant_is_taken_is_not_given_and_counts_as_missed() {
    let nodes = Nodes::start().await;
    let specimen = nodes.stage.monitor_every(60).await;
    let slot = specimen.slot(0);
    let in_the_way = "INSERT INTO claims (monitor_id, region, slot, origin, start_before, token, free_at)
         SELECT monitor_id, region, next_due_at, 1, next_due_at + interval '1 hour', gen_random_uuid(),
                next_due_at + interval '1 hour'
         FROM schedule";
    sqlx::query(in_the_way).execute(nodes.one.pool()).await.unwrap();
    assert_eq!(nodes.stage.claim(slot).await, []);
    let gaps = nodes.stage.gaps(specimen.id()).await;
    assert_eq!(gaps.iter().map(|gap| (gap.run.first, gap.outcome)).collect::<Vec<_>>(), [(slot, GapOutcome::Missed)]);
    assert_eq!(nodes.stage.claim_one(specimen.slot(1)).await.slot, specimen.slot(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_during_a_claim_leaves_every_slot_accounted_for() {
    let nodes = Nodes::start().await;
    for _ in 0..15 {
        let specimen = nodes.stage.monitor_every(60).await;
        let monitor = &specimen.monitor;
        let now = specimen.slot(3).plus(seconds(1));
        let change = Change { settings: monitor.settings.clone(), is_active: false, version: 1 };
        let request = request(now, 100, nodes.stage.token());
        let (paused, claims) = tokio::join!(
            nodes.one.change_monitor(monitor.workspace, monitor.id, &change, now),
            nodes.other.claim(&request)
        );
        paused.unwrap().unwrap();
        let results: Vec<Settled> = claims.unwrap().claims.iter().map(fixture::up).collect();
        let recorded = nodes.other.record(now, &results).await.unwrap();
        assert!(recorded.iter().all(is_recorded), "what was claimed before the pause is kept: {recorded:?}");
        let account = nodes.stage.account(monitor.id, now.plus(seconds(60))).await;
        assert_eq!((account.due, account.unaccounted), (4, 0), "{account:?}");
        nodes.stage.assert_nothing_due(now.plus(seconds(300))).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_while_its_result_is_recorded_hides_it_all_the_same() {
    let nodes = Nodes::start().await;
    for _ in 0..15 {
        let specimen = nodes.stage.monitor_every(60).await;
        let (monitor, now) = (&specimen.monitor, specimen.slot(0));
        let claim = nodes.stage.claim_one(now).await;
        let batch = [fixture::down(&claim)];
        let (deleted, recorded) = tokio::join!(
            nodes.one.delete_monitor(monitor.workspace, monitor.id, now.plus(seconds(1))),
            nodes.other.record(now.plus(seconds(1)), &batch)
        );
        assert!(deleted.unwrap());
        recorded.unwrap();
        assert_eq!(nodes.stage.log(monitor.id).await, []);
        // Neither the slot nor its confirmation is left.
        nodes.stage.assert_nothing_due(now.plus(seconds(30))).await;
    }
}

#[tokio::test]
async fn a_step_that_is_ended_to_let_another_through_is_done_again() {
    let nodes = Nodes::start().await;
    let claim = nodes.stage.claim_one(nodes.stage.monitor_every(60).await.slot(0)).await;
    let mut other = PgConnection::connect(nodes.database.url()).await.unwrap();
    // It leaves it to the one that records to find out that the two wait for each other.
    let begin = "SET deadlock_timeout = '1min'; BEGIN; SELECT FROM monitor_states FOR UPDATE";
    sqlx::raw_sql(begin).execute(&mut other).await.unwrap();
    let (node, batch) = (Arc::clone(&nodes.one), [fixture::down(&claim)]);
    let recording = tokio::spawn(async move { node.record(batch[0].claim.slot, &batch).await });
    wait_for_locks(nodes.other.pool(), true).await;
    sqlx::raw_sql("SELECT FROM claims FOR UPDATE").execute(&mut other).await.unwrap();
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    let recorded = recording.await.unwrap().unwrap();
    assert!(recorded.iter().all(is_recorded), "{recorded:?}");
    assert_eq!(nodes.stage.log(claim.monitor).await.len(), 1);
}
