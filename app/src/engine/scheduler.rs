//! The scheduler: claims what the pool has room for, a little ahead of time, so that batches are large and each check
//! still starts at its very slot.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::field::Empty;
use tracing::{Instrument, info_span};
use watchkeeper_domain::check::LEASE_MARGIN;
use watchkeeper_domain::port::Upkeep;
use watchkeeper_domain::time::Timestamp;
use watchkeeper_domain::usecase::{AssignedWork, Watch};

use super::metrics::{Metrics, millis};
use super::network::{Share, TRIAL_CLAIMS};
use super::outage::{Outage, STORE_BACKOFF, patiently, timed};
use super::pool::Pool;
use super::recorder::Backlog;
use crate::traces::TARGET;

/// How often work is claimed. A transaction costs as much as several checks, so that fewer and larger claims are cheaper;
/// only what falls due between two polls starts later for it: the first check of a new monitor.
pub const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// How far ahead of its slot a check may be claimed: more than the time between two polls, so that every slot is in
/// hand before its instant, also when a claim takes a while.
pub const LOOK_AHEAD: Duration = Duration::from_millis(500);

/// The most that is claimed in one transaction.
pub const MAX_CLAIMS: usize = 500;

/// How soon the next claim follows where the last one left work over.
const BUSY_PAUSE: Duration = Duration::from_millis(5);

/// What nodes that keep results are given before the first claim after an outage: whoever waits between two calls has asked
/// the store again by then, and has had a second to record. A node whose call still hangs on a dead connection (at most
/// [`super::outage::STORE_PATIENCE`]) may come too late: what it kept is then stale, and the slot is checked anew or missed.
pub const HEAD_START: Duration = STORE_BACKOFF.longest.saturating_add(Duration::from_secs(1));

/// A clock that is this far behind is worth a warning; less is the play of following the database's time.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(1);

/// The scheduler.
pub struct Scheduler {
    watch: Watch,
    upkeep: Arc<dyn Upkeep>,
    pool: Pool,
    backlog: Arc<Backlog>,
    outage: Outage,
    /// Whether the store has taken a write since it failed, so that the next claim may end the outage.
    has_come_back: bool,
    claimed_at: Instant,
    newest: Timestamp,
    has_read_ahead: bool,
    is_clock_behind: bool,
    metrics: Metrics,
}

impl Scheduler {
    /// A scheduler that feeds a pool.
    pub fn new(watch: Watch, upkeep: Arc<dyn Upkeep>, pool: Pool, backlog: Arc<Backlog>, metrics: Metrics) -> Self {
        let outage = Outage::new("scheduler", &metrics, Arc::clone(&watch.ids));
        let (claimed_at, newest) = (Instant::now(), Timestamp::from_micros(i64::MIN));
        Self {
            watch,
            upkeep,
            pool,
            backlog,
            outage,
            has_come_back: false,
            claimed_at,
            newest,
            has_read_ahead: false,
            is_clock_behind: false,
            metrics,
        }
    }

    /// Claims until told to stop, the first time after a head start for others, then waits until what was claimed is
    /// finished.
    pub async fn run(mut self, head_start: Duration, stop: CancellationToken) {
        let _ = stop.run_until_cancelled(sleep(head_start)).await;
        while !stop.is_cancelled() {
            let pause = self.step().await;
            // A claim that is under way is awaited, so that nothing is claimed that nobody holds.
            let _ = stop.run_until_cancelled(sleep(pause)).await;
        }
        self.pool.finish().await;
    }

    /// Claims once and hands the claims to the pool. Answers how long to wait before the next step.
    pub async fn step(&mut self) -> Duration {
        if let Some(behind) = self.clock_behind() {
            return behind.min(POLL_INTERVAL);
        }
        // A claim ends leases that are over. What was found before an outage must be in the record first, or its slots
        // would be given anew although they have been checked.
        if self.backlog.is_held_up() {
            return POLL_INTERVAL;
        }
        if self.outage.lasts() && !self.has_come_back {
            return self.ask_for_the_store().await;
        }
        if !self.has_read_ahead {
            let answer = patiently(self.watch.read_ahead(LOOK_AHEAD)).await;
            self.has_come_back = false;
            match self.outage.note(answer) {
                Ok(()) => self.has_read_ahead = true,
                Err(pause) => return pause,
            }
        }
        let limit = self.pool.room().min(MAX_CLAIMS);
        if limit == 0 {
            return BUSY_PAUSE;
        }
        let share = self.pool.share();
        let (limit, ahead) = match share {
            Share::Full => (limit, LOOK_AHEAD),
            Share::Trial => (limit.min(TRIAL_CLAIMS), LOOK_AHEAD),
            Share::Rest => (limit, Duration::ZERO),
        };
        let most = u32::try_from(limit).unwrap_or(u32::MAX);
        let span = info_span!(target: TARGET, "claim", limit, claims = Empty, otel.status_code = Empty);
        let claim = timed(&self.metrics.calls.claim, patiently(self.watch.claim(most, ahead)));
        let answer = claim.instrument(span.clone()).await;
        match &answer {
            Ok(work) => span.record("claims", work.assignments.len()),
            Err(_) => span.record("otel.status_code", "ERROR"),
        };
        drop(span);
        self.has_come_back = false;
        match self.outage.note(answer) {
            Ok(AssignedWork { assignments, missed }) => {
                self.claimed_at = Instant::now();
                self.metrics.slots_missed.inc_by(missed);
                self.metrics.claims_made.inc_by(assignments.len() as u64);
                // Where what falls due at one instant does not fit, a claim may stop short of its limit.
                let is_work_left = assignments.len() >= limit - limit / 10;
                if share == Share::Trial && !assignments.is_empty() {
                    self.pool.tries();
                }
                self.pool.start(assignments);
                if is_work_left { BUSY_PAUSE } else { POLL_INTERVAL }
            }
            Err(pause) => pause,
        }
    }

    /// Asks whether the store takes writes again, and answers when to claim or ask again. After an outage that leases may
    /// have ended in, other nodes are let record first what they found: this one may have nothing to record, and would take
    /// it over. The outage is over when a claim has gone well.
    async fn ask_for_the_store(&mut self) -> Duration {
        match patiently(self.upkeep.can_write()).await {
            Ok(()) => {
                self.has_come_back = true;
                if self.claimed_at.elapsed() >= LEASE_MARGIN { HEAD_START } else { Duration::ZERO }
            }
            Err(error) => self.outage.failed(&error),
        }
    }

    /// By how much the clock is behind what it has shown before. Nothing is claimed until it has caught up.
    fn clock_behind(&mut self) -> Option<Duration> {
        let now = self.watch.clock.now();
        if now >= self.newest {
            self.newest = now;
            if std::mem::take(&mut self.is_clock_behind) {
                tracing::info!("the clock has caught up; checking goes on");
            }
            return None;
        }
        let behind = self.newest.since(now);
        if behind > CLOCK_TOLERANCE && !std::mem::replace(&mut self.is_clock_behind, true) {
            tracing::warn!(
                behind_ms = millis(behind),
                "the clock has fallen back; checking waits until it has caught up"
            );
        }
        Some(behind)
    }
}
