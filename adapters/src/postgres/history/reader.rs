//! A reader of one snapshot.

use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::PgConnection;
use watchkeeper_domain::check::{Check, OpenSlot, Origin, Region};
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::rollup::HourSum;
use watchkeeper_domain::time::{Timestamp, Window};
use watchkeeper_domain::uptime::StatusSpan;

use crate::log::{Facts, Figure, Reader, Stretch};
use crate::postgres::instant::Instant;
use crate::postgres::{facts, log, rollup};
use crate::row::{Code, Fault, HourRow, OpenRow, open_slots};

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
    async fn facts(&mut self, asked: &[(MonitorId, Window)], most: usize) -> Result<HashMap<MonitorId, Facts>, Fault> {
        facts::facts(self.snapshot, asked, self.region, most).await
    }

    async fn spans(
        &mut self,
        asked: &[(MonitorId, Window)],
        most: usize,
    ) -> Result<HashMap<MonitorId, Vec<StatusSpan>>, Fault> {
        facts::spans(self.snapshot, asked, most).await
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

    async fn open_slots(&mut self, monitors: &[MonitorId]) -> Result<HashMap<MonitorId, Vec<OpenSlot>>, Fault> {
        let rows: Vec<OpenRow> = sqlx::query_as(
            "SELECT monitor_id, unix_us(slot) AS slot, unix_us(start_before) AS start_before,
                    unix_us(free_at) AS lease_until
             FROM claims
             WHERE monitor_id = ANY ($1) AND region = $2 AND origin = $3
             ORDER BY slot",
        )
        .bind(monitors.iter().map(|monitor| monitor.uuid()).collect::<Vec<_>>())
        .bind(self.region.as_str())
        .bind(Origin::Scheduled.code())
        .fetch_all(&mut *self.snapshot)
        .await?;
        Ok(open_slots(rows))
    }

    async fn rolled_to(&mut self) -> Result<Option<Timestamp>, Fault> {
        rollup::rolled_to(self.snapshot).await
    }

    async fn hours(&mut self, monitor: MonitorId, hours: &[Window]) -> Result<Vec<(Timestamp, HourSum)>, Fault> {
        let rows: Vec<HourRow> = sqlx::query_as(
            "SELECT unix_us(r.began_at) AS began_at, r.up, r.degraded, r.down, r.latencies
             FROM unnest($1::timestamptz[]) AS w (began_at)
             CROSS JOIN LATERAL (
                 SELECT *
                 FROM rollups
                 WHERE period = $2 AND began_at = w.began_at AND monitor_id = $3 AND region = $4
                 LIMIT 1
             ) AS r",
        )
        .bind(hours.iter().map(|hour| Instant(hour.from())).collect::<Vec<_>>())
        .bind(rollup::HOURLY)
        .bind(monitor.uuid())
        .bind(self.region.as_str())
        .fetch_all(&mut *self.snapshot)
        .await?;
        Ok(rows.into_iter().map(TryFrom::try_from).collect::<Result<_, _>>()?)
    }
}
