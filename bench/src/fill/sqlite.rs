//! Into SQLite.

use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use watchkeeper_domain::time::Timestamp;

use super::{BATCH, cohorts, seats, slots_a_day, slots_an_hour, timeout_seconds, waiting};
use crate::clock::now;
use crate::load::Load;

pub(super) async fn fill(
    connection: &mut SqliteConnection,
    load: Load,
    from: Timestamp,
    target: &str,
) -> anyhow::Result<()> {
    let all = waiting(load, from)?;
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
        .bind(slots_a_day(load) as i64)
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
        let (secs, timeout) = (load.interval_seconds, timeout_seconds(load));
        let from = "FROM json_each(?1) AS w JOIN monitors AS m ON m.id = unhex(w.value ->> 0)";
        for statement in [
            format!(
                "INSERT INTO monitors (id, workspace_id, name, target_kind, url, http_method, follow_redirects,
                     interval_secs, timeout_secs, statuses, confirm_down, confirm_up, is_active, created_at, version)
                 SELECT unhex(value ->> 0), (SELECT id FROM workspaces), 'of many', 1, ?2, 1, 1, {secs}, {timeout}, '200-399',
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
                 SELECT m.key, 'default', w.value ->> 1, {interval_ms}, w.value ->> 2, {timeout} * 1000, 1, w.value ->> 3, 1 {from}"
            ),
            format!(
                "INSERT INTO schedule_epochs (monitor_key, region, began_at, opening_slot, interval_ms, phase_ms)
                 SELECT m.key, 'default', w.value ->> 1, w.value ->> 1, {interval_ms}, w.value ->> 2 {from}"
            ),
        ] {
            let names_the_target = statement.contains("?2");
            let query = sqlx::query(AssertSqlSafe(statement)).bind(&rows);
            let query = if names_the_target { query.bind(target) } else { query };
            query.execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
    }
    sqlx::raw_sql("ANALYZE").execute(connection).await?;
    Ok(())
}

/// Puts in the checks of the hour before an instant, the newest slot of each monitor's grid before it first.
pub(super) async fn record(connection: &mut SqliteConnection, load: Load, until: Timestamp) -> anyhow::Result<()> {
    sqlx::query(
        "INSERT INTO checks (slot, monitor_key, region, origin, late_us, verdict, latency_us, http_status)
         SELECT next_due_at - ((next_due_at - ?1) / (interval_ms * 1000) + 1 + k.value) * interval_ms * 1000, monitor_key,
                region, 0, 1000, 1, 1000 + abs(random()) % 200000, 200
           FROM schedule, json_each(?2) AS k
          ORDER BY 1, 2",
    )
    .bind(until.as_micros())
    .bind(serde_json::to_string(&(0..slots_an_hour(load)).collect::<Vec<_>>())?)
    .execute(connection)
    .await?;
    Ok(())
}
