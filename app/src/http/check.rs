//! Checks as the API shows them.

use std::time::Duration;

use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use watchkeeper_domain::check;
use watchkeeper_domain::report::{self, ReasonKind};
use watchkeeper_domain::time::Timestamp;
use watchkeeper_domain::verdict::Verdict;

use super::value::{Millis, Nullable, Time};

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "UPPERCASE")]
pub(super) enum CheckStatus {
    /// As expected.
    Up,
    /// As expected, but not well.
    Degraded,
    /// Not as expected.
    Down,
}

impl From<Verdict> for CheckStatus {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Up => Self::Up,
            Verdict::Degraded => Self::Degraded,
            Verdict::Down => Self::Down,
        }
    }
}

impl From<CheckStatus> for Verdict {
    fn from(status: CheckStatus) -> Self {
        match status {
            CheckStatus::Up => Self::Up,
            CheckStatus::Degraded => Self::Degraded,
            CheckStatus::Down => Self::Down,
        }
    }
}

/// Why a check was made. Only scheduled ones are slots; the others sit between them.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename = "CheckOrigin", rename_all = "lowercase")]
pub(super) enum Origin {
    /// The monitor was due.
    Scheduled,
    /// A change of status had to be confirmed before it counts.
    Confirmation,
    /// Somebody asked for it.
    Manual,
}

impl From<check::Origin> for Origin {
    fn from(origin: check::Origin) -> Self {
        match origin {
            check::Origin::Scheduled => Self::Scheduled,
            check::Origin::Confirmation => Self::Confirmation,
            check::Origin::Manual => Self::Manual,
        }
    }
}

/// Why a check did not go well, by class.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename_all = "lowercase")]
pub(super) enum ReasonCode {
    /// The name did not resolve.
    Dns,
    /// No connection came about.
    Connect,
    /// The TLS handshake failed, or the certificate is not to be trusted.
    Tls,
    /// It took longer than the timeout.
    Timeout,
    /// A redirect led nowhere, in circles, or too far.
    Redirect,
    /// The answer's status code was not expected.
    Status,
    /// The answer broke off or could not be read.
    Body,
    /// The address lies in a range that the operator does not allow.
    Blocked,
    /// All went well, but slowly.
    Slow,
}

impl From<ReasonKind> for ReasonCode {
    fn from(kind: ReasonKind) -> Self {
        match kind {
            ReasonKind::Dns => Self::Dns,
            ReasonKind::Connect => Self::Connect,
            ReasonKind::Tls => Self::Tls,
            ReasonKind::Timeout => Self::Timeout,
            ReasonKind::Redirect => Self::Redirect,
            ReasonKind::Status => Self::Status,
            ReasonKind::Body => Self::Body,
            ReasonKind::Blocked => Self::Blocked,
            ReasonKind::Slow => Self::Slow,
        }
    }
}

/// How long the phases of a probe took, summed over redirects; null for a phase that did not happen.
#[derive(Clone, Debug, Object)]
pub(super) struct Timings {
    /// Resolving the name.
    dns_ms: Nullable<Millis>,
    /// Opening the connection.
    connect_ms: Nullable<Millis>,
    /// The TLS handshake.
    tls_ms: Nullable<Millis>,
    /// From the request's leaving until the first byte of the answer.
    first_byte_ms: Nullable<Millis>,
    /// From the first byte until the end of the body.
    transfer_ms: Nullable<Millis>,
}

impl From<&report::Timings> for Timings {
    fn from(timings: &report::Timings) -> Self {
        Self {
            dns_ms: Nullable::from_option(timings.dns),
            connect_ms: Nullable::from_option(timings.connect),
            tls_ms: Nullable::from_option(timings.tls),
            first_byte_ms: Nullable::from_option(timings.first_byte),
            transfer_ms: Nullable::from_option(timings.transfer),
        }
    }
}

/// A header of an answer.
#[derive(Clone, Debug, Object)]
pub(super) struct Header {
    /// Its name, in lower case.
    name: String,
    /// Its value, cut to 256 characters.
    value: String,
}

/// What was seen beside the verdict. Kept for checks that did not go well, so that an alert can be argued about.
#[derive(Clone, Debug, Object)]
pub(super) struct Evidence {
    /// The address that was dialled last; null where none was.
    remote_address: Nullable<String>,
    /// The URLs that were visited, in order.
    hops: Vec<String>,
    /// The answer's headers, at most 32; cookies are left out.
    headers: Vec<Header>,
    /// The beginning of the body as text, at most 1024 characters; null where there was none.
    body: Nullable<String>,
}

impl From<&report::Evidence> for Evidence {
    fn from(evidence: &report::Evidence) -> Self {
        let header = |(name, value): &(String, String)| Header { name: name.clone(), value: value.clone() };
        Self {
            remote_address: Nullable(evidence.remote_address.map(|address| address.to_string())),
            hops: evidence.hops.clone(),
            headers: evidence.headers.iter().map(header).collect(),
            body: Nullable(evidence.body.clone()),
        }
    }
}

/// One finished probe.
#[derive(Clone, Debug, Object)]
#[oai(example)]
pub(super) struct Check {
    /// The slot, or the instant of a confirmation or manual check.
    slot: Time,
    /// When the probe started.
    checked_at: Time,
    /// What came of it.
    status: CheckStatus,
    /// Why it was made.
    origin: Origin,
    /// How long the whole probe took.
    latency_ms: Millis,
    /// How long each phase of it took.
    timings: Timings,
    /// The status code of the answer; null where there was none.
    http_status: Nullable<u16>,
    /// Why, in words; null where all was well.
    reason: Nullable<String>,
    /// Why, by class; null where all was well.
    reason_code: Nullable<ReasonCode>,
    /// Where it was made from.
    region: String,
    /// What else was seen; left out where all was well.
    #[oai(skip_serializing_if_is_none)]
    evidence: Option<Evidence>,
}

impl From<&check::Check> for Check {
    fn from(check: &check::Check) -> Self {
        Self {
            slot: check.slot.into(),
            checked_at: check.checked_at.into(),
            status: check.verdict.into(),
            origin: check.origin.into(),
            latency_ms: check.latency.into(),
            timings: Timings::from(&check.timings),
            http_status: Nullable(check.http_status),
            reason: Nullable(check.reason.as_ref().map(|reason| reason.detail.clone())),
            reason_code: Nullable(check.reason.as_ref().map(|reason| reason.kind.into())),
            region: check.region.as_str().to_owned(),
            evidence: check.evidence.as_ref().map(Evidence::from),
        }
    }
}

impl Example for Check {
    fn example() -> Self {
        let millis = |micros| Nullable(Some(Millis(Duration::from_micros(micros))));
        Self {
            slot: Time(Timestamp::from_secs(1_769_860_862)),
            checked_at: Time(Timestamp::from_micros(1_769_860_862_000_412)),
            status: CheckStatus::Up,
            origin: Origin::Scheduled,
            latency_ms: Millis(Duration::from_micros(41_207)),
            timings: Timings {
                dns_ms: millis(2_113),
                connect_ms: millis(9_874),
                tls_ms: millis(18_530),
                first_byte_ms: millis(10_302),
                transfer_ms: millis(388),
            },
            http_status: Nullable(Some(200)),
            reason: Nullable::NULL,
            reason_code: Nullable::NULL,
            region: "default".into(),
            evidence: None,
        }
    }
}

/// The gist of a check, for a bar of recent ones.
#[derive(Clone, Debug, Object)]
pub(super) struct CheckSummary {
    /// The slot, or the instant of a confirmation or manual check.
    slot: Time,
    /// What came of it.
    status: CheckStatus,
    /// How long it took.
    latency_ms: Millis,
    /// Why it was made.
    origin: Origin,
}

impl From<&check::Check> for CheckSummary {
    fn from(check: &check::Check) -> Self {
        Self {
            slot: check.slot.into(),
            status: check.verdict.into(),
            latency_ms: check.latency.into(),
            origin: check.origin.into(),
        }
    }
}

impl Example for CheckSummary {
    fn example() -> Self {
        let Check { slot, status, latency_ms, origin, .. } = Check::example();
        Self { slot, status, latency_ms, origin }
    }
}

/// Checks, the newest first.
#[derive(Object)]
#[oai(example)]
pub(super) struct CheckList {
    /// The checks. A page may hold fewer than were asked for, even none, and still have more behind it.
    items: Vec<Check>,
    /// Leads to the next page; null where this is the last one.
    next_cursor: Nullable<String>,
}

impl CheckList {
    /// A page.
    pub(super) fn new(checks: &[check::Check], next_cursor: Option<String>) -> Self {
        Self { items: checks.iter().map(Check::from).collect(), next_cursor: Nullable(next_cursor) }
    }
}

impl Example for CheckList {
    fn example() -> Self {
        Self { items: vec![Check::example()], next_cursor: Nullable::NULL }
    }
}
