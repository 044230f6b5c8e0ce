//! A reader of one snapshot.

use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::PgConnection;
use watchkeeper_domain::check::{Check, Region};
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::rollup::Tally;
use watchkeeper_domain::time::{Timestamp, Window};
use watchkeeper_domain::uptime::TimeFacts;

use crate::log::{Depth, Figure, Packed, Progress, Reader, Stretch};
use crate::postgres::facts::Of;
use crate::postgres::{facts, log, progress};
use crate::row::{DayRow, Fault, HourRow, Instant, PackRow, bigint};

/// A reader of one snapshot.
pub(super) struct LogReader<'s> {
    snapshot: &'s mut PgConnection,
    region: &'s Region,
}

impl<'s> LogReader<'s> {
    pub(super) fn new(snapshot: &'s mut PgConnection, region: &'s Region) -> Self {
        Self { snapshot, region }
    }
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
        facts::facts(self.snapshot, asked, self.region, most, depth).await
    }

    async fn checks_in(&mut self, stretches: &[(MonitorId, Stretch)], most: usize) -> Result<Vec<Check>, Fault> {
        log::checks_in(self.snapshot, stretches, self.region, most).await
    }

    async fn figures(
        &mut self,
        monitor: MonitorId,
        slots: &[Timestamp],
        windows: &[Window],
    ) -> Result<Vec<Figure>, Fault> {
        log::figures(self.snapshot, monitor, self.region, slots, windows).await
    }

    async fn progress(&mut self) -> Result<Progress, Fault> {
        progress::read(self.snapshot).await
    }

    async fn hours(&mut self, monitor: MonitorId, hours: &[Window]) -> Result<Vec<(Timestamp, Tally)>, Fault> {
        let rows: Vec<HourRow> = sqlx::query_as(
            "SELECT r.began_at, r.up, r.degraded, r.down, r.latencies
             FROM unnest($1::timestamptz[]) AS w (began_at)
             CROSS JOIN LATERAL (
                 SELECT *
                 FROM hour_rollups
                 WHERE began_at = w.began_at AND monitor_id = $2 AND region = $3 AND began_at >= $4
                 LIMIT 1
             ) AS r",
        )
        .bind(hours.iter().map(|hour| Instant(hour.from())).collect::<Vec<_>>())
        .bind(monitor.uuid())
        .bind(self.region.as_str())
        .bind(Instant(hours.iter().map(Window::from).min().unwrap_or(Timestamp::EPOCH)))
        .fetch_all(&mut *self.snapshot)
        .await?;
        Ok(rows.into_iter().map(TryFrom::try_from).collect::<Result<_, _>>()?)
    }

    async fn days(
        &mut self,
        monitor: MonitorId,
        window: Window,
        with_hours: &[Timestamp],
    ) -> Result<Vec<DayRow>, Fault> {
        // Whole days are read from the index alone; those of which the hours are wanted, one by one from their rows.
        let rows = sqlx::query_as(
            "SELECT began_at, up, degraded, down, latencies, NULL AS hours
             FROM day_rollups
             WHERE monitor_id = $1 AND region = $2 AND began_at >= $3 AND began_at < $4 AND began_at <> ALL ($5)
             UNION ALL
             SELECT r.began_at, r.up, r.degraded, r.down, r.latencies, r.hours
             FROM unnest($5) AS w (began_at)
             CROSS JOIN LATERAL (
                 SELECT * FROM day_rollups WHERE monitor_id = $1 AND region = $2 AND began_at = w.began_at LIMIT 1
             ) AS r",
        )
        .bind(monitor.uuid())
        .bind(self.region.as_str())
        .bind(Instant(window.from()))
        .bind(Instant(window.to()))
        .bind(with_hours.iter().map(|day| Instant(*day)).collect::<Vec<_>>())
        .fetch_all(&mut *self.snapshot)
        .await?;
        Ok(rows)
    }

    async fn packs(&mut self, asked: &[(MonitorId, Window)], most: usize) -> Result<Vec<Packed>, Fault> {
        let rows: Vec<Of<PackRow>> = sqlx::query_as(
            "SELECT w.monitor_id, p.began_at, p.runs::text AS runs, p.packed_latencies
             FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) WITH ORDINALITY
                  AS w (monitor_id, begins, ends, n)
             CROSS JOIN LATERAL (
                 SELECT *
                 FROM packed_checks
                 WHERE monitor_id = w.monitor_id AND region = $4 AND began_at < w.ends
                   AND began_at >= coalesce((SELECT max(began_at)
                                             FROM packed_checks
                                             WHERE monitor_id = w.monitor_id AND region = $4 AND began_at <= w.begins),
                                            w.begins)
                 ORDER BY began_at DESC
                 LIMIT $5
             ) AS p
             ORDER BY w.n, p.began_at DESC",
        )
        .bind(asked.iter().map(|(monitor, _)| monitor.uuid()).collect::<Vec<_>>())
        .bind(asked.iter().map(|(_, window)| Instant(window.from())).collect::<Vec<_>>())
        .bind(asked.iter().map(|(_, window)| Instant(window.to())).collect::<Vec<_>>())
        .bind(self.region.as_str())
        .bind(bigint(most))
        .fetch_all(&mut *self.snapshot)
        .await?;
        let packed = |Of { monitor_id, row }: Of<PackRow>| {
            let (monitor, began_at) = (MonitorId::new(monitor_id), row.began_at.0);
            Ok(Packed { monitor, began_at, pack: row.pack()? })
        };
        rows.into_iter().map(packed).collect()
    }
}
