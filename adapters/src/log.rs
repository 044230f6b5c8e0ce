//! Reading a log that is keyed time first, without ever searching it: what both stores do alike.
//!
//! A monitor's rows lie scattered among those of all others. But what the log can hold of it is known: slots lie on the
//! grids of its epochs, less its gaps, and are looked up by their whole key; what is not up or not scheduled is found
//! through a small index. What is older than whole checks are kept is read from packed days. A [`Reader`] puts such
//! questions to one snapshot of a store, of many monitors at once and with a bound on each; here is which questions are
//! put, and when it has been enough. Each question is one statement: on its way there and back goes most of its time.

pub(crate) mod closing;
mod history;
mod packed;
mod survey;
mod walk;

use std::collections::HashMap;

use async_trait::async_trait;
use watchkeeper_domain::check::{Check, Origin, Region};
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::pack::Pack;
use watchkeeper_domain::rollup::Tally;
use watchkeeper_domain::time::{Timestamp, Window};
use watchkeeper_domain::uptime::TimeFacts;
use watchkeeper_domain::verdict::Verdict;

pub(crate) use history::{glances, page, time_facts};
pub(crate) use survey::{audit, latencies};
pub(crate) use walk::{Stretch, Walk};

use crate::row::{Code, DayRow, Fault, FigureRow, duration};

/// How many epochs, and gaps, of one monitor are held at once.
const MAX_FACTS: usize = 500;

/// Questions to one snapshot of a store about what happened, seen from one region.
#[async_trait]
pub(crate) trait Reader: Send {
    /// The region that it sees from.
    fn region(&self) -> &Region;

    /// What is known of each monitor in its window, in one statement: at most `most` epochs, gaps and spans of each, the
    /// newest; those that are not there are left out. No monitor is asked for twice.
    async fn facts(
        &mut self,
        asked: &[(MonitorId, Window)],
        most: usize,
        depth: Depth,
    ) -> Result<HashMap<MonitorId, TimeFacts>, Fault>;

    /// The checks of monitors in stretches of their slots, the newest first, at most `most` of those in each stretch that
    /// are not healthy scheduled ones. The monitors have been asked for their facts.
    async fn checks_in(&mut self, stretches: &[(MonitorId, Stretch)], most: usize) -> Result<Vec<Check>, Fault>;

    /// The figures of a monitor's healthy scheduled checks at some slots and of its other checks in some windows, in no
    /// order. The monitor has been asked for its facts.
    async fn figures(
        &mut self,
        monitor: MonitorId,
        slots: &[Timestamp],
        windows: &[Window],
    ) -> Result<Vec<Figure>, Fault>;

    /// How far history has been derived.
    async fn progress(&mut self) -> Result<Progress, Fault>;

    /// What was rolled up of these hours of a monitor, if they are not folded; an hour without checks may be left out.
    async fn hours(&mut self, monitor: MonitorId, hours: &[Window]) -> Result<Vec<(Timestamp, Tally)>, Fault>;

    /// The folded days of a monitor that began in a window, some of them with their hours; days without checks are left
    /// out.
    async fn days(
        &mut self,
        monitor: MonitorId,
        window: Window,
        with_hours: &[Timestamp],
    ) -> Result<Vec<DayRow>, Fault>;

    /// The packs of monitors that reach into windows, as far as their beginnings tell: those that began in a window, and the
    /// newest one that began before it; the newest `most` of each window, the newest first.
    async fn packs(&mut self, asked: &[(MonitorId, Window)], most: usize) -> Result<Vec<Packed>, Fault>;
}

/// How far history has been derived.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    /// Hours that began before it are rolled up.
    pub(crate) hours_to: Option<Timestamp>,
    /// Days that began before it are folded.
    pub(crate) days_to: Option<Timestamp>,
    /// Checks from here on are kept whole; those before it are packed.
    pub(crate) raw_from: Option<Timestamp>,
}

impl Progress {
    /// The part of a window that is read from the log of whole checks, and the part that is packed.
    fn split(&self, window: Window) -> (Window, Window) {
        let raw_from = self.raw_from.unwrap_or(Timestamp::from_micros(i64::MIN));
        (window.not_before(raw_from), window.before(raw_from))
    }
}

/// Checks of one monitor that are packed together: of a day, or of some days, all of them before its next pack began.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    pub(crate) monitor: MonitorId,
    pub(crate) began_at: Timestamp,
    pub(crate) pack: Pack,
}

/// How much is read of monitors beside their log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Depth {
    /// Where their slots lie: epochs, gaps, and the slot that is to be claimed next.
    Slots,
    /// Open slots as well.
    Account,
    /// Status spans as well.
    Time,
}

/// As much of a check as figures are made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    slot: Timestamp,
    origin: Origin,
    verdict: Verdict,
    latency: std::time::Duration,
}

impl From<&Check> for Figure {
    fn from(check: &Check) -> Self {
        let Check { slot, origin, verdict, latency, .. } = *check;
        Self { slot, origin, verdict, latency }
    }
}

impl TryFrom<FigureRow> for Figure {
    type Error = crate::row::Unreadable;

    fn try_from(row: FigureRow) -> Result<Self, Self::Error> {
        Ok(Self {
            slot: row.slot.0,
            origin: Origin::of_code(row.origin)?,
            verdict: Verdict::of_code(row.verdict)?,
            latency: duration(row.latency_us),
        })
    }
}
