//! Bad weather: a server that refuses, is away, or was restarted.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection;
use watchkeeper_adapters::clock::TimeSource;
use watchkeeper_adapters::postgres::{ConnectError, PoolSettings, PostgresStore};
use watchkeeper_domain::check::Region;
use watchkeeper_domain::port::{CheckRepo, ClaimRequest, RepoError, Upkeep};
use watchkeeper_domain::testkit::CountingIds;
use watchkeeper_testdb::{Database, Relay};

use super::{Nodes, node};

/// Longer than a store may take to say that its database is away.
const SOON: Duration = Duration::from_secs(20);

async fn connect(url: &str) -> Result<PostgresStore, ConnectError> {
    let pool = PoolSettings { acquire_timeout: Duration::from_millis(500), ..PoolSettings::default() };
    PostgresStore::connect(url, pool, Arc::new(CountingIds::in_lane(1))).await
}

#[tokio::test]
async fn what_is_wrong_with_a_url_is_said_at_once() {
    let database = Database::fresh().await;
    let wrong_password = database.url().replace(":postgres@", ":wrong@");
    let wrong_database = format!("{}_not_there", database.url());
    for url in [wrong_password, wrong_database] {
        let refused = connect(&url).await.err();
        assert!(matches!(refused, Some(ConnectError::Refused(_))), "{refused:?}");
    }
    let nobody = connect("postgres://postgres:secret@127.0.0.1:1/x").await.err();
    assert!(matches!(nobody, Some(ConnectError::Unreachable(_))), "{nobody:?}");
    assert!(!format!("{nobody:?}").contains("secret"));
    assert!(matches!(connect("postgres://[").await.err(), Some(ConnectError::Url(_))));
}

#[tokio::test]
async fn a_database_that_is_away_is_unavailable_and_used_again_once_it_is_back() {
    let database = Database::fresh().await;
    let mut relay = Relay::to(&database).await;
    let store = connect(relay.url()).await.unwrap();
    store.migrate().await.unwrap();
    store.ping().await.unwrap();
    relay.cut().await;
    let answer = tokio::time::timeout(SOON, store.ping()).await.unwrap();
    assert!(matches!(answer, Err(RepoError::Unavailable(_))), "{answer:?}");
    relay.restore().await;
    let is_back = async { while store.ping().await.is_err() {} };
    tokio::time::timeout(SOON, is_back).await.unwrap();
}

#[tokio::test]
async fn connections_that_a_restart_ended_are_replaced() {
    let database = Database::fresh().await;
    let store = node(database.url(), 1).await;
    store.migrate().await.unwrap();
    database.end_connections().await;
    store.ping().await.unwrap();
}

#[tokio::test]
async fn a_transaction_that_is_left_open_does_not_stop_claiming_for_good() {
    let nodes = Nodes::start().await;
    let now = nodes.stage.monitor_every(60).await.slot(0);
    let lock = "SELECT monitor_id FROM schedule FOR UPDATE";
    let mut stuck = nodes.other.pool().begin().await.unwrap();
    sqlx::query(lock).execute(&mut *stuck).await.unwrap();
    let horizon = now;
    let request = ClaimRequest { region: Region::default(), now, horizon, limit: 10, token: nodes.stage.token() };
    assert_eq!(nodes.one.claim(&request).await.unwrap().claims, [], "the other holds it");
    // Another session waits for the lock, which it is given once the server has ended the one that does nothing.
    let mut waiting = sqlx::PgConnection::connect(nodes.database.url()).await.unwrap();
    tokio::time::timeout(SOON, sqlx::query(lock).execute(&mut waiting)).await.unwrap().unwrap();
    assert_eq!(nodes.one.claim(&request).await.unwrap().claims.len(), 1);
    assert!(stuck.commit().await.is_err(), "it was ended");
}

#[tokio::test]
async fn the_server_gives_up_a_statement_before_its_caller_gives_up_the_store() {
    let database = Database::fresh().await;
    let store = node(database.url(), 1).await;
    let setting = |name: &'static str| {
        let query = sqlx::query_scalar::<_, i32>("SELECT setting::int FROM pg_settings WHERE name = $1").bind(name);
        query.fetch_one(store.pool())
    };
    let statement = setting("statement_timeout").await.unwrap();
    let lock = setting("lock_timeout").await.unwrap();
    assert!(0 < lock && lock < statement && statement < 20_000, "{lock} {statement}");
}

#[tokio::test]
async fn what_is_committed_outlives_a_crash_whatever_the_server_is_set_to() {
    let nodes = Nodes::start().await;
    let set_to = async |setting: &str| {
        let name: String = sqlx::query_scalar("SELECT current_database()").fetch_one(nodes.one.pool()).await.unwrap();
        let alter = format!("ALTER DATABASE \"{name}\" SET synchronous_commit = {setting}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(alter)).execute(nodes.one.pool()).await.unwrap();
        let fresh = node(nodes.database.url(), 3).await;
        sqlx::query_scalar::<_, String>("SHOW synchronous_commit").fetch_one(fresh.pool()).await.unwrap()
    };
    assert_eq!(set_to("off").await, "local");
    assert_eq!(set_to("remote_apply").await, "remote_apply");
}

#[tokio::test]
async fn the_database_tells_its_time() {
    let database = Database::fresh().await;
    let store = node(database.url(), 1).await;
    let (first, second) = (store.database_time().await.unwrap(), store.database_time().await.unwrap());
    assert!(first < second);
}

#[tokio::test]
async fn a_server_that_takes_no_writes_answers_and_says_so_when_asked() {
    let database = Database::fresh().await;
    let store = node(database.url(), 1).await;
    store.migrate().await.unwrap();
    let mut owner = sqlx::PgConnection::connect(database.url()).await.unwrap();
    for (setting, fingerprint) in [("on", None), ("off", Some("first")), ("on", None)] {
        let name: String = sqlx::query_scalar("SELECT current_database()").fetch_one(&mut owner).await.unwrap();
        let set = format!("ALTER DATABASE {name} SET default_transaction_read_only = {setting}");
        let mut transaction = owner.begin().await.unwrap();
        sqlx::raw_sql("SET TRANSACTION READ WRITE").execute(&mut *transaction).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(set)).execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
        database.end_connections().await;
        owner = sqlx::PgConnection::connect(database.url()).await.unwrap();
        store.ping().await.unwrap();
        let answer = store.can_write().await;
        match fingerprint {
            None => assert!(answer.is_err(), "{answer:?}"),
            Some(fingerprint) => {
                answer.unwrap();
                assert_eq!(store.adopt_fingerprint(fingerprint).await.unwrap(), fingerprint);
            }
        }
    }
}
