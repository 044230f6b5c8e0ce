//! The store on PostgreSQL.

use std::sync::Arc;

use watchkeeper_adapters::postgres::{PoolSettings, PostgresStore};
use watchkeeper_domain::testkit::CountingIds;
use watchkeeper_domain::testkit::contract::Subject;
use watchkeeper_testdb::Database;

/// A store on an empty database of its own.
async fn fresh() -> Subject {
    let database = Database::fresh().await;
    let store = store_on(&database).await;
    Subject::keeping(Arc::new(store), database)
}

async fn store_on(database: &Database) -> PostgresStore {
    let ids = Arc::new(CountingIds::in_lane(9));
    let store = PostgresStore::connect(database.url(), PoolSettings::default(), ids).await.unwrap();
    store.migrate().await.unwrap();
    store
}

mod contract {
    watchkeeper_domain::store_contract!(
        #[tokio::test]
        crate::postgres::fresh()
    );
}
