//! Packed checks as columns: the runs as JSON, which people can read and both stores can take apart, and the latencies as
//! bytes.

mod mixed;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::FromRow;
use watchkeeper_domain::pack::{JOINED_CHECKS, LATENCY_BYTES, Pack, PackRun};
use watchkeeper_domain::time::Timestamp;

use self::mixed::MixedColumns;
use super::log::reason;
use super::{Code, Instant, Unreadable, duration, micros};

/// How many bytes the latencies of a pack take at the most that holds several days, or may come to.
pub(crate) const JOINED_BYTES: usize = JOINED_CHECKS * LATENCY_BYTES;

/// The columns of a pack.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct PackRow {
    pub(crate) began_at: Instant,
    pub(crate) runs: String,
    pub(crate) packed_latencies: Vec<u8>,
}

/// What stands in the array of the runs: checks that found the same, or a stretch of which the results change.
#[derive(Deserialize)]
#[serde(untagged)]
enum Element {
    Run(RunColumns),
    Mixed(MixedColumns),
}

/// A run as it stands in the array: when it begins in microseconds from the beginning of the pack, microseconds from one slot to
/// the next, and how many there are; then the columns of its result.
#[derive(Deserialize)]
struct RunColumns(
    i64,
    #[serde(default)] i64,
    #[serde(default)] u32,
    #[serde(default)] i16,
    #[serde(default)] i16,
    #[serde(default)] Option<u16>,
    #[serde(default)] u32,
    #[serde(default)] Option<i16>,
    #[serde(default)] Option<String>,
);

/// What checks came to: verdict, origin, HTTP status, lateness, kind of the reason and its words.
#[derive(Serialize, Deserialize)]
struct ResultColumns(
    i16,
    #[serde(default)] i16,
    #[serde(default)] Option<u16>,
    #[serde(default)] u32,
    #[serde(default)] Option<i16>,
    #[serde(default)] Option<String>,
);

impl PackRow {
    /// The columns of the pack of a stretch that began at an instant.
    pub(crate) fn of(began_at: Timestamp, pack: &Pack) -> Result<Self, Unreadable> {
        let runs = elements(began_at, pack.runs()).map_err(|error| Unreadable::new("Pack", error))?;
        let (runs, packed_latencies) = (format!("[{}]", runs.join(",")), pack.latencies().to_vec());
        Ok(Self { began_at: Instant(began_at), runs, packed_latencies })
    }

    /// The columns of the pack that a day's checks go to: of one that began before, with them, where that takes them; else of
    /// one of their own. One that cannot be read takes nothing, so that it does not hold up the others.
    pub(crate) fn with_day(earlier: Option<Self>, day: Timestamp, of_day: &Pack) -> Result<Self, Unreadable> {
        if let Some(earlier) = earlier {
            let began_at = earlier.began_at.0;
            match earlier.pack() {
                Ok(earlier) if earlier.takes(began_at, day, of_day) => {
                    return Self::of(began_at, &earlier.with_day(day, of_day.clone()));
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(%error, ?began_at, "packed checks cannot be read; no day is added to them")
                }
            }
        }
        Self::of(day, of_day)
    }

    /// The columns of what is left of the pack from an instant on, if anything is. Of one that cannot be read nothing is.
    pub(crate) fn since(self, at: Timestamp) -> Result<Option<Self>, Unreadable> {
        let began_at = self.began_at.0;
        let (_, rest) = match self.pack() {
            Ok(pack) => pack.split(at),
            Err(error) => {
                tracing::error!(%error, ?began_at, "packed checks cannot be read; they go as soon as some are too old");
                return Ok(None);
            }
        };
        (!rest.is_empty()).then(|| Self::of(at, &rest)).transpose()
    }

    /// The pack.
    pub(crate) fn pack(self) -> Result<Pack, Unreadable> {
        let elements: Vec<Element> =
            serde_json::from_str(&self.runs).map_err(|error| Unreadable::new("Pack", error))?;
        let mut runs = Vec::new();
        for element in elements {
            match element {
                Element::Run(columns) => runs.push(columns.run(self.began_at.0)?),
                Element::Mixed(columns) => columns.unmix(self.began_at.0, &mut runs)?,
            }
        }
        Pack::from_parts(runs, self.packed_latencies).ok_or_else(|| Unreadable::new("Pack", &self.runs))
    }
}

/// The runs as they stand in the array: those that follow each other so closely that one element of them is shorter are mixed.
fn elements(began_at: Timestamp, runs: &[PackRun]) -> serde_json::Result<Vec<String>> {
    let (mut elements, mut rest) = (Vec::new(), runs);
    while !rest.is_empty() {
        let (mixed, count) = mixed::begin(rest).map_or((None, 1), |(mixed, count)| (Some(mixed), count));
        let (these, later) = rest.split_at(count);
        let apart: Vec<String> = these.iter().map(|run| element(began_at, run)).collect::<Result<_, _>>()?;
        match mixed.map(|mixed| mixed.element(began_at)).transpose()? {
            Some(mixed) if mixed.len() < apart.join(",").len() => elements.push(mixed),
            _ => elements.extend(apart),
        }
        rest = later;
    }
    Ok(elements)
}

/// A run as its element.
fn element(began_at: Timestamp, run: &PackRun) -> serde_json::Result<String> {
    let mut columns = vec![micros_after(began_at, run.first).into(), micros(run.step).into(), run.count.into()];
    columns.extend(result(run)?);
    Ok(Value::Array(columns).to_string())
}

/// Microseconds from the beginning of a pack.
fn micros_after(began_at: Timestamp, at: Timestamp) -> i64 {
    at.as_micros().saturating_sub(began_at.as_micros())
}

/// What a run came to as columns, without what is null or nought at their end.
fn result(run: &PackRun) -> serde_json::Result<Vec<Value>> {
    let columns = serde_json::to_value(ResultColumns(
        run.verdict.code(),
        run.origin.code(),
        run.http_status,
        run.lateness,
        run.reason.as_ref().map(|reason| reason.kind.code()),
        run.reason.as_ref().map(|reason| reason.detail.clone()),
    ))?;
    let Value::Array(mut columns) = columns else { return Ok(vec![columns]) };
    while columns.pop_if(|value| value.is_null() || *value == 0).is_some() {}
    Ok(columns)
}

impl RunColumns {
    fn run(self, began_at: Timestamp) -> Result<PackRun, Unreadable> {
        let Self(first, step, count, verdict, origin, http_status, lateness, kind, detail) = self;
        let first = Timestamp::from_micros(began_at.as_micros().saturating_add(first));
        let result = ResultColumns(verdict, origin, http_status, lateness, kind, detail);
        Ok(PackRun { step: duration(step), count, ..result.check(first)? })
    }
}

impl ResultColumns {
    /// A run of one check that came to this.
    fn check(self, slot: Timestamp) -> Result<PackRun, Unreadable> {
        let Self(verdict, origin, http_status, lateness, kind, detail) = self;
        Ok(PackRun {
            first: slot,
            step: Duration::ZERO,
            count: 1,
            origin: Code::of_code(origin)?,
            verdict: Code::of_code(verdict)?,
            http_status,
            reason: reason(kind, detail)?,
            lateness,
        })
    }
}

#[cfg(test)]
mod tests {
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

    fn pack(runs: Vec<PackRun>) -> Pack {
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

    /// Checks of a monitor that is in trouble: late, failing in several ways, with confirmations, and gaps in between.
    fn trouble() -> impl Strategy<Value = Vec<PackRun>> {
        let verdict = prop_oneof![Just(Verdict::Up), Just(Verdict::Degraded), Just(Verdict::Down)];
        let status = prop_oneof![Just(None), (200_u16..230).prop_map(Some)];
        let lateness = prop_oneof![8 => Just(0_u32), 1 => 1_u32..40];
        let origin =
            prop_oneof![6 => Just(Origin::Scheduled), 3 => Just(Origin::Confirmation), 1 => Just(Origin::Manual)];
        let offset = prop_oneof![1_i64..60_000_000, Just(59_999_999_i64)];
        let slots = prop_oneof![12 => Just(1_i64), 1 => 0_i64..9, 1 => Just(200)];
        prop::collection::vec((slots, origin, offset, verdict, status, lateness), 0..200).prop_map(|all| {
            let (mut slot, mut before) = (0, -1);
            let mut runs = Vec::new();
            for (slots, origin, offset, verdict, status, lateness) in all {
                let us = match origin {
                    Origin::Scheduled => {
                        slot += slots;
                        slot * 60_000_000
                    }
                    Origin::Confirmation | Origin::Manual => slot * 60_000_000 + offset,
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
}
