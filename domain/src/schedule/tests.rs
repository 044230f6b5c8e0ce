use std::collections::BTreeSet;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::testkit::fixture;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(seconds)
}

fn window(from: i64, to: i64) -> Window {
    Window::new(Timestamp::from_micros(from), Timestamp::from_micros(to)).unwrap()
}

#[test]
fn the_phase_of_an_identifier_never_changes() {
    let of =
        |id: u128, seconds| Schedule::of(MonitorId::new(Uuid::from_u128(id)), Interval::from_secs(seconds).unwrap());
    assert_eq!(of(0, 60).phase_ms(), 22559);
    assert_eq!(of(0x0192_0000_0000_7000_8000_0000_0000_0001, 60).phase_ms(), 15281);
    assert_eq!(of(0x0192_0000_0000_7000_8000_0000_0000_0001, 300).phase_ms(), 255281);
}

#[test]
fn phases_of_neighbouring_identifiers_spread_evenly() {
    let mut buckets = [0_u32; 10];
    for n in 0..10_000_u128 {
        let id = MonitorId::new(Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0000 + n));
        let phase = Schedule::of(id, Interval::from_secs(60).unwrap()).phase_ms();
        buckets[usize::try_from(phase / 6_000).unwrap()] += 1;
    }
    assert!(buckets.iter().all(|count| (900..1_100).contains(count)), "{buckets:?}");
}

#[test]
fn a_late_run_does_not_shift_the_next_slot() {
    let schedule = Schedule::from_millis(60_000, 5_000);
    let plan = schedule.plan(at(65), at(100), at(100)).unwrap();
    assert_eq!((plan.missed, plan.slot, plan.next_due_at), (None, at(65), at(125)));
}

#[test]
fn slots_that_can_no_longer_start_are_missed_and_the_newest_is_taken() {
    let schedule = Schedule::from_millis(60_000, 5_000);
    let plan = schedule.plan(at(65), at(250), at(250)).unwrap();
    assert_eq!(plan.missed, Some(SlotRun { first: at(65), last: at(185), count: 3 }));
    assert_eq!((plan.slot, plan.next_due_at), (at(245), at(305)));
}

#[test]
fn an_opening_slot_is_followed_by_the_grid_from_half_an_interval_on() {
    let schedule = Schedule::from_millis(60_000, 0);
    assert_eq!(schedule.after(at(25)), at(60));
    assert_eq!(schedule.after(at(30)), at(60));
    assert_eq!(schedule.after(at(31)), at(120));
}

#[test]
fn a_change_is_dated_after_the_beginning_the_end_and_all_that_is_recorded() {
    let open = fixture::epoch(at(100), None, Schedule::from_millis(60_000, 0));
    assert_eq!(open.instant_of_change(at(500), [at(400), at(480)]), at(500));
    assert_eq!(open.instant_of_change(at(90), []), at(100).next());
    assert_eq!(open.instant_of_change(at(300), [at(300), at(240)]), at(300).next());
    let ended = Epoch { ended_at: Some(at(200)), ..open };
    assert_eq!(ended.instant_of_change(at(150), []), at(200));
}

#[test]
fn nothing_is_planned_before_its_time() {
    let schedule = Schedule::from_millis(60_000, 0);
    assert_eq!(schedule.plan(at(60), at(59), at(59)), None);
    assert_eq!(schedule.plan(at(60), at(59), at(60)).map(|plan| plan.slot), Some(at(60)));
}

prop_compose! {
    fn any_schedule()(interval in 1_u64..86_400, phase in any::<u64>()) -> Schedule {
        Schedule::from_millis(interval * 1000, phase % (interval * 1000))
    }
}

prop_compose! {
    fn any_epoch()(
        schedule in any_schedule(),
        opening in 1_500_000_000_000_000_i64..1_900_000_000_000_000,
        life in proptest::option::of(0_i64..400_000_000_000),
    ) -> Epoch {
        let opening_slot = Timestamp::from_micros(opening);
        fixture::epoch(opening_slot, life.map(|life| Timestamp::from_micros(opening + life)), schedule)
    }
}

proptest! {
    #[test]
    fn grid_slots_are_one_interval_apart(schedule in any_schedule(), from in 0_i64..2_000_000_000_000_000) {
        let slot = schedule.at_or_after(Timestamp::from_micros(from));
        prop_assert!(slot >= Timestamp::from_micros(from));
        prop_assert_eq!(schedule.after(slot), slot.plus(schedule.interval()));
        prop_assert_eq!(schedule.at_or_before(slot), slot);
        prop_assert_eq!(schedule.at_or_before(Timestamp::from_micros(slot.as_micros() - 1)).plus(schedule.interval()), slot);
    }

    #[test]
    fn the_count_is_the_number_of_the_slots_listed(epoch in any_epoch(), from in -100_000_000_000_i64..400_000_000_000, length in 0_i64..100_000_000_000) {
        let from = epoch.opening_slot.as_micros() + from;
        let window = window(from, from + length.min(i64::try_from(epoch.schedule.interval().as_micros()).unwrap() * 500));
        let slots: Vec<_> = epoch.slots_back(window).collect();
        prop_assert_eq!(u64::try_from(slots.len()).unwrap(), epoch.count(window));
        prop_assert!(slots.windows(2).all(|pair| pair[0] > pair[1]), "newest first, never two at once");
        prop_assert!(slots.iter().all(|slot| window.contains(*slot) && *slot < epoch.end()));
    }

    #[test]
    fn no_slot_lies_between_an_instant_and_the_first_after_it(epoch in any_epoch(), offset in -100_000_000_000_i64..400_000_000_000) {
        let epoch = Epoch { ended_at: None, ..epoch };
        let at = Timestamp::from_micros(epoch.opening_slot.as_micros() + offset);
        let first = epoch.first_after(at);
        prop_assert!(first > at);
        prop_assert_eq!(epoch.count(Window::new(at.next(), first).unwrap()), 0);
        prop_assert_eq!(epoch.count(Window::new(first, first.next()).unwrap()), 1);
    }

    #[test]
    fn every_due_slot_is_taken_or_missed_exactly_once(epoch in any_epoch(), delays in prop::collection::vec(0_u64..200_000_000_000, 1..40)) {
        let mut next_due_at = epoch.opening_slot;
        let mut now = epoch.opening_slot;
        let mut accounted = BTreeSet::new();
        let mut count = 0;
        for delay in delays {
            now = now.plus(Duration::from_micros(delay % (8 * u64::try_from(epoch.schedule.interval().as_micros()).unwrap())));
            let Some(plan) = epoch.schedule.plan(next_due_at, now, now) else { continue };
            prop_assert!(plan.slot <= now && now < plan.next_due_at, "a slot starts between itself and the next");
            if let Some(run) = plan.missed {
                prop_assert_eq!(run.first, next_due_at);
                prop_assert_eq!(epoch.schedule.after(run.last), plan.slot);
                let mut slot = run.first;
                for _ in 0..run.count {
                    prop_assert!(accounted.insert(slot), "no slot twice");
                    slot = epoch.schedule.after(slot);
                }
                prop_assert_eq!(slot, plan.slot);
                count += run.count;
            }
            prop_assert!(accounted.insert(plan.slot), "no slot twice");
            count += 1;
            next_due_at = plan.next_due_at;
        }
        let open = Epoch { ended_at: None, ..epoch };
        prop_assert_eq!(open.count(Window::new(open.opening_slot, next_due_at).unwrap()), count);
    }
}
