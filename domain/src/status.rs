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
        u32::try_from(count).ok().filter(|count| *count <= Self::MAX).ok_or_else(|| {
            Invalid::new(field, "confirmations_out_of_bounds", format!("Confirmations are 0 to {}.", Self::MAX))
        })
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
mod tests;
