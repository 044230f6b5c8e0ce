//! The log, read without searching: healthy checks are looked up by their whole key, the others found through the small
//! index of notable checks. Each statement serves many monitors; what is asked about travels as JSON, so that one
//! prepared statement serves every number of them.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use sqlx::{FromRow, SqliteConnection};
use uuid::Uuid;
use watchkeeper_domain::check::{Check, OpenSlot, Origin, Region};
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::rollup::Tally;
use watchkeeper_domain::time::{Timestamp, Window};
use watchkeeper_domain::uptime::StatusSpan;

use super::values::{identifiers, instants, json, windows};
use super::{lease, progress};
use crate::log::{Facts, Figure, PackedDay, Progress, Reader, Stretch};
use crate::row::{
    CheckRow, Code, DayRow, EpochRow, Fault, FigureRow, GapRow, HourRow, OpenRow, PackRow, SpanRow, Unreadable,
    next_slot, open_slots, schedule,
};

/// A reader of one snapshot.
pub(super) struct LogReader<'s> {
    step: &'s mut SqliteConnection,
    region: &'s Region,
    /// The keys of the monitors that have been asked for their facts, and the other way round.
    keys: HashMap<MonitorId, i64>,
    monitors: HashMap<i64, MonitorId>,
}

impl<'s> LogReader<'s> {
    pub(super) fn new(step: &'s mut SqliteConnection, region: &'s Region) -> Self {
        Self { step, region, keys: HashMap::new(), monitors: HashMap::new() }
    }

    /// Monitors and their windows, by key; those that are not there are left out.
    fn by_key(&self, asked: &[(MonitorId, Window)]) -> String {
        let known = asked.iter().filter_map(|(monitor, window)| Some((*self.keys.get(monitor)?, *window)));
        json(known.map(|(key, window)| [key, window.from().as_micros(), window.to().as_micros()]))
    }

    /// Monitors and their slots, by key.
    fn slots_by_key(&self, stretches: &[(MonitorId, Stretch)]) -> String {
        let known = stretches.iter().filter_map(|(monitor, stretch)| Some((*self.keys.get(monitor)?, &stretch.slots)));
        json(known.flat_map(|(key, slots)| slots.iter().map(move |slot| [key, slot.as_micros()])))
    }

    fn monitor(&self, key: i64) -> Result<MonitorId, Unreadable> {
        self.monitors.get(&key).copied().ok_or_else(|| Unreadable::new("key of a monitor asked about", key))
    }
}

#[derive(FromRow)]
struct KnownRow {
    key: i64,
    id: Uuid,
    next_due_at: Option<i64>,
    interval_ms: Option<i64>,
    phase_ms: Option<i64>,
    claimed_to: Option<i64>,
}

impl KnownRow {
    fn next_slot(&self) -> Option<Timestamp> {
        let [next_due_at, claimed_to] = [self.next_due_at, self.claimed_to].map(|at| at.map(Timestamp::from_micros));
        Some(next_slot(schedule(self.interval_ms?, self.phase_ms?), next_due_at?, claimed_to))
    }
}

/// A row of a monitor.
#[derive(FromRow)]
struct Of<T> {
    monitor_key: i64,
    #[sqlx(flatten)]
    row: T,
}

#[async_trait]
impl Reader for LogReader<'_> {
    fn region(&self) -> &Region {
        self.region
    }

    async fn facts(&mut self, asked: &[(MonitorId, Window)], most: usize) -> Result<HashMap<MonitorId, Facts>, Fault> {
        let known: Vec<KnownRow> = sqlx::query_as(KNOWN)
            .bind(identifiers(asked.iter().map(|(monitor, _)| monitor.uuid())))
            .bind(self.region.as_str())
            .fetch_all(&mut *self.step)
            .await?;
        let mut facts = HashMap::with_capacity(known.len());
        for row in known {
            let monitor = MonitorId::new(row.id);
            self.keys.insert(monitor, row.key);
            self.monitors.insert(row.key, monitor);
            facts.insert(monitor, Facts { next_due_at: row.next_slot(), ..Facts::default() });
        }
        let (asked, most) = (self.by_key(asked), i64::try_from(most).unwrap_or(i64::MAX));
        let epochs: Vec<Of<EpochRow>> = sqlx::query_as(EPOCHS)
            .bind(&asked)
            .bind(self.region.as_str())
            .bind(most)
            .fetch_all(&mut *self.step)
            .await?;
        for Of { monitor_key, row } in epochs {
            let monitor = self.monitor(monitor_key)?;
            facts.entry(monitor).or_default().epochs.push(row.epoch(monitor.uuid(), self.region));
        }
        let gaps: Vec<Of<GapRow>> =
            sqlx::query_as(GAPS).bind(&asked).bind(self.region.as_str()).bind(most).fetch_all(&mut *self.step).await?;
        for Of { monitor_key, row } in gaps {
            facts.entry(self.monitor(monitor_key)?).or_default().gaps.push(row.try_into()?);
        }
        Ok(facts)
    }

    async fn spans(
        &mut self,
        asked: &[(MonitorId, Window)],
        most: usize,
    ) -> Result<HashMap<MonitorId, Vec<StatusSpan>>, Fault> {
        let rows: Vec<Of<SpanRow>> = sqlx::query_as(SPANS)
            .bind(self.by_key(asked))
            .bind(i64::try_from(most).unwrap_or(i64::MAX))
            .fetch_all(&mut *self.step)
            .await?;
        let mut spans: HashMap<MonitorId, Vec<StatusSpan>> = HashMap::new();
        for Of { monitor_key, row } in rows {
            spans.entry(self.monitor(monitor_key)?).or_default().push(row.try_into()?);
        }
        Ok(spans)
    }

    async fn checks_in(&mut self, stretches: &[(MonitorId, Stretch)], most: usize) -> Result<Vec<Check>, Fault> {
        let bounds: Vec<(MonitorId, Window)> = stretches.iter().map(|(monitor, s)| (*monitor, s.window)).collect();
        let mut rows: Vec<Of<CheckRow>> = sqlx::query_as(NOTABLE)
            .bind(self.by_key(&bounds))
            .bind(self.region.as_str())
            .bind(i64::try_from(most.max(1)).unwrap_or(i64::MAX))
            .fetch_all(&mut *self.step)
            .await?;
        let healthy = sqlx::query_as(HEALTHY).bind(self.slots_by_key(stretches)).bind(self.region.as_str());
        rows.extend(healthy.fetch_all(&mut *self.step).await?);
        let mut checks = Vec::with_capacity(rows.len());
        for Of { monitor_key, row } in rows {
            checks.push(row.check(self.monitor(monitor_key)?, self.region)?);
        }
        checks.sort_by_key(|check| std::cmp::Reverse(check.slot));
        Ok(checks)
    }

    async fn figures(
        &mut self,
        monitor: MonitorId,
        slots: &[Timestamp],
        parts: &[Window],
    ) -> Result<Vec<Figure>, Fault> {
        let Some(key) = self.keys.get(&monitor).copied() else { return Ok(Vec::new()) };
        let mut rows: Vec<FigureRow> = Vec::new();
        for (statement, asked) in [(HEALTHY_FIGURES, instants(slots)), (NOTABLE_FIGURES, windows(parts))] {
            let query = sqlx::query_as::<_, FigureRow>(statement).bind(key).bind(self.region.as_str()).bind(asked);
            rows.extend(query.fetch_all(&mut *self.step).await?);
        }
        Ok(rows.into_iter().map(Figure::try_from).collect::<Result<_, _>>()?)
    }

    async fn open_slots(&mut self, monitors: &[MonitorId]) -> Result<HashMap<MonitorId, Vec<OpenSlot>>, Fault> {
        let asked = identifiers(monitors.iter().map(|monitor| monitor.uuid()));
        let mut rows: Vec<OpenRow> = sqlx::query_as(OPEN)
            .bind(&asked)
            .bind(self.region.as_str())
            .bind(Origin::Scheduled.code())
            .fetch_all(&mut *self.step)
            .await?;
        rows.extend(self.leased(&asked).await?);
        rows.sort_by_key(|row| row.slot);
        Ok(open_slots(rows))
    }

    async fn progress(&mut self) -> Result<Progress, Fault> {
        progress::read(self.step).await
    }

    async fn hours(&mut self, monitor: MonitorId, hours: &[Window]) -> Result<Vec<(Timestamp, Tally)>, Fault> {
        let Some(key) = self.keys.get(&monitor).copied() else { return Ok(Vec::new()) };
        let asked: Vec<Timestamp> = hours.iter().map(Window::from).collect();
        let rows: Vec<HourRow> = sqlx::query_as(HOURS)
            .bind(key)
            .bind(self.region.as_str())
            .bind(instants(&asked))
            .fetch_all(&mut *self.step)
            .await?;
        Ok(rows.into_iter().map(TryFrom::try_from).collect::<Result<_, _>>()?)
    }

    async fn days(&mut self, monitor: MonitorId, window: Window) -> Result<Vec<DayRow>, Fault> {
        let Some(key) = self.keys.get(&monitor).copied() else { return Ok(Vec::new()) };
        let query = sqlx::query_as(DAYS).bind(key).bind(self.region.as_str());
        let query = query.bind(window.from().as_micros()).bind(window.to().as_micros());
        Ok(query.fetch_all(&mut *self.step).await?)
    }

    async fn packs(&mut self, asked: &[(MonitorId, Window)], most: usize) -> Result<Vec<PackedDay>, Fault> {
        let rows: Vec<Of<PackRow>> = sqlx::query_as(PACKS)
            .bind(self.by_key(asked))
            .bind(self.region.as_str())
            .bind(i64::try_from(most.max(1)).unwrap_or(i64::MAX))
            .fetch_all(&mut *self.step)
            .await?;
        let day = |Of { monitor_key, row }: Of<PackRow>| {
            let (monitor, began_at) = (self.monitor(monitor_key)?, Timestamp::from_micros(row.began_at));
            Ok(PackedDay { monitor, began_at, pack: row.pack()? })
        };
        let days: Result<_, Unreadable> = rows.into_iter().map(day).collect();
        Ok(days?)
    }
}

/// Which cohorts a list of monitors belongs to, and the interval of each.
pub(super) const SEATS: &str = "
    SELECT d.cohort_id, m.id, d.interval_ms
      FROM json_each(?1) AS asked
     CROSS JOIN monitors AS m ON m.id = unhex(asked.value)
     CROSS JOIN schedule AS d ON d.monitor_key = m.key AND d.region = ?2
     WHERE d.cohort_id IS NOT NULL";

impl LogReader<'_> {
    /// The slots of a list of monitors that are leased.
    async fn leased(&mut self, asked: &str) -> Result<Vec<OpenRow>, Fault> {
        let seats: Vec<(i64, Uuid, i64)> =
            sqlx::query_as(SEATS).bind(asked).bind(self.region.as_str()).fetch_all(&mut *self.step).await?;
        let cohorts: BTreeSet<i64> = seats.iter().map(|(cohort, ..)| *cohort).collect();
        let intervals: HashMap<Uuid, i64> = seats.into_iter().map(|(_, id, interval_ms)| (id, interval_ms)).collect();
        let mut rows = Vec::new();
        for cohort in cohorts {
            for lease in lease::of_cohort(self.step, cohort).await? {
                for (monitor_id, slot) in lease.entries() {
                    let Some(interval_ms) = intervals.get(&monitor_id) else { continue };
                    let slot = slot.as_micros();
                    let start_before = slot.saturating_add(interval_ms.saturating_mul(1_000));
                    rows.push(OpenRow { monitor_id, slot, start_before, lease_until: lease.lease_until });
                }
            }
        }
        Ok(rows)
    }
}

/// The monitors of a list that are there.
pub(super) const KNOWN: &str = "
    SELECT m.key, m.id, d.next_due_at, d.interval_ms, d.phase_ms, c.claimed_to
      FROM json_each(?1) AS asked
     CROSS JOIN monitors AS m ON m.id = unhex(asked.value)
      LEFT JOIN schedule AS d ON d.monitor_key = m.key AND d.region = ?2
      LEFT JOIN cohorts AS c ON c.id = d.cohort_id
     WHERE m.deleted_at IS NULL";

/// The slots of a list of monitors that are claimed and not yet recorded.
pub(super) const OPEN: &str = "
    SELECT m.id AS monitor_id, c.slot, c.start_before, c.lease_until
      FROM json_each(?1) AS asked
     CROSS JOIN monitors AS m ON m.id = unhex(asked.value)
     CROSS JOIN claims AS c ON c.monitor_key = m.key AND c.region = ?2
     WHERE c.origin = ?3
     ORDER BY c.slot";

// Epochs, gaps and spans each lie one after the other, so that only the last one that begins by a window's beginning can
// reach into it: all that is read begins there, or with the oldest of the newest so many.

/// The newest epochs that touch each window, the oldest first.
pub(super) const EPOCHS: &str = "
    WITH asked (key, begins, ends) AS MATERIALIZED (
        SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1)
    )
    SELECT e.monitor_key, e.began_at, e.ended_at, e.opening_slot, e.interval_ms, e.phase_ms
      FROM asked
     CROSS JOIN schedule_epochs AS e
        ON e.monitor_key = asked.key AND e.region = ?2 AND e.began_at < asked.ends
       AND e.began_at >= max(
               coalesce((SELECT began_at
                           FROM schedule_epochs
                          WHERE monitor_key = asked.key AND region = ?2 AND began_at <= asked.begins
                          ORDER BY began_at DESC LIMIT 1), asked.begins),
               coalesce((SELECT began_at
                           FROM schedule_epochs
                          WHERE monitor_key = asked.key AND region = ?2 AND began_at < asked.ends
                          ORDER BY began_at DESC LIMIT 1 OFFSET ?3 - 1), 0))
     WHERE e.ended_at IS NULL OR e.ended_at > asked.begins
     ORDER BY e.began_at";

/// The newest gaps that touch each window, or the one before it, the oldest first.
pub(super) const GAPS: &str = "
    WITH asked (key, begins, ends) AS MATERIALIZED (
        SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1)
    )
    SELECT g.monitor_key, g.first_slot, g.last_slot, g.count, g.outcome
      FROM asked
     CROSS JOIN slot_gaps AS g
        ON g.monitor_key = asked.key AND g.region = ?2 AND g.first_slot < asked.ends
       AND g.first_slot >= max(
               coalesce((SELECT first_slot
                           FROM slot_gaps
                          WHERE monitor_key = asked.key AND region = ?2 AND first_slot <= asked.begins
                          ORDER BY first_slot DESC LIMIT 1), asked.begins),
               coalesce((SELECT first_slot
                           FROM slot_gaps
                          WHERE monitor_key = asked.key AND region = ?2 AND first_slot < asked.ends
                          ORDER BY first_slot DESC LIMIT 1 OFFSET ?3 - 1), 0))
     ORDER BY g.first_slot";

/// The newest spans that touch each window, the oldest first.
pub(super) const SPANS: &str = "
    WITH asked (key, begins, ends) AS MATERIALIZED (
        SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1)
    )
    SELECT s.monitor_key, s.status, s.began_at, s.ended_at
      FROM asked
     CROSS JOIN status_spans AS s
        ON s.monitor_key = asked.key AND s.began_at < asked.ends
       AND s.began_at >= max(
               coalesce((SELECT began_at
                           FROM status_spans
                          WHERE monitor_key = asked.key AND began_at <= asked.begins
                          ORDER BY began_at DESC LIMIT 1), asked.begins),
               coalesce((SELECT began_at
                           FROM status_spans
                          WHERE monitor_key = asked.key AND began_at < asked.ends
                          ORDER BY began_at DESC LIMIT 1 OFFSET ?2 - 1), 0))
     WHERE s.ended_at IS NULL OR s.ended_at > asked.begins
     ORDER BY s.began_at";

/// Healthy scheduled checks at the slots of monitors.
pub(super) const HEALTHY: &str = "
    SELECT c.monitor_key, c.slot, c.origin, c.slot + c.late_us AS checked_at, c.verdict, c.reason_kind, c.reason_detail,
           c.latency_us, c.dns_us, c.connect_us, c.tls_us, c.first_byte_us, c.transfer_us, c.http_status,
           NULL AS evidence
      FROM json_each(?1) AS asked
     CROSS JOIN checks AS c
        ON c.slot = asked.value ->> 1 AND c.monitor_key = asked.value ->> 0 AND c.region = ?2
     WHERE c.verdict = 1 AND c.origin = 0";

/// Checks that were not up or not scheduled in the windows of monitors, the newest so many of each, with their evidence.
pub(super) const NOTABLE: &str = "
    WITH asked (key, begins, ends) AS MATERIALIZED (
        SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1)
    )
    SELECT c.monitor_key, c.slot, c.origin, c.slot + c.late_us AS checked_at, c.verdict, c.reason_kind, c.reason_detail,
           c.latency_us, c.dns_us, c.connect_us, c.tls_us, c.first_byte_us, c.transfer_us, c.http_status,
           e.body AS evidence
      FROM asked
     CROSS JOIN checks AS c INDEXED BY checks_notable
        ON (c.verdict <> 1 OR c.origin <> 0) AND c.monitor_key = asked.key AND c.region = ?2
       AND c.slot < asked.ends
       AND c.slot >= coalesce((SELECT slot
                                 FROM checks INDEXED BY checks_notable
                                WHERE (verdict <> 1 OR origin <> 0) AND monitor_key = asked.key AND region = ?2
                                  AND slot >= asked.begins AND slot < asked.ends
                                ORDER BY slot DESC LIMIT 1 OFFSET ?3 - 1), asked.begins)
      LEFT JOIN evidence AS e ON e.slot = c.slot AND e.monitor_key = c.monitor_key AND e.region = c.region";

pub(super) const HEALTHY_FIGURES: &str = "
    SELECT slot, origin, verdict, latency_us
      FROM checks
     WHERE monitor_key = ? AND region = ? AND slot IN (SELECT value FROM json_each(?)) AND verdict = 1 AND origin = 0";

pub(super) const NOTABLE_FIGURES: &str = "
    SELECT c.slot, c.origin, c.verdict, c.latency_us
      FROM json_each(?3) AS part
     CROSS JOIN checks AS c INDEXED BY checks_notable
        ON (c.verdict <> 1 OR c.origin <> 0) AND c.monitor_key = ?1 AND c.region = ?2
       AND c.slot >= part.value ->> 0 AND c.slot < part.value ->> 1";

/// What was rolled up of hours of a monitor.
pub(super) const HOURS: &str = "
    SELECT began_at, up, degraded, down, latencies
      FROM hour_rollups
     WHERE monitor_key = ? AND region = ? AND began_at IN (SELECT value FROM json_each(?))";

/// The folded days of a monitor.
pub(super) const DAYS: &str = "
    SELECT began_at, up, degraded, down, latencies, hours
      FROM day_rollups
     WHERE monitor_key = ? AND region = ? AND began_at >= ? AND began_at < ?";

/// The packed days of monitors that began in windows, the newest so many in each, the newest first.
pub(super) const PACKS: &str = "
    WITH asked (n, key, begins, ends) AS MATERIALIZED (
        SELECT key, value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1)
    )
    SELECT p.monitor_key, p.began_at, p.runs, p.packed_latencies
      FROM asked
     CROSS JOIN packed_checks AS p
        ON p.monitor_key = asked.key AND p.region = ?2 AND p.began_at < asked.ends
       AND p.began_at >= coalesce((SELECT began_at
                                     FROM packed_checks
                                    WHERE monitor_key = asked.key AND region = ?2
                                      AND began_at >= asked.begins AND began_at < asked.ends
                                    ORDER BY began_at DESC LIMIT 1 OFFSET ?3 - 1), asked.begins)
     ORDER BY asked.n, p.began_at DESC";
