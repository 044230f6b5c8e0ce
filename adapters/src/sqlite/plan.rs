//! How SQLite goes about the queries that must never search: held by asking it.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, Row};
use tempfile::TempDir;
use watchkeeper_domain::testkit::CountingIds;

use super::values::with_rows;
use super::{SqliteStore, claim, log, record};

async fn plan(statement: String) -> String {
    let directory = TempDir::new().unwrap();
    let store = SqliteStore::open(&directory.path().join("plan.db"), Arc::new(CountingIds::new())).await.unwrap();
    let explained = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")));
    let rows = explained.fetch_all(&store.writer).await.unwrap();
    store.close().await;
    rows.iter().map(|row| row.get::<String, _>("detail")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn checks_on_the_grid_are_looked_up_by_their_whole_key() {
    for statement in [log::AT_SLOTS, log::POINTS_AT_SLOTS] {
        let plan = plan(statement.to_owned()).await;
        assert!(plan.contains("USING PRIMARY KEY (slot=? AND monitor_key=? AND region=?)"), "{plan}");
        assert!(!plan.contains("SCAN c") && !plan.contains("SCAN checks"), "{plan}");
    }
}

#[tokio::test]
async fn other_checks_are_found_through_the_small_index() {
    for statement in [log::NOTABLE, log::UNSCHEDULED_POINTS] {
        let plan = plan(statement.to_owned()).await;
        assert!(plan.contains("checks_notable (monitor_key=? AND region=? AND slot>? AND slot<?)"), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
}

#[tokio::test]
async fn what_is_due_comes_out_of_its_index_in_order() {
    let scheduled = plan(claim::DUE.to_owned()).await;
    assert!(scheduled.contains("schedule_due (region=? AND next_due_at<?)"), "{scheduled}");
    assert!(!scheduled.contains("SCAN") && !scheduled.contains("TEMP B-TREE"), "{scheduled}");
    let open = plan(claim::FREE.to_owned()).await;
    assert!(open.contains("claims_free (region=? AND lease_until<?)"), "{open}");
    assert!(!open.contains("SCAN") && !open.contains("TEMP B-TREE"), "{open}");
}

#[tokio::test]
async fn a_batch_is_moved_and_recorded_row_by_row_through_keys() {
    let moved = plan(with_rows(claim::MOVE, 2, 64)).await;
    assert!(moved.contains("SEARCH schedule USING PRIMARY KEY (monitor_key=? AND region=?)"), "{moved}");
    let held = plan(with_rows(record::HELD, 5, 64)).await;
    assert!(held.contains("SEARCH c USING PRIMARY KEY (monitor_key=? AND region=? AND slot=?)"), "{held}");
    assert!(!held.contains("SCAN m") && !held.contains("SCAN c") && !held.contains("SCAN s"), "{held}");
    let standing = plan(record::STANDING.to_owned()).await;
    assert!(standing.contains("SEARCH e USING PRIMARY KEY (monitor_key=? AND region=?)"), "{standing}");
    assert!(!standing.contains("SCAN") && !standing.contains("TEMP B-TREE"), "{standing}");
    let ended = plan(with_rows(record::END, 3, 64)).await;
    assert!(ended.contains("SEARCH claims USING PRIMARY KEY (monitor_key=? AND region=? AND slot=?)"), "{ended}");
}
