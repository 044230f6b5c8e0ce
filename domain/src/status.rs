//! The status of a monitor: a state machine over verdicts, with confirmation, that dates every change to the slot at
//! which it began and not to the moment it was noticed.

use std::time::Duration;

use crate::invalid::Invalid;
use crate::monitor::Interval;
use crate::report::{Reason, ReasonKind};
use crate::schedule::Schedule;
use crate::time::Timestamp;
use crate::verdict::Verdict;

/// What a monitor is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Nothing is known yet.
    Pending,
    /// It works.
    Up,
    /// It works, but not well.
    Degraded,
    /// It does not work, and that is confirmed.
    Down,
    /// Nobody watches it.
    Paused,
    /// It is being worked on, and that is announced.
    Maintenance,
    /// We have missed it for so long that we do not know.
    Unknown,
}

/// How sure to be before the status changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// How many more failures in a row it takes before a monitor is down.
    pub before_down: u32,
    /// How many more successes in a row it takes before a monitor is up again.
    pub before_up: u32,
}

impl Confirmation {
    /// The most that can be asked for.
    pub const MAX: u32 = 10;
    /// The longest wait for a confirmation.
    pub const LONGEST_WAIT: Duration = Duration::from_secs(10);

    /// Parses how many confirmations somebody wants, for the field they sent it in.
    ///
    /// # Errors
    /// [`Invalid`] on that field.
    pub fn parse(count: i64, field: &'static str) -> Result<u32, Invalid> {
        u32::try_from(count)
            .ok()
            .filter(|count| *count <= Self::MAX)
            .ok_or_else(|| Invalid::new(field, "confirmations_out_of_bounds", "Confirmations are 0 to 10."))
    }

    /// How long after a surprising check its confirmation is made.
    pub fn wait(interval: Interval) -> Duration {
        interval.duration().min(Self::LONGEST_WAIT)
    }
}

impl Default for Confirmation {
    /// One confirmation before down, none before up.
    fn default() -> Self {
        Self { before_down: 1, before_up: 0 }
    }
}

/// Checks in a row that speak for a change which is not confirmed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streak {
    /// The first slot of it.
    pub since: Timestamp,
    /// How many there are.
    pub count: u32,
}

/// Slots in a row that were missed or unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// The first slot of it.
    pub since: Timestamp,
    /// How many there are.
    pub count: u64,
}

/// What is remembered of a monitor between two checks. It is written only when it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// The status that the checks have led to.
    pub held: Status,
    /// The slot at which the held status began.
    pub since: Timestamp,
    /// The results in a row that speak for a change of the held status which is not confirmed yet.
    pub streak: Option<Streak>,
    /// How long we have been blind.
    pub silence: Option<Silence>,
    /// No result of a slot at or before this one changes anything. It is kept exact only where that can matter: while
    /// an older claim of the same monitor is still open.
    pub last_slot: Timestamp,
}

/// After so many missed or unknown slots in a row a monitor is unknown.
pub const SLOTS_UNTIL_UNKNOWN: u64 = 3;

impl State {
    /// The state of a monitor whose epoch opens at an instant and of which nothing is known.
    pub fn pending(at: Timestamp) -> Self {
        Self::fresh(Status::Pending, at)
    }

    /// The state of a monitor that is paused at an instant.
    pub fn paused(at: Timestamp) -> Self {
        Self::fresh(Status::Paused, at)
    }

    fn fresh(held: Status, at: Timestamp) -> Self {
        Self { held, since: at, streak: None, silence: None, last_slot: Timestamp::from_micros(at.as_micros() - 1) }
    }

    /// This state after a change of target at an instant: what spoke for a change spoke of another target.
    pub fn retargeted(self, at: Timestamp) -> Self {
        Self { streak: None, last_slot: Timestamp::from_micros(at.as_micros() - 1), ..self }
    }

    /// This state after slots that were missed or unknown. Older slots than the last result do not count. Where they make
    /// the monitor unknown, what spoke for a change before them speaks for none after them: the streak ends.
    pub fn silent(self, first: Timestamp, count: u64) -> Self {
        if first <= self.last_slot || matches!(self.held, Status::Paused) {
            return self;
        }
        let silence = match self.silence {
            Some(silence) => Silence { since: silence.since.min(first), count: silence.count.saturating_add(count) },
            None => Silence { since: first, count },
        };
        Self { silence: Some(silence), ..self }.without_what_was_before_blindness()
    }

    /// This state without its streak, where so many slots in a row have been silent that the monitor is unknown.
    fn without_what_was_before_blindness(self) -> Self {
        let is_blind = self.silence.is_some_and(|silence| silence.count >= SLOTS_UNTIL_UNKNOWN);
        Self { streak: self.streak.filter(|_| !is_blind), ..self }
    }

    /// Whether this state must be written over the other: they differ in more than the last slot.
    pub fn is_news_to(&self, stored: &Self) -> bool {
        Self { last_slot: stored.last_slot, ..*self } != *stored
    }

    /// What people are shown, and since when: the held status, unless we have been blind for too long. Slots that
    /// nobody has claimed yet although they can no longer start count as well.
    pub fn shown(&self, next_slot: Option<(Timestamp, Schedule)>, now: Timestamp) -> (Status, Timestamp) {
        if matches!(self.held, Status::Paused | Status::Maintenance) {
            return (self.held, self.since);
        }
        let overdue = next_slot.and_then(|(slot, schedule)| schedule.overdue(slot, now));
        let recorded = self.silence.map_or(0, |silence| silence.count);
        if recorded.saturating_add(overdue.map_or(0, |run| run.count)) < SLOTS_UNTIL_UNKNOWN {
            return (self.held, self.since);
        }
        let since = self.silence.map(|silence| silence.since).or(overdue.map(|run| run.first));
        (Status::Unknown, since.unwrap_or(self.since))
    }
}

/// A change of status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flip {
    /// The status before.
    pub from: Status,
    /// The status after; never the one before.
    pub to: Status,
    /// The slot at which the change began.
    pub at: Timestamp,
    /// The slot of the check that settled it.
    pub settled_by: Timestamp,
    /// Why, in words; `None` where all is well.
    pub reason: Option<Reason>,
}

impl Flip {
    /// Whether an incident begins with it.
    pub fn opens_incident(&self) -> bool {
        self.to == Status::Down
    }

    /// Whether an incident ends with it.
    pub fn closes_incident(&self) -> bool {
        self.from == Status::Down
    }

    /// Why it went down, for the incident that begins with it.
    pub fn cause(&self) -> Reason {
        self.reason.clone().unwrap_or_else(|| Reason::new(ReasonKind::Status, "the target is down"))
    }

    /// Whether people are told: it went down, or it is back.
    pub fn is_news(&self) -> bool {
        self.opens_incident() || self.closes_incident()
    }
}

/// What a check does to the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The state afterwards.
    pub state: State,
    /// The change of status, where there is one.
    pub flip: Option<Flip>,
    /// Whether another check should be made soon to confirm what this one suggests.
    pub wants_confirmation: bool,
}

/// The state machine: what the verdict of a slot does to a monitor's state.
///
/// A result that is older than the last one, or that comes while the monitor is paused, changes nothing. One that is older
/// than a silence does not end it.
pub fn after(state: State, verdict: Verdict, reason: Option<&Reason>, slot: Timestamp, policy: Confirmation) -> Step {
    if slot <= state.last_slot || state.held == Status::Paused {
        return Step { state, flip: None, wants_confirmation: false };
    }
    let silence = state.silence.filter(|silence| silence.since > slot);
    let seen = State { silence, last_slot: slot, ..state };
    let towards = match verdict {
        Verdict::Up => Status::Up,
        Verdict::Degraded => Status::Degraded,
        Verdict::Down => Status::Down,
    };
    if towards == state.held {
        return Step { state: State { streak: None, ..seen }, flip: None, wants_confirmation: false };
    }
    let needed = match (state.held, towards) {
        (_, Status::Down) => policy.before_down,
        (Status::Down, _) => policy.before_up,
        _ => 0,
    };
    let streak = match state.streak {
        Some(streak) => Streak { since: streak.since, count: streak.count.saturating_add(1) },
        None => Streak { since: slot, count: 1 },
    };
    if streak.count <= needed {
        let state = State { streak: Some(streak), ..seen }.without_what_was_before_blindness();
        return Step { state, flip: None, wants_confirmation: true };
    }
    // A streak speaks for or against down. Between the others nothing is confirmed, and the change begins right here.
    let at = if needed == 0 { slot } else { streak.since };
    Step {
        state: State { held: towards, since: at, streak: None, ..seen },
        flip: Some(Flip { from: state.held, to: towards, at, settled_by: slot, reason: reason.cloned() }),
        wants_confirmation: false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POLICY: Confirmation = Confirmation { before_down: 1, before_up: 0 };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    fn walk(start: State, policy: Confirmation, verdicts: &[(i64, Verdict)]) -> (State, Vec<Flip>) {
        let mut flips = Vec::new();
        let state = verdicts.iter().fold(start, |state, (seconds, verdict)| {
            let step = after(state, *verdict, None, at(*seconds), policy);
            flips.extend(step.flip);
            step.state
        });
        (state, flips)
    }

    #[test]
    fn the_first_result_ends_pending() {
        let step = after(State::pending(at(0)), Verdict::Up, None, at(0), POLICY);
        assert_eq!(
            (step.state.held, step.flip.map(|flip| (flip.from, flip.to))),
            (Status::Up, Some((Status::Pending, Status::Up)))
        );
    }

    #[test]
    fn a_failure_waits_for_its_confirmation_and_down_is_dated_at_the_first_one() {
        let up = walk(State::pending(at(0)), POLICY, &[(0, Verdict::Up)]).0;
        let first = after(up, Verdict::Down, None, at(60), POLICY);
        assert_eq!((first.state.held, first.flip, first.wants_confirmation), (Status::Up, None, true));
        let second = after(first.state, Verdict::Down, None, at(70), POLICY);
        let flip = second.flip.unwrap();
        assert_eq!((flip.to, flip.at, flip.settled_by), (Status::Down, at(60), at(70)));
        assert_eq!(second.state.since, at(60));
    }

    #[test]
    fn a_failure_that_is_not_confirmed_leaves_no_trace() {
        let (state, flips) =
            walk(State::pending(at(0)), POLICY, &[(0, Verdict::Up), (60, Verdict::Down), (70, Verdict::Up)]);
        assert_eq!((state.held, state.streak, flips.len()), (Status::Up, None, 1));
    }

    #[test]
    fn slowness_between_failures_does_not_date_down_too_early() {
        let policy = Confirmation { before_down: 1, before_up: 0 };
        let (_, flips) = walk(
            State::pending(at(0)),
            policy,
            &[
                (0, Verdict::Up),
                (60, Verdict::Down),
                (70, Verdict::Degraded),
                (120, Verdict::Down),
                (130, Verdict::Down),
            ],
        );
        let down = flips.last().unwrap();
        assert_eq!((down.from, down.to, down.at), (Status::Degraded, Status::Down, at(120)));
    }

    #[test]
    fn recovery_can_be_confirmed_as_well() {
        let policy = Confirmation { before_down: 0, before_up: 1 };
        let (state, flips) = walk(
            State::pending(at(0)),
            policy,
            &[(0, Verdict::Down), (60, Verdict::Up), (70, Verdict::Down), (120, Verdict::Up), (130, Verdict::Up)],
        );
        assert_eq!(state.held, Status::Up);
        assert_eq!(flips.last().map(|flip| flip.at), Some(at(120)));
    }

    #[test]
    fn an_older_result_changes_nothing() {
        let up = walk(State::pending(at(0)), POLICY, &[(120, Verdict::Up)]).0;
        assert_eq!(after(up, Verdict::Down, None, at(60), POLICY).state, up);
    }

    #[test]
    fn a_paused_monitor_keeps_its_status_whatever_is_found() {
        let paused = State::paused(at(10));
        assert_eq!(after(paused, Verdict::Down, None, at(20), POLICY).state, paused);
    }

    #[test]
    fn three_silent_slots_make_a_monitor_unknown_and_one_result_ends_it() {
        let up = walk(State::pending(at(0)), POLICY, &[(0, Verdict::Up)]).0;
        let blind = up.silent(at(60), 2);
        assert_eq!(blind.shown(None, at(200)).0, Status::Up);
        let blind = blind.silent(at(180), 1);
        assert_eq!(blind.shown(None, at(200)), (Status::Unknown, at(60)));
        let seen = after(blind, Verdict::Up, None, at(240), POLICY);
        assert_eq!((seen.state.shown(None, at(250)), seen.flip), ((Status::Up, at(0)), None));
    }

    #[test]
    fn a_failure_before_a_blindness_and_one_after_it_are_not_two_in_a_row() {
        let failed = walk(State::pending(at(0)), POLICY, &[(0, Verdict::Up), (60, Verdict::Down)]).0;
        assert_eq!(failed.silent(at(120), 2).streak, failed.streak, "nobody calls it unknown yet");
        let blind = failed.silent(at(120), 2).silent(at(240), 1);
        let first = after(blind, Verdict::Down, None, at(300), POLICY);
        assert_eq!((first.state.held, first.flip, first.wants_confirmation), (Status::Up, None, true));
        let second = after(first.state, Verdict::Down, None, at(310), POLICY);
        assert_eq!(second.flip.map(|flip| (flip.to, flip.at)), Some((Status::Down, at(300))));
    }

    #[test]
    fn a_result_that_comes_late_does_not_end_the_blindness_after_it_nor_outlast_it() {
        let up = walk(State::pending(at(0)), POLICY, &[(0, Verdict::Up)]).0;
        let late = after(up.silent(at(120), 3), Verdict::Down, None, at(60), POLICY).state;
        assert_eq!((late.shown(None, at(400)), late.streak), ((Status::Unknown, at(120)), None));
        assert_eq!(after(late, Verdict::Down, None, at(300), POLICY).flip, None);
    }

    #[test]
    fn slots_that_nobody_claimed_make_a_monitor_unknown_as_well() {
        let up = walk(State::pending(at(0)), POLICY, &[(0, Verdict::Up)]).0;
        let next = Some((at(60), Schedule::from_millis(60_000, 0)));
        assert_eq!(up.shown(next, at(200)).0, Status::Up);
        assert_eq!(up.shown(next, at(240)), (Status::Unknown, at(60)));
    }

    fn any_verdict() -> impl Strategy<Value = Verdict> {
        prop_oneof![Just(Verdict::Up), Just(Verdict::Degraded), Just(Verdict::Down)]
    }

    proptest! {
        #[test]
        fn flips_form_a_chain_that_ends_in_the_state(
            verdicts in prop::collection::vec((any_verdict(), 1_i64..100), 1..60),
            before_down in 0_u32..4,
            before_up in 0_u32..4,
        ) {
            let policy = Confirmation { before_down, before_up };
            let mut now = 0;
            let steps: Vec<_> = verdicts.iter().map(|(verdict, gap)| { now += gap; (now, *verdict) }).collect();
            let (state, flips) = walk(State::pending(at(0)), policy, &steps);
            let mut held = (Status::Pending, at(0));
            for flip in &flips {
                prop_assert_eq!(flip.from, held.0);
                prop_assert_ne!(flip.from, flip.to);
                prop_assert!(flip.at >= held.1 && flip.at <= flip.settled_by, "spans never run backwards");
                held = (flip.to, flip.at);
            }
            prop_assert_eq!((state.held, state.since), held);
        }

        #[test]
        fn down_takes_as_many_failures_in_a_row_as_were_asked_for(
            verdicts in prop::collection::vec(any_verdict(), 1..60),
            before_down in 0_u32..4,
        ) {
            let policy = Confirmation { before_down, before_up: 0 };
            let steps: Vec<_> = verdicts.iter().enumerate().map(|(n, verdict)| (i64::try_from(n).unwrap(), *verdict)).collect();
            let (_, flips) = walk(State::pending(at(0)), policy, &steps);
            for flip in flips.iter().filter(|flip| flip.to == Status::Down) {
                let failures = steps.iter().filter(|(n, _)| at(*n) >= flip.at && at(*n) <= flip.settled_by);
                prop_assert!(failures.clone().all(|(_, verdict)| *verdict == Verdict::Down));
                prop_assert_eq!(u32::try_from(failures.count()).unwrap(), before_down + 1);
            }
        }

        #[test]
        fn no_change_that_was_confirmed_began_before_a_blindness(
            slots in prop::collection::vec(prop::option::weighted(0.6, any_verdict()), 1..80),
            before_down in 1_u32..4,
            before_up in 1_u32..4,
        ) {
            let policy = Confirmation { before_down, before_up };
            let mut state = State::pending(at(0));
            for (n, verdict) in (0_i64..).zip(&slots) {
                let Some(verdict) = verdict else {
                    state = state.silent(at(n), 1);
                    continue;
                };
                let step = after(state, *verdict, None, at(n), policy);
                state = step.state;
                if let Some(flip) = step.flip.filter(Flip::is_news) {
                    let seen = |n: &usize| (flip.at..=flip.settled_by).contains(&at(i64::try_from(*n).unwrap()));
                    let between: Vec<_> = (0..slots.len()).filter(seen).map(|n| slots[n]).collect();
                    prop_assert!(between.windows(3).all(|three| three.iter().any(Option::is_some)), "{:?}", between);
                }
            }
        }
    }
}
