//! Cohorts: monitors that are claimed together, so that claiming costs a row for many of them instead of one for each.
//!
//! What a cohort keeps in the record is one instant, `claimed_to`: every slot of its members before that is claimed, missed
//! or past, every other one is still to be had. A claim moves it on, and [`Cohort::sweep`] says what lies in between. Which
//! slots these are is arithmetic ([`crate::schedule`]), so that whoever knows the members can do it, and any node may.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use crate::check::lease_end;
use crate::id::MonitorId;
use crate::schedule::{Schedule, SlotRun};
use crate::time::Timestamp;

/// How many members a cohort has at the most: so many a node reads at once that has not seen the cohort before.
pub const MAX_MEMBERS: u32 = 10_000;

/// How many slots a day the members of a cohort have at the most: 200 a second. With more, a cohort would be more than one
/// node takes at a time.
pub const MAX_SLOTS_A_DAY: u64 = 200 * 86_400;

/// How many slots share a lease at the most: a row of about a page's quarter, which is rewritten when a part of it is recorded.
pub const MAX_LEASED_SLOTS: usize = 64;

/// How many slots a day a grid has, at least one.
pub fn slots_a_day(schedule: Schedule) -> u64 {
    (86_400_000 / schedule.interval_ms()).max(1)
}

/// A monitor of a cohort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Which monitor it is.
    pub monitor: MonitorId,
    /// Its grid.
    pub schedule: Schedule,
    /// The first of its slots that is claimed with the cohort.
    pub first_slot: Timestamp,
    /// How long a probe of it may take.
    pub timeout: Duration,
    /// The version of its settings.
    pub version: u32,
}

impl Member {
    /// The first of its slots at or after an instant.
    pub fn slot_at_or_after(&self, at: Timestamp) -> Timestamp {
        if at <= self.first_slot {
            return self.first_slot;
        }
        // The first slot may be the opening one of an epoch, which is followed by a stretch without slots.
        self.schedule.at_or_after(at).max(self.schedule.after(self.first_slot))
    }
}

/// A slot that is to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueSlot {
    /// Whose it is.
    pub member: Member,
    /// The slot.
    pub slot: Timestamp,
    /// The slot after it, before which it must start.
    pub start_before: Timestamp,
}

/// Slots that are held by one lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Where it ends.
    pub until: Timestamp,
    /// Its slots, the oldest first.
    pub slots: Vec<DueSlot>,
}

/// Leases for slots that are taken at `now`, as few as may be. Slots with different timeouts do not share one, so that no
/// slot is held up by a long timeout of another; those of one follow closely upon each other, so that most leases are
/// recorded in one go.
pub fn leases(slots: &[DueSlot], now: Timestamp) -> Vec<Lease> {
    let mut by_timeout: BTreeMap<Duration, Vec<DueSlot>> = BTreeMap::new();
    for due in slots {
        by_timeout.entry(due.member.timeout).or_default().push(*due);
    }
    let lease = |timeout: Duration, slots: &[DueSlot]| {
        let last = slots.last().map_or(now, |due| due.slot);
        Lease { until: lease_end(last, now, timeout), slots: slots.to_vec() }
    };
    let of_timeout = |(timeout, slots): (Duration, Vec<DueSlot>)| {
        slots.chunks(MAX_LEASED_SLOTS).map(|slots| lease(timeout, slots)).collect::<Vec<_>>()
    };
    by_timeout.into_iter().flat_map(of_timeout).collect()
}

/// What lies between where a cohort was claimed to and where it is claimed to now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// Slots that are given, the oldest first.
    pub slots: Vec<DueSlot>,
    /// Slots that can no longer start.
    pub missed: Vec<(MonitorId, SlotRun)>,
    /// Members that fall due at the very same instant as others, when that are more than were wanted. They must leave the
    /// cohort, and are due by themselves at that instant.
    pub surplus: Vec<(MonitorId, Timestamp)>,
    /// Where the cohort is claimed to now, this instant excluded.
    pub claimed_to: Timestamp,
    /// The next slot of any member; `None` where there is none.
    pub next_due_at: Option<Timestamp>,
}

/// The members of a cohort, in the order in which they fall due.
#[derive(Clone, Debug)]
pub struct Cohort {
    members: BTreeMap<MonitorId, Seated>,
    /// The next slot of each member, and such as have been overtaken by a change: [`Seated::next`] says which hold.
    queue: BinaryHeap<Reverse<(Timestamp, MonitorId)>>,
    swept_to: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Seated {
    member: Member,
    next: Timestamp,
    /// Whether the queue has it; else whoever took it out is at work on it.
    is_queued: bool,
}

impl Seated {
    fn new(member: Member, from: Timestamp) -> Self {
        Self { member, next: member.slot_at_or_after(from), is_queued: true }
    }
}

impl Cohort {
    /// A cohort of these members that is claimed up to an instant.
    pub fn new(members: impl IntoIterator<Item = Member>, claimed_to: Timestamp) -> Self {
        let seated = members.into_iter().map(|member| (member.monitor, Seated::new(member, claimed_to)));
        let members: BTreeMap<MonitorId, Seated> = seated.collect();
        Self { queue: queue_of(&members), members, swept_to: claimed_to }
    }

    /// How many members it has.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether it has no members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Takes a member in, or takes its newer schedule or settings over.
    pub fn join(&mut self, member: Member) {
        let seated = Seated::new(member, self.swept_to);
        self.members.insert(member.monitor, seated);
        self.queue.push(Reverse((seated.next, member.monitor)));
    }

    /// Lets a member go.
    pub fn leave(&mut self, monitor: MonitorId) {
        self.members.remove(&monitor);
    }

    /// Sweeps from where the record says that the cohort is claimed to, for somebody who takes at most `limit` slots up to
    /// `horizon` at the instant `now` (see [`Schedule::plan`]). What it says holds once it is in the record; where it does
    /// not come there, the next sweep starts from the record again.
    pub fn sweep(&mut self, claimed_to: Timestamp, now: Timestamp, horizon: Timestamp, limit: usize) -> Sweep {
        self.go_to(claimed_to);
        let end = horizon.max(now).next();
        let (slots, missed, surplus) = (Vec::new(), Vec::new(), Vec::new());
        let mut sweep = Sweep { slots, missed, surplus, claimed_to, next_due_at: None };
        if limit > 0 && claimed_to < end {
            let due = self.take_due(end);
            let (slots, surplus, end) = choose(candidates(&due, now, end), limit, end);
            (sweep.slots, sweep.surplus, sweep.claimed_to) = (slots, surplus, end);
            for seated in due {
                let member = seated.member;
                let startable = plan(&seated, now).map_or(seated.next, |(slot, _)| slot);
                let missed = member.schedule.run(seated.next, startable.min(end));
                sweep.missed.extend(missed.map(|run| (member.monitor, run)));
                self.requeue(member.monitor, end);
            }
            self.swept_to = end;
        }
        sweep.next_due_at = self.next_due_at();
        sweep
    }

    /// The next slot of any member.
    fn next_due_at(&mut self) -> Option<Timestamp> {
        while let Some(Reverse((slot, monitor))) = self.queue.peek().copied() {
            if self.members.get(&monitor).is_some_and(|seated| seated.is_queued && seated.next == slot) {
                return Some(slot);
            }
            self.queue.pop();
        }
        None
    }

    /// Takes those out of the queue that have a slot before an instant.
    fn take_due(&mut self, end: Timestamp) -> Vec<Seated> {
        let mut due = Vec::new();
        while self.next_due_at().is_some_and(|slot| slot < end) {
            let Some(Reverse((_, monitor))) = self.queue.pop() else { break };
            if let Some(seated) = self.members.get_mut(&monitor) {
                seated.is_queued = false;
                due.push(*seated);
            }
        }
        due
    }

    fn requeue(&mut self, monitor: MonitorId, from: Timestamp) {
        if let Some(seated) = self.members.get_mut(&monitor) {
            *seated = Seated::new(seated.member, seated.next.max(from));
            self.queue.push(Reverse((seated.next, monitor)));
        }
    }

    /// Goes on, or back, to where others say that the cohort is claimed to.
    fn go_to(&mut self, claimed_to: Timestamp) {
        if claimed_to < self.swept_to {
            *self = Self::new(self.members.values().map(|seated| seated.member), claimed_to);
            return;
        }
        for seated in self.take_due(claimed_to) {
            self.requeue(seated.member.monitor, claimed_to);
        }
        self.swept_to = claimed_to;
    }
}

fn queue_of(members: &BTreeMap<MonitorId, Seated>) -> BinaryHeap<Reverse<(Timestamp, MonitorId)>> {
    members.iter().map(|(monitor, seated)| Reverse((seated.next, *monitor))).collect()
}

/// The newest slot of a member that may start at an instant, and the one after it.
fn plan(seated: &Seated, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
    let plan = seated.member.schedule.plan(seated.next, now, seated.next.max(now))?;
    Some((plan.slot, plan.next_due_at))
}

/// All slots of members that may start, the oldest first.
fn candidates(due: &[Seated], now: Timestamp, end: Timestamp) -> Vec<DueSlot> {
    let mut candidates = Vec::with_capacity(due.len());
    for seated in due {
        let mut next = plan(seated, now);
        while let Some((slot, start_before)) = next.filter(|(slot, _)| *slot < end) {
            candidates.push(DueSlot { member: seated.member, slot, start_before });
            next = Some((start_before, seated.member.schedule.after(start_before)));
        }
    }
    candidates.sort_unstable_by_key(|due| (due.slot, due.member.monitor));
    candidates
}

/// The first so many, those that cannot be told from them by their instants, and where that ends. It ends between two
/// instants, so that one instant tells what has been given.
fn choose(
    mut slots: Vec<DueSlot>,
    limit: usize,
    end: Timestamp,
) -> (Vec<DueSlot>, Vec<(MonitorId, Timestamp)>, Timestamp) {
    let Some(cut) = slots.get(limit).map(|due| due.slot) else { return (slots, Vec::new(), end) };
    let before = slots.partition_point(|due| due.slot < cut);
    if before > 0 {
        slots.truncate(before);
        return (slots, Vec::new(), cut);
    }
    let simultaneous = slots.iter().skip(limit).take_while(|due| due.slot == cut);
    let surplus = simultaneous.map(|due| (due.member.monitor, due.slot)).collect();
    slots.truncate(limit);
    (slots, surplus, cut.next())
}

#[cfg(test)]
mod tests;
