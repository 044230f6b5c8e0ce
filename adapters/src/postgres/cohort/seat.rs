//! Giving monitors a seat in a cohort.

use sqlx::PgConnection;
use watchkeeper_domain::port::ClaimRequest;

use crate::cohort::seating::{MAX_SEATED, MOST_MEMBERS, MOST_SLOTS_A_DAY, NewcomerRow, RoomRow, Seating, seat};
use crate::postgres::instant::Instant;
use crate::row::Fault;

/// Gives monitors a seat that are due by themselves, though not before the horizon. Who finds none goes on by itself.
pub(in crate::postgres) async fn seat_newcomers(
    connection: &mut PgConnection,
    request: &ClaimRequest,
) -> Result<(), Fault> {
    let newcomers = lock_newcomers(connection, request).await?;
    if newcomers.is_empty() {
        return Ok(());
    }
    let room = lock_room(connection, request).await?;
    let Some(Seating { room, seated, first_slot, longest_interval_ms }) = room.and_then(|room| seat(newcomers, room))
    else {
        return Ok(());
    };
    sqlx::query(
        "UPDATE cohorts
         SET version = $2, members = $3, slots_a_day = $4, next_due_at = least(next_due_at, $5),
             longest_interval_ms = greatest(longest_interval_ms, $6)
         WHERE id = $1",
    )
    .bind(room.id)
    .bind(room.version)
    .bind(room.members)
    .bind(room.slots_a_day)
    .bind(Instant::from_micros(first_slot))
    .bind(longest_interval_ms)
    .execute(&mut *connection)
    .await?;
    sqlx::query("UPDATE schedule SET cohort_id = $1, changed = $2 WHERE region = $3 AND monitor_id = ANY ($4)")
        .bind(room.id)
        .bind(room.version)
        .bind(request.region.as_str())
        .bind(seated.iter().map(|row| row.id).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

async fn lock_newcomers(connection: &mut PgConnection, request: &ClaimRequest) -> Result<Vec<NewcomerRow>, Fault> {
    let rows = sqlx::query_as(
        "SELECT monitor_id AS id, unix_us(next_due_at) AS next_due_at, interval_ms, phase_ms
         FROM schedule
         WHERE region = $1 AND cohort_id IS NULL AND schedule.next_due_at > $2
         ORDER BY schedule.next_due_at
         LIMIT $3
         FOR UPDATE SKIP LOCKED",
    )
    .bind(request.region.as_str())
    .bind(Instant(request.horizon.max(request.now)))
    .bind(i64::from(MAX_SEATED))
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// A cohort that has seats left, its row locked: a new one where all are full, none where somebody else is at it.
async fn lock_room(connection: &mut PgConnection, request: &ClaimRequest) -> Result<Option<RoomRow>, Fault> {
    let free: Option<RoomRow> = sqlx::query_as(
        "SELECT id, unix_us(claimed_to) AS claimed_to, version, members, slots_a_day
         FROM cohorts
         WHERE region = $1 AND members < $2 AND slots_a_day < $3
         ORDER BY id
         LIMIT 1
         FOR NO KEY UPDATE SKIP LOCKED",
    )
    .bind(request.region.as_str())
    .bind(MOST_MEMBERS)
    .bind(MOST_SLOTS_A_DAY)
    .fetch_optional(&mut *connection)
    .await?;
    if free.is_some() {
        return Ok(free);
    }
    let made = sqlx::query_as(
        "INSERT INTO cohorts (region, claimed_to, version, members, slots_a_day, longest_interval_ms)
         SELECT $1, $4, 0, 0, 0, 0
         WHERE NOT EXISTS (SELECT FROM cohorts WHERE region = $1 AND members < $2 AND slots_a_day < $3)
         RETURNING id, unix_us(claimed_to) AS claimed_to, version, members, slots_a_day",
    )
    .bind(request.region.as_str())
    .bind(MOST_MEMBERS)
    .bind(MOST_SLOTS_A_DAY)
    .bind(Instant(request.horizon.max(request.now).next()))
    .fetch_optional(connection)
    .await?;
    Ok(made)
}
