//! Very many monitors on one node: put into the store as they would lie there after a restart, then watched by the real
//! program.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, SqliteConnection};
use tokio::time::{Instant, sleep};
use uuid::Uuid;
use watchkeeper_domain::cohort::{MAX_MEMBERS, MAX_SLOTS_A_DAY};
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::monitor::Interval;
use watchkeeper_domain::schedule::Schedule;
use watchkeeper_domain::time::Timestamp;

use crate::bed::Kind;
use crate::postgres::Postgres;
use crate::process::{Memory, Usage};
use crate::scenario::{Load, now, tell};
use crate::statistics::percentile;
use crate::store::Store;
use crate::watchkeeper::Watchkeeper;

/// How many monitors travel in one statement.
const BATCH: usize = 2_000;
/// How many monitors a store takes in a second at least; the grids go on when all are in.
const FILLED_A_SECOND: u32 = 6_000;
/// How long after it is ready the program is given until it is measured.
const WARM_UP: Duration = Duration::from_secs(10);
/// Until when the last slots of a stretch are in the record.
const RECORDING: Duration = Duration::from_secs(5);

/// What was found.
#[derive(Debug, Serialize)]
pub(crate) struct Crowded {
    pub(crate) store: Kind,
    pub(crate) load: Load,
    /// Seconds from the start until it served.
    pub(crate) ready_after: f64,
    /// Checks recorded a second.
    pub(crate) rate: f64,
    /// How late probes began: p50, p95, p99 and the latest, in milliseconds; from the start on.
    pub(crate) late_ms: [f64; 4],
    pub(crate) missed: u64,
    pub(crate) failed: u64,
    /// CPU microseconds for each check: of the program, and of the database server.
    pub(crate) cpu_us: f64,
    pub(crate) database_us: Option<f64>,
    pub(crate) resident_peak_mb: f64,
}

/// Puts so many monitors into a store, starts the program, and measures a stretch of time.
pub(crate) async fn measure(
    kind: Kind,
    binary: &Path,
    url: &str,
    load: Load,
    length: Duration,
) -> anyhow::Result<Crowded> {
    let directory = tempfile::tempdir()?;
    let postgres = match kind {
        Kind::Sqlite => None,
        Kind::Postgres => Some(Postgres::start().await?),
    };
    let database = postgres.as_ref().map(Postgres::url);
    Watchkeeper::start(binary, directory.path(), database.as_deref()).await?.stop().await?;
    let file = directory.path().join("watchkeeper.db");
    let began = Instant::now();
    let filling = Duration::from_secs(u64::from(load.monitors / FILLED_A_SECOND) + 5);
    let from = Timestamp::from_micros(now()).plus(filling);
    match &database {
        Some(database) => fill_postgres(&mut PgConnection::connect(database).await?, load, from, url).await?,
        None => {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file);
            fill_sqlite(&mut options.connect().await?, load, from, url).await?;
        }
    }
    tell(&format!("    {} monitors were put in within {:.0} s", load.monitors, began.elapsed().as_secs_f64()));

    let early = filling.checked_sub(began.elapsed()).context("the store took longer than it was given")?;
    sleep(early).await;
    let watchkeeper = Watchkeeper::start_again(binary, directory.path(), database.as_deref()).await?;
    let first = now();
    sleep(WARM_UP).await;
    let server = || postgres.as_ref().map(|postgres| Usage::of_family(postgres.process())).transpose();
    let (from, before, server_before) = (now(), Usage::of(watchkeeper.process())?, server()?);
    sleep(length).await;
    let (to, after, server_after) = (now(), Usage::of(watchkeeper.process())?, server()?);
    let memory = Memory::of(watchkeeper.process())?;
    sleep(RECORDING).await;
    let store = database.clone().map_or_else(|| Store::in_directory(directory.path()), Store::Postgres);
    let whole = store.stretch(first, to, load.interval_seconds).await?;
    let stretch = store.stretch(from, to, load.interval_seconds).await?;
    let checks = stretch.late_ms.len() as f64;
    let ready_after = watchkeeper.ready_after.as_secs_f64();
    watchkeeper.stop().await?;
    if let Some(postgres) = postgres {
        postgres.stop().await?;
    }
    Ok(Crowded {
        store: kind,
        load,
        ready_after,
        rate: checks / ((to - from) as f64 / 1e6),
        late_ms: [0.5, 0.95, 0.99, 1.0].map(|share| percentile(&whole.late_ms, share)),
        missed: whole.missed,
        failed: whole.failed,
        cpu_us: after.cpu_us_since(before) / checks,
        database_us: server_after.zip(server_before).map(|(after, before)| after.cpu_us_since(before) / checks),
        resident_peak_mb: memory.peak_kb as f64 / 1024.0,
    })
}

/// A monitor and when it is due next: its grid goes on where it would have, had the program stopped just now.
struct Waiting {
    id: Uuid,
    due_us: i64,
    phase_ms: i64,
}

fn waiting(load: Load, from: Timestamp, number: u32) -> anyhow::Result<Waiting> {
    let interval = Interval::from_secs(load.interval_seconds).context("no such interval")?;
    // Version 7, as the program makes them: the time leads.
    let id = Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0000 + u128::from(number));
    let schedule = Schedule::of(MonitorId::new(id), interval);
    let due = schedule.at_or_after(from);
    Ok(Waiting { id, due_us: due.as_micros(), phase_ms: schedule.phase_ms() as i64 })
}

/// How many members each cohort has when they are seated as the program seats them.
fn cohorts(load: Load) -> Vec<u32> {
    let most = MAX_MEMBERS.min((MAX_SLOTS_A_DAY / u64::from(86_400 / load.interval_seconds).max(1)) as u32);
    let full = vec![most; (load.monitors / most) as usize];
    full.into_iter().chain(Some(load.monitors % most).filter(|rest| *rest > 0)).collect()
}

/// The cohort of each monitor, one after the other, out of the cohorts' numbers.
fn seats(load: Load, numbers: &[i64]) -> Vec<i64> {
    let sizes = cohorts(load).into_iter().zip(numbers);
    sizes.flat_map(|(size, number)| std::iter::repeat_n(*number, size as usize)).collect()
}

async fn fill_postgres(connection: &mut PgConnection, load: Load, from: Timestamp, url: &str) -> anyhow::Result<()> {
    let all: Vec<Waiting> = (0..load.monitors).map(|number| waiting(load, from, number)).collect::<Result<_, _>>()?;
    let sizes: Vec<i64> = cohorts(load).into_iter().map(i64::from).collect();
    let numbers: Vec<i64> = sqlx::query_scalar(
        "INSERT INTO cohorts (region, claimed_to, next_due_at, version, members, slots_a_day, longest_interval_ms)
         SELECT 'default', to_timestamp($2), to_timestamp($2), 1, size, size * $3, $4
         FROM unnest($1::bigint[]) AS w (size)
         RETURNING id",
    )
    .bind(&sizes)
    .bind(from.as_micros() as f64 / 1e6)
    .bind(i64::from(86_400 / load.interval_seconds))
    .bind(i64::from(load.interval_seconds) * 1_000)
    .fetch_all(&mut *connection)
    .await?;
    let seats = seats(load, &numbers);
    for (batch, seats) in all.chunks(BATCH).zip(seats.chunks(BATCH)) {
        let ids: Vec<Uuid> = batch.iter().map(|of| of.id).collect();
        sqlx::query(
            "INSERT INTO monitors (id, workspace_id, name, target_kind, url, http_method, follow_redirects, interval_secs,
                                   timeout_secs, statuses, confirm_down, confirm_up, is_active, created_at, version)
             SELECT id, (SELECT id FROM workspaces), 'of many', 1, $2, 1, true, $3, 10, '200-399', 1, 0, true, now(), 1
             FROM unnest($1::uuid[]) AS w (id)",
        )
        .bind(&ids)
        .bind(url)
        .bind(i32::try_from(load.interval_seconds)?)
        .execute(&mut *connection)
        .await?;
        let due: Vec<f64> = batch.iter().map(|of| of.due_us as f64 / 1e6).collect();
        let phases: Vec<i64> = batch.iter().map(|of| of.phase_ms).collect();
        let with = "WITH w AS (SELECT id, to_timestamp(due) AS due, phase, seat
                               FROM unnest($1::uuid[], $2::float8[], $3::bigint[], $4::bigint[])
                                    AS w (id, due, phase, seat))";
        for statement in [
            "INSERT INTO monitor_states (monitor_id, held, since, streak_count, silence_count, last_slot)
             SELECT id, 1, now(), 0, 0, now() FROM w",
            "INSERT INTO status_spans (monitor_id, began_at, status) SELECT id, now(), 1 FROM w",
            "INSERT INTO schedule (monitor_id, region, next_due_at, interval_ms, phase_ms, timeout_ms, version, cohort_id,
                                   changed)
             SELECT id, 'default', due, {interval}, phase, 10000, 1, seat, 1 FROM w",
            "INSERT INTO schedule_epochs (monitor_id, region, began_at, opening_slot, interval_ms, phase_ms)
             SELECT id, 'default', due, due, {interval}, phase FROM w",
        ] {
            let interval = (i64::from(load.interval_seconds) * 1_000).to_string();
            let statement = format!("{with} {}", statement.replace("{interval}", &interval));
            let query = sqlx::query(AssertSqlSafe(statement)).bind(&ids).bind(&due).bind(&phases).bind(seats);
            query.execute(&mut *connection).await?;
        }
    }
    sqlx::raw_sql("VACUUM ANALYZE").execute(connection).await?;
    Ok(())
}

async fn fill_sqlite(connection: &mut SqliteConnection, load: Load, from: Timestamp, url: &str) -> anyhow::Result<()> {
    let all: Vec<Waiting> = (0..load.monitors).map(|number| waiting(load, from, number)).collect::<Result<_, _>>()?;
    let (interval_ms, now) = (i64::from(load.interval_seconds) * 1_000, now());
    let mut numbers = Vec::new();
    for size in cohorts(load) {
        let number: i64 = sqlx::query_scalar(
            "INSERT INTO cohorts (region, claimed_to, next_due_at, version, members, slots_a_day, longest_interval_ms)
             VALUES ('default', ?1, ?1, 1, ?2, ?2 * ?3, ?4)
             RETURNING id",
        )
        .bind(from.as_micros())
        .bind(size)
        .bind(86_400 / load.interval_seconds)
        .bind(interval_ms)
        .fetch_one(&mut *connection)
        .await?;
        numbers.push(number);
    }
    let seats = seats(load, &numbers);
    for (batch, seats) in all.chunks(BATCH).zip(seats.chunks(BATCH)) {
        let rows = batch.iter().zip(seats);
        let rows: Vec<(String, i64, i64, i64)> =
            rows.map(|(of, seat)| (of.id.simple().to_string(), of.due_us, of.phase_ms, *seat)).collect();
        let rows = serde_json::to_string(&rows)?;
        let mut transaction = connection.begin().await?;
        let secs = interval_ms / 1_000;
        let from = "FROM json_each(?1) AS w JOIN monitors AS m ON m.id = unhex(w.value ->> 0)";
        for statement in [
            format!(
                "INSERT INTO monitors (id, workspace_id, name, target_kind, url, http_method, follow_redirects,
                     interval_secs, timeout_secs, statuses, confirm_down, confirm_up, is_active, created_at, version)
                 SELECT unhex(value ->> 0), (SELECT id FROM workspaces), 'of many', 1, ?2, 1, 1, {secs}, 10, '200-399',
                        1, 0, 1, {now}, 1
                   FROM json_each(?1)"
            ),
            format!(
                "INSERT INTO monitor_states (monitor_key, held, since, streak_count, silence_count, last_slot)
                 SELECT m.key, 1, {now}, 0, 0, {now} {from}"
            ),
            format!("INSERT INTO status_spans (monitor_key, began_at, status) SELECT m.key, {now}, 1 {from}"),
            format!(
                "INSERT INTO schedule (monitor_key, region, next_due_at, interval_ms, phase_ms, timeout_ms, version,
                                       cohort_id, changed)
                 SELECT m.key, 'default', w.value ->> 1, {interval_ms}, w.value ->> 2, 10000, 1, w.value ->> 3, 1 {from}"
            ),
            format!(
                "INSERT INTO schedule_epochs (monitor_key, region, began_at, opening_slot, interval_ms, phase_ms)
                 SELECT m.key, 'default', w.value ->> 1, w.value ->> 1, {interval_ms}, w.value ->> 2 {from}"
            ),
        ] {
            let names_the_url = statement.contains("?2");
            let query = sqlx::query(AssertSqlSafe(statement)).bind(&rows);
            let query = if names_the_url { query.bind(url) } else { query };
            query.execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
    }
    sqlx::raw_sql("ANALYZE").execute(connection).await?;
    Ok(())
}
