//! Packed checks as columns: the runs as JSON, which people can read and both stores can take apart, and the latencies as
//! bytes.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::FromRow;
use watchkeeper_domain::pack::{JOINED_CHECKS, LATENCY_BYTES, Pack, PackRun};
use watchkeeper_domain::time::Timestamp;

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

/// A run as it stands in its array.
#[derive(Serialize, Deserialize)]
struct RunColumns(
    // Microseconds from the beginning of the pack.
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

impl PackRow {
    /// The columns of the pack of a stretch that began at an instant.
    pub(crate) fn of(began_at: Timestamp, pack: &Pack) -> Result<Self, Unreadable> {
        let runs: Result<Vec<Value>, _> = pack.runs().iter().map(|run| columns(began_at, run)).collect();
        let runs = runs.map_err(|error| Unreadable::new("Pack", error))?;
        let (runs, packed_latencies) = (Value::Array(runs).to_string(), pack.latencies().to_vec());
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
        let runs: Vec<RunColumns> = serde_json::from_str(&self.runs).map_err(|error| Unreadable::new("Pack", error))?;
        let runs = runs.into_iter().map(|columns| run(self.began_at.0, columns)).collect::<Result<_, _>>()?;
        Pack::from_parts(runs, self.packed_latencies).ok_or_else(|| Unreadable::new("Pack", &self.runs))
    }
}

/// A run as its array, without what is null or nought at its end.
fn columns(began_at: Timestamp, run: &PackRun) -> serde_json::Result<Value> {
    let mut value = serde_json::to_value(RunColumns(
        run.first.as_micros().saturating_sub(began_at.as_micros()),
        micros(run.step),
        run.count,
        run.verdict.code(),
        run.origin.code(),
        run.http_status,
        run.lateness,
        run.reason.as_ref().map(|reason| reason.kind.code()),
        run.reason.as_ref().map(|reason| reason.detail.clone()),
    ))?;
    if let Value::Array(columns) = &mut value {
        while columns.pop_if(|value| value.is_null() || *value == 0).is_some() {}
    }
    Ok(value)
}

fn run(began_at: Timestamp, columns: RunColumns) -> Result<PackRun, Unreadable> {
    let RunColumns(first, step, count, verdict, origin, http_status, lateness, kind, detail) = columns;
    Ok(PackRun {
        first: Timestamp::from_micros(began_at.as_micros().saturating_add(first)),
        step: duration(step),
        count,
        origin: Code::of_code(origin)?,
        verdict: Code::of_code(verdict)?,
        http_status,
        reason: reason(kind, detail)?,
        lateness,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
        assert!(!row("[[]]", 0) && !row("{}", 0) && !row("[[0,0,1,1]", 3));
    }
}
