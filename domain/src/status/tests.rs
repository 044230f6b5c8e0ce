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
        &[(0, Verdict::Up), (60, Verdict::Down), (70, Verdict::Degraded), (120, Verdict::Down), (130, Verdict::Down)],
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
