//! Monitors as the API shows them.

use poem_openapi::Object;
use poem_openapi::types::Example;
use uuid::{Uuid, uuid};
use watchkeeper_domain::check::Check;
use watchkeeper_domain::monitor::{self, HttpMethod};
use watchkeeper_domain::port::MonitorView;
use watchkeeper_domain::time::Timestamp;
use watchkeeper_domain::uptime::Uptime;

use super::draft::{Method, TargetType};
use crate::http::check::{self, CheckSummary};
use crate::http::status::Status;
use crate::http::value::{Nullable, Time};

/// What is asked.
#[derive(Object)]
pub(super) struct Target {
    /// What kind of target it is.
    #[oai(rename = "type")]
    kind: TargetType,
    /// Where.
    url: String,
    /// How.
    method: Method,
    /// Whether redirects are followed.
    follow_redirects: bool,
}

impl From<&monitor::Target> for Target {
    fn from(target: &monitor::Target) -> Self {
        let monitor::Target::Http(http) = target;
        let method = match http.method {
            HttpMethod::Get => Method::Get,
            HttpMethod::Head => Method::Head,
        };
        let url = http.url().as_str().to_owned();
        Self { kind: TargetType::Http, url, method, follow_redirects: http.follow_redirects }
    }
}

/// What an answer must be like.
#[derive(Object)]
pub(super) struct Expectation {
    /// The status codes that count as well, such as `200-299,301`.
    statuses: String,
    /// Beyond so many milliseconds an answer is degraded; null where slowness does not matter.
    slow_after_ms: Nullable<u64>,
}

impl From<&monitor::Expectation> for Expectation {
    fn from(expectation: &monitor::Expectation) -> Self {
        let slow_after = expectation.slow_after.map(|limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
        Self { statuses: expectation.statuses.to_string(), slow_after_ms: Nullable(slow_after) }
    }
}

/// How sure to be before the status changes.
#[derive(Object)]
pub(super) struct Confirmation {
    /// How many more failures in a row it takes before a monitor is down.
    before_down: u32,
    /// How many more successes in a row it takes before a monitor is up again.
    before_up: u32,
}

/// Something that is watched.
#[derive(Object)]
#[oai(example)]
pub(super) struct Monitor {
    /// Which.
    id: Uuid,
    /// What people call it.
    name: String,
    /// What is asked.
    target: Target,
    /// How often, in seconds.
    interval_seconds: u32,
    /// How long a probe may take, in seconds.
    timeout_seconds: u32,
    /// What an answer must be like.
    expectation: Expectation,
    /// How sure to be before the status changes.
    confirmation: Confirmation,
    /// Whether it is watched; false is paused.
    is_active: bool,
    /// When it was made.
    created_at: Time,
    /// What it is said to be.
    status: Status,
    /// Since which slot.
    status_since: Time,
    /// Its newest check, of whatever origin; null where there is none yet.
    last_check: Nullable<check::Check>,
    /// Up and degraded time over all known time of the last 24 hours, 0 to 1; null where nothing is known.
    uptime_24h: Nullable<f64>,
    /// Its newest checks, the newest first. Only in a list, where they are asked for.
    #[oai(skip_serializing_if_is_none)]
    recent_checks: Option<Vec<CheckSummary>>,
}

impl Monitor {
    /// A monitor with its newest checks and how its last day was spent.
    pub(super) fn new(view: &MonitorView, checks: &[Check], day: &Uptime, recent: u32, now: Timestamp) -> Self {
        Self {
            last_check: Nullable(checks.first().map(check::Check::from)),
            uptime_24h: Nullable(day.ratio()),
            recent_checks: (recent > 0).then(|| checks.iter().map(CheckSummary::from).collect()),
            ..Self::just_made(view, now)
        }
    }

    /// A monitor of which there are no checks yet.
    pub(super) fn just_made(view: &MonitorView, now: Timestamp) -> Self {
        let MonitorView { monitor, state, next_slot } = view;
        let settings = &monitor.settings;
        let (status, since) = state.shown(*next_slot, now);
        Self {
            id: monitor.id.uuid(),
            name: settings.name.as_str().to_owned(),
            target: Target::from(&settings.target),
            interval_seconds: settings.interval.as_secs(),
            timeout_seconds: settings.timeout.as_secs(),
            expectation: Expectation::from(&settings.expectation),
            confirmation: Confirmation {
                before_down: settings.confirmation.before_down,
                before_up: settings.confirmation.before_up,
            },
            is_active: monitor.is_active,
            created_at: monitor.created_at.into(),
            status: status.into(),
            status_since: since.into(),
            last_check: Nullable::NULL,
            uptime_24h: Nullable::NULL,
            recent_checks: None,
        }
    }
}

impl Example for Monitor {
    fn example() -> Self {
        let target = Target {
            kind: TargetType::Http,
            url: "https://example.org/health".into(),
            method: Method::Get,
            follow_redirects: true,
        };
        Self {
            id: uuid!("019c1405-6400-7000-8000-0000000000c1"),
            name: "Shop".into(),
            target,
            interval_seconds: 60,
            timeout_seconds: 10,
            expectation: Expectation { statuses: "200-299".into(), slow_after_ms: Nullable(Some(1_500)) },
            confirmation: Confirmation { before_down: 1, before_up: 0 },
            is_active: true,
            created_at: Time(Timestamp::from_secs(1_769_860_800)),
            status: Status::Up,
            status_since: Time(Timestamp::from_secs(1_769_860_800)),
            last_check: Nullable(Some(check::Check::example())),
            uptime_24h: Nullable(Some(0.9993)),
            recent_checks: None,
        }
    }
}

/// Monitors, in the order in which they were made.
#[derive(Object)]
#[oai(example)]
pub(super) struct MonitorList {
    /// The monitors.
    items: Vec<Monitor>,
    /// Leads to the next page; null where this is the last one.
    next_cursor: Nullable<String>,
}

impl MonitorList {
    /// A page.
    pub(super) fn new(items: Vec<Monitor>, next_cursor: Option<String>) -> Self {
        Self { items, next_cursor: Nullable(next_cursor) }
    }
}

impl Example for MonitorList {
    fn example() -> Self {
        let recent_checks = Some(vec![CheckSummary::example()]);
        Self::new(vec![Monitor { recent_checks, ..Monitor::example() }], None)
    }
}
