//! The log, read without searching: healthy checks are looked up by their whole key, the others found through the small
//! index of notable checks. Each statement serves many monitors; what is asked about travels as JSON, so that one
//! prepared statement serves every number of them.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use sqlx::{FromRow, SqliteConnection};
use uuid::Uuid;
use watchkeeper_domain::check::{Check, Origin, Region};
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::rollup::Tally;
use watchkeeper_domain::time::{Timestamp, Window};
use watchkeeper_domain::uptime::TimeFacts;

use super::values::{instants, json, monitor_windows, windows};
use super::{lease, progress, together};
use crate::log::{Depth, Figure, Packed, Progress, Reader, Stretch};
use crate::row::{
    self, CheckRow, Code, DayRow, FactRow, Fault, FigureRow, HourRow, Instant, PackRow, Unreadable, bigint,
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

/// A fact of a monitor, by its key, as it stands in its array; that of the schedule has the monitor's identifier.
#[derive(Deserialize)]
struct KeyedFact {
    key: i64,
    id: Option<Uuid>,
    kind: i32,
    at: Option<Instant>,
    until: Option<Instant>,
    slot: Option<Instant>,
    interval_ms: Option<i64>,
    phase_ms: Option<i64>,
    code: Option<i16>,
    count: Option<i64>,
}

impl KeyedFact {
    fn of(self, monitor: MonitorId) -> FactRow {
        let Self { kind, at, until, slot, interval_ms, phase_ms, code, count, .. } = self;
        FactRow { of: monitor.uuid(), kind, at, until, slot, interval_ms, phase_ms, code, count }
    }
}

/// A lease that holds slots of monitors that were asked about, among others.
#[derive(FromRow)]
struct LeaseRow {
    lease_until: Instant,
    slots: Vec<u8>,
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

    async fn facts(
        &mut self,
        asked: &[(MonitorId, Window)],
        most: usize,
        depth: Depth,
    ) -> Result<HashMap<MonitorId, TimeFacts>, Fault> {
        let query = sqlx::query_scalar(FACTS)
            .bind(monitor_windows(asked))
            .bind(self.region.as_str())
            .bind(bigint(most))
            .bind(depth >= Depth::Time)
            .bind(depth >= Depth::Account)
            .bind(Origin::Scheduled.code());
        let keyed: Vec<KeyedFact> = together::fetch(query, self.step).await?;
        for KeyedFact { key, id, .. } in &keyed {
            if let Some(monitor) = id.map(MonitorId::new) {
                self.keys.insert(monitor, *key);
                self.monitors.insert(*key, monitor);
            }
        }
        let mut facts = Vec::with_capacity(keyed.len());
        for fact in keyed {
            let monitor = self.monitor(fact.key)?;
            facts.push(fact.of(monitor));
        }
        if depth >= Depth::Account {
            let leases: Vec<LeaseRow> = sqlx::query_as(LEASES)
                .bind(self.by_key(asked))
                .bind(self.region.as_str())
                .fetch_all(&mut *self.step)
                .await?;
            let schedules = facts.iter().filter(|fact| fact.kind == FactRow::SCHEDULE).map(|fact| (fact.of, *fact));
            let schedules: HashMap<Uuid, FactRow> = schedules.collect();
            facts.extend(leases.iter().flat_map(|lease| leased(lease, &schedules)));
        }
        Ok(row::facts(facts, self.region)?)
    }

    async fn checks_in(&mut self, stretches: &[(MonitorId, Stretch)], most: usize) -> Result<Vec<Check>, Fault> {
        let bounds: Vec<(MonitorId, Window)> = stretches.iter().map(|(monitor, s)| (*monitor, s.window)).collect();
        let query = sqlx::query_scalar(CHECKS)
            .bind(self.by_key(&bounds))
            .bind(self.region.as_str())
            .bind(bigint(most.max(1)))
            .bind(self.slots_by_key(stretches));
        let rows: Vec<(i64, CheckRow)> = together::fetch(query, self.step).await?;
        let mut checks = Vec::with_capacity(rows.len());
        for (monitor_key, row) in rows {
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
        let query =
            sqlx::query_scalar(FIGURES).bind(key).bind(self.region.as_str()).bind(instants(slots)).bind(windows(parts));
        let rows: Vec<FigureRow> = together::fetch(query, self.step).await?;
        Ok(rows.into_iter().map(Figure::try_from).collect::<Result<_, _>>()?)
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

    async fn days(
        &mut self,
        monitor: MonitorId,
        window: Window,
        with_hours: &[Timestamp],
    ) -> Result<Vec<DayRow>, Fault> {
        let Some(key) = self.keys.get(&monitor).copied() else { return Ok(Vec::new()) };
        let query = sqlx::query_as(DAYS).bind(key).bind(self.region.as_str());
        let query = query.bind(window.from().as_micros()).bind(window.to().as_micros()).bind(instants(with_hours));
        Ok(query.fetch_all(&mut *self.step).await?)
    }

    async fn packs(&mut self, asked: &[(MonitorId, Window)], most: usize) -> Result<Vec<Packed>, Fault> {
        let rows: Vec<Of<PackRow>> = sqlx::query_as(PACKS)
            .bind(self.by_key(asked))
            .bind(self.region.as_str())
            .bind(bigint(most.max(1)))
            .fetch_all(&mut *self.step)
            .await?;
        let packed = |Of { monitor_key, row }: Of<PackRow>| {
            let (monitor, began_at) = (self.monitor(monitor_key)?, row.began_at.0);
            Ok(Packed { monitor, began_at, pack: row.pack()? })
        };
        let packs: Result<_, Unreadable> = rows.into_iter().map(packed).collect();
        Ok(packs?)
    }
}

/// The slots of a lease that are of monitors that were asked about.
fn leased(lease: &LeaseRow, schedules: &HashMap<Uuid, FactRow>) -> Vec<FactRow> {
    let open = |(monitor, slot): lease::Entry| {
        let interval_ms = u64::try_from(schedules.get(&monitor)?.interval_ms?).ok()?;
        let until = slot.plus(Duration::from_millis(interval_ms));
        Some(FactRow::open(monitor, Instant(slot), Instant(until), lease.lease_until))
    };
    lease::unpack(&lease.slots).into_iter().filter_map(open).collect()
}

// Epochs, gaps and spans each lie one after the other, so that only the last one that begins by a window's beginning can
// reach into it: all that is read begins there, or with the oldest of the newest so many.

/// The rows of [`KeyedFact`], together. Where the present status began by a window's beginning, no other reaches into
/// it, and its span need not be looked for.
pub(super) const FACTS: &str = "
    WITH asked (id, key, begins, ends, held, since, next_due_at, interval_ms, phase_ms, claimed_to) AS MATERIALIZED (
        SELECT m.id, m.key, w.value ->> 1, w.value ->> 2, s.held, s.since, d.next_due_at, d.interval_ms, d.phase_ms,
               c.claimed_to
          FROM json_each(?1) AS w
         CROSS JOIN monitors AS m ON m.id = unhex(w.value ->> 0)
         CROSS JOIN monitor_states AS s ON s.monitor_key = m.key
          LEFT JOIN schedule AS d ON d.monitor_key = m.key AND d.region = ?2
          LEFT JOIN cohorts AS c ON c.id = d.cohort_id
         WHERE m.deleted_at IS NULL
    )
    SELECT json_group_array(json_array(key, id, kind, at, until, slot, interval_ms, phase_ms, code, count)) FROM (
    SELECT key, hex(id) AS id, 0 AS kind, next_due_at AS at, claimed_to AS until, NULL AS slot, interval_ms, phase_ms,
           NULL AS code, NULL AS count
      FROM asked
    UNION ALL
    SELECT w.key, NULL, 1, e.began_at, e.ended_at, e.opening_slot, e.interval_ms, e.phase_ms, NULL, NULL
      FROM asked AS w
     CROSS JOIN schedule_epochs AS e
        ON e.monitor_key = w.key AND e.region = ?2 AND e.began_at < w.ends
       AND e.began_at >= max(
               coalesce((SELECT began_at
                           FROM schedule_epochs
                          WHERE monitor_key = w.key AND region = ?2 AND began_at <= w.begins
                          ORDER BY began_at DESC LIMIT 1), w.begins),
               coalesce((SELECT began_at
                           FROM schedule_epochs
                          WHERE monitor_key = w.key AND region = ?2 AND began_at < w.ends
                          ORDER BY began_at DESC LIMIT 1 OFFSET ?3 - 1), 0))
     WHERE e.ended_at IS NULL OR e.ended_at > w.begins
    UNION ALL
    SELECT w.key, NULL, 2, g.first_slot, g.last_slot, NULL, NULL, NULL, g.outcome, g.count
      FROM asked AS w
     CROSS JOIN slot_gaps AS g
        ON g.monitor_key = w.key AND g.region = ?2 AND g.first_slot < w.ends
       AND g.first_slot >= max(
               coalesce((SELECT first_slot
                           FROM slot_gaps
                          WHERE monitor_key = w.key AND region = ?2 AND first_slot <= w.begins
                          ORDER BY first_slot DESC LIMIT 1), w.begins),
               coalesce((SELECT first_slot
                           FROM slot_gaps
                          WHERE monitor_key = w.key AND region = ?2 AND first_slot < w.ends
                          ORDER BY first_slot DESC LIMIT 1 OFFSET ?3 - 1), 0))
    UNION ALL
    SELECT key, NULL, 3, since, NULL, NULL, NULL, NULL, held, NULL
      FROM asked
     WHERE ?4 AND since <= begins AND since < ends
    UNION ALL
    SELECT w.key, NULL, 3, s.began_at, s.ended_at, NULL, NULL, NULL, s.status, NULL
      FROM asked AS w
     CROSS JOIN status_spans AS s
        ON s.monitor_key = w.key AND s.began_at < w.ends
       AND s.began_at >= max(
               coalesce((SELECT began_at
                           FROM status_spans
                          WHERE monitor_key = w.key AND began_at <= w.begins
                          ORDER BY began_at DESC LIMIT 1), w.begins),
               coalesce((SELECT began_at
                           FROM status_spans
                          WHERE monitor_key = w.key AND began_at < w.ends
                          ORDER BY began_at DESC LIMIT 1 OFFSET ?3 - 1), 0))
     WHERE ?4 AND w.since > w.begins AND (s.ended_at IS NULL OR s.ended_at > w.begins)
    UNION ALL
    SELECT w.key, NULL, 4, c.slot, c.start_before, c.lease_until, NULL, NULL, NULL, NULL
      FROM asked AS w
     CROSS JOIN claims AS c ON c.monitor_key = w.key AND c.region = ?2
     WHERE ?5 AND c.origin = ?6)";

/// The leases of the cohorts of monitors.
pub(super) const LEASES: &str = "
    SELECT l.lease_until, l.slots
      FROM (SELECT DISTINCT d.cohort_id
              FROM json_each(?1) AS w
             CROSS JOIN schedule AS d ON d.monitor_key = w.value ->> 0 AND d.region = ?2) AS w
     CROSS JOIN leases AS l ON l.cohort_id = w.cohort_id";

/// Healthy scheduled checks at the slots of monitors; and those that were not up or not scheduled in the windows of
/// monitors, the newest so many of each, with their evidence; together, each with the monitor's key.
pub(super) const CHECKS: &str = "
    WITH asked (key, begins, ends) AS MATERIALIZED (
        SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1)
    )
    SELECT json_group_array(json_array(monitor_key, json_array(
               slot, origin, checked_at, verdict, reason_kind, reason_detail, latency_us, dns_us, connect_us, tls_us,
               first_byte_us, transfer_us, http_status, evidence)))
      FROM (
    SELECT c.monitor_key, c.slot, c.origin, c.slot + c.late_us AS checked_at, c.verdict, c.reason_kind, c.reason_detail,
           c.latency_us, c.dns_us, c.connect_us, c.tls_us, c.first_byte_us, c.transfer_us, c.http_status,
           NULL AS evidence
      FROM json_each(?4) AS healthy
     CROSS JOIN checks AS c
        ON c.slot = healthy.value ->> 1 AND c.monitor_key = healthy.value ->> 0 AND c.region = ?2
     WHERE c.verdict = 1 AND c.origin = 0
    UNION ALL
    SELECT n.monitor_key, n.slot, n.origin, n.slot + n.late_us, n.verdict, n.reason_kind, n.reason_detail,
           n.latency_us, n.dns_us, n.connect_us, n.tls_us, n.first_byte_us, n.transfer_us, n.http_status,
           e.body
      FROM asked
     CROSS JOIN checks AS n INDEXED BY checks_notable
        ON (n.verdict <> 1 OR n.origin <> 0) AND n.monitor_key = asked.key AND n.region = ?2
       AND n.slot < asked.ends
       AND n.slot >= coalesce((SELECT slot
                                 FROM checks INDEXED BY checks_notable
                                WHERE (verdict <> 1 OR origin <> 0) AND monitor_key = asked.key AND region = ?2
                                  AND slot >= asked.begins AND slot < asked.ends
                                ORDER BY slot DESC LIMIT 1 OFFSET ?3 - 1), asked.begins)
      LEFT JOIN evidence AS e ON e.slot = n.slot AND e.monitor_key = n.monitor_key AND e.region = n.region)";

/// As much as figures are made of: of a monitor's healthy scheduled checks at some slots, and of its others in some windows;
/// together.
pub(super) const FIGURES: &str = "
    SELECT json_group_array(json_array(slot, origin, verdict, latency_us))
      FROM (
    SELECT c.slot, c.origin, c.verdict, c.latency_us
      FROM checks AS c
     WHERE c.monitor_key = ?1 AND c.region = ?2 AND c.slot IN (SELECT value FROM json_each(?3))
       AND c.verdict = 1 AND c.origin = 0
    UNION ALL
    SELECT n.slot, n.origin, n.verdict, n.latency_us
      FROM json_each(?4) AS part
     CROSS JOIN checks AS n INDEXED BY checks_notable
        ON (n.verdict <> 1 OR n.origin <> 0) AND n.monitor_key = ?1 AND n.region = ?2
       AND n.slot >= part.value ->> 0 AND n.slot < part.value ->> 1)";

/// What was rolled up of hours of a monitor.
pub(super) const HOURS: &str = "
    SELECT began_at, up, degraded, down, latencies
      FROM hour_rollups
     WHERE monitor_key = ? AND region = ? AND began_at IN (SELECT value FROM json_each(?))";

/// The folded days of a monitor, some of them with their hours.
pub(super) const DAYS: &str = "
    SELECT began_at, up, degraded, down, latencies, iif(began_at IN (SELECT value FROM json_each(?5)), hours, NULL) AS hours
      FROM day_rollups
     WHERE monitor_key = ?1 AND region = ?2 AND began_at >= ?3 AND began_at < ?4";

/// The packs of monitors that began in windows, and the newest before each: the newest so many of each, the newest first.
pub(super) const PACKS: &str = "
    WITH asked (n, key, begins, ends) AS MATERIALIZED (
        SELECT key, value ->> 0,
               coalesce((SELECT max(began_at)
                           FROM packed_checks
                          WHERE monitor_key = value ->> 0 AND region = ?2 AND began_at <= value ->> 1), value ->> 1),
               value ->> 2
          FROM json_each(?1)
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
