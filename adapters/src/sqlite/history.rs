//! Reading what happened: each question in one snapshot.

use std::time::Duration;

use async_trait::async_trait;
use watchkeeper_domain::audit::SlotAccount;
use watchkeeper_domain::check::Region;
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::port::{CheckPage, CheckQuery, Glance, HistoryRepo, LatencyBucket, RepoResult};
use watchkeeper_domain::time::{Timestamp, Window};
use watchkeeper_domain::uptime::{Gap, TimeFacts};

use super::SqliteStore;
use super::log::LogReader;
use crate::log;
use crate::row::{Fault, GapRow, Unreadable};

#[async_trait]
impl HistoryRepo for SqliteStore {
    async fn checks(&self, query: &CheckQuery) -> RepoResult<CheckPage> {
        let mut step = self.read().await?;
        Ok(log::page(&mut LogReader::new(&mut step, &query.region), query).await?)
    }

    async fn glances(
        &self,
        asked: &[(MonitorId, Timestamp)],
        region: &Region,
        most: u32,
        limit: u32,
        now: Timestamp,
    ) -> RepoResult<Vec<Glance>> {
        let mut step = self.read().await?;
        Ok(log::glances(&mut LogReader::new(&mut step, region), asked, most, limit, now).await?)
    }

    async fn time_facts(
        &self,
        asked: &[(MonitorId, Window)],
        region: &Region,
        most: u32,
    ) -> RepoResult<Vec<TimeFacts>> {
        // One statement sees one moment by itself.
        let mut connection = self.readers.acquire().await.map_err(Fault::from)?;
        Ok(log::time_facts(&mut LogReader::new(&mut connection, region), asked, most).await?)
    }

    async fn account(
        &self,
        monitor: MonitorId,
        region: &Region,
        window: Window,
        now: Timestamp,
    ) -> RepoResult<SlotAccount> {
        let mut step = self.read().await?;
        Ok(log::audit(&mut LogReader::new(&mut step, region), monitor, window, now).await?)
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
            "SELECT g.first_slot, g.last_slot, g.count, g.outcome
               FROM monitors AS m
              CROSS JOIN slot_gaps AS g ON g.monitor_key = m.key AND g.region = ?2
              WHERE m.id = ?1 AND m.deleted_at IS NULL
                AND g.first_slot < ?4 AND g.last_slot >= ?3
                -- Gaps lie apart: only the last one that begins by the window's beginning can reach into it.
                AND g.first_slot >= coalesce((SELECT first_slot
                                                FROM slot_gaps
                                               WHERE monitor_key = m.key AND region = ?2 AND first_slot <= ?3
                                               ORDER BY first_slot DESC LIMIT 1), ?3)
              ORDER BY g.first_slot DESC
              LIMIT ?5",
        )
        .bind(monitor.uuid())
        .bind(region.as_str())
        .bind(window.from().as_micros())
        .bind(before.map_or(window.to(), |before| before.min(window.to())).as_micros())
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
        Ok(log::latencies(&mut LogReader::new(&mut snapshot, region), monitor, window, step).await?)
    }
}
