//! The schema: migrations and partitions, by several nodes at once.

use std::time::Duration;

use sqlx::{PgPool, Postgres, Transaction};
use watchkeeper_domain::port::{CheckRepo, Recorded, RepoError, Upkeep};
use watchkeeper_domain::testkit::fixture::{self, T0, seconds};
use watchkeeper_testdb::Database;

use super::{Nodes, node, wait_for_locks};

#[tokio::test]
async fn nodes_that_start_at_once_migrate_one_after_the_other() {
    let database = Database::fresh().await;
    let (one, other) = (node(database.url(), 1).await, node(database.url(), 2).await);
    assert!(matches!(one.ping().await, Err(RepoError::Unavailable(_))), "not before the first migration");
    let (first, second) = tokio::join!(one.migrate(), other.migrate());
    first.unwrap();
    second.unwrap();
    one.migrate().await.unwrap();
    one.ping().await.unwrap();
    let applied: i64 = sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations").fetch_one(one.pool()).await.unwrap();
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations/postgres")).unwrap();
    assert_eq!(usize::try_from(applied).unwrap(), files.count());
}

/// A database of before `day_rollups` got another key, and somebody who reads that table meanwhile.
async fn read_before_it_changes() -> (Database, PgPool, Transaction<'static, Postgres>) {
    let database = Database::fresh().await;
    let pool = PgPool::connect(database.url()).await.unwrap();
    sqlx::migrate!("../migrations/postgres").run_to(5, &pool).await.unwrap();
    let mut reading = pool.begin().await.unwrap();
    sqlx::query("SELECT FROM day_rollups").fetch_all(&mut *reading).await.unwrap();
    (database, pool, reading)
}

#[tokio::test]
async fn a_migration_lets_everybody_by_and_comes_again_until_what_it_changes_is_free() {
    let (database, pool, reading) = read_before_it_changes().await;
    let (store, starting) = (node(database.url(), 1).await, node(database.url(), 2).await);
    let migrating = tokio::spawn(async move { starting.migrate().await });
    for waits in [true, false, true] {
        wait_for_locks(&pool, waits).await;
    }
    assert!(!migrating.is_finished());
    reading.rollback().await.unwrap();
    migrating.await.unwrap().unwrap();
    store.ping().await.unwrap();
}

#[tokio::test]
async fn a_migration_that_is_held_up_for_too_long_is_given_up_with_nothing_changed() {
    let (database, pool, reading) = read_before_it_changes().await;
    let store = node(database.url(), 1).await;
    let given_up = store.migrate_within(Duration::ZERO).await;
    assert!(matches!(given_up, Err(RepoError::Unavailable(_))), "{given_up:?}");
    let newest: i64 = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(&pool).await.unwrap();
    assert_eq!(newest, 5);
    reading.rollback().await.unwrap();
    store.migrate().await.unwrap();
    store.ping().await.unwrap();
}

#[tokio::test]
async fn a_node_works_on_a_schema_that_a_newer_one_has_expanded() {
    let nodes = Nodes::start().await;
    newer_node_applies(
        &nodes,
        9001,
        "expand weather",
        "ALTER TABLE monitors ADD COLUMN weather text; CREATE TABLE storms (id uuid)",
    )
    .await;
    let older = node(nodes.database.url(), 3).await;
    older.migrate().await.unwrap();
    older.ping().await.unwrap();
    let specimen = nodes.stage.monitor_every(300).await;
    let claim = nodes.stage.claim_manual(&specimen.monitor, T0).await;
    let recorded = older.record(T0, &[fixture::down(&claim)]).await.unwrap();
    assert!(matches!(recorded[..], [Recorded::Recorded { .. }]), "{recorded:?}");
}

#[tokio::test]
async fn a_node_does_not_start_on_a_schema_that_a_newer_one_has_contracted() {
    let nodes = Nodes::start().await;
    newer_node_applies(&nodes, 9001, "contract spans", "DROP TABLE status_spans").await;
    let refused = node(nodes.database.url(), 3).await.migrate().await;
    let Err(RepoError::Conflict(reason)) = refused else { panic!("{refused:?}") };
    let expected = "the schema is too new for this program (migration 9001, \"contract spans\"): start the version that \
                    made it, or a newer one";
    assert_eq!(reason.to_string(), expected);
}

#[tokio::test]
async fn a_node_that_runs_learns_of_a_change_of_the_schema_that_it_cannot_live_with_and_of_no_other() {
    let nodes = Nodes::start().await;
    assert!(nodes.one.outgrown().await.unwrap().is_none());
    newer_node_applies(&nodes, 9000, "expand weather", "CREATE TABLE storms (id uuid)").await;
    newer_node_applies(&nodes, 9001, "contract since 3 storms", "DROP TABLE storms").await;
    assert!(nodes.one.outgrown().await.unwrap().is_none(), "it knows migration 3");
    newer_node_applies(&nodes, 9002, "contract since 9000 weather", "SELECT 1").await;
    assert_eq!(nodes.one.outgrown().await.unwrap().unwrap().version, 9002);
    sqlx::query("DELETE FROM _sqlx_migrations WHERE version = 9002").execute(nodes.one.pool()).await.unwrap();
    assert!(nodes.one.outgrown().await.unwrap().is_none());
    newer_node_applies(&nodes, 9003, "contract spans", "DROP TABLE status_spans").await;
    let outgrown = nodes.one.outgrown().await.unwrap().unwrap();
    assert_eq!((outgrown.version, outgrown.name.as_str()), (9003, "contract spans"));
}

/// Changes the schema, and writes it down, as a node of a newer version does.
async fn newer_node_applies(nodes: &Nodes, version: i64, name: &str, change: &'static str) {
    let mut transaction = nodes.other.pool().begin().await.unwrap();
    sqlx::raw_sql(change).execute(&mut *transaction).await.unwrap();
    let note = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                VALUES ($1, $2, true, '', 0)";
    sqlx::query(note).bind(version).bind(name).execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn nodes_make_partitions_at_once_and_none_twice() {
    let nodes = Nodes::start().await;
    let later = T0.plus(seconds(365 * 24 * 3600));
    let (one, other) = tokio::join!(nodes.one.prepare(later), nodes.other.prepare(later));
    one.unwrap();
    other.unwrap();
    let count = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'checks'::regclass";
    let partitions: i64 = sqlx::query_scalar(count).fetch_one(nodes.one.pool()).await.unwrap();
    assert_eq!(partitions, 18, "nine days around each of the two instants");
}

#[tokio::test]
async fn a_result_for_whose_time_there_is_no_partition_makes_room_for_itself() {
    let nodes = Nodes::start().await;
    let far = T0.plus(seconds(100 * 24 * 3600));
    let specimen = nodes.stage.monitor_every(300).await;
    let near = nodes.stage.claim_manual(&specimen.monitor, T0).await;
    let claim = nodes.stage.claim_manual(&specimen.monitor, far).await;
    let recorded = nodes.one.record(far, &[fixture::down(&near), fixture::down(&claim)]).await.unwrap();
    assert!(recorded.iter().all(|answer| matches!(answer, Recorded::Recorded { .. })), "{recorded:?}");
    let written =
        sqlx::query_scalar::<_, i64>("SELECT count(*) FROM checks").fetch_one(nodes.one.pool()).await.unwrap();
    assert_eq!(written, 2);
}

#[tokio::test]
async fn a_batch_of_times_too_far_apart_changes_nothing_and_is_recorded_in_smaller_ones() {
    let nodes = Nodes::start().await;
    let specimen = nodes.stage.monitor_every(300).await;
    let mut batch = Vec::new();
    let mut latest = T0;
    for _ in 0..12 {
        latest = latest.plus(seconds(100 * 24 * 3600));
        batch.push(fixture::down(&nodes.stage.claim_manual(&specimen.monitor, latest).await));
    }
    let refused = nodes.one.record(latest, &batch).await;
    assert!(matches!(refused, Err(RepoError::Conflict(_))), "{refused:?}");
    assert_eq!(nodes.stage.log(specimen.id()).await, []);
    for half in batch.chunks(6) {
        let recorded = nodes.one.record(latest, half).await.unwrap();
        assert!(recorded.iter().all(|answer| matches!(answer, Recorded::Recorded { .. })), "{recorded:?}");
    }
}

#[tokio::test]
async fn instants_read_well_in_plain_sql() {
    let nodes = Nodes::start().await;
    nodes.stage.workspace().await;
    let created = "SELECT to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') FROM users";
    let created: String = sqlx::query_scalar(created).fetch_one(nodes.one.pool()).await.unwrap();
    assert_eq!(created, "2026-03-01 12:00:00");
}
