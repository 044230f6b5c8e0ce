//! One pass of everything that is due: for cron, serverless functions, and whoever drives the checking themselves.
//!
//! It claims what may start now (which records older slots as missed), probes, records, makes the confirmations that
//! fall due meanwhile, delivers notices, and does one step of the janitor. Everything is bounded in time.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use watchkeeper_domain::check::{Origin, Outcome, Settled};
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::monitor::Monitor;
use watchkeeper_domain::port::{MonitorView, RepoError, RepoResult};
use watchkeeper_domain::status::Confirmation;
use watchkeeper_domain::time::Timestamp;
use watchkeeper_domain::usecase::{AssignedWork, Assignment};
use watchkeeper_domain::verdict::Verdict;

use crate::engine::Engine;
use crate::engine::dispatcher::{Dispatcher, Tally};
use crate::engine::janitor::{Janitor, Tidied};
use crate::engine::outage::patiently;
use crate::engine::scheduler::MAX_CLAIMS;
use crate::engine::{pool, recorder};

/// How long a pass goes on claiming. Where more falls due than can be checked, it leaves the rest to the next pass.
pub const MAX_CLAIMING: Duration = Duration::from_secs(300);

/// How long a pass waits for confirmations after all else is checked: a little more than one takes to fall due.
pub const MAX_CONFIRMING: Duration = Duration::from_secs(15);

/// How often it is looked whether a confirmation has fallen due.
const CONFIRMATION_POLL: Duration = Duration::from_millis(100);

/// How much later than expected a confirmation may fall due, since it is counted from the moment of recording.
const CONFIRMATION_SLACK: Duration = Duration::from_secs(1);

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Checks by verdict, of all origins.
    pub up: u64,
    /// See `up`.
    pub degraded: u64,
    /// See `up`.
    pub down: u64,
    /// Slots at which we had no network.
    pub unknown: u64,
    /// How many of the checks were confirmations.
    pub confirmations: u64,
    /// Slots that nobody came to in time.
    pub missed: u64,
    /// Claims that came to nothing: too late to start, or taken over by others.
    pub lost: u64,
    /// Changes of status.
    pub flips: u64,
    /// What was delivered.
    pub notices: Tally,
    /// What was tidied up.
    pub tidied: Tidied,
    /// How long it took.
    pub took: Duration,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { up, degraded, down, unknown, confirmations, missed, lost, flips, notices, tidied, took } = self;
        let checked = up + degraded + down;
        writeln!(f, "checked: {checked} ({up} up, {degraded} degraded, {down} down; {confirmations} to confirm)")?;
        writeln!(f, "unknown: {unknown}")?;
        writeln!(f, "missed: {missed}")?;
        writeln!(f, "lost: {lost}")?;
        writeln!(f, "status changes: {flips}")?;
        writeln!(f, "notices: {} delivered, {} failed", notices.delivered, notices.failed)?;
        let Tidied { hours, monitor_days, old_rows, history_rows, sessions, .. } = tidied;
        let rows = old_rows + history_rows + sessions;
        writeln!(f, "tidied: {hours} hours rolled up, {monitor_days} days folded, {rows} rows removed")?;
        write!(f, "took: {:.3} s", took.as_secs_f64())
    }
}

/// Does one pass, or less where it is told to stop: then it claims nothing more and finishes what it has.
///
/// # Errors
/// Where the store failed. What was recorded until then stays; claims that were not are given anew, or missed.
pub async fn tick(engine: Engine, stop: &CancellationToken) -> RepoResult<Summary> {
    let began = Instant::now();
    let due_by = engine.watch.clock.now();
    let mut pass = Pass { engine, due_by, summary: Summary::default(), refused: 0, awaited: HashMap::new() };
    pass.check(stop).await?;

    let Pass { engine: Engine { watch, dispatch, upkeep, retention, metrics, .. }, summary, refused, .. } = pass;
    let mut dispatcher = Dispatcher::new(dispatch, Arc::default(), Arc::clone(&watch.ids), metrics.clone());
    dispatcher.finish().await?;
    let mut janitor = Janitor::new(upkeep, retention, Arc::clone(&watch.clock), Arc::clone(&watch.ids), &metrics);
    let tidied = janitor.step().await?;
    if refused > 0 {
        return Err(RepoError::Conflict(format!("{refused} results were refused").into()));
    }
    Ok(Summary { notices: dispatcher.tally(), tidied, took: began.elapsed(), ..summary })
}

/// The checking of one pass.
struct Pass {
    engine: Engine,
    /// What was due by then is what the pass is for; what falls due while it lasts is the next one's, but for the
    /// confirmations that it waits for.
    due_by: Timestamp,
    summary: Summary,
    /// How many results the store refused.
    refused: usize,
    /// Until when to wait for the confirmations of these monitors.
    awaited: HashMap<MonitorId, Timestamp>,
}

impl Pass {
    async fn check(&mut self, stop: &CancellationToken) -> RepoResult<()> {
        let claim_until = Instant::now() + MAX_CLAIMING;
        let mut confirm_until = None;
        while !stop.is_cancelled() && Instant::now() < claim_until {
            if self.round().await? {
                continue;
            }
            let confirm_until = *confirm_until.get_or_insert(Instant::now() + MAX_CONFIRMING);
            let now = self.now();
            self.awaited.retain(|_, until| *until > now);
            if self.awaited.is_empty() || Instant::now() >= confirm_until {
                break;
            }
            let _ = stop.run_until_cancelled(sleep(CONFIRMATION_POLL)).await;
        }
        Ok(())
    }

    /// Claims, probes and records one batch of what may start now. Answers whether there may be more for this pass.
    async fn round(&mut self) -> RepoResult<bool> {
        let Engine { watch, workers, metrics, .. } = &self.engine;
        // A claim that waits for a worker may have to be let go: there is one for each.
        let (workers, most) = ((*workers).max(1), MAX_CLAIMS.min((*workers).max(1)));
        let claim = watch.claim(u32::try_from(most).unwrap_or(u32::MAX), Duration::ZERO);
        let AssignedWork { assignments, missed } = patiently(claim).await?;
        self.summary.missed += missed;
        if assignments.is_empty() {
            return Ok(false);
        }
        let monitors: HashMap<MonitorId, Arc<Monitor>> =
            assignments.iter().map(|Assignment { monitor, .. }| (monitor.id, Arc::clone(monitor))).collect();
        let claimed = assignments.len();
        let is_ours = assignments.iter().any(|assignment| assignment.claim.slot <= self.due_by);
        let settled: Vec<Settled> = stream::iter(&assignments)
            .map(|assignment| pool::probe(watch, assignment, metrics))
            .buffer_unordered(workers)
            .filter_map(|settled| async { settled })
            .collect()
            .await;
        let (recap, answer) = recorder::record(watch, &settled, metrics).await;
        answer?;
        self.summary.lost += (claimed - settled.len() + recap.stale.len()) as u64;
        self.summary.flips += recap.flips.len() as u64;
        self.refused += settled.len() - recap.recorded - recap.stale.len();
        for (position, settled) in settled.iter().enumerate() {
            if !recap.stale.contains(&position) {
                self.count(settled);
            }
            self.await_confirmation(settled, &monitors).await?;
        }
        Ok(is_ours)
    }

    fn count(&mut self, settled: &Settled) {
        let summary = &mut self.summary;
        summary.confirmations += u64::from(settled.claim.origin == Origin::Confirmation);
        match &settled.outcome {
            Outcome::Unknown => summary.unknown += 1,
            Outcome::Checked(check) => match check.verdict {
                Verdict::Up => summary.up += 1,
                Verdict::Degraded => summary.degraded += 1,
                Verdict::Down => summary.down += 1,
            },
        }
    }

    /// Remembers a monitor that wants to be asked again soon, and forgets one that does not any more.
    async fn await_confirmation(
        &mut self,
        settled: &Settled,
        monitors: &HashMap<MonitorId, Arc<Monitor>>,
    ) -> RepoResult<()> {
        let id = settled.claim.monitor;
        let (Some(monitor), Outcome::Checked(check)) = (monitors.get(&id), &settled.outcome) else { return Ok(()) };
        // A healthy check of a monitor that nobody suspects leads to no confirmation: most cost no question.
        if check.verdict == Verdict::Up
            && !self.awaited.contains_key(&id)
            && monitor.settings.confirmation.before_up == 0
        {
            return Ok(());
        }
        let view = patiently(self.engine.watch.monitors.monitor(monitor.workspace, id)).await?;
        match view.filter(|view| view.state.streak.is_some()).and_then(|view| confirmed_at(&view, self.now())) {
            Some(at) if at < self.now().plus(MAX_CONFIRMING) => self.awaited.insert(id, at.plus(CONFIRMATION_SLACK)),
            _ => self.awaited.remove(&id),
        };
        Ok(())
    }

    fn now(&self) -> Timestamp {
        self.engine.watch.clock.now()
    }
}

/// When a suspicion that came up just now is confirmed: by a confirmation, or by the next slot where that one is nearer
/// (see [`watchkeeper_domain::settle::settle`]).
fn confirmed_at(view: &MonitorView, now: Timestamp) -> Option<Timestamp> {
    let (next_slot, _) = view.next_slot?;
    Some(next_slot.min(now.plus(Confirmation::wait(view.monitor.settings.interval))))
}

#[cfg(test)]
mod tests;
