//! Reading what happened: checks, uptime, latency, the account of slots, gaps, incidents.

mod window;

use std::sync::Arc;
use std::time::Duration;

use crate::audit::SlotAccount;
use crate::check::{Check, Region};
use crate::id::{IncidentId, MonitorId, WorkspaceId};
use crate::incident::{Incident, TimelineEvent};
use crate::invalid::Invalid;
use crate::port::{
    CheckPage, CheckQuery, Clock, HistoryRepo, IncidentQuery, IncidentRepo, Keeping, LatencyBucket,
    MAX_LATENCY_BUCKETS, MonitorKeeping, MonitorView, RepoError, WorkspaceRepo,
};
use crate::retention::{Left, Retention};
use crate::rollup::DAY;
use crate::time::{Timestamp, Window};
use crate::uptime::{Gap, StatusSpan, TimeFacts, Uptime, join, timeline, uptime};
use crate::verdict::Verdict;

pub use window::WindowRequest;
use window::in_usual_stretches;

/// Why history could not be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// Parameters that break a rule.
    #[error("the parameters break a rule")]
    Invalid(Vec<Invalid>),
    /// There is no such thing in this workspace.
    #[error("there is no such thing")]
    NotFound,
    /// The store could not do it.
    #[error(transparent)]
    Repo(#[from] RepoError),
}

/// What a window is where nothing is said.
pub const DEFAULT_WINDOW: Duration = Duration::from_secs(24 * 3600);

/// How many days each of the windows has whose uptime is told together ([`History::uptimes`]), the shortest first.
pub const UPTIME_DAYS: [u16; 5] = [1, 7, 30, 90, 365];

/// How many stretches of status one answer has at the most.
pub const MAX_TIMELINE_STRETCHES: usize = 5_000;

/// How many spans, gaps and epochs (of each) are read at once, of all monitors together.
const MAX_TIME_FACTS: usize = 5_000;

/// How many of each are read of one monitor at least, however many are asked about.
const MIN_TIME_FACTS: usize = 20;

/// How many of each are read at once of one of so many monitors.
fn facts_at_once(monitors: usize) -> usize {
    (MAX_TIME_FACTS / monitors.max(1)).max(MIN_TIME_FACTS)
}

fn bounded(most: usize) -> u32 {
    u32::try_from(most).unwrap_or(u32::MAX)
}

/// About how many buckets a latency graph has where nothing is said.
pub const LATENCY_BUCKETS_BY_DEFAULT: u32 = 96;

/// What happened, for those to whom it belongs.
#[derive(Clone)]
pub struct History {
    /// Whose monitor it is, and what is kept of it.
    pub workspaces: Arc<dyn WorkspaceRepo>,
    /// Reads the log and what follows from it.
    pub repo: Arc<dyn HistoryRepo>,
    /// The incidents.
    pub incidents: Arc<dyn IncidentRepo>,
    /// Tells the present instant, up to which windows reach.
    pub clock: Arc<dyn Clock>,
    /// For how long history is kept at the most.
    pub retention: Retention,
    /// The region whose checks are shown.
    pub region: Region,
}

impl History {
    /// The checks of a monitor in a window, the newest first; those before `before`, with a verdict where one is named.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `Repo`.
    pub async fn checks(
        &self,
        workspace: WorkspaceId,
        monitor: MonitorId,
        request: WindowRequest,
        verdict: Option<Verdict>,
        before: Option<Timestamp>,
        limit: u32,
    ) -> Result<CheckPage, HistoryError> {
        // The newest check lies exactly at now when it was made in this very microsecond.
        let (window, left) = self.window(workspace, monitor, request, self.clock.now().next()).await?;
        let window = before.map_or(window, |before| window.before(before));
        let window = window.not_before(left.packed_from);
        let query = CheckQuery { monitor, region: self.region.clone(), window, verdict, limit };
        let CheckPage { checks, more_before } = self.repo.checks(&query).await?;
        Ok(CheckPage { checks: checks.into_iter().filter_map(|check| left.of(check)).collect(), more_before })
    }

    /// How the last 24 hours (or their lives) of monitors of one workspace that the caller has just read were spent, and
    /// their newest checks, in their order.
    ///
    /// # Errors
    /// `Repo`.
    pub async fn glances(&self, views: &[MonitorView], limit: u32) -> Result<Vec<(Uptime, Vec<Check>)>, HistoryError> {
        let Some(workspace) = views.first().map(|view| view.monitor.workspace) else { return Ok(Vec::new()) };
        let left = self.left(workspace).await?;
        let now = self.clock.now();
        let day = Window::last(DEFAULT_WINDOW, now);
        let of_life = |view: &MonitorView| match Window::new(view.monitor.created_at, now) {
            Some(life) => day.clip(life),
            None => Window::last(Duration::ZERO, now),
        };
        let windows: Vec<_> = views.iter().map(|view| (view.monitor.id, of_life(view))).collect();
        let asked: Vec<_> = windows.iter().map(|(monitor, window)| (*monitor, window.from())).collect();
        let most = facts_at_once(asked.len());
        let glances = self.repo.glances(&asked, &self.region, bounded(most), limit, now).await?;
        let (mut shown, mut rest) = (Vec::with_capacity(views.len()), Vec::new());
        for (position, ((monitor, window), glance)) in windows.into_iter().zip(glances).enumerate() {
            let (part, before) = glance.facts.whole_part(window, most);
            rest.extend(before.map(|before| (position, (monitor, before))));
            let recent = glance.recent.into_iter().filter_map(|check| left.of(check)).collect();
            shown.push((uptime(&glance.facts, part, now), recent));
        }
        let add = |position: usize, facts: &TimeFacts, part| {
            if let Some((spent, _)) = shown.get_mut(position) {
                spent.add(&uptime(facts, part, now));
            }
            true
        };
        self.read_in_parts(rest, add).await?;
        Ok(shown)
    }

    /// How the time of a window was spent.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `Repo`.
    pub async fn uptime(
        &self,
        workspace: WorkspaceId,
        monitor: MonitorId,
        request: WindowRequest,
    ) -> Result<(Window, Uptime), HistoryError> {
        let now = self.clock.now();
        let (window, _) = self.window(workspace, monitor, request, now).await?;
        let mut spent = Uptime::default();
        let add = |_, facts: &TimeFacts, part| {
            spent.add(&uptime(facts, part, now));
            true
        };
        self.read_in_parts(vec![(0, (monitor, window))], add).await?;
        Ok((window, spent))
    }

    /// How the time of the last day, week, month, quarter and year was spent ([`UPTIME_DAYS`]), each clipped to the
    /// monitor's life and with the number of its days. What is known of the longest is read once, for all of them.
    ///
    /// # Errors
    /// `NotFound`, `Repo`.
    pub async fn uptimes(
        &self,
        workspace: WorkspaceId,
        monitor: MonitorId,
    ) -> Result<Vec<(u16, Window, Uptime)>, HistoryError> {
        let now = self.clock.now();
        let longest = UPTIME_DAYS.into_iter().max().unwrap_or(0);
        let request = WindowRequest { from: Some(now.minus(DAY * u32::from(longest))), to: None };
        let (life, _) = self.window(workspace, monitor, request, now).await?;
        let last = |days: u16| (days, life.clip(Window::last(DAY * u32::from(days), now)), Uptime::default());
        let mut spent: Vec<_> = UPTIME_DAYS.into_iter().map(last).collect();
        let add = |_, facts: &TimeFacts, part: Window| {
            for (_, window, spent) in &mut spent {
                spent.add(&uptime(facts, part.clip(*window), now));
            }
            true
        };
        self.read_in_parts(vec![(0, (monitor, life))], add).await?;
        Ok(spent)
    }

    /// The statuses of a window one after the other, oldest first, without holes; at most [`MAX_TIMELINE_STRETCHES`],
    /// beyond which the window is refused.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `Repo`.
    pub async fn timeline(
        &self,
        workspace: WorkspaceId,
        monitor: MonitorId,
        request: WindowRequest,
    ) -> Result<Vec<StatusSpan>, HistoryError> {
        let now = self.clock.now();
        let (window, _) = self.window(workspace, monitor, request, now).await?;
        let mut stretches = Vec::new();
        let prepend = |_, facts: &TimeFacts, part| {
            stretches = join(timeline(facts, part, now), std::mem::take(&mut stretches));
            stretches.len() <= MAX_TIMELINE_STRETCHES
        };
        self.read_in_parts(vec![(0, (monitor, window))], prepend).await?;
        if stretches.len() > MAX_TIMELINE_STRETCHES {
            let message =
                format!("The status changed more than {MAX_TIMELINE_STRETCHES} times. Ask for a shorter window.");
            return Err(HistoryError::Invalid(vec![Invalid::new("from", "window_too_full", message)]));
        }
        Ok(stretches)
    }

    /// Reads how the time of monitors was spent, each in its window, and shows it part by part, the newest part first,
    /// until the windows are through or `see` has seen enough. Each is asked for by a number, under which it is shown. What
    /// is held at once is bounded, however full a window is.
    async fn read_in_parts(
        &self,
        asked: Vec<(usize, (MonitorId, Window))>,
        mut see: impl FnMut(usize, &TimeFacts, Window) -> bool + Send,
    ) -> Result<(), HistoryError> {
        let (mut positions, mut rest): (Vec<usize>, Vec<_>) = asked.into_iter().unzip();
        while !rest.is_empty() {
            let most = facts_at_once(rest.len());
            let facts = self.repo.time_facts(&rest, &self.region, bounded(most)).await?;
            let (mut later_positions, mut later) = (Vec::new(), Vec::new());
            for ((position, (monitor, window)), facts) in positions.into_iter().zip(rest).zip(&facts) {
                let (part, before) = facts.whole_part(window, most);
                if let (true, Some(before)) = (see(position, facts, part), before) {
                    later_positions.push(position);
                    later.push((monitor, before));
                }
            }
            (positions, rest) = (later_positions, later);
        }
        Ok(())
    }

    /// The latencies of a window in stretches of `step`, counted from the beginning that was asked for, also where the
    /// monitor was made later, and one that lies partly in history that is gone is left out. By default there are about
    /// [`LATENCY_BUCKETS_BY_DEFAULT`] of them; in a long window they are whole hours or days of UTC, and the first of them
    /// may begin before it.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `Repo`.
    pub async fn latency(
        &self,
        workspace: WorkspaceId,
        monitor: MonitorId,
        request: WindowRequest,
        step: Option<Duration>,
    ) -> Result<Vec<LatencyBucket>, HistoryError> {
        let (window, left) = self.window(workspace, monitor, request, self.clock.now().next()).await?;
        let (window, step) = match step {
            Some(step) => (request.in_stretches(window, step), step),
            None => in_usual_stretches(window.not_before(left.rollups_from)),
        };
        let buckets = window.length().as_micros().div_ceil(step.as_micros().max(1));
        if step < Duration::from_secs(1) || buckets > u128::from(MAX_LATENCY_BUCKETS) {
            let message =
                format!("A step has at least 1 second and cuts the window into at most {MAX_LATENCY_BUCKETS} parts.");
            return Err(HistoryError::Invalid(vec![Invalid::new("step", "step_out_of_bounds", message)]));
        }
        let mut buckets = self.repo.latencies(monitor, &self.region, window, step).await?;
        buckets.retain(|bucket| bucket.at >= left.rollups_from);
        Ok(buckets)
    }

    /// The account of slots in a window, as far as something is left of it ([`Left::known_part`]).
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `Repo`.
    pub async fn slots(
        &self,
        workspace: WorkspaceId,
        monitor: MonitorId,
        request: WindowRequest,
    ) -> Result<SlotAccount, HistoryError> {
        let now = self.clock.now();
        let (window, left) = self.window(workspace, monitor, request, now.next()).await?;
        Ok(self.repo.account(monitor, &self.region, left.known_part(window), now).await?)
    }

    /// The gaps that touch a window and begin before `before`, the newest first.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `Repo`.
    pub async fn gaps(
        &self,
        workspace: WorkspaceId,
        monitor: MonitorId,
        request: WindowRequest,
        before: Option<Timestamp>,
        limit: u32,
    ) -> Result<Vec<Gap>, HistoryError> {
        let (window, _) = self.window(workspace, monitor, request, self.clock.now().next()).await?;
        Ok(self.repo.gaps(monitor, &self.region, window, before, limit).await?)
    }

    /// The incidents of a workspace, or of one of its monitors, the newest first.
    ///
    /// # Errors
    /// `NotFound` where the monitor is not the workspace's, `Repo`.
    pub async fn incidents(&self, query: &IncidentQuery) -> Result<Vec<Incident>, HistoryError> {
        if let Some(monitor) = query.monitor {
            self.workspaces.keeping_of(query.workspace, monitor).await?.ok_or(HistoryError::NotFound)?;
        }
        Ok(self.incidents.incidents(query).await?)
    }

    /// One incident and what happened in the course of it.
    ///
    /// # Errors
    /// `NotFound`, `Repo`.
    pub async fn incident(
        &self,
        workspace: WorkspaceId,
        id: IncidentId,
    ) -> Result<(Incident, Vec<TimelineEvent>), HistoryError> {
        self.incidents.incident(workspace, id).await?.ok_or(HistoryError::NotFound)
    }

    /// What is left of the history of a workspace.
    async fn left(&self, workspace: WorkspaceId) -> Result<Left, HistoryError> {
        let keeping = self.workspaces.keeping(workspace).await?.ok_or(HistoryError::NotFound)?;
        Ok(self.of(keeping))
    }

    fn of(&self, Keeping { own, left }: Keeping) -> Left {
        left.and(own.within(&self.retention).left(self.clock.now()))
    }

    /// The window asked for, clipped to the life of a monitor that is the workspace's own.
    async fn window(
        &self,
        workspace: WorkspaceId,
        monitor: MonitorId,
        request: WindowRequest,
        now: Timestamp,
    ) -> Result<(Window, Left), HistoryError> {
        let MonitorKeeping { created_at, keeping } =
            self.workspaces.keeping_of(workspace, monitor).await?.ok_or(HistoryError::NotFound)?;
        let window = request.within(created_at, now).map_err(|invalid| HistoryError::Invalid(vec![invalid]))?;
        Ok((window, self.of(keeping)))
    }
}
