//! PostgreSQL: the contract, and what several nodes on one server have to stand.

mod ageing;
mod cohort;
mod look_up;
mod race;
mod scan;
mod schema;
mod weather;

use std::sync::Arc;
use std::time::Duration;

use watchkeeper_adapters::postgres::{PoolSettings, PostgresStore};
use watchkeeper_domain::check::Region;
use watchkeeper_domain::id::LeaseToken;
use watchkeeper_domain::port::ClaimRequest;
use watchkeeper_domain::testkit::CountingIds;
use watchkeeper_domain::testkit::contract::{Stage, Subject};
use watchkeeper_domain::time::Timestamp;
use watchkeeper_testdb::Database;

/// How long a state that must come is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

mod contract {
    use super::fresh;

    watchkeeper_domain::store_contract!(
        #[tokio::test]
        fresh()
    );
}

/// A store on an empty database of its own.
async fn fresh() -> Subject {
    let database = Database::fresh().await;
    let store = node(database.url(), 9).await;
    store.migrate().await.unwrap();
    Subject::keeping(Arc::new(store), database)
}

/// One node on a database, with identifiers of its own.
pub(super) async fn node(url: &str, lane: u16) -> PostgresStore {
    PostgresStore::connect(url, PoolSettings::default(), Arc::new(CountingIds::in_lane(lane))).await.unwrap()
}

/// A wish for what is due by now.
fn request(now: Timestamp, limit: u32, token: LeaseToken) -> ClaimRequest {
    ClaimRequest { region: Region::default(), now, horizon: now, limit, token }
}

/// Two nodes on one database, which is ready for the time of the tests.
struct Nodes {
    one: Arc<PostgresStore>,
    other: Arc<PostgresStore>,
    stage: Stage,
    database: Arc<Database>,
}

impl Nodes {
    async fn start() -> Self {
        let database = Arc::new(Database::fresh().await);
        let (one, other) = (node(database.url(), 8).await, node(database.url(), 9).await);
        one.migrate().await.unwrap();
        let (one, other) = (Arc::new(one), Arc::new(other));
        let stage = Stage::open(&Subject::new(one.clone())).await;
        Self { one, other, stage, database }
    }
}
