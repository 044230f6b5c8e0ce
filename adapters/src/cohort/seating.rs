//! Who gets a seat in a cohort. A monitor is due by itself until its first slot has been claimed, and again from when it is
//! changed; in between it has a seat. Where a crowd is overdue by itself, as after a restore, taking them one by one would take
//! longer than it takes them to fall due again: they get a seat each in a cohort of their own, which is claimed to where the first
//! of them is due.

use sqlx::FromRow;
use uuid::Uuid;
use watchkeeper_domain::cohort::{MAX_MEMBERS, MAX_SLOTS_A_DAY, slots_a_day};
use watchkeeper_domain::schedule::Schedule;
use watchkeeper_domain::time::Timestamp;

use crate::row::{Instant, schedule};

/// How many monitors get a seat in one claim.
pub(crate) const MAX_SEATED: u32 = 2_000;
/// How many monitors are a crowd, beside those that a claim takes anyway.
const CROWD: usize = 2_000;
/// How many members a cohort has at the most, as its column keeps it.
pub(crate) const MOST_MEMBERS: i64 = MAX_MEMBERS as i64;
/// How many slots a day, likewise.
pub(crate) const MOST_SLOTS_A_DAY: i64 = MAX_SLOTS_A_DAY as i64;

/// The slots a day of a grid, as the column of its cohort counts them.
pub(crate) fn load(of: Schedule) -> i64 {
    i64::try_from(slots_a_day(of)).unwrap_or(MOST_SLOTS_A_DAY)
}

/// A cohort that has seats left, its row locked.
#[derive(Clone, Copy, Debug, FromRow)]
pub(crate) struct RoomRow {
    pub(crate) id: i64,
    pub(crate) claimed_to: Instant,
    pub(crate) version: i64,
    pub(crate) members: i64,
    pub(crate) slots_a_day: i64,
}

/// A monitor without a seat.
#[derive(Clone, Copy, Debug, FromRow)]
pub(crate) struct NewcomerRow {
    pub(crate) id: Uuid,
    pub(crate) next_due_at: Instant,
    pub(crate) interval_ms: i64,
    pub(crate) phase_ms: i64,
}

/// A cohort as it is with those who got a seat in it.
#[derive(Debug)]
pub(crate) struct Seating {
    /// The row, with the version that the new members' rows carry.
    pub(crate) room: RoomRow,
    pub(crate) seated: Vec<NewcomerRow>,
    /// The first slot of any of them.
    pub(crate) first_slot: Instant,
    /// The longest interval of any of them.
    pub(crate) longest_interval_ms: i64,
}

/// Those of the overdue who are a crowd, and where the first of them is due. Who waits for an opening slot is none of them: that
/// lies on no grid, and all that is leased together does.
pub(crate) fn crowd(mut overdue: Vec<NewcomerRow>) -> Option<(Vec<NewcomerRow>, Timestamp)> {
    overdue.retain(|row| {
        let at = row.next_due_at.0;
        schedule(row.interval_ms, row.phase_ms).at_or_before(at) == at
    });
    let first = overdue.iter().map(|row| row.next_due_at.0).min()?;
    (overdue.len() >= CROWD).then_some((overdue, first))
}

/// Seats as many as there is room for; `None` where that is nobody.
pub(crate) fn seat(newcomers: Vec<NewcomerRow>, mut room: RoomRow) -> Option<Seating> {
    let mut seated = Vec::with_capacity(newcomers.len());
    for newcomer in newcomers {
        if room.members >= MOST_MEMBERS || room.slots_a_day >= MOST_SLOTS_A_DAY {
            break;
        }
        // Others have claimed the cohort further than this one looks: its next slot is not to be had with it.
        if newcomer.next_due_at < room.claimed_to {
            continue;
        }
        room.members += 1;
        room.slots_a_day += load(schedule(newcomer.interval_ms, newcomer.phase_ms));
        seated.push(newcomer);
    }
    room.version += 1;
    let first_slot = seated.iter().map(|newcomer| newcomer.next_due_at).min()?;
    let longest_interval_ms = seated.iter().map(|newcomer| newcomer.interval_ms).max()?;
    Some(Seating { room, seated, first_slot, longest_interval_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_waits_for_slots_of_its_grids() {
        let overdue = |due_at: fn(usize) -> i64| (0..CROWD).map(|n| newcomer(n as u128, due_at(n), 60_000)).collect();
        let (seated, first) = crowd(overdue(|n| 60_000_000 * (n as i64 + 1))).unwrap();
        assert_eq!((seated.len(), first), (CROWD, Timestamp::from_secs(60)));
        assert!(crowd(overdue(|n| 60_000_000 + n as i64)).is_none(), "all but one wait for an opening slot");
    }

    fn newcomer(number: u128, next_due_at: i64, interval_ms: i64) -> NewcomerRow {
        NewcomerRow {
            id: Uuid::from_u128(number),
            next_due_at: Instant::from_micros(next_due_at),
            interval_ms,
            phase_ms: 0,
        }
    }

    fn room(members: i64, slots_a_day: i64) -> RoomRow {
        RoomRow { id: 1, claimed_to: Instant::from_micros(1_000), version: 7, members, slots_a_day }
    }

    #[test]
    fn all_get_a_seat_whose_next_slot_the_cohort_is_not_claimed_beyond() {
        let newcomers = vec![newcomer(1, 999, 60_000), newcomer(2, 1_000, 60_000), newcomer(3, 5_000, 86_400_000)];
        let seating = seat(newcomers, room(10, 100)).unwrap();
        assert_eq!(seating.seated.iter().map(|row| row.id.as_u128()).collect::<Vec<_>>(), [2, 3]);
        assert_eq!((seating.room.version, seating.room.members, seating.room.slots_a_day), (8, 12, 100 + 1_440 + 1));
        assert_eq!((seating.first_slot, seating.longest_interval_ms), (Instant::from_micros(1_000), 86_400_000));
    }

    #[test]
    fn a_cohort_takes_no_more_members_and_no_more_slots_than_it_may() {
        let newcomers: Vec<_> = (1..=5).map(|number| newcomer(number, 2_000, 1_000)).collect();
        let seated = |room| seat(newcomers.clone(), room).map_or(0, |seating| seating.seated.len());
        assert_eq!(seated(room(MOST_MEMBERS - 2, 0)), 2);
        assert_eq!(seated(room(0, MOST_SLOTS_A_DAY - 86_400 - 1)), 2, "the last one may overstep");
        assert_eq!(seated(room(MOST_MEMBERS, 0)), 0);
    }
}
