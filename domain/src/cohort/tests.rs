use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_micros(millis * 1_000)
}

fn monitor(number: u128) -> MonitorId {
    MonitorId::new(Uuid::from_u128(number))
}

fn member(number: u128, interval_ms: u64, phase_ms: u64) -> Member {
    let schedule = Schedule::from_millis(interval_ms, phase_ms);
    let first_slot = schedule.at_or_after(at(0));
    Member { monitor: monitor(number), schedule, first_slot, timeout: Duration::from_secs(10), version: 1 }
}

fn given(sweep: &Sweep) -> Vec<(MonitorId, Timestamp)> {
    sweep.slots.iter().map(|due| (due.member.monitor, due.slot)).collect()
}

#[test]
fn what_is_due_is_given_once_and_in_order() {
    let mut cohort =
        Cohort::new([member(1, 60_000, 7_000), member(2, 60_000, 3_000), member(3, 60_000, 40_000)], at(0));
    let sweep = cohort.sweep(at(0), at(10_000), at(10_500), 100);
    assert_eq!(given(&sweep), [(monitor(2), at(3_000)), (monitor(1), at(7_000))]);
    assert_eq!((sweep.claimed_to, sweep.next_due_at), (at(10_500).next(), Some(at(40_000))));
    assert_eq!(given(&cohort.sweep(sweep.claimed_to, at(10_600), at(11_100), 100)), []);
}

#[test]
fn a_sweep_with_little_room_stops_before_the_first_slot_that_it_leaves() {
    let mut cohort = Cohort::new((1..=5).map(|number| member(number, 60_000, number as u64 * 1_000)), at(0));
    let sweep = cohort.sweep(at(0), at(9_000), at(9_000), 3);
    assert_eq!((sweep.slots.len(), sweep.claimed_to, sweep.next_due_at), (3, at(4_000), Some(at(4_000))));
    let rest = cohort.sweep(sweep.claimed_to, at(9_000), at(9_000), 3);
    assert_eq!(given(&rest), [(monitor(4), at(4_000)), (monitor(5), at(5_000))]);
}

#[test]
fn more_simultaneous_slots_than_there_is_room_for_become_due_by_themselves() {
    let mut cohort = Cohort::new((1..=4).map(|number| member(number, 60_000, 5_000)), at(0));
    let sweep = cohort.sweep(at(0), at(6_000), at(6_000), 3);
    assert_eq!(sweep.slots.len(), 3);
    assert_eq!((sweep.surplus, sweep.claimed_to), (vec![(monitor(4), at(5_000))], at(5_000).next()));
}

#[test]
fn nothing_is_given_and_nothing_moves_without_room() {
    let mut cohort = Cohort::new([member(1, 60_000, 5_000)], at(0));
    let sweep = cohort.sweep(at(0), at(6_000), at(6_000), 0);
    assert_eq!((sweep.slots, sweep.claimed_to, sweep.next_due_at), (vec![], at(0), Some(at(5_000))));
}

#[test]
fn a_cohort_whose_clock_falls_back_stays_where_it_is() {
    let mut cohort = Cohort::new([member(1, 1_000, 0)], at(0));
    let sweep = cohort.sweep(at(0), at(10_000), at(10_000), 10);
    let again = cohort.sweep(sweep.claimed_to, at(5_000), at(5_000), 10);
    assert_eq!((again.slots, again.missed, again.claimed_to), (vec![], vec![], sweep.claimed_to));
}

#[test]
fn a_sweep_that_did_not_come_into_the_record_is_done_again() {
    let mut cohort = Cohort::new([member(1, 60_000, 5_000), member(2, 5_000, 0)], at(0));
    let lost = cohort.sweep(at(0), at(8_000), at(8_000), 10);
    assert_eq!(cohort.sweep(at(0), at(8_000), at(8_000), 10), lost);
}

#[test]
fn who_joins_is_due_from_its_first_slot_on_and_who_leaves_is_not() {
    let mut cohort = Cohort::new([member(1, 60_000, 5_000)], at(0));
    let swept = cohort.sweep(at(0), at(10_000), at(10_000), 10);
    cohort.join(Member { first_slot: at(72_000), ..member(2, 60_000, 12_000) });
    cohort.join(Member { first_slot: at(13_000), ..member(3, 60_000, 13_000) });
    cohort.leave(monitor(1));
    let sweep = cohort.sweep(swept.claimed_to, at(70_000), at(70_000), 10);
    assert_eq!(given(&sweep), [(monitor(3), at(13_000))]);
    assert_eq!((cohort.len(), cohort.is_empty()), (2, false));
}

#[test]
fn a_newer_schedule_takes_the_place_of_the_older_one() {
    let mut cohort = Cohort::new([member(1, 60_000, 5_000)], at(0));
    cohort.join(Member { version: 2, ..member(1, 60_000, 5_000) });
    let sweep = cohort.sweep(at(0), at(10_000), at(10_000), 10);
    assert_eq!((given(&sweep).len(), sweep.slots.first().map(|due| due.member.version)), (1, Some(2)));
}

#[test]
fn an_opening_slot_off_the_grid_is_followed_by_the_grid_half_an_interval_later() {
    let opening = Member { first_slot: at(4_321), ..member(1, 10_000, 5_000) };
    let slots = [0, 4_321, 4_400, 9_000, 15_001].map(|from| opening.slot_at_or_after(at(from)));
    assert_eq!(slots, [4_321, 4_321, 15_000, 15_000, 25_000].map(at));
}

#[test]
fn slots_of_one_timeout_share_leases_that_end_after_the_last_of_them() {
    let slow = Member { timeout: Duration::from_secs(60), ..member(1, 60_000, 500) };
    let mut cohort = Cohort::new((2..=100).map(|number| member(number, 60_000, number as u64)).chain([slow]), at(0));
    let sweep = cohort.sweep(at(0), at(0), at(1_000), 200);
    let leases = leases(&sweep.slots, at(0));
    let sizes: Vec<_> = leases.iter().map(|lease| (lease.slots.len(), lease.until)).collect();
    // Of the quick ones the last two slots are at 65 and at 100 milliseconds.
    assert_eq!(sizes, [(64, at(12_065)), (35, at(12_100)), (1, at(62_500))]);
}

#[derive(Clone, Debug)]
struct Step {
    pace_ms: i64,
    ahead_ms: i64,
    limit: usize,
    by_other_node: bool,
    is_lost: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0_i64..40_000, 0_i64..2_000, 1_usize..6, any::<bool>(), 0_u8..5);
    let step = step.prop_map(|(pace_ms, ahead_ms, limit, by_other_node, lost)| Step {
        pace_ms,
        ahead_ms,
        limit,
        by_other_node,
        is_lost: lost == 0,
    });
    prop::collection::vec(step, 1..60)
}

proptest! {
    /// Two nodes that share the record, each with a cohort of its own in memory: every slot of every member up to where it
    /// is claimed to was given once or missed once, what was given could still start, and what was missed could not.
    #[test]
    fn every_slot_is_given_or_missed_exactly_once(
        grids in prop::collection::vec((1_u64..60, 0_u64..60), 1..8),
        steps in steps(),
    ) {
        let members: Vec<Member> = grids
            .iter()
            .zip(1_u128..)
            .map(|((seconds, phase), number)| member(number, seconds * 1_000, phase * 1_000))
            .collect();
        let mut nodes = [Cohort::new(members.clone(), at(0)), Cohort::new(members.clone(), at(0))];
        let (mut now, mut claimed_to) = (at(0), at(0));
        let mut outcomes: BTreeMap<MonitorId, Vec<Timestamp>> = BTreeMap::new();
        for step in steps {
            now = at(now.as_micros() / 1_000 + step.pace_ms);
            let horizon = at(now.as_micros() / 1_000 + step.ahead_ms);
            let node = &mut nodes[usize::from(step.by_other_node)];
            let sweep = node.sweep(claimed_to, now, horizon, step.limit);
            if step.is_lost {
                continue;
            }
            prop_assert!(sweep.slots.len() <= step.limit);
            prop_assert!(sweep.claimed_to >= claimed_to);
            let due = sweep.slots.iter().map(|due| (due.member.monitor, due.slot));
            for (monitor, slot) in due.chain(sweep.surplus.iter().copied()) {
                outcomes.entry(monitor).or_default().push(slot);
            }
            for due in &sweep.slots {
                prop_assert!(due.start_before > now && due.slot <= horizon.max(now));
                prop_assert_eq!(due.start_before, due.member.schedule.after(due.slot));
            }
            for (monitor, run) in &sweep.missed {
                let member = members.iter().find(|member| member.monitor == *monitor).unwrap();
                let slots = std::iter::successors(Some(run.first), |slot| Some(member.schedule.after(*slot)));
                let slots: Vec<_> = slots.take(usize::try_from(run.count).unwrap()).collect();
                prop_assert_eq!(slots.last(), Some(&run.last));
                prop_assert!(member.schedule.after(run.last) <= now);
                outcomes.entry(*monitor).or_default().extend(slots);
            }
            for (monitor, _) in &sweep.surplus {
                for node in &mut nodes {
                    // As the record would have it: it comes back as a newer member of the same schedule.
                    let member = members.iter().find(|member| member.monitor == *monitor).unwrap();
                    node.leave(*monitor);
                    node.join(*member);
                }
            }
            claimed_to = sweep.claimed_to;
        }
        for member in &members {
            let all = std::iter::successors(Some(member.first_slot), |slot| Some(member.schedule.after(*slot)));
            let due: BTreeSet<Timestamp> = all.take_while(|slot| *slot < claimed_to).collect();
            let taken = outcomes.remove(&member.monitor).unwrap_or_default();
            prop_assert_eq!(taken.len(), due.len());
            prop_assert_eq!(taken.into_iter().collect::<BTreeSet<_>>(), due);
        }
    }
}
