//! Walking back over a monitor's slots: at which instants the log can hold a healthy scheduled check. Pure.

use watchkeeper_domain::schedule::Epoch;
use watchkeeper_domain::time::{Timestamp, Window};
use watchkeeper_domain::uptime::TimeFacts;

/// A walk over the slots of a window, the newest first, leaving out what need not be looked up.
pub(crate) struct Walk {
    /// The oldest first; the last one is where the walk is.
    epochs: Vec<Epoch>,
    /// Stretches that are passed over, first and last instant, apart from each other, the oldest first.
    skipped: Vec<(Timestamp, Timestamp)>,
    from: Timestamp,
    end: Timestamp,
    /// Slots from here on have not been claimed.
    unclaimed_from: Timestamp,
}

/// Some slots, and the stretch of time that holds them and no others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) slots: Vec<Timestamp>,
    pub(crate) window: Window,
    /// Whether the walk is over.
    pub(crate) is_last: bool,
}

impl Walk {
    pub(crate) fn new(
        epochs: Vec<Epoch>,
        skipped: impl IntoIterator<Item = (Timestamp, Timestamp)>,
        window: Window,
        next_due_at: Option<Timestamp>,
    ) -> Self {
        let mut sorted: Vec<_> = skipped.into_iter().collect();
        sorted.sort_unstable();
        let mut skipped: Vec<(Timestamp, Timestamp)> = Vec::with_capacity(sorted.len());
        for (first, last) in sorted {
            match skipped.last_mut() {
                Some(before) if first <= before.1 => before.1 = before.1.max(last),
                _ => skipped.push((first, last)),
            }
        }
        let unclaimed_from = next_due_at.unwrap_or(Timestamp::from_micros(i64::MAX));
        Self { epochs, skipped, from: window.from(), end: window.to(), unclaimed_from }
    }

    /// A walk over the slots of a window that may hold a check, by what is known of a monitor.
    pub(crate) fn over(facts: &TimeFacts, window: Window) -> Self {
        Self::past(facts, window, [])
    }

    /// The same, passing over other stretches as well.
    pub(crate) fn past(
        facts: &TimeFacts,
        window: Window,
        others: impl IntoIterator<Item = (Timestamp, Timestamp)>,
    ) -> Self {
        let gaps = facts.gaps.iter().map(|gap| (gap.run.first, gap.run.last));
        Self::new(facts.epochs.clone(), gaps.chain(others), window, facts.next_due_at)
    }

    /// The next so many slots.
    pub(crate) fn next(&mut self, count: usize) -> Stretch {
        let to = self.end;
        let mut slots = Vec::new();
        let mut is_last = false;
        while slots.len() < count && !is_last {
            match self.next_slot() {
                Some(slot) => slots.push(slot),
                None => is_last = true,
            }
        }
        if is_last {
            self.end = self.from;
        }
        let window = Window::new(self.end, to).unwrap_or(Window::last(std::time::Duration::ZERO, to));
        Stretch { slots, window, is_last }
    }

    fn next_slot(&mut self) -> Option<Timestamp> {
        loop {
            let window = Window::new(self.from, self.end.min(self.unclaimed_from))?;
            let Some(slot) = self.epochs.last()?.slots_back(window).next() else {
                self.epochs.pop();
                continue;
            };
            while self.skipped.pop_if(|(first, _)| *first > slot).is_some() {}
            match self.skipped.last() {
                Some((first, last)) if *last >= slot => self.end = (*first).max(self.from),
                _ => {
                    self.end = slot;
                    return Some(slot);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use watchkeeper_domain::schedule::Schedule;
    use watchkeeper_domain::testkit::fixture;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    fn epoch(from: i64, to: Option<i64>) -> Epoch {
        fixture::epoch(at(from), to.map(at), Schedule::from_millis(60_000, 0))
    }

    proptest! {
        #[test]
        fn a_walk_meets_every_slot_once_but_those_passed_over(
            pause in 200_i64..400,
            resume in 400_i64..600,
            skipped in prop::collection::vec((0_i64..1_000, 0_i64..200), 0..5),
            from in 0_i64..500,
            length in 1_i64..700,
            count in 1_usize..7,
        ) {
            let epochs = vec![epoch(7, Some(pause)), epoch(resume, None)];
            let skipped: Vec<_> = skipped.iter().map(|(first, length)| (at(*first), at(first + length))).collect();
            let window = Window::new(at(from), at(from + length)).unwrap();
            let passed_over = |slot: &Timestamp| skipped.iter().any(|(first, last)| first <= slot && slot <= last);
            let mut wanted: Vec<_> = epochs.iter().rev().flat_map(|epoch| epoch.slots_back(window).collect::<Vec<_>>()).collect();
            wanted.retain(|slot| !passed_over(slot));
            let mut walk = Walk::new(epochs, skipped.clone(), window, None);
            let (mut met, mut end) = (Vec::new(), window.to());
            loop {
                let stretch = walk.next(count);
                prop_assert_eq!(stretch.window.to(), end);
                prop_assert!(stretch.slots.iter().all(|slot| stretch.window.contains(*slot)));
                end = stretch.window.from();
                met.extend(stretch.slots);
                if stretch.is_last { break }
            }
            prop_assert_eq!(end, window.from());
            prop_assert_eq!(met, wanted);
        }
    }

    #[test]
    fn slots_that_nobody_has_claimed_yet_are_not_looked_up() {
        let window = Window::new(at(0), at(600)).unwrap();
        let stretch = Walk::new(vec![epoch(0, None)], [], window, Some(at(120))).next(10);
        assert_eq!(stretch, Stretch { slots: vec![at(60), at(0)], window, is_last: true });
    }
}
