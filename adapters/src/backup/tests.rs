//! Backups of both stores.

mod file;
mod store;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Seek;
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
