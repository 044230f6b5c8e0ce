//! Claiming: a short transaction that takes what is due and leases it. Most of it is taken by the cohort
//! ([`super::cohort`]); what is open already, and monitors that are due by themselves, one by one.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;
use watchkeeper_domain::check::{Claim, Origin, lease_end};
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::port::{ClaimRequest, ClaimedWork, ManualClaim};
use watchkeeper_domain::schedule::Plan;
use watchkeeper_domain::settle::{confirmation_deadline, instants_between_slots, is_slot};
use watchkeeper_domain::time::Timestamp;
use watchkeeper_domain::uptime::{Gap, GapOutcome};

use super::cohort::{PgTables, seat_crowd, seat_newcomers};
use super::gap::{Silent, fall_silent};
use super::lease;
use super::schedule::NextRow;
use super::standing::watched;
use crate::cohort::{self, Claimed, CohortMemory};
use crate::row::{Code, Fault, Instant, MAX_LOST, schedule};

/// Takes what [`watchkeeper_domain::port::CheckRepo::claim`] says.
pub(super) async fn claim(
    connection: &mut PgConnection,
    memory: &CohortMemory,
    request: &ClaimRequest,
) -> Result<Claimed, Fault> {
    lease::take_apart_ended(connection, request).await?;
    let mut silent = drop_lost(connection, request).await?;
    let mut claims = claim_one_by_one(connection, request, &mut silent).await?;
    let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
    if claims.len() >= limit {
        seat_crowd(connection, request).await?;
    }
    seat_newcomers(connection, request).await?;
    let room = limit.saturating_sub(claims.len());
    let taken = cohort::claim(&mut PgTables(&mut *connection), memory, request, room).await?;
    claims.extend(taken.claims);
    silent.extend(taken.missed.into_iter().map(|(monitor, run)| Silent {
        monitor,
        region: request.region.clone(),
        gap: Gap { run, outcome: GapOutcome::Missed },
    }));
    let missed = silent.iter().map(|silent| silent.gap.run.count).sum();
    fall_silent(connection, silent).await?;
    Ok(Claimed { work: ClaimedWork { claims, missed }, known: taken.known })
}

/// Takes open work that nobody holds, and monitors that are due by themselves.
async fn claim_one_by_one(
    connection: &mut PgConnection,
    request: &ClaimRequest,
    silent: &mut Vec<Silent>,
) -> Result<Vec<Claim>, Fault> {
    let mut work: Vec<Work> = lock_open_work(connection, request).await?.into_iter().map(Work::Open).collect();
    work.extend(lock_due(connection, request).await?.into_iter().filter_map(|row| row.planned(request)));
    work.sort_by_key(Work::due_since);
    work.truncate(usize::try_from(request.limit).unwrap_or(usize::MAX));
    let claims = work.iter().map(|work| work.claim(request)).collect::<Result<Vec<_>, Fault>>()?;
    silent.extend(work.iter().filter_map(|work| work.missed(request)));
    lease_open_work(connection, &pick(&work, &claims, |work| matches!(work, Work::Open(_)))).await?;
    let due = pick(&work, &claims, |work| matches!(work, Work::Due(..)));
    let opened = move_on(connection, &due).await?;
    // Only work of another origin can have taken the instant of a slot: its check says nothing about the slot.
    let key = |claim: &Claim| (claim.monitor, claim.slot);
    let taken: BTreeSet<_> =
        due.iter().filter(|claim| !opened.contains(&claim.monitor)).map(|claim| key(claim)).collect();
    let (missed, claims): (Vec<Claim>, Vec<Claim>) = claims.into_iter().partition(|claim| taken.contains(&key(claim)));
    let missed = missed.into_iter();
    silent.extend(missed.map(|claim| Silent::slot(claim.monitor, claim.region, claim.slot, GapOutcome::Missed)));
    Ok(claims)
}

fn pick<'a>(work: &[Work], claims: &'a [Claim], wanted: fn(&Work) -> bool) -> Vec<&'a Claim> {
    work.iter().zip(claims).filter(|(work, _)| wanted(work)).map(|(_, claim)| claim).collect()
}

/// Something that can be taken.
enum Work {
    Open(OpenRow),
    Due(DueRow, Plan),
}

#[derive(FromRow)]
struct OpenRow {
    monitor_id: Uuid,
    slot: Instant,
    origin: i16,
    start_before: Instant,
    timeout_ms: i64,
    version: i32,
}

#[derive(FromRow)]
struct DueRow {
    monitor_id: Uuid,
    next_due_at: Instant,
    interval_ms: i64,
    phase_ms: i64,
    timeout_ms: i64,
    version: i32,
}

impl DueRow {
    fn planned(self, request: &ClaimRequest) -> Option<Work> {
        let schedule = schedule(self.interval_ms, self.phase_ms);
        let plan = schedule.plan(self.next_due_at.0, request.now, request.horizon)?;
        Some(Work::Due(self, plan))
    }
}

impl Work {
    fn due_since(&self) -> Timestamp {
        match self {
            Self::Open(row) => row.slot.0,
            Self::Due(row, _) => row.next_due_at.0,
        }
    }

    fn claim(&self, request: &ClaimRequest) -> Result<Claim, Fault> {
        let (monitor, slot, origin, start_before, timeout_ms, version) = match self {
            Self::Open(row) => {
                let origin = Origin::of_code(row.origin)?;
                (row.monitor_id, row.slot.0, origin, row.start_before.0, row.timeout_ms, row.version)
            }
            Self::Due(row, plan) => {
                (row.monitor_id, plan.slot, Origin::Scheduled, plan.next_due_at, row.timeout_ms, row.version)
            }
        };
        let timeout = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0));
        Ok(Claim {
            monitor: MonitorId::new(monitor),
            region: request.region.clone(),
            slot,
            origin,
            start_before,
            token: request.token,
            lease_until: lease_end(slot, request.now, timeout),
            version: u32::try_from(version).unwrap_or(0),
        })
    }

    fn missed(&self, request: &ClaimRequest) -> Option<Silent> {
        let Self::Due(row, Plan { missed: Some(run), .. }) = self else { return None };
        let gap = Gap { run: *run, outcome: GapOutcome::Missed };
        Some(Silent { monitor: MonitorId::new(row.monitor_id), region: request.region.clone(), gap })
    }
}

/// Drops open work that nobody holds any more and that may not start again, and answers the slots among it.
async fn drop_lost(connection: &mut PgConnection, request: &ClaimRequest) -> Result<Vec<Silent>, Fault> {
    let rows: Vec<(Uuid, Instant, i16)> = sqlx::query_as(
        "WITH lost AS (
             SELECT monitor_id, region, slot
             FROM claims
             WHERE region = $1 AND free_at <= $2 AND (start_before <= $2 OR origin = $3)
             LIMIT $4
             FOR UPDATE SKIP LOCKED
         )
         DELETE FROM claims AS c
         USING lost
         WHERE c.monitor_id = lost.monitor_id AND c.region = lost.region AND c.slot = lost.slot
         RETURNING c.monitor_id, c.slot, c.origin",
    )
    .bind(request.region.as_str())
    .bind(Instant(request.now))
    .bind(Origin::Manual.code())
    .bind(i64::from(MAX_LOST))
    .fetch_all(connection)
    .await?;
    let mut silent = Vec::new();
    for (monitor, slot, origin) in rows {
        if is_slot(Origin::of_code(origin)?) {
            let region = request.region.clone();
            silent.push(Silent::slot(MonitorId::new(monitor), region, slot.0, GapOutcome::Missed));
        }
    }
    Ok(silent)
}

/// Open work that nobody holds and that may still start, the longest due first.
async fn lock_open_work(connection: &mut PgConnection, request: &ClaimRequest) -> Result<Vec<OpenRow>, Fault> {
    let rows = sqlx::query_as(
        "SELECT c.monitor_id, c.slot, c.origin, c.start_before, s.timeout_ms, s.version
         FROM claims AS c JOIN schedule AS s USING (monitor_id, region)
         WHERE c.region = $1
           AND c.free_at <= $3
           AND (c.token IS NULL OR c.free_at <= $2)
           AND c.start_before > $2
           AND c.origin <> $4
         ORDER BY c.slot
         LIMIT $5
         FOR UPDATE OF c SKIP LOCKED",
    )
    .bind(request.region.as_str())
    .bind(Instant(request.now))
    .bind(Instant(request.horizon.max(request.now)))
    .bind(Origin::Manual.code())
    .bind(i64::from(request.limit))
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// Monitors that are due by themselves, the longest due first.
async fn lock_due(connection: &mut PgConnection, request: &ClaimRequest) -> Result<Vec<DueRow>, Fault> {
    let rows = sqlx::query_as(
        "SELECT monitor_id, next_due_at, interval_ms, phase_ms, timeout_ms, version
         FROM schedule
         WHERE region = $1 AND cohort_id IS NULL AND next_due_at <= $2
         ORDER BY next_due_at
         LIMIT $3
         FOR UPDATE SKIP LOCKED",
    )
    .bind(request.region.as_str())
    .bind(Instant(request.horizon.max(request.now)))
    .bind(i64::from(request.limit))
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

async fn lease_open_work(connection: &mut PgConnection, claims: &[&Claim]) -> Result<(), Fault> {
    let Some(first) = claims.first() else { return Ok(()) };
    sqlx::query(
        "UPDATE claims AS c
         SET token = $1, free_at = w.free_at
         FROM unnest($3::uuid[], $4::timestamptz[], $5::timestamptz[]) AS w (monitor_id, slot, free_at)
         WHERE c.monitor_id = w.monitor_id AND c.region = $2 AND c.slot = w.slot",
    )
    .bind(first.token.uuid())
    .bind(first.region.as_str())
    .bind(claims.iter().map(|claim| claim.monitor.uuid()).collect::<Vec<_>>())
    .bind(claims.iter().map(|claim| Instant(claim.slot)).collect::<Vec<_>>())
    .bind(claims.iter().map(|claim| Instant(claim.lease_until)).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// Moves the schedule on to the slots after those that are claimed, and writes the claims, in one statement. Answers the
/// monitors whose slots were still to be had.
async fn move_on(connection: &mut PgConnection, claims: &[&Claim]) -> Result<HashSet<MonitorId>, Fault> {
    let Some(first) = claims.first() else { return Ok(HashSet::new()) };
    let opened: Vec<Uuid> = sqlx::query_scalar(
        "WITH work AS (
             SELECT * FROM unnest($3::uuid[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[])
                      AS w (monitor_id, slot, start_before, free_at)
         ), moved AS (
             UPDATE schedule AS s
             SET next_due_at = work.start_before
             FROM work
             WHERE s.monitor_id = work.monitor_id AND s.region = $2
         )
         INSERT INTO claims (monitor_id, region, slot, origin, start_before, token, free_at)
         SELECT monitor_id, $2, slot, $7, start_before, $1, free_at FROM work
         ON CONFLICT ON CONSTRAINT claims_pkey DO NOTHING
         RETURNING monitor_id",
    )
    .bind(first.token.uuid())
    .bind(first.region.as_str())
    .bind(claims.iter().map(|claim| claim.monitor.uuid()).collect::<Vec<_>>())
    .bind(claims.iter().map(|claim| Instant(claim.slot)).collect::<Vec<_>>())
    .bind(claims.iter().map(|claim| Instant(claim.start_before)).collect::<Vec<_>>())
    .bind(claims.iter().map(|claim| Instant(claim.lease_until)).collect::<Vec<_>>())
    .bind(Origin::Scheduled.code())
    .fetch_all(connection)
    .await?;
    Ok(opened.into_iter().map(MonitorId::new).collect())
}

/// Takes what [`watchkeeper_domain::port::CheckRepo::claim_manual`] says.
pub(super) async fn claim_manual(connection: &mut PgConnection, request: &ManualClaim) -> Result<Option<Claim>, Fault> {
    // The monitor's row is held against a change or deletion.
    let owned: Option<Uuid> = sqlx::query_scalar(
        "SELECT id FROM monitors WHERE id = $1 AND workspace_id = $2 AND deleted_at IS NULL FOR SHARE",
    )
    .bind(request.monitor.uuid())
    .bind(request.workspace.uuid())
    .fetch_optional(&mut *connection)
    .await?;
    if owned.is_none() {
        return Ok(None);
    }
    let found = watched(connection, &[request.monitor].into()).await?.into_iter().next();
    let Some((monitor, epoch)) = found.filter(|(_, epoch)| epoch.region == request.region) else { return Ok(None) };
    let next: Option<NextRow> = sqlx::query_as(
        "SELECT s.next_due_at, s.interval_ms, s.phase_ms, c.claimed_to
         FROM schedule AS s
         LEFT JOIN cohorts AS c ON c.id = s.cohort_id
         WHERE s.monitor_id = $1 AND s.region = $2",
    )
    .bind(request.monitor.uuid())
    .bind(request.region.as_str())
    .fetch_optional(&mut *connection)
    .await?;
    for slot in instants_between_slots(&epoch, next.map(|next| next.slot()), request.now) {
        let claim = Claim {
            monitor: request.monitor,
            region: request.region.clone(),
            slot,
            origin: Origin::Manual,
            start_before: confirmation_deadline(&epoch, slot),
            token: request.token,
            lease_until: lease_end(slot, request.now, monitor.settings.timeout.duration()),
            version: monitor.version,
        };
        if open_claim(connection, &claim).await? {
            return Ok(Some(claim));
        }
    }
    Err(Fault::NoInstant)
}

/// Opens a claim unless its instant is taken.
async fn open_claim(connection: &mut PgConnection, claim: &Claim) -> Result<bool, Fault> {
    let opened = sqlx::query(
        "INSERT INTO claims (monitor_id, region, slot, origin, start_before, token, free_at)
         SELECT $1, $2, $3, $4, $5, $6, $7
         WHERE NOT EXISTS (SELECT FROM checks WHERE slot = $3 AND monitor_id = $1 AND region = $2)
         ON CONFLICT ON CONSTRAINT claims_pkey DO NOTHING",
    )
    .bind(claim.monitor.uuid())
    .bind(claim.region.as_str())
    .bind(Instant(claim.slot))
    .bind(claim.origin.code())
    .bind(Instant(claim.start_before))
    .bind(claim.token.uuid())
    .bind(Instant(claim.lease_until))
    .execute(connection)
    .await?;
    Ok(opened.rows_affected() == 1)
}
