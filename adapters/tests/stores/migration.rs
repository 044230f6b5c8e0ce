//! Every released version of the schema, on the sample data of its time: the versions after it keep what was there, and the
//! store answers as before.
//!
//! A sample (`migrations/samples`) is what a small database of that version holds. In all of them it is half past two on
//! 5 January 2026 (UTC), and Ada has four monitors. *Shop* is checked every hour since the day before: it was down from
//! noon to one, two slots were missed in the evening, and it was slow at one in the night. *Docs* is checked every other hour
//! since midnight, and its slot of two o'clock is being checked. *Blog* was paused and *Gone* was deleted on the first day.
//! Of the two notices of the outage one was delivered at the second attempt, and one is still owed. The newest version is
//! among them, so that a migration after it finds its sample.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, PgPool, SqlitePool};
use tempfile::TempDir;
use uuid::Uuid;
use watchkeeper_domain::account::Email;
use watchkeeper_domain::check::{Claim, Origin, Region};
use watchkeeper_domain::id::{IncidentId, LeaseToken, MonitorId, NoticeId, WorkspaceId};
use watchkeeper_domain::incident::{Ending, TimelineEvent};
use watchkeeper_domain::port::{CheckQuery, ClaimRequest, IncidentQuery, Recorded, Store};
use watchkeeper_domain::retention::{Left, OwnRetention};
use watchkeeper_domain::rollup::DAY;
use watchkeeper_domain::session::{RefreshTokenHash, Rotation};
use watchkeeper_domain::status::Status;
use watchkeeper_domain::testkit::fixture::{self, seconds};
use watchkeeper_domain::time::{Timestamp, Window};
use watchkeeper_domain::uptime::GapOutcome;
use watchkeeper_domain::verdict::Verdict;
use watchkeeper_testdb::Database;

/// The schema of a store.
struct Schema {
    /// Where its files are, of the migrations and of the samples.
    directory: &'static str,
    migrations: Migrator,
    /// All of them, which nobody changes once they have landed: the number of each, and the SHA-256 of its file.
    released: &'static [(i64, &'static str)],
    /// The version from which on a row of packed checks may hold several days.
    shares_packs_from: i64,
}

fn sqlite() -> Schema {
    Schema {
        directory: "sqlite",
        migrations: sqlx::migrate!("../migrations/sqlite"),
        released: &[
            (1, "0799a751717b8f75e04cc56deb134ef09c511617a6748d650f25487d9cea5b83"),
            (2, "480364507020b101fdd6958ffcb2e3de6c30f177942b04840d0e1a091bd3f251"),
            (3, "d93e8a3be2ab9a0fb3551fa0480d2a3f7c9617bf76b260a8d99bf20b3b26f0bf"),
            (4, "9d2f86985bfa4fd50e4606e6191a7a7f48434839a75df7e6677f05575f0d2b75"),
            (5, "048091e63a3b4ef628f604fd87aaa666abc509675dc6472ae2b0f19db62ceadd"),
            (6, "0b193dc392cea55bd953491a8c6701dbc2a1186a8e062e3f66f39e08a11e7667"),
            (7, "fde8ce00607175e5c94f3c7c008e6aa80a9b4be5b09d754dda5cdc5fe7ea6dbb"),
        ],
        shares_packs_from: 6,
    }
}

fn postgres() -> Schema {
    Schema {
        directory: "postgres",
        migrations: sqlx::migrate!("../migrations/postgres"),
        released: &[
            (1, "66c53482f6364d3244ea7ee8bd06b8c180e4114f65796525da94f758a7c9aaa3"),
            (2, "bfa7721165d0c22800d7aa8d10658cb2908c2c2cc5f83c8644021d06165244ed"),
            (3, "be31a04c197bcdc95a0d9ae1d9d8738122291d742fea93aa72c6c6bfbeb460e5"),
            (4, "9ba81c5a214103f72d225b82df2541e2b0fc1983799fff011ecf12c9242baa84"),
            (5, "d9b4058c7667e71f481e2ca6b17ee610ea6d3247e440e4c0e6188fcbeb0bfaa9"),
            (6, "2fced6e45770dec8d8ae68b2c33c7754878c4419c6c5f1f35cf901379493d71f"),
            (7, "8806009ed7c08ac784ee335e0d8e5ef035255029a12239592118ff62dae4f6c1"),
            (8, "0d2924799682333f75230fc38be14f1119fce074aa23bb06453539dad9714e1e"),
            (9, "3663e2e1f870fe4bbb9408411a322318305a9cd21ed5ef27380e1652a9b90d86"),
        ],
        shares_packs_from: 8,
    }
}

/// How many rows each table has.
type Rows = BTreeMap<String, i64>;

impl Schema {
    fn files(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations")
    }

    /// What a database of a version holds: the newest sample up to it, and what later versions have beside that. A version that
    /// changed no table has nothing of its own.
    fn sample(&self, version: i64) -> String {
        let directory = self.files().join("samples").join(self.directory);
        let file = |version: i64, rest: &str| directory.join(format!("{version:04}{rest}.sql"));
        let whole = (1..=version).rev().find(|version| file(*version, "").is_file()).unwrap();
        let more = (whole + 1..=version).map(|version| file(version, "_more")).filter(|file| file.is_file());
        [file(whole, "")].into_iter().chain(more).map(|file| std::fs::read_to_string(file).unwrap()).collect()
    }

    /// The file of a migration.
    fn text(&self, version: i64) -> String {
        let directory = self.files().join(self.directory);
        let number = format!("{version:04}_");
        let mut files = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
        let is_it = |file: &PathBuf| file.file_name().unwrap().to_str().unwrap().starts_with(&number);
        std::fs::read_to_string(files.find(is_it).unwrap()).unwrap()
    }

    fn released_are_as_they_were(&self) {
        let all: Vec<i64> = self.migrations.iter().map(|migration| migration.version).collect();
        let held: Vec<i64> = self.released.iter().map(|(version, _)| *version).collect();
        assert_eq!(held, all, "a migration of {} is not held to what it was when it landed", self.directory);
        for &(version, expected) in self.released {
            let hash = hex::encode(digest(&SHA256, self.text(version).as_bytes()));
            assert_eq!(hash, expected, "migration {version} of {} was released: write another one", self.directory);
        }
    }

    /// Every row is still there, but for the tables of which a migration says that it drops them.
    fn kept(&self, version: i64, before: &Rows, after: &Rows) {
        let dropped: Vec<String> =
            self.migrations.iter().filter(|later| later.version > version).fold(Vec::new(), |mut dropped, later| {
                let text = self.text(later.version);
                let first = text.lines().next().unwrap_or_default().strip_prefix("-- contract: ").unwrap_or_default();
                let named = first.split(" (").next().unwrap_or_default().split(", ");
                dropped.extend(named.map(str::to_owned));
                dropped
            });
        for (table, count) in before {
            assert!(*count > 0, "the sample of version {version} has nothing in {table}");
            match after.get(table) {
                Some(left) => assert_eq!(left, count, "rows of {table} after version {version}"),
                None => assert!(dropped.contains(table), "{table} of version {version} is gone"),
            }
        }
    }
}

#[test]
fn a_released_migration_is_never_changed() {
    sqlite().released_are_as_they_were();
    postgres().released_are_as_they_were();
}

#[tokio::test]
async fn what_sqlite_held_at_any_released_version_is_there_and_read_as_before() {
    let schema = sqlite();
    for &(version, _) in schema.released {
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("watchkeeper.db");
        let pool = SqlitePool::connect(&format!("sqlite://{}?mode=rwc", file.display())).await.unwrap();
        schema.migrations.run_to(version, &pool).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(schema.sample(version))).execute(&pool).await.unwrap();
        let before = rows_of_sqlite(&pool).await;
        pool.close().await;
        let store = super::sqlite::open(directory.path()).await;
        let pool = SqlitePool::connect(&format!("sqlite://{}", file.display())).await.unwrap();
        schema.kept(version, &before, &rows_of_sqlite(&pool).await);
        pool.close().await;
        answers_as_before(Arc::new(store), &schema, version).await;
    }
}

#[tokio::test]
async fn what_postgres_held_at_any_released_version_is_there_and_read_as_before() {
    let schema = postgres();
    for &(version, _) in schema.released {
        let database = Database::fresh().await;
        let pool = PgPool::connect(database.url()).await.unwrap();
        schema.migrations.run_to(version, &pool).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(schema.sample(version))).execute(&pool).await.unwrap();
        let before = rows_of_postgres(&pool).await;
        let store = super::postgres::node(database.url(), 9).await;
        store.migrate().await.unwrap();
        schema.kept(version, &before, &rows_of_postgres(&pool).await);
        pool.close().await;
        answers_as_before(Arc::new(store), &schema, version).await;
    }
}

async fn rows_of_sqlite(pool: &SqlitePool) -> Rows {
    let names = "SELECT name FROM sqlite_schema
                  WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE '_sqlx%'";
    let mut rows = Rows::new();
    for name in sqlx::query_scalar::<_, String>(names).fetch_all(pool).await.unwrap() {
        let count = AssertSqlSafe(format!("SELECT count(*) FROM {name}"));
        rows.insert(name, sqlx::query_scalar(count).fetch_one(pool).await.unwrap());
    }
    rows
}

async fn rows_of_postgres(pool: &PgPool) -> Rows {
    let names = r"SELECT relname::text FROM pg_class
                  WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
                    AND relname NOT LIKE '\_sqlx%'";
    let mut rows = Rows::new();
    for name in sqlx::query_scalar::<_, String>(names).fetch_all(pool).await.unwrap() {
        let count = AssertSqlSafe(format!("SELECT count(*) FROM {name}"));
        rows.insert(name, sqlx::query_scalar(count).fetch_one(pool).await.unwrap());
    }
    rows
}

/// Midnight before the present of the samples.
const MIDNIGHT: Timestamp = Timestamp::from_secs(1_767_571_200);

/// An instant of the day of the samples, or of the day before where the hour is negative.
fn at(hour: i64, minute: i64) -> Timestamp {
    Timestamp::from_secs(MIDNIGHT.as_micros() / 1_000_000 + hour * 3_600 + minute * 60)
}

fn id(tail: u128) -> Uuid {
    Uuid::from_u128(0x019b_8600_0000_7000_8000_0000_0000_0000 + tail)
}

fn both_days() -> Window {
    Window::new(at(-24, 0), at(2, 30)).unwrap()
}

/// What the store says about what is in every sample. It begins with what the program does at its start and its janitor
/// does soon after.
async fn answers_as_before(store: Arc<dyn Store>, schema: &Schema, version: i64) {
    let now = at(2, 30);
    store.prepare(now).await.unwrap();
    while store.roll_up(now).await.unwrap().is_some() {}
    while store.fold(100).await.unwrap().has_more {}
    people(store.as_ref()).await;
    retention(store.as_ref(), version).await;
    monitors(store.as_ref()).await;
    history(store.as_ref()).await;
    shared_pack(store.as_ref(), version >= schema.shares_packs_from).await;
    incidents_and_notices(store.as_ref()).await;
    work_goes_on(store.as_ref()).await;
}

async fn people(store: &dyn Store) {
    assert_eq!(store.adopt_fingerprint("another").await.unwrap(), "fingerprint of the first secret");
    let ada = store.credentials(&Email::parse("ada@example.org").unwrap()).await.unwrap().unwrap();
    assert_eq!((ada.user.id.uuid(), ada.user.workspace.uuid()), (id(0xa1), id(0xb1)));
    assert!(ada.password.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    let new = RefreshTokenHash([9; 32]);
    let rotated = |shown: u8| store.rotate_session(RefreshTokenHash([shown; 32]), new, at(48, 0), at(2, 30));
    assert_eq!(rotated(3).await.unwrap(), Rotation::Unknown, "its family has ended");
    assert_eq!(rotated(2).await.unwrap(), Rotation::Rotated { user: ada.user.id });
    assert_eq!(rotated(1).await.unwrap(), Rotation::Reused);
    let channels = store.channels(ada.user.workspace).await.unwrap();
    assert_eq!(channels.iter().map(|channel| channel.name.as_str()).collect::<Vec<_>>(), ["Console"]);
}

/// From version 4 on a workspace may keep its history for less; the one of the samples keeps packed checks for 300 days.
async fn retention(store: &dyn Store, version: i64) {
    let keeping = store.keeping(WorkspaceId::new(id(0xb1))).await.unwrap().unwrap();
    let gone_before = at(-24, 0).minus(DAY * 300);
    let expected = match version {
        ..4 => (OwnRetention::default(), Left::ALL.packed_from),
        _ => (OwnRetention::new(None, Some(300), None).unwrap(), gone_before),
    };
    assert_eq!((keeping.own, keeping.left.packed_from), expected);
}

async fn monitors(store: &dyn Store) {
    let workspace = WorkspaceId::new(id(0xb1));
    let mut shown = Vec::new();
    for tail in 0xc1..=0xc4 {
        let view = store.monitor(workspace, MonitorId::new(id(tail))).await.unwrap();
        shown.push(view.map(|view| {
            let next = view.next_slot.map(|(slot, _)| slot);
            let settings = view.monitor.settings;
            (settings.name.as_str().to_owned(), settings.target.url().to_owned(), view.state.held, next)
        }));
    }
    let one = |name: &str, status, next| {
        Some((name.to_owned(), format!("https://{}.example.org/", name.to_lowercase()), status, next))
    };
    let expected = [
        one("Shop", Status::Up, Some(at(3, 0))),
        one("Blog", Status::Paused, None),
        None,
        one("Docs", Status::Up, Some(at(4, 0))),
    ];
    assert_eq!(shown, expected);
}

async fn history(store: &dyn Store) {
    let (shop, region) = (MonitorId::new(id(0xc1)), Region::default());
    let query = CheckQuery { monitor: shop, region: region.clone(), window: both_days(), verdict: None, limit: 500 };
    let log = store.checks(&query).await.unwrap().checks;
    assert_eq!(log.len(), 26);
    let notable: Vec<_> = log
        .iter()
        .filter(|check| check.verdict != Verdict::Up)
        .map(|check| (check.slot, check.origin, check.verdict, check.http_status))
        .collect();
    let confirmed = at(-12, 0).plus(seconds(10));
    let expected = [
        (at(1, 0), Origin::Scheduled, Verdict::Degraded, Some(200)),
        (confirmed, Origin::Confirmation, Verdict::Down, Some(503)),
        (at(-12, 0), Origin::Scheduled, Verdict::Down, Some(503)),
    ];
    assert_eq!(notable, expected);
    let slow = log.iter().find(|check| check.verdict == Verdict::Degraded).unwrap();
    assert_eq!(slow.evidence.as_ref().unwrap().body.as_deref(), Some("out of order"));
    assert!(log.iter().all(|check| check.latency == Duration::from_micros(123_450) || check.slot == slow.slot));

    let account = store.account(shop, &region, both_days(), at(2, 30)).await.unwrap();
    let counted = (account.due, account.up, account.degraded, account.down, account.missed, account.unaccounted);
    assert_eq!(counted, (27, 23, 1, 1, 2, 0));
    let gaps = store.gaps(shop, &region, both_days(), None, 10).await.unwrap();
    let gaps: Vec<_> = gaps.iter().map(|gap| (gap.run.first, gap.run.last, gap.run.count, gap.outcome)).collect();
    assert_eq!(gaps, [(at(-6, 0), at(-5, 0), 2, GapOutcome::Missed)]);
    let facts = store.time_facts(&[(shop, both_days())], &region, 100).await.unwrap();
    let spans: Vec<_> = facts[0].spans.iter().map(|span| (span.from, span.status)).collect();
    let expected = [
        (at(-24, 0), Status::Up),
        (at(-12, 0), Status::Down),
        (at(-11, 0), Status::Up),
        (at(1, 0), Status::Degraded),
        (at(2, 0), Status::Up),
    ];
    assert_eq!(spans, expected);

    // Of all that got an answer that was not wrong.
    let days = Window::new(at(-24, 0), at(24, 0)).unwrap();
    let buckets = store.latencies(shop, &region, days, DAY).await.unwrap();
    let counts: Vec<_> = buckets.iter().map(|bucket| (bucket.at, bucket.latencies.count())).collect();
    assert_eq!(counts, [(at(-24, 0), 21), (at(0, 0), 3)]);
}

/// Two days before those that are in every sample.
async fn shared_pack(store: &dyn Store, is_there: bool) {
    let (monitor, region) = (MonitorId::new(id(0xc1)), Region::default());
    let window = Window::new(at(-72, 0), at(-24, 0)).unwrap();
    let query = CheckQuery { monitor, region, window, verdict: None, limit: 500 };
    let slots: Vec<_> = store.checks(&query).await.unwrap().checks.into_iter().rev().map(|check| check.slot).collect();
    let expected = if is_there { (-72..-24).map(|hour| at(hour, 0)).collect() } else { Vec::new() };
    assert_eq!(slots, expected);
}

async fn incidents_and_notices(store: &dyn Store) {
    let (workspace, incident) = (WorkspaceId::new(id(0xb1)), IncidentId::new(id(0x91)));
    let all = IncidentQuery { workspace, monitor: None, before: None, limit: 10 };
    assert_eq!(store.incidents(&all).await.unwrap().len(), 1);
    let (outage, course) = store.incident(workspace, incident).await.unwrap().unwrap();
    assert_eq!((outage.started_at, outage.ended), (at(-12, 0), Some((at(-11, 0), Ending::Recovered))));
    assert_eq!(outage.cause.detail, "the answer was 503, expected 200-399");
    assert_eq!(outage.evidence.unwrap().hops, ["https://shop.example.org/"]);
    let attempts = course.iter().filter(|event| matches!(event, TimelineEvent::Delivery { .. })).count();
    assert_eq!(attempts, 2);

    let arrears = store.arrears().await.unwrap();
    assert_eq!((arrears.notices, arrears.folded_to), (1, Some(MIDNIGHT)));
    let owed = store.claim_notices(at(2, 30), 10, LeaseToken::new(id(0xe9))).await.unwrap();
    let owed: Vec<_> = owed.iter().map(|claim| (claim.notice.id, claim.notice.to, claim.attempt)).collect();
    assert_eq!(owed, [(NoticeId::new(id(0x82)), Status::Up, 1)]);
}

/// Who was checking when the schema changed may record what was found, and the next slot is given to somebody.
async fn work_goes_on(store: &dyn Store) {
    let docs = MonitorId::new(id(0xc4));
    let held = Claim {
        monitor: docs,
        region: Region::default(),
        slot: at(2, 0),
        origin: Origin::Scheduled,
        start_before: at(4, 0),
        token: LeaseToken::new(id(0xe1)),
        lease_until: at(2, 40),
        version: 1,
    };
    let recorded = store.record(at(2, 30), &[fixture::up(&held)]).await.unwrap();
    assert!(matches!(recorded[..], [Recorded::Recorded { .. }]), "{recorded:?}");
    assert_eq!(store.record(at(2, 30), &[fixture::up(&held)]).await.unwrap(), [Recorded::Stale]);

    let mut given = Vec::new();
    for (now, token) in [(at(3, 0), 0xea), (at(4, 0), 0xeb)] {
        let token = LeaseToken::new(id(token));
        let request = ClaimRequest { region: Region::default(), now, horizon: now, limit: 10, token };
        given.extend(store.claim(&request).await.unwrap().claims);
    }
    given.sort_by_key(|claim| (claim.slot, claim.monitor.uuid()));
    let slots: Vec<_> = given.iter().map(|claim| (claim.slot, claim.monitor.uuid())).collect();
    assert_eq!(slots, [(at(3, 0), id(0xc1)), (at(4, 0), id(0xc1)), (at(4, 0), id(0xc4))]);
    for claim in &given {
        store.record(claim.slot, &[fixture::up(claim)]).await.unwrap();
    }
    for monitor in [0xc1, 0xc4] {
        let window = Window::new(at(-24, 0), at(4, 1)).unwrap();
        let account = store.account(MonitorId::new(id(monitor)), &Region::default(), window, at(4, 1)).await.unwrap();
        assert_eq!((account.unaccounted, account.in_flight), (0, 0), "{account:?}");
    }
    assert!(store.purge(at(4, 1), 1_000).await.unwrap().history_rows > 0, "of the monitor that was deleted");
}
