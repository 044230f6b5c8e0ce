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

use tokio::time::timeout;
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

/// One node on a database, with identifiers of its own. It waits for a connection as long as for any state that must come.
pub(super) async fn node(url: &str, lane: u16) -> PostgresStore {
    let pool = PoolSettings { acquire_timeout: PATIENCE, ..PoolSettings::default() };
    PostgresStore::connect(url, pool, Arc::new(CountingIds::in_lane(lane))).await.unwrap()
}

/// A wish for what is due by now.
fn request(now: Timestamp, limit: u32, token: LeaseToken) -> ClaimRequest {
    ClaimRequest { region: Region::default(), now, horizon: now, limit, token }
}

/// Waits until a session of this program's waits for a lock, or until none does.
async fn wait_for_locks(looking: impl Copy + sqlx::PgExecutor<'_>, wanted: bool) {
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND application_name = 'watchkeeper' AND wait_event_type = 'Lock'";
    let it_is_so = async {
        while (sqlx::query_scalar::<_, i64>(waiting).fetch_one(looking).await.unwrap() > 0) != wanted {
            tokio::task::yield_now().await;
        }
    };
    assert!(timeout(PATIENCE, it_is_so).await.is_ok(), "whether somebody waits for a lock stays {}", !wanted);
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
