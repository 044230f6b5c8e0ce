//! What the engine does for one monitor, beside thousands of others: none of it reads a table from end to end that grows
//! with them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::notice::{Delivery, DeliveryOutcome, NoticeClaim};
use watchkeeper_domain::port::{IncidentQuery, MonitorRepo, Upkeep};
use watchkeeper_domain::retention::Retention;
use watchkeeper_domain::testkit::contract::{Stage, Subject};
use watchkeeper_domain::testkit::fixture;
use watchkeeper_domain::time::Timestamp;

use super::look_up::all_is_counted;
use super::{Nodes, node};

/// Three thousand others with all that one has left behind, none of which is due within a lifetime.
const OTHERS: &str = "
    CREATE FUNCTION pg_temp.other(of uuid, number integer) RETURNS uuid
        LANGUAGE sql AS $$ SELECT md5(of::text || number)::uuid $$;
    CREATE TEMPORARY TABLE numbers AS SELECT generate_series(1, 3000) AS n;
    INSERT INTO workspaces (id, created_at) SELECT pg_temp.other(w.id, n), w.created_at FROM workspaces AS w, numbers;
    INSERT INTO monitors
    SELECT (jsonb_populate_record(m, jsonb_build_object('id', pg_temp.other(m.id, n), 'deleted_at', NULL,
                                                        'workspace_id', pg_temp.other(m.workspace_id, n)))).*
    FROM monitors AS m, numbers;
    INSERT INTO cohorts (region, claimed_to, next_due_at, version, members, slots_a_day, longest_interval_ms)
    VALUES ('default', '2100-01-01', '2100-01-01', 1, 3000, 4320000, 60000);
    INSERT INTO schedule SELECT m.id, 'default', '2100-01-01', 60000, 0, 10000, 1, c.id, 1 FROM monitors AS m, cohorts AS c
    WHERE deleted_at IS NULL AND c.members = 3000;
    INSERT INTO claims SELECT id, 'default', '2100-01-01', 0, '2100-01-01', id, '2100-01-01' FROM monitors
    WHERE deleted_at IS NULL;
    INSERT INTO incidents
    SELECT (jsonb_populate_record(i, jsonb_build_object('id', pg_temp.other(i.id, n),
                                                        'workspace_id', pg_temp.other(i.workspace_id, n),
                                                        'monitor_id', pg_temp.other(i.monitor_id, n)))).*
    FROM incidents AS i, numbers;
    INSERT INTO notices
    SELECT (jsonb_populate_record(o, jsonb_build_object('id', pg_temp.other(o.id, n),
                                                        'workspace_id', pg_temp.other(o.workspace_id, n),
                                                        'monitor_id', pg_temp.other(o.monitor_id, n),
                                                        'incident_id', pg_temp.other(o.incident_id, n),
                                                        'state', 0, 'due_at', '2100-01-01'))).*
    FROM notices AS o, numbers;
    INSERT INTO deliveries
    SELECT (jsonb_populate_record(d, jsonb_build_object('notice_id', pg_temp.other(d.notice_id, n)))).*
    FROM deliveries AS d, numbers;";

/// Tables of which a row is copied with nothing but another monitor.
const OF_MONITORS: [&str; 9] = [
    "monitor_states",
    "schedule_epochs",
    "checks",
    "check_evidence",
    "slot_gaps",
    "status_spans",
    "hour_rollups",
    "day_rollups",
    "packed_checks",
];

/// How many rows of each table were read by going through it from end to end.
async fn scanned(connection: &mut PgConnection) -> BTreeMap<String, i64> {
    all_is_counted(connection).await;
    let counted = "SELECT relname::text, seq_tup_read FROM pg_stat_user_tables";
    let rows: Vec<(String, i64)> = sqlx::query_as(counted).fetch_all(connection).await.unwrap();
    rows.into_iter().collect()
}

/// Lets a monitor be claimed, found down and up again, told of, looked at, checked by hand, paused and deleted. Answers the
/// instant afterwards.
async fn live(stage: &Stage) -> Timestamp {
    let m = stage.monitor_every(60).await;
    stage.take_down(&m).await;
    for claim in stage.claim_notices(m.slot(2)).await {
        let NoticeClaim { notice, attempt, token } = claim;
        let (at, took, outcome) = (m.slot(2), Duration::ZERO, DeliveryOutcome::Delivered);
        let delivery = Delivery { notice: notice.id, attempt, token, at, took, outcome };
        stage.store().record_deliveries(&[delivery]).await.unwrap();
    }
    stage.check_up(m.slot(5)).await;
    let workspace = m.monitor.workspace;
    let query = IncidentQuery { workspace, monitor: Some(m.id()), before: None, limit: 20 };
    let incidents = stage.store().incidents(&query).await.unwrap();
    assert_eq!(incidents.len(), 1);
    assert!(stage.store().incident(workspace, incidents[0].id).await.unwrap().is_some());
    assert_eq!(stage.store().incidents(&IncidentQuery { monitor: None, ..query }).await.unwrap(), incidents);
    assert_eq!(stage.store().monitors(workspace, None, 20).await.unwrap().len(), 1);
    stage.pause(&m.monitor, m.slot(6)).await;
    let manual = stage.claim_manual(&m.monitor, m.slot(200)).await;
    stage.settle(fixture::up(&manual)).await;
    let end = m.slot(300);
    assert!(stage.store().delete_monitor(workspace, m.id(), end).await.unwrap());
    end
}

#[tokio::test]
async fn what_is_done_for_one_monitor_scans_nothing_that_grows_with_the_others() {
    let nodes = Nodes::start().await;
    let now = nodes.stage.live_and_delete_a_monitor().await;
    nodes.one.retire(now, &Retention::new(1, 400, 400).unwrap(), 100).await.unwrap();
    let mut connection = PgConnection::connect(nodes.database.url()).await.unwrap();
    sqlx::raw_sql(OTHERS).execute(&mut connection).await.unwrap();
    for table in OF_MONITORS {
        let copy = format!(
            "INSERT INTO {table} SELECT (jsonb_populate_record(r, jsonb_build_object('monitor_id', \
             pg_temp.other(r.monitor_id, n)))).* FROM {table} AS r, numbers"
        );
        sqlx::raw_sql(AssertSqlSafe(copy)).execute(&mut connection).await.unwrap();
    }
    while nodes.one.purge(now, 1_000).await.unwrap().has_more {}
    sqlx::raw_sql("ANALYZE").execute(&mut connection).await.unwrap();
    nodes.one.close().await;
    nodes.other.close().await;
    let before = scanned(&mut connection).await;

    let worker = Arc::new(node(nodes.database.url(), 3).await);
    let stage = Stage::open(&Subject::new(worker.clone())).await;
    let mut end = Timestamp::EPOCH;
    // As often as it takes for the database to settle on plans for any parameters.
    for _ in 0..7 {
        end = live(&stage).await;
    }
    while worker.purge(end, 1_000).await.unwrap().has_more {}
    drop(stage);
    worker.close().await;
    let after = scanned(&mut connection).await;
    for (table, rows) in after {
        let rows = rows - before.get(&table).unwrap_or(&0);
        // What has a few rows however many monitors there are is best read whole; the others have three thousand.
        assert!(rows < 1_000, "{rows} rows of {table} were read by scanning it");
    }
}

/// A thousand more monitors of the same workspace as the one there is.
const NEIGHBOURS: &str = "
    CREATE TEMPORARY TABLE others AS
    SELECT m.id AS of, md5(m.id::text || n)::uuid AS id FROM monitors AS m, generate_series(1, 1000) AS n;
    INSERT INTO monitors
    SELECT (jsonb_populate_record(m, jsonb_build_object('id', o.id))).* FROM others AS o JOIN monitors AS m ON m.id = o.of;
    INSERT INTO monitor_states
    SELECT (jsonb_populate_record(s, jsonb_build_object('monitor_id', o.id))).*
    FROM others AS o JOIN monitor_states AS s ON s.monitor_id = o.of;
    INSERT INTO schedule
    SELECT (jsonb_populate_record(s, jsonb_build_object('monitor_id', o.id))).*
    FROM others AS o JOIN schedule AS s ON s.monitor_id = o.of;
    ANALYZE";

#[tokio::test]
async fn a_page_of_monitors_costs_the_same_however_far_back_it_is() {
    let nodes = Nodes::start().await;
    let workspace = nodes.stage.monitor_every(60).await.monitor.workspace;
    let mut connection = PgConnection::connect(nodes.database.url()).await.unwrap();
    sqlx::raw_sql(NEIGHBOURS).execute(&mut connection).await.unwrap();
    nodes.one.close().await;
    nodes.other.close().await;
    let read = "SELECT sum(seq_tup_read + idx_tup_fetch)::bigint
                FROM pg_stat_user_tables
                WHERE relname IN ('monitors', 'monitor_states', 'schedule')";
    let mut fetched = Vec::new();
    for place in [0, 990] {
        let after = "SELECT id FROM monitors ORDER BY id LIMIT 1 OFFSET $1";
        let after: Uuid = sqlx::query_scalar(after).bind(place).fetch_one(&mut connection).await.unwrap();
        all_is_counted(&mut connection).await;
        let before: i64 = sqlx::query_scalar(read).fetch_one(&mut connection).await.unwrap();
        let reader = node(nodes.database.url(), 3).await;
        // As often as it takes for the database to settle on plans for any parameters.
        for _ in 0..7 {
            let page = reader.monitors(workspace, Some(MonitorId::new(after)), 10).await.unwrap();
            assert_eq!(page.len(), 10);
        }
        reader.close().await;
        all_is_counted(&mut connection).await;
        fetched.push(sqlx::query_scalar::<_, i64>(read).fetch_one(&mut connection).await.unwrap() - before);
    }
    // Ten of each of three tables, seven times, and what a merge of them looks at beyond.
    assert!(fetched.iter().all(|rows| *rows < 7 * 3 * 20), "{fetched:?} rows were read");
}
