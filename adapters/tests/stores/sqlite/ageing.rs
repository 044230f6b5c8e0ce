//! History that ages: what plain SQL sees of it, and that what is packed takes little room.

use std::sync::Arc;

use sqlx::{Row, SqlitePool};
use tempfile::TempDir;
use watchkeeper_domain::retention::Retention;
use watchkeeper_domain::testkit::contract::{Specimen, Stage, Subject};
use watchkeeper_domain::time::Timestamp;
use watchkeeper_domain::verdict::Verdict;

use super::open;

/// A stage on a file, and how the file is read beside it.
async fn stage(directory: &TempDir) -> (Stage, SqlitePool) {
    let store = Arc::new(open(directory.path()).await);
    let path = directory.path().join("watchkeeper.db");
    let pool = SqlitePool::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    (Stage::open(&Subject::new(store)).await, pool)
}

/// Packs what is over, and holds what plain SQL shows of a monitor against its log.
async fn packed_checks_are_read_in_plain_sql(stage: &Stage, pool: &SqlitePool, m: &Specimen, now: Timestamp) {
    let packed = Retention::new(1, 400, 1_830).unwrap();
    stage.fold_all(now).await;
    // Half of what was packed is still there as it was before, and must not be met twice.
    let retired = stage.store().retire(now, &packed, 30).await.unwrap();
    assert!(retired.has_more);
    let all = "SELECT * FROM check_history WHERE monitor_id = ? ORDER BY slot DESC";
    let rows = sqlx::query(all).bind(m.id().uuid()).fetch_all(pool).await.unwrap();
    let log = stage.log(m.id()).await;
    assert_eq!(rows.len(), log.len());
    let mut count = 0;
    for (row, check) in rows.iter().zip(&log) {
        assert_eq!(row.get::<i64, _>("slot"), check.slot.as_micros());
        assert_eq!(row.get::<i64, _>("checked_at"), check.checked_at.as_micros());
        assert_eq!(u128::try_from(row.get::<i64, _>("latency_us")).unwrap(), check.latency.as_micros());
        assert_eq!(row.get::<Option<i64>, _>("http_status"), check.http_status.map(i64::from));
        let verdicts = [Verdict::Up, Verdict::Degraded, Verdict::Down].into_iter().zip(1_i64..);
        let verdict = verdicts.filter(|(verdict, _)| *verdict == check.verdict).map(|(_, code)| code).next();
        assert_eq!(Some(row.get::<i64, _>("verdict")), verdict);
        let reason = check.reason.as_ref().map(|reason| reason.detail.as_str());
        assert_eq!(row.get::<Option<&str>, _>("reason_detail"), reason);
        assert_eq!(row.get::<Option<i64>, _>("reason_kind").is_some(), reason.is_some());
        assert_eq!(row.get::<bool, _>("is_packed"), check.slot < packed.left(now).raw_from);
        count += usize::from(row.get::<bool, _>("is_packed"));
    }
    assert!(count > 50, "{count} were packed");
    stage.retire_all(now, &packed).await;
    assert_eq!(stage.log(m.id()).await, log);
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM checks WHERE slot < ?")
        .bind(packed.left(now).raw_from.as_micros())
        .fetch_one(pool)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn checks_of_some_days_are_read_in_plain_sql() {
    let directory = TempDir::new().unwrap();
    let (stage, pool) = stage(&directory).await;
    let (m, now) = stage.live_for_days().await;
    packed_checks_are_read_in_plain_sql(&stage, &pool, &m, now).await;
    let (mixed, apart) = mixed_and_apart(&pool).await;
    assert!(mixed > 0 && apart > 0, "{mixed} runs are mixed, and {apart} are not");
}

#[tokio::test]
async fn results_that_change_all_the_time_are_read_in_plain_sql_and_take_little_room() {
    let directory = TempDir::new().unwrap();
    let (stage, pool) = stage(&directory).await;
    let (m, now) = stage.live_in_trouble().await;
    packed_checks_are_read_in_plain_sql(&stage, &pool, &m, now).await;
    assert!(mixed_and_apart(&pool).await.0 > 0);
    // Of a whole day: three bytes of latency, a letter, and where it is no scheduled one the digits of when it was.
    let (checks, bytes): (i64, i64) = sqlx::query_as(
        "SELECT length(packed_latencies) / 3, length(packed_latencies) + length(runs)
           FROM packed_checks ORDER BY 1 DESC LIMIT 1",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert!(checks > 350 && bytes < 7 * checks, "{bytes} bytes of {checks} checks");
}

/// How many mixed runs there are, and how many others.
async fn mixed_and_apart(pool: &SqlitePool) -> (i64, i64) {
    let count = "SELECT count(*) FILTER (WHERE json_type(value, '$[2]') = 'text'),
                        count(*) FILTER (WHERE json_type(value, '$[2]') = 'integer')
                   FROM packed_checks, json_each(runs)";
    sqlx::query_as(count).fetch_one(pool).await.unwrap()
}

#[tokio::test]
async fn what_was_derived_before_is_derived_again_without_a_trace() {
    let directory = TempDir::new().unwrap();
    let (stage, pool) = stage(&directory).await;
    let (_, now) = stage.live_for_days().await;
    stage.fold_all(now).await;
    let rows = "SELECT format('%d %d %s %d %d %d %s %s %s', began_at, monitor_key, region, up, degraded, down,
                              hex(latencies), runs, hex(packed_latencies)) AS row FROM hour_rollups
                UNION ALL
                SELECT format('%d %d %s %d %d %d %s %s', began_at, monitor_key, region, up, degraded, down,
                              hex(latencies), hex(hours)) FROM day_rollups
                UNION ALL
                SELECT format('%d %d %s %s %s', began_at, monitor_key, region, runs, hex(packed_latencies))
                  FROM packed_checks
                 ORDER BY row";
    let derived: Vec<String> = sqlx::query_scalar(rows).fetch_all(&pool).await.unwrap();
    assert!(derived.len() > 50, "{} rows", derived.len());
    // As after a crash, or a restart from an older copy of the watermark: of all, and of days alone.
    for forget in ["hours_to = NULL, days_to = NULL", "days_to = NULL"] {
        let forget = sqlx::AssertSqlSafe(format!("UPDATE history_progress SET {forget}, folded_key = NULL"));
        sqlx::query(forget).execute(&pool).await.unwrap();
        stage.fold_all(now).await;
        let again: Vec<String> = sqlx::query_scalar(rows).fetch_all(&pool).await.unwrap();
        assert_eq!(again, derived);
    }
}
