//! Packed checks as columns: the runs as JSON, which people can read and both stores can take apart, and the latencies as
//! bytes.

mod mixed;
#[cfg(test)]
mod plain;
#[cfg(test)]
mod tests;

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
            Some(mixed) if mixed.len() < apart.iter().map(|run| run.len() + 1).sum::<usize>() - 1 => {
                elements.push(mixed)
            }
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
