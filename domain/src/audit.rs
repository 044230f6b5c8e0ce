//! The account of slots: what was due, against what is in the record. The difference is shown, and is zero.

use crate::schedule::Epoch;
use crate::time::{Timestamp, Window};
use crate::uptime::{Gap, GapOutcome};

/// What a store knows about a monitor's slots in a window, or in a part of one: accounts of parts add up, as long as all
/// of it is read in one snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFacts {
    /// The epochs that touch the window.
    pub epochs: Vec<Epoch>,
    /// The gaps that touch the window.
    pub gaps: Vec<Gap>,
    /// The slots that are claimed and not yet recorded.
    pub claimed: Vec<Timestamp>,
    /// The slot that is to be claimed next; `None` while paused.
    pub next_due_at: Option<Timestamp>,
    /// How many scheduled checks of each verdict the log holds in the settled part of the window
    /// (see [`AuditFacts::settled`]).
    pub up: u64,
    /// See `up`.
    pub degraded: u64,
    /// See `up`.
    pub down: u64,
}

impl AuditFacts {
    /// The part of a window in which every slot must be accounted for: up to the oldest slot that is still open.
    pub fn settled(&self, window: Window, now: Timestamp) -> Window {
        let open = self.claimed.iter().copied().chain(self.next_due_at).min();
        let end = open.unwrap_or(Timestamp::from_micros(i64::MAX)).min(now.next());
        window.clip(Window::new(window.from().min(end), end).unwrap_or(window))
    }
}

/// The account of a monitor's slots in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotAccount {
    /// What the schedule's history asks for, up to the oldest open slot.
    pub due: u64,
    /// Scheduled checks that found it up.
    pub up: u64,
    /// Scheduled checks that found it degraded.
    pub degraded: u64,
    /// Scheduled checks that found it down.
    pub down: u64,
    /// Slots that we missed.
    pub missed: u64,
    /// Slots at which we had no network.
    pub unknown: u64,
    /// Slots in maintenance.
    pub skipped: u64,
    /// Slots at or after the oldest open one, up to now: claimed, or still to be.
    pub in_flight: u64,
    /// What was due and is nowhere in the record; negative where the record holds more than was due. It is zero.
    pub unaccounted: i64,
}

impl SlotAccount {
    /// Adds the account of another part of the window.
    pub fn add(&mut self, other: &Self) {
        self.due += other.due;
        self.up += other.up;
        self.degraded += other.degraded;
        self.down += other.down;
        self.missed += other.missed;
        self.unknown += other.unknown;
        self.skipped += other.skipped;
        self.in_flight += other.in_flight;
        self.unaccounted += other.unaccounted;
    }
}

/// Draws up the account. What was due comes from the epochs alone, never from the log.
pub fn account(facts: &AuditFacts, window: Window, now: Timestamp) -> SlotAccount {
    let settled = facts.settled(window, now);
    let due = facts.epochs.iter().map(|epoch| epoch.count(settled)).sum();
    let so_far = window.clip(Window::new(window.from().min(now.next()), now.next()).unwrap_or(window));
    let until_now: u64 = facts.epochs.iter().map(|epoch| epoch.count(so_far)).sum();
    let gaps = |outcome: GapOutcome| -> u64 {
        facts
            .gaps
            .iter()
            .filter(|gap| gap.outcome == outcome)
            .map(|gap| slots_within(gap, &facts.epochs, settled))
            .sum()
    };
    let (missed, unknown, skipped) = (gaps(GapOutcome::Missed), gaps(GapOutcome::Unknown), gaps(GapOutcome::Skipped));
    let recorded = facts.up + facts.degraded + facts.down + missed + unknown + skipped;
    SlotAccount {
        due,
        up: facts.up,
        degraded: facts.degraded,
        down: facts.down,
        missed,
        unknown,
        skipped,
        in_flight: until_now.saturating_sub(due),
        unaccounted: i64::try_from(due).unwrap_or(i64::MAX) - i64::try_from(recorded).unwrap_or(i64::MAX),
    }
}

/// How many slots of a gap lie in a window. A gap that lies inside whole is believed its own count, so that the account
/// would show a run that was written wrongly.
fn slots_within(gap: &Gap, epochs: &[Epoch], window: Window) -> u64 {
    if window.contains(gap.run.first) && window.contains(gap.run.last) {
        return gap.run.count;
    }
    let Some(run) = Window::new(gap.run.first, gap.run.last.next()) else { return 0 };
    let part = run.clip(window);
    epochs.iter().map(|epoch| epoch.count(part)).sum()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::check::Region;
    use crate::id::MonitorId;
    use crate::schedule::{Schedule, SlotRun};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    fn facts() -> AuditFacts {
        let epoch = Epoch {
            monitor: MonitorId::new(Uuid::nil()),
            region: Region::default(),
            began_at: at(0),
            ended_at: None,
            opening_slot: at(0),
            schedule: Schedule::from_millis(60_000, 0),
        };
        AuditFacts { epochs: vec![epoch], next_due_at: Some(at(600)), ..AuditFacts::default() }
    }

    fn whole() -> Window {
        Window::new(at(0), at(610)).unwrap()
    }

    #[test]
    fn what_was_due_is_in_the_log_or_in_a_gap() {
        let gap = Gap { run: SlotRun { first: at(60), last: at(180), count: 3 }, outcome: GapOutcome::Missed };
        let facts = AuditFacts { gaps: vec![gap], up: 6, down: 1, ..facts() };
        let account = account(&facts, whole(), at(610));
        assert_eq!((account.due, account.missed, account.in_flight, account.unaccounted), (10, 3, 1, 0));
    }

    #[test]
    fn a_slot_that_is_nowhere_is_seen() {
        let facts = AuditFacts { up: 9, ..facts() };
        assert_eq!(account(&facts, whole(), at(610)).unaccounted, 1);
    }

    #[test]
    fn a_claimed_slot_is_in_flight_and_so_is_what_follows_it() {
        let facts = AuditFacts { claimed: vec![at(540)], up: 9, ..facts() };
        let account = account(&facts, whole(), at(610));
        assert_eq!((account.due, account.in_flight, account.unaccounted), (9, 2, 0));
    }

    #[test]
    fn the_accounts_of_the_parts_add_up_to_that_of_the_whole() {
        let gap = |first, last| Gap {
            run: SlotRun { first: at(first), last: at(last), count: ((last - first) / 60 + 1).unsigned_abs() },
            outcome: GapOutcome::Missed,
        };
        let whole_facts =
            AuditFacts { gaps: vec![gap(60, 180), gap(300, 420)], claimed: vec![at(540)], up: 3, ..facts() };
        for cut in [0, 60, 90, 181, 300, 400, 541, 610] {
            let [earlier, later] = [(0, cut), (cut, 610)].map(|(from, to)| Window::new(at(from), at(to)).unwrap());
            let mut sum = account(&AuditFacts { up: 0, ..whole_facts.clone() }, earlier, at(610));
            sum.add(&account(&whole_facts, later, at(610)));
            assert_eq!(sum, account(&whole_facts, whole(), at(610)), "cut at {cut}");
        }
    }

    #[test]
    fn a_gap_counts_with_the_part_that_lies_in_the_window() {
        let gap = Gap { run: SlotRun { first: at(60), last: at(300), count: 5 }, outcome: GapOutcome::Unknown };
        let facts = AuditFacts { gaps: vec![gap], ..facts() };
        let window = Window::new(at(120), at(240)).unwrap();
        assert_eq!(account(&facts, window, at(610)).unknown, 2);
    }
}
