//! Monitors as a client asks for them.

use poem_openapi::types::{Example, MaybeUndefined};
use poem_openapi::{Enum, Object};
use watchkeeper_domain::monitor::HttpMethod;
use watchkeeper_domain::usecase::{MonitorDraft, MonitorPatch, TargetDraft};

use crate::http::bound::{Confirmations, IntervalSeconds, MonitorName, SlowAfterMillis, TargetUrl, TimeoutSeconds};

/// What kind of target it is.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename_all = "lowercase")]
pub(super) enum TargetType {
    /// A request over HTTP or HTTPS.
    Http,
}

/// How a target is asked. Both are safe: watching changes nothing.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename_all = "UPPERCASE")]
pub(super) enum Method {
    /// Fetches the body as well.
    Get,
    /// Fetches the headers alone.
    Head,
}

/// What is to be asked.
#[derive(Clone, Debug, Object)]
#[oai(example, deny_unknown_fields, skip_serializing_if_is_none)]
pub(super) struct NewTarget {
    /// What kind of target it is.
    #[oai(rename = "type")]
    kind: TargetType,
    /// Where: http or https, without credentials, its length in bytes. Private addresses have to be allowed by the operator.
    url: TargetUrl,
    /// How; `GET` by default.
    method: Option<Method>,
    /// Whether redirects are followed; they are by default. Where not, the redirect itself is the answer.
    follow_redirects: Option<bool>,
}

impl Example for NewTarget {
    fn example() -> Self {
        Self {
            kind: TargetType::Http,
            url: TargetUrl("https://example.org/health".into()),
            method: Some(Method::Get),
            follow_redirects: Some(true),
        }
    }
}

impl From<NewTarget> for TargetDraft {
    fn from(target: NewTarget) -> Self {
        let TargetType::Http = target.kind;
        let method = match target.method {
            Some(Method::Head) => HttpMethod::Head,
            Some(Method::Get) | None => HttpMethod::Get,
        };
        Self::Http { url: target.url.into(), method, follow_redirects: target.follow_redirects.unwrap_or(true) }
    }
}

/// What an answer is to be like; what is left out is as usual, or stays as it is.
#[derive(Clone, Debug, Object)]
#[oai(rename = "NewExpectation", example, deny_unknown_fields)]
pub(super) struct NewExpectation {
    /// The status codes that count as well, such as `200-299,301`; `200-399` by default.
    #[oai(skip_serializing_if_is_none)]
    statuses: Option<String>,
    /// Beyond so many milliseconds an answer is degraded, at most the timeout; null for never, which is the default.
    #[oai(nullable)]
    slow_after_ms: MaybeUndefined<SlowAfterMillis>,
}

impl Example for NewExpectation {
    fn example() -> Self {
        Self { statuses: Some("200-299".into()), slow_after_ms: MaybeUndefined::Value(SlowAfterMillis(1_500)) }
    }
}

/// How sure to be before the status changes; what is left out is as usual, or stays as it is.
#[derive(Clone, Debug, Object)]
#[oai(rename = "NewConfirmation", example, deny_unknown_fields, skip_serializing_if_is_none)]
pub(super) struct NewConfirmation {
    /// How many more failures in a row it takes before a monitor is down; 1 by default.
    before_down: Option<Confirmations>,
    /// How many more successes in a row it takes before a monitor is up again; 0 by default.
    before_up: Option<Confirmations>,
}

impl Example for NewConfirmation {
    fn example() -> Self {
        Self { before_down: Some(Confirmations(1)), before_up: Some(Confirmations(0)) }
    }
}

/// A monitor to be made.
#[derive(Clone, Debug, Object)]
#[oai(example, deny_unknown_fields, skip_serializing_if_is_none)]
pub(super) struct NewMonitor {
    /// What people call it, on one line; the target's host and path by default. White space around it is dropped.
    name: Option<MonitorName>,
    /// What is to be asked.
    target: NewTarget,
    /// How often, in seconds: at least what the operator permits, which is 5 by default.
    interval_seconds: IntervalSeconds,
    /// How long a probe may take, in seconds, at most the interval; 10 or the interval by default, whichever is less.
    timeout_seconds: Option<TimeoutSeconds>,
    /// What an answer is to be like.
    expectation: Option<NewExpectation>,
    /// How sure to be before the status changes.
    confirmation: Option<NewConfirmation>,
}

impl Example for NewMonitor {
    fn example() -> Self {
        Self {
            name: Some(MonitorName("Shop".into())),
            target: NewTarget::example(),
            interval_seconds: IntervalSeconds(60),
            timeout_seconds: Some(TimeoutSeconds(10)),
            expectation: Some(NewExpectation::example()),
            confirmation: Some(NewConfirmation::example()),
        }
    }
}

impl From<NewMonitor> for MonitorDraft {
    fn from(monitor: NewMonitor) -> Self {
        let (statuses, slow_after_ms) = expectation(monitor.expectation);
        let (before_down, before_up) = confirmation(monitor.confirmation);
        Self {
            name: monitor.name.map(Into::into),
            target: monitor.target.into(),
            interval_seconds: monitor.interval_seconds.into(),
            timeout_seconds: monitor.timeout_seconds.map(Into::into),
            statuses,
            slow_after_ms: slow_after_ms.flatten(),
            before_down,
            before_up,
        }
    }
}

/// A change of a monitor; what is left out stays as it is.
#[derive(Clone, Debug, Object)]
#[oai(example, deny_unknown_fields, skip_serializing_if_is_none)]
pub(super) struct MonitorChange {
    /// What people call it, on one line. White space around it is dropped.
    name: Option<MonitorName>,
    /// What is to be asked, whole.
    target: Option<NewTarget>,
    /// How often, in seconds: at least what the operator permits, which is 5 by default.
    interval_seconds: Option<IntervalSeconds>,
    /// How long a probe may take, in seconds, at most the interval.
    timeout_seconds: Option<TimeoutSeconds>,
    /// What an answer is to be like.
    expectation: Option<NewExpectation>,
    /// How sure to be before the status changes.
    confirmation: Option<NewConfirmation>,
    /// Whether it is watched; false pauses.
    is_active: Option<bool>,
}

impl Example for MonitorChange {
    fn example() -> Self {
        Self {
            name: Some(MonitorName("Shop".into())),
            target: None,
            interval_seconds: Some(IntervalSeconds(30)),
            timeout_seconds: None,
            expectation: Some(NewExpectation { statuses: None, slow_after_ms: MaybeUndefined::Null }),
            confirmation: None,
            is_active: Some(true),
        }
    }
}

impl From<MonitorChange> for MonitorPatch {
    fn from(change: MonitorChange) -> Self {
        let (statuses, slow_after_ms) = expectation(change.expectation);
        let (before_down, before_up) = confirmation(change.confirmation);
        Self {
            name: change.name.map(Into::into),
            target: change.target.map(Into::into),
            interval_seconds: change.interval_seconds.map(Into::into),
            timeout_seconds: change.timeout_seconds.map(Into::into),
            statuses,
            slow_after_ms,
            before_down,
            before_up,
            is_active: change.is_active,
        }
    }
}

fn expectation(expectation: Option<NewExpectation>) -> (Option<String>, Option<Option<i64>>) {
    let Some(NewExpectation { statuses, slow_after_ms }) = expectation else { return (None, None) };
    let slow_after_ms = match slow_after_ms {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(ms) => Some(Some(ms.into())),
    };
    (statuses, slow_after_ms)
}

fn confirmation(confirmation: Option<NewConfirmation>) -> (Option<i64>, Option<i64>) {
    let Some(NewConfirmation { before_down, before_up }) = confirmation else { return (None, None) };
    (before_down.map(Into::into), before_up.map(Into::into))
}
