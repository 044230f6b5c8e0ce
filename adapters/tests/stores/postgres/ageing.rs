//! History that ages: what plain SQL sees of it, what goes with its partition, and that reading it never searches.

use std::time::Duration;

use sqlx::{Connection, PgConnection, Row};
use tokio::time::timeout;
use watchkeeper_domain::check::Region;
use watchkeeper_domain::port::{CheckQuery, Folded, HistoryRepo, Retired, Upkeep};
use watchkeeper_domain::retention::Retention;
use watchkeeper_domain::rollup::{DAY, day_of};
use watchkeeper_domain::testkit::contract::Specimen;
use watchkeeper_domain::testkit::fixture::T0;
use watchkeeper_domain::time::{Timestamp, Window};
use watchkeeper_domain::verdict::Verdict;

use super::look_up::{all_is_counted, reads};
use super::{Nodes, PATIENCE, node};

/// Checks whole for a day, packed for as long as anything.
fn packed() -> Retention {
    Retention::new(1, 400, 1_830).unwrap()
}

async fn partitions(connection: &mut PgConnection, of: &str) -> Vec<Timestamp> {
    let begins = "SELECT split_part(relname, $1 || '_', 2)::bigint AS begins
                  FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
                  WHERE inhparent = $1::regclass
                  ORDER BY begins";
    let begins: Vec<i64> = sqlx::query_scalar(begins).bind(of).fetch_all(connection).await.unwrap();
    begins.into_iter().map(Timestamp::from_secs).collect()
}

/// Packs what is over, and holds what plain SQL shows of a monitor against its log.
async fn packed_checks_are_read_in_plain_sql(nodes: &Nodes, m: &Specimen, now: Timestamp) {
    nodes.stage.fold_all(now).await;
    nodes.stage.retire_all(now, &packed()).await;
    let rows = sqlx::query(
        "SELECT unix_us(slot) AS slot, unix_us(checked_at) AS checked_at, latency_us, http_status, origin, verdict,
                reason_kind, reason_detail, is_packed
         FROM check_history
         WHERE monitor_id = $1
         ORDER BY slot DESC",
    )
    .bind(m.id().uuid())
    .fetch_all(nodes.one.pool())
    .await
    .unwrap();
    let log = nodes.stage.log(m.id()).await;
    assert_eq!(rows.len(), log.len());
    let mut count = 0;
    for (row, check) in rows.iter().zip(&log) {
        assert_eq!(row.get::<i64, _>("slot"), check.slot.as_micros());
        assert_eq!(row.get::<i64, _>("checked_at"), check.checked_at.as_micros());
        assert_eq!(u128::try_from(row.get::<i64, _>("latency_us")).unwrap(), check.latency.as_micros());
        assert_eq!(row.get::<Option<i32>, _>("http_status"), check.http_status.map(i32::from));
        let verdict = [Verdict::Up, Verdict::Degraded, Verdict::Down]
            .into_iter()
            .zip(1_i16..)
            .find(|(verdict, _)| *verdict == check.verdict);
        assert_eq!(Some(row.get::<i16, _>("verdict")), verdict.map(|(_, code)| code));
        let reason = check.reason.as_ref().map(|reason| reason.detail.as_str());
        assert_eq!(row.get::<Option<&str>, _>("reason_detail"), reason);
        assert_eq!(row.get::<Option<i16>, _>("reason_kind").is_some(), reason.is_some());
        assert_eq!(row.get::<bool, _>("is_packed"), check.slot < packed().left(now).raw_from);
        count += usize::from(row.get::<bool, _>("is_packed"));
    }
    assert!(count > 50, "{count} were packed");
}

#[tokio::test]
async fn checks_of_some_days_are_read_in_plain_sql() {
    let nodes = Nodes::start().await;
    let (m, now) = nodes.stage.live_for_days().await;
    packed_checks_are_read_in_plain_sql(&nodes, &m, now).await;
    let (mixed, apart) = mixed_and_apart(&nodes).await;
    assert!(mixed > 0 && apart > 0, "{mixed} runs are mixed, and {apart} are not");
}

#[tokio::test]
async fn results_that_change_all_the_time_are_read_in_plain_sql_and_take_little_room() {
    let nodes = Nodes::start().await;
    let (m, now) = nodes.stage.live_in_trouble().await;
    packed_checks_are_read_in_plain_sql(&nodes, &m, now).await;
    assert!(mixed_and_apart(&nodes).await.0 > 0);
    // Of a whole day: three bytes of latency, a letter, and where it is no scheduled one the digits of when it was.
    let (checks, bytes): (i64, i64) = sqlx::query_as(
        "SELECT octet_length(packed_latencies) / 3, octet_length(packed_latencies) + octet_length(runs::text)
         FROM packed_checks
         ORDER BY 1 DESC
         LIMIT 1",
    )
    .fetch_one(nodes.one.pool())
    .await
    .map(|(checks, bytes): (i32, i32)| (checks.into(), bytes.into()))
    .unwrap();
    assert!(checks > 350 && bytes < 7 * checks, "{bytes} bytes of {checks} checks");
}

/// How many mixed runs there are, and how many others.
async fn mixed_and_apart(nodes: &Nodes) -> (i64, i64) {
    sqlx::query_as(
        "SELECT count(*) FILTER (WHERE json_typeof(run -> 2) = 'string'), count(*) FILTER (WHERE json_typeof(run -> 2) = 'number')
         FROM packed_checks, json_array_elements(runs) AS run",
    )
    .fetch_one(nodes.one.pool())
    .await
    .unwrap()
}

#[tokio::test]
async fn plain_sql_reads_a_window_of_one_monitor_and_nothing_of_others() {
    let (_nodes, m, now, mut connection) = packed_among_others().await;
    // Days are those of UTC, wherever whoever asks lives.
    sqlx::query("SET TIME ZONE -7").execute(&mut connection).await.unwrap();
    let raw_from = packed().left(now).raw_from.as_micros() / 1_000_000;
    let (mut asked, mut met) = (0, 0);
    for (since, until) in [
        ("'-infinity'".to_owned(), "'infinity'".to_owned()),
        (
            format!("to_timestamp({raw_from}) - interval '7 hours'"),
            format!("to_timestamp({raw_from}) + interval '7 hours'"),
        ),
        (format!("to_timestamp({raw_from}) - interval '7 hours'"), format!("to_timestamp({raw_from})")),
        (format!("to_timestamp({raw_from})"), format!("to_timestamp({raw_from}) + interval '30 minutes'")),
    ] {
        let all = "SELECT * FROM check_history WHERE monitor_id = $1";
        let of_one = format!("SELECT * FROM history_of($1, {since}, {until})");
        let both = format!(
            "SELECT (SELECT count(*) FROM ({of_one} EXCEPT {all}) AS more),
                    (SELECT count(*) FROM ({all} AND slot >= {since} AND slot < {until} EXCEPT {of_one}) AS less)"
        );
        let differing: (i64, i64) =
            sqlx::query_as(sqlx::AssertSqlSafe(both)).bind(m.id().uuid()).fetch_one(&mut connection).await.unwrap();
        assert_eq!(differing, (0, 0), "from {since} to {until}");
        let before = reads(&mut connection).await;
        let shown =
            sqlx::query(sqlx::AssertSqlSafe(of_one)).bind(m.id().uuid()).fetch_all(&mut connection).await.unwrap();
        let after = reads(&mut connection).await;
        assert_eq!(after.0 - before.0, 0, "rows read by scanning history, from {since} to {until}");
        (asked, met) = (asked + after.1 - before.1, met + shown.len());
    }
    assert!(met > 100, "{met} checks were shown");
    assert!(asked <= i64::try_from(2 * met).unwrap(), "{asked} rows were fetched for {met} checks");
}

#[tokio::test]
async fn what_was_derived_before_is_derived_again_without_a_trace() {
    let nodes = Nodes::start().await;
    let (_, now) = nodes.stage.live_for_days().await;
    nodes.stage.fold_all(now).await;
    let rows = "SELECT h::text FROM hour_rollups AS h UNION ALL SELECT d::text FROM day_rollups AS d
                UNION ALL SELECT p::text FROM packed_checks AS p ORDER BY 1";
    let derived: Vec<String> = sqlx::query_scalar(rows).fetch_all(nodes.one.pool()).await.unwrap();
    assert!(derived.len() > 50, "{} rows", derived.len());
    // As after a crash, or a restart from an older copy of the watermark: of all, and of days alone.
    for forget in ["hours_to = NULL, days_to = NULL", "days_to = NULL"] {
        let forget = sqlx::AssertSqlSafe(format!("UPDATE history_progress SET {forget}, folded_id = NULL"));
        sqlx::query(forget).execute(nodes.one.pool()).await.unwrap();
        nodes.stage.fold_all(now).await;
        let again: Vec<String> = sqlx::query_scalar(rows).fetch_all(nodes.one.pool()).await.unwrap();
        assert_eq!(again, derived);
    }
}

#[tokio::test]
async fn whole_checks_go_with_their_partitions() {
    let nodes = Nodes::start().await;
    let (_, now) = nodes.stage.live_for_days().await;
    nodes.stage.fold_all(now).await;
    let mut connection = nodes.one.pool().acquire().await.unwrap();
    let first = day_of(T0).minus(DAY);
    for table in ["checks", "check_evidence", "hour_rollups"] {
        assert_eq!(partitions(&mut connection, table).await.first(), Some(&first), "{table}");
    }
    nodes.stage.retire_all(now, &packed()).await;
    for table in ["checks", "check_evidence", "hour_rollups"] {
        assert_eq!(partitions(&mut connection, table).await.first(), Some(&packed().left(now).raw_from), "{table}");
    }
}

#[tokio::test]
async fn a_partition_that_is_in_use_is_dropped_later_and_holds_nobody_up() {
    let nodes = Nodes::start().await;
    let (m, now) = nodes.stage.live_for_days().await;
    nodes.stage.fold_all(now).await;
    let log = nodes.stage.log(m.id()).await;
    let (mut reading, mut looking) =
        (nodes.other.pool().begin().await.unwrap(), nodes.one.pool().acquire().await.unwrap());
    sqlx::query("SELECT count(*) FROM checks").fetch_one(&mut *reading).await.unwrap();
    let first = partitions(&mut looking, "checks").await;
    let raw_from = packed().left(now).raw_from;
    let retired = nodes.one.retire(now, &packed(), 10).await.unwrap();
    assert_eq!((retired.raw_from, retired.has_more), (Some(raw_from), false), "there is no hurry");
    assert_eq!(partitions(&mut looking, "checks").await, first);
    let left: Vec<_> = log.into_iter().filter_map(|check| packed().left(now).of(check)).collect();
    assert_eq!(nodes.stage.log(m.id()).await, left, "what is packed is read there all the same");
    reading.rollback().await.unwrap();
    nodes.one.retire(now, &packed(), 10).await.unwrap();
    assert_eq!(partitions(&mut looking, "checks").await.first(), Some(&raw_from));
    assert_eq!(nodes.stage.log(m.id()).await, left);
}

#[tokio::test]
async fn a_partition_of_another_width_counts_as_what_it_covers() {
    let nodes = Nodes::start().await;
    let far = day_of(T0.plus(DAY * 100));
    let seconds_of = |at: Timestamp| at.as_micros() / 1_000_000;
    let (from, to) = (seconds_of(far.minus(DAY * 3)), seconds_of(far.plus(DAY * 4)));
    let week = format!(
        "CREATE TABLE checks_{from} PARTITION OF checks
         FOR VALUES FROM (to_timestamp({from})) TO (to_timestamp({to}))"
    );
    let mut connection = nodes.one.pool().acquire().await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(week)).execute(&mut *connection).await.unwrap();
    nodes.one.prepare(far).await.unwrap();
    let ahead = |table: Vec<Timestamp>| table.into_iter().filter(|at| *at >= far.minus(DAY * 3)).collect::<Vec<_>>();
    let days = |range: std::ops::RangeInclusive<u32>| range.map(|day| far.plus(DAY * day));
    let of_checks: Vec<_> = [far.minus(DAY * 3)].into_iter().chain(days(4..=7)).collect();
    assert_eq!(ahead(partitions(&mut connection, "checks").await), of_checks);
    let of_evidence: Vec<_> = [far.minus(DAY)].into_iter().chain(days(0..=7)).collect();
    assert_eq!(ahead(partitions(&mut connection, "check_evidence").await), of_evidence);
}

/// The same history of a thousand others.
const OTHERS: &str = "
    INSERT INTO checks (slot, monitor_id, region, checked_at, latency_us, origin, verdict)
    SELECT slot, md5(n::text)::uuid, region, checked_at, latency_us, origin, verdict
    FROM checks, generate_series(1, 1000) AS n;
    INSERT INTO check_evidence (slot, monitor_id, region, evidence)
    SELECT slot, monitor_id, region, '{}' FROM checks WHERE verdict = 3
    ON CONFLICT (slot, monitor_id, region) DO NOTHING;
    INSERT INTO packed_checks (monitor_id, region, began_at, runs, packed_latencies)
    SELECT md5(n::text)::uuid, p.region, p.began_at, p.runs, p.packed_latencies
    FROM packed_checks AS p, generate_series(1, 1000) AS n;
    INSERT INTO day_rollups (monitor_id, region, began_at, up, degraded, down, latencies, hours)
    SELECT md5(n::text)::uuid, d.region, d.began_at, d.up, d.degraded, d.down, d.latencies, d.hours
    FROM day_rollups AS d, generate_series(1, 1000) AS n;
    INSERT INTO hour_rollups (began_at, monitor_id, region, up, degraded, down, latencies, runs, packed_latencies)
    SELECT h.began_at, md5(n::text)::uuid, h.region, h.up, h.degraded, h.down, h.latencies, h.runs, h.packed_latencies
    FROM hour_rollups AS h, generate_series(1, 1000) AS n;
    ANALYZE";

/// A monitor whose days are packed, when that is, and a connection; others have as much, and no node works any more.
async fn packed_among_others() -> (Nodes, Specimen, Timestamp, PgConnection) {
    let nodes = Nodes::start().await;
    let (m, now) = nodes.stage.live_for_days().await;
    nodes.stage.fold_all(now).await;
    nodes.stage.retire_all(now, &packed()).await;
    let mut connection = PgConnection::connect(nodes.database.url()).await.unwrap();
    sqlx::raw_sql(OTHERS).execute(&mut connection).await.unwrap();
    nodes.one.close().await;
    nodes.other.close().await;
    (nodes, m, now, connection)
}

#[tokio::test]
async fn reading_and_retiring_what_is_packed_never_searches() {
    let (nodes, m, now, mut connection) = packed_among_others().await;
    let before = reads(&mut connection).await;

    let reader = node(nodes.database.url(), 3).await;
    let (monitor, region) = (m.id(), Region::default());
    let window = Window::new(m.slot(0), now).unwrap();
    // As often as it takes for the database to settle on plans for any parameters.
    for _ in 0..7 {
        for verdict in [None, Some(Verdict::Down)] {
            let query = CheckQuery { monitor, region: region.clone(), window, verdict, limit: 500 };
            assert!(!reader.checks(&query).await.unwrap().checks.is_empty());
        }
        let glances = reader.glances(&[(monitor, window.from())], &region, 10, 100, now).await.unwrap();
        assert_eq!(glances[0].recent.len(), 100);
        assert_eq!(reader.account(monitor, &region, window, now).await.unwrap().unaccounted, 0);
        for step in [3_600, 86_400, 5_000].map(Duration::from_secs) {
            assert!(!reader.latencies(monitor, &region, window, step).await.unwrap().is_empty());
        }
        assert_eq!(reader.fold(10).await.unwrap(), Folded::default());
        assert_eq!(reader.retire(now, &packed(), 10).await.unwrap(), Retired::default());
    }
    // Packs lose a day, and sums go, of all who have any.
    let shorter = Retention::new(1, 2, 3).unwrap();
    assert_eq!(reader.retire(now, &shorter, 20).await.unwrap().rows, 20);
    reader.close().await;
    let after = reads(&mut connection).await;
    assert_eq!(after.0 - before.0, 0, "rows read by scanning history");
    // Seven rounds of questions about 150 checks, of which the older ones are in a handful of days.
    let fetched = after.1 - before.1;
    assert!(fetched <= 7 * 1_000, "{fetched} rows were fetched");
}

/// A year of days of some hundred monitors before the oldest day that there is, written as they come: one day after the other.
/// They are on disk at its end, since a vacuum does not vouch for what is not.
const YEAR_BEFORE: &str = "
    SET synchronous_commit = on;
    INSERT INTO day_rollups (monitor_id, region, began_at, up, degraded, down, latencies, hours)
    SELECT CASE n WHEN 0 THEN d.monitor_id ELSE md5(n::text)::uuid END, d.region,
           d.began_at - before * interval '1 day', d.up, d.degraded, d.down, d.latencies, d.hours
    FROM generate_series(365, 1, -1) AS before, generate_series(0, 299) AS n,
         (SELECT * FROM day_rollups ORDER BY began_at LIMIT 1) AS d
    ORDER BY before DESC, 1";

/// How many pages of the rows and of the key of days were looked at.
async fn pages_of_days(connection: &mut PgConnection) -> (i64, i64) {
    all_is_counted(connection).await;
    let pages = "SELECT heap_blks_read + heap_blks_hit, idx_blks_read + idx_blks_hit
                 FROM pg_statio_user_tables WHERE relname = 'day_rollups'";
    sqlx::query_as(pages).fetch_one(connection).await.unwrap()
}

#[tokio::test]
async fn a_year_of_one_among_many_lies_in_a_few_pages() {
    let nodes = Nodes::start().await;
    let (m, now) = nodes.stage.live_for_days().await;
    nodes.stage.fold_all(now).await;
    let mut connection = PgConnection::connect(nodes.database.url()).await.unwrap();
    sqlx::raw_sql(YEAR_BEFORE).execute(&mut connection).await.unwrap();
    nodes.one.close().await;
    nodes.other.close().await;
    // A vacuum vouches for no page that somebody may still see otherwise: the server's own, which looks at the table as well.
    let is_vouched_for = async {
        let vouched = "SELECT relallvisible = relpages FROM pg_class WHERE oid = 'day_rollups'::regclass";
        loop {
            sqlx::raw_sql("VACUUM ANALYZE day_rollups").execute(&mut connection).await.unwrap();
            if sqlx::query_scalar(vouched).fetch_one(&mut connection).await.unwrap() {
                break;
            }
        }
    };
    timeout(PATIENCE, is_vouched_for).await.unwrap();
    let before = pages_of_days(&mut connection).await;

    let reader = node(nodes.database.url(), 3).await;
    let first = day_of(m.slot(0)).minus(DAY * 365);
    let year = Window::new(first.plus(Duration::from_secs(3_600)), first.plus(DAY * 365)).unwrap();
    let account = reader.account(m.id(), &Region::default(), year, now).await.unwrap();
    assert!(account.up > 365, "{account:?}");
    reader.close().await;
    let after = pages_of_days(&mut connection).await;
    // One row of a day that lies in the window in part; what tells that the others need not be looked at; and what the
    // planner looks up.
    let (of_rows, of_key) = (after.0 - before.0, after.1 - before.1);
    assert!((1..=10).contains(&of_rows), "{of_rows} pages of rows for a year");
    assert!(of_key < 365 / 10, "{of_key} pages of the key for a year");
}
