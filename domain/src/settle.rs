//! What recording a check brings about, decided in one place for every store: the new state, the flip, the incident,
//! who is owed a notice, and when a confirmation is due.

use crate::check::{Check, Origin};
use crate::monitor::Monitor;
use crate::schedule::Epoch;
use crate::status::{Confirmation, Flip, State, Status, after};
use crate::time::Timestamp;
use crate::verdict::Verdict;

/// What the store knows of a monitor at the moment a result for it arrives.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The monitor, as it is now.
    pub monitor: Monitor,
    /// Its newest epoch.
    pub epoch: Epoch,
    /// Its state.
    pub state: State,
}

/// What a check brings about. The store writes all of it in the transaction that writes the check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consequence {
    /// The state afterwards; `None` where nothing but the last slot changed, which is written only while an older
    /// claim of this monitor is still open.
    pub state: Option<State>,
    /// The slot that the check was for, for [`State::last_slot`].
    pub last_slot: Timestamp,
    /// The change of status: a span ends and another begins at [`Flip::at`], an incident may open or close, and every
    /// enabled channel of the workspace is owed a notice where [`Flip::is_news`].
    pub flip: Option<Flip>,
    /// The instant at which a confirmation is due, moved on by a microsecond while it is taken.
    pub confirm_at: Option<Timestamp>,
}

/// Decides what a check brings about. `now` is when it is recorded.
///
/// A check of an earlier epoch (the monitor has been paused or changed since) is kept and changes nothing. A
/// confirmation that would fall at or after the slot that follows the check's own is not made: that slot confirms, also
/// where it has begun before the check was recorded.
pub fn settle(standing: &Standing, check: &Check, now: Timestamp) -> Consequence {
    let Standing { monitor, epoch, state } = standing;
    let nothing = Consequence { state: None, last_slot: state.last_slot, flip: None, confirm_at: None };
    let is_current = monitor.is_active && epoch.ended_at.is_none() && check.slot >= epoch.began_at;
    if !is_current {
        return nothing;
    }
    let step = after(*state, check.verdict, check.reason.as_ref(), check.slot, monitor.settings.confirmation);
    let confirm_at = step.wants_confirmation.then(|| {
        let due = now.max(check.checked_at.plus(check.latency)).plus(Confirmation::wait(monitor.settings.interval));
        (due < epoch.first_after(check.slot)).then_some(due)
    });
    Consequence {
        state: step.state.is_news_to(state).then_some(step.state),
        last_slot: step.state.last_slot,
        flip: step.flip,
        confirm_at: confirm_at.flatten(),
    }
}

/// Whether a verdict leaves a monitor as it is, so that a store need not even read the rest of how it stands: [`settle`]
/// then gives no state, no flip and no confirmation.
///
/// `is_calm` says that nothing speaks for a change and nothing was missed, `has_older` that an older claim of the same
/// monitor is still open, for which the last slot must be kept exact.
pub fn leaves_as_it_is(held: Status, is_calm: bool, has_older: bool, verdict: Verdict) -> bool {
    let agrees = matches!(
        (held, verdict),
        (Status::Up, Verdict::Up) | (Status::Degraded, Verdict::Degraded) | (Status::Down, Verdict::Down)
    );
    agrees && is_calm && !has_older
}

/// The instant before which a confirmation or manual check at `slot` must have started: the next slot.
pub fn confirmation_deadline(epoch: &Epoch, slot: Timestamp) -> Timestamp {
    epoch.first_after(slot)
}

/// How far a check beside the schedule is moved on at the most while its instant is taken, in microseconds.
pub const MAX_MOVES: usize = 1_000;

/// The instants at which something beside the schedule may be put that wants the first of them: the first one that no
/// check and no open work of the monitor has taken is its own. They end after [`MAX_MOVES`], which are never all taken.
pub fn instants_from(at: Timestamp) -> impl Iterator<Item = Timestamp> {
    std::iter::successors(Some(at), |at| Some(at.next())).take(MAX_MOVES)
}

/// The same for a manual check, which keeps clear of the slots of the monitor's newest epoch, claimed or not: both find
/// room in the log.
pub fn instants_between_slots(
    epoch: &Epoch,
    next_due_at: Option<Timestamp>,
    at: Timestamp,
) -> impl Iterator<Item = Timestamp> {
    instants_from(at).filter(move |at| epoch.schedule.at_or_before(*at) != *at && next_due_at != Some(*at))
}

/// Whether a check speaks about the target at a slot that was due.
pub fn is_slot(origin: Origin) -> bool {
    origin == Origin::Scheduled
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::check::{Claim, Region};
    use crate::id::{LeaseToken, MonitorId, WorkspaceId};
    use crate::schedule::Schedule;
    use crate::status::{Silence, Streak};
    use crate::testkit::fixture::{self, T0, seconds};

    const AGREEING: [(Status, Verdict); 3] =
        [(Status::Up, Verdict::Up), (Status::Degraded, Verdict::Degraded), (Status::Down, Verdict::Down)];

    fn standing(state: State) -> Standing {
        let monitor = fixture::monitor(MonitorId::new(Uuid::nil()), WorkspaceId::new(Uuid::nil()), 60, T0);
        let epoch = Epoch {
            monitor: monitor.id,
            region: Region::default(),
            began_at: T0,
            ended_at: None,
            opening_slot: T0,
            schedule: Schedule::from_millis(60_000, 0),
        };
        Standing { monitor, epoch, state }
    }

    fn check(verdict: Verdict, slot: Timestamp) -> Check {
        let claim = Claim {
            monitor: MonitorId::new(Uuid::nil()),
            region: Region::default(),
            slot,
            origin: Origin::Scheduled,
            start_before: slot.plus(seconds(60)),
            token: LeaseToken::new(Uuid::nil()),
            lease_until: slot.plus(seconds(90)),
            version: 1,
        };
        fixture::check(&claim, verdict)
    }

    fn any_status() -> impl Strategy<Value = Status> {
        prop::sample::select(vec![
            Status::Pending,
            Status::Up,
            Status::Degraded,
            Status::Down,
            Status::Paused,
            Status::Maintenance,
            Status::Unknown,
        ])
    }

    proptest! {
        #[test]
        fn what_leaves_a_monitor_as_it_is_settles_nothing(
            held in any_status(),
            streak in prop::option::of(1_u32..4),
            silence in prop::option::of(1_u64..4),
            last_slot in -200_i64..400,
            slot in -200_i64..400,
            verdict in prop::sample::select(vec![Verdict::Up, Verdict::Degraded, Verdict::Down]),
        ) {
            let at = |seconds: i64| Timestamp::from_micros(T0.as_micros() + seconds * 1_000_000);
            let state = State {
                held,
                since: T0,
                streak: streak.map(|count| Streak { since: T0, count }),
                silence: silence.map(|count| Silence { since: T0, count }),
                last_slot: at(last_slot),
            };
            let check = check(verdict, at(slot));
            let settled = settle(&standing(state), &check, check.checked_at);
            if leaves_as_it_is(held, streak.is_none() && silence.is_none(), false, verdict) {
                prop_assert_eq!((settled.state, settled.flip, settled.confirm_at), (None, None, None));
            }
        }
    }

    #[test]
    fn a_verdict_that_agrees_with_a_calm_monitor_leaves_it_as_it_is() {
        for (held, verdict) in AGREEING {
            assert!(leaves_as_it_is(held, true, false, verdict));
            assert!(!leaves_as_it_is(held, false, false, verdict), "something speaks for a change");
            assert!(!leaves_as_it_is(held, true, true, verdict), "an older result may still come");
        }
        assert!(!leaves_as_it_is(Status::Pending, true, false, Verdict::Up));
        assert!(!leaves_as_it_is(Status::Paused, true, false, Verdict::Down));
    }

    #[test]
    fn a_manual_check_keeps_clear_of_the_grid_and_of_the_next_slot() {
        let epoch = fixture::epoch(T0, None, Schedule::from_millis(1_000, 0));
        let slot = epoch.schedule.at_or_after(T0);
        let first = |at, next| instants_between_slots(&epoch, next, at).take(2).collect::<Vec<_>>();
        assert_eq!(first(slot, None), [slot.next(), slot.next().next()]);
        assert_eq!(first(slot.next(), Some(slot.next().next())), [slot.next(), slot.next().next().next()]);
        assert_eq!(instants_from(slot).count(), MAX_MOVES);
    }
}
