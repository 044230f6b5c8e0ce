//! Cohorts that several nodes share: whoever claims, whatever the others have changed meanwhile.

use std::collections::BTreeSet;

use watchkeeper_domain::check::{Claim, Region};
use watchkeeper_domain::monitor::{Interval, Timeout};
use watchkeeper_domain::port::{Change, CheckRepo, MonitorRepo};
use watchkeeper_domain::testkit::contract::Specimen;
use watchkeeper_domain::testkit::fixture::{self, seconds};
use watchkeeper_domain::time::Timestamp;

use super::{Nodes, node, request};

/// Monitors whose opening slots are recorded, and when.
async fn seated(nodes: &Nodes, count: usize, interval_seconds: u32) -> (Vec<Specimen>, Timestamp) {
    let mut specimens = Vec::new();
    for _ in 0..count {
        specimens.push(nodes.stage.monitor_every(interval_seconds).await);
    }
    let now = specimens.iter().map(|specimen| specimen.slot(0)).max().unwrap();
    record(nodes, now, &nodes.stage.claim(now).await).await;
    (specimens, now)
}

async fn record(nodes: &Nodes, now: Timestamp, claims: &[Claim]) {
    let results: Vec<_> = claims.iter().map(fixture::up).collect();
    nodes.other.record(now, &results).await.unwrap();
}

async fn count(nodes: &Nodes, what: &str) -> i64 {
    let statement = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {what}"));
    sqlx::query_scalar(statement).fetch_one(nodes.one.pool()).await.unwrap()
}

#[tokio::test]
async fn slots_of_a_cohort_cost_a_row_for_many_of_them() {
    let nodes = Nodes::start().await;
    let (specimens, opened) = seated(&nodes, 90, 60).await;
    assert_eq!(count(&nodes, "schedule WHERE cohort_id IS NOT NULL").await, 90);
    let now = opened.plus(seconds(60));
    let claims = nodes.stage.claim(now).await;
    assert!(claims.len() >= specimens.len(), "each of them is due within a minute");
    assert_eq!((count(&nodes, "claims").await, count(&nodes, "leases").await), (0, 2));
    let (first, rest) = claims.split_at(10);
    record(&nodes, now, first).await;
    assert_eq!(count(&nodes, "leases").await, 2, "a part of a lease is recorded, the rest is held");
    record(&nodes, now, rest).await;
    assert_eq!((count(&nodes, "claims").await, count(&nodes, "leases").await), (0, 0));
    for specimen in specimens {
        assert_eq!(nodes.stage.account(specimen.id(), now).await.unaccounted, 0);
    }
}

#[tokio::test]
async fn a_cohort_that_another_node_is_at_is_left_to_it() {
    let nodes = Nodes::start().await;
    let (specimens, opened) = seated(&nodes, 3, 60).await;
    let now = opened.plus(seconds(60));
    let mut claiming = nodes.one.pool().begin().await.unwrap();
    sqlx::query("SELECT FROM cohorts FOR NO KEY UPDATE").execute(&mut *claiming).await.unwrap();
    assert_eq!(nodes.other.claim(&request(now, 10, nodes.stage.token())).await.unwrap().claims, []);
    claiming.rollback().await.unwrap();
    let claims = nodes.other.claim(&request(now, 10, nodes.stage.token())).await.unwrap().claims;
    assert!(claims.len() >= specimens.len());
}

#[tokio::test]
async fn nodes_in_turns_give_every_slot_once_whatever_changes_in_between() {
    let nodes = Nodes::start().await;
    let (specimens, opened) = seated(&nodes, 12, 20).await;
    let mut given: BTreeSet<_> = BTreeSet::new();
    for round in 1..=30_u64 {
        let now = opened.plus(seconds(round * 7));
        let (claimer, changer) = if round % 2 == 0 { (&nodes.one, &nodes.other) } else { (&nodes.other, &nodes.one) };
        let limit = if round % 5 == 0 { 3 } else { 100 };
        let claims = claimer.claim(&request(now, limit, nodes.stage.token())).await.unwrap().claims;
        for claim in &claims {
            assert!(given.insert((claim.monitor, claim.slot)), "given twice: {claim:?}");
        }
        record(&nodes, now, &claims).await;
        let monitor = &specimens[usize::try_from(round).unwrap() % specimens.len()].monitor;
        let view = changer.monitor(monitor.workspace, monitor.id).await.unwrap().unwrap().monitor;
        let mut change = Change { settings: view.settings, is_active: view.is_active, version: view.version };
        match round % 4 {
            0 => change.settings.interval = Interval::from_secs(15).unwrap(),
            1 => change.is_active = !change.is_active,
            2 => change.settings.timeout = Timeout::from_secs(3),
            _ => {}
        }
        changer.change_monitor(monitor.workspace, monitor.id, &change, now).await.unwrap().unwrap();
    }
    let end = opened.plus(seconds(31 * 7));
    for specimen in &specimens {
        let account = nodes.stage.account(specimen.id(), end).await;
        assert_eq!(account.unaccounted, 0, "{account:?}");
    }
}

#[tokio::test]
async fn a_node_that_has_read_ahead_follows_what_others_changed_since() {
    let nodes = Nodes::start().await;
    let (specimens, opened) = seated(&nodes, 6, 60).await;
    let later = node(nodes.database.url(), 7).await;
    later.read_ahead(&Region::default(), opened.plus(seconds(60))).await.unwrap();
    let (paused, rest) = specimens.split_first().unwrap();
    let view = nodes.one.monitor(paused.monitor.workspace, paused.id()).await.unwrap().unwrap().monitor;
    let change = Change { settings: view.settings, is_active: false, version: view.version };
    nodes.one.change_monitor(view.workspace, view.id, &change, opened.plus(seconds(1))).await.unwrap().unwrap();
    let (joined, now) = seated(&nodes, 1, 60).await;
    // By then each of them has had a slot on its grid.
    let now = now.plus(seconds(90));
    let given = later.claim(&request(now, 100, nodes.stage.token())).await.unwrap().claims;
    let given: BTreeSet<_> = given.iter().map(|claim| claim.monitor).collect();
    assert_eq!(given, rest.iter().chain(&joined).map(Specimen::id).collect());
}

/// Makes every commit fail that changes a cohort, or lets them through again.
async fn commits_fail(nodes: &Nodes, they_do: bool) {
    let statement = if they_do {
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
         CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON cohorts DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION refuse()"
    } else {
        "DROP FUNCTION refuse CASCADE"
    };
    sqlx::raw_sql(statement).execute(nodes.one.pool()).await.unwrap();
}

/// The next one that changes the cohort counts it up to the same version, with another change.
#[tokio::test]
async fn what_a_claim_changes_is_remembered_only_if_it_is_committed() {
    let nodes = Nodes::start().await;
    let (mut specimens, opened) = seated(&nodes, 3, 60).await;
    let now = opened.plus(seconds(60));
    record(&nodes, now, &nodes.one.claim(&request(now, 100, nodes.stage.token())).await.unwrap().claims).await;
    specimens.push(nodes.stage.monitor_every(60).await);
    commits_fail(&nodes, true).await;
    let now = now.plus(seconds(60));
    nodes.one.claim(&request(now, 100, nodes.stage.token())).await.unwrap_err();
    commits_fail(&nodes, false).await;
    specimens.push(nodes.stage.monitor_every(60).await);
    record(&nodes, now, &nodes.other.claim(&request(now, 100, nodes.stage.token())).await.unwrap().claims).await;
    let now = now.plus(seconds(60));
    let given = nodes.one.claim(&request(now, 100, nodes.stage.token())).await.unwrap().claims;
    let given: BTreeSet<_> = given.iter().map(|claim| claim.monitor).collect();
    assert_eq!(given, specimens.iter().map(Specimen::id).collect());
}

#[tokio::test]
async fn a_lease_of_a_dead_node_is_taken_over_slot_by_slot() {
    let nodes = Nodes::start().await;
    let (specimens, opened) = seated(&nodes, 5, 60).await;
    let now = opened.plus(seconds(60));
    let lost = nodes.one.claim(&request(now, 100, nodes.stage.token())).await.unwrap().claims;
    record(&nodes, now, &lost[..2]).await;
    let later = lost.iter().map(|claim| claim.lease_until).max().unwrap();
    let again = nodes.other.claim(&request(later, 100, nodes.stage.token())).await.unwrap().claims;
    let slots = |claims: &[Claim]| claims.iter().map(|claim| (claim.monitor, claim.slot)).collect::<BTreeSet<_>>();
    let startable: Vec<Claim> = lost[2..].iter().filter(|claim| claim.start_before > later).cloned().collect();
    assert!(slots(&again).is_superset(&slots(&startable)), "what may still start is given anew");
    assert!(slots(&again).is_disjoint(&slots(&lost[..2])), "what is recorded is not");
    record(&nodes, later, &again).await;
    for specimen in specimens {
        assert_eq!(nodes.stage.account(specimen.id(), later).await.unaccounted, 0);
    }
}
