//! Watching: claim what is due, probe it, record what was found. An engine drives these three in parallel; a tick, or
//! somebody who embeds this crate, may as well do them one after the other.

mod cache;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use self::cache::SettingsCache;
use crate::check::{Check, Claim, LEASE_MARGIN, Outcome, Region, Settled};
use crate::event::{Event, Happening};
use crate::id::{LeaseToken, MonitorId, WorkspaceId};
use crate::monitor::Monitor;
use crate::port::{
    CheckRepo, ClaimRequest, ClaimedWork, Clock, Connectivity, EventFeed, IdGenerator, ManualClaim, MonitorRepo,
    ProbeRequest, Prober, Recorded, RepoError, RepoResult,
};
use crate::report::{Ending, Lack, Reason, ReasonKind, Report};
use crate::status::Flip;
use crate::time::Timestamp;
use crate::verdict::{Judgement, Verdict, judge};

/// A claim, and the monitor that it is for.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// The right to probe and record.
    pub claim: Claim,
    /// What to probe.
    pub monitor: Arc<Monitor>,
}

/// What claiming came to.
#[derive(Clone, Debug, Default)]
pub struct AssignedWork {
    /// What is to be probed.
    pub assignments: Vec<Assignment>,
    /// How many slots nobody came to in time: they are in the record as missed.
    pub missed: u64,
}

/// What recording a batch came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recap {
    /// How many results are in the record.
    pub recorded: usize,
    /// Those that came too late, by their position in the batch: somebody else holds the slot, or it is not due any more.
    pub stale: Vec<usize>,
    /// The changes of status.
    pub flips: Vec<(MonitorId, Flip)>,
}

/// How long an answer of any target proves that we ourselves have a network. No two slots of a monitor are closer: the
/// shortest interval is a second, and after an opening slot the grid goes on half an interval later. So losing our
/// network is not confirmed as the fault of a target by two slots that start on time.
const ANSWER_PROVES_NETWORK_FOR: Duration = Duration::from_millis(500);

/// The ports that watching needs.
#[derive(Clone)]
pub struct Watch {
    /// What is due, and what came of it.
    pub checks: Arc<dyn CheckRepo>,
    /// What to probe.
    pub monitors: Arc<dyn MonitorRepo>,
    /// How to probe it.
    pub prober: Arc<dyn Prober>,
    /// Whether we ourselves have a network, where the operator named addresses to ask.
    pub connectivity: Option<Arc<dyn Connectivity>>,
    /// Who looks on.
    pub feed: Arc<dyn EventFeed>,
    /// Tells the present instant.
    pub clock: Arc<dyn Clock>,
    /// Lease tokens.
    pub ids: Arc<dyn IdGenerator>,
    /// The region that this node watches from.
    pub region: Region,
    /// What this node remembers between checks.
    pub memory: Arc<Memory>,
}

/// What a node remembers between checks: a cache of settings by version, when a target last answered, and when our own
/// network was last back after it had been lost.
#[derive(Debug)]
pub struct Memory {
    settings: Mutex<SettingsCache>,
    last_answer: AtomicI64,
    is_network_lost: AtomicBool,
    network_back_at: AtomicI64,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            settings: Mutex::new(SettingsCache::of(Self::MAX_SETTINGS)),
            last_answer: AtomicI64::new(i64::MIN),
            is_network_lost: AtomicBool::new(false),
            network_back_at: AtomicI64::new(i64::MIN),
        }
    }
}

impl Memory {
    /// How many monitors' settings are kept at the most; beyond that those are forgotten, one by one, that were looked up
    /// the longest ago.
    pub const MAX_SETTINGS: usize = 4_000_000;

    /// Learns that something out there has answered.
    fn network_answers(&self, at: Timestamp) {
        if self.is_network_lost.load(Ordering::Acquire) {
            self.network_back_at.fetch_max(at.as_micros(), Ordering::AcqRel);
            self.is_network_lost.store(false, Ordering::Release);
        }
    }

    /// The monitors of claims whose version is known here, and those that must be looked up.
    fn find(&self, claims: &[Claim]) -> (HashMap<MonitorId, Arc<Monitor>>, Vec<MonitorId>) {
        let settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut known, mut unknown) = (HashMap::with_capacity(claims.len()), Vec::new());
        for claim in claims {
            match settings.find(claim.monitor, claim.version) {
                Some(monitor) => drop(known.insert(claim.monitor, Arc::clone(monitor))),
                None => unknown.push(claim.monitor),
            }
        }
        (known, unknown)
    }

    /// Keeps what has been looked up.
    fn keep<'m>(&self, monitors: impl Iterator<Item = &'m Arc<Monitor>>) {
        let mut settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        for monitor in monitors {
            settings.keep(Arc::clone(monitor));
        }
    }
}

impl Watch {
    /// Reads ahead what the first claims will need, before a process begins to watch.
    ///
    /// # Errors
    /// Where the store could not do it; nothing is lost by trying again.
    pub async fn read_ahead(&self, ahead: Duration) -> RepoResult<()> {
        self.checks.read_ahead(&self.region, self.clock.now().plus(ahead)).await
    }

    /// Takes at most `limit` claims that are due by now, or within `ahead` of now for those who wait for the instant
    /// themselves. Claims of monitors that have just been deleted are let go.
    ///
    /// # Errors
    /// Where the store could not do it.
    pub async fn claim(&self, limit: u32, ahead: Duration) -> RepoResult<AssignedWork> {
        let now = self.clock.now();
        let token = LeaseToken::new(self.ids.uuid());
        let request = ClaimRequest { region: self.region.clone(), now, horizon: now.plus(ahead), limit, token };
        let ClaimedWork { claims, missed } = self.checks.claim(&request).await?;
        Ok(AssignedWork { assignments: self.assign(claims).await?, missed })
    }

    /// Probes and judges. `None` where nothing may be said: it is too late to start, the probe could outlast its lease
    /// (others would probe as well), or we ourselves were held up for so long that the result is not to be trusted. The
    /// slot is given anew or missed when its lease ends.
    pub async fn probe(&self, assignment: &Assignment) -> Option<Settled> {
        let Assignment { claim, monitor } = assignment;
        let checked_at = self.clock.now();
        let timeout = monitor.settings.timeout.duration();
        if checked_at >= claim.start_before || checked_at.plus(timeout) > claim.lease_until {
            return None;
        }
        let report = self.prober.probe(ProbeRequest { target: &monitor.settings.target, timeout }).await;
        if report.latency > timeout + LEASE_MARGIN {
            return None;
        }
        let outcome = self.judge(claim, monitor, checked_at, report).await;
        Some(Settled { claim: claim.clone(), outcome })
    }

    /// Records a batch and tells those who look on.
    ///
    /// # Errors
    /// Where the store could not do it: nothing is recorded, and the batch may be given again.
    pub async fn record(&self, batch: &[Settled]) -> RepoResult<Recap> {
        let answers = self.checks.record(self.clock.now(), batch).await?;
        let mut recap = Recap::default();
        let mut events = Vec::with_capacity(batch.len());
        for (position, (settled, answer)) in batch.iter().zip(answers).enumerate() {
            let Recorded::Recorded { workspace, flip } = answer else {
                recap.stale.push(position);
                continue;
            };
            recap.recorded += 1;
            let monitor = settled.claim.monitor;
            if let Outcome::Checked(check) = &settled.outcome {
                events.push(Event { workspace, monitor, happening: Happening::Checked(check.clone()) });
            }
            if let Some(flip) = flip {
                events.push(Event { workspace, monitor, happening: Happening::Flipped(flip.clone()) });
                recap.flips.push((monitor, flip));
            }
        }
        self.feed.publish(events).await;
        Ok(recap)
    }

    /// Checks a monitor at once and records it. `None` where the workspace has no such monitor, or where the check could
    /// not be recorded because the monitor was deleted meanwhile.
    ///
    /// # Errors
    /// Where the store could not do it, or this process is so busy that the check would outlast its lease.
    pub async fn check_now(&self, workspace: WorkspaceId, monitor: MonitorId) -> RepoResult<Option<Outcome>> {
        let request = ManualClaim {
            workspace,
            monitor,
            region: self.region.clone(),
            now: self.clock.now(),
            token: LeaseToken::new(self.ids.uuid()),
        };
        let Some(claim) = self.checks.claim_manual(&request).await? else {
            return Ok(None);
        };
        let Some(assignment) = self.assign(vec![claim]).await?.pop() else {
            return Ok(None);
        };
        let Some(settled) = self.probe(&assignment).await else {
            return Err(RepoError::Unavailable("the check would outlast its lease".into()));
        };
        let recap = self.record(std::slice::from_ref(&settled)).await?;
        Ok((recap.recorded == 1).then_some(settled.outcome))
    }

    /// Finds the monitors of claims, from memory where their version is known there.
    async fn assign(&self, claims: Vec<Claim>) -> RepoResult<Vec<Assignment>> {
        let (mut monitors, unknown) = self.memory.find(&claims);
        if !unknown.is_empty() {
            let found = self.look_up(&unknown).await?;
            monitors.extend(found.into_iter().map(|monitor| (monitor.id, Arc::new(monitor))));
            self.memory.keep(unknown.iter().filter_map(|id| monitors.get(id)));
        }
        let assign = |claim: Claim| monitors.get(&claim.monitor).cloned().map(|monitor| Assignment { claim, monitor });
        Ok(claims.into_iter().filter_map(assign).collect())
    }

    /// Looks monitors up, and once more where the store falters: their claims are taken, and without their settings nobody
    /// could make use of them until their leases end.
    async fn look_up(&self, ids: &[MonitorId]) -> RepoResult<Vec<Monitor>> {
        match self.monitors.monitors_by_id(ids).await {
            Err(RepoError::Unavailable(_)) => self.monitors.monitors_by_id(ids).await,
            answer => answer,
        }
    }

    /// Judges a report, holding against it what we know of our own network.
    async fn judge(&self, claim: &Claim, monitor: &Monitor, checked_at: Timestamp, report: Report) -> Outcome {
        let (verdict, reason) = match judge(&report, &monitor.settings.expectation) {
            Judgement::Unknown => match &report.ending {
                Ending::CutOff { lack: Lack::Network, detail } if self.answered_lately() => {
                    (Verdict::Down, Some(Reason::new(ReasonKind::Connect, detail.as_str())))
                }
                _ => return Outcome::Unknown,
            },
            Judgement::Down(reason) if may_be_ours(reason.kind) && self.was_cut_off(checked_at).await => {
                return Outcome::Unknown;
            }
            Judgement::Down(reason) => (Verdict::Down, Some(reason)),
            Judgement::Degraded(reason) => (Verdict::Degraded, Some(reason)),
            Judgement::Up => (Verdict::Up, None),
        };
        let http_status = match report.ending {
            Ending::Answered { http_status } => Some(http_status),
            Ending::Failed { http_status, .. } => http_status,
            Ending::CutOff { .. } => None,
        };
        if http_status.is_some() {
            let answered_at = checked_at.plus(report.latency);
            self.memory.last_answer.fetch_max(answered_at.as_micros(), Ordering::Relaxed);
            self.memory.network_answers(answered_at);
        }
        Outcome::Checked(Box::new(Check {
            monitor: claim.monitor,
            region: claim.region.clone(),
            slot: claim.slot,
            origin: claim.origin,
            checked_at,
            verdict,
            reason,
            latency: report.latency,
            timings: report.timings,
            http_status,
            evidence: (verdict != Verdict::Up).then_some(report.evidence),
        }))
    }

    /// Whether a target has answered so lately that we surely have a network.
    fn answered_lately(&self) -> bool {
        let last = Timestamp::from_micros(self.memory.last_answer.load(Ordering::Relaxed));
        last.plus(ANSWER_PROVES_NETWORK_FOR) > self.clock.now()
    }

    /// Whether a probe that began at this instant may have failed for want of a network of ours: the addresses that the
    /// operator named cannot be reached either, or could not be when it began. What is out there may answer again by the time
    /// that we ask, and the probe have waited in vain all the same.
    async fn was_cut_off(&self, checked_at: Timestamp) -> bool {
        let Some(connectivity) = &self.connectivity else { return false };
        if !self.answered_lately() {
            if !connectivity.has_network().await {
                self.memory.is_network_lost.store(true, Ordering::Release);
                return true;
            }
            self.memory.network_answers(self.clock.now());
        }
        checked_at.as_micros() < self.memory.network_back_at.load(Ordering::Acquire)
    }
}

/// Whether a failure of this kind can come from our own lack of network.
fn may_be_ours(kind: ReasonKind) -> bool {
    matches!(kind, ReasonKind::Dns | ReasonKind::Connect | ReasonKind::Timeout)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::monitor::Interval;
    use crate::schedule::Schedule;

    #[test]
    fn an_answer_proves_nothing_any_more_when_the_next_slot_of_a_monitor_starts() {
        let shortest = Interval::from_secs(Interval::MIN_SECS).unwrap();
        let schedule = Schedule::of(MonitorId::new(Uuid::from_u128(7)), shortest);
        for micros in (0..1_000_000).step_by(999) {
            let opening = Timestamp::from_micros(micros);
            assert!(schedule.after(opening).since(opening) >= ANSWER_PROVES_NETWORK_FOR, "{opening:?}");
        }
    }
}
