//! When a monitor is due: pure arithmetic over a grid, so that what was due can always be computed again.
//!
//! A monitor's *grid* is `phase + n * interval`, anchored at the Unix epoch. The phase is a hash of the monitor's
//! identifier: load spreads evenly, every node computes the same, and a late run never shifts the next slot. An
//! *epoch* is a stretch with one schedule. It opens with one slot of its own (the monitor is checked at once) and
//! continues on the grid from half an interval later.

use std::time::Duration;

use crate::check::Region;
use crate::id::MonitorId;
use crate::monitor::Interval;
use crate::time::{Timestamp, Window};

/// A grid of slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Schedule {
    interval_micros: i64,
    phase_micros: i64,
}

impl Schedule {
    /// The grid of a monitor: its interval, and the phase that its identifier gives it.
    ///
    /// The formula is part of the record and never changes, so that anybody can compute again what was due. Over the
    /// identifier's sixteen bytes, in the order in which they are written, goes FNV-1a of 64 bits (offset basis
    /// `0xcbf29ce484222325`, prime `0x100000001b3`; <https://www.rfc-editor.org/rfc/rfc9923.html>), and over that, since
    /// UUIDv7 begin alike, the mixer of SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number
    /// Generators", 2014). All of it wraps at 64 bits. The phase is the remainder after division by the interval in
    /// milliseconds, and the slots are the instants `phase + n * interval` since the Unix epoch.
    ///
    /// ```
    /// use watchkeeper_domain::id::MonitorId;
    /// use watchkeeper_domain::monitor::Interval;
    /// use watchkeeper_domain::schedule::Schedule;
    ///
    /// let uuid = uuid::uuid!("01920000-0000-7000-8000-000000000001");
    /// let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    /// for byte in uuid.as_bytes() {
    ///     hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    /// }
    /// hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    /// hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    /// hash ^= hash >> 31;
    ///
    /// let minute = Interval::from_secs(60).unwrap();
    /// assert_eq!(Schedule::of(MonitorId::new(uuid), minute).phase_ms(), hash % 60_000);
    /// assert_eq!(hash % 60_000, 15_281);
    /// ```
    pub fn of(monitor: MonitorId, interval: Interval) -> Self {
        let interval_ms = u64::from(interval.as_secs()) * 1000;
        Self::from_millis(interval_ms, hash(monitor) % interval_ms)
    }

    /// The grid with this interval and phase, as the store keeps it. An interval of zero is taken as one millisecond.
    pub fn from_millis(interval_ms: u64, phase_ms: u64) -> Self {
        let micros = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1000);
        let interval_micros = micros(interval_ms.max(1));
        Self { interval_micros, phase_micros: micros(phase_ms) % interval_micros }
    }

    /// The time between slots.
    pub fn interval(&self) -> Duration {
        Duration::from_micros(self.interval_micros.unsigned_abs())
    }

    /// The time between slots in milliseconds.
    pub fn interval_ms(&self) -> u64 {
        self.interval_micros.unsigned_abs() / 1000
    }

    /// How far the grid is shifted against the Unix epoch, in milliseconds; less than the interval.
    pub fn phase_ms(&self) -> u64 {
        self.phase_micros.unsigned_abs() / 1000
    }

    /// The slot that follows this one. On the grid that is one interval later; from an opening slot it is the first
    /// grid slot at least half an interval away.
    pub fn after(&self, slot: Timestamp) -> Timestamp {
        self.at_or_after(Timestamp::from_micros(slot.as_micros().saturating_add(self.interval_micros / 2)))
    }

    /// The first grid slot at or after an instant.
    pub fn at_or_after(&self, at: Timestamp) -> Timestamp {
        let behind = (at.as_micros().saturating_sub(self.phase_micros)).rem_euclid(self.interval_micros);
        let ahead = if behind == 0 { 0 } else { self.interval_micros - behind };
        Timestamp::from_micros(at.as_micros().saturating_add(ahead))
    }

    /// The last grid slot at or before an instant.
    pub fn at_or_before(&self, at: Timestamp) -> Timestamp {
        let behind = (at.as_micros().saturating_sub(self.phase_micros)).rem_euclid(self.interval_micros);
        Timestamp::from_micros(at.as_micros().saturating_sub(behind))
    }

    /// How many grid slots lie in a window.
    pub fn count(&self, window: Window) -> u64 {
        let (first, end) = (self.at_or_after(window.from()), self.at_or_after(window.to()));
        (end.as_micros().saturating_sub(first.as_micros()) / self.interval_micros).unsigned_abs()
    }

    /// What is to be done for a monitor whose next slot is `next_due_at`, at the instant `now`, by someone who takes
    /// slots up to `horizon` (which is `now`, or a little later for those who wait for the instant themselves).
    ///
    /// A slot may start until the next slot; those that no longer may are `missed`, and the newest that may is taken.
    /// `None` where nothing falls due by the horizon.
    pub fn plan(&self, next_due_at: Timestamp, now: Timestamp, horizon: Timestamp) -> Option<Plan> {
        if next_due_at > horizon.max(now) {
            return None;
        }
        let second = self.after(next_due_at);
        if second > now {
            return Some(Plan { missed: None, slot: next_due_at, next_due_at: second });
        }
        let slot = self.at_or_before(now);
        let missed = self.run(next_due_at, slot);
        Some(Plan { missed, slot, next_due_at: self.after(slot) })
    }

    /// The slots from `next_due_at` on that can no longer start at `now` although nobody has claimed them.
    pub fn overdue(&self, next_due_at: Timestamp, now: Timestamp) -> Option<SlotRun> {
        self.plan(next_due_at, now, now)?.missed
    }

    /// The slots from `first` up to, and without, `end`, as one run; `None` where there is none. `first` must be a slot.
    pub fn run(&self, first: Timestamp, end: Timestamp) -> Option<SlotRun> {
        if first >= end {
            return None;
        }
        let second = self.after(first);
        let grid = Window::new(second, end).map_or(0, |window| self.count(window));
        let last = if grid == 0 { first } else { self.at_or_before(Timestamp::from_micros(end.as_micros() - 1)) };
        Some(SlotRun { first, last, count: 1 + grid })
    }
}

/// The hash that [`Schedule::of`] spells out.
fn hash(monitor: MonitorId) -> u64 {
    let folded =
        monitor.uuid().as_bytes().iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    let mixed = (folded ^ (folded >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// What [`Schedule::plan`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Slots that can no longer start.
    pub missed: Option<SlotRun>,
    /// The slot to take now.
    pub slot: Timestamp,
    /// Where the schedule goes on; also the instant before which `slot` must start.
    pub next_due_at: Timestamp,
}

/// Consecutive slots of one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotRun {
    /// The first of them.
    pub first: Timestamp,
    /// The last of them.
    pub last: Timestamp,
    /// How many they are; at least one.
    pub count: u64,
}

/// A stretch of a monitor's life with one schedule. What was due follows from the epochs alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// The monitor that it is a stretch of the life of.
    pub monitor: MonitorId,
    /// The region that its slots are checked from.
    pub region: Region,
    /// When it began: the monitor was made, resumed, or had its interval or target changed.
    pub began_at: Timestamp,
    /// When it ended: the monitor was paused, changed or deleted. Slots at or after it are not due.
    pub ended_at: Option<Timestamp>,
    /// The slot it opens with: the instant it began, moved on by a microsecond while that is taken.
    pub opening_slot: Timestamp,
    /// The grid that follows.
    pub schedule: Schedule,
}

impl Epoch {
    /// The epoch that opens at an instant with the monitor's grid.
    pub fn open(monitor: MonitorId, region: Region, interval: Interval, at: Timestamp) -> Self {
        let schedule = Schedule::of(monitor, interval);
        Self { monitor, region, began_at: at, ended_at: None, opening_slot: at, schedule }
    }

    /// The slot that follows an instant that is one of this epoch's slots, whether or not the epoch lasts so long.
    pub fn after(&self, slot: Timestamp) -> Timestamp {
        self.schedule.after(slot)
    }

    /// The first slot of this epoch after any instant, whether or not the epoch lasts so long. The grid instants in the
    /// half interval after the opening slot are none.
    pub fn first_after(&self, at: Timestamp) -> Timestamp {
        if at < self.opening_slot {
            return self.opening_slot;
        }
        self.schedule.at_or_after(at.next()).max(self.after(self.opening_slot))
    }

    /// The one of some epochs of a monitor, the oldest first, that a slot belongs to: the newest that opened by then.
    pub fn of<'e>(
        epochs: impl IntoIterator<Item = &'e Self, IntoIter: DoubleEndedIterator>,
        slot: Timestamp,
    ) -> Option<&'e Self> {
        epochs.into_iter().rev().find(|epoch| epoch.opening_slot <= slot)
    }

    /// The instant up to which slots count: where the epoch ended, or the end of time.
    pub fn end(&self) -> Timestamp {
        self.ended_at.unwrap_or(Timestamp::from_micros(i64::MAX))
    }

    /// The instant that a change of the monitor is dated at, this being its newest epoch: `at`, or as much later that
    /// epochs never overlap and that this one does not end before the slots that are in the record already, which is told
    /// by the newest of them.
    pub fn instant_of_change(&self, at: Timestamp, recorded: impl IntoIterator<Item = Timestamp>) -> Timestamp {
        let after_the_record = recorded.into_iter().map(Timestamp::next);
        after_the_record.chain([self.began_at.next()]).chain(self.ended_at).fold(at, Timestamp::max)
    }

    /// How many slots of this epoch lie in a window.
    pub fn count(&self, window: Window) -> u64 {
        let opening = u64::from(window.contains(self.opening_slot) && self.opening_slot < self.end());
        opening + self.grid_part(window).map_or(0, |part| self.schedule.count(part))
    }

    /// The slots of this epoch in a window, the newest first, computed one by one.
    pub fn slots_back(&self, window: Window) -> impl Iterator<Item = Timestamp> + '_ {
        let grid = self.grid_part(window).into_iter().flat_map(|part| {
            let newest = self.schedule.at_or_before(Timestamp::from_micros(part.to().as_micros() - 1));
            let step = self.schedule.interval();
            std::iter::successors(Some(newest), move |slot| Some(slot.minus(step)))
                .take_while(move |slot| *slot >= part.from())
        });
        let opening =
            (window.contains(self.opening_slot) && self.opening_slot < self.end()).then_some(self.opening_slot);
        grid.chain(opening)
    }

    /// The part of a window in which this epoch's grid slots lie; `None` where there is none.
    fn grid_part(&self, window: Window) -> Option<Window> {
        let life = Window::new(self.after(self.opening_slot), self.end())?;
        let part = window.clip(life);
        (!part.is_empty()).then_some(part)
    }
}

#[cfg(test)]
mod tests;
