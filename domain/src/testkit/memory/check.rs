//! Claiming and recording.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use async_trait::async_trait;

use super::watched::{Lease, OpenWork, Watched};
use super::{MemoryStore, World};
use crate::check::{Check, Claim, Origin, Outcome, Region, Settled, lease_end};
use crate::id::MonitorId;
use crate::incident::{Ending, Incident};
use crate::port::{CheckRepo, ClaimRequest, ClaimedWork, IdGenerator, ManualClaim, Recorded, RepoResult};
use crate::schedule::SlotRun;
use crate::settle::{self, Standing, confirmation_deadline, is_slot};
use crate::status::{Flip, State};
use crate::time::Timestamp;
use crate::uptime::GapOutcome;
use crate::verdict::Verdict;

#[async_trait]
impl CheckRepo for MemoryStore {
    async fn claim(&self, request: &ClaimRequest) -> RepoResult<ClaimedWork> {
        let mut world = self.world();
        let missed_before = world.missed();
        let mut due: BinaryHeap<Reverse<(Timestamp, MonitorId)>> = BinaryHeap::new();
        let here = |watched: &&mut Watched| !watched.is_deleted && watched.epoch.region == request.region;
        for watched in world.monitors.values_mut().filter(here) {
            watched.drop_what_cannot_start(request.now);
            due.extend(watched.due_since(request).map(|since| Reverse((since, watched.monitor.id))));
        }
        let mut claims = Vec::new();
        while claims.len() < request.limit as usize
            && let Some(Reverse((_, id))) = due.pop()
        {
            let Some(watched) = world.monitors.get_mut(&id) else { continue };
            claims.extend(watched.take_longest_due(request));
            // A monitor may have open work and a slot: it takes its turn again.
            due.extend(watched.due_since(request).map(|since| Reverse((since, id))));
        }
        Ok(ClaimedWork { claims, missed: world.missed() - missed_before })
    }

    async fn claim_manual(&self, request: &ManualClaim) -> RepoResult<Option<Claim>> {
        let mut world = self.world();
        let watched = world.watched_in(request.workspace, request.monitor);
        Ok(watched.filter(|watched| watched.epoch.region == request.region).map(|watched| {
            let slot = watched.free_instant_between_slots(request.now);
            let start_before = confirmation_deadline(&watched.epoch, slot);
            watched.lease(slot, Origin::Manual, start_before, request.now, request.token)
        }))
    }

    async fn record(&self, now: Timestamp, batch: &[Settled]) -> RepoResult<Vec<Recorded>> {
        let mut world = self.world();
        let mut order: Vec<usize> = (0..batch.len()).collect();
        order.sort_by_key(|position| batch[*position].claim.slot);
        let mut answers = vec![Recorded::Stale; batch.len()];
        for position in order {
            answers[position] = world.record(&batch[position], now, self.ids.as_ref());
        }
        Ok(answers)
    }

    async fn void_leases(&self, region: &Region, now: Timestamp) -> RepoResult<()> {
        let mut world = self.world();
        for watched in world.monitors.values_mut().filter(|watched| watched.epoch.region == *region) {
            for lease in watched.open.values_mut().filter_map(|work| work.lease.as_mut()) {
                lease.until = lease.until.min(now);
            }
        }
        Ok(())
    }
}

impl Watched {
    /// Drops open work that nobody holds any more and that may not start again; what was a slot is missed.
    fn drop_what_cannot_start(&mut self, now: Timestamp) {
        let is_lost = |work: &OpenWork| {
            let is_free = work.lease.as_ref().is_none_or(|lease| lease.until <= now);
            let may_start = now < work.start_before && work.origin != Origin::Manual;
            is_free && !may_start
        };
        let lost: Vec<Timestamp> = self.open.iter().filter(|(_, work)| is_lost(work)).map(|(slot, _)| *slot).collect();
        for slot in lost {
            if self.open.remove(&slot).is_some_and(|work| is_slot(work.origin)) {
                self.leave_gap(SlotRun { first: slot, last: slot, count: 1 }, GapOutcome::Missed);
            }
        }
    }

    /// The open work that can be taken and is due the longest.
    fn free_work(&self, request: &ClaimRequest) -> Option<Timestamp> {
        let horizon = request.horizon.max(request.now);
        let is_free = |work: &OpenWork| work.lease.as_ref().is_none_or(|lease| lease.until <= request.now);
        self.open.range(..=horizon).find(|(_, work)| is_free(work)).map(|(slot, _)| *slot)
    }

    /// Since when something of this monitor is due; `None` where nothing is.
    fn due_since(&self, request: &ClaimRequest) -> Option<Timestamp> {
        let scheduled = self.next_due_at.filter(|slot| *slot <= request.horizon.max(request.now));
        self.free_work(request).into_iter().chain(scheduled).min()
    }

    /// Takes what is due the longest.
    fn take_longest_due(&mut self, request: &ClaimRequest) -> Option<Claim> {
        let due_since = self.due_since(request)?;
        if let Some(work) = self.open.get(&due_since).filter(|_| self.free_work(request) == Some(due_since)) {
            let (origin, start_before) = (work.origin, work.start_before);
            return Some(self.lease(due_since, origin, start_before, request.now, request.token));
        }
        let plan = self.epoch.schedule.plan(due_since, request.now, request.horizon)?;
        if let Some(run) = plan.missed {
            self.leave_gap(run, GapOutcome::Missed);
        }
        self.next_due_at = Some(plan.next_due_at);
        Some(self.lease(plan.slot, Origin::Scheduled, plan.next_due_at, request.now, request.token))
    }

    /// Gives open work to a holder.
    fn lease(
        &mut self,
        slot: Timestamp,
        origin: Origin,
        start_before: Timestamp,
        now: Timestamp,
        token: crate::id::LeaseToken,
    ) -> Claim {
        let lease_until = lease_end(slot, now, self.monitor.settings.timeout.duration());
        let lease = Some(Lease { token, until: lease_until });
        self.open.insert(slot, OpenWork { origin, start_before, lease });
        Claim {
            monitor: self.monitor.id,
            region: self.epoch.region.clone(),
            slot,
            origin,
            start_before,
            token,
            lease_until,
            version: self.monitor.version,
        }
    }

    /// Ends the claim that a result is for; `None` where somebody else holds it, or nobody.
    fn finish(&mut self, claim: &Claim) -> Option<OpenWork> {
        let holds = |work: &OpenWork| work.lease.as_ref().is_some_and(|lease| lease.token == claim.token);
        self.open.get(&claim.slot).filter(|work| holds(work) && self.epoch.region == claim.region)?;
        self.open.remove(&claim.slot)
    }

    /// Puts a check into the log and answers the change of status that it brings about.
    fn settle(&mut self, check: Check, now: Timestamp) -> Option<Flip> {
        let standing = Standing { monitor: self.monitor.clone(), epoch: self.epoch.clone(), state: self.state };
        let consequence = settle::settle(&standing, &check, now);
        self.state = State { last_slot: consequence.last_slot, ..consequence.state.unwrap_or(self.state) };
        self.checks.insert(check.slot, check);
        if let Some(flip) = &consequence.flip {
            self.begin_span(flip.to, flip.at);
        }
        if let Some(at) = consequence.confirm_at {
            let start_before = confirmation_deadline(&self.epoch, at);
            let at = self.free_instant(at);
            if at < start_before {
                self.open.insert(at, OpenWork { origin: Origin::Confirmation, start_before, lease: None });
            }
        }
        consequence.flip
    }
}

impl World {
    /// How many slots were missed, of all monitors.
    fn missed(&self) -> u64 {
        let gaps = self.monitors.values().flat_map(|watched| watched.gaps.values());
        gaps.filter(|gap| gap.outcome == GapOutcome::Missed).map(|gap| gap.run.count).sum()
    }

    fn record(&mut self, settled: &Settled, now: Timestamp, ids: &dyn IdGenerator) -> Recorded {
        let Settled { claim, outcome } = settled;
        let watched = self.monitors.get_mut(&claim.monitor).filter(|watched| !watched.is_deleted);
        let Some((watched, work)) = watched.and_then(|watched| watched.finish(claim).map(|work| (watched, work)))
        else {
            return Recorded::Stale;
        };
        let workspace = watched.monitor.workspace;
        let flip = match outcome {
            Outcome::Checked(check) => {
                let evidence = check.evidence.clone().filter(|_| check.verdict != Verdict::Up);
                let check = Check { slot: claim.slot, origin: work.origin, evidence, ..check.as_ref().clone() };
                let flip = watched.settle(check.clone(), now);
                if let Some(flip) = flip.as_ref().filter(|flip| flip.is_news()) {
                    self.tell(claim.monitor, flip, &check, now, ids);
                }
                flip
            }
            Outcome::Unknown => {
                if is_slot(work.origin) {
                    watched.leave_gap(SlotRun { first: claim.slot, last: claim.slot, count: 1 }, GapOutcome::Unknown);
                }
                None
            }
        };
        Recorded::Recorded { workspace, flip }
    }

    /// Opens or ends the incident that a flip is about, and owes every enabled channel a notice.
    fn tell(&mut self, id: MonitorId, flip: &Flip, check: &Check, now: Timestamp, ids: &dyn IdGenerator) {
        let Some(monitor) = self.watched(id).map(|watched| watched.monitor.clone()) else { return };
        if flip.closes_incident()
            && let Some(incident) = self.open_incident(id)
        {
            incident.ended = Some((flip.at, Ending::Recovered));
            let incident = incident.id;
            self.owe(&monitor, incident, flip, now, ids);
        }
        if flip.opens_incident() {
            let incident = Incident {
                id: crate::id::IncidentId::new(ids.uuid()),
                workspace: monitor.workspace,
                monitor: id,
                monitor_name: monitor.settings.name.as_str().to_owned(),
                target_url: monitor.settings.target.url().to_owned(),
                started_at: flip.at,
                confirmed_at: flip.settled_by,
                ended: None,
                cause: flip.cause(),
                evidence: check.evidence.clone(),
            };
            self.owe(&monitor, incident.id, flip, now, ids);
            self.incidents.insert(incident.id, incident);
        }
    }
}
