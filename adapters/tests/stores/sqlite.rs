//! SQLite: the contract, and what one file on one machine has to stand.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;
use uuid::Uuid;
use watchkeeper_adapters::sqlite::{OpenError, SqliteStore};
use watchkeeper_domain::account::SignUpPolicy;
use watchkeeper_domain::check::{Claim, Region};
use watchkeeper_domain::id::{LeaseToken, MonitorId};
use watchkeeper_domain::monitor::Monitor;
use watchkeeper_domain::port::{
    CheckQuery, CheckRepo, ClaimRequest, Created, HistoryRepo, IdGenerator, MonitorRepo, Recorded, RepoError, Upkeep,
    UserRepo,
};
use watchkeeper_domain::testkit::CountingIds;
use watchkeeper_domain::testkit::contract::{Stage, Subject};
use watchkeeper_domain::testkit::fixture::{self, T0, seconds};
use watchkeeper_domain::time::{Timestamp, Window};
use watchkeeper_domain::uptime::GapOutcome;

mod ageing;

mod contract {
    use super::fresh;

    watchkeeper_domain::store_contract!(
        #[tokio::test]
        fresh()
    );
}

async fn fresh() -> Subject {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).await;
    Subject::keeping(Arc::new(store), directory)
}

pub(super) async fn open(directory: &Path) -> SqliteStore {
    SqliteStore::open(&directory.join("watchkeeper.db"), Arc::new(CountingIds::new())).await.unwrap()
}

async fn monitors(store: &SqliteStore, count: u32) -> Vec<Monitor> {
    let account = fixture::account("ada@example.org");
    store.sign_up(&account, SignUpPolicy::Open).await.unwrap();
    let ids = CountingIds::in_lane(7);
    let mut monitors = Vec::new();
    for _ in 0..count {
        let monitor = fixture::monitor(MonitorId::new(ids.uuid()), account.user.workspace, 60, T0);
        assert_eq!(store.create_monitor(&monitor, 10_000).await.unwrap(), Created::Created);
        monitors.push(monitor);
    }
    monitors
}

async fn claim(store: &SqliteStore, now: Timestamp, limit: u32, token: u128) -> Vec<Claim> {
    let request = ClaimRequest {
        region: Region::default(),
        now,
        horizon: now,
        limit,
        token: LeaseToken::new(Uuid::from_u128(token)),
    };
    store.claim(&request).await.unwrap().claims
}

fn everything(monitor: MonitorId) -> CheckQuery {
    let window = Window::new(T0, T0.plus(seconds(86_400))).unwrap();
    CheckQuery { monitor, region: Region::default(), window, verdict: None, limit: 500 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_who_claim_and_record_at_once_share_the_work_between_them() {
    let directory = TempDir::new().unwrap();
    let store = Arc::new(open(directory.path()).await);
    let monitors = monitors(&store, 120).await;
    let workers = (0..8_u128).map(|worker| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let mut done = Vec::new();
            for round in 0.. {
                let claims = claim(&store, T0, 10, worker * 1_000 + round).await;
                if claims.is_empty() {
                    return done;
                }
                let results: Vec<_> = claims.iter().map(fixture::up).collect();
                let recorded = store.record(T0.plus(seconds(1)), &results).await.unwrap();
                assert!(recorded.iter().all(|recorded| *recorded != Recorded::Stale));
                done.extend(claims.into_iter().map(|claim| claim.monitor));
            }
            done
        })
    });
    let mut checked = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        checked.extend(worker.await.unwrap());
    }
    assert_eq!(checked.len(), monitors.len());
    assert_eq!(checked.into_iter().collect::<HashSet<_>>().len(), monitors.len());
}

/// Gives the same identifier again and again, so that the second incident cannot be written.
struct Stuck;

impl IdGenerator for Stuck {
    fn uuid(&self) -> Uuid {
        Uuid::from_u128(42)
    }

    fn chance(&self) -> u32 {
        0
    }
}

#[tokio::test]
async fn connections_share_neither_page_caches_nor_a_count_of_allocations() {
    let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    let options: Vec<String> = sqlx::query_scalar("PRAGMA compile_options").fetch_all(&mut connection).await.unwrap();
    // What they would share: the pool of all page caches, and a count of every allocation.
    let has = |option: &str| options.iter().any(|one| one == option);
    assert!(!has("ENABLE_MEMORY_MANAGEMENT") && has("DEFAULT_MEMSTATUS=0"), "see .cargo/config.toml: {options:?}");
}

#[tokio::test]
async fn a_batch_that_fails_half_way_changes_nothing() {
    let directory = TempDir::new().unwrap();
    let store = SqliteStore::open(&directory.path().join("stuck.db"), Arc::new(Stuck)).await.unwrap();
    let monitors = monitors(&store, 2).await;
    let first = claim(&store, T0, 10, 1).await;
    let failures: Vec<_> = first.iter().map(fixture::down).collect();
    store.record(T0, &failures).await.unwrap();
    let confirmations = claim(&store, T0.plus(seconds(11)), 10, 2).await;
    assert_eq!(confirmations.len(), 2);
    let before = store.monitors(monitors[0].workspace, None, 10).await.unwrap();

    let confirmed: Vec<_> = confirmations.iter().map(fixture::down).collect();
    let error = store.record(T0.plus(seconds(12)), &confirmed).await.unwrap_err();
    assert!(matches!(error, RepoError::Conflict(_)), "{error:?}");

    assert_eq!(store.monitors(monitors[0].workspace, None, 10).await.unwrap(), before);
    for monitor in &monitors {
        assert_eq!(store.checks(&everything(monitor.id)).await.unwrap().checks.len(), 1, "the first failure alone");
    }
    let one = store.record(T0.plus(seconds(13)), &confirmed[..1]).await.unwrap();
    assert!(matches!(one[..], [Recorded::Recorded { flip: Some(_), .. }]), "its claim is still held: {one:?}");
}

#[tokio::test]
async fn a_second_holder_is_told_who_holds_the_file() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("watchkeeper.db");
    let store = open(directory.path()).await;
    let Err(error) = SqliteStore::open(&path, Arc::new(CountingIds::new())).await else { panic!("two hold it") };
    let OpenError::Held { holder, .. } = &error else { panic!("{error:?}") };
    assert_eq!(holder.process_id(), Some(std::process::id()));
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    store.close().await;
    drop(store);
    open(directory.path()).await;
}

#[tokio::test]
async fn a_file_that_somebody_else_writes_answers_and_says_that_it_takes_no_writes() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).await;
    let url = format!("sqlite://{}", directory.path().join("watchkeeper.db").display());
    let mut other = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    store.ping().await.unwrap();
    let refused = store.can_write().await;
    assert!(matches!(refused, Err(RepoError::Unavailable(_))), "{refused:?}");
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    store.can_write().await.unwrap();
}

#[tokio::test]
async fn what_was_recorded_and_claimed_survives_a_restart() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).await;
    let monitors = monitors(&store, 2).await;
    let claims = claim(&store, T0, 10, 1).await;
    store.record(T0, &[fixture::up(&claims[0])]).await.unwrap();
    drop(store);

    let store = open(directory.path()).await;
    store.void_leases(&Region::default(), T0.plus(seconds(1))).await.unwrap();
    let again = claim(&store, T0.plus(seconds(1)), 10, 2).await;
    assert_eq!(again.iter().map(|claim| (claim.monitor, claim.slot)).collect::<Vec<_>>(), [(claims[1].monitor, T0)]);
    let answers = store.record(T0.plus(seconds(2)), &[fixture::up(&claims[1]), fixture::up(&again[0])]).await.unwrap();
    assert!(matches!(answers[..], [Recorded::Stale, Recorded::Recorded { .. }]), "{answers:?}");
    for monitor in monitors {
        assert_eq!(store.checks(&everything(monitor.id)).await.unwrap().checks.len(), 1);
    }
}

#[tokio::test]
async fn a_slot_whose_instant_is_taken_is_not_given_and_counts_as_missed() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).await;
    let monitor = monitors(&store, 1).await.remove(0);
    store.close().await;
    drop(store);
    let path = directory.path().join("watchkeeper.db");
    let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    let in_the_way = "INSERT INTO claims (monitor_key, region, slot, origin, start_before, token, lease_until)
         SELECT monitor_key, region, next_due_at, 1, next_due_at + 3600000000, x'00', next_due_at + 3600000000
           FROM schedule";
    sqlx::query(in_the_way).execute(&pool).await.unwrap();
    pool.close().await;

    let store = open(directory.path()).await;
    assert_eq!(claim(&store, T0, 10, 1).await, []);
    let window = Window::new(T0, T0.plus(seconds(60))).unwrap();
    let gaps = store.gaps(monitor.id, &Region::default(), window, None, 10).await.unwrap();
    assert_eq!(gaps.iter().map(|gap| (gap.run.first, gap.outcome)).collect::<Vec<_>>(), [(T0, GapOutcome::Missed)]);
    assert_eq!(claim(&store, T0.plus(seconds(60)), 10, 2).await.len(), 1, "the next slot is given");
}

#[tokio::test]
async fn a_purge_leaves_nothing_of_a_monitor_behind() {
    let directory = TempDir::new().unwrap();
    let store = Arc::new(open(directory.path()).await);
    let stage = Stage::open(&Subject::new(store.clone())).await;
    let now = stage.live_and_delete_a_monitor().await;
    while store.purge(now, 50).await.unwrap().has_more {}
    drop(stage);
    store.close().await;
    let path = directory.path().join("watchkeeper.db");
    let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    for table in [
        "monitors",
        "monitor_states",
        "schedule",
        "claims",
        "leases",
        "schedule_epochs",
        "checks",
        "evidence",
        "slot_gaps",
        "status_spans",
        "incidents",
        "notices",
        "deliveries",
        "hour_rollups",
        "day_rollups",
        "packed_checks",
    ] {
        let count = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        assert_eq!(sqlx::query_scalar::<_, i64>(count).fetch_one(&pool).await.unwrap(), 0, "{table}");
    }
}

#[tokio::test]
async fn migrating_again_changes_nothing_and_what_is_there_stays() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).await;
    assert_eq!(store.adopt_fingerprint("one").await.unwrap(), "one");
    drop(store);
    let store = open(directory.path()).await;
    store.ping().await.unwrap();
    assert_eq!(store.adopt_fingerprint("two").await.unwrap(), "one");
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused_by_name() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("watchkeeper.db");
    open(directory.path()).await.close().await;
    let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'of the future', 1, x'00', 0)",
    )
    .execute(&pool)
    .await
    .unwrap();
    pool.close().await;
    let Err(error) = SqliteStore::open(&path, Arc::new(CountingIds::new())).await else { panic!("it was opened") };
    assert!(matches!(error, OpenError::Newer { migration: 9999, .. }), "{error:?}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("notes.txt");
    std::fs::write(&path, "Dear diary, this is no database. ".repeat(100)).unwrap();
    let Err(error) = SqliteStore::open(&path, Arc::new(CountingIds::new())).await else { panic!("it was opened") };
    assert!(matches!(error, OpenError::Sql { .. } | OpenError::Migration { .. }), "{error:?}");
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("Dear diary"));
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_for_its_owner_alone_and_its_directory_is_made() {
    use std::os::unix::fs::PermissionsExt;

    let directory = TempDir::new().unwrap();
    let data = directory.path().join("a").join("b");
    let _store = open(&data).await;
    for entry in std::fs::read_dir(&data).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", entry.path());
    }
    assert_eq!(std::fs::metadata(&data).unwrap().permissions().mode() & 0o077, 0);
}
