//! What recording a check brings about, decided in one place for every store: the new state, the flip, the incident,
//! who is owed a notice, and when a confirmation is due.

use crate::check::{Check, Origin};
use crate::monitor::Monitor;
use crate::schedule::Epoch;
use crate::status::{Confirmation, Flip, State, after};
use crate::time::Timestamp;

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
/// confirmation that would fall at or after the next grid slot is not made: that slot confirms.
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
        let next_grid_slot = epoch.schedule.at_or_after(now.next());
        (due < next_grid_slot).then_some(due)
    });
    Consequence {
        state: step.state.is_news_to(state).then_some(step.state),
        last_slot: step.state.last_slot,
        flip: step.flip,
        confirm_at: confirm_at.flatten(),
    }
}

/// The instant before which a confirmation or manual check at `slot` must have started: the next grid slot.
pub fn confirmation_deadline(epoch: &Epoch, slot: Timestamp) -> Timestamp {
    epoch.schedule.at_or_after(slot.next())
}

/// Whether a check speaks about the target at a slot that was due.
pub fn is_slot(origin: Origin) -> bool {
    origin == Origin::Scheduled
}
