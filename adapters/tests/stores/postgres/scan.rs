//! What the engine does for one monitor, beside thousands of others: none of it reads a table from end to end that grows
//! with them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use watchkeeper_adapters::postgres::PostgresStore;
use watchkeeper_domain::id::{IncidentId, MonitorId};
use watchkeeper_domain::notice::{Delivery, DeliveryOutcome, NoticeClaim};
use watchkeeper_domain::port::{IncidentQuery, IncidentRepo, MonitorRepo, Upkeep};
use watchkeeper_domain::retention::Retention;
use watchkeeper_domain::testkit::contract::{Stage, Subject};
use watchkeeper_domain::testkit::fixture;
use watchkeeper_domain::time::Timestamp;

use super::look_up::all_is_counted;
use super::{Nodes, node};

/// As often as a statement is run until the database has settled on its plan for any parameters, and once more.
const SETTLES: i64 = 7;

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
    for _ in 0..SETTLES {
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

/// A thousand more monitors of the same workspace as the one there is, among as many of somebody else, each with the incident that
/// it had; and a thousand more of its own.
const NEIGHBOURS: &str = "
    CREATE TEMPORARY TABLE others AS
    SELECT m.id AS of, m.workspace_id, md5(m.id::text || n)::uuid AS id FROM monitors AS m, generate_series(1, 1000) AS n;
    INSERT INTO workspaces (id, created_at) SELECT md5(w.id::text)::uuid, w.created_at FROM workspaces AS w;
    INSERT INTO others SELECT of, md5(workspace_id::text)::uuid, md5(id::text)::uuid FROM others;
    INSERT INTO monitors
    SELECT (jsonb_populate_record(m, jsonb_build_object('id', o.id, 'workspace_id', o.workspace_id))).*
    FROM others AS o JOIN monitors AS m ON m.id = o.of;
    INSERT INTO monitor_states
    SELECT (jsonb_populate_record(s, jsonb_build_object('monitor_id', o.id))).*
    FROM others AS o JOIN monitor_states AS s ON s.monitor_id = o.of;
    INSERT INTO schedule
    SELECT (jsonb_populate_record(s, jsonb_build_object('monitor_id', o.id))).*
    FROM others AS o JOIN schedule AS s ON s.monitor_id = o.of;
    INSERT INTO incidents
    SELECT (jsonb_populate_record(i, jsonb_build_object('id', md5(i.id::text || o.id)::uuid, 'monitor_id', o.id,
                                                        'workspace_id', o.workspace_id))).*
    FROM others AS o JOIN incidents AS i ON i.monitor_id = o.of;
    INSERT INTO incidents
    SELECT (jsonb_populate_record(i, jsonb_build_object('id', md5(i.id::text || n)::uuid))).*
    FROM incidents AS i, generate_series(1, 1000) AS n
    WHERE NOT EXISTS (SELECT FROM others AS o WHERE o.id = i.monitor_id);
    ANALYZE";

/// How many are on the pages that are asked for, and how many rows of a table may be read for one: what a scan looks at beyond it
/// among them.
const PAGE: u32 = 10;
const READ_AT_MOST: i64 = PAGE as i64 + 1;

/// How many rows of tables are read where something is asked as often as it takes for the database to settle on plans for any
/// parameters.
async fn read_by<F: Future<Output = ()>>(
    nodes: &Nodes,
    connection: &mut PgConnection,
    tables: &[&str],
    ask: impl Fn(Arc<PostgresStore>) -> F,
) -> i64 {
    let read = "SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::bigint
                FROM pg_stat_user_tables WHERE relname = ANY ($1)";
    all_is_counted(connection).await;
    let before: i64 = sqlx::query_scalar(read).bind(tables).fetch_one(&mut *connection).await.unwrap();
    let reader = Arc::new(node(nodes.database.url(), 3).await);
    for _ in 0..SETTLES {
        ask(reader.clone()).await;
    }
    reader.close().await;
    all_is_counted(connection).await;
    let after: i64 = sqlx::query_scalar(read).bind(tables).fetch_one(connection).await.unwrap();
    after - before
}

#[tokio::test]
async fn a_page_costs_the_same_however_far_back_it_is_and_whatever_others_have() {
    let nodes = Nodes::start().await;
    let m = nodes.stage.monitor_every(60).await;
    nodes.stage.take_down(&m).await;
    nodes.stage.check_up(m.slot(5)).await;
    let workspace = m.monitor.workspace;
    let mut connection = PgConnection::connect(nodes.database.url()).await.unwrap();
    sqlx::raw_sql(NEIGHBOURS).execute(&mut connection).await.unwrap();
    nodes.one.close().await;
    nodes.other.close().await;
    for place in [0, 985] {
        let nth = "SELECT id FROM monitors WHERE workspace_id = $1 ORDER BY id LIMIT 1 OFFSET $2";
        let after = sqlx::query_scalar(nth).bind(workspace.uuid()).bind(place).fetch_one(&mut connection).await;
        let after = MonitorId::new(after.unwrap());
        let page = |reader: Arc<PostgresStore>| async move {
            assert_eq!(reader.monitors(workspace, Some(after), PAGE).await.unwrap().len(), PAGE as usize);
        };
        let rows = read_by(&nodes, &mut connection, &["monitors", "monitor_states", "schedule"], page).await;
        assert!(rows <= SETTLES * 3 * READ_AT_MOST, "{rows} rows were read of monitors after {place}");

        let nth = "SELECT id FROM incidents WHERE workspace_id = $1 ORDER BY id DESC LIMIT 1 OFFSET $2";
        let before = sqlx::query_scalar(nth).bind(workspace.uuid()).bind(place).fetch_one(&mut connection).await;
        let before = Some(IncidentId::new(before.unwrap()));
        for monitor in [None, Some(m.id())] {
            let query = &IncidentQuery { workspace, monitor, before, limit: PAGE };
            let page = |reader: Arc<PostgresStore>| async move {
                assert_eq!(reader.incidents(query).await.unwrap().len(), PAGE as usize);
            };
            let rows = read_by(&nodes, &mut connection, &["incidents", "monitors"], page).await;
            assert!(rows <= SETTLES * 2 * READ_AT_MOST, "{rows} rows were read of incidents after {place}");
        }
    }
}
