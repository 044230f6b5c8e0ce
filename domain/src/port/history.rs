//! Reading what happened.

use std::time::Duration;

use async_trait::async_trait;

use super::RepoResult;
use crate::audit::SlotAccount;
use crate::check::{Check, Region};
use crate::histogram::Histogram;
use crate::id::MonitorId;
use crate::time::{Timestamp, Window};
use crate::uptime::{Gap, TimeFacts};
use crate::verdict::Verdict;

/// A question to the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckQuery {
    /// The monitor whose log is asked for.
    pub monitor: MonitorId,
    /// The region that the checks were made from.
    pub region: Region,
    /// The window in which the slots of the checks lie.
    pub window: Window,
    /// Only checks with this verdict.
    pub verdict: Option<Verdict>,
    /// How many checks a page holds at the most.
    pub limit: u32,
}

/// A page of the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CheckPage {
    /// The checks, the newest first.
    pub checks: Vec<Check>,
    /// Where there are more: the instant before which to go on reading. A page may hold fewer than were asked for, even
    /// none, and still have more behind it, since the work of one question is bounded.
    pub more_before: Option<Timestamp>,
}

/// The latencies of one stretch of time: all checks that got an answer (up or degraded), whatever their origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatencyBucket {
    /// Where the stretch begins.
    pub at: Timestamp,
    /// The latencies.
    pub latencies: Histogram,
}

/// A monitor at a glance: what a list shows of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Glance {
    /// How its time was spent.
    pub facts: TimeFacts,
    /// Its newest checks, the newest first.
    pub recent: Vec<Check>,
}

/// How many buckets a latency graph has at the most.
pub const MAX_LATENCY_BUCKETS: u32 = 2_000;

/// What happened, for reading. The caller has made sure that the monitor is its own.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait HistoryRepo: Send + Sync {
    /// The checks in a window, the newest first; all origins. The cost MUST NOT grow with the number of other monitors.
    /// Following `more_before` MUST lead through every check exactly once.
    async fn checks(&self, query: &CheckQuery) -> RepoResult<CheckPage>;

    /// Each of the monitors (at most 500) at a glance, in the order asked for, all in one snapshot: what is known of its
    /// time from an instant up to and with `now`, as [`HistoryRepo::time_facts`] gives it, and its `limit` (at most 100)
    /// newest checks of all origins, however old, the newest first; none whose slot is after `now` MUST be given. No monitor
    /// is asked for twice.
    async fn glances(
        &self,
        asked: &[(MonitorId, Timestamp)],
        region: &Region,
        most: u32,
        limit: u32,
        now: Timestamp,
    ) -> RepoResult<Vec<Glance>>;

    /// What is needed for the uptime of each monitor in its window, in the order asked for, all in one snapshot. No
    /// monitor is asked for twice.
    ///
    /// Of each kind (spans, epochs, gaps) the newest MUST be given, at most `most` (at least one) of each monitor, and no
    /// more is read: [`TimeFacts::whole_part`] says where to go on. Open slots MUST be given all; they are few.
    async fn time_facts(&self, asked: &[(MonitorId, Window)], region: &Region, most: u32)
    -> RepoResult<Vec<TimeFacts>>;

    /// The account of a monitor's slots in a window ([`crate::audit::account`]), with everything read in one snapshot
    /// and never more than a part of it held at once: accounts of parts add up.
    async fn account(
        &self,
        monitor: MonitorId,
        region: &Region,
        window: Window,
        now: Timestamp,
    ) -> RepoResult<SlotAccount>;

    /// The gaps that touch a window and begin before `before`, the newest first, at most `limit`.
    async fn gaps(
        &self,
        monitor: MonitorId,
        region: &Region,
        window: Window,
        before: Option<Timestamp>,
        limit: u32,
    ) -> RepoResult<Vec<Gap>>;

    /// The latencies of a window in stretches of `step`, counted from the window's beginning, the oldest first; those
    /// without any are left out. A check belongs to the stretch in which its slot lies. The caller keeps to
    /// [`MAX_LATENCY_BUCKETS`].
    ///
    /// Where whole closed hours have been rolled up and lie in one stretch, the rollup MAY be read instead of the log;
    /// the result MUST be the same.
    async fn latencies(
        &self,
        monitor: MonitorId,
        region: &Region,
        window: Window,
        step: Duration,
    ) -> RepoResult<Vec<LatencyBucket>>;
}
