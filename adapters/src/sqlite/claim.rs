//! Claiming: what is due is read, decided upon, and written back in a few statements, however many slots there are.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use sqlx::{FromRow, SqliteConnection};
use uuid::Uuid;
use watchkeeper_domain::check::{Claim, Origin, Region, lease_end};
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::port::{ClaimRequest, ClaimedWork, ManualClaim};
use watchkeeper_domain::schedule::{Schedule, SlotRun};
use watchkeeper_domain::settle::{confirmation_deadline, instants_between_slots, is_slot};
use watchkeeper_domain::time::Timestamp;
use watchkeeper_domain::uptime::GapOutcome;

use super::cohort::{SqliteTables, seat_crowd, seat_newcomers};
use super::monitor_row::{fall_silent, first_free, newest_epoch, view};
use super::values::{pieces, query_with_rows};
use super::{gap, lease};
use crate::cohort::{self, Claimed, CohortMemory};
use crate::row::{Code, Fault, MAX_LOST, schedule};

/// Takes what is due: open work and monitors that are due by themselves first, then by the cohort.
pub(super) async fn claim(
    step: &mut SqliteConnection,
    memory: &CohortMemory,
    request: &ClaimRequest,
) -> Result<Claimed, Fault> {
    lease::take_apart_ended(step, request).await?;
    let ClaimedWork { mut claims, mut missed } = claim_one_by_one(step, request).await?;
    let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
    if claims.len() >= limit {
        seat_crowd(step, request).await?;
    }
    seat_newcomers(step, request).await?;
    let room = limit.saturating_sub(claims.len());
    let taken = cohort::claim(&mut SqliteTables(&mut *step), memory, request, room).await?;
    for (monitor, run) in taken.missed {
        missed += run.count;
        let key = key_of(step, monitor).await?;
        gap::leave(step, key, &request.region, run, GapOutcome::Missed).await?;
        fall_silent(step, key, run).await?;
    }
    claims.extend(taken.claims);
    Ok(Claimed { work: ClaimedWork { claims, missed }, known: taken.known })
}

async fn key_of(step: &mut SqliteConnection, monitor: MonitorId) -> Result<i64, Fault> {
    let query = sqlx::query_scalar("SELECT key FROM monitors WHERE id = ?").bind(monitor.uuid());
    Ok(query.fetch_one(step).await?)
}

/// Takes open work that nobody holds, and monitors that are due by themselves, the longest due first.
async fn claim_one_by_one(step: &mut SqliteConnection, request: &ClaimRequest) -> Result<ClaimedWork, Fault> {
    let mut missed = 0;
    let mut due = BTreeMap::new();
    for open in free_work(step, request).await? {
        let origin = Origin::of_code(open.origin)?;
        let may_start = request.now.as_micros() < open.start_before && origin != Origin::Manual;
        if may_start {
            due.insert((open.slot, open.monitor_key), Due::Open(open, origin));
        } else {
            missed += drop_lost(step, &request.region, &open, origin).await?;
        }
    }
    for row in due_rows(step, request).await? {
        due.insert((row.next_due_at, row.monitor_key), Due::Scheduled(row));
    }
    let (mut taken, mut retaken) = (Taken::default(), Vec::new());
    while taken.claims.len() + retaken.len() < request.limit as usize {
        let Some((_, next)) = due.pop_first() else { break };
        match next {
            Due::Open(open, origin) => retaken.push((open.monitor_key, open.claim(request, origin))),
            Due::Scheduled(row) => {
                let Some(row) = taken.take(row, request) else { continue };
                // A short interval may have another slot up to the horizon.
                due.insert((row.next_due_at, row.monitor_key), Due::Scheduled(row));
            }
        }
    }
    let claims = taken.write(step, &request.region).await?;
    for (key, run) in &taken.missed {
        missed += run.count;
        gap::leave(step, *key, &request.region, *run, GapOutcome::Missed).await?;
        fall_silent(step, *key, *run).await?;
    }
    for (key, claim) in &retaken {
        take_over(step, *key, claim).await?;
    }
    Ok(ClaimedWork { claims: retaken.into_iter().chain(claims).map(|(_, claim)| claim).collect(), missed })
}

/// Something that can be taken.
enum Due {
    Open(OpenRow, Origin),
    Scheduled(DueRow),
}

/// Open work that nobody holds.
#[derive(FromRow)]
struct OpenRow {
    monitor_key: i64,
    slot: i64,
    origin: i16,
    start_before: i64,
    id: Uuid,
    timeout_secs: i32,
    version: u32,
}

impl OpenRow {
    fn claim(&self, request: &ClaimRequest, origin: Origin) -> Claim {
        let slot = Timestamp::from_micros(self.slot);
        let timeout = Duration::from_secs(u64::try_from(self.timeout_secs).unwrap_or(0));
        Claim {
            monitor: MonitorId::new(self.id),
            region: request.region.clone(),
            slot,
            origin,
            start_before: Timestamp::from_micros(self.start_before),
            token: request.token,
            lease_until: lease_end(slot, request.now, timeout),
            version: self.version,
        }
    }
}

/// Open work that nobody holds. A waiting confirmation counts as free from its own instant on, which may lie ahead up to
/// the horizon.
pub(super) const FREE: &str = "
    SELECT c.monitor_key, c.slot, c.origin, c.start_before, m.id, m.timeout_secs, m.version
      FROM claims AS c
      JOIN monitors AS m ON m.key = c.monitor_key
     WHERE c.region = ?1
       AND c.lease_until <= ?2
       AND (c.token IS NULL OR c.lease_until <= ?3)
     ORDER BY c.lease_until
     LIMIT ?4";

async fn free_work(step: &mut SqliteConnection, request: &ClaimRequest) -> Result<Vec<OpenRow>, Fault> {
    let rows = sqlx::query_as(FREE)
        .bind(request.region.as_str())
        .bind(request.horizon.max(request.now).as_micros())
        .bind(request.now.as_micros())
        .bind(request.limit.saturating_add(MAX_LOST))
        .fetch_all(step)
        .await?;
    Ok(rows)
}

/// Drops open work that may not start again; what was a slot is missed. Answers how many slots that was.
async fn drop_lost(step: &mut SqliteConnection, region: &Region, open: &OpenRow, origin: Origin) -> Result<u64, Fault> {
    sqlx::query("DELETE FROM claims WHERE monitor_key = ? AND region = ? AND slot = ?")
        .bind(open.monitor_key)
        .bind(region.as_str())
        .bind(open.slot)
        .execute(&mut *step)
        .await?;
    if !is_slot(origin) {
        return Ok(0);
    }
    let slot = Timestamp::from_micros(open.slot);
    let run = SlotRun { first: slot, last: slot, count: 1 };
    gap::leave(step, open.monitor_key, region, run, GapOutcome::Missed).await?;
    fall_silent(step, open.monitor_key, run).await?;
    Ok(run.count)
}

async fn take_over(step: &mut SqliteConnection, key: i64, claim: &Claim) -> Result<(), Fault> {
    sqlx::query("UPDATE claims SET token = ?, lease_until = ? WHERE monitor_key = ? AND region = ? AND slot = ?")
        .bind(claim.token.uuid())
        .bind(claim.lease_until.as_micros())
        .bind(key)
        .bind(claim.region.as_str())
        .bind(claim.slot.as_micros())
        .execute(step)
        .await?;
    Ok(())
}

/// A monitor that is due.
#[derive(Clone, Copy, FromRow)]
struct DueRow {
    monitor_key: i64,
    id: Uuid,
    next_due_at: i64,
    interval_ms: i64,
    phase_ms: i64,
    timeout_ms: i64,
    version: u32,
}

/// Monitors that are due by themselves.
pub(super) const DUE: &str = "
    SELECT d.monitor_key, m.id, d.next_due_at, d.interval_ms, d.phase_ms, d.timeout_ms, d.version
      FROM schedule AS d
      JOIN monitors AS m ON m.key = d.monitor_key
     WHERE d.region = ? AND d.cohort_id IS NULL AND d.next_due_at <= ?
     ORDER BY d.next_due_at
     LIMIT ?";

async fn due_rows(step: &mut SqliteConnection, request: &ClaimRequest) -> Result<Vec<DueRow>, Fault> {
    let rows = sqlx::query_as(DUE)
        .bind(request.region.as_str())
        .bind(request.horizon.max(request.now).as_micros())
        .bind(request.limit)
        .fetch_all(step)
        .await?;
    Ok(rows)
}

/// Moves the next slots of many monitors on.
pub(super) const MOVE: &str = "
    WITH moved (key, next_due_at) AS ({rows})
        UPDATE schedule SET next_due_at = moved.next_due_at
          FROM moved
         WHERE schedule.monitor_key = moved.key AND schedule.region = ?";

/// Slots that have been taken of the schedule, and not written yet.
#[derive(Default)]
struct Taken {
    claims: Vec<(i64, Claim)>,
    missed: Vec<(i64, SlotRun)>,
    next: BTreeMap<i64, i64>,
}

impl Taken {
    /// Takes a slot, and answers the monitor as it is due afterwards where that is within the horizon.
    fn take(&mut self, row: DueRow, request: &ClaimRequest) -> Option<DueRow> {
        let grid: Schedule = schedule(row.interval_ms, row.phase_ms);
        let horizon = request.horizon.max(request.now);
        let plan = grid.plan(Timestamp::from_micros(row.next_due_at), request.now, horizon)?;
        let timeout = Duration::from_millis(u64::try_from(row.timeout_ms).unwrap_or(0));
        let claim = Claim {
            monitor: MonitorId::new(row.id),
            region: request.region.clone(),
            slot: plan.slot,
            origin: Origin::Scheduled,
            start_before: plan.next_due_at,
            token: request.token,
            lease_until: lease_end(plan.slot, request.now, timeout),
            version: row.version,
        };
        self.claims.push((row.monitor_key, claim));
        self.missed.extend(plan.missed.map(|run| (row.monitor_key, run)));
        self.next.insert(row.monitor_key, plan.next_due_at.as_micros());
        let after = DueRow { next_due_at: plan.next_due_at.as_micros(), ..row };
        (plan.next_due_at <= horizon).then_some(after)
    }

    /// Writes what was taken, and answers the claims. A slot whose instant is taken is not given and counts as missed:
    /// only work of another origin can be there, and its check says nothing about the slot.
    async fn write(&mut self, step: &mut SqliteConnection, region: &Region) -> Result<Vec<(i64, Claim)>, Fault> {
        let mut opened = HashSet::with_capacity(self.claims.len());
        for piece in pieces(&self.claims) {
            opened.extend(insert_claims(step, piece).await?);
        }
        let taken = std::mem::take(&mut self.claims).into_iter();
        let (given, missed): (Vec<_>, Vec<_>) =
            taken.partition(|(key, claim)| opened.contains(&(*key, claim.slot.as_micros())));
        let run = |slot: Timestamp| SlotRun { first: slot, last: slot, count: 1 };
        self.missed.extend(missed.into_iter().map(|(key, claim)| (key, run(claim.slot))));
        let next: Vec<(i64, i64)> = self.next.iter().map(|(key, at)| (*key, *at)).collect();
        for piece in pieces(&next) {
            let query = query_with_rows(MOVE, 2, piece.len());
            let query = piece.iter().fold(query, |query, (key, at)| query.bind(key).bind(at));
            query.bind(region.as_str()).execute(&mut *step).await?;
        }
        Ok(given)
    }
}

/// Writes claims, and answers the monitors and slots of those whose instants were still to be had.
async fn insert_claims(step: &mut SqliteConnection, claims: &[(i64, Claim)]) -> Result<Vec<(i64, i64)>, Fault> {
    let statement = "INSERT INTO claims (monitor_key, region, slot, origin, start_before, token, lease_until) {rows}
             ON CONFLICT (monitor_key, region, slot) DO NOTHING
      RETURNING monitor_key, slot";
    let query = claims.iter().fold(query_with_rows(statement, 7, claims.len()), |query, (key, claim)| {
        query
            .bind(key)
            .bind(claim.region.as_str())
            .bind(claim.slot.as_micros())
            .bind(claim.origin.code())
            .bind(claim.start_before.as_micros())
            .bind(claim.token.uuid())
            .bind(claim.lease_until.as_micros())
    });
    let opened = query.fetch_all(step).await?;
    Ok(opened.iter().map(<(i64, i64)>::from_row).collect::<Result<_, _>>()?)
}

/// Lets a confirmation wait for its instant.
pub(super) async fn insert_waiting(
    step: &mut SqliteConnection,
    key: i64,
    region: &Region,
    slot: Timestamp,
    start_before: Timestamp,
) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO claims (monitor_key, region, slot, origin, start_before, token, lease_until)
         VALUES (?1, ?2, ?3, ?4, ?5, NULL, ?3)",
    )
    .bind(key)
    .bind(region.as_str())
    .bind(slot.as_micros())
    .bind(Origin::Confirmation.code())
    .bind(start_before.as_micros())
    .execute(step)
    .await?;
    Ok(())
}

/// Takes a manual check.
pub(super) async fn claim_manual(step: &mut SqliteConnection, request: &ManualClaim) -> Result<Option<Claim>, Fault> {
    let Some((key, view)) = view(step, request.workspace, request.monitor).await? else { return Ok(None) };
    let region = &request.region;
    let Some(epoch) = newest_epoch(step, key, request.monitor.uuid(), region).await? else { return Ok(None) };
    let next_due_at = view.next_slot.map(|(next_due_at, _)| next_due_at);
    let instants = instants_between_slots(&epoch, next_due_at, request.now);
    let slot = first_free(step, key, region, instants).await?;
    let claim = Claim {
        monitor: request.monitor,
        region: region.clone(),
        slot,
        origin: Origin::Manual,
        start_before: confirmation_deadline(&epoch, slot),
        token: request.token,
        lease_until: lease_end(slot, request.now, view.monitor.settings.timeout.duration()),
        version: view.monitor.version,
    };
    insert_claims(step, &[(key, claim.clone())]).await?;
    Ok(Some(claim))
}
