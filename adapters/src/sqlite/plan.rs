//! How SQLite goes about the queries that must never search: held by asking it.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, Row};
use tempfile::TempDir;
use watchkeeper_domain::testkit::CountingIds;

use super::values::with_rows;
use super::{SqliteStore, claim, cohort, fold, lease, log, record, retire};

async fn plan(statement: String) -> String {
    let directory = TempDir::new().unwrap();
    let store = SqliteStore::open(&directory.path().join("plan.db"), Arc::new(CountingIds::new())).await.unwrap();
    let explained = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")));
    let rows = explained.fetch_all(&store.writer).await.unwrap();
    store.close().await;
    rows.iter().map(|row| row.get::<String, _>("detail")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn healthy_checks_are_looked_up_by_their_whole_key_and_others_through_the_small_index() {
    for statement in [log::CHECKS, log::FIGURES] {
        let plan = plan(statement.to_owned()).await;
        assert!(plan.contains("SEARCH c USING PRIMARY KEY (slot=? AND monitor_key=? AND region=?)"), "{plan}");
        let notable = "SEARCH n USING INDEX checks_notable (monitor_key=? AND region=? AND slot>? AND slot<?)";
        assert!(plan.contains(notable), "{plan}");
        assert!(!plan.contains("SCAN c") && !plan.contains("SCAN n") && !plan.contains("TEMP B-TREE"), "{plan}");
    }
    let newest = plan(log::CHECKS.to_owned()).await;
    let by_covering = "SEARCH checks USING COVERING INDEX checks_notable";
    assert!(newest.contains(by_covering), "the bound of a stretch is found in the index alone: {newest}");
}

#[tokio::test]
async fn packed_and_folded_days_are_looked_up_by_their_monitor() {
    let packs = plan(log::PACKS.to_owned()).await;
    let key = "(monitor_key=? AND region=? AND began_at>? AND began_at<?)";
    assert!(packs.contains(&format!("SEARCH p USING INDEX sqlite_autoindex_packed_checks_1 {key}")), "{packs}");
    let bound = "SEARCH packed_checks USING COVERING INDEX sqlite_autoindex_packed_checks_1";
    assert_eq!(packs.matches(bound).count(), 2, "both bounds of what is read are looked up: {packs}");
    let days = plan(log::DAYS.to_owned()).await;
    assert!(days.contains(&format!("SEARCH day_rollups USING PRIMARY KEY {key}")), "{days}");
    let hours = plan(log::HOURS.to_owned()).await;
    assert!(hours.contains("USING PRIMARY KEY (began_at=? AND monitor_key=? AND region=?)"), "{hours}");
}

#[tokio::test]
async fn folding_and_retiring_take_what_is_next_out_of_an_index() {
    let earlier = plan(fold::EARLIER.to_owned()).await;
    let key = "(monitor_key=? AND region=? AND began_at";
    assert!(earlier.contains(&format!("SEARCH p USING INDEX sqlite_autoindex_packed_checks_1 {key}=?)")), "{earlier}");
    let newest = format!("SEARCH packed_checks USING COVERING INDEX sqlite_autoindex_packed_checks_1 {key}<?)");
    assert!(earlier.contains(&newest), "{earlier}");
    let hours = plan(fold::HOURS.to_owned()).await;
    assert!(hours.contains("SEARCH h USING PRIMARY KEY (began_at=? AND monitor_key>? AND monitor_key<?)"), "{hours}");
    for statement in retire::WHOLE.into_iter().chain([retire::packs::OF_ALL, retire::ROLLUPS]) {
        let plan = plan(statement.to_owned()).await;
        assert!(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{plan}");
    }
}

#[tokio::test]
async fn what_is_known_of_many_monitors_is_looked_up_for_each() {
    let plan = plan(log::FACTS.to_owned()).await;
    for look_up in [
        "SEARCH m USING INDEX sqlite_autoindex_monitors_1 (id=?)",
        "SEARCH d USING PRIMARY KEY (monitor_key=? AND region=?)",
        "SEARCH c USING PRIMARY KEY (monitor_key=? AND region=?)",
    ] {
        assert!(plan.contains(look_up), "{look_up} in {plan}");
    }
    let leases = self::plan(log::LEASES.to_owned()).await;
    assert!(leases.contains("SEARCH l USING INDEX leases_by_cohort (cohort_id=?)"), "{leases}");
    assert!(!leases.contains("SCAN d") && !leases.contains("SCAN l"), "{leases}");
    for (alias, table, key) in [
        ("e", "schedule_epochs", "monitor_key=? AND region=? AND began_at"),
        ("g", "slot_gaps", "monitor_key=? AND region=? AND first_slot"),
        ("s", "status_spans", "monitor_key=? AND began_at"),
    ] {
        assert!(plan.contains(&format!("SEARCH {alias} USING PRIMARY KEY ({key}>? AND")), "{plan}");
        let bound = format!("SEARCH {table} USING PRIMARY KEY ({key}<?)");
        assert_eq!(plan.matches(&bound).count(), 2, "both bounds of what is read are looked up: {plan}");
        assert!(!plan.contains(&format!("SCAN {alias}")) && !plan.contains(&format!("SCAN {table}")), "{plan}");
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
async fn who_is_in_a_cohort_and_who_is_not_comes_out_of_an_index() {
    let newcomers = plan(cohort::NEWCOMERS.to_owned()).await;
    assert!(newcomers.contains("schedule_due (region=? AND next_due_at>?)"), "{newcomers}");
    let overdue = plan(cohort::OVERDUE.to_owned()).await;
    assert!(overdue.contains("schedule_due (region=? AND next_due_at<?)"), "{overdue}");
    let members = plan(cohort::MEMBERS.to_owned()).await;
    assert!(members.contains("schedule_by_cohort (cohort_id=? AND changed>?)"), "{members}");
    for plan in [newcomers, overdue, members] {
        assert!(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{plan}");
    }
}

#[tokio::test]
async fn what_a_workspace_lets_go_of_is_looked_up_monitor_by_monitor() {
    let evidence = plan(retire::workspace::EVIDENCE.to_owned()).await;
    let notable = "SEARCH c USING COVERING INDEX checks_notable (monitor_key=? AND region=? AND slot>? AND slot<?)";
    assert!(evidence.contains(notable), "{evidence}");
    assert!(evidence.contains("SEARCH e USING COVERING INDEX sqlite_autoindex_evidence_1 (slot=?"), "{evidence}");
    for (statement, index) in [
        (retire::packs::OF_ONE, "sqlite_autoindex_packed_checks_1 (monitor_key=?"),
        (retire::workspace::ROLLUPS, "PRIMARY KEY (monitor_key=?"),
    ] {
        let plan = plan(statement.to_owned()).await;
        assert!(plan.contains(index) && !plan.contains("SCAN"), "{plan}");
    }
}

#[tokio::test]
async fn a_batch_is_moved_and_recorded_row_by_row_through_keys() {
    let moved = plan(with_rows(claim::MOVE, 2, 64)).await;
    assert!(moved.contains("SEARCH schedule USING PRIMARY KEY (monitor_key=? AND region=?)"), "{moved}");
    let held = plan(with_rows(record::HELD, 5, 64)).await;
    assert!(held.contains("SEARCH c USING PRIMARY KEY (monitor_key=? AND region=? AND slot=?)"), "{held}");
    assert!(!held.contains("SCAN m") && !held.contains("SCAN c") && !held.contains("SCAN s"), "{held}");
    let leased = plan(with_rows(record::LEASED, 4, 64)).await;
    assert!(leased.contains("SEARCH older USING PRIMARY KEY (monitor_key=? AND region=? AND slot<?)"), "{leased}");
    assert!(!leased.contains("SCAN m") && !leased.contains("SCAN s"), "{leased}");
    for (statement, columns, search) in [
        (cohort::MOVE_ON, 3, "SEARCH cohorts USING INTEGER PRIMARY KEY (rowid=?)"),
        (lease::HELD_BY, 1, "SEARCH leases USING INDEX leases_by_token (token=?)"),
        (lease::END, 1, "SEARCH leases USING INTEGER PRIMARY KEY (rowid=?)"),
        (lease::SHRINK, 3, "SEARCH leases USING INTEGER PRIMARY KEY (rowid=?)"),
    ] {
        let plan = plan(with_rows(statement, columns, 64)).await;
        assert!(plan.contains(search) && !plan.contains("SCAN leases") && !plan.contains("SCAN cohorts"), "{plan}");
    }
    let of_cohorts = plan(lease::OF_COHORTS.to_owned()).await;
    assert!(of_cohorts.contains("SEARCH l USING INDEX leases_by_cohort (cohort_id=?)"), "{of_cohorts}");
    let standing = plan(record::STANDING.to_owned()).await;
    assert!(standing.contains("SEARCH e USING PRIMARY KEY (monitor_key=? AND region=?)"), "{standing}");
    assert!(!standing.contains("SCAN") && !standing.contains("TEMP B-TREE"), "{standing}");
    let ended = plan(with_rows(record::END, 3, 64)).await;
    assert!(ended.contains("SEARCH claims USING PRIMARY KEY (monitor_key=? AND region=? AND slot=?)"), "{ended}");
}

#[tokio::test]
async fn plain_sql_finds_what_is_packed_by_its_monitor() {
    let of_one =
        "SELECT slot, verdict FROM check_history WHERE monitor_id = ? AND slot >= ? AND slot < ? ORDER BY slot";
    let plan = plan(of_one.to_owned()).await;
    assert!(plan.contains("SEARCH p USING INDEX sqlite_autoindex_packed_checks_1 (monitor_key=?)"), "{plan}");
    assert!(plan.contains("SEARCH c USING PRIMARY KEY (slot>? AND slot<?)"), "{plan}");
}
