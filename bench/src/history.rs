//! Years of history: how much room they take, and how quickly the store answers from them.
//!
//! One day is watched through the store's own ports, rolled up, folded and packed as the program does it. It is then
//! copied, day by day, into the past: what is asked lies where it would lie after all those days.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use serde::Serialize;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;
use tokio::time::Instant;
use watchkeeper_adapters::postgres::{PoolSettings, PostgresStore};
use watchkeeper_adapters::sqlite::SqliteStore;
use watchkeeper_domain::account::SignUpPolicy;
use watchkeeper_domain::check::{Check, Claim, Outcome, Region, Settled};
use watchkeeper_domain::id::{LeaseToken, MonitorId, WorkspaceId};
use watchkeeper_domain::port::{ClaimRequest, Clock, IdGenerator, Store};
use watchkeeper_domain::retention::Retention;
use watchkeeper_domain::rollup::{DAY, day_of};
use watchkeeper_domain::testkit::fixture;
use watchkeeper_domain::testkit::{CountingIds, SteppingClock};
use watchkeeper_domain::time::Timestamp;
use watchkeeper_domain::usecase::{History, WindowRequest};
use watchkeeper_domain::verdict::Verdict;

use crate::bed::Kind;
use crate::postgres::Postgres;
use crate::statistics::percentile;

/// How much history.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Extent {
    pub(crate) monitors: u32,
    pub(crate) interval_seconds: u32,
    pub(crate) days: u32,
    /// How often each question is asked, each time of other monitors.
    pub(crate) questions: u32,
}

impl Extent {
    pub(crate) const FULL: Self = Self { monitors: 2_000, interval_seconds: 300, days: 365, questions: 500 };
    pub(crate) const BRIEF: Self = Self { monitors: 2_000, interval_seconds: 1_800, days: 365, questions: 200 };

    /// How many checks that is.
    pub(crate) fn checks(self) -> u64 {
        u64::from(self.monitors) * u64::from(self.days) * u64::from(86_400 / self.interval_seconds)
    }
}

/// The time of the day that is watched; any would do.
const NOON: Timestamp = fixture::T0;
/// The most that is claimed and recorded at once.
const BATCH: u32 = 500;

/// What was found on one store.
#[derive(Debug, Serialize)]
pub(crate) struct Aged {
    pub(crate) store: Kind,
    pub(crate) extent: Extent,
    /// Bytes on disk, indexes included, for each check: whole, packed, and its share of the sums of its day.
    pub(crate) whole_bytes: f64,
    pub(crate) packed_bytes: f64,
    pub(crate) sums_bytes: f64,
    /// Microseconds for each check: rolling its hour up, and folding its day.
    pub(crate) roll_up_us: f64,
    pub(crate) fold_us: f64,
    /// Questions with the middle and the 99th percentile of the times of their answers, in milliseconds.
    pub(crate) questions: Vec<(&'static str, f64, f64)>,
}

/// A store with its database, and a connection for what is no port.
struct Aging {
    store: Arc<dyn Store>,
    database: Database,
    _postgres: Option<Postgres>,
    _directory: TempDir,
}

enum Database {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Database {
    async fn run(&mut self, sqlite: &str, postgres: &str) -> anyhow::Result<()> {
        match self {
            Self::Sqlite(connection) => {
                sqlx::raw_sql(AssertSqlSafe(sqlite.to_owned())).execute(connection).await?;
            }
            Self::Postgres(connection) => {
                sqlx::raw_sql(AssertSqlSafe(postgres.to_owned())).execute(connection).await?;
            }
        }
        Ok(())
    }

    /// How many bytes a table and its indexes take, partitions included.
    async fn size(&mut self, table: &str) -> anyhow::Result<f64> {
        let bytes: i64 = match self {
            Self::Sqlite(connection) => {
                let pages = "SELECT coalesce(sum(pgsize), 0) FROM dbstat
                             WHERE name IN (SELECT name FROM sqlite_schema WHERE tbl_name = ?)";
                sqlx::query_scalar(pages).bind(table).fetch_one(connection).await?
            }
            Self::Postgres(connection) => {
                let partitions = "SELECT coalesce(sum(pg_total_relation_size(relid)), 0)::bigint
                                  FROM pg_partition_tree($1::regclass)";
                let whole = "SELECT pg_total_relation_size($1::regclass)";
                let parts: i64 = sqlx::query_scalar(partitions).bind(table).fetch_one(&mut *connection).await?;
                let whole: i64 = sqlx::query_scalar(whole).bind(table).fetch_one(connection).await?;
                parts.max(whole)
            }
        };
        Ok(bytes as f64)
    }
}

async fn make(kind: Kind) -> anyhow::Result<Aging> {
    let (directory, ids) = (tempfile::tempdir()?, Arc::new(CountingIds::new()));
    match kind {
        Kind::Sqlite => {
            let file = directory.path().join("history.db");
            let store = Arc::new(SqliteStore::open(&file, ids).await?);
            let connection = sqlx::sqlite::SqliteConnectOptions::new().filename(&file).connect().await?;
            Ok(Aging { store, database: Database::Sqlite(connection), _postgres: None, _directory: directory })
        }
        Kind::Postgres => {
            let postgres = Postgres::start().await?;
            let store = PostgresStore::connect(&postgres.url(), PoolSettings::default(), ids).await?;
            store.migrate().await?;
            let connection = PgConnection::connect(&postgres.url()).await?;
            let (store, database) = (Arc::new(store), Database::Postgres(connection));
            Ok(Aging { store, database, _postgres: Some(postgres), _directory: directory })
        }
    }
}

/// Makes a history, and asks about it.
pub(crate) async fn measure(kind: Kind, extent: Extent) -> anyhow::Result<Aged> {
    let mut aging = make(kind).await?;
    let (workspace, monitors, now) = watch_a_day(&aging, extent).await?;
    let of_day = extent.checks() as f64 / f64::from(extent.days);

    let began = Instant::now();
    while aging.store.roll_up(now).await?.is_some() {}
    let roll_up_us = began.elapsed().as_secs_f64() * 1e6 / of_day;
    let began = Instant::now();
    while aging.store.fold(BATCH).await?.has_more {}
    let fold_us = began.elapsed().as_secs_f64() * 1e6 / of_day;
    let whole_bytes = aging.database.size("checks").await? / of_day;

    let lately = Retention::new(1, 400, 400)?;
    while aging.store.retire(now, &lately, BATCH).await?.has_more {}
    copy_into_the_past(&mut aging.database, extent.days).await?;
    let in_days = of_day * f64::from(extent.days);
    let packed_bytes = aging.database.size("packed_checks").await? / in_days;
    let sums_bytes = aging.database.size("day_rollups").await? / in_days;
    let questions = ask(&aging, workspace, &monitors, now, extent).await?;
    Ok(Aged { store: kind, extent, whole_bytes, packed_bytes, sums_bytes, roll_up_us, fold_us, questions })
}

/// Makes monitors that are as old as the history, and lets them be watched for the day before its last one, and that last
/// one. Answers them and the instant at which the day has settled.
async fn watch_a_day(aging: &Aging, extent: Extent) -> anyhow::Result<(WorkspaceId, Vec<MonitorId>, Timestamp)> {
    let store = &aging.store;
    let account = fixture::account("bench@example.org");
    store.sign_up(&account, SignUpPolicy::Open).await?;
    let workspace = account.user.workspace;
    let midnight = day_of(NOON);
    let born = midnight.minus(DAY * (extent.days - 1));
    let ids = CountingIds::in_lane(5);
    let mut monitors = Vec::new();
    for _ in 0..extent.monitors {
        let monitor = fixture::monitor(MonitorId::new(ids.uuid()), workspace, extent.interval_seconds, born);
        store.create_monitor(&monitor, u32::MAX).await?;
        monitors.push(monitor.id);
    }
    let end = midnight.plus(DAY + Duration::from_secs(1_800));
    store.prepare(midnight).await?;
    let (mut chance, mut now) = (0x9e37_79b9_7f4a_7c15_u64, midnight);
    while now < end {
        loop {
            let token = LeaseToken::new(ids.uuid());
            let region = Region::default();
            let claims = store.claim(&ClaimRequest { region, now, horizon: now, limit: BATCH, token }).await?;
            let batch: Vec<Settled> = claims.into_iter().map(|claim| observed(claim, &mut chance)).collect();
            let is_last = batch.len() < BATCH as usize;
            store.record(now, &batch).await?;
            if is_last {
                break;
            }
        }
        now = now.plus(Duration::from_secs(u64::from(extent.interval_seconds.min(300))));
    }
    Ok((workspace, monitors, now))
}

/// A check that takes from 20 ms to 150 ms; one in two hundred fails.
fn observed(claim: Claim, chance: &mut u64) -> Settled {
    *chance ^= *chance << 13;
    *chance ^= *chance >> 7;
    *chance ^= *chance << 17;
    let verdict = if chance.is_multiple_of(200) { Verdict::Down } else { Verdict::Up };
    let latency = Duration::from_micros(20_000 + *chance / 200 % 130_000);
    let check = Check { latency, ..fixture::check(&claim, verdict) };
    Settled { claim, outcome: Outcome::Checked(Box::new(check)) }
}

/// Copies the folded day into all days before it, an outage a week included, and forgets that nobody watched then.
async fn copy_into_the_past(database: &mut Database, days: u32) -> anyhow::Result<()> {
    let sqlite = format!(
        "DELETE FROM slot_gaps;
         -- The first check is of the last slot of the day before.
         DELETE FROM packed_checks WHERE began_at < (SELECT max(began_at) FROM packed_checks);
         DELETE FROM day_rollups WHERE began_at < (SELECT max(began_at) FROM day_rollups);
         WITH RECURSIVE before (n) AS (SELECT {days} - 1 UNION ALL SELECT n - 1 FROM before WHERE n > 1)
         INSERT INTO packed_checks (monitor_key, region, began_at, runs, packed_latencies)
         SELECT monitor_key, region, began_at - n * 86400000000, runs, packed_latencies FROM before, packed_checks;
         WITH RECURSIVE before (n) AS (SELECT {days} - 1 UNION ALL SELECT n - 1 FROM before WHERE n > 1)
         INSERT INTO day_rollups (monitor_key, region, began_at, up, degraded, down, latencies, hours)
         SELECT monitor_key, region, began_at - n * 86400000000, up, degraded, down, latencies, hours
           FROM before, day_rollups;
         WITH RECURSIVE before (n) AS (SELECT {days} / 7 UNION ALL SELECT n - 1 FROM before WHERE n > 1)
         INSERT OR IGNORE INTO status_spans (monitor_key, began_at, ended_at, status)
         SELECT key, d.began_at - n * 7 * 86400000000 + part * 600000000,
                d.began_at - n * 7 * 86400000000 + iif(part = 0, 600000000, 7 * 86400000000), iif(part = 0, 3, 1)
           FROM monitors JOIN (SELECT min(began_at) AS began_at FROM hour_rollups) AS d, before,
                (SELECT 0 AS part UNION ALL SELECT 1);
         ANALYZE"
    );
    let postgres = format!(
        "DELETE FROM slot_gaps;
         -- The first check is of the last slot of the day before.
         DELETE FROM packed_checks WHERE began_at < (SELECT max(began_at) FROM packed_checks);
         DELETE FROM day_rollups WHERE began_at < (SELECT max(began_at) FROM day_rollups);
         INSERT INTO packed_checks (monitor_id, region, began_at, runs, packed_latencies)
         SELECT monitor_id, region, began_at - n * interval '1 day', runs, packed_latencies
         FROM generate_series({days} - 1, 1, -1) AS n, packed_checks
         ORDER BY n DESC, monitor_id;
         INSERT INTO day_rollups (monitor_id, region, began_at, up, degraded, down, latencies, hours)
         SELECT monitor_id, region, began_at - n * interval '1 day', up, degraded, down, latencies, hours
         FROM generate_series({days} - 1, 1, -1) AS n, day_rollups
         ORDER BY n DESC, monitor_id;
         INSERT INTO status_spans (monitor_id, began_at, ended_at, status)
         SELECT id, d.began_at - n * interval '7 days' + part * interval '10 minutes',
                d.began_at - n * interval '7 days' + CASE part WHEN 0 THEN interval '10 minutes' ELSE '7 days' END,
                CASE part WHEN 0 THEN 3 ELSE 1 END
         FROM monitors, (SELECT min(began_at) AS began_at FROM hour_rollups) AS d, generate_series(1, {days} / 7) AS n,
              generate_series(0, 1) AS part
         ON CONFLICT DO NOTHING;
         VACUUM ANALYZE"
    );
    // Each on its own: what vacuums may not share a transaction.
    for (sqlite, postgres) in sqlite.split(";\n").zip(postgres.split(";\n")) {
        database.run(sqlite, postgres).await?;
    }
    Ok(())
}

/// Asks everything that a dashboard asks, each time about other monitors.
async fn ask(
    aging: &Aging,
    workspace: WorkspaceId,
    monitors: &[MonitorId],
    now: Timestamp,
    extent: Extent,
) -> anyhow::Result<Vec<(&'static str, f64, f64)>> {
    let history = History {
        monitors: aging.store.clone(),
        repo: aging.store.clone(),
        incidents: aging.store.clone(),
        clock: Arc::new(SteppingClock::at(now)) as Arc<dyn Clock>,
        retention: Retention::new(1, 400, 400)?,
        region: Region::default(),
    };
    let last = |days: u32| WindowRequest { from: Some(now.minus(DAY * days)), to: None };
    let any = |number: u32| monitors.get(number as usize * 7_919 % monitors.len()).copied();
    let mut found = Vec::new();
    macro_rules! question {
        ($name:literal, $times:expr, |$number:ident| $answer:expr) => {{
            let mut times = Vec::new();
            for $number in 0..$times {
                let began = Instant::now();
                $answer;
                times.push(began.elapsed().as_secs_f64() * 1e3);
            }
            times.sort_by(f64::total_cmp);
            found.push(($name, percentile(&times, 0.5), percentile(&times, 0.99)));
        }};
    }
    let Some(first) = monitors.first().copied() else { return Ok(found) };
    let one = |number: u32| any(number).unwrap_or(first);
    let year = extent.days.min(365);
    question!(
        "a monitor's page: uptime over 24 h, 7, 30, 90 and 365 days, a graph, the last 100 checks",
        extent.questions,
        |n| {
            for days in [1, 7, 30, 90, year] {
                history.uptime(workspace, one(n), last(days)).await?;
            }
            let days = [1, 7, 30, 90, year].get(n as usize % 5).copied().unwrap_or(1);
            ensure!(!history.latency(workspace, one(n), last(days), None).await?.is_empty(), "no latencies");
            let checks = history.checks(workspace, one(n), last(year), None, None, 100).await?;
            ensure!(checks.checks.len() == 100, "{} checks", checks.checks.len());
        }
    );
    question!("uptime over 24 h", extent.questions, |n| history.uptime(workspace, one(n), last(1)).await?);
    question!("uptime over 365 days", extent.questions, |n| history.uptime(workspace, one(n), last(year)).await?);
    question!("latency over 24 h", extent.questions, |n| history.latency(workspace, one(n), last(1), None).await?);
    question!("latency over 7 days", extent.questions, |n| history.latency(workspace, one(n), last(7), None).await?);
    question!("latency over 90 days", extent.questions, |n| history.latency(workspace, one(n), last(90), None).await?);
    question!("latency over 365 days", extent.questions, |n| history
        .latency(workspace, one(n), last(year), None)
        .await?);
    question!("account of slots over 365 days", extent.questions, |n| history
        .slots(workspace, one(n), last(year))
        .await?);
    question!("the last 100 checks", extent.questions, |n| {
        history.checks(workspace, one(n), last(1), None, None, 100).await?
    });
    question!("100 checks of half a year ago", extent.questions, |n| {
        let to = Some(now.minus(DAY * (year / 2)));
        history
            .checks(workspace, one(n), WindowRequest { from: Some(now.minus(DAY * year)), to }, None, None, 100)
            .await?
    });
    question!("100 monitors with their last check and 24 hours", extent.questions, |n| {
        let views = aging.store.monitors(workspace, any(n).filter(|_| n > 0 && monitors.len() > 200), 100).await?;
        history.last_day(&views).await?;
        history.recent_checks(&views, 1).await?
    });
    question!("2,000 of them", extent.questions.div_ceil(10), |_number| {
        let mut after = None;
        loop {
            let views = aging.store.monitors(workspace, after, 500).await?;
            let Some(last) = views.last() else { break };
            after = Some(last.monitor.id);
            history.last_day(&views).await?;
            history.recent_checks(&views, 1).await?;
        }
    });
    Ok(found)
}

/// Prints what was found on both stores.
pub(crate) async fn run(extent: Extent, document: Option<&Path>) -> anyhow::Result<()> {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let began = Instant::now();
        let aged = measure(kind, extent).await?;
        crate::scenario::tell(&serde_json::to_string_pretty(&aged)?);
        crate::scenario::tell(&format!("{kind}: {:.0} s", began.elapsed().as_secs_f64()));
    }
    let _ = document;
    Ok(())
}
