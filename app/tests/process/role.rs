//! The roles of the database, as the document for operators makes them.

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection};
use watchkeeper_testdb::Cluster;

use crate::client::User;
use crate::eventually;
use crate::metrics::Shown;
use crate::program::Setup;
use crate::target::Target;

const DOCUMENT: &str = include_str!("../../../docs/operations.md");

/// The statements that the document tells an administrator, and those that it tells the owner.
fn told() -> [String; 2] {
    let (_, section) = DOCUMENT.split_once("### Roles of the database\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let mut blocks = section.split("```sql\n").skip(1).map(|rest| rest.split_once("```").unwrap().0.to_owned());
    [blocks.next().unwrap().replace("'...'", "'node'"), blocks.next().unwrap()]
}

async fn enter(url: &str) -> PgConnection {
    url.parse::<PgConnectOptions>().unwrap().connect().await.unwrap()
}

async fn does(connection: &mut PgConnection, statements: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(connection).await.map(|_| ())
}

/// Every partition of the log, and its parents, that belong to anybody but the nodes.
async fn foreign_partitions(connection: &mut PgConnection) -> Vec<String> {
    let foreign = "SELECT relid::text
                     FROM unnest(ARRAY['checks', 'check_evidence', 'hour_rollups']) AS name, pg_partition_tree(name::regclass)
                     JOIN pg_class ON oid = relid
                    WHERE relowner <> 'watchkeeper_node'::regrole";
    sqlx::query_scalar(foreign).fetch_all(connection).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_run_as_a_role_that_cannot_change_the_schema() {
    let (data, cluster, target) = (tempfile::tempdir().unwrap(), Cluster::start(&[]).await, Target::start().await);
    let [by_administrator, by_owner] = told();
    cluster.execute(&by_administrator).await;
    let node_url = cluster.url().replace("watchkeeper:watchkeeper@", "watchkeeper_node:node@");
    let (owners, nodes) = (Setup::on(data.path(), &cluster.url()), Setup::on(data.path(), &node_url));
    let refused = nodes.run(&["work"]).await;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(refused.logged.lines().count() == 1 && refused.logged.contains("`watchkeeper migrate`"), "{refused:?}");

    assert_eq!(owners.run(&["migrate"]).await.status.code(), Some(0));
    let mut owner = enter(&cluster.url()).await;
    does(&mut owner, by_owner).await.unwrap();
    let (serving, url) = nodes.serve().await;
    let working = nodes.start(&["work"]);
    let user = User::sign_up(&url).await;
    let monitor = user.watch(target.url(), 1).await;
    user.sees(&monitor, "UP").await;
    target.answer(503);
    user.sees(&monitor, "DOWN").await;
    let is_tidied = async || {
        let shown = Shown::at(&url).await;
        assert_eq!(shown.sum("watchkeeper_store_errors_total", ""), 0.0);
        (shown.sum("watchkeeper_store_call_duration_seconds_count", r#"call="tidy""#) >= 1.0).then_some(())
    };
    eventually("the janitor has come by", is_tidied).await;
    user.finds_every_slot_accounted_for(&monitor).await;
    assert_eq!(working.terminate().await.code(), Some(0));
    assert_eq!(serving.terminate().await.code(), Some(0));

    // What the owner makes later is the nodes' as well, who may drop what is old.
    let newest = "SELECT max(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = 'checks'::regclass";
    let newest: String = sqlx::query_scalar(newest).fetch_one(&mut owner).await.unwrap();
    does(&mut owner, format!("DROP TABLE {newest}")).await.unwrap();
    assert_eq!(owners.run(&["migrate"]).await.status.code(), Some(0));
    assert_eq!(foreign_partitions(&mut owner).await, Vec::<String>::new());
    let mut node = enter(&node_url).await;
    does(&mut node, format!("DROP TABLE {newest}")).await.unwrap();
    does(&mut owner, "ALTER TABLE checks ADD COLUMN weather text".to_owned()).await.unwrap();
    for forbidden in
        ["ALTER TABLE monitors ADD COLUMN weather text", "DELETE FROM _sqlx_migrations", "DROP TABLE users"]
    {
        let refused = does(&mut node, forbidden.to_owned()).await.unwrap_err();
        let code = refused.as_database_error().and_then(|error| error.code()).unwrap();
        assert_eq!(code, "42501", "{forbidden}");
    }
}
