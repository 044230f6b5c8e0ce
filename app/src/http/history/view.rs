//! History as the API shows it.

use std::time::Duration;

use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use watchkeeper_domain::audit;
use watchkeeper_domain::port;
use watchkeeper_domain::time::{Timestamp, Window};
use watchkeeper_domain::uptime::{self, StatusSpan};

use crate::http::status::Status;
use crate::http::value::{Millis, Nullable, Seconds, Time};

/// The beginning of the day that examples are about.
const DAY: i64 = 1_769_860_800;

fn example_time(seconds: i64) -> Time {
    Time(Timestamp::from_secs(DAY + seconds))
}

/// How the time of a window was spent. The parts sum to the window.
#[derive(Object)]
#[oai(example)]
pub(super) struct Uptime {
    /// Where the window begins, clipped to the monitor's life.
    from: Time,
    /// Where the window ends.
    to: Time,
    /// Up and degraded time over up, degraded and down time, 0 to 1; null where nothing is known.
    ratio: Nullable<f64>,
    /// As expected.
    up_seconds: Seconds,
    /// As expected, but not well.
    degraded_seconds: Seconds,
    /// Down.
    down_seconds: Seconds,
    /// Nobody knows: we were late, stopped, or had no network.
    unknown_seconds: Seconds,
    /// Announced work.
    maintenance_seconds: Seconds,
    /// Nobody watched.
    paused_seconds: Seconds,
    /// Nothing was known yet.
    pending_seconds: Seconds,
}

impl Uptime {
    /// How a window was spent.
    pub(super) fn new(window: Window, spent: &uptime::Uptime) -> Self {
        Self {
            from: window.from().into(),
            to: window.to().into(),
            ratio: Nullable(spent.ratio()),
            up_seconds: Seconds(spent.up),
            degraded_seconds: Seconds(spent.degraded),
            down_seconds: Seconds(spent.down),
            unknown_seconds: Seconds(spent.unknown),
            maintenance_seconds: Seconds(spent.maintenance),
            paused_seconds: Seconds(spent.paused),
            pending_seconds: Seconds(spent.pending),
        }
    }
}

impl Example for Uptime {
    fn example() -> Self {
        let spent = uptime::Uptime {
            up: Duration::from_secs(86_220),
            down: Duration::from_secs(60),
            unknown: Duration::from_secs(120),
            ..uptime::Uptime::default()
        };
        let from = example_time(0).0;
        Self::new(Window::last(Duration::from_secs(86_400), from.plus(Duration::from_secs(86_400))), &spent)
    }
}

/// How the time of the last so many days was spent.
#[derive(Object)]
pub(super) struct UptimeOfDays {
    /// How many days the window has, where the monitor is as old as that.
    days: u16,
    #[oai(flatten)]
    uptime: Uptime,
}

/// The uptime of several windows that all end now, the shortest first.
#[derive(Object)]
#[oai(example)]
pub(super) struct UptimeList {
    /// The windows.
    items: Vec<UptimeOfDays>,
}

impl From<&[(u16, Window, uptime::Uptime)]> for UptimeList {
    fn from(uptimes: &[(u16, Window, uptime::Uptime)]) -> Self {
        let of = |(days, window, spent): &_| UptimeOfDays { days: *days, uptime: Uptime::new(*window, spent) };
        Self { items: uptimes.iter().map(of).collect() }
    }
}

impl Example for UptimeList {
    fn example() -> Self {
        let week = uptime::Uptime { up: Duration::from_secs(7 * 86_400), ..uptime::Uptime::default() };
        let window = Window::last(Duration::from_secs(7 * 86_400), example_time(86_400).0);
        Self {
            items: vec![
                UptimeOfDays { days: 1, uptime: Uptime::example() },
                UptimeOfDays { days: 7, uptime: Uptime::new(window, &week) },
            ],
        }
    }
}

/// A stretch of time with one status.
#[derive(Object)]
pub(super) struct StatusPeriod {
    /// Which status.
    status: Status,
    /// From when.
    from: Time,
    /// Until when: where the next one begins, or the window ends.
    to: Time,
}

/// The statuses of a window, oldest first, without holes.
#[derive(Object)]
#[oai(example)]
pub(super) struct StatusHistory {
    /// The stretches.
    items: Vec<StatusPeriod>,
}

impl From<&[StatusSpan]> for StatusHistory {
    fn from(spans: &[StatusSpan]) -> Self {
        let period = |span: &StatusSpan| StatusPeriod {
            status: span.status.into(),
            from: span.from.into(),
            to: span.to.unwrap_or(span.from).into(),
        };
        Self { items: spans.iter().map(period).collect() }
    }
}

impl Example for StatusHistory {
    fn example() -> Self {
        let period = |status, from, to| StatusPeriod { status, from: example_time(from), to: example_time(to) };
        Self { items: vec![period(Status::Up, 0, 43_200), period(Status::Down, 43_200, 43_260)] }
    }
}

/// The latencies of one stretch of time.
#[derive(Object)]
pub(super) struct LatencyBucket {
    /// Where the stretch begins.
    at: Time,
    /// How many checks got an answer.
    count: u64,
    /// The mean.
    avg_ms: Millis,
    /// The least.
    min_ms: Millis,
    /// The greatest.
    max_ms: Millis,
    /// Half of them took no longer.
    p50_ms: Millis,
    /// 95 per cent of them took no longer.
    p95_ms: Millis,
    /// 99 per cent of them took no longer.
    p99_ms: Millis,
}

/// Latencies, the oldest stretch first.
#[derive(Object)]
#[oai(example)]
pub(super) struct LatencyList {
    /// The stretches in which there were checks that got an answer.
    items: Vec<LatencyBucket>,
}

impl From<&[port::LatencyBucket]> for LatencyList {
    fn from(buckets: &[port::LatencyBucket]) -> Self {
        let bucket = |port::LatencyBucket { at, latencies }: &port::LatencyBucket| {
            Some(LatencyBucket {
                at: (*at).into(),
                count: latencies.count(),
                avg_ms: latencies.mean()?.into(),
                min_ms: latencies.min()?.into(),
                max_ms: latencies.max()?.into(),
                p50_ms: latencies.percentile(50)?.into(),
                p95_ms: latencies.percentile(95)?.into(),
                p99_ms: latencies.percentile(99)?.into(),
            })
        };
        Self { items: buckets.iter().filter_map(bucket).collect() }
    }
}

impl Example for LatencyList {
    fn example() -> Self {
        let millis = |micros| Millis(Duration::from_micros(micros));
        Self {
            items: vec![LatencyBucket {
                at: example_time(0),
                count: 15,
                avg_ms: millis(42_018),
                min_ms: millis(39_902),
                max_ms: millis(61_377),
                p50_ms: millis(41_472),
                p95_ms: millis(60_416),
                p99_ms: millis(61_377),
            }],
        }
    }
}

/// The account of a monitor's slots in a window.
#[derive(Object)]
#[oai(example)]
pub(super) struct SlotAccount {
    /// What the schedule's history asks for, up to the oldest slot in flight.
    due: u64,
    /// Scheduled checks that found it up.
    up: u64,
    /// Scheduled checks that found it degraded.
    degraded: u64,
    /// Scheduled checks that found it down.
    down: u64,
    /// Slots that we missed: we were late or stopped. One counts as soon as it may no longer start.
    missed: u64,
    /// Slots at which we had no network.
    unknown: u64,
    /// Slots in maintenance.
    skipped: u64,
    /// Slots that are claimed, or that may still start, and what came after the oldest of them.
    in_flight: u64,
    /// What was due and is nowhere in the record. It is zero.
    unaccounted: i64,
}

impl From<audit::SlotAccount> for SlotAccount {
    fn from(account: audit::SlotAccount) -> Self {
        let audit::SlotAccount { due, up, degraded, down, missed, unknown, skipped, in_flight, unaccounted } = account;
        Self { due, up, degraded, down, missed, unknown, skipped, in_flight, unaccounted }
    }
}

impl Example for SlotAccount {
    fn example() -> Self {
        let account =
            audit::SlotAccount { due: 1_440, up: 1_437, down: 1, missed: 2, in_flight: 1, ..Default::default() };
        account.into()
    }
}

/// Why slots have no check.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "lowercase")]
pub(super) enum GapOutcome {
    /// We were late or stopped.
    Missed,
    /// We ourselves had no network.
    Unknown,
    /// Maintenance.
    Skipped,
}

/// Slots in a row that have no check, and why.
#[derive(Object)]
pub(super) struct Gap {
    /// The first of them.
    first_slot: Time,
    /// The last of them.
    last_slot: Time,
    /// How many there are.
    count: u64,
    /// Why.
    outcome: GapOutcome,
}

/// Gaps, the newest first.
#[derive(Object)]
#[oai(example)]
pub(super) struct GapList {
    /// The gaps.
    items: Vec<Gap>,
    /// Leads to the next page; null where this is the last one.
    next_cursor: Nullable<String>,
}

impl GapList {
    /// A page.
    pub(super) fn new(gaps: &[uptime::Gap], next_cursor: Option<String>) -> Self {
        let gap = |gap: &uptime::Gap| Gap {
            first_slot: gap.run.first.into(),
            last_slot: gap.run.last.into(),
            count: gap.run.count,
            outcome: match gap.outcome {
                uptime::GapOutcome::Missed => GapOutcome::Missed,
                uptime::GapOutcome::Unknown => GapOutcome::Unknown,
                uptime::GapOutcome::Skipped => GapOutcome::Skipped,
            },
        };
        Self { items: gaps.iter().map(gap).collect(), next_cursor: Nullable(next_cursor) }
    }
}

impl Example for GapList {
    fn example() -> Self {
        let gap = Gap {
            first_slot: example_time(7_262),
            last_slot: example_time(7_322),
            count: 2,
            outcome: GapOutcome::Missed,
        };
        Self { items: vec![gap], next_cursor: Nullable::NULL }
    }
}
