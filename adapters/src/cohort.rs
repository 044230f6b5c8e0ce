//! What a process remembers of cohorts, so that a claim need not read their members.
//!
//! The record numbers the changes of a cohort (`version`), and who has its row locked sees the newest: what is remembered is
//! brought up to that before it is used. So it may be forgotten, or be old, at any time. What it must never be is ahead of
//! the record, whose numbers would come again with other changes: it is kept once a claim is committed, and not used where
//! the record goes on from an earlier state, as after a failover that lost something.

mod claiming;
mod reading;
pub(crate) mod seating;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sqlx::FromRow;
use watchkeeper_domain::cohort::{Cohort, Member};
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::time::Timestamp;

use crate::row::{Instant, duration, schedule};

pub(crate) use claiming::{Claimed, MAX_COHORTS, Tables, claim};
pub(crate) use reading::Archive;

/// How many changes the record keeps of a cohort. Who remembers an older state reads all members anew.
pub(crate) const MAX_CHANGES: i64 = 1_000;

/// A cohort as its row in the record has it.
#[derive(Clone, Copy, Debug, FromRow)]
pub(crate) struct CohortRow {
    pub(crate) id: i64,
    pub(crate) claimed_to: Instant,
    pub(crate) version: i64,
    /// Which history of the record this is: a standby that took over may have lost the last changes, and counts them anew.
    pub(crate) timeline: i64,
}

impl CohortRow {
    pub(crate) fn claimed_to(&self) -> Timestamp {
        self.claimed_to.0
    }
}

/// What was remembered of a cohort, and how it is to be brought up to date.
pub(crate) enum Remembered {
    /// It is as the record has it.
    Newest(Known),
    /// The record has changes since this version.
    Older(Known),
    /// All members must be read.
    Nothing,
}

/// The members of a cohort as of a version.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) version: i64,
    timeline: i64,
    pub(crate) cohort: Cohort,
}

impl Known {
    /// The members as they were read with a row.
    pub(crate) fn of(row: &CohortRow, members: impl IntoIterator<Item = Member>) -> Self {
        Self { version: row.version, timeline: row.timeline, cohort: Cohort::new(members, row.claimed_to()) }
    }

    /// Follows the record: who has left since, and who has joined or changed.
    pub(crate) fn follow(
        &mut self,
        row: &CohortRow,
        departed: impl IntoIterator<Item = MonitorId>,
        joined: impl IntoIterator<Item = Member>,
    ) {
        departed.into_iter().for_each(|monitor| self.cohort.leave(monitor));
        joined.into_iter().for_each(|member| self.cohort.join(member));
        self.version = row.version;
    }
}

/// The memory of a store. It is bounded by the monitors that the store holds.
#[derive(Debug, Default)]
pub(crate) struct CohortMemory(Mutex<HashMap<i64, Known>>);

impl CohortMemory {
    /// Takes out what is remembered of a cohort, to be given back with [`CohortMemory::keep`].
    pub(crate) fn take(&self, row: &CohortRow) -> Remembered {
        let known = self.all().remove(&row.id);
        match known {
            Some(known) if known.timeline != row.timeline => Remembered::Nothing,
            Some(known) if known.version == row.version => Remembered::Newest(known),
            Some(known) if known.version < row.version && row.version - known.version <= MAX_CHANGES => {
                Remembered::Older(known)
            }
            _ => Remembered::Nothing,
        }
    }

    /// Keeps it for the next time.
    fn keep(&self, id: i64, known: Known) {
        self.all().insert(id, known);
    }

    /// Keeps what a claim took out, or read, now that it is committed.
    pub(crate) fn keep_all(&self, known: Vec<(i64, Known)>) {
        self.all().extend(known);
    }

    fn knows(&self, id: i64) -> bool {
        self.all().contains_key(&id)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<i64, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A member as the record has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemberRow {
    pub(crate) id: uuid::Uuid,
    pub(crate) first_slot: Instant,
    pub(crate) interval_ms: i64,
    pub(crate) phase_ms: i64,
    pub(crate) timeout_ms: i64,
    pub(crate) version: i32,
}

impl From<MemberRow> for Member {
    fn from(row: MemberRow) -> Self {
        Self {
            monitor: MonitorId::new(row.id),
            schedule: schedule(row.interval_ms, row.phase_ms),
            first_slot: row.first_slot.0,
            timeout: duration(row.timeout_ms.saturating_mul(1_000)),
            version: u32::try_from(row.version).unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(version: i64, timeline: i64) -> CohortRow {
        CohortRow { id: 7, claimed_to: Instant::from_micros(0), version, timeline }
    }

    #[test]
    fn what_is_remembered_is_followed_within_one_history_of_the_record() {
        let remembered = |of: CohortRow, row: CohortRow| {
            let memory = CohortMemory::default();
            memory.keep_all(vec![(7, Known::of(&of, []))]);
            match memory.take(&row) {
                Remembered::Newest(_) => "newest",
                Remembered::Older(_) => "older",
                Remembered::Nothing => "nothing",
            }
        };
        assert_eq!(remembered(row(5, 1), row(5, 1)), "newest");
        assert_eq!(remembered(row(5, 1), row(6, 1)), "older");
        assert_eq!(remembered(row(5, 1), row(5 + MAX_CHANGES + 1, 1)), "nothing");
        assert_eq!(remembered(row(5, 1), row(4, 1)), "nothing", "the record has gone back");
        assert_eq!(remembered(row(5, 1), row(5, 2)), "nothing", "the same number may be of another change");
        assert_eq!(remembered(row(5, 1), row(6, 2)), "nothing", "it may follow upon another change");
    }
}
