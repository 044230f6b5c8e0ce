//! Uptime that can be defended: time-weighted from status spans, with the time that we did not watch shown apart.

mod gap;

use std::time::Duration;

pub use self::gap::{Gap, GapOutcome};
use crate::check::OpenSlot;
use crate::schedule::Epoch;
use crate::status::Status;
use crate::time::{Timestamp, Window};

/// A stretch of time with one status; `to` is `None` while it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusSpan {
    /// The status that held.
    pub status: Status,
    /// The slot at which it began.
    pub from: Timestamp,
    /// The slot at which the next status began; `None` while it lasts. Not before `from`.
    pub to: Option<Timestamp>,
}

/// How the time of a window was spent. The parts sum to the window, to the microsecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uptime {
    /// As expected.
    pub up: Duration,
    /// As expected, but not well.
    pub degraded: Duration,
    /// Down.
    pub down: Duration,
    /// We do not know.
    pub unknown: Duration,
    /// Announced work.
    pub maintenance: Duration,
    /// Nobody watched.
    pub paused: Duration,
    /// Nothing was known yet.
    pub pending: Duration,
}

impl Uptime {
    /// Up and degraded time over all time that is known: `None` where nothing is.
    pub fn ratio(&self) -> Option<f64> {
        let good = self.up + self.degraded;
        let known = good + self.down;
        (!known.is_zero()).then(|| good.as_secs_f64() / known.as_secs_f64())
    }

    /// All parts together.
    pub fn total(&self) -> Duration {
        self.up + self.degraded + self.down + self.unknown + self.maintenance + self.paused + self.pending
    }

    /// Adds the time of another window.
    pub fn add(&mut self, other: &Self) {
        self.up += other.up;
        self.degraded += other.degraded;
        self.down += other.down;
        self.unknown += other.unknown;
        self.maintenance += other.maintenance;
        self.paused += other.paused;
        self.pending += other.pending;
    }

    fn part(&mut self, status: Status) -> &mut Duration {
        match status {
            Status::Pending => &mut self.pending,
            Status::Up => &mut self.up,
            Status::Degraded => &mut self.degraded,
            Status::Down => &mut self.down,
            Status::Paused => &mut self.paused,
            Status::Maintenance => &mut self.maintenance,
            Status::Unknown => &mut self.unknown,
        }
    }
}

/// What the store knows about how a monitor's time was spent, read in one snapshot: of each kind the newest, as many as
/// were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimeFacts {
    /// The status spans that touch the window, oldest first.
    pub spans: Vec<StatusSpan>,
    /// The epochs that touch the window, oldest first.
    pub epochs: Vec<Epoch>,
    /// The gaps that touch the window (or lie right before it), oldest first.
    pub gaps: Vec<Gap>,
    /// All slots that are claimed and not yet recorded.
    pub open: Vec<OpenSlot>,
    /// The slot that is to be claimed next; `None` while paused.
    pub next_due_at: Option<Timestamp>,
}

impl TimeFacts {
    /// The newest part of a window of which these facts are whole, and the part before it, of which there may be more
    /// than the `most` of a kind that were asked for; `None` where there is nothing left to ask.
    ///
    /// Spans, epochs and gaps lie apart from each other, and what a gap blinds ends with the next gap and with its
    /// epoch, so that nothing from before the oldest one read reaches beyond its beginning.
    pub fn whole_part(&self, window: Window, most: usize) -> (Window, Option<Window>) {
        let oldest_of_many = [
            self.spans.first().filter(|_| self.spans.len() >= most).map(|span| span.from),
            self.epochs.first().filter(|_| self.epochs.len() >= most).map(|epoch| epoch.began_at),
            self.gaps.first().filter(|_| self.gaps.len() >= most).map(|gap| gap.run.first),
        ];
        let cut = oldest_of_many.into_iter().flatten().max().filter(|cut| *cut > window.from());
        let parts = cut.and_then(|cut| Some((Window::new(cut, window.to())?, Window::new(window.from(), cut))));
        parts.unwrap_or((window, None))
    }
}

/// How the time of a window was spent; `window` must not reach beyond now.
///
/// The time from a missed or unknown slot to the slot after it is unknown, whatever the status was. Time before the
/// first span, of which nothing is recorded, is pending.
pub fn uptime(facts: &TimeFacts, window: Window, now: Timestamp) -> Uptime {
    let mut spent = Uptime::default();
    for piece in timeline(facts, window, now) {
        if let (status, Some(to)) = (piece.status, piece.to) {
            *spent.part(status) += to.since(piece.from);
        }
    }
    spent
}

/// The window cut into pieces of one status each, oldest first, without holes: the spans, with the blind time laid over.
pub fn timeline(facts: &TimeFacts, window: Window, now: Timestamp) -> Vec<StatusSpan> {
    let blind = blind_windows(facts, now);
    let mut cuts: Vec<Timestamp> = vec![window.from(), window.to()];
    let edges = facts.spans.iter().flat_map(|span| [Some(span.from), span.to]).flatten();
    cuts.extend(edges.chain(blind.iter().flat_map(|w| [w.from(), w.to()])).filter(|at| window.contains(*at)));
    cuts.sort_unstable();
    cuts.dedup();
    let mut pieces: Vec<StatusSpan> = Vec::new();
    let (mut spans, mut blinds) = (facts.spans.iter().peekable(), blind.iter().peekable());
    for cut in cuts.windows(2) {
        let (from, to) = (cut[0], cut[1]);
        while spans.next_if(|span| span.to.is_some_and(|end| end <= from)).is_some() {}
        while blinds.next_if(|window| window.to() <= from).is_some() {}
        let held = spans.peek().filter(|span| span.from <= from).map_or(Status::Pending, |span| span.status);
        let is_blind = blinds.peek().is_some_and(|window| window.from() <= from);
        let hides = !matches!(held, Status::Paused | Status::Maintenance);
        let status = if is_blind && hides { Status::Unknown } else { held };
        match pieces.last_mut() {
            Some(last) if last.status == status => last.to = Some(to),
            _ => pieces.push(StatusSpan { status, from, to: Some(to) }),
        }
    }
    pieces
}

/// Two timelines, the second of which goes on where the first one ends, as one.
pub fn join(mut earlier: Vec<StatusSpan>, later: Vec<StatusSpan>) -> Vec<StatusSpan> {
    let mut later = later.into_iter().peekable();
    if let Some(last) = earlier.last_mut()
        && let Some(same) = later.next_if(|first| first.status == last.status)
    {
        last.to = same.to;
    }
    earlier.extend(later);
    earlier
}

/// The stretches during which we did not see the target, oldest first and apart from each other: each gap up to the
/// slot after it, also where it is still to be written.
fn blind_windows(facts: &TimeFacts, now: Timestamp) -> Vec<Window> {
    let unwritten = Gap::unwritten(&facts.epochs, &facts.open, facts.next_due_at, now);
    let mut windows: Vec<Window> = facts
        .gaps
        .iter()
        .chain(&unwritten)
        .filter(|gap| gap.outcome != GapOutcome::Skipped)
        .filter_map(|gap| {
            let epoch = Epoch::of(&facts.epochs, gap.run.first)?;
            Window::new(gap.run.first, epoch.after(gap.run.last).min(epoch.end()))
        })
        .collect();
    windows.sort_unstable_by_key(Window::from);
    windows.dedup_by(|later, earlier| {
        let touches = later.from() <= earlier.to();
        if let (true, Some(both)) = (touches, Window::new(earlier.from(), earlier.to().max(later.to()))) {
            *earlier = both;
        }
        touches
    });
    windows
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

    fn window(from: i64, to: i64) -> Window {
        Window::new(at(from), at(to)).unwrap()
    }

    fn span(status: Status, from: i64, to: Option<i64>) -> StatusSpan {
        StatusSpan { status, from: at(from), to: to.map(at) }
    }

    fn epoch(from: i64, to: Option<i64>) -> Epoch {
        fixture::epoch(at(from), to.map(at), Schedule::from_millis(60_000, 0))
    }

    fn gap(first: i64, last: i64, outcome: GapOutcome) -> Gap {
        Gap {
            run: SlotRun { first: at(first), last: at(last), count: ((last - first) / 60 + 1).unsigned_abs() },
            outcome,
        }
    }

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn time_is_weighed_and_not_counted() {
        let facts = TimeFacts {
            spans: vec![
                span(Status::Up, 0, Some(540)),
                span(Status::Down, 540, Some(600)),
                span(Status::Up, 600, None),
            ],
            epochs: vec![epoch(0, None)],
            ..TimeFacts::default()
        };
        let spent = uptime(&facts, window(0, 1200), at(1200));
        assert_eq!((spent.up, spent.down), (secs(1140), secs(60)));
        assert_eq!(spent.ratio(), Some(0.95));
    }

    #[test]
    fn our_own_outage_is_neither_up_nor_down() {
        let facts = TimeFacts {
            spans: vec![span(Status::Up, 0, None)],
            epochs: vec![epoch(0, None)],
            gaps: vec![gap(120, 240, GapOutcome::Missed), gap(300, 300, GapOutcome::Unknown)],
            ..TimeFacts::default()
        };
        let spent = uptime(&facts, window(0, 600), at(600));
        assert_eq!((spent.unknown, spent.up), (secs(240), secs(360)));
        assert_eq!(spent.ratio(), Some(1.0));
    }

    #[test]
    fn a_gap_ends_with_its_epoch_and_does_not_reach_into_a_pause() {
        let facts = TimeFacts {
            spans: vec![span(Status::Up, 0, Some(130)), span(Status::Paused, 130, None)],
            epochs: vec![epoch(0, Some(130))],
            gaps: vec![gap(120, 120, GapOutcome::Missed)],
            ..TimeFacts::default()
        };
        let spent = uptime(&facts, window(0, 300), at(300));
        assert_eq!((spent.up, spent.unknown, spent.paused), (secs(120), secs(10), secs(170)));
    }

    #[test]
    fn slots_that_nobody_claimed_are_blind_time_before_they_are_recorded() {
        let facts = TimeFacts {
            spans: vec![span(Status::Up, 0, None)],
            epochs: vec![epoch(0, None)],
            next_due_at: Some(at(120)),
            ..TimeFacts::default()
        };
        assert_eq!(uptime(&facts, window(0, 300), at(300)).unknown, secs(180));
    }

    #[test]
    fn where_nothing_is_known_there_is_no_ratio() {
        assert_eq!(uptime(&TimeFacts::default(), window(0, 60), at(60)).ratio(), None);
    }

    impl TimeFacts {
        /// What a store answers that holds these facts.
        fn newest(&self, window: Window, most: usize) -> Self {
            let newest = |count: usize| count.saturating_sub(most);
            let spans = self.spans.iter().filter(|s| s.from < window.to() && s.to.is_none_or(|to| to > window.from()));
            let epochs = self.epochs.iter().filter(|e| e.began_at < window.to() && e.end() > window.from());
            let begun = self.gaps.partition_point(|gap| gap.run.first < window.to());
            let before = self.gaps.partition_point(|gap| gap.run.first <= window.from()).saturating_sub(1);
            let (spans, epochs): (Vec<_>, Vec<_>) = (spans.copied().collect(), epochs.cloned().collect());
            let gaps = self.gaps[before.min(begun)..begun].to_vec();
            Self {
                spans: spans[newest(spans.len())..].to_vec(),
                epochs: epochs[newest(epochs.len())..].to_vec(),
                gaps: gaps[newest(gaps.len())..].to_vec(),
                open: self.open.clone(),
                next_due_at: self.next_due_at,
            }
        }
    }

    fn any_status() -> impl Strategy<Value = Status> {
        prop_oneof![
            Just(Status::Pending),
            Just(Status::Up),
            Just(Status::Degraded),
            Just(Status::Down),
            Just(Status::Paused),
            Just(Status::Maintenance)
        ]
    }

    proptest! {
        #[test]
        fn the_parts_sum_to_the_window(
            lengths in prop::collection::vec((any_status(), 1_i64..500), 0..20),
            gaps in prop::collection::vec((0_i64..100, 1_i64..4), 0..10),
            from in 0_i64..4_000,
            length in 0_i64..4_000,
        ) {
            let mut end = 0;
            let mut spans: Vec<_> = lengths.iter().map(|(status, length)| { let from = end; end += length; span(*status, from, Some(end)) }).collect();
            if let Some(last) = spans.last_mut() { last.to = None; }
            let gaps = gaps.iter().map(|(slot, count)| gap(slot * 60, (slot + count - 1) * 60, GapOutcome::Missed)).collect();
            let facts = TimeFacts { spans, epochs: vec![epoch(0, None)], gaps, ..TimeFacts::default() };
            let window = window(from, from + length);
            prop_assert_eq!(uptime(&facts, window, at(10_000)).total(), window.length());
            let pieces = timeline(&facts, window, at(10_000));
            prop_assert!(pieces.windows(2).all(|pair| pair[0].to == Some(pair[1].from) && pair[0].status != pair[1].status));
        }

        #[test]
        fn a_window_read_in_parts_was_spent_as_the_whole(
            lengths in prop::collection::vec((any_status(), 1_i64..500), 0..20),
            gaps in prop::collection::btree_map(0_i64..60, 1_i64..4, 0..20),
            changes in prop::collection::btree_set(1_i64..4_000, 0..5),
            from in 0_i64..2_000,
            length in 0_i64..4_000,
            most in 1_usize..5,
        ) {
            let mut end = 0;
            let mut spans: Vec<_> = lengths.iter().map(|(status, length)| { let from = end; end += length; span(*status, from, Some(end)) }).collect();
            if let Some(last) = spans.last_mut() { last.to = None; }
            let bounds: Vec<_> = [0].into_iter().chain(changes).collect();
            let epochs: Vec<_> = bounds.iter().enumerate().map(|(n, from)| epoch(*from, bounds.get(n + 1).copied())).collect();
            let gaps: Vec<_> = gaps.iter().map(|(slot, count)| gap(slot * 240, (slot * 4 + count - 1) * 60, GapOutcome::Missed)).collect();
            let ends_with_its_epoch = |gap: &Gap| epochs.iter().any(|epoch| epoch.opening_slot <= gap.run.first && gap.run.last < epoch.end());
            let whole = TimeFacts { spans, gaps: gaps.into_iter().filter(ends_with_its_epoch).collect(), epochs, open: Vec::new(), next_due_at: Some(at(5_000)) };
            let (asked, now) = (window(from, from + length), at(6_000));
            let (mut spent, mut pieces, mut rest) = (Uptime::default(), Vec::new(), Some(asked));
            while let Some(window) = rest {
                let facts = whole.newest(window, most);
                prop_assert!(facts.spans.len().max(facts.epochs.len()).max(facts.gaps.len()) <= most);
                let (part, before) = facts.whole_part(window, most);
                prop_assert!(before.is_none_or(|before| before.to() < window.to()), "reading on makes progress");
                spent.add(&uptime(&facts, part, now));
                pieces = join(timeline(&facts, part, now), pieces);
                rest = before;
            }
            prop_assert_eq!(spent, uptime(&whole, asked, now));
            prop_assert_eq!(pieces, timeline(&whole, asked, now));
        }
    }
}
