//! Tests of what the tests stand on.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use sqlx::{Connection, PgConnection};
use watchkeeper_testdb::{Database, Relay};

async fn tables(database: &Database) -> i64 {
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    let count = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    sqlx::query_scalar(count).fetch_one(&mut connection).await.unwrap()
}

#[tokio::test]
async fn every_test_has_an_empty_database_of_its_own() {
    let (one, other) = tokio::join!(Database::fresh(), Database::fresh());
    let mut connection = PgConnection::connect(one.url()).await.unwrap();
    sqlx::query("CREATE TABLE things (id int)").execute(&mut connection).await.unwrap();
    assert_eq!((tables(&one).await, tables(&other).await), (1, 0));
}

#[tokio::test]
async fn connections_can_be_ended_as_by_a_restart() {
    let database = Database::fresh().await;
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    database.end_connections().await;
    assert!(connection.ping().await.is_err());
}

#[tokio::test]
async fn a_relay_can_be_cut_and_restored() {
    let database = Database::fresh().await;
    let mut relay = Relay::to(&database).await;
    let mut connection = PgConnection::connect(relay.url()).await.unwrap();
    relay.cut().await;
    assert!(connection.ping().await.is_err());
    assert!(PgConnection::connect(relay.url()).await.is_err());
    relay.restore().await;
    assert!(PgConnection::connect(relay.url()).await.is_ok());
}
