//! The account of slots: what was due, against what is in the record. The difference is shown, and is zero.

use crate::check::OpenSlot;
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
    /// All slots that are claimed and not yet recorded.
    pub open: Vec<OpenSlot>,
    /// The slot that is to be claimed next; `None` while paused.
    pub next_due_at: Option<Timestamp>,
    /// How many scheduled checks of each verdict the log holds in the settled part of the window
    /// (see [`AuditFacts::settled`]).
    pub up: u64,
    /// How many found it degraded; see `up`.
    pub degraded: u64,
    /// How many found it down; see `up`.
    pub down: u64,
}

impl AuditFacts {
    /// The part of a window in which every slot must be accounted for: up to the oldest slot that is still in flight.
    pub fn settled(&self, window: Window, now: Timestamp) -> Window {
        let oldest = self.in_flight(now).min();
        window.before(oldest.unwrap_or(Timestamp::from_micros(i64::MAX)).min(now.next()))
    }

    /// The slots that are claimed and not lost, and the next one that may start.
    fn in_flight(&self, now: Timestamp) -> impl Iterator<Item = Timestamp> + '_ {
        let claimed = self.open.iter().filter(move |open| !open.is_lost(now)).map(|open| open.slot);
        let next = self.next_due_at.map(|slot| {
            let overdue = Epoch::of(&self.epochs, slot)
                .and_then(|epoch| Some(epoch.after(epoch.schedule.overdue(slot, now)?.last)));
            overdue.unwrap_or(slot)
        });
        claimed.chain(next)
    }
}

/// The account of a monitor's slots in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotAccount {
    /// What the schedule's history asks for, up to the oldest slot that is in flight.
    pub due: u64,
    /// Scheduled checks that found it up.
    pub up: u64,
    /// Scheduled checks that found it degraded.
    pub degraded: u64,
    /// Scheduled checks that found it down.
    pub down: u64,
    /// Slots that we missed, also where nobody has come to write that yet.
    pub missed: u64,
    /// Slots at which we had no network.
    pub unknown: u64,
    /// Slots in maintenance.
    pub skipped: u64,
    /// Slots up to now that are claimed, or that may still start.
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
    let so_far = window.before(now.next());
    let in_flight = facts.in_flight(now).filter(|slot| so_far.contains(*slot)).count();
    let unwritten = Gap::unwritten(&facts.epochs, &facts.open, facts.next_due_at, now);
    let gaps = |outcome: GapOutcome| -> u64 {
        facts
            .gaps
            .iter()
            .chain(&unwritten)
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
        in_flight: u64::try_from(in_flight).unwrap_or(u64::MAX),
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
    use proptest::prelude::*;

    use super::*;
    use crate::schedule::{Schedule, SlotRun};
    use crate::testkit::fixture;
    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    fn facts() -> AuditFacts {
        let epoch = fixture::epoch(at(0), None, Schedule::from_millis(60_000, 0));
        AuditFacts { epochs: vec![epoch], next_due_at: Some(at(600)), ..AuditFacts::default() }
    }

    fn claimed(slot: i64, lease_until: i64) -> OpenSlot {
        OpenSlot { slot: at(slot), start_before: at(slot + 60), lease_until: at(lease_until) }
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
    fn a_claimed_slot_is_in_flight_and_so_is_the_next_one() {
        let facts = AuditFacts { open: vec![claimed(540, 660)], up: 9, ..facts() };
        let account = account(&facts, whole(), at(610));
        assert_eq!((account.due, account.in_flight, account.unaccounted), (9, 2, 0));
    }

    #[test]
    fn what_can_no_longer_start_is_missed_before_anybody_writes_it() {
        let facts = AuditFacts { open: vec![claimed(540, 552)], up: 9, ..facts() };
        let day = Window::new(at(0), at(86_400)).unwrap();
        let account = account(&facts, day, at(86_399));
        assert_eq!((account.due, account.missed), (1_439, 1_430), "the lost one, and those that nobody claimed");
        assert_eq!((account.in_flight, account.unaccounted), (1, 0));
    }

    #[test]
    fn the_accounts_of_the_parts_add_up_to_that_of_the_whole() {
        let gap = |first, last| Gap {
            run: SlotRun { first: at(first), last: at(last), count: ((last - first) / 60 + 1).unsigned_abs() },
            outcome: GapOutcome::Missed,
        };
        let whole_facts =
            AuditFacts { gaps: vec![gap(60, 180), gap(300, 420)], open: vec![claimed(540, 660)], up: 3, ..facts() };
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

    proptest! {
        #[test]
        fn every_slot_so_far_is_in_the_log_missed_or_behind_one_in_flight(
            // Of each claimed slot: recorded (0), under way (1) or lost (2).
            claims in prop::collection::vec(prop::sample::select(vec![0, 0, 0, 1, 2]), 0..40),
            unclaimed in 0_i64..5_000,
            into_slot in 0_i64..60,
            from in 0_i64..3_000,
        ) {
            let next = i64::try_from(claims.len()).unwrap() * 60;
            let now = next + unclaimed * 60 + into_slot;
            let window = Window::new(at(from), at(now + 1).max(at(from))).unwrap();
            let of_kind = |kind| (0..).step_by(60).zip(&claims).filter(move |(_, claim)| **claim == kind).map(|(slot, _)| slot);
            let open: Vec<OpenSlot> =
                of_kind(1).map(|slot| claimed(slot, now + 1)).chain(of_kind(2).map(|slot| OpenSlot { start_before: at(now), lease_until: at(now), ..claimed(slot, 0) })).collect();
            let facts = AuditFacts { open, next_due_at: Some(at(next)), ..facts() };
            let settled = facts.settled(window, at(now));
            let up = of_kind(0).filter(|slot| settled.contains(at(*slot))).count() as u64;
            let account = account(&AuditFacts { up, ..facts }, window, at(now));
            let may_start = now - into_slot;
            let oldest_in_flight = of_kind(1).next().unwrap_or(may_start);
            let within = |slot: &i64| window.contains(at(*slot));
            let missed = of_kind(2).chain((next..may_start).step_by(60)).filter(|slot| *slot < oldest_in_flight);
            prop_assert_eq!(account.missed, missed.filter(within).count() as u64);
            prop_assert_eq!(account.in_flight, of_kind(1).chain([may_start]).filter(within).count() as u64);
            prop_assert_eq!(account.due, (0..oldest_in_flight).step_by(60).filter(within).count() as u64);
            prop_assert_eq!(account.unaccounted, 0);
        }
    }
}
