//! Into PostgreSQL.

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;
use watchkeeper_domain::time::Timestamp;

use super::{BATCH, cohorts, seats, slots_a_day, slots_an_hour, timeout_seconds, waiting};
use crate::load::Load;

pub(super) async fn fill(
    connection: &mut PgConnection,
    load: Load,
    from: Timestamp,
    target: &str,
) -> anyhow::Result<()> {
    let all = waiting(load, from)?;
    let sizes: Vec<i64> = cohorts(load).into_iter().map(i64::from).collect();
    let numbers: Vec<i64> = sqlx::query_scalar(
        "INSERT INTO cohorts (region, claimed_to, next_due_at, version, members, slots_a_day, longest_interval_ms)
         SELECT 'default', to_timestamp($2), to_timestamp($2), 1, size, size * $3, $4
         FROM unnest($1::bigint[]) AS w (size)
         RETURNING id",
    )
    .bind(&sizes)
    .bind(from.as_micros() as f64 / 1e6)
    .bind(slots_a_day(load) as i64)
    .bind(i64::from(load.interval_seconds) * 1_000)
    .fetch_all(&mut *connection)
    .await?;
    let seats = seats(load, &numbers);
    for (batch, seats) in all.chunks(BATCH).zip(seats.chunks(BATCH)) {
        // In one transaction, of which now() is the beginning: a span begins when the state says.
        let mut step = connection.begin().await?;
        let ids: Vec<Uuid> = batch.iter().map(|of| of.id).collect();
        sqlx::query(
            "INSERT INTO monitors (id, workspace_id, name, target_kind, url, http_method, follow_redirects, interval_secs,
                                   timeout_secs, statuses, confirm_down, confirm_up, is_active, created_at, version)
             SELECT id, (SELECT id FROM workspaces), 'of many', 1, $2, 1, true, $3, $4, '200-399', 1, 0, true, now(), 1
             FROM unnest($1::uuid[]) AS w (id)",
        )
        .bind(&ids)
        .bind(target)
        .bind(i32::try_from(load.interval_seconds)?)
        .bind(i32::try_from(timeout_seconds(load))?)
        .execute(&mut *step)
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
             SELECT id, 'default', due, {interval}, phase, {timeout}, 1, seat, 1 FROM w",
            "INSERT INTO schedule_epochs (monitor_id, region, began_at, opening_slot, interval_ms, phase_ms)
             SELECT id, 'default', due, due, {interval}, phase FROM w",
        ] {
            let millis = |seconds: u32| (u64::from(seconds) * 1_000).to_string();
            let statement = statement.replace("{interval}", &millis(load.interval_seconds));
            let statement = format!("{with} {}", statement.replace("{timeout}", &millis(timeout_seconds(load))));
            let query = sqlx::query(AssertSqlSafe(statement)).bind(&ids).bind(&due).bind(&phases).bind(seats);
            query.execute(&mut *step).await?;
        }
        step.commit().await?;
    }
    sqlx::raw_sql("VACUUM ANALYZE").execute(connection).await?;
    Ok(())
}

/// Puts in the checks of the hour before an instant.
pub(super) async fn record(connection: &mut PgConnection, load: Load, until: Timestamp) -> anyhow::Result<()> {
    sqlx::query(
        "INSERT INTO checks (slot, monitor_id, region, checked_at, latency_us, http_status, origin, verdict)
         SELECT slot, monitor_id, region, slot + interval '1 millisecond', 1000 + (random() * 200000)::bigint, 200, 0, 1
         FROM (SELECT next_due_at - (floor(extract(epoch FROM next_due_at - to_timestamp($1)) * 1000 / interval_ms) + 1 + k)
                                    * interval_ms * interval '1 millisecond' AS slot, monitor_id, region
               FROM schedule, generate_series(0, $2 - 1) AS k
               ORDER BY 1, 2) AS past",
    )
    .bind(until.as_micros() as f64 / 1e6)
    .bind(i32::try_from(slots_an_hour(load))?)
    .execute(&mut *connection)
    .await?;
    sqlx::raw_sql("VACUUM ANALYZE checks").execute(connection).await?;
    Ok(())
}
