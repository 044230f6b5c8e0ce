//! What happened, for reading. A method reads everything in one snapshot.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;
use watchkeeper_domain::audit::AuditFacts;
use watchkeeper_domain::check::{Check, Origin, Region};
use watchkeeper_domain::histogram::Histogram;
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::port::{CheckPage, CheckQuery, HistoryRepo, LatencyBucket, RepoResult};
use watchkeeper_domain::settle::is_slot;
use watchkeeper_domain::time::{Timestamp, Window};
use watchkeeper_domain::uptime::{Gap, StatusSpan, TimeFacts};
use watchkeeper_domain::verdict::Verdict;

use super::PostgresStore;
use super::facts::{Facts, facts};
use super::instant::Instant;
use super::log::checks_in;
use super::survey::{Finding, survey};
use super::walk::{Stretch, Walk};
use crate::row::{Code, Fault, GapRow, SpanRow, duration};

/// The most checks of one page.
const MAX_PAGE: usize = 1_000;
/// How many stretches of slots one question looks into before it answers with what it has.
const MAX_STRETCHES: usize = 8;
/// How many epochs, and gaps, of a monitor one question about its log takes into account.
const MAX_FACTS: usize = 500;
/// The same, where the question is about many monitors.
const MAX_FACTS_OF_MANY: usize = 50;

#[async_trait]
impl HistoryRepo for PostgresStore {
    async fn checks(&self, query: &CheckQuery) -> RepoResult<CheckPage> {
        let mut snapshot = self.snapshot().await?;
        Ok(page(&mut snapshot, query).await?)
    }

    async fn recent_checks(
        &self,
        monitors: &[MonitorId],
        region: &Region,
        limit: u32,
        now: Timestamp,
    ) -> RepoResult<Vec<Vec<Check>>> {
        let mut snapshot = self.snapshot().await?;
        let limit = usize::try_from(limit).unwrap_or(MAX_PAGE).min(MAX_PAGE);
        Ok(recent(&mut snapshot, monitors, region, limit, now).await?)
    }

    async fn time_facts(&self, monitors: &[MonitorId], region: &Region, window: Window) -> RepoResult<Vec<TimeFacts>> {
        let mut snapshot = self.snapshot().await?;
        let mut known = facts(&mut snapshot, monitors, region, window, None).await?;
        let mut spans = spans(&mut snapshot, monitors, window).await?;
        let time_facts = |id: &MonitorId| {
            let Some(Facts { epochs, gaps, next_due_at }) = known.remove(id) else { return TimeFacts::default() };
            TimeFacts { spans: spans.remove(id).unwrap_or_default(), epochs, gaps, next_due_at }
        };
        Ok(monitors.iter().map(time_facts).collect())
    }

    async fn audit_facts(
        &self,
        monitor: MonitorId,
        region: &Region,
        window: Window,
        now: Timestamp,
    ) -> RepoResult<AuditFacts> {
        let mut snapshot = self.snapshot().await?;
        Ok(audit(&mut snapshot, monitor, region, window, now).await?)
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
            "SELECT unix_us(first_slot) AS first_slot, unix_us(last_slot) AS last_slot, slot_count AS count, outcome
             FROM slot_gaps AS g
             WHERE monitor_id = $1 AND region = $2 AND first_slot < $4 AND last_slot >= $3
               AND EXISTS (SELECT FROM monitors WHERE id = g.monitor_id AND deleted_at IS NULL)
             ORDER BY g.first_slot DESC
             LIMIT $5",
        )
        .bind(monitor.uuid())
        .bind(region.as_str())
        .bind(Instant(window.from()))
        .bind(Instant(before.map_or(window.to(), |before| before.min(window.to()))))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await
        .map_err(Fault::from)?;
        Ok(rows.into_iter().map(Gap::try_from).collect::<Result<_, _>>().map_err(Fault::from)?)
    }

    async fn latencies(
        &self,
        monitor: MonitorId,
        region: &Region,
        window: Window,
        step: Duration,
    ) -> RepoResult<Vec<LatencyBucket>> {
        let mut snapshot = self.snapshot().await?;
        let known = facts(&mut snapshot, &[monitor], region, window, None).await?;
        let Some(known) = known.get(&monitor) else { return Ok(Vec::new()) };
        let step = i64::try_from(step.as_micros()).unwrap_or(i64::MAX).max(1);
        let bucket_of = |at: Timestamp| {
            let from = window.from().as_micros();
            Timestamp::from_micros(from + (at.as_micros() - from) / step * step)
        };
        let lies_in_one = |hour: Window| bucket_of(hour.from()) == bucket_of(hour.to().minus(Duration::from_micros(1)));
        let mut buckets: BTreeMap<Timestamp, Histogram> = BTreeMap::new();
        let see = |finding| match finding {
            Finding::Hour(hour) if hour.latencies.count() > 0 => {
                buckets.entry(bucket_of(hour.began_at)).or_default().merge(&hour.latencies);
            }
            Finding::Check(check) if check.verdict != Verdict::Down.code() => {
                buckets.entry(bucket_of(check.slot())).or_default().add(duration(check.latency_us));
            }
            _ => {}
        };
        survey(&mut snapshot, (monitor, region), known, window, lies_in_one, see).await?;
        Ok(buckets.into_iter().map(|(at, latencies)| LatencyBucket { at, latencies }).collect())
    }
}

/// A page of the log: stretches of slots are looked into until it is full, the window is through, or it has been enough.
async fn page(connection: &mut PgConnection, query: &CheckQuery) -> Result<CheckPage, Fault> {
    let CheckQuery { monitor, region, window, verdict, limit } = query;
    let limit = usize::try_from(*limit).unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
    let known = facts(connection, &[*monitor], region, *window, Some(MAX_FACTS)).await?;
    let Some(known) = known.get(monitor) else { return Ok(CheckPage::default()) };
    let whole_from = known.whole_from(*window, MAX_FACTS);
    let Some(whole) = Window::new(whole_from, window.to()) else { return Ok(CheckPage::default()) };
    let has_slots = verdict.is_none_or(|verdict| verdict == Verdict::Up);
    let mut walk = if has_slots { known.walk(whole) } else { Walk::new(Vec::new(), [], whole, None) };
    let mut checks: Vec<Check> = Vec::new();
    let mut more_before = None;
    for _ in 0..MAX_STRETCHES {
        let stretch = walk.next(limit + 1);
        let (is_last, from) = (stretch.is_last, stretch.window.from());
        let found = checks_in(connection, &[(*monitor, stretch)], region, *verdict, limit + 1).await?;
        checks.extend(found);
        more_before = (!is_last || whole_from > window.from()).then_some(from);
        if checks.len() > limit {
            checks.truncate(limit);
            more_before = checks.last().map(|check| check.slot);
            break;
        }
        if is_last {
            break;
        }
    }
    Ok(CheckPage { checks, more_before })
}

async fn recent(
    connection: &mut PgConnection,
    monitors: &[MonitorId],
    region: &Region,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<Vec<Check>>, Fault> {
    let window = Window::new(Timestamp::EPOCH, now.next().max(Timestamp::EPOCH));
    let Some(window) = window else { return Ok(vec![Vec::new(); monitors.len()]) };
    let known = facts(connection, monitors, region, window, Some(MAX_FACTS_OF_MANY)).await?;
    let mut walks: BTreeMap<MonitorId, Walk> = BTreeMap::new();
    for (monitor, known) in &known {
        let since = known.whole_from(window, MAX_FACTS_OF_MANY);
        walks.extend(Window::new(since, window.to()).map(|whole| (*monitor, known.walk(whole))));
    }
    let mut found: BTreeMap<MonitorId, Vec<Check>> = BTreeMap::new();
    for _ in 0..MAX_STRETCHES {
        let next = |(monitor, walk): (&MonitorId, &mut Walk)| (*monitor, walk.next(limit));
        let stretches: Vec<(MonitorId, Stretch)> = walks.iter_mut().map(next).collect();
        if stretches.is_empty() {
            break;
        }
        for check in checks_in(connection, &stretches, region, None, limit).await? {
            found.entry(check.monitor).or_default().push(check);
        }
        for (monitor, stretch) in stretches {
            if stretch.is_last || found.get(&monitor).is_some_and(|checks| checks.len() >= limit) {
                walks.remove(&monitor);
            }
        }
    }
    let newest = |monitor: &MonitorId| {
        let mut checks = found.get(monitor).cloned().unwrap_or_default();
        checks.truncate(limit);
        checks
    };
    Ok(monitors.iter().map(newest).collect())
}

#[derive(FromRow)]
struct SpanOfRow {
    monitor_id: Uuid,
    #[sqlx(flatten)]
    span: SpanRow,
}

/// The spans that touch a window, the oldest first.
async fn spans(
    connection: &mut PgConnection,
    monitors: &[MonitorId],
    window: Window,
) -> Result<BTreeMap<MonitorId, Vec<StatusSpan>>, Fault> {
    let rows: Vec<SpanOfRow> = sqlx::query_as(
        "SELECT monitor_id, status, unix_us(began_at) AS began_at, unix_us(ended_at) AS ended_at
         FROM status_spans AS s
         WHERE monitor_id = ANY ($1) AND began_at < $3 AND (ended_at IS NULL OR ended_at > $2)
         ORDER BY monitor_id, s.began_at",
    )
    .bind(monitors.iter().map(|monitor| monitor.uuid()).collect::<Vec<_>>())
    .bind(Instant(window.from()))
    .bind(Instant(window.to()))
    .fetch_all(connection)
    .await?;
    let mut spans: BTreeMap<MonitorId, Vec<StatusSpan>> = BTreeMap::new();
    for row in rows {
        spans.entry(MonitorId::new(row.monitor_id)).or_default().push(row.span.try_into()?);
    }
    Ok(spans)
}

async fn audit(
    connection: &mut PgConnection,
    monitor: MonitorId,
    region: &Region,
    window: Window,
    now: Timestamp,
) -> Result<AuditFacts, Fault> {
    let mut known = facts(connection, &[monitor], region, window, None).await?;
    let Some(mut known) = known.remove(&monitor) else { return Ok(AuditFacts::default()) };
    known.gaps.retain(|gap| gap.run.last >= window.from());
    let claimed: Vec<Instant> = sqlx::query_scalar(
        "SELECT slot FROM claims WHERE monitor_id = $1 AND region = $2 AND origin = $3 ORDER BY slot",
    )
    .bind(monitor.uuid())
    .bind(region.as_str())
    .bind(Origin::Scheduled.code())
    .fetch_all(&mut *connection)
    .await?;
    let mut audit = AuditFacts {
        epochs: known.epochs.clone(),
        gaps: known.gaps.clone(),
        claimed: claimed.into_iter().map(|slot| slot.0).collect(),
        next_due_at: known.next_due_at,
        ..AuditFacts::default()
    };
    let settled = audit.settled(window, now);
    let (mut up, mut degraded, mut down) = (0, 0, 0);
    let see = |finding| match finding {
        Finding::Hour(hour) => (up, degraded, down) = (up + hour.up, degraded + hour.degraded, down + hour.down),
        Finding::Check(check) if Origin::of_code(check.origin).is_ok_and(is_slot) => match check.verdict {
            1 => up += 1,
            2 => degraded += 1,
            _ => down += 1,
        },
        Finding::Check(_) => {}
    };
    survey(connection, (monitor, region), &known, settled, |_| true, see).await?;
    (audit.up, audit.degraded, audit.down) = (up, degraded, down);
    Ok(audit)
}
