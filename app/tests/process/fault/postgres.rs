//! PostgreSQL that fails, on a server of the test's own.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use watchkeeper_testdb::{Cluster, Relay, Shutdown};

use super::account::Settled;
use super::disk::fill;
use super::scene::Failure;
use super::{Node, STORE_FAILS, Scene, TRANSACTION_IS_KEPT};
use crate::eventually;
use crate::program::Setup;

/// How many monitors are made while a standby is behind, and again after it has taken over.
const OTHERS: usize = 4;

/// The file system that is filled, in megabytes: what a cluster needs, and some room for its log.
const SMALL_DISK_MEGABYTES: u32 = 96;

/// Two nodes on one database, and what they watch: a notice is owed, and under way at one of them.
struct Nodes {
    setup: Setup,
    serving: Node,
    working: Node,
    scene: Scene,
    /// What the server had acknowledged before anything failed.
    acknowledged: Option<Settled>,
    _data: TempDir,
}

impl Nodes {
    async fn on(database_url: &str) -> Self {
        let data = tempfile::tempdir().unwrap();
        let setup = Setup::on(data.path(), database_url);
        let (serving, working) = (Node::serving(&setup).await, Node::working(&setup).await);
        let mut scene = Scene::open(&[&serving, &working]).await;
        scene.is_owed_a_notice(&[&serving, &working]).await;
        let acknowledged = Some(scene.what_is_settled().await);
        Self { setup, serving, working, scene, acknowledged, _data: data }
    }

    /// From now on the server may forget what it has acknowledged.
    fn may_lose_something(&mut self) {
        self.acknowledged = None;
    }

    /// Waits until both have noticed that the store is gone.
    async fn notice(&self) {
        self.serving.program.logs(STORE_FAILS).await;
        self.working.program.logs(STORE_FAILS).await;
    }

    /// Holds the account, and what was there before against what is there now, and ends the nodes.
    async fn come_back_after(mut self, failure: Failure) {
        self.scene.comes_back_after(failure.ends()).await;
        if let Some(Settled { until, record }) = &self.acknowledged {
            assert_eq!(&self.scene.record_until(until).await, record, "what was acknowledged is there, as it was");
        }
        self.working.ends().await;
        self.serving.ends().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_restarted_is_waited_for() {
    ends_and_starts_again("PostgreSQL restarted", Shutdown::Fast).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_crashes_is_waited_for() {
    ends_and_starts_again("PostgreSQL crashed", Shutdown::Immediate).await;
}

async fn ends_and_starts_again(what: &'static str, shutdown: Shutdown) {
    let cluster = Cluster::start(&[]).await;
    let nodes = Nodes::on(&cluster.url()).await;
    let failure = Failure::begins(what);
    nodes.scene.a_target_goes_down();
    cluster.stop(shutdown).await;
    nodes.notice().await;
    nodes.scene.checks_cease().await;
    cluster.start_again().await;
    nodes.come_back_after(failure).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_takes_over_behind_the_same_address_is_found() {
    let primary = Cluster::start(&[]).await;
    let standby = primary.replica().await;
    let mut address = Relay::to_url(&primary.url()).await;
    let nodes = Nodes::on(address.url()).await;
    let failure = Failure::begins("PostgreSQL failed over to a standby");
    nodes.scene.a_target_goes_down();
    primary.stop(Shutdown::Immediate).await;
    nodes.notice().await;
    standby.promote().await;
    address.move_to(&standby.url()).await;
    nodes.come_back_after(failure).await;
    assert!(!primary.is_running().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_vanishes_without_a_word_is_given_up_for_its_standby() {
    let primary = Cluster::start(&[]).await;
    let standby = primary.replica().await;
    let mut address = Relay::to_url(&primary.url()).await;
    let nodes = Nodes::on(address.url()).await;
    let failure = Failure::begins("PostgreSQL failed over, its connections left hanging");
    nodes.scene.a_target_goes_down();
    // Connections stay open and nobody answers, as where the machine itself is gone.
    address.fall_silent();
    nodes.notice().await;
    primary.stop(Shutdown::Immediate).await;
    standby.promote().await;
    address.move_to(&standby.url()).await;
    address.speak_again();
    nodes.come_back_after(failure).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_is_reached_before_it_takes_over_is_waited_for() {
    let primary = Cluster::start(&[]).await;
    let standby = primary.replica().await;
    let mut address = Relay::to_url(&primary.url()).await;
    let nodes = Nodes::on(address.url()).await;
    let failure = Failure::begins("PostgreSQL failed over, its address moved before its standby took over");
    nodes.scene.a_target_goes_down();
    primary.stop(Shutdown::Immediate).await;
    address.move_to(&standby.url()).await;
    nodes.notice().await;
    nodes.scene.checks_cease().await;
    // It can be read, and takes no writes.
    let read = async || nodes.scene.user().ask(Method::GET, "/monitors", None).await.status() == StatusCode::OK;
    eventually("what is there can be read", async || read().await.then_some(())).await;
    standby.promote().await;
    nodes.come_back_after(failure).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_takes_over_without_the_last_seconds_is_gone_on_from() {
    let primary = Cluster::start(&[]).await;
    let standby = primary.asynchronous_replica().await;
    let mut address = Relay::to_url(&primary.url()).await;
    let mut nodes = Nodes::on(address.url()).await;
    nodes.may_lose_something();
    standby.fall_behind().await;
    let failure = Failure::begins("PostgreSQL failed over to a standby that lacked the last seconds");
    nodes.scene.a_target_goes_down();
    // What happens now is forgotten: checks, a flip, and that somebody was told of it.
    nodes.scene.sees_the_target_down().await;
    nodes.scene.watches_in_vain(OTHERS).await;
    primary.stop(Shutdown::Immediate).await;
    nodes.notice().await;
    standby.promote().await;
    address.move_to(&standby.url()).await;
    nodes.scene.checks_go_on().await;
    // The changes of cohorts are counted anew from where the record goes on: nodes must not take these for those.
    nodes.scene.watches_more(OTHERS).await;
    nodes.come_back_after(failure).await;
}

/// How many connections a server has for all but superusers.
const FOR_ALL: usize = 37;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_connection_to_spare_is_waited_for() {
    let cluster = Cluster::start(&["max_connections = 40", "superuser_reserved_connections = 3"]).await;
    let mut nodes = Nodes::on(&cluster.url()).await;
    let failure = Failure::begins("all connections of PostgreSQL taken by others");
    nodes.scene.a_target_goes_down();
    // Others take what the nodes lose, before they can have it back.
    cluster.execute("CREATE ROLE greedy LOGIN PASSWORD 'greedy'; ALTER ROLE watchkeeper CONNECTION LIMIT 0").await;
    cluster.end_connections().await;
    eventually("they have none left", async || {
        sessions(&cluster).await.is_some_and(|all| all.is_empty()).then_some(())
    })
    .await;
    let greedy = cluster.url().replace("watchkeeper:watchkeeper@", "greedy:greedy@");
    // A node that tries again holds one for a moment before it is refused.
    let mut taken = Vec::new();
    eventually("others have taken all of them", async || {
        while let Ok(connection) = PgConnection::connect(&greedy).await {
            taken.push(connection);
        }
        (taken.len() == FOR_ALL).then_some(())
    })
    .await;
    cluster.execute("ALTER ROLE watchkeeper CONNECTION LIMIT -1").await;
    assert!(PgConnection::connect(&cluster.url()).await.is_err(), "none is left");
    nodes.notice().await;
    // One that is started meanwhile waits as well.
    let mut late = nodes.setup.start(&["serve"]);
    nodes.scene.hears(&late);
    let url = late.url().await;
    nodes.scene.checks_cease().await;
    for connection in taken {
        connection.close().await.unwrap();
    }
    late.ready(&url).await;
    nodes.come_back_after(failure).await;
    assert_eq!(late.terminate().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_no_writes_is_waited_for() {
    let cluster = Cluster::start(&[]).await;
    let nodes = Nodes::on(&cluster.url()).await;
    let failure = Failure::begins("PostgreSQL made read-only");
    nodes.scene.a_target_goes_down();
    cluster.execute("ALTER SYSTEM SET default_transaction_read_only = on").await;
    cluster.execute("SELECT pg_reload_conf()").await;
    nodes.notice().await;
    nodes.scene.checks_cease().await;
    let monitors = nodes.scene.user().get("/monitors?limit=500").await;
    assert!(!monitors["items"].as_array().unwrap().is_empty(), "what is there can be read all the while");
    // The superuser's own session is read-only as well, but for what it says otherwise.
    let writable = "SET default_transaction_read_only = off";
    let mut superuser = PgConnection::connect(&cluster.url_of_superuser()).await.unwrap();
    for statement in [writable, "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()"] {
        sqlx::raw_sql(statement).execute(&mut superuser).await.unwrap();
    }
    nodes.come_back_after(failure).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_disk_is_full_is_waited_for() {
    let cluster = Cluster::on_a_small_disk(SMALL_DISK_MEGABYTES).await;
    let nodes = Nodes::on(&cluster.url()).await;
    let failure = Failure::begins("the disk of PostgreSQL full");
    nodes.scene.a_target_goes_down();
    let ballast = cluster.data().join("ballast");
    fill(&ballast);
    nodes.notice().await;
    nodes.scene.checks_cease().await;
    std::fs::remove_file(ballast).unwrap();
    // Where it could not write its own log the server has ended: whoever runs it starts it again.
    cluster.recover().await;
    nodes.come_back_after(failure).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_loses_its_way_to_the_database_leaves_its_work_to_the_other() {
    let cluster = Cluster::start(&[]).await;
    let mut way = Relay::to_url(&cluster.url()).await;
    cut_off_one_of_two(&cluster, "one node refused by PostgreSQL", &mut way, Manner::Refused).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_way_to_the_database_falls_silent_leaves_its_work_to_the_other() {
    let cluster = Cluster::start(&[]).await;
    let mut way = Relay::to_url(&cluster.url()).await;
    cut_off_one_of_two(&cluster, "the network between one node and PostgreSQL silent", &mut way, Manner::Silent).await;
}

enum Manner {
    Refused,
    Silent,
}

async fn cut_off_one_of_two(cluster: &Cluster, what: &'static str, way: &mut Relay, manner: Manner) {
    let data = tempfile::tempdir().unwrap();
    let serving = Node::serving(&Setup::on(data.path(), &cluster.url())).await;
    let cut_off = Node::working(&Setup::on(data.path(), way.url())).await;
    let mut scene = Scene::open(&[&serving, &cut_off]).await;
    scene.is_owed_a_notice(&[&serving, &cut_off]).await;
    // Who hears nothing may be in the midst of a transaction; the connections of who is refused are gone.
    let in_hand = scene
        .in_hand(match manner {
            Manner::Refused => Duration::ZERO,
            Manner::Silent => TRANSACTION_IS_KEPT,
        })
        .await;
    let mut failure = Failure::begins(what);
    match manner {
        Manner::Refused => way.cut().await,
        Manner::Silent => way.fall_silent(),
    }
    scene.is_carried_on_during(&mut failure).await;
    cut_off.program.logs(STORE_FAILS).await;
    scene.a_target_goes_down();
    scene.sees_the_target_down().await;
    scene.checks_go_on_for(2 * in_hand.slots).await;
    match manner {
        Manner::Refused => way.restore().await,
        Manner::Silent => way.speak_again(),
    }
    cut_off.program.logs("the store is back").await;
    scene.comes_back_after(failure.ends()).await;
    scene.misses_at_most(in_hand).await;
    cut_off.ends().await;
    serving.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_the_server_ends_is_made_anew() {
    let cluster = Cluster::start(&[]).await;
    let nodes = Nodes::on(&cluster.url()).await;
    let failure = Failure::begins("all sessions ended by PostgreSQL");
    nodes.scene.a_target_goes_down();
    let ended = sessions(&cluster).await.unwrap();
    cluster.end_connections().await;
    let others = async || (sessions(&cluster).await?.difference(&ended).count() >= 1).then_some(());
    eventually("somebody is connected again", others).await;
    nodes.come_back_after(failure).await;
}

/// The processes of the server that work for nodes; nothing where it does not answer.
async fn sessions(cluster: &Cluster) -> Option<BTreeSet<i32>> {
    let mut superuser = PgConnection::connect(&cluster.url_of_superuser()).await.ok()?;
    let processes = "SELECT pid FROM pg_stat_activity WHERE usename = 'watchkeeper'";
    Some(sqlx::query_scalar(processes).fetch_all(&mut superuser).await.ok()?.into_iter().collect())
}
