//! Claiming slots and recording what came of them.

use async_trait::async_trait;

use super::RepoResult;
use crate::check::{Claim, Region, Settled};
use crate::id::{LeaseToken, MonitorId, WorkspaceId};
use crate::status::Flip;
use crate::time::Timestamp;

/// What a claim gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimedWork {
    /// What was taken.
    pub claims: Vec<Claim>,
    /// How many slots it came too late for: they are in the record as missed.
    pub missed: u64,
}

/// A wish for work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimRequest {
    /// The region that the checks run from; work of others is not given.
    pub region: Region,
    /// The present instant.
    pub now: Timestamp,
    /// Slots up to here are wanted: `now`, or a little later by those who wait for the instant themselves.
    pub horizon: Timestamp,
    /// How many claims are wanted at the most.
    pub limit: u32,
    /// What proves the right to record them; never used before.
    pub token: LeaseToken,
}

/// A wish for a check at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManualClaim {
    /// The workspace of whoever asks; another one's monitor is not there.
    pub workspace: WorkspaceId,
    /// The monitor to be checked.
    pub monitor: MonitorId,
    /// The region to check it from.
    pub region: Region,
    /// The present instant.
    pub now: Timestamp,
    /// What proves the right to record it; never used before.
    pub token: LeaseToken,
}

/// What became of one settled claim.
#[derive(Clone, Debug, PartialEq)]
pub enum Recorded {
    /// It is in the record.
    Recorded {
        /// The workspace that the monitor belongs to.
        workspace: WorkspaceId,
        /// The change of status it brought about.
        flip: Option<Flip>,
    },
    /// Somebody else holds the slot, or it is not due any more: nothing changed.
    Stale,
}

/// Work: what is due, and what came of it. Both go in batches, since throughput depends on it.
///
/// Open work is kept as claims: (slot, monitor, region), origin, the instant before which it must start, and a lease. A
/// confirmation that is waiting is a claim that nobody holds yet and that can be taken from its own instant on.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait CheckRepo: Send + Sync {
    /// Reads ahead what the first claims of a process up to an instant will need, so that these hold up nobody. It MUST
    /// change nothing, and a claim MUST give the same without it. A store that has nothing to read has nothing to do.
    async fn read_ahead(&self, region: &Region, horizon: Timestamp) -> RepoResult<()> {
        let _ = (region, horizon);
        Ok(())
    }

    /// Takes work for a region, the longest due first, and writes a lease for each ([`crate::check::lease_end`]).
    ///
    /// Of the schedule (monitors whose next slot is at or before the horizon, as [`crate::schedule::Schedule::plan`] says):
    /// - A slot MUST be given to one claimer only, however many ask at once, and they MUST NOT wait for each other.
    /// - The newest slot that may start MUST be given; older ones MUST be recorded as a `Missed` gap and count as
    ///   silence ([`crate::status::State::silent`]).
    /// - The next slot of the monitor MUST move on, and never back, whatever `now` says.
    /// - Nothing MUST be given of a paused or deleted monitor, nor of another region.
    ///
    /// Of open work:
    /// - A claim whose lease has ended (`lease_until <= now`) and that may still start (`now < start_before`) MUST be
    ///   given anew, with the new token; the former holder's result is then stale.
    /// - One that may no longer start MUST be dropped, and recorded as a `Missed` gap where it was scheduled.
    ///   Manual ones are only ever dropped. What was claimed before its epoch ended (the monitor was paused or changed
    ///   since) MUST NOT be given anew: it may no longer start.
    /// - A waiting confirmation MUST be given once its instant is at or before the horizon; its monitor's `start_before`
    ///   is the next slot.
    ///
    /// At most `limit` claims MUST be given; every claim MUST carry the version of the monitor's settings.
    ///
    /// The slots that it records as missed MUST be counted, each by the one call that does it.
    async fn claim(&self, request: &ClaimRequest) -> RepoResult<ClaimedWork>;

    /// Takes a manual check of a monitor, paused or not: a claim for the present instant, moved on by a microsecond
    /// while that is taken by a claim or check of the monitor, is an instant of its grid or its next slot (which may
    /// still be claimed: both MUST find room in the log). It MUST NOT be taken over. `None` where the workspace has no
    /// such monitor.
    async fn claim_manual(&self, request: &ManualClaim) -> RepoResult<Option<Claim>>;

    /// Records a batch in one step, oldest slot first, and answers for each in the order given.
    ///
    /// - A result whose token does not hold the claim MUST be `Stale` and change nothing; the others of the batch MUST
    ///   be recorded all the same. Recording the same batch twice MUST be harmless: the second time all is stale.
    /// - A lease that has ended but that nobody has taken over still holds: results are kept while a store is away.
    /// - A check MUST be in the log exactly once, with all its values to the microsecond, and bring about what
    ///   [`crate::settle::settle`] says: state, span, incident (opened with cause and evidence, ended as `Recovered`), a
    ///   notice for every enabled channel of the workspace, and the waiting confirmation.
    /// - Several results of one monitor in one batch MUST be applied in the order of their slots.
    /// - A result that is older than the last recorded one of its monitor MUST be logged and change no status. (A store
    ///   may keep `last_slot` in memory of nothing else than the state row: it MUST then be written whenever an older
    ///   claim of the monitor is open.)
    /// - `Unknown` MUST record the slot as an `Unknown` gap where it was scheduled, count as silence, and nothing else.
    /// - A `Missed` or `Unknown` gap that follows upon one of the same outcome (the slot after its last, in the same
    ///   epoch) extends it.
    /// - Evidence MUST be kept for checks that are not up, and for no others.
    async fn record(&self, now: Timestamp, batch: &[Settled]) -> RepoResult<Vec<Recorded>>;

    /// Ends all leases of a region at once: for the one holder of a store, at its start. What may still start is given
    /// anew by the next claim, what may not is missed.
    async fn void_leases(&self, region: &Region, now: Timestamp) -> RepoResult<()>;
}
