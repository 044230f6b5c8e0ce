//! Cohorts in SQLite: the tables that claiming by them needs. Every change of a cohort's members counts its version up.

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use uuid::Uuid;
use watchkeeper_domain::check::Region;
use watchkeeper_domain::cohort::{Lease, MAX_MEMBERS, Member, Sweep};
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::port::ClaimRequest;
use watchkeeper_domain::schedule::Schedule;
use watchkeeper_domain::time::Timestamp;

use super::lease;
use super::values::{identifiers, pieces, query_with_rows};
use crate::cohort::seating::{
    MAX_SEATED, MOST_MEMBERS, MOST_SLOTS_A_DAY, NewcomerRow, RoomRow, Seating, crowd, load, seat,
};
use crate::cohort::{Archive, CohortRow, MAX_CHANGES, MAX_COHORTS, MemberRow, Tables};
use crate::row::{Fault, Instant, Unreadable, bigint};

/// The tables, in a step.
pub(super) struct SqliteTables<'t>(pub(super) &'t mut SqliteConnection);

/// The members of a cohort that joined or changed after a version, as one text: a row for each of thousands of them would
/// cost more than all else that is read.
pub(super) const MEMBERS: &str = "
    SELECT json_group_array(json_array(hex(m.id), d.next_due_at, d.interval_ms, d.phase_ms, d.timeout_ms, d.version))
      FROM schedule AS d INDEXED BY schedule_by_cohort
      JOIN monitors AS m ON m.key = d.monitor_key
     WHERE d.cohort_id = ? AND d.changed > ?";

/// Writes where cohorts are claimed to and due next. Where each has few slots a claim takes from hundreds of them.
pub(super) const MOVE_ON: &str = "
    WITH moved (id, claimed_to, next_due_at) AS ({rows})
    UPDATE cohorts SET claimed_to = moved.claimed_to, next_due_at = moved.next_due_at
      FROM moved
     WHERE cohorts.id = moved.id";

async fn due(
    step: &mut SqliteConnection,
    region: &Region,
    horizon: Timestamp,
    most: u32,
) -> Result<Vec<CohortRow>, Fault> {
    let query = sqlx::query_as(
        "SELECT id, claimed_to, version, 0 AS timeline
           FROM cohorts
          WHERE region = ? AND next_due_at <= ?
          ORDER BY next_due_at
          LIMIT ?",
    );
    Ok(query.bind(region.as_str()).bind(horizon.as_micros()).bind(most).fetch_all(step).await?)
}

async fn members(step: &mut SqliteConnection, cohort: i64, after: i64) -> Result<Vec<Member>, Fault> {
    let text: String = sqlx::query_scalar(MEMBERS).bind(cohort).bind(after).fetch_one(step).await?;
    let unreadable = |_| Unreadable::new("Member", "what SQLite made of its own rows");
    let rows: Vec<(&str, Instant, i64, i64, i64, i32)> = serde_json::from_str(&text).map_err(unreadable)?;
    let rows = rows.into_iter().map(|(id, first_slot, interval_ms, phase_ms, timeout_ms, version)| {
        let id = Uuid::try_parse(id).map_err(|_| Unreadable::new("MonitorId", "a member"))?;
        Ok(MemberRow { id, first_slot, interval_ms, phase_ms, timeout_ms, version }.into())
    });
    rows.collect()
}

/// What is read ahead of the first claim.
#[derive(Clone)]
pub(super) struct SqliteArchive(pub(super) SqlitePool);

#[async_trait]
impl Archive for SqliteArchive {
    async fn due(&self, region: &Region, horizon: Timestamp) -> Result<Vec<CohortRow>, Fault> {
        due(&mut *self.0.acquire().await?, region, horizon, u32::MAX).await
    }

    async fn members(&self, cohort: i64) -> Result<Vec<Member>, Fault> {
        members(&mut *self.0.acquire().await?, cohort, 0).await
    }
}

#[async_trait]
impl Tables for SqliteTables<'_> {
    async fn lock_due(&mut self, request: &ClaimRequest) -> Result<Vec<CohortRow>, Fault> {
        due(self.0, &request.region, request.horizon.max(request.now), MAX_COHORTS).await
    }

    async fn members(&mut self, cohort: i64, after: i64) -> Result<Vec<Member>, Fault> {
        members(self.0, cohort, after).await
    }

    async fn departed(&mut self, cohort: i64, after: i64) -> Result<Vec<MonitorId>, Fault> {
        let query = sqlx::query_scalar("SELECT monitor_id FROM cohort_departures WHERE cohort_id = ? AND version > ?");
        let ids: Vec<Uuid> = query.bind(cohort).bind(after).fetch_all(&mut *self.0).await?;
        Ok(ids.into_iter().map(MonitorId::new).collect())
    }

    async fn let_go(&mut self, cohort: i64, surplus: &[(MonitorId, Timestamp)]) -> Result<Option<i64>, Fault> {
        lease::take_out(self.0, cohort, surplus.iter().map(|(monitor, _)| *monitor)).await?;
        let mut departed = Vec::with_capacity(surplus.len());
        for (monitor, slot) in surplus {
            let grid: Option<(i64, i64)> = sqlx::query_as(
                "UPDATE schedule SET cohort_id = NULL, changed = NULL, next_due_at = ?
                  WHERE monitor_key = (SELECT key FROM monitors WHERE id = ?) AND cohort_id = ?
              RETURNING interval_ms, phase_ms",
            )
            .bind(slot.as_micros())
            .bind(monitor.uuid())
            .bind(cohort)
            .fetch_optional(&mut *self.0)
            .await?;
            departed.extend(grid.map(|(interval, phase)| (*monitor, crate::row::schedule(interval, phase))));
        }
        Ok(Some(depart(self.0, cohort, &departed).await?))
    }

    async fn move_on(&mut self, moved: &[(i64, Sweep)]) -> Result<(), Fault> {
        for piece in pieces(moved) {
            let query = piece.iter().fold(query_with_rows(MOVE_ON, 3, piece.len()), |query, (id, sweep)| {
                query.bind(*id).bind(sweep.claimed_to.as_micros()).bind(sweep.next_due_at.map(Timestamp::as_micros))
            });
            query.execute(&mut *self.0).await?;
        }
        Ok(())
    }

    async fn lease(&mut self, request: &ClaimRequest, leases: &[(i64, Lease)]) -> Result<(), Fault> {
        lease::write(self.0, request, leases).await
    }
}

/// Lets members leave a cohort, and answers its new version. What becomes of their rows in the schedule is the caller's
/// business.
pub(super) async fn depart(
    step: &mut SqliteConnection,
    cohort: i64,
    departed: &[(MonitorId, Schedule)],
) -> Result<i64, Fault> {
    let version: i64 = sqlx::query_scalar(
        "UPDATE cohorts SET version = version + 1, members = members - ?, slots_a_day = slots_a_day - ?
          WHERE id = ?
      RETURNING version",
    )
    .bind(bigint(departed.len()))
    .bind(departed.iter().map(|(_, schedule)| load(*schedule)).sum::<i64>())
    .bind(cohort)
    .fetch_one(&mut *step)
    .await?;
    sqlx::query("DELETE FROM cohort_departures WHERE cohort_id = ? AND version <= ?")
        .bind(cohort)
        .bind(version - MAX_CHANGES)
        .execute(&mut *step)
        .await?;
    sqlx::query(
        "INSERT INTO cohort_departures (cohort_id, version, monitor_id)
         SELECT ?, ?, unhex(value) FROM json_each(?)",
    )
    .bind(cohort)
    .bind(version)
    .bind(identifiers(departed.iter().map(|(monitor, _)| monitor.uuid())))
    .execute(step)
    .await?;
    Ok(version)
}

/// Counts a change of a member's settings, and answers the version that its row is to carry.
pub(super) async fn renew(step: &mut SqliteConnection, cohort: i64) -> Result<i64, Fault> {
    let query = sqlx::query_scalar("UPDATE cohorts SET version = version + 1 WHERE id = ? RETURNING version");
    Ok(query.bind(cohort).fetch_one(step).await?)
}

/// Monitors without a seat whose next slot lies beyond the horizon.
pub(super) const NEWCOMERS: &str = "
    SELECT m.id, d.next_due_at, d.interval_ms, d.phase_ms
      FROM schedule AS d
      JOIN monitors AS m ON m.key = d.monitor_key
     WHERE d.region = ? AND d.cohort_id IS NULL AND d.next_due_at > ?
     ORDER BY d.next_due_at
     LIMIT ?";

/// Gives monitors a seat that are due by themselves, though not before the horizon.
pub(super) async fn seat_newcomers(step: &mut SqliteConnection, request: &ClaimRequest) -> Result<(), Fault> {
    let newcomers = unseated(step, NEWCOMERS, request, MAX_SEATED).await?;
    if newcomers.is_empty() {
        return Ok(());
    }
    let room = room(step, request).await?;
    let Some(seating) = seat(newcomers, room) else { return Ok(()) };
    take_seats(step, request, seating).await
}

/// Monitors without a seat that are overdue.
pub(super) const OVERDUE: &str = "
    SELECT m.id, d.next_due_at, d.interval_ms, d.phase_ms
      FROM schedule AS d
      JOIN monitors AS m ON m.key = d.monitor_key
     WHERE d.region = ? AND d.cohort_id IS NULL AND d.next_due_at <= ?
     ORDER BY d.next_due_at
     LIMIT ?";

/// Gives monitors a seat each in a cohort of their own that are overdue by themselves, where they are a crowd.
pub(super) async fn seat_crowd(step: &mut SqliteConnection, request: &ClaimRequest) -> Result<(), Fault> {
    let overdue = unseated(step, OVERDUE, request, MAX_MEMBERS).await?;
    let Some((crowd, first)) = crowd(overdue) else { return Ok(()) };
    let room = make_room(step, request, first).await?;
    let Some(seating) = seat(crowd, room) else { return Ok(()) };
    take_seats(step, request, seating).await
}

async fn unseated(
    step: &mut SqliteConnection,
    statement: &'static str,
    request: &ClaimRequest,
    most: u32,
) -> Result<Vec<NewcomerRow>, Fault> {
    let query = sqlx::query_as(statement).bind(request.region.as_str());
    Ok(query.bind(request.horizon.max(request.now).as_micros()).bind(most).fetch_all(step).await?)
}

async fn take_seats(step: &mut SqliteConnection, request: &ClaimRequest, seating: Seating) -> Result<(), Fault> {
    let Seating { room, seated, first_slot, longest_interval_ms } = seating;
    sqlx::query(
        "UPDATE cohorts
            SET version = ?1, members = ?2, slots_a_day = ?3, next_due_at = min(coalesce(next_due_at, ?4), ?4),
                longest_interval_ms = max(longest_interval_ms, ?5)
          WHERE id = ?6",
    )
    .bind(room.version)
    .bind(room.members)
    .bind(room.slots_a_day)
    .bind(first_slot)
    .bind(longest_interval_ms)
    .bind(room.id)
    .execute(&mut *step)
    .await?;
    sqlx::query(
        "UPDATE schedule SET cohort_id = ?, changed = ?
          WHERE region = ? AND monitor_key IN (SELECT m.key
                                                 FROM json_each(?) AS asked
                                                CROSS JOIN monitors AS m ON m.id = unhex(asked.value))",
    )
    .bind(room.id)
    .bind(room.version)
    .bind(request.region.as_str())
    .bind(identifiers(seated.iter().map(|row| row.id)))
    .execute(step)
    .await?;
    Ok(())
}

/// A cohort that has seats left: a new one where all are full.
async fn room(step: &mut SqliteConnection, request: &ClaimRequest) -> Result<RoomRow, Fault> {
    let free: Option<RoomRow> = sqlx::query_as(
        "SELECT id, claimed_to, version, members, slots_a_day
           FROM cohorts
          WHERE region = ? AND members < ? AND slots_a_day < ?
          ORDER BY id
          LIMIT 1",
    )
    .bind(request.region.as_str())
    .bind(MOST_MEMBERS)
    .bind(MOST_SLOTS_A_DAY)
    .fetch_optional(&mut *step)
    .await?;
    if let Some(free) = free {
        return Ok(free);
    }
    make_room(step, request, request.horizon.max(request.now).next()).await
}

/// A new cohort that is claimed up to an instant.
async fn make_room(
    step: &mut SqliteConnection,
    request: &ClaimRequest,
    claimed_to: Timestamp,
) -> Result<RoomRow, Fault> {
    let made = sqlx::query_as(
        "INSERT INTO cohorts (region, claimed_to, version, members, slots_a_day, longest_interval_ms)
         VALUES (?, ?, 0, 0, 0, 0)
      RETURNING id, claimed_to, version, members, slots_a_day",
    )
    .bind(request.region.as_str())
    .bind(claimed_to.as_micros())
    .fetch_one(step)
    .await?;
    Ok(made)
}
