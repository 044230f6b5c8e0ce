//! Plain SQL takes packs apart as this program does, whatever they hold.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Executor, FromRow};
use uuid::Uuid;
use watchkeeper_domain::check::{Check, Region};
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::rollup::HOUR;
use watchkeeper_domain::testkit::fixture::T0;
use watchkeeper_domain::time::{Timestamp, Window};
use watchkeeper_testdb::Database;

use super::tests::{pack, trouble};
use super::*;

const PACKS: u32 = 150;

/// A check as plain SQL shows it.
#[derive(Debug, PartialEq, FromRow)]
struct Shown {
    slot: i64,
    checked_at: i64,
    latency_us: i64,
    http_status: Option<i64>,
    origin: i64,
    verdict: i64,
    reason_kind: Option<i64>,
    reason_detail: Option<String>,
}

impl From<Check> for Shown {
    fn from(check: Check) -> Self {
        Self {
            slot: check.slot.as_micros(),
            checked_at: check.checked_at.as_micros(),
            latency_us: micros(check.latency),
            http_status: check.http_status.map(i64::from),
            origin: check.origin.code().into(),
            verdict: check.verdict.code().into(),
            reason_kind: check.reason.as_ref().map(|reason| reason.kind.code().into()),
            reason_detail: check.reason.map(|reason| reason.detail),
        }
    }
}

/// Packs of all kinds of trouble, the same ones each time, and what each holds.
fn packs() -> Vec<(PackRow, Vec<Shown>)> {
    let (mut runner, strategy) = (TestRunner::deterministic(), trouble());
    let packs = (0..PACKS).map(|number| {
        // Some begin before their first check.
        let began_at = T0.minus(HOUR * (number % 3));
        let pack = pack(strategy.new_tree(&mut runner).unwrap().current());
        let always = Window::new(T0, Timestamp::from_micros(i64::MAX)).unwrap();
        let held = pack.checks(MonitorId::new(Uuid::nil()), &Region::default(), always);
        (PackRow::of(began_at, &pack).unwrap(), held.into_iter().map(Shown::from).collect())
    });
    let packs: Vec<_> = packs.collect();
    let mixed = packs.iter().filter(|(row, _)| row.runs.contains("\"A")).count();
    assert!(mixed > PACKS as usize / 2, "{mixed} packs have mixed runs");
    packs
}

#[tokio::test]
async fn in_sqlite() {
    let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    sqlx::migrate!("../migrations/sqlite").run(&mut connection).await.unwrap();
    let monitor = "PRAGMA foreign_keys = OFF;
        INSERT INTO monitors (key, id, workspace_id, name, target_kind, url, http_method, follow_redirects, interval_secs,
                              timeout_secs, statuses, confirm_down, confirm_up, is_active, created_at, version)
        VALUES (1, zeroblob(16), zeroblob(16), 'in trouble', 1, 'http://example.org/', 1, 1, 60, 10, '200-399', 1, 0, 1, 0, 1);
        UPDATE history_progress SET raw_from = 9223372036854775807";
    connection.execute(sqlx::raw_sql(monitor)).await.unwrap();
    for (row, held) in packs() {
        sqlx::query("INSERT INTO packed_checks (monitor_key, region, began_at, runs, packed_latencies) VALUES (1, 'default', ?, ?, ?)")
            .bind(row.began_at)
            .bind(&row.runs)
            .bind(&row.packed_latencies)
            .execute(&mut connection)
            .await
            .unwrap();
        let shown: Vec<Shown> = sqlx::query_as(
            "SELECT slot, checked_at, latency_us, http_status, origin, verdict, reason_kind, reason_detail
               FROM check_history ORDER BY slot",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        assert_eq!(shown, held, "{}", row.runs);
        connection.execute("DELETE FROM packed_checks").await.unwrap();
    }
}

#[tokio::test]
async fn in_postgres() {
    let database = Database::fresh().await;
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    sqlx::migrate!("../migrations/postgres").run(&mut connection).await.unwrap();
    for (row, held) in packs() {
        let shown: Vec<Shown> = sqlx::query_as(
            "SELECT unix_us(slot) AS slot, unix_us(checked_at) AS checked_at, latency_us, http_status::bigint,
                    origin::bigint, verdict::bigint, reason_kind::bigint, reason_detail
             FROM unpacked($1, $2::json, $3)
             ORDER BY slot",
        )
        .bind(row.began_at)
        .bind(&row.runs)
        .bind(&row.packed_latencies)
        .fetch_all(&mut connection)
        .await
        .unwrap();
        assert_eq!(shown, held, "{}", row.runs);
    }
}
