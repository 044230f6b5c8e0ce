//! Claiming by cohorts, the same way on every store: what is due is read off the members that this process remembers, and
//! written back in a few statements.

use async_trait::async_trait;
use watchkeeper_domain::check::{Claim, Origin};
use watchkeeper_domain::cohort::{Lease, Member, Sweep, leases};
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::port::ClaimRequest;
use watchkeeper_domain::schedule::SlotRun;
use watchkeeper_domain::time::Timestamp;

use super::{CohortMemory, CohortRow, Known, Remembered};
use crate::row::Fault;

/// How many cohorts one claim takes, so that the first one after a start does not read all members of all of them.
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

    /// Lets members go that are due by themselves from now on, each at its slot, and answers the cohort's new version.
    async fn let_go(&mut self, cohort: i64, surplus: &[(MonitorId, Timestamp)]) -> Result<i64, Fault>;

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
}

/// Takes what is due of cohorts; at most `limit` slots.
pub(crate) async fn claim(
    tables: &mut impl Tables,
    memory: &CohortMemory,
    request: &ClaimRequest,
    limit: usize,
) -> Result<Taken, Fault> {
    let mut taken = Taken::default();
    if limit == 0 {
        return Ok(taken);
    }
    let (mut moved, mut held) = (Vec::new(), Vec::new());
    for row in tables.lock_due(request).await? {
        let room = limit - taken.claims.len();
        if room == 0 {
            break;
        }
        let mut known = known(tables, memory, &row).await?;
        let sweep = known.cohort.sweep(row.claimed_to(), request.now, request.horizon, room);
        if !sweep.surplus.is_empty() {
            known.version = tables.let_go(row.id, &sweep.surplus).await?;
            sweep.surplus.iter().for_each(|(monitor, _)| known.cohort.leave(*monitor));
        }
        // Kept before it is committed: where it does not come to that, the next sweep starts from the record again.
        memory.keep(row.id, known);
        taken.missed.extend(&sweep.missed);
        let leases = leases(&sweep.slots, request.now);
        taken.claims.extend(leases.iter().flat_map(|lease| claims(lease, request)));
        held.extend(leases.into_iter().map(|lease| (row.id, lease)));
        moved.push((row.id, sweep));
    }
    if !moved.is_empty() {
        tables.move_on(&moved).await?;
        tables.lease(request, &held).await?;
    }
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

/// The members of a cohort whose row is locked, as the record has them.
async fn known(tables: &mut impl Tables, memory: &CohortMemory, row: &CohortRow) -> Result<Known, Fault> {
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
