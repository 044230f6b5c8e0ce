//! Reading what happened: each question in one snapshot.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::SqliteConnection;
use watchkeeper_domain::audit::AuditFacts;
use watchkeeper_domain::check::{Check, Origin, Region};
use watchkeeper_domain::histogram::Histogram;
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::port::{CheckPage, CheckQuery, HistoryRepo, LatencyBucket, RepoResult};
use watchkeeper_domain::time::{Timestamp, Window};
use watchkeeper_domain::uptime::{Gap, StatusSpan, TimeFacts};
use watchkeeper_domain::verdict::Verdict;

use super::SqliteStore;
use super::log::{Log, all_time, gap_before};
use super::rollup::{HOUR, hours_in, rolled};
use crate::row::{CheckRow, Code, Fault, GapRow, SpanRow, Unreadable, duration};

/// How many pieces of the log one page may look at.
const PIECES_A_PAGE: usize = 8;

#[async_trait]
impl HistoryRepo for SqliteStore {
    async fn checks(&self, query: &CheckQuery) -> RepoResult<CheckPage> {
        let mut step = self.read().await?;
        Ok(checks(&mut step, query).await?)
    }

    async fn recent_checks(
        &self,
        monitors: &[MonitorId],
        region: &Region,
        limit: u32,
        _now: Timestamp,
    ) -> RepoResult<Vec<Vec<Check>>> {
        let mut step = self.read().await?;
        let mut recent = Vec::with_capacity(monitors.len());
        for monitor in monitors {
            recent.push(newest(&mut step, *monitor, region, limit).await?);
        }
        Ok(recent)
    }

    async fn time_facts(&self, monitors: &[MonitorId], region: &Region, window: Window) -> RepoResult<Vec<TimeFacts>> {
        let mut step = self.read().await?;
        let mut facts = Vec::with_capacity(monitors.len());
        for monitor in monitors {
            facts.push(time_facts(&mut step, *monitor, region, window).await?);
        }
        Ok(facts)
    }

    async fn audit_facts(
        &self,
        monitor: MonitorId,
        region: &Region,
        window: Window,
        now: Timestamp,
    ) -> RepoResult<AuditFacts> {
        let mut step = self.read().await?;
        Ok(audit_facts(&mut step, monitor, region, window, now).await?)
    }

    async fn gaps(
        &self,
        monitor: MonitorId,
        region: &Region,
        window: Window,
        before: Option<Timestamp>,
        limit: u32,
    ) -> RepoResult<Vec<Gap>> {
        let rows: Vec<GapRow> = sqlx::query_as(
            "SELECT first_slot, last_slot, count, outcome
               FROM slot_gaps
              WHERE monitor_key = (SELECT key FROM monitors WHERE id = ? AND deleted_at IS NULL)
                AND region = ? AND first_slot < ? AND last_slot >= ?
              ORDER BY first_slot DESC
              LIMIT ?",
        )
        .bind(monitor.uuid())
        .bind(region.as_str())
        .bind(before.map_or(window.to(), |before| before.min(window.to())).as_micros())
        .bind(window.from().as_micros())
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(Fault::from)?;
        let gaps: Result<Vec<Gap>, Unreadable> = rows.into_iter().map(Gap::try_from).collect();
        Ok(gaps.map_err(Fault::from)?)
    }

    async fn latencies(
        &self,
        monitor: MonitorId,
        region: &Region,
        window: Window,
        step: Duration,
    ) -> RepoResult<Vec<LatencyBucket>> {
        let mut snapshot = self.read().await?;
        Ok(latencies(&mut snapshot, monitor, region, window, step).await?)
    }
}

async fn checks(step: &mut SqliteConnection, query: &CheckQuery) -> Result<CheckPage, Fault> {
    let Some(log) = Log::open(step, query.monitor, &query.region, query.window).await? else {
        return Ok(CheckPage::default());
    };
    let (rows, more_before) =
        log.newest(step, query.window, query.verdict, query.limit as usize, PIECES_A_PAGE).await?;
    Ok(CheckPage { checks: read(rows, query.monitor, &query.region)?, more_before })
}

async fn newest(
    step: &mut SqliteConnection,
    monitor: MonitorId,
    region: &Region,
    limit: u32,
) -> Result<Vec<Check>, Fault> {
    let Some(log) = Log::open(step, monitor, region, all_time()).await? else { return Ok(Vec::new()) };
    // Slots that are no gap are in the log, save the few under way: the pieces end with the limit.
    let (rows, _) = log.newest(step, all_time(), None, limit as usize, usize::MAX).await?;
    Ok(read(rows, monitor, region)?)
}

fn read(rows: Vec<CheckRow>, monitor: MonitorId, region: &Region) -> Result<Vec<Check>, Unreadable> {
    rows.into_iter().map(|row| row.check(monitor, region)).collect()
}

async fn time_facts(
    step: &mut SqliteConnection,
    monitor: MonitorId,
    region: &Region,
    window: Window,
) -> Result<TimeFacts, Fault> {
    let Some(log) = Log::open(step, monitor, region, window).await? else { return Ok(TimeFacts::default()) };
    let spans: Vec<SpanRow> = sqlx::query_as(
        "SELECT status, began_at, ended_at
           FROM status_spans
          WHERE monitor_key = ? AND began_at < ? AND (ended_at IS NULL OR ended_at > ?)
          ORDER BY began_at",
    )
    .bind(log.key)
    .bind(window.to().as_micros())
    .bind(window.from().as_micros())
    .fetch_all(&mut *step)
    .await?;
    let spans = spans.into_iter().map(StatusSpan::try_from).collect::<Result<_, Unreadable>>()?;
    // A gap blinds up to the slot after it: the one that ends before the window may reach into it.
    let before = match log.gaps.first() {
        Some(first) if first.run.first < window.from() => None,
        _ => gap_before(step, log.key, region, window.from()).await?,
    };
    let before = before.filter(|gap| {
        let epoch = log.epochs.iter().rev().find(|epoch| epoch.opening_slot <= gap.run.first);
        epoch.is_some_and(|epoch| epoch.after(gap.run.last) > window.from())
    });
    let gaps = before.into_iter().chain(log.gaps).collect();
    Ok(TimeFacts { spans, epochs: log.epochs, gaps, next_due_at: log.next_due_at })
}

async fn audit_facts(
    step: &mut SqliteConnection,
    monitor: MonitorId,
    region: &Region,
    window: Window,
    now: Timestamp,
) -> Result<AuditFacts, Fault> {
    let Some(log) = Log::open(step, monitor, region, window).await? else { return Ok(AuditFacts::default()) };
    let claimed: Vec<i64> =
        sqlx::query_scalar("SELECT slot FROM claims WHERE monitor_key = ? AND region = ? AND origin = 0 ORDER BY slot")
            .bind(log.key)
            .bind(region.as_str())
            .fetch_all(&mut *step)
            .await?;
    let mut facts = AuditFacts {
        epochs: log.epochs.clone(),
        gaps: log.gaps.clone(),
        claimed: claimed.into_iter().map(Timestamp::from_micros).collect(),
        next_due_at: log.next_due_at,
        ..AuditFacts::default()
    };
    let settled = facts.settled(window, now);
    let hours = hours_in(settled, rolled_up_to(step).await?);
    for hour in rolled(step, &log, &hours).await? {
        facts.up += hour.up.unsigned_abs();
        facts.degraded += hour.degraded.unsigned_abs();
        facts.down += hour.down.unsigned_abs();
    }
    for part in outside(settled, &hours) {
        for point in log.points(step, part).await?.iter().filter(|point| point.origin == Origin::Scheduled.code()) {
            match Verdict::of_code(point.verdict)? {
                Verdict::Up => facts.up += 1,
                Verdict::Degraded => facts.degraded += 1,
                Verdict::Down => facts.down += 1,
            }
        }
    }
    Ok(facts)
}

async fn latencies(
    step: &mut SqliteConnection,
    monitor: MonitorId,
    region: &Region,
    window: Window,
    stretch: Duration,
) -> Result<Vec<LatencyBucket>, Fault> {
    let Some(log) = Log::open(step, monitor, region, window).await? else { return Ok(Vec::new()) };
    let stretch = stretch.max(Duration::from_micros(1));
    let bucket_of = |at: Timestamp| {
        let stretches = at.since(window.from()).as_micros() / stretch.as_micros();
        window.from().plus(stretch.saturating_mul(u32::try_from(stretches).unwrap_or(u32::MAX)))
    };
    let mut hours = hours_in(window, rolled_up_to(step).await?);
    hours.retain(|hour| bucket_of(*hour) == bucket_of(hour.plus(HOUR - Duration::from_micros(1))));
    let mut buckets: BTreeMap<Timestamp, Histogram> = BTreeMap::new();
    for hour in rolled(step, &log, &hours).await? {
        let latencies =
            Histogram::from_bytes(&hour.latencies).ok_or_else(|| Unreadable::new("Histogram", hour.began_at))?;
        if latencies.count() > 0 {
            buckets.entry(bucket_of(Timestamp::from_micros(hour.began_at))).or_default().merge(&latencies);
        }
    }
    for part in outside(window, &hours) {
        for point in log.points(step, part).await?.iter().filter(|point| point.verdict != Verdict::Down.code()) {
            let bucket = buckets.entry(bucket_of(Timestamp::from_micros(point.slot))).or_default();
            bucket.add(duration(point.latency_us));
        }
    }
    Ok(buckets.into_iter().map(|(at, latencies)| LatencyBucket { at, latencies }).collect())
}

async fn rolled_up_to(step: &mut SqliteConnection) -> Result<Option<Timestamp>, Fault> {
    let at: Option<i64> = sqlx::query_scalar("SELECT rolled_up_to FROM instance").fetch_one(step).await?;
    Ok(at.map(Timestamp::from_micros))
}

/// The parts of a window that lie in none of the hours, which are ordered and lie inside.
fn outside(window: Window, hours: &[Timestamp]) -> Vec<Window> {
    let mut parts = Vec::new();
    let mut from = window.from();
    for hour in hours {
        parts.extend(Window::new(from, *hour));
        from = hour.plus(HOUR);
    }
    parts.extend(Window::new(from, window.to()));
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_outside_of_the_hours_is_read_from_the_log() {
        let at = Timestamp::from_secs;
        let window = Window::new(at(1_800), at(18_000)).unwrap();
        let parts = outside(window, &[at(3_600), at(7_200), at(14_400)]);
        let expected = [(1_800, 3_600), (10_800, 14_400)].map(|(from, to)| Window::new(at(from), at(to)).unwrap());
        assert_eq!(parts, expected);
        assert_eq!(outside(window, &[]), [window]);
    }
}
