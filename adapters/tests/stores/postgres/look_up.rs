//! Reading history: look-ups whose cost does not grow with the monitors of others.

use std::time::Duration;

use sqlx::PgConnection;
use sqlx::{Connection, Row};
use tokio::time::timeout;
use watchkeeper_domain::check::{Region, Settled};
use watchkeeper_domain::port::{CheckQuery, CheckRepo, HistoryRepo, MonitorRepo, Upkeep};
use watchkeeper_domain::testkit::fixture::{self, seconds};
use watchkeeper_domain::time::Window;
use watchkeeper_domain::verdict::Verdict;

use super::{Nodes, PATIENCE, node};

/// Checks of a thousand others around the same time, a hundred of each, one in fifty of them down.
const OTHERS: &str = "
    INSERT INTO checks (slot, monitor_id, region, checked_at, latency_us, origin, verdict)
    SELECT slot, md5(monitor::text)::uuid, 'default', slot, 1000, 0, CASE WHEN monitor % 50 = 0 THEN 3 ELSE 1 END
    FROM generate_series(1, 1000) AS monitor,
         generate_series($1, $1 + interval '99 minutes', interval '1 minute') AS slot;
    INSERT INTO check_evidence (slot, monitor_id, region, evidence)
    SELECT slot, monitor_id, region, '{}' FROM checks WHERE verdict = 3";

/// How many rows of the log were read by scanning it, and how many were fetched by way of an index.
const READS: &str = "
    SELECT sum(seq_tup_read)::bigint AS scanned, sum(idx_tup_fetch)::bigint AS fetched
    FROM pg_stat_user_tables
    WHERE relname ~ '^(checks|check_evidence|hour_rollups)_[0-9]+$' OR relname IN ('packed_checks', 'day_rollups')";

/// Counts them, once all nodes have let go of their connections.
pub(super) async fn reads(connection: &mut PgConnection) -> (i64, i64) {
    all_is_counted(connection).await;
    let row = sqlx::query(READS).fetch_one(connection).await.unwrap();
    (row.get("scanned"), row.get("fetched"))
}

/// Waits for what all nodes did to be counted; they have to let go of their connections.
pub(super) async fn all_is_counted(connection: &mut PgConnection) {
    // What other sessions did is told when they end; that is waited for.
    let others = "SELECT count(*) FROM pg_stat_activity
                  WHERE datname = current_database() AND application_name = 'watchkeeper'";
    let all_have_ended = async {
        while sqlx::query_scalar::<_, i64>(others).fetch_one(&mut *connection).await.unwrap() > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, all_have_ended).await.unwrap();
    // What this session did itself is told at once, too.
    sqlx::query("SELECT pg_stat_force_next_flush()").execute(connection).await.unwrap();
}

#[tokio::test]
async fn reading_a_history_never_scans_the_log() {
    let nodes = Nodes::start().await;
    let specimen = nodes.stage.monitor_every(60).await;
    for number in 0..100 {
        let claims = nodes.stage.claim(specimen.slot(number)).await;
        let judge = if number % 10 == 9 { fixture::degraded } else { fixture::up };
        let batch: Vec<Settled> = claims.iter().map(judge).collect();
        nodes.one.record(specimen.slot(number), &batch).await.unwrap();
    }
    let mut connection = PgConnection::connect(nodes.database.url()).await.unwrap();
    let from = specimen.slot(0).as_micros() / 1_000_000;
    let others = OTHERS.replace("$1", &format!("to_timestamp({from})"));
    sqlx::raw_sql(sqlx::AssertSqlSafe(others)).execute(&mut connection).await.unwrap();
    sqlx::raw_sql("ANALYZE").execute(&mut connection).await.unwrap();
    nodes.one.close().await;
    nodes.other.close().await;
    let before = reads(&mut connection).await;

    let reader = node(nodes.database.url(), 3).await;
    let (monitor, region, now) = (specimen.id(), Region::default(), specimen.slot(100));
    let window = Window::new(specimen.slot(0), now).unwrap();
    // As often as it takes for the database to settle on plans for any parameters.
    for _ in 0..7 {
        for (verdict, count) in [(None, 100), (Some(Verdict::Up), 90), (Some(Verdict::Degraded), 10)] {
            let query = CheckQuery { monitor, region: region.clone(), window, verdict, limit: 500 };
            assert_eq!(reader.checks(&query).await.unwrap().checks.len(), count);
        }
        let glances = reader.glances(&[(monitor, window.from())], &region, 10, 30, now).await.unwrap();
        assert_eq!(glances[0].recent.len(), 30);
        assert_eq!(reader.account(monitor, &region, window, now).await.unwrap().up, 90);
        let buckets = reader.latencies(monitor, &region, window, Duration::from_secs(600)).await.unwrap();
        assert_eq!(buckets.iter().map(|bucket| bucket.latencies.count()).sum::<u64>(), 100);
    }
    reader.close().await;
    let after = reads(&mut connection).await;
    assert_eq!(after.0 - before.0, 0, "rows read by scanning the log");
    // Six questions about at most a hundred checks each, a few of which are met twice, seven times over.
    let fetched = after.1 - before.1;
    assert!(fetched <= 7 * 6 * 150, "{fetched} rows were fetched");
}

#[tokio::test]
async fn closed_hours_are_read_from_their_rollups() {
    let nodes = Nodes::start().await;
    let specimen = nodes.stage.monitor_every(60).await;
    for number in 0..180 {
        let claims = nodes.stage.claim(specimen.slot(number)).await;
        let batch: Vec<Settled> = claims.iter().map(fixture::up).collect();
        nodes.one.record(specimen.slot(number), &batch).await.unwrap();
    }
    let (now, region) = (specimen.slot(180).plus(seconds(3600)), Region::default());
    while nodes.one.roll_up(now).await.unwrap().is_some() {}
    let window = Window::new(specimen.slot(0), specimen.slot(180)).unwrap();
    let count = "SELECT sum(up)::bigint FROM hour_rollups";
    let rolled: i64 = sqlx::query_scalar(count).fetch_one(nodes.one.pool()).await.unwrap();
    let account = nodes.one.account(specimen.id(), &region, window, specimen.slot(180)).await.unwrap();
    assert_eq!((rolled, account.up, account.unaccounted), (180, 180, 0));
    let buckets = nodes.one.latencies(specimen.id(), &region, window, Duration::from_secs(4 * 3600)).await.unwrap();
    assert_eq!(buckets.iter().map(|bucket| bucket.latencies.count()).sum::<u64>(), 180);
}

/// How many steps it takes to purge a monitor that was watched for a hundred slots, none of which has a check.
async fn steps_of_purging(forgets_gaps: bool) -> usize {
    let nodes = Nodes::start().await;
    let specimen = nodes.stage.monitor_every(60).await;
    let (monitor, end) = (&specimen.monitor, specimen.slot(100));
    nodes.stage.claim_one(end).await;
    assert!(nodes.one.delete_monitor(monitor.workspace, monitor.id, end).await.unwrap());
    if forgets_gaps {
        sqlx::query("DELETE FROM slot_gaps").execute(nodes.one.pool()).await.unwrap();
    }
    let mut steps = 1;
    while nodes.one.purge(end, 10).await.unwrap().has_more {
        steps += 1;
    }
    steps
}

#[tokio::test]
async fn a_purge_looks_for_no_more_slots_at_once_than_it_may_and_passes_gaps_over() {
    let (in_vain, passed_over) = (steps_of_purging(true).await, steps_of_purging(false).await);
    assert!(in_vain >= 10, "a hundred slots were looked for in {in_vain} steps of ten");
    assert!(passed_over < 5, "gaps were passed over in {passed_over} steps");
}

#[tokio::test]
async fn a_purge_leaves_nothing_of_a_monitor_behind() {
    let nodes = Nodes::start().await;
    let now = nodes.stage.live_and_delete_a_monitor().await;
    while nodes.one.purge(now, 50).await.unwrap().has_more {}
    for table in [
        "monitors",
        "monitor_states",
        "schedule",
        "claims",
        "leases",
        "schedule_epochs",
        "checks",
        "check_evidence",
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
        let count: i64 = sqlx::query_scalar(count).fetch_one(nodes.one.pool()).await.unwrap();
        assert_eq!(count, 0, "{table}");
    }
}
