//! Slots without a check, as runs.

use crate::check::OpenSlot;
use crate::schedule::{Epoch, Schedule, SlotRun};
use crate::time::Timestamp;

/// Why slots have no check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GapOutcome {
    /// We were late or stopped.
    Missed,
    /// We ourselves had no network.
    Unknown,
    /// Maintenance.
    Skipped,
}

/// Slots in a row that have no check, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The slots, all of one epoch.
    pub run: SlotRun,
    /// Why they have no check; the same for all of them.
    pub outcome: GapOutcome,
}

impl Gap {
    /// This gap, together with the one before it where it follows upon that one: both of the same outcome, and the slot
    /// after the last of that one is the first of this. `opening_slot` and `schedule` are those of this gap's epoch; a gap
    /// belongs to one epoch.
    pub fn joined_to(self, before: Option<Self>, opening_slot: Timestamp, schedule: Schedule) -> Self {
        let follows = |gap: &Self| {
            gap.outcome == self.outcome
                && gap.run.last >= opening_slot
                && schedule.after(gap.run.last) == self.run.first
        };
        let run = before.filter(follows).map_or(self.run, |gap| SlotRun {
            first: gap.run.first,
            last: self.run.last,
            count: gap.run.count.saturating_add(self.run.count),
        });
        Self { run, ..self }
    }

    /// The slots that are missed at `now` although nobody has written that yet: those from `next_due_at` on that can no
    /// longer start, and of the `open` ones those that are lost. `epochs` are the newest, the oldest of them first.
    pub fn unwritten(epochs: &[Epoch], open: &[OpenSlot], next_due_at: Option<Timestamp>, now: Timestamp) -> Vec<Self> {
        let one = |slot| SlotRun { first: slot, last: slot, count: 1 };
        let lost = open.iter().filter(|open| open.is_lost(now)).map(|open| one(open.slot));
        let overdue = next_due_at.and_then(|slot| Epoch::of(epochs, slot)?.schedule.overdue(slot, now));
        lost.chain(overdue).map(|run| Self { run, outcome: GapOutcome::Missed }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    fn gap(first: i64, last: i64, outcome: GapOutcome) -> Gap {
        let count = ((last - first) / 60 + 1).unsigned_abs();
        Gap { run: SlotRun { first: at(first), last: at(last), count }, outcome }
    }

    #[test]
    fn a_gap_is_joined_to_the_one_it_follows_upon_and_to_no_other() {
        let schedule = Schedule::from_millis(60_000, 0);
        let new = gap(180, 240, GapOutcome::Missed);
        let joined = |before, opening_slot| new.joined_to(before, at(opening_slot), schedule).run;
        let before = gap(60, 120, GapOutcome::Missed);
        assert_eq!(joined(Some(before), 0), SlotRun { first: at(60), last: at(240), count: 4 });
        assert_eq!(joined(None, 0), new.run);
        assert_eq!(joined(Some(Gap { outcome: GapOutcome::Unknown, ..before }), 0), new.run, "another outcome");
        assert_eq!(joined(Some(gap(0, 60, GapOutcome::Missed)), 0), new.run, "a slot lies between");
        assert_eq!(joined(Some(before), 180), new.run, "another epoch");
    }
}
