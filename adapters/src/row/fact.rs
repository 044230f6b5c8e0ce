//! What is known of monitors beside their log, as the rows of one statement: rows of every kind have the same columns.
//!
//! | kind | `at` | `until` | `slot` | `interval_ms`, `phase_ms` | `code` | `count` |
//! |---|---|---|---|---|---|---|
//! | schedule | its next slot | what its cohort is claimed to | | its grid | | |
//! | epoch | its beginning | its end | its opening slot | its grid | | |
//! | gap | its first slot | its last slot | | | its outcome | how many slots |
//! | span | its beginning | its end | | | its status | |
//! | open slot | the slot | by when it must have started | until when it is leased | | | |

use std::collections::HashMap;

use sqlx::FromRow;
use uuid::Uuid;
use watchkeeper_domain::check::{OpenSlot, Region};
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::time::Timestamp;
use watchkeeper_domain::uptime::{StatusSpan, TimeFacts};

use super::log::{EpochRow, GapRow, next_slot, schedule};
use super::{Code, Instant, Unreadable};

/// The kinds of rows; the statements of both stores have these numbers in them.
const SCHEDULE: i32 = 0;
const EPOCH: i32 = 1;
const GAP: i32 = 2;
const SPAN: i32 = 3;
const OPEN: i32 = 4;

/// A fact as a row. A monitor that is there has a row of its schedule, also while it has none.
#[derive(Clone, Copy, Debug, FromRow)]
pub(crate) struct FactRow {
    /// The monitor.
    pub(crate) of: Uuid,
    pub(crate) kind: i32,
    pub(crate) at: Option<Instant>,
    pub(crate) until: Option<Instant>,
    pub(crate) slot: Option<Instant>,
    pub(crate) interval_ms: Option<i64>,
    pub(crate) phase_ms: Option<i64>,
    pub(crate) code: Option<i16>,
    pub(crate) count: Option<i64>,
}

impl FactRow {
    /// The kind of a schedule.
    pub(crate) const SCHEDULE: i32 = SCHEDULE;

    /// A slot that is under way.
    pub(crate) fn open(of: Uuid, slot: Instant, start_before: Instant, lease_until: Instant) -> Self {
        let (at, until, slot) = (Some(slot), Some(start_before), Some(lease_until));
        Self { of, kind: OPEN, at, until, slot, interval_ms: None, phase_ms: None, code: None, count: None }
    }

    fn with<T>(&self, column: Option<T>) -> Result<T, Unreadable> {
        column.ok_or_else(|| Unreadable::new("fact of this kind", self.kind))
    }

    fn instant(&self, column: Option<Instant>) -> Result<Timestamp, Unreadable> {
        self.with(column).map(|at| at.0)
    }

    fn add_to(self, facts: &mut TimeFacts, region: &Region) -> Result<(), Unreadable> {
        match self.kind {
            SCHEDULE => {
                if let (Some(at), Some(interval_ms), Some(phase_ms)) = (self.at, self.interval_ms, self.phase_ms) {
                    let claimed_to = self.until.map(|at| at.0);
                    facts.next_due_at = Some(next_slot(schedule(interval_ms, phase_ms), at.0, claimed_to));
                }
            }
            EPOCH => {
                let row = EpochRow {
                    began_at: self.with(self.at)?,
                    ended_at: self.until,
                    opening_slot: self.with(self.slot)?,
                    interval_ms: self.with(self.interval_ms)?,
                    phase_ms: self.with(self.phase_ms)?,
                };
                facts.epochs.push(row.epoch(self.of, region));
            }
            GAP => {
                let row = GapRow {
                    first_slot: self.with(self.at)?,
                    last_slot: self.with(self.until)?,
                    count: self.with(self.count)?,
                    outcome: self.with(self.code)?,
                };
                facts.gaps.push(row.try_into()?);
            }
            SPAN => facts.spans.push(StatusSpan {
                status: Code::of_code(self.with(self.code)?)?,
                from: self.instant(self.at)?,
                to: self.until.map(|at| at.0),
            }),
            OPEN => facts.open.push(OpenSlot {
                slot: self.instant(self.at)?,
                start_before: self.instant(self.until)?,
                lease_until: self.instant(self.slot)?,
            }),
            kind => return Err(Unreadable::new("kind of fact", kind)),
        }
        Ok(())
    }
}

/// The facts of each monitor, each kind in the order of time.
pub(crate) fn facts(
    rows: impl IntoIterator<Item = FactRow>,
    region: &Region,
) -> Result<HashMap<MonitorId, TimeFacts>, Unreadable> {
    let mut facts: HashMap<MonitorId, TimeFacts> = HashMap::new();
    for row in rows {
        row.add_to(facts.entry(MonitorId::new(row.of)).or_default(), region)?;
    }
    for TimeFacts { spans, epochs, gaps, open, .. } in facts.values_mut() {
        // Nearly always they lie in this order, which costs less to see here than to sort all rows of all monitors there.
        spans.sort_by_key(|span| span.from);
        epochs.sort_by_key(|epoch| epoch.began_at);
        gaps.sort_by_key(|gap| gap.run.first);
        open.sort_by_key(|open| open.slot);
    }
    Ok(facts)
}
