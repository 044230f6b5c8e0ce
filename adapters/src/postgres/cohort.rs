//! Claiming by cohorts: a row moves on for thousands of monitors, and what lies in between is arithmetic on the members
//! that this process remembers.

mod seat;

use sqlx::PgConnection;
use watchkeeper_domain::check::{Claim, Origin};
use watchkeeper_domain::cohort::{Lease, Member, Sweep, leases};
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::port::ClaimRequest;
use watchkeeper_domain::uptime::{Gap, GapOutcome};

use super::gap::Silent;
use super::instant::Instant;
use super::lease;
use crate::cohort::{CohortMemory, CohortRow, Known, MemberRow, Remembered};
use crate::row::Fault;

pub(super) use seat::{Departing, depart, renew, seat_newcomers};

/// How many cohorts one claim takes, so that the first one after a start does not read all members of all of them.
const MAX_COHORTS: i64 = 32;

/// What was taken of cohorts.
pub(super) struct Taken {
    pub(super) claims: Vec<Claim>,
    pub(super) missed: Vec<Silent>,
}

/// Takes what is due of cohorts, those first whose members have waited longest; at most `limit` slots.
pub(super) async fn claim(
    connection: &mut PgConnection,
    memory: &CohortMemory,
    request: &ClaimRequest,
    limit: usize,
) -> Result<Taken, Fault> {
    let mut taken = Taken { claims: Vec::new(), missed: Vec::new() };
    if limit == 0 {
        return Ok(taken);
    }
    let (mut moved, mut held) = (Vec::new(), Vec::new());
    for row in lock_due(connection, request).await? {
        let room = limit - taken.claims.len();
        if room == 0 {
            break;
        }
        let mut known = known(connection, memory, &row).await?;
        let sweep = known.cohort.sweep(row.claimed_to(), request.now, request.horizon, room);
        if !sweep.surplus.is_empty() {
            known.version = seat::let_go(connection, row.id, &sweep.surplus).await?;
            sweep.surplus.iter().for_each(|(monitor, _)| known.cohort.leave(*monitor));
        }
        // Kept before it is committed: where it does not come to that, the next sweep starts from the record again.
        memory.keep(row.id, known);
        taken.missed.extend(sweep.missed.iter().map(|(monitor, run)| Silent {
            monitor: *monitor,
            region: request.region.clone(),
            gap: Gap { run: *run, outcome: GapOutcome::Missed },
        }));
        let leases = leases(&sweep.slots, request.now);
        taken.claims.extend(leases.iter().flat_map(|lease| claims(lease, request)));
        held.extend(leases.into_iter().map(|lease| (row.id, lease)));
        moved.push((row.id, sweep));
    }
    move_on(connection, &moved).await?;
    lease::write(connection, request, &held).await?;
    Ok(taken)
}

fn claims<'a>(lease: &'a Lease, request: &'a ClaimRequest) -> impl Iterator<Item = Claim> + 'a {
    lease.slots.iter().map(|due| Claim {
        monitor: due.member.monitor,
        region: request.region.clone(),
        slot: due.slot,
        origin: Origin::Scheduled,
        start_before: due.start_before,
        token: request.token,
        lease_until: lease.until,
        version: due.member.version,
    })
}

async fn lock_due(connection: &mut PgConnection, request: &ClaimRequest) -> Result<Vec<CohortRow>, Fault> {
    let rows = sqlx::query_as(
        "SELECT id, unix_us(claimed_to) AS claimed_to, version
         FROM cohorts
         WHERE region = $1 AND next_due_at <= $2
         ORDER BY next_due_at
         LIMIT $3
         FOR NO KEY UPDATE SKIP LOCKED",
    )
    .bind(request.region.as_str())
    .bind(Instant(request.horizon.max(request.now)))
    .bind(MAX_COHORTS)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// The members of a cohort whose row is locked, as the record has them.
async fn known(connection: &mut PgConnection, memory: &CohortMemory, row: &CohortRow) -> Result<Known, Fault> {
    match memory.take(row) {
        Remembered::Newest(known) => Ok(known),
        Remembered::Nothing => Ok(Known::of(row, members(connection, row.id, -1).await?)),
        Remembered::Older(mut known) => {
            let departed: Vec<uuid::Uuid> =
                sqlx::query_scalar("SELECT monitor_id FROM cohort_departures WHERE cohort_id = $1 AND version > $2")
                    .bind(row.id)
                    .bind(known.version)
                    .fetch_all(&mut *connection)
                    .await?;
            let joined = members(connection, row.id, known.version).await?;
            known.follow(row, departed.into_iter().map(MonitorId::new), joined);
            Ok(known)
        }
    }
}

/// The members that joined or changed after a version.
async fn members(connection: &mut PgConnection, cohort: i64, after: i64) -> Result<Vec<Member>, Fault> {
    let rows: Vec<MemberRow> = sqlx::query_as(
        "SELECT monitor_id AS id, unix_us(next_due_at) AS first_slot, interval_ms, phase_ms, timeout_ms, version
         FROM schedule
         WHERE cohort_id = $1 AND changed > $2",
    )
    .bind(cohort)
    .bind(after)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Member::from).collect())
}

async fn move_on(connection: &mut PgConnection, moved: &[(i64, Sweep)]) -> Result<(), Fault> {
    if moved.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE cohorts AS c
         SET claimed_to = w.claimed_to, next_due_at = w.next_due_at
         FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[]) AS w (id, claimed_to, next_due_at)
         WHERE c.id = w.id",
    )
    .bind(moved.iter().map(|(id, _)| *id).collect::<Vec<_>>())
    .bind(moved.iter().map(|(_, sweep)| Instant(sweep.claimed_to)).collect::<Vec<_>>())
    .bind(moved.iter().map(|(_, sweep)| sweep.next_due_at.map(Instant)).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}
