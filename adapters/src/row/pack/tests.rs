//! Packs as columns and back.

use std::time::Duration;

use proptest::prelude::*;
use watchkeeper_domain::check::Origin;
use watchkeeper_domain::report::{Reason, ReasonKind};
use watchkeeper_domain::rollup::DAY;
use watchkeeper_domain::testkit::fixture::T0;
use watchkeeper_domain::verdict::Verdict;

use super::*;

fn healthy(first: Timestamp, count: u32) -> PackRun {
    PackRun {
        first,
        step: Duration::from_secs(60),
        count,
        origin: Origin::Scheduled,
        verdict: Verdict::Up,
        http_status: Some(200),
        reason: None,
        lateness: 0,
    }
}

#[test]
fn a_healthy_day_is_one_short_array() {
    let pack = Pack::from_parts(vec![healthy(T0.next(), 3)], vec![0; 9]).unwrap();
    let row = PackRow::of(T0, &pack).unwrap();
    assert_eq!(row.runs, "[[1,60000000,3,1,0,200]]");
    assert_eq!(row.pack().unwrap(), pack);
}

#[test]
fn every_run_comes_back_whole() {
    let failed = PackRun {
        first: T0.plus(Duration::from_secs(3_000)),
        step: Duration::ZERO,
        count: 1,
        origin: Origin::Manual,
        verdict: Verdict::Down,
        http_status: None,
        reason: Some(Reason::new(ReasonKind::Dns, "nobody knows “example.org”\n")),
        lateness: 12,
    };
    let pack = Pack::from_parts(vec![healthy(T0, 2), failed], vec![7; 9]).unwrap();
    assert_eq!(PackRow::of(T0, &pack).unwrap().pack().unwrap(), pack);
}

/// A check of its own.
fn single(us: i64, origin: Origin, verdict: Verdict, http_status: Option<u16>, lateness: u32) -> PackRun {
    let reason = (verdict != Verdict::Up).then(|| Reason::new(ReasonKind::Status, format!("was {http_status:?}")));
    let first = Timestamp::from_micros(T0.as_micros() + us);
    PackRun { first, step: Duration::ZERO, count: 1, origin, verdict, http_status, reason, lateness }
}

pub(super) fn pack(runs: Vec<PackRun>) -> Pack {
    let latencies = runs.iter().map(|run| run.count as usize * 3).sum();
    Pack::from_parts(runs, (0..=u8::MAX).cycle().take(latencies).collect()).unwrap()
}

#[test]
fn results_that_change_are_one_element_with_a_letter_for_each_check() {
    let minute =
        |number: i64, verdict, status| single(number * 60_000_000, Origin::Scheduled, verdict, Some(status), 0);
    let confirmed = |us, verdict, status| single(us, Origin::Confirmation, verdict, Some(status), 0);
    let (up, down) = (Verdict::Up, Verdict::Down);
    let runs = vec![
        minute(0, up, 200),
        minute(1, down, 503),
        confirmed(70_020_000, down, 503),
        minute(2, up, 200),
        minute(3, up, 200),
        minute(4, down, 503),
        confirmed(250_020_091, up, 200),
        minute(5, down, 503),
        confirmed(310_020_092, down, 503),
    ];
    let pack = pack(runs);
    let row = PackRow::of(T0, &pack).unwrap();
    let results = r#"[[1,0,200],[3,0,503,0,6,"was Some(503)"]]"#;
    assert_eq!(row.runs, format!(r####"[[0,60000000,"ABbAABaBb",{results},10020000,2,"###~$#"]]"####));
    assert_eq!(row.pack().unwrap(), pack);
}

#[test]
fn a_mixed_run_holds_so_many_checks_and_the_next_one_goes_on() {
    let at = |number: i64| {
        let verdict = if number % 2 == 0 { Verdict::Up } else { Verdict::Down };
        single(number * 60_000_000, Origin::Scheduled, verdict, None, 0)
    };
    let pack = pack((0..600).map(at).collect());
    let row = PackRow::of(T0, &pack).unwrap();
    let elements: Vec<Vec<Value>> = serde_json::from_str(&row.runs).unwrap();
    let letters = elements.iter().map(|element| element[2].as_str().map_or(0, str::len));
    assert_eq!(letters.collect::<Vec<_>>(), [512, 88]);
    assert_eq!(row.pack().unwrap(), pack);
}

#[test]
fn a_long_run_among_changes_stands_by_itself() {
    let at = |number: i64, verdict| single(number * 60_000_000, Origin::Scheduled, verdict, None, 0);
    let changing = |from: i64| {
        (from..from + 60).map(move |number| at(number, if number % 2 == 0 { Verdict::Up } else { Verdict::Down }))
    };
    let first = T0.plus(Duration::from_secs(60 * 61));
    let runs = changing(0).chain([healthy(first, 500)]).chain(changing(600)).collect();
    let row = PackRow::of(T0, &pack(runs)).unwrap();
    let elements: Vec<Vec<Value>> = serde_json::from_str(&row.runs).unwrap();
    assert_eq!(elements.iter().map(|element| element[2].is_string()).collect::<Vec<_>>(), [true, false, true]);
}

/// Checks of a monitor that is in trouble: late, failing in many ways, with confirmations and manual checks, some long after
/// the slot before, and gaps in between.
pub(super) fn trouble() -> impl Strategy<Value = Vec<PackRun>> {
    let verdict = prop_oneof![Just(Verdict::Up), Just(Verdict::Degraded), Just(Verdict::Down)];
    let status = prop_oneof![3 => Just(None), 3 => Just(Some(200)), 1 => (200_u16..230).prop_map(Some)];
    let lateness = prop_oneof![8 => Just(0_u32), 1 => 1_u32..40];
    let origin = prop_oneof![6 => Just(Origin::Scheduled), 3 => Just(Origin::Confirmation), 1 => Just(Origin::Manual)];
    let slots = prop_oneof![12 => Just(1_i64), 1 => 0_i64..9, 1 => Just(200)];
    // A confirmation comes so long after the slot before it: at once, within the same second, or hours later.
    let spread = prop_oneof![Just(1_i64), Just(90), Just(8_000), Just(700_000), Just(50_000_000), Just(9_000_000_000)];
    let step = prop_oneof![Just(60_000_000_i64), Just(10_800_000_000)];
    let checks = prop::collection::vec((slots, origin, 0_i64..=1_000_000, verdict, status, lateness), 0..200);
    (step, spread, checks).prop_map(|(step, spread, all)| {
        let (mut slot, mut before) = (0, -1);
        let mut runs = Vec::new();
        for (slots, origin, part, verdict, status, lateness) in all {
            let us = match origin {
                Origin::Scheduled => {
                    slot += slots;
                    slot * step
                }
                Origin::Confirmation | Origin::Manual => slot * step + 10_000_000 + part * spread / 1_000_000,
            };
            if us > before {
                runs.push(single(us, origin, verdict, status, lateness));
                before = us;
            }
        }
        runs
    })
}

proptest! {
    #[test]
    fn what_is_kept_of_trouble_is_all_of_it(runs in trouble(), began_us in -100_000_000_i64..=0) {
        let (pack, began_at) = (pack(runs), Timestamp::from_micros(T0.as_micros() + began_us));
        prop_assert_eq!(PackRow::of(began_at, &pack).unwrap().pack().unwrap(), pack);
    }
}

#[test]
fn a_pack_goes_on_with_a_day_that_it_takes_and_leaves_what_is_too_old() {
    let day = |day: u32| T0.plus(DAY * day);
    let of_day =
        |number: u32, count: u32| Pack::from_parts(vec![healthy(day(number), count)], vec![7; count as usize * 3]);
    let (few, many) = (of_day(0, 24).unwrap(), of_day(1, JOINED_CHECKS as u32 + 1).unwrap());
    let first = PackRow::with_day(None, day(0), &few).unwrap();
    let joined = PackRow::with_day(Some(first.clone()), day(1), &of_day(1, 24).unwrap()).unwrap();
    assert_eq!((joined.began_at, joined.packed_latencies.len()), (Instant(T0), 48 * 3));
    let apart = PackRow::with_day(Some(first.clone()), day(1), &many).unwrap();
    assert_eq!(apart.began_at, Instant(day(1)));
    let rest = joined.since(day(1)).unwrap().unwrap();
    assert_eq!((rest.began_at, rest.pack().unwrap()), (Instant(day(1)), of_day(1, 24).unwrap()));
    assert!(first.since(day(1)).unwrap().is_none());
    let damaged = PackRow { began_at: Instant(T0), runs: "[[".to_owned(), packed_latencies: vec![0; 3] };
    assert!(damaged.clone().since(day(1)).unwrap().is_none());
    let by_itself = PackRow::with_day(Some(damaged), day(1), &of_day(1, 24).unwrap()).unwrap();
    assert_eq!(by_itself.began_at, Instant(day(1)), "what is damaged holds nobody up");
}

#[test]
fn what_is_no_pack_is_refused() {
    let row = |runs: &str, bytes: usize| {
        let (runs, packed_latencies) = (runs.to_owned(), vec![0; bytes]);
        PackRow { began_at: Instant(T0), runs, packed_latencies }.pack().is_ok()
    };
    assert!(row("[[0,0,1,1]]", 3));
    assert!(!row("[[0,0,1,1]]", 2));
    assert!(!row("[[0,0,1,9]]", 3), "no verdict");
    assert!(row(r#"[[0,60,"AbA",[[1],[1,2]],9,1,"$"]]"#, 9));
    for damaged in [
        r#"[[0,60,"AbA",[[1]],9,1,"$"]]"#,
        r#"[[0,60,"AaA",[[1]],9,1,""]]"#,
        r#"[[0,60,"AaA",[[1]],9,1," "]]"#,
        r#"[[0,60,"AaA",[[1]],60,1,"$"]]"#,
        r#"[[0,60,"A@A",[[1]],9,1,"$"]]"#,
    ] {
        assert!(!row(damaged, 9), "{damaged}");
    }
    assert!(!row("[[]]", 0) && !row("{}", 0) && !row("[[0,0,1,1]", 3));
}
