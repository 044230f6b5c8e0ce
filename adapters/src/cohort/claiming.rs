//! Claiming by cohorts, the same way on every store: what is due is read off the members that this process remembers, and
//! written back in a few statements.

use async_trait::async_trait;
use watchkeeper_domain::check::{Claim, Origin};
use watchkeeper_domain::cohort::{Lease, Member, Sweep, leases};
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::port::{ClaimRequest, ClaimedWork};
use watchkeeper_domain::schedule::SlotRun;
use watchkeeper_domain::time::Timestamp;

use super::{CohortMemory, CohortRow, Known, Remembered};
use crate::row::Fault;

/// How many cohorts are locked at once, so that what another node could take is not held for nothing.
pub(crate) const MAX_COHORTS: u32 = 32;

/// The tables of cohorts, leases and departures, in a transaction.
#[async_trait]
pub(crate) trait Tables: Send {
    /// The cohorts of a region that have something due, those first that have waited longest, [`MAX_COHORTS`] at the most.
    /// They are locked; those that others hold are left out.
    async fn lock_due(&mut self, request: &ClaimRequest) -> Result<Vec<CohortRow>, Fault>;

    /// The members of a cohort that joined or changed after a version.
    async fn members(&mut self, cohort: i64, after: i64) -> Result<Vec<Member>, Fault>;

    /// The members that have left after a version.
    async fn departed(&mut self, cohort: i64, after: i64) -> Result<Vec<MonitorId>, Fault>;

    /// Lets members go that are due by themselves from now on, each at its slot, with what is under way of them, and answers
    /// the cohort's new version. `None`, with nothing changed, where somebody holds what is under way: nobody waits.
    async fn let_go(&mut self, cohort: i64, surplus: &[(MonitorId, Timestamp)]) -> Result<Option<i64>, Fault>;

    /// Writes where cohorts are claimed to and due next.
    async fn move_on(&mut self, moved: &[(i64, Sweep)]) -> Result<(), Fault>;

    /// Writes leases, each with the cohort whose slots it holds.
    async fn lease(&mut self, request: &ClaimRequest, leases: &[(i64, Lease)]) -> Result<(), Fault>;
}

/// What was taken of cohorts.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) claims: Vec<Claim>,
    pub(crate) missed: Vec<(MonitorId, SlotRun)>,
    /// The members of the cohorts, to be remembered once all of it is committed.
    pub(crate) known: Vec<(i64, Known)>,
}

/// What a claim gives, and what is to be remembered once it is committed.
#[derive(Debug)]
pub(crate) struct Claimed {
    pub(crate) work: ClaimedWork,
    pub(crate) known: Vec<(i64, Known)>,
}

/// Takes what is due of cohorts; at most `limit` slots. Few cohorts are locked at a time, and the next ones where those
/// held less than there is room for.
pub(crate) async fn claim(
    tables: &mut impl Tables,
    memory: &CohortMemory,
    request: &ClaimRequest,
    limit: usize,
) -> Result<Taken, Fault> {
    let mut taken = Taken::default();
    let mut held = Vec::new();
    while taken.claims.len() < limit {
        let before = taken.claims.len();
        let rows = tables.lock_due(request).await?;
        let are_all = rows.len() < MAX_COHORTS as usize;
        held.extend(take(tables, memory, request, rows, limit, &mut taken).await?);
        if are_all || taken.claims.len() == before {
            break;
        }
    }
    if !held.is_empty() {
        tables.lease(request, &held).await?;
    }
    Ok(taken)
}

/// Takes what is due of some cohorts whose rows are locked, and answers the leases that it is held by.
async fn take(
    tables: &mut impl Tables,
    memory: &CohortMemory,
    request: &ClaimRequest,
    rows: Vec<CohortRow>,
    limit: usize,
    taken: &mut Taken,
) -> Result<Vec<(i64, Lease)>, Fault> {
    let (mut moved, mut held) = (Vec::new(), Vec::new());
    for row in rows {
        let room = limit - taken.claims.len();
        if room == 0 {
            break;
        }
        let is_met_again = taken.known.iter().any(|(id, _)| *id == row.id);
        let mut known = known(tables, memory, &row, &mut taken.known).await?;
        let sweep = known.cohort.sweep(row.claimed_to(), request.now, request.horizon, room);
        if !sweep.surplus.is_empty() {
            // What it gave a moment ago is not written yet, and could not be found: it is left for the next claim, and is
            // not remembered, since what is known has moved on.
            if is_met_again {
                continue;
            }
            let Some(version) = tables.let_go(row.id, &sweep.surplus).await? else { continue };
            known.version = version;
            sweep.surplus.iter().for_each(|(monitor, _)| known.cohort.leave(*monitor));
        }
        taken.known.push((row.id, known));
        taken.missed.extend(&sweep.missed);
        let leases = leases(&sweep.slots, request.now);
        taken.claims.extend(leases.iter().flat_map(|lease| claims(lease, request)));
        held.extend(leases.into_iter().map(|lease| (row.id, lease)));
        moved.push((row.id, sweep));
    }
    if !moved.is_empty() {
        tables.move_on(&moved).await?;
    }
    Ok(held)
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

/// The members of a cohort whose row is locked, as the record has them.
async fn known(
    tables: &mut impl Tables,
    memory: &CohortMemory,
    row: &CohortRow,
    taken: &mut Vec<(i64, Known)>,
) -> Result<Known, Fault> {
    // A cohort that this claim has taken from before.
    if let Some(position) = taken.iter().position(|(id, _)| *id == row.id) {
        return Ok(taken.swap_remove(position).1);
    }
    match memory.take(row) {
        Remembered::Newest(known) => Ok(known),
        Remembered::Nothing => Ok(Known::of(row, tables.members(row.id, 0).await?)),
        Remembered::Older(mut known) => {
            let departed = tables.departed(row.id, known.version).await?;
            let joined = tables.members(row.id, known.version).await?;
            known.follow(row, departed, joined);
            Ok(known)
        }
    }
}
