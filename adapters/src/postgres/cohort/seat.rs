//! Giving monitors a seat in a cohort.

use sqlx::PgConnection;
use watchkeeper_domain::cohort::MAX_MEMBERS;
use watchkeeper_domain::port::ClaimRequest;
use watchkeeper_domain::time::Timestamp;

use crate::cohort::seating::{MAX_SEATED, MOST_MEMBERS, MOST_SLOTS_A_DAY, NewcomerRow, RoomRow, Seating, crowd, seat};
use crate::row::{Fault, Instant};

/// Gives monitors a seat that are due by themselves, though not before the horizon. Who finds none goes on by itself.
pub(in crate::postgres) async fn seat_newcomers(
    connection: &mut PgConnection,
    request: &ClaimRequest,
) -> Result<(), Fault> {
    let newcomers = lock_unseated(connection, NEWCOMERS, request, MAX_SEATED).await?;
    if newcomers.is_empty() {
        return Ok(());
    }
    let room = lock_room(connection, request).await?;
    let Some(seating) = room.and_then(|room| seat(newcomers, room)) else { return Ok(()) };
    take_seats(connection, request, seating).await
}

/// Gives monitors a seat each in a cohort of their own that are overdue by themselves, where they are a crowd.
pub(in crate::postgres) async fn seat_crowd(
    connection: &mut PgConnection,
    request: &ClaimRequest,
) -> Result<(), Fault> {
    let overdue = lock_unseated(connection, OVERDUE, request, MAX_MEMBERS).await?;
    let Some((crowd, first)) = crowd(overdue) else { return Ok(()) };
    let room = make_room(connection, request, first).await?;
    let Some(seating) = seat(crowd, room) else { return Ok(()) };
    take_seats(connection, request, seating).await
}

async fn take_seats(connection: &mut PgConnection, request: &ClaimRequest, seating: Seating) -> Result<(), Fault> {
    let Seating { room, seated, first_slot, longest_interval_ms } = seating;
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
    .bind(first_slot)
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

/// Monitors without a seat that fall due after the horizon.
const NEWCOMERS: &str = "
    SELECT monitor_id AS id, next_due_at, interval_ms, phase_ms
    FROM schedule
    WHERE region = $1 AND cohort_id IS NULL AND next_due_at > $2
    ORDER BY next_due_at
    LIMIT $3
    FOR UPDATE SKIP LOCKED";

/// Those that are overdue.
const OVERDUE: &str = "
    SELECT monitor_id AS id, next_due_at, interval_ms, phase_ms
    FROM schedule
    WHERE region = $1 AND cohort_id IS NULL AND next_due_at <= $2
    ORDER BY next_due_at
    LIMIT $3
    FOR UPDATE SKIP LOCKED";

async fn lock_unseated(
    connection: &mut PgConnection,
    statement: &'static str,
    request: &ClaimRequest,
    most: u32,
) -> Result<Vec<NewcomerRow>, Fault> {
    let query = sqlx::query_as(statement).bind(request.region.as_str());
    Ok(query.bind(Instant(request.horizon.max(request.now))).bind(i64::from(most)).fetch_all(connection).await?)
}

/// A new cohort that is claimed up to an instant.
async fn make_room(
    connection: &mut PgConnection,
    request: &ClaimRequest,
    claimed_to: Timestamp,
) -> Result<RoomRow, Fault> {
    let made = sqlx::query_as(
        "INSERT INTO cohorts (region, claimed_to, version, members, slots_a_day, longest_interval_ms)
         VALUES ($1, $2, 0, 0, 0, 0)
         RETURNING id, claimed_to, version, members, slots_a_day",
    )
    .bind(request.region.as_str())
    .bind(Instant(claimed_to))
    .fetch_one(connection)
    .await?;
    Ok(made)
}

/// A cohort that has seats left, its row locked: a new one where all are full, none where somebody else is at it.
async fn lock_room(connection: &mut PgConnection, request: &ClaimRequest) -> Result<Option<RoomRow>, Fault> {
    let free: Option<RoomRow> = sqlx::query_as(
        "SELECT id, claimed_to, version, members, slots_a_day
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
         RETURNING id, claimed_to, version, members, slots_a_day",
    )
    .bind(request.region.as_str())
    .bind(MOST_MEMBERS)
    .bind(MOST_SLOTS_A_DAY)
    .bind(Instant(request.horizon.max(request.now).next()))
    .fetch_optional(connection)
    .await?;
    Ok(made)
}
