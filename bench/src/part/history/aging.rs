//! A store that becomes old.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;
use tokio::time::Instant;
use watchkeeper_adapters::postgres::{PoolSettings, PostgresStore};
use watchkeeper_adapters::sqlite::SqliteStore;
use watchkeeper_domain::account::SignUpPolicy;
use watchkeeper_domain::check::{Check, Claim, Outcome, Region, Settled};
use watchkeeper_domain::id::{LeaseToken, MonitorId, WorkspaceId};
use watchkeeper_domain::pack::LATENCY_BYTES;
use watchkeeper_domain::port::{ClaimRequest, IdGenerator, Store};
use watchkeeper_domain::retention::Retention;
use watchkeeper_domain::rollup::{DAY, day_of};
use watchkeeper_domain::schedule::Schedule;
use watchkeeper_domain::testkit::{CountingIds, fixture};
use watchkeeper_domain::time::Timestamp;
use watchkeeper_domain::verdict::Verdict;

use super::{Extent, NOON};
use crate::postgres::Postgres;
use crate::store::Kind;

/// The most that is claimed and recorded at once, and folded in one step.
const BATCH: u32 = 500;

/// A store with its database, and a connection for what is no port.
pub(super) struct Aging {
    pub(super) store: Arc<dyn Store>,
    pub(super) workspace: WorkspaceId,
    pub(super) monitors: Vec<MonitorId>,
    /// When the last day that was watched has settled.
    pub(super) now: Timestamp,
    watched_days: u32,
    checks_a_day: f64,
    database: Database,
    _postgres: Option<Postgres>,
    _directory: TempDir,
}

enum Database {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Aging {
    /// Makes monitors that are as old as the history is to become, and lets them be watched for its last days, and a while.
    pub(super) async fn begin(kind: Kind, extent: Extent, watched_days: u32) -> anyhow::Result<Self> {
        let (directory, ids) = (tempfile::tempdir()?, Arc::new(CountingIds::new()));
        let (store, database, postgres): (Arc<dyn Store>, _, _) = match kind {
            Kind::Sqlite => {
                let file = directory.path().join("history.db");
                let store = Arc::new(SqliteStore::open(&file, ids).await?);
                let connection = sqlx::sqlite::SqliteConnectOptions::new().filename(&file).connect().await?;
                (store, Database::Sqlite(connection), None)
            }
            Kind::Postgres => {
                let postgres = Postgres::start().await?;
                let store = PostgresStore::connect(&postgres.url(), PoolSettings::default(), ids).await?;
                store.migrate().await?;
                let connection = PgConnection::connect(&postgres.url()).await?;
                (Arc::new(store), Database::Postgres(connection), Some(postgres))
            }
        };
        let account = fixture::account("bench@example.org");
        store.sign_up(&account, SignUpPolicy::Open).await?;
        let workspace = account.user.workspace;
        let midnight = day_of(NOON);
        let born = midnight.minus(DAY * (extent.days - 1));
        let ids = CountingIds::in_lane(5);
        let interval = fixture::settings(extent.interval_seconds).interval;
        let mut monitors = Vec::new();
        for _ in 0..extent.monitors {
            let id = loop {
                let id = MonitorId::new(ids.uuid());
                if !extent.often_fails() || Schedule::of(id, interval).phase_ms() < ALL_WITHIN.as_millis() as u64 {
                    break id;
                }
            };
            let monitor = fixture::monitor(id, workspace, extent.interval_seconds, born);
            store.create_monitor(&monitor, u32::MAX).await?;
            monitors.push(monitor.id);
        }
        let first = midnight.minus(DAY * watched_days.saturating_sub(1));
        let now = watch(store.as_ref(), &ids, first..midnight.plus(DAY), extent).await?;
        let checks_a_day = extent.checks() as f64 / f64::from(extent.days);
        let (_postgres, _directory) = (postgres, directory);
        Ok(Self { store, workspace, monitors, now, watched_days, checks_a_day, database, _postgres, _directory })
    }

    /// Rolls up, folds and packs what was watched, and lets go of the whole checks. Answers, where one day was watched, how many
    /// bytes a whole check took, and how many microseconds rolling up and folding it.
    pub(super) async fn pack(&mut self) -> anyhow::Result<(f64, f64, f64)> {
        let whole_bytes = self.size("checks").await? / self.checks_a_day;
        let began = Instant::now();
        while self.store.roll_up(self.now).await?.is_some() {}
        let roll_up_us = began.elapsed().as_secs_f64() * 1e6 / self.checks_a_day;
        let began = Instant::now();
        loop {
            let folded = self.store.fold(BATCH).await?;
            // PostgreSQL does so by itself where a day writes more than one row in twenty anew, given a minute.
            if folded.finished.is_some() && self.watched_days > 1 {
                self.run("SELECT 1", "VACUUM packed_checks").await?;
            }
            if !folded.has_more {
                break;
            }
        }
        let fold_us = began.elapsed().as_secs_f64() * 1e6 / self.checks_a_day;
        while self.store.retire(self.now, &Retention::new(1, 400, 400)?, BATCH).await?.has_more {}
        if self.watched_days == 1 {
            self.run(FORGET_SQLITE, FORGET_POSTGRES).await?;
        }
        Ok((whole_bytes, roll_up_us, fold_us))
    }

    /// Copies the folded day so many days back, from the one number of days up to the other, which is left out; with an outage a week.
    pub(super) async fn copy(&mut self, from: u32, to: u32) -> anyhow::Result<()> {
        let with = |statements: &str| statements.replace("{from}", &from.to_string()).replace("{to}", &to.to_string());
        self.run(&with(COPY_SQLITE), &with(COPY_POSTGRES)).await
    }

    /// Copies all days that were watched so many times, in the order in which they would have come: into the place that a table
    /// leaves them, which is less dense than where each monitor's copies follow each other.
    pub(super) async fn copy_all(&mut self, times: u32) -> anyhow::Result<()> {
        let (times, days) = (times.to_string(), (self.watched_days + 1).to_string());
        let with = |statements: &str| statements.replace("{times}", &times).replace("{days}", &days);
        self.run(&with(COPY_ALL_SQLITE), &with(COPY_ALL_POSTGRES)).await
    }

    /// How many checks are packed, scheduled ones and others.
    pub(super) async fn packed_checks(&mut self) -> anyhow::Result<f64> {
        let bytes = "SELECT cast(sum(length(packed_latencies)) AS bigint) FROM packed_checks";
        let bytes: i64 = match &mut self.database {
            Database::Sqlite(connection) => sqlx::query_scalar(bytes).fetch_one(connection).await?,
            Database::Postgres(connection) => sqlx::query_scalar(bytes).fetch_one(connection).await?,
        };
        Ok((bytes / LATENCY_BYTES as i64) as f64)
    }

    /// How many bytes a table and its indexes take, partitions included.
    pub(super) async fn size(&mut self, table: &str) -> anyhow::Result<f64> {
        let bytes: i64 = match &mut self.database {
            Database::Sqlite(connection) => {
                let pages = "SELECT coalesce(sum(pgsize), 0) FROM dbstat
                             WHERE name IN (SELECT name FROM sqlite_schema WHERE tbl_name = ?)";
                sqlx::query_scalar(pages).bind(table).fetch_one(connection).await?
            }
            Database::Postgres(connection) => {
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

    /// Each statement on its own: what vacuums may not share a transaction.
    async fn run(&mut self, sqlite: &str, postgres: &str) -> anyhow::Result<()> {
        match &mut self.database {
            Database::Sqlite(connection) => {
                for statement in sqlite.split(";\n") {
                    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut *connection).await?;
                }
            }
            Database::Postgres(connection) => {
                for statement in postgres.split(";\n") {
                    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut *connection).await?;
                }
            }
        }
        Ok(())
    }
}

/// Where many checks fail, the slots of all monitors lie within so much of each other.
const ALL_WITHIN: Duration = Duration::from_secs(1);
/// And so long after them all confirmations are due.
const CONFIRMED_AFTER: Duration = Duration::from_secs(15);

/// When somebody comes by to claim and record. Each time costs the store two commits, so that it is as seldom as may be: a slot
/// may start until the next one. Where many fail, what they came to is confirmed as soon as it really would be.
fn visits(days: Range<Timestamp>, extent: Extent) -> impl Iterator<Item = Timestamp> {
    let interval = Duration::from_secs(extent.interval_seconds.into());
    let (step, after) = if extent.often_fails() {
        (interval, vec![ALL_WITHIN, CONFIRMED_AFTER])
    } else {
        (interval.min(Duration::from_secs(300).max(interval / 4)), vec![Duration::ZERO])
    };
    let steps = std::iter::successors(Some(days.start), move |at| Some(at.plus(step)));
    steps.take_while(move |at| *at < days.end).flat_map(move |at| after.clone().into_iter().map(move |by| at.plus(by)))
}

/// Lets the monitors be watched from one midnight until a while after another. Answers when that is.
async fn watch(
    store: &dyn Store,
    ids: &CountingIds,
    days: Range<Timestamp>,
    extent: Extent,
) -> anyhow::Result<Timestamp> {
    let end = days.end.plus(Duration::from_secs(1_800));
    let (mut chance, mut prepared) = (0x9e37_79b9_7f4a_7c15_u64, None);
    for now in visits(days.start..end, extent) {
        if prepared.replace(day_of(now)) != Some(day_of(now)) {
            store.prepare(now).await?;
        }
        loop {
            let token = LeaseToken::new(ids.uuid());
            let region = Region::default();
            let claims = store.claim(&ClaimRequest { region, now, horizon: now, limit: BATCH, token }).await?.claims;
            let batch: Vec<Settled> =
                claims.into_iter().map(|claim| observed(claim, &mut chance, extent.fails_one_in)).collect();
            let is_last = batch.len() < BATCH as usize;
            store.record(now.plus(Duration::from_micros(chance % 150_000)), &batch).await?;
            if is_last {
                break;
            }
        }
    }
    Ok(end)
}

/// A check that takes from 20 ms to 150 ms; one in so many fails.
fn observed(claim: Claim, chance: &mut u64, fails_one_in: u32) -> Settled {
    *chance ^= *chance << 13;
    *chance ^= *chance >> 7;
    *chance ^= *chance << 17;
    let verdict = if chance.is_multiple_of(fails_one_in.into()) { Verdict::Down } else { Verdict::Up };
    let latency = Duration::from_micros(20_000 + *chance / 200 % 130_000);
    let check = Check { latency, ..fixture::check(&claim, verdict) };
    Settled { claim, outcome: Outcome::Checked(Box::new(check)) }
}

// Nobody watched in the days before, which the copies are to make good; and the first check is of the last slot of the day
// before, which would be a day of its own.
const FORGET_SQLITE: &str = "DELETE FROM slot_gaps;
DELETE FROM status_spans WHERE ended_at <= (SELECT max(began_at) FROM packed_checks);
DELETE FROM packed_checks WHERE began_at < (SELECT max(began_at) FROM packed_checks);
DELETE FROM day_rollups WHERE began_at < (SELECT max(began_at) FROM day_rollups)";

const FORGET_POSTGRES: &str = FORGET_SQLITE;

const COPY_SQLITE: &str =
    "WITH RECURSIVE before (n) AS (SELECT {to} - 1 UNION ALL SELECT n - 1 FROM before WHERE n > {from})
INSERT INTO packed_checks (monitor_key, region, began_at, runs, packed_latencies)
SELECT monitor_key, region, began_at - n * 86400000000, runs, packed_latencies
  FROM before, packed_checks
 WHERE began_at = (SELECT max(began_at) FROM packed_checks);
WITH RECURSIVE before (n) AS (SELECT {to} - 1 UNION ALL SELECT n - 1 FROM before WHERE n > {from})
INSERT INTO day_rollups (monitor_key, region, began_at, up, degraded, down, latencies, hours)
SELECT monitor_key, region, began_at - n * 86400000000, up, degraded, down, latencies, hours
  FROM before, day_rollups
 WHERE began_at = (SELECT max(began_at) FROM day_rollups);
WITH RECURSIVE before (n) AS (SELECT {to} - 1 UNION ALL SELECT n - 1 FROM before WHERE n > {from})
INSERT OR IGNORE INTO status_spans (monitor_key, began_at, ended_at, status)
SELECT key, d.began_at - n * 86400000000 + part * 600000000,
       d.began_at - n * 86400000000 + iif(part = 0, 600000000, 7 * 86400000000), iif(part = 0, 3, 1)
  FROM monitors, (SELECT max(began_at) AS began_at FROM packed_checks) AS d, before,
       (SELECT 0 AS part UNION ALL SELECT 1)
 WHERE n % 7 = 0;
ANALYZE;
PRAGMA wal_checkpoint(TRUNCATE)";

const COPY_POSTGRES: &str = "INSERT INTO packed_checks (monitor_id, region, began_at, runs, packed_latencies)
SELECT monitor_id, region, began_at - n * interval '1 day', runs, packed_latencies
FROM generate_series({to} - 1, {from}, -1) AS n, packed_checks
WHERE began_at = (SELECT max(began_at) FROM packed_checks)
ORDER BY n DESC, monitor_id;
INSERT INTO day_rollups (monitor_id, region, began_at, up, degraded, down, latencies, hours)
SELECT monitor_id, region, began_at - n * interval '1 day', up, degraded, down, latencies, hours
FROM generate_series({to} - 1, {from}, -1) AS n, day_rollups
WHERE began_at = (SELECT max(began_at) FROM day_rollups)
ORDER BY n DESC, monitor_id;
INSERT INTO status_spans (monitor_id, began_at, ended_at, status)
SELECT id, d.began_at - n * interval '1 day' + part * interval '10 minutes',
       d.began_at - n * interval '1 day' + CASE part WHEN 0 THEN interval '10 minutes' ELSE '7 days' END,
       CASE part WHEN 0 THEN 3 ELSE 1 END
FROM monitors, (SELECT max(began_at) AS began_at FROM packed_checks) AS d, generate_series({from}, {to} - 1) AS n,
     generate_series(0, 1) AS part
WHERE n % 7 = 0
ON CONFLICT DO NOTHING;
VACUUM ANALYZE;
CHECKPOINT";

const COPY_ALL_SQLITE: &str = "WITH RECURSIVE before (n) AS (SELECT {times} UNION ALL SELECT n - 1 FROM before WHERE n > 1)
INSERT INTO packed_checks (monitor_key, region, began_at, runs, packed_latencies)
SELECT monitor_key, region, began_at - n * {days} * 86400000000, runs, packed_latencies FROM before, packed_checks
 ORDER BY n DESC, began_at, monitor_key;
WITH RECURSIVE before (n) AS (SELECT {times} UNION ALL SELECT n - 1 FROM before WHERE n > 1)
INSERT INTO day_rollups (monitor_key, region, began_at, up, degraded, down, latencies, hours)
SELECT monitor_key, region, began_at - n * {days} * 86400000000, up, degraded, down, latencies, hours FROM before, day_rollups
 ORDER BY n DESC, began_at, monitor_key;
PRAGMA wal_checkpoint(TRUNCATE)";

const COPY_ALL_POSTGRES: &str = "INSERT INTO packed_checks (monitor_id, region, began_at, runs, packed_latencies)
SELECT monitor_id, region, began_at - n * {days} * interval '1 day', runs, packed_latencies
FROM generate_series({times}, 1, -1) AS n, packed_checks
ORDER BY n DESC, began_at, monitor_id;
INSERT INTO day_rollups (monitor_id, region, began_at, up, degraded, down, latencies, hours)
SELECT monitor_id, region, began_at - n * {days} * interval '1 day', up, degraded, down, latencies, hours
FROM generate_series({times}, 1, -1) AS n, day_rollups
ORDER BY n DESC, began_at, monitor_id;
VACUUM";
