//! Who belongs to a cohort. A monitor is due by itself until its first slot has been claimed, and again from when it is
//! changed; in between it has a seat in a cohort. Every change of the members counts the cohort's version up, under the lock
//! of its row.

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;
use watchkeeper_domain::cohort::{MAX_MEMBERS, MAX_SLOTS_A_DAY, slots_a_day};
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::port::ClaimRequest;
use watchkeeper_domain::schedule::Schedule;
use watchkeeper_domain::time::Timestamp;

use crate::cohort::MAX_CHANGES;
use crate::postgres::bigint;
use crate::postgres::instant::Instant;
use crate::row::{Fault, schedule};

/// How many monitors get a seat in one claim.
const MAX_SEATED: i64 = 2_000;

#[derive(FromRow)]
struct RoomRow {
    id: i64,
    claimed_to: Instant,
    version: i64,
    members: i32,
    slots_a_day: i64,
}

#[derive(FromRow)]
struct NewcomerRow {
    monitor_id: Uuid,
    next_due_at: Instant,
    interval_ms: i64,
    phase_ms: i64,
}

impl NewcomerRow {
    fn slots_a_day(&self) -> i64 {
        bigint(slots_a_day(schedule(self.interval_ms, self.phase_ms)))
    }
}

/// Gives monitors a seat that are due by themselves, though not before the horizon. Who finds none goes on by itself.
pub(in crate::postgres) async fn seat_newcomers(
    connection: &mut PgConnection,
    request: &ClaimRequest,
) -> Result<(), Fault> {
    let newcomers = lock_newcomers(connection, request).await?;
    if newcomers.is_empty() {
        return Ok(());
    }
    let Some(mut room) = lock_room(connection, request).await? else { return Ok(()) };
    let mut seated = Vec::with_capacity(newcomers.len());
    for newcomer in newcomers {
        let is_full = room.members >= i32::try_from(MAX_MEMBERS).unwrap_or(i32::MAX)
            || room.slots_a_day >= bigint(MAX_SLOTS_A_DAY);
        if is_full {
            break;
        }
        // Others have claimed the cohort further than this one looks: its next slot is not to be had with it.
        if newcomer.next_due_at.0 < room.claimed_to.0 {
            continue;
        }
        room.members += 1;
        room.slots_a_day += newcomer.slots_a_day();
        seated.push(newcomer);
    }
    let (Some(first), Some(longest)) =
        (seated.iter().map(|row| row.next_due_at.0).min(), seated.iter().map(|row| row.interval_ms).max())
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
    .bind(room.version + 1)
    .bind(room.members)
    .bind(room.slots_a_day)
    .bind(Instant(first))
    .bind(longest)
    .execute(&mut *connection)
    .await?;
    sqlx::query("UPDATE schedule SET cohort_id = $1, changed = $2 WHERE region = $3 AND monitor_id = ANY ($4)")
        .bind(room.id)
        .bind(room.version + 1)
        .bind(request.region.as_str())
        .bind(seated.iter().map(|row| row.monitor_id).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

async fn lock_newcomers(connection: &mut PgConnection, request: &ClaimRequest) -> Result<Vec<NewcomerRow>, Fault> {
    let rows = sqlx::query_as(
        "SELECT monitor_id, next_due_at, interval_ms, phase_ms
         FROM schedule
         WHERE region = $1 AND cohort_id IS NULL AND next_due_at > $2
         ORDER BY next_due_at
         LIMIT $3
         FOR UPDATE SKIP LOCKED",
    )
    .bind(request.region.as_str())
    .bind(Instant(request.horizon.max(request.now)))
    .bind(MAX_SEATED)
    .fetch_all(connection)
    .await?;
    Ok(rows)
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
    .bind(i32::try_from(MAX_MEMBERS).unwrap_or(i32::MAX))
    .bind(bigint(MAX_SLOTS_A_DAY))
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
    .bind(i32::try_from(MAX_MEMBERS).unwrap_or(i32::MAX))
    .bind(bigint(MAX_SLOTS_A_DAY))
    .bind(Instant(request.horizon.max(request.now).next()))
    .fetch_optional(connection)
    .await?;
    Ok(made)
}

/// A member that leaves its cohort, whose row is locked.
#[derive(Clone, Copy, Debug)]
pub(in crate::postgres) struct Departing {
    pub(in crate::postgres) cohort: i64,
    pub(in crate::postgres) monitor: MonitorId,
    pub(in crate::postgres) schedule: Schedule,
}

/// Lets a member leave. What becomes of its row in the schedule is the caller's business.
pub(in crate::postgres) async fn depart(connection: &mut PgConnection, departing: Departing) -> Result<(), Fault> {
    let of = [(departing.monitor, bigint(slots_a_day(departing.schedule)))];
    note_departures(connection, departing.cohort, &of).await.map(drop)
}

/// Lets members leave that are due by themselves from now on, each at its slot, and answers the cohort's new version.
pub(super) async fn let_go(
    connection: &mut PgConnection,
    cohort: i64,
    surplus: &[(MonitorId, Timestamp)],
) -> Result<i64, Fault> {
    let rows: Vec<(Uuid, i64, i64)> = sqlx::query_as(
        "UPDATE schedule AS s
         SET cohort_id = NULL, changed = NULL, next_due_at = w.slot
         FROM unnest($2::uuid[], $3::timestamptz[]) AS w (monitor_id, slot)
         WHERE s.monitor_id = w.monitor_id AND s.cohort_id = $1
         RETURNING s.monitor_id, s.interval_ms, s.phase_ms",
    )
    .bind(cohort)
    .bind(surplus.iter().map(|(monitor, _)| monitor.uuid()).collect::<Vec<_>>())
    .bind(surplus.iter().map(|(_, slot)| Instant(*slot)).collect::<Vec<_>>())
    .fetch_all(&mut *connection)
    .await?;
    let departed = rows.into_iter().map(|(monitor, interval_ms, phase_ms)| {
        (MonitorId::new(monitor), bigint(slots_a_day(schedule(interval_ms, phase_ms))))
    });
    note_departures(connection, cohort, &departed.collect::<Vec<_>>()).await
}

async fn note_departures(
    connection: &mut PgConnection,
    cohort: i64,
    departed: &[(MonitorId, i64)],
) -> Result<i64, Fault> {
    let version: i64 = sqlx::query_scalar(
        "UPDATE cohorts
         SET version = version + 1, members = members - $2, slots_a_day = slots_a_day - $3
         WHERE id = $1
         RETURNING version",
    )
    .bind(cohort)
    .bind(i32::try_from(departed.len()).unwrap_or(i32::MAX))
    .bind(departed.iter().map(|(_, slots_a_day)| slots_a_day).sum::<i64>())
    .fetch_one(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM cohort_departures WHERE cohort_id = $1 AND version <= $2")
        .bind(cohort)
        .bind(version - MAX_CHANGES)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO cohort_departures (cohort_id, version, monitor_id)
         SELECT $1, $2, monitor_id FROM unnest($3::uuid[]) AS w (monitor_id)",
    )
    .bind(cohort)
    .bind(version)
    .bind(departed.iter().map(|(monitor, _)| monitor.uuid()).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(version)
}

/// Counts a change of a member's settings, and answers the version that its row is to carry.
pub(in crate::postgres) async fn renew(connection: &mut PgConnection, cohort: i64) -> Result<i64, Fault> {
    let version = sqlx::query_scalar("UPDATE cohorts SET version = version + 1 WHERE id = $1 RETURNING version")
        .bind(cohort)
        .fetch_one(connection)
        .await?;
    Ok(version)
}
