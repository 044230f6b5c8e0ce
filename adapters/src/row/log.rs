//! The record as rows: checks, epochs, gaps and status spans.

use serde::Deserialize;
use sqlx::FromRow;
use uuid::Uuid;
use watchkeeper_domain::check::{Check, Region};
use watchkeeper_domain::histogram::Histogram;
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::report::{Reason, Timings};
use watchkeeper_domain::rollup::{DayTally, Tally};
use watchkeeper_domain::schedule::{Epoch, Schedule, SlotRun};
use watchkeeper_domain::time::Timestamp;
use watchkeeper_domain::uptime::Gap;

use super::{Code, EvidenceJson, Instant, Unreadable, duration, micros};

/// A check as a row, without whose it is: that was asked for.
#[derive(Clone, Debug, Deserialize, FromRow)]
pub(crate) struct CheckRow {
    pub(crate) slot: Instant,
    pub(crate) origin: i16,
    pub(crate) checked_at: Instant,
    pub(crate) verdict: i16,
    pub(crate) reason_kind: Option<i16>,
    pub(crate) reason_detail: Option<String>,
    pub(crate) latency_us: i64,
    pub(crate) dns_us: Option<i64>,
    pub(crate) connect_us: Option<i64>,
    pub(crate) tls_us: Option<i64>,
    pub(crate) first_byte_us: Option<i64>,
    pub(crate) transfer_us: Option<i64>,
    pub(crate) http_status: Option<i32>,
    /// Evidence as JSON text.
    pub(crate) evidence: Option<String>,
}

impl CheckRow {
    /// The columns of a check; evidence only where it is not up.
    pub(crate) fn of(check: &Check) -> Result<Self, Unreadable> {
        let evidence = check.evidence.as_ref().filter(|_| check.verdict != watchkeeper_domain::verdict::Verdict::Up);
        Ok(Self {
            slot: Instant(check.slot),
            origin: check.origin.code(),
            checked_at: Instant(check.checked_at),
            verdict: check.verdict.code(),
            reason_kind: check.reason.as_ref().map(|reason| reason.kind.code()),
            reason_detail: check.reason.as_ref().map(|reason| reason.detail.clone()),
            latency_us: micros(check.latency),
            dns_us: check.timings.dns.map(micros),
            connect_us: check.timings.connect.map(micros),
            tls_us: check.timings.tls.map(micros),
            first_byte_us: check.timings.first_byte.map(micros),
            transfer_us: check.timings.transfer.map(micros),
            http_status: check.http_status.map(i32::from),
            evidence: evidence.map(EvidenceJson::text).transpose()?,
        })
    }

    /// The check of this monitor, made from this region.
    pub(crate) fn check(self, monitor: MonitorId, region: &Region) -> Result<Check, Unreadable> {
        let http_status = |status| u16::try_from(status).map_err(|_| Unreadable::new("HTTP status", status));
        Ok(Check {
            monitor,
            region: region.clone(),
            slot: self.slot.0,
            origin: Code::of_code(self.origin)?,
            checked_at: self.checked_at.0,
            verdict: Code::of_code(self.verdict)?,
            reason: reason(self.reason_kind, self.reason_detail)?,
            latency: duration(self.latency_us),
            timings: Timings {
                dns: self.dns_us.map(duration),
                connect: self.connect_us.map(duration),
                tls: self.tls_us.map(duration),
                first_byte: self.first_byte_us.map(duration),
                transfer: self.transfer_us.map(duration),
            },
            http_status: self.http_status.map(http_status).transpose()?,
            evidence: self.evidence.as_deref().map(EvidenceJson::read).transpose()?,
        })
    }
}

/// As much of a check as figures are made of, as a row.
#[derive(Clone, Copy, Debug, Deserialize, FromRow)]
pub(crate) struct FigureRow {
    pub(crate) slot: Instant,
    pub(crate) origin: i16,
    pub(crate) verdict: i16,
    pub(crate) latency_us: i64,
}

/// A reason out of its two columns.
pub(crate) fn reason(kind: Option<i16>, detail: Option<String>) -> Result<Option<Reason>, Unreadable> {
    kind.map(|kind| Ok(Reason { kind: Code::of_code(kind)?, detail: detail.unwrap_or_default() })).transpose()
}

/// An epoch as a row.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct EpochRow {
    pub(crate) began_at: Instant,
    pub(crate) ended_at: Option<Instant>,
    pub(crate) opening_slot: Instant,
    pub(crate) interval_ms: i64,
    pub(crate) phase_ms: i64,
}

impl EpochRow {
    /// The epoch of this monitor, checked from this region.
    pub(crate) fn epoch(&self, monitor: Uuid, region: &Region) -> Epoch {
        Epoch {
            monitor: MonitorId::new(monitor),
            region: region.clone(),
            began_at: self.began_at.0,
            ended_at: self.ended_at.map(|at| at.0),
            opening_slot: self.opening_slot.0,
            schedule: schedule(self.interval_ms, self.phase_ms),
        }
    }
}

/// A grid out of its two columns.
pub(crate) fn schedule(interval_ms: i64, phase_ms: i64) -> Schedule {
    Schedule::from_millis(u64::try_from(interval_ms).unwrap_or(0), u64::try_from(phase_ms).unwrap_or(0))
}

/// An hour that was rolled up, as a row.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct HourRow {
    pub(crate) began_at: Instant,
    pub(crate) up: i64,
    pub(crate) degraded: i64,
    pub(crate) down: i64,
    pub(crate) latencies: Vec<u8>,
}

impl TryFrom<HourRow> for (Timestamp, Tally) {
    type Error = Unreadable;

    fn try_from(row: HourRow) -> Result<Self, Unreadable> {
        let tally = tally(row.began_at, [row.up, row.degraded, row.down], &row.latencies)?;
        Ok((row.began_at.0, tally))
    }
}

/// A day that was folded, as a row.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct DayRow {
    pub(crate) began_at: Instant,
    pub(crate) up: i64,
    pub(crate) degraded: i64,
    pub(crate) down: i64,
    pub(crate) latencies: Vec<u8>,
    /// Its hours; `None` where they were not asked for.
    pub(crate) hours: Option<Vec<u8>>,
}

impl DayRow {
    /// The columns of a day.
    pub(crate) fn of(began_at: Timestamp, day: &DayTally) -> Self {
        let Tally { up, degraded, down, latencies } = day.total();
        let [up, degraded, down] = [up, degraded, down].map(|count| i64::try_from(count).unwrap_or(i64::MAX));
        let (latencies, hours) = (latencies.to_bytes(), Some(day.to_bytes()));
        Self { began_at: Instant(began_at), up, degraded, down, latencies, hours }
    }

    /// What the whole day adds up to.
    pub(crate) fn total(&self) -> Result<Tally, Unreadable> {
        tally(self.began_at, [self.up, self.degraded, self.down], &self.latencies)
    }

    /// What its hours add up to.
    pub(crate) fn day(&self) -> Result<DayTally, Unreadable> {
        let day = self.hours.as_deref().and_then(DayTally::from_bytes);
        day.ok_or_else(|| Unreadable::new("DayTally", self.began_at.0.as_micros()))
    }
}

fn tally(began_at: Instant, counts: [i64; 3], latencies: &[u8]) -> Result<Tally, Unreadable> {
    let latencies =
        Histogram::from_bytes(latencies).ok_or_else(|| Unreadable::new("Histogram", began_at.0.as_micros()))?;
    let [up, degraded, down] = counts.map(|count| u64::try_from(count).unwrap_or(0));
    Ok(Tally { up, degraded, down, latencies })
}

/// A gap as a row.
#[derive(Clone, Copy, Debug, FromRow)]
pub(crate) struct GapRow {
    pub(crate) first_slot: Instant,
    pub(crate) last_slot: Instant,
    pub(crate) count: i64,
    pub(crate) outcome: i16,
}

impl TryFrom<GapRow> for Gap {
    type Error = Unreadable;

    fn try_from(row: GapRow) -> Result<Self, Unreadable> {
        Ok(Self {
            run: SlotRun {
                first: row.first_slot.0,
                last: row.last_slot.0,
                count: u64::try_from(row.count).map_err(|_| Unreadable::new("count of slots", row.count))?,
            },
            outcome: Code::of_code(row.outcome)?,
        })
    }
}

/// The next slot of a monitor that nobody has claimed: its own, or the first one that its cohort is not claimed beyond.
pub(crate) fn next_slot(schedule: Schedule, next_due_at: Timestamp, claimed_to: Option<Timestamp>) -> Timestamp {
    claimed_to.filter(|at| *at > next_due_at).map_or(next_due_at, |at| schedule.at_or_after(at))
}
