//! One monitor with all that is recorded of it.

use std::collections::BTreeMap;

use crate::check::{Check, Origin, Region};
use crate::id::LeaseToken;
use crate::monitor::Monitor;
use crate::port::MonitorView;
use crate::rollup::{HOUR, Tally, hour_of};
use crate::schedule::{Epoch, SlotRun};
use crate::settle::{instants_between_slots, instants_from};
use crate::status::{State, Status};
use crate::time::{Timestamp, Window};
use crate::uptime::{Gap, GapOutcome, StatusSpan};

/// A monitor, its schedule, its open work and its history.
pub(super) struct Watched {
    pub(super) monitor: Monitor,
    pub(super) is_deleted: bool,
    pub(super) state: State,
    /// The slot that is to be claimed next; `None` while paused.
    pub(super) next_due_at: Option<Timestamp>,
    /// The newest epoch, whether or not it has ended.
    pub(super) epoch: Epoch,
    /// The epochs before it, the oldest first.
    pub(super) earlier_epochs: Vec<Epoch>,
    pub(super) open: BTreeMap<Timestamp, OpenWork>,
    pub(super) checks: BTreeMap<Timestamp, Check>,
    /// What packed checks added up to before they were packed, by the hour; it outlives them.
    pub(super) tallies: BTreeMap<Timestamp, Tally>,
    /// Gaps by their first slot.
    pub(super) gaps: BTreeMap<Timestamp, Gap>,
    pub(super) spans: Vec<StatusSpan>,
}

/// Work that is claimed, or a confirmation that is waiting to be.
pub(super) struct OpenWork {
    pub(super) origin: Origin,
    pub(super) start_before: Timestamp,
    /// `None` while nobody holds it.
    pub(super) lease: Option<Lease>,
}

/// The right of one holder.
pub(super) struct Lease {
    pub(super) token: LeaseToken,
    pub(super) until: Timestamp,
}

impl Watched {
    /// A monitor that begins its life: due at once.
    pub(super) fn begin(monitor: Monitor) -> Self {
        let at = monitor.created_at;
        let epoch = Epoch::open(monitor.id, Region::default(), monitor.settings.interval, at);
        Self {
            state: State::pending(at),
            next_due_at: Some(epoch.opening_slot),
            epoch,
            monitor,
            is_deleted: false,
            earlier_epochs: Vec::new(),
            open: BTreeMap::new(),
            checks: BTreeMap::new(),
            tallies: BTreeMap::new(),
            gaps: BTreeMap::new(),
            spans: vec![StatusSpan { status: Status::Pending, from: at, to: None }],
        }
    }

    pub(super) fn view(&self) -> MonitorView {
        let next_slot = self.next_due_at.map(|slot| (slot, self.epoch.schedule));
        MonitorView { monitor: self.monitor.clone(), state: self.state, next_slot }
    }

    /// The epochs, the oldest first.
    pub(super) fn epochs(&self) -> impl DoubleEndedIterator<Item = &Epoch> {
        self.earlier_epochs.iter().chain([&self.epoch])
    }

    /// The epoch that a slot belongs to.
    pub(super) fn epoch_of(&self, slot: Timestamp) -> &Epoch {
        Epoch::of(self.epochs(), slot).unwrap_or(&self.epoch)
    }

    /// The instant, or the first one after it that no check and no open work of this monitor has taken.
    pub(super) fn free_instant(&self, at: Timestamp) -> Timestamp {
        instants_from(at).find(|at| self.is_free(*at)).unwrap_or(at)
    }

    /// The same, keeping clear of slots that are still to be claimed.
    pub(super) fn free_instant_between_slots(&self, at: Timestamp) -> Timestamp {
        instants_between_slots(&self.epoch, self.next_due_at, at).find(|at| self.is_free(*at)).unwrap_or(at)
    }

    fn is_free(&self, at: Timestamp) -> bool {
        !self.checks.contains_key(&at) && !self.open.contains_key(&at)
    }

    /// Records slots that have no check, extending the gap that they follow upon, and counts them as silence.
    pub(super) fn leave_gap(&mut self, run: SlotRun, outcome: GapOutcome) {
        self.state = self.state.silent(run.first, run.count);
        let epoch = self.epoch_of(run.first);
        let before = self.gaps.range(..run.first).next_back().map(|(_, gap)| *gap);
        let gap = Gap { run, outcome }.joined_to(before, epoch.opening_slot, epoch.schedule);
        self.gaps.insert(gap.run.first, gap);
    }

    /// Ends the epoch: what was due and is not claimed is missed, what is claimed stays but is not started any more, what
    /// lies ahead is dropped.
    pub(super) fn end_epoch(&mut self, at: Timestamp) {
        if self.epoch.ended_at.is_some() {
            return;
        }
        self.epoch.ended_at = Some(at);
        let unclaimed = self.next_due_at.take().and_then(|slot| self.epoch.schedule.run(slot, at));
        if let Some(run) = unclaimed {
            self.leave_gap(run, GapOutcome::Missed);
        }
        self.open.retain(|slot, work| *slot < at && work.lease.is_some());
        for work in self.open.values_mut() {
            work.start_before = work.start_before.min(at);
        }
    }

    /// Opens an epoch with the monitor's grid: due at once.
    pub(super) fn open_epoch(&mut self, at: Timestamp) {
        let mut epoch = Epoch::open(self.monitor.id, Region::default(), self.monitor.settings.interval, at);
        epoch.opening_slot = self.free_instant(at);
        self.next_due_at = Some(epoch.opening_slot);
        self.earlier_epochs.push(std::mem::replace(&mut self.epoch, epoch));
    }

    /// Packs the checks of a window, keeping their sums.
    pub(super) fn pack(&mut self, window: Window) {
        for (slot, check) in self.checks.range_mut(window.from()..window.to()) {
            self.tallies.entry(hour_of(*slot)).or_default().add(check.origin, check.verdict, check.latency);
            *check = check.packed();
        }
    }

    /// Lets go of the checks of before an instant, and answers how many they were.
    pub(super) fn forget_before(&mut self, instant: Timestamp) -> u64 {
        let kept = self.checks.split_off(&instant);
        std::mem::replace(&mut self.checks, kept).len() as u64
    }

    /// What is known of a window: whole hours that may be taken by their sums, where those are kept, and the other checks
    /// one by one.
    pub(super) fn survey(
        &self,
        window: Window,
        may_take: impl Fn(Window) -> bool,
    ) -> (Vec<(Timestamp, &Tally)>, Vec<&Check>) {
        let is_taken = |hour: Timestamp| {
            let hour = Window::last(HOUR, hour.plus(HOUR));
            self.tallies.contains_key(&hour.from()) && window.clip(hour) == hour && may_take(hour)
        };
        let tallies = self.tallies.iter().map(|(hour, tally)| (*hour, tally)).filter(|(hour, _)| is_taken(*hour));
        let checks = self.checks.range(window.from()..window.to()).map(|(_, check)| check);
        (tallies.collect(), checks.filter(|check| !is_taken(hour_of(check.slot))).collect())
    }

    /// Ends the span that lasts, and begins another. Spans never run backwards and are never empty.
    pub(super) fn begin_span(&mut self, status: Status, from: Timestamp) {
        while self.spans.pop_if(|span| span.from >= from).is_some() {}
        if let Some(last) = self.spans.last_mut() {
            last.to = Some(from);
        }
        self.spans.push(StatusSpan { status, from, to: None });
    }
}
