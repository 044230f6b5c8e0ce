//! What both stores carry, and that it comes back.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::sync::Arc;

use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;
use watchkeeper_domain::check::Claim;
use watchkeeper_domain::notice::{Delivery, DeliveryOutcome};
use watchkeeper_domain::port::Store;
use watchkeeper_domain::retention::Retention;
use watchkeeper_domain::testkit::CountingIds;
use watchkeeper_domain::testkit::contract::{Specimen, Stage, Subject};
use watchkeeper_domain::testkit::fixture::{T0, down, seconds};
use watchkeeper_domain::time::Timestamp;
use watchkeeper_testdb::Database;

use super::*;
use crate::postgres::{PoolSettings, PostgresStore};
use crate::sqlite::{self, SqliteStore};

/// A place for a store of either kind.
enum Place {
    Sqlite(TempDir),
    Postgres(Database),
}

impl Place {
    fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    async fn postgres() -> Self {
        Self::Postgres(Database::fresh().await)
    }

    async fn pairs() -> [(Self, Self); 4] {
        [
            (Self::sqlite(), Self::sqlite()),
            (Self::sqlite(), Self::postgres().await),
            (Self::postgres().await, Self::sqlite()),
            (Self::postgres().await, Self::postgres().await),
        ]
    }

    async fn open(&self) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(directory) => Arc::new(self::open(directory.path()).await),
            Self::Postgres(database) => {
                let store = connect(database).await;
                store.migrate().await.unwrap();
                Arc::new(store)
            }
        }
    }

    async fn back_up(&self) -> Result<File, BackupError> {
        let file = tempfile::tempfile().unwrap();
        let (out, progress) = (Box::new(file.try_clone().unwrap()), Arc::new(Progress::default()));
        let summary = match self {
            Self::Sqlite(directory) => sqlite::back_up(&path_in(directory.path()), T0, out, "0.0.1", progress).await?,
            Self::Postgres(database) => connect(database).await.back_up(out, "0.0.1", progress).await?,
        };
        assert_eq!(summary.bytes, file.metadata().unwrap().len());
        Ok(rewound(file))
    }

    async fn restore(&self, file: File) -> Result<Summary, RestoreError> {
        let (backup, progress) = (Checked::of(rewound(file)).await?, Arc::new(Progress::default()));
        match self {
            Self::Sqlite(directory) => {
                let path = path_in(directory.path());
                self::open(directory.path()).await.restore(&path, backup, progress).await
            }
            Self::Postgres(database) => {
                let store = connect(database).await;
                store.migrate().await.unwrap();
                store.restore(backup, progress).await
            }
        }
    }

    async fn execute(&self, statement: &'static str) {
        match self {
            Self::Sqlite(directory) => {
                let url = format!("sqlite://{}", path_in(directory.path()).display());
                let mut connection = SqliteConnection::connect(&url).await.unwrap();
                sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
            Self::Postgres(database) => {
                sqlx::raw_sql(statement).execute(connect(database).await.pool()).await.map(drop).unwrap();
            }
        }
    }
}

async fn open(directory: &Path) -> SqliteStore {
    SqliteStore::open(&path_in(directory), Arc::new(CountingIds::in_lane(1))).await.unwrap()
}

async fn connect(database: &Database) -> PostgresStore {
    PostgresStore::connect(database.url(), PoolSettings::default(), Arc::new(CountingIds::in_lane(2))).await.unwrap()
}

fn path_in(directory: &Path) -> std::path::PathBuf {
    directory.join("watchkeeper.db")
}

fn rewound(mut file: File) -> File {
    file.rewind().unwrap();
    file
}

/// The rows of a backup, table by table, without regard to their order.
fn rows(file: &File) -> Vec<(&'static str, BTreeSet<String>)> {
    let mut reader = format::Reader::begin(rewound(file.try_clone().unwrap())).unwrap();
    let mut tables = Vec::new();
    while let Some(piece) = reader.next().unwrap() {
        match piece {
            Piece::Table(table, _) => tables.push((table.name, BTreeSet::new())),
            Piece::Rows(rows) => {
                tables.last_mut().unwrap().1.extend(rows.iter().map(|row| format!("{row:?}")));
            }
        }
    }
    tables
}

/// Lets a store live until each table has something in it: days of history, some of it packed and retired, a part of a day
/// folded, an open incident that was told in vain, a notice that is owed, open work of every kind, and somebody who was
/// deleted. Answers a monitor, the slots that are held, and the instant of it all.
async fn live(store: Arc<dyn Store>) -> (Stage, Specimen, Vec<Claim>, Timestamp) {
    let stage = Stage::open(&Subject::new(Arc::clone(&store))).await;
    let (m, now) = stage.live_for_days().await;
    let deleted = stage.monitor_every(60).await.monitor;
    assert!(store.delete_monitor(deleted.workspace, deleted.id, now).await.unwrap());
    stage.fold_all(now).await;
    store.retire(now, &Retention::new(1, 400, 1_830).unwrap(), 30).await.unwrap();
    // The next day is folded for the first monitor only.
    let other = stage.monitor_with(|settings| settings.interval = m.monitor.settings.interval).await;
    let now = now.plus(seconds(2 * 86_400));
    while store.roll_up(now).await.unwrap().is_some() {}
    assert!(store.fold(1).await.unwrap().has_more, "a day is folded in part");

    // Down and told in vain; the notice waits to be tried again.
    let mut at = now;
    for _ in 0..3 {
        for claim in stage.claim(at).await {
            stage.settle_at(at, down(&claim)).await;
        }
        at = at.plus(seconds(20));
    }
    let told: Vec<Delivery> = stage
        .claim_notices(at)
        .await
        .iter()
        .map(|claim| Delivery {
            notice: claim.notice.id,
            attempt: claim.attempt,
            token: claim.token,
            at,
            took: seconds(1),
            outcome: DeliveryOutcome::Failed { error: "nobody answers".into(), retry_at: Some(at.plus(seconds(60))) },
        })
        .collect();
    assert!(!told.is_empty());
    store.record_deliveries(&told).await.unwrap();
    // Open work of a lease, of a monitor by itself, and by hand.
    let at = at.plus(seconds(1_800));
    stage.claim_manual(&other.monitor, at).await;
    let held = stage.claim(at).await;
    assert!(!held.is_empty());
    (stage, m, held, at)
}

#[tokio::test]
async fn every_row_of_every_table_comes_back_in_either_store() {
    for (from, to) in Place::pairs().await {
        let (_stage, ..) = live(from.open().await).await;
        let first = from.back_up().await.unwrap();
        let before = rows(&first);
        assert_eq!(
            before.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            TABLES.iter().map(|t| t.name).collect::<Vec<_>>()
        );
        for (table, rows) in &before {
            assert!(!rows.is_empty(), "the test has nothing in {table}");
        }
        let restored = to.restore(first).await.unwrap();
        assert_eq!(restored.rows(), before.iter().map(|(_, rows)| rows.len() as u64).sum::<u64>());
        assert_eq!(rows(&to.back_up().await.unwrap()), before);
    }
}

#[tokio::test]
async fn a_restored_store_says_the_same_and_accounts_for_what_was_open() {
    for (from, to) in Place::pairs().await {
        let (stage, m, held, now) = live(from.open().await).await;
        to.restore(from.back_up().await.unwrap()).await.unwrap();
        let restored = Stage::open(&Subject::new(to.open().await)).await;
        assert_eq!(restored.log(m.id()).await, stage.log(m.id()).await);
        assert_eq!(restored.gaps(m.id()).await, stage.gaps(m.id()).await);
        assert_eq!(restored.spans(m.id()).await, stage.spans(m.id()).await);
        assert_eq!(restored.view(&m.monitor).await, stage.view(&m.monitor).await);
        assert_eq!(restored.next_slot(&m.monitor).await, stage.next_slot(&m.monitor).await);

        // Whoever held open work holds it no more: it is had again while it may start, and missed after that.
        let slot = |claim: &Claim| (claim.monitor, claim.slot, claim.start_before, claim.version);
        let claims = restored.claim(now).await;
        assert_eq!(claims.iter().map(slot).collect::<Vec<_>>(), held.iter().map(slot).collect::<Vec<_>>());
        let later = now.plus(seconds(86_400));
        restored.store().void_leases(&claims[0].region, later).await.unwrap();
        restored.claim(later).await;
        let account = restored.account(m.id(), later).await;
        assert_eq!(account.unaccounted, 0, "{account:?}");
        assert!(account.missed > 0, "{account:?}");

        // What is owed is told; the attempt in vain is remembered.
        let notices = restored.claim_notices(later).await;
        assert!(notices.iter().any(|claim| claim.attempt == 2), "{notices:?}");
        // A day that was folded in part is folded wholly.
        assert!(!restored.fold_all(later).await.is_empty());
    }
}

#[tokio::test]
async fn every_column_of_either_store_is_carried_or_left_out_for_a_reason() {
    let postgres = Place::postgres().await;
    postgres.open().await;
    let Place::Postgres(database) = &postgres else { unreachable!() };
    let there: Vec<(String, String)> = sqlx::query_as(
        "SELECT c.relname::text, a.attname::text
         FROM pg_class AS c
         JOIN pg_attribute AS a ON a.attrelid = c.oid
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
           AND a.attnum > 0 AND NOT a.attisdropped",
    )
    .fetch_all(connect(database).await.pool())
    .await
    .unwrap();
    let carried = TABLES.iter().flat_map(|table| table.columns.iter().map(|column| (table.name, column.name)));
    assert_all_are_known(&there, carried);

    let sqlite = Place::sqlite();
    sqlite.open().await;
    let Place::Sqlite(directory) = &sqlite else { unreachable!() };
    let url = format!("sqlite://{}", path_in(directory.path()).display());
    let there: Vec<(String, String)> = sqlx::query_as(
        "SELECT t.name, c.name FROM pragma_table_list AS t, pragma_table_info(t.name) AS c
          WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite!_schema' ESCAPE '!'",
    )
    .fetch_all(&mut SqliteConnection::connect(&url).await.unwrap())
    .await
    .unwrap();
    assert_all_are_known(&there, sqlite::carried());
}

/// Both ways: what is there is carried or left out, and what is carried is there.
fn assert_all_are_known(there: &[(String, String)], carried: impl Iterator<Item = (&'static str, &'static str)>) {
    let there: BTreeSet<(&str, &str)> = there.iter().map(|(table, column)| (table.as_str(), column.as_str())).collect();
    assert!(there.len() > 100, "the catalogue was read");
    let carried: BTreeSet<(&str, &str)> = carried.collect();
    let is_left_out =
        |(table, column): &(&str, &str)| LEFT_OUT.iter().any(|(t, c, _)| t == table && (c == column || *c == "*"));
    let forgotten: Vec<_> = there.difference(&carried).filter(|column| !is_left_out(column)).collect();
    assert!(forgotten.is_empty(), "add them to TABLES or LEFT_OUT (backup/table.rs): {forgotten:?}");
    let missing: Vec<_> = carried.difference(&there).collect();
    assert!(missing.is_empty(), "they are carried, and not there: {missing:?}");
}

#[tokio::test]
async fn nothing_is_restored_over_what_is_there() {
    for to in [Place::sqlite(), Place::postgres().await] {
        let from = Place::sqlite();
        live(from.open().await).await;
        let backup = from.back_up().await.unwrap();
        let store = to.open().await;
        Stage::open(&Subject::new(Arc::clone(&store))).await.workspace().await;
        drop(store);
        let before = rows(&to.back_up().await.unwrap());
        let refused = to.restore(backup).await.unwrap_err();
        assert!(matches!(refused, RestoreError::NotEmpty("workspaces")), "{refused:?}");
        assert!(refused.to_string().contains("restore into a new one"), "{refused}");
        assert_eq!(rows(&to.back_up().await.unwrap()), before);
    }
}

#[tokio::test]
async fn a_restore_that_fails_halfway_leaves_the_store_empty() {
    for to in [Place::sqlite(), Place::postgres().await] {
        let from = Place::sqlite();
        live(from.open().await).await;
        // Monitors that belong to nobody: no store takes them.
        from.execute("PRAGMA foreign_keys = OFF; DELETE FROM workspaces").await;
        let backup = from.back_up().await.unwrap();
        let refused = to.restore(backup).await.unwrap_err();
        assert!(matches!(refused, RestoreError::Store(_)), "{refused:?}");
        to.open().await.ping().await.unwrap();
        let left: usize = rows(&to.back_up().await.unwrap())
            .iter()
            .filter(|(name, _)| *name != "history_progress")
            .map(|(_, rows)| rows.len())
            .sum();
        assert_eq!(left, 0);
        if let Place::Sqlite(directory) = &to {
            assert!(!directory.path().join("watchkeeper.db.restoring").exists(), "nothing is left aside");
        }
    }
}

#[tokio::test]
async fn a_schema_that_is_not_this_programs_is_not_backed_up() {
    for place in [Place::sqlite(), Place::postgres().await] {
        place.open().await;
        place.execute("DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)").await;
        let refused = place.back_up().await.unwrap_err();
        assert!(matches!(refused, BackupError::OtherSchema { found, known } if found < known), "{refused:?}");
        assert!(refused.to_string().contains("watchkeeper migrate"), "{refused}");
    }
    let absent = Place::sqlite().back_up().await.unwrap_err();
    assert!(matches!(absent, BackupError::Absent(_)), "{absent:?}");
}

#[tokio::test]
async fn the_schedule_goes_on_at_the_first_slot_that_nobody_had_claimed() {
    for (from, to) in Place::pairs().await {
        let store = from.open().await;
        let stage = Stage::open(&Subject::new(store)).await;
        let m = stage.monitor_every(60).await;
        stage.check_up(m.slot(0)).await;
        // It has a seat now, and its cohort is claimed to the next slots.
        stage.check_up(m.slot(1)).await;
        let held = stage.claim_one(m.slot(2)).await;
        to.restore(from.back_up().await.unwrap()).await.unwrap();
        let restored = Stage::open(&Subject::new(to.open().await)).await;
        assert_eq!(restored.next_slot(&m.monitor).await, Some(m.slot(3)));
        let again = restored.claim_one(m.slot(2).plus(seconds(1))).await;
        assert_eq!((again.slot, again.origin, again.start_before), (held.slot, held.origin, held.start_before));
        assert_ne!(again.token, held.token);
        restored.check_up(m.slot(3)).await;
        assert_eq!(restored.account(m.id(), m.slot(3).plus(seconds(1))).await.unaccounted, 0);
    }
}

#[tokio::test]
async fn what_is_retired_while_a_backup_is_made_is_in_it() {
    let place = Place::postgres().await;
    let store = place.open().await;
    let stage = Stage::open(&Subject::new(Arc::clone(&store))).await;
    let (m, now) = stage.live_for_days().await;
    stage.fold_all(now).await;
    let before = rows(&place.back_up().await.unwrap());
    let retention = Retention::new(1, 400, 1_830).unwrap();

    // Somebody keeps it from reading a table that comes before the log.
    let Place::Postgres(database) = &place else { unreachable!() };
    let mut obstacle = connect(database).await.pool().begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE slot_gaps").execute(&mut *obstacle).await.unwrap();
    let (file, progress) = (tempfile::tempfile().unwrap(), Arc::new(Progress::default()));
    let backing_up = tokio::spawn({
        let (store, out, progress) = (connect(database).await, file.try_clone().unwrap(), Arc::clone(&progress));
        async move { store.back_up(Box::new(out), "0.0.1", progress).await }
    });
    while progress.table() != "slot_gaps" {
        tokio::task::yield_now().await;
    }
    let refused = store.retire(now, &retention, 100).await;
    assert!(matches!(refused, Err(RepoError::Unavailable(_))), "{refused:?}");
    obstacle.rollback().await.unwrap();
    backing_up.await.unwrap().unwrap();
    assert_eq!(rows(&file), before);
    assert!(store.retire(now, &retention, 100).await.unwrap().raw_from.is_some());
    assert!(!stage.log(m.id()).await.is_empty());
}

/// A small backup.
async fn small() -> Vec<u8> {
    let place = Place::sqlite();
    let stage = Stage::open(&Subject::new(place.open().await)).await;
    stage.take_down(&stage.monitor_every(60).await).await;
    let mut bytes = Vec::new();
    place.back_up().await.unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

fn read(bytes: &[u8]) -> Result<Summary, ReadError> {
    verify(bytes, &Progress::default())
}

#[tokio::test]
async fn a_file_that_was_cut_off_or_goes_on_or_has_any_bit_turned_is_refused() {
    let whole = small().await;
    assert_eq!(read(&whole).unwrap().bytes, whole.len() as u64);
    for length in 0..whole.len() {
        let refused = read(&whole[..length]).unwrap_err();
        let is_told = matches!(refused, ReadError::CutShort) || length < 19 && matches!(refused, ReadError::Foreign);
        assert!(is_told, "cut to {length}: {refused:?}");
    }
    for at in 0..whole.len() {
        let mut turned = whole.clone();
        turned[at] ^= 1 << (at % 8);
        assert!(read(&turned).is_err(), "byte {at}");
    }
    let goes_on = [whole.as_slice(), b"\n"].concat();
    assert!(matches!(read(&goes_on), Err(ReadError::Damaged(_))));
}

#[tokio::test]
async fn a_file_that_is_foreign_or_newer_is_refused_with_what_to_do() {
    let foreign = read(b"PGDMP and so on, as another program writes it").unwrap_err();
    assert!(matches!(foreign, ReadError::Foreign), "{foreign:?}");
    let mut newer = small().await;
    newer[19..23].copy_from_slice(&2_u32.to_be_bytes());
    let refused = read(&newer).unwrap_err();
    assert!(matches!(refused, ReadError::NewerFormat { format: 2, known: 1 }), "{refused:?}");
    assert!(refused.to_string().contains("the version that made it"), "{refused}");
}

/// A file with one table, as a program that knows another list of columns would write it.
fn of_another_version(table: &'static Table, rows: &[Row]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    let header = Header {
        product: "9.9.9".into(),
        store: "sqlite".into(),
        schema: 1,
        taken_at: "2026-03-01T12:00:00.000000Z".into(),
    };
    let mut writer = format::Writer::begin(file.try_clone().unwrap(), header).unwrap();
    writer.table(table).unwrap();
    writer.rows(rows, table).unwrap();
    writer.finish().unwrap();
    file.flush().unwrap();
    rewound(file)
}

#[tokio::test]
async fn what_a_newer_version_carries_beside_is_refused_by_name() {
    static WEATHER: Table = Table {
        name: "workspaces",
        columns: &[Column { name: "id", kind: Kind::Id }, Column { name: "weather", kind: Kind::Text }],
    };
    static STORMS: Table = Table { name: "storms", columns: &[Column { name: "id", kind: Kind::Id }] };
    for (table, name) in [(&WEATHER, "workspaces.weather"), (&STORMS, "storms")] {
        let refused = Checked::of(of_another_version(table, &[])).await.unwrap_err();
        let ReadError::NewerContent { what, product } = &refused else { panic!("{refused:?}") };
        assert_eq!((what.as_str(), product.as_str()), (name, "9.9.9"));
    }
}

#[tokio::test]
async fn a_column_that_an_older_version_did_not_have_takes_its_default() {
    static OLDER: Table =
        Table { name: "history_progress", columns: &[Column { name: "hours_to", kind: Kind::Instant }] };
    for to in [Place::sqlite(), Place::postgres().await] {
        let backup = of_another_version(&OLDER, &[vec![Value::Number(3_600_000_000)]]);
        to.restore(backup).await.unwrap();
        let arrears = to.open().await.arrears().await.unwrap();
        assert_eq!((arrears.rolled_up_to, arrears.folded_to), (Some(Timestamp::from_micros(3_600_000_000)), None));
    }
}

#[tokio::test]
async fn whoever_cannot_write_says_so() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let place = Place::sqlite();
    live(place.open().await).await;
    let Place::Sqlite(directory) = &place else { unreachable!() };
    let progress = Arc::new(Progress::default());
    let refused = sqlite::back_up(&path_in(directory.path()), T0, Box::new(Full), "0.0.1", progress).await.unwrap_err();
    assert!(matches!(refused, BackupError::Write(_)), "{refused:?}");
}
