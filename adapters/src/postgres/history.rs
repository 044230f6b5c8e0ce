//! What happened, for reading. A method reads everything in one snapshot.

mod reader;

use std::time::Duration;

use async_trait::async_trait;
use watchkeeper_domain::audit::SlotAccount;
use watchkeeper_domain::check::Region;
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::port::{CheckPage, CheckQuery, Glance, HistoryRepo, LatencyBucket, RepoResult};
use watchkeeper_domain::time::{Timestamp, Window};
use watchkeeper_domain::uptime::{Gap, TimeFacts};

use self::reader::LogReader;
use super::PostgresStore;
use crate::log;
use crate::row::{Fault, GapRow, Instant};

#[async_trait]
impl HistoryRepo for PostgresStore {
    async fn checks(&self, query: &CheckQuery) -> RepoResult<CheckPage> {
        let mut snapshot = self.snapshot().await?;
        Ok(log::page(&mut LogReader::new(&mut snapshot, &query.region), query).await?)
    }

    async fn glances(
        &self,
        asked: &[(MonitorId, Timestamp)],
        region: &Region,
        most: u32,
        limit: u32,
        now: Timestamp,
    ) -> RepoResult<Vec<Glance>> {
        let mut snapshot = self.snapshot().await?;
        Ok(log::glances(&mut LogReader::new(&mut snapshot, region), asked, most, limit, now).await?)
    }

    async fn time_facts(
        &self,
        asked: &[(MonitorId, Window)],
        region: &Region,
        most: u32,
    ) -> RepoResult<Vec<TimeFacts>> {
        // One statement sees one moment by itself.
        let mut connection = self.questions.acquire().await.map_err(Fault::from)?;
        Ok(log::time_facts(&mut LogReader::new(&mut connection, region), asked, most).await?)
    }

    async fn account(
        &self,
        monitor: MonitorId,
        region: &Region,
        window: Window,
        now: Timestamp,
    ) -> RepoResult<SlotAccount> {
        let mut snapshot = self.snapshot().await?;
        Ok(log::audit(&mut LogReader::new(&mut snapshot, region), monitor, window, now).await?)
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
            "SELECT first_slot, last_slot, slot_count AS count, outcome
             FROM slot_gaps AS g
             WHERE monitor_id = $1 AND region = $2 AND first_slot < $4 AND last_slot >= $3
               -- Gaps lie apart: only the last one that begins by the window's beginning can reach into it.
               AND first_slot >= coalesce(
                   (SELECT max(first_slot) FROM slot_gaps
                    WHERE monitor_id = $1 AND region = $2 AND first_slot <= $3),
                   $3)
               AND EXISTS (SELECT FROM monitors WHERE id = g.monitor_id AND deleted_at IS NULL)
             ORDER BY g.first_slot DESC
             LIMIT $5",
        )
        .bind(monitor.uuid())
        .bind(region.as_str())
        .bind(Instant(window.from()))
        .bind(Instant(before.map_or(window.to(), |before| before.min(window.to()))))
        .bind(i64::from(limit))
        .fetch_all(&self.questions)
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
        Ok(log::latencies(&mut LogReader::new(&mut snapshot, region), monitor, window, step).await?)
    }
}
