//! Nodes that are replaced, and schemas that move on under those that run.

use std::mem::replace;

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use watchkeeper_testdb::Database;

use super::scene::Failure;
use super::{Node, Scene, Watched};
use crate::program::Setup;

/// Often enough that every replacement happens under load, and so seldom that a slot which a busy machine starts late is late
/// and not missed.
const INTERVAL_SECONDS: u32 = 3;

/// How often every node is replaced.
const ROUNDS: usize = 3;

/// So many, that a hundred checks and more fall due in every second.
const LOAD: Watched = Watched { address: "127.0.0.1", interval_seconds: INTERVAL_SECONDS, steady: 360 };

/// `scripts/rehearse-upgrade.sh` has the first two be of another program, of an earlier version, beside which those work that
/// replace them.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_are_replaced_one_after_the_other_miss_no_slot() {
    let (data, database) = (tempfile::tempdir().unwrap(), Database::fresh().await);
    let setup = Setup::on(data.path(), database.url());
    let earlier = setup.earlier();
    let (mut serving, mut working) = (Node::serving(&earlier).await, Node::working(&earlier).await);
    let mut scene = Scene::open_with(&[&serving, &working], LOAD).await;
    scene.is_owed_a_notice(&[&serving, &working]).await;
    let failure = Failure::begins("both nodes replaced, three times");
    scene.a_target_goes_down();
    for _ in 0..ROUNDS {
        let new = Node::working(&setup).await;
        scene.hears(&new.program);
        replace(&mut working, new).ends().await;
        scene.checks_go_on().await;
        let new = Node::serving(&setup).await;
        scene.moves_to(&new).await;
        replace(&mut serving, new).ends().await;
        scene.checks_go_on().await;
    }
    scene.comes_back_after(failure.ends()).await;
    assert_eq!(scene.slots_that_are("missed").await, 0);
    working.ends().await;
    serving.ends().await;
}

/// Changes the schema, and writes it down, as a node of a newer version does.
async fn newer_node_applies(database: &Database, version: i64, name: &str, change: &str) {
    let note = format!(
        "BEGIN; {change}; INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                          VALUES ({version}, '{name}', true, '', 0); COMMIT"
    );
    execute(database, note).await;
}

async fn execute(database: &Database, statements: String) {
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_live_with_a_schema_that_is_expanded_and_end_where_it_loses_what_they_use() {
    let (data, database) = (tempfile::tempdir().unwrap(), Database::fresh().await);
    let setup = Setup::on(data.path(), database.url());
    let (mut serving, mut working) = (Node::serving(&setup).await, Node::working(&setup).await);
    let watched = Watched { interval_seconds: INTERVAL_SECONDS, ..Watched::default() };
    let mut scene = Scene::open_with(&[&serving, &working], watched).await;
    scene.a_target_goes_down();
    let expansion = "ALTER TABLE monitors ADD COLUMN weather text; ALTER TABLE checks ADD COLUMN weather text;
                     CREATE TABLE storms (id uuid CONSTRAINT storms_pkey PRIMARY KEY)";
    newer_node_applies(&database, 9001, "expand weather", expansion).await;
    scene.checks_go_on().await;
    scene.sees_the_target_down().await;
    // A node of this version may also be started now, and do all the work.
    let (late_serving, late_working) = (Node::serving(&setup).await, Node::working(&setup).await);
    scene.moves_to(&late_serving).await;
    scene.hears(&late_working.program);
    for old in [replace(&mut serving, late_serving), replace(&mut working, late_working)] {
        old.ends().await;
    }
    scene.checks_go_on().await;
    // Later it loses what this version does not use any more, as one that knows migration 3.
    let contraction =
        "ALTER TABLE monitors DROP COLUMN weather; ALTER TABLE checks DROP COLUMN weather; DROP TABLE storms";
    newer_node_applies(&database, 9002, "contract since 3 weather", contraction).await;
    scene.checks_go_on().await;
    // Longer than it takes any node to notice.
    scene.checks_go_on().await;
    scene.checks_go_on().await;
    assert_eq!(scene.slots_that_are("missed").await, 0, "nothing is missed while nodes can live with the schema");

    scene.is_owed_a_notice(&[&serving, &working]).await;
    let failure = Failure::begins("the schema contracted under nodes of the version before");
    newer_node_applies(&database, 9003, "contract names", "ALTER TABLE monitors RENAME COLUMN name TO title").await;
    let reason = "the schema is too new for this program (migration 9003, \"contract names\")";
    for node in [&mut serving, &mut working] {
        assert_eq!(node.program.end().await.code(), Some(1));
        node.program.logs(reason).await;
    }
    for command in ["serve", "work"] {
        let ended = setup.run(&[command]).await;
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        assert!(ended.logged.lines().count() == 1 && ended.logged.contains(reason), "{ended:?}");
    }

    // Whoever goes back takes back what was contracted.
    let back = "ALTER TABLE monitors RENAME COLUMN title TO name; DELETE FROM _sqlx_migrations WHERE version = 9003";
    execute(&database, back.to_owned()).await;
    let serving = Node::serving(&setup).await;
    scene.moves_to(&serving).await;
    scene.comes_back_after(failure.ends()).await;
    serving.ends().await;
}
