//! Making, changing and deleting monitors.

use std::sync::Arc;

use crate::address::AddressGuard;
use crate::id::{MonitorId, WorkspaceId};
use crate::invalid::Invalid;
use crate::monitor::{
    Expectation, HttpMethod, HttpTarget, Interval, Monitor, MonitorName, Settings, StatusCodes, Target, Timeout,
};
use crate::port::{Change, Clock, Created, IdGenerator, MonitorRepo, MonitorView, RepoError};
use crate::status::{Confirmation, State};

/// Why a monitor could not be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// Fields that break a rule.
    #[error("the monitor's fields break a rule")]
    Invalid(Vec<Invalid>),
    /// There is no such monitor in this workspace.
    #[error("there is no such monitor")]
    NotFound,
    /// The workspace has as many monitors as it may.
    #[error("a workspace has at most {0} monitors")]
    LimitReached(u32),
    /// The store could not do it.
    #[error(transparent)]
    Repo(#[from] RepoError),
}

/// A target that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetDraft {
    /// A request over HTTP or HTTPS.
    Http {
        /// The URL, not parsed yet.
        url: String,
        /// The method of the request.
        method: HttpMethod,
        /// Whether redirects are followed.
        follow_redirects: bool,
    },
}

/// A monitor that somebody asks for; `None` takes what is usual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonitorDraft {
    /// What people call it; the target's host and path by default.
    pub name: Option<String>,
    /// What is asked.
    pub target: TargetDraft,
    /// The time between two slots, in seconds, not parsed yet.
    pub interval_seconds: i64,
    /// How long a probe may take; 10 s or the interval by default, whichever is less.
    pub timeout_seconds: Option<i64>,
    /// The expected status codes; 200-399 by default.
    pub statuses: Option<String>,
    /// Beyond this an answer is degraded; never by default.
    pub slow_after_ms: Option<i64>,
    /// How many confirmations before down; one by default.
    pub before_down: Option<i64>,
    /// How many confirmations before up; none by default.
    pub before_up: Option<i64>,
}

/// A change that somebody asks for; `None` leaves a thing as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MonitorPatch {
    /// What people call it.
    pub name: Option<String>,
    /// What is asked, whole.
    pub target: Option<TargetDraft>,
    /// How often. Where the timeout is not named and would exceed the new interval, it becomes the interval.
    pub interval_seconds: Option<i64>,
    /// How long a probe may take.
    pub timeout_seconds: Option<i64>,
    /// The expected status codes.
    pub statuses: Option<String>,
    /// Beyond this an answer is degraded; `Some(None)`: never.
    pub slow_after_ms: Option<Option<i64>>,
    /// How many confirmations before down.
    pub before_down: Option<i64>,
    /// How many confirmations before up.
    pub before_up: Option<i64>,
    /// Whether it is watched.
    pub is_active: Option<bool>,
}

/// How often a change is decided anew when another one came first.
const MOST_TRIES: u32 = 5;

/// Monitors: what is watched.
#[derive(Clone)]
pub struct Monitors {
    /// Where they are kept.
    pub repo: Arc<dyn MonitorRepo>,
    /// Tells the present instant, at which changes are dated.
    pub clock: Arc<dyn Clock>,
    /// Identifiers.
    pub ids: Arc<dyn IdGenerator>,
    /// Which literal addresses may be targets.
    pub guard: AddressGuard,
    /// The shortest interval that the operator permits.
    pub least_interval: Interval,
    /// How many monitors a workspace may have.
    pub most_monitors: u32,
}

impl Monitors {
    /// Makes a monitor; it is due at once.
    ///
    /// # Errors
    /// `Invalid`, `LimitReached`, `Repo`.
    pub async fn create(&self, workspace: WorkspaceId, draft: &MonitorDraft) -> Result<MonitorView, MonitorError> {
        let settings = self.parse(draft).map_err(MonitorError::Invalid)?;
        let created_at = self.clock.now();
        let id = MonitorId::new(self.ids.uuid());
        let monitor = Monitor { id, workspace, settings, is_active: true, created_at, version: 1 };
        match self.repo.create_monitor(&monitor, self.most_monitors).await? {
            Created::Created => {
                let schedule = crate::schedule::Schedule::of(id, monitor.settings.interval);
                let state = State::pending(created_at);
                Ok(MonitorView { monitor, state, next_slot: Some((created_at, schedule)) })
            }
            Created::LimitReached => Err(MonitorError::LimitReached(self.most_monitors)),
        }
    }

    /// A monitor of the workspace.
    ///
    /// # Errors
    /// `NotFound`, `Repo`.
    pub async fn get(&self, workspace: WorkspaceId, id: MonitorId) -> Result<MonitorView, MonitorError> {
        self.repo.monitor(workspace, id).await?.ok_or(MonitorError::NotFound)
    }

    /// The monitors of a workspace in the order in which they were made, those after `after`, at most `limit`.
    ///
    /// # Errors
    /// `Repo`.
    pub async fn list(
        &self,
        workspace: WorkspaceId,
        after: Option<MonitorId>,
        limit: u32,
    ) -> Result<Vec<MonitorView>, MonitorError> {
        Ok(self.repo.monitors(workspace, after, limit).await?)
    }

    /// Changes a monitor. Where somebody else changed it meanwhile, the change is decided anew upon what they left.
    ///
    /// # Errors
    /// `Invalid`, `NotFound`, `Repo`.
    pub async fn change(
        &self,
        workspace: WorkspaceId,
        id: MonitorId,
        patch: &MonitorPatch,
    ) -> Result<MonitorView, MonitorError> {
        let mut tries = 0;
        loop {
            let view = self.get(workspace, id).await?;
            let settings = self.patched(&view.monitor.settings, patch).map_err(MonitorError::Invalid)?;
            let is_active = patch.is_active.unwrap_or(view.monitor.is_active);
            if settings == view.monitor.settings && is_active == view.monitor.is_active {
                return Ok(view);
            }
            let change = Change { settings, is_active, version: view.monitor.version };
            tries += 1;
            match self.repo.change_monitor(workspace, id, &change, self.clock.now()).await {
                Err(RepoError::Stale) if tries < MOST_TRIES => {}
                changed => return changed?.ok_or(MonitorError::NotFound),
            }
        }
    }

    /// Deletes a monitor with its history.
    ///
    /// # Errors
    /// `NotFound`, `Repo`.
    pub async fn delete(&self, workspace: WorkspaceId, id: MonitorId) -> Result<(), MonitorError> {
        let was_there = self.repo.delete_monitor(workspace, id, self.clock.now()).await?;
        if was_there { Ok(()) } else { Err(MonitorError::NotFound) }
    }

    /// Parses a draft, naming everything that is wrong with it at once.
    fn parse(&self, draft: &MonitorDraft) -> Result<Settings, Vec<Invalid>> {
        let mut wrong = Wrong::default();
        let target = wrong.take(self.parse_target(&draft.target));
        let name = match &draft.name {
            Some(name) => wrong.take(MonitorName::parse(name)),
            None => target.as_ref().map(MonitorName::of_target),
        };
        let interval = wrong.take(Interval::parse(draft.interval_seconds, self.least_interval));
        let timeout = interval.and_then(|interval| match draft.timeout_seconds {
            Some(seconds) => wrong.take(Timeout::parse(seconds, interval)),
            None => Some(Timeout::default_for(interval)),
        });
        let statuses = match &draft.statuses {
            Some(text) => wrong.take(StatusCodes::parse(text)),
            None => Some(StatusCodes::default()),
        };
        let slow_after = draft
            .slow_after_ms
            .zip(timeout)
            .and_then(|(ms, timeout)| wrong.take(Expectation::parse_slow_after(ms, timeout)));
        let confirmation = wrong.confirmation(Confirmation::default(), draft.before_down, draft.before_up);
        match (target, name, interval, timeout, statuses, wrong.0.is_empty()) {
            (Some(target), Some(name), Some(interval), Some(timeout), Some(statuses), true) => {
                let expectation = Expectation { statuses, slow_after };
                Ok(Settings { name, target, interval, timeout, expectation, confirmation })
            }
            _ => Err(wrong.0),
        }
    }

    /// Applies a patch, naming everything that is wrong with it at once.
    fn patched(&self, old: &Settings, patch: &MonitorPatch) -> Result<Settings, Vec<Invalid>> {
        let mut wrong = Wrong::default();
        let mut new = old.clone();
        if let Some(name) = patch.name.as_deref().and_then(|name| wrong.take(MonitorName::parse(name))) {
            new.name = name;
        }
        if let Some(target) = patch.target.as_ref().and_then(|target| wrong.take(self.parse_target(target))) {
            new.target = target;
        }
        if let Some(interval) = patch.interval_seconds.and_then(|s| wrong.take(Interval::parse(s, self.least_interval)))
        {
            new.interval = interval;
            new.timeout = Timeout::from_secs(new.timeout.as_secs().min(interval.as_secs()));
        }
        if let Some(timeout) = patch.timeout_seconds.and_then(|s| wrong.take(Timeout::parse(s, new.interval))) {
            new.timeout = timeout;
        }
        if let Some(statuses) = patch.statuses.as_deref().and_then(|text| wrong.take(StatusCodes::parse(text))) {
            new.expectation.statuses = statuses;
        }
        match patch.slow_after_ms {
            None => {
                new.expectation.slow_after = new.expectation.slow_after.map(|limit| limit.min(new.timeout.duration()))
            }
            Some(None) => new.expectation.slow_after = None,
            Some(Some(ms)) => new.expectation.slow_after = wrong.take(Expectation::parse_slow_after(ms, new.timeout)),
        }
        new.confirmation = wrong.confirmation(old.confirmation, patch.before_down, patch.before_up);
        if wrong.0.is_empty() { Ok(new) } else { Err(wrong.0) }
    }

    fn parse_target(&self, draft: &TargetDraft) -> Result<Target, Invalid> {
        let TargetDraft::Http { url, method, follow_redirects } = draft;
        HttpTarget::parse(url, *method, *follow_redirects, &self.guard).map(Target::Http)
    }
}

/// Everything that is wrong with what somebody sent.
#[derive(Default)]
struct Wrong(Vec<Invalid>);

impl Wrong {
    fn take<T>(&mut self, parsed: Result<T, Invalid>) -> Option<T> {
        parsed.map_err(|invalid| self.0.push(invalid)).ok()
    }

    fn confirmation(&mut self, usual: Confirmation, before_down: Option<i64>, before_up: Option<i64>) -> Confirmation {
        let mut parse = |count: Option<i64>, usual: u32, field| {
            count.map_or(Some(usual), |count| self.take(Confirmation::parse(count, field))).unwrap_or(usual)
        };
        Confirmation {
            before_down: parse(before_down, usual.before_down, "confirmation.before_down"),
            before_up: parse(before_up, usual.before_up, "confirmation.before_up"),
        }
    }
}
