//! When a monitor is due next: its own row says so until it has a seat in a cohort, and then where the cohort is claimed to.

use sqlx::FromRow;
use watchkeeper_domain::schedule::Schedule;
use watchkeeper_domain::time::Timestamp;

use crate::row::{Instant, next_slot, schedule};

/// A row of the schedule with the one of its cohort.
#[derive(Clone, Copy, FromRow)]
pub(super) struct NextRow {
    next_due_at: Instant,
    interval_ms: i64,
    phase_ms: i64,
    claimed_to: Option<Instant>,
}

impl NextRow {
    /// The grid.
    pub(super) fn schedule(&self) -> Schedule {
        schedule(self.interval_ms, self.phase_ms)
    }

    /// The next slot, which nobody has claimed.
    pub(super) fn slot(&self) -> Timestamp {
        next_slot(self.schedule(), self.next_due_at.0, self.claimed_to.map(|at| at.0))
    }
}
