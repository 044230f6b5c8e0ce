//! Incidents, for reading.

use async_trait::async_trait;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;
use watchkeeper_domain::id::{ChannelId, IncidentId, NoticeId, WorkspaceId};
use watchkeeper_domain::incident::{Incident, TimelineEvent};
use watchkeeper_domain::port::{IncidentQuery, IncidentRepo, RepoResult};

use super::PostgresStore;
use crate::row::{Code, DeliveryRow, Fault, IncidentRow, Instant};

/// Incidents of monitors that are there.
macro_rules! incidents {
    () => {
        "SELECT i.id, i.workspace_id, monitor_id, monitor_name, target_url, started_at, confirmed_at, ended_at, ending,
                cause_kind, cause_detail, evidence::text AS evidence
         FROM incidents AS i JOIN monitors AS m ON m.id = i.monitor_id AND m.deleted_at IS NULL "
    };
}

/// Those of a workspace before one, the newest first.
const OF_WORKSPACE: &str = concat!(incidents!(), "WHERE i.workspace_id = $1 AND i.id < $2 ORDER BY i.id DESC LIMIT $3");

/// Those of one of its monitors.
const OF_MONITOR: &str =
    concat!(incidents!(), "WHERE i.workspace_id = $1 AND i.monitor_id = $2 AND i.id < $3 ORDER BY i.id DESC LIMIT $4");

#[async_trait]
impl IncidentRepo for PostgresStore {
    async fn incidents(&self, query: &IncidentQuery) -> RepoResult<Vec<Incident>> {
        let (workspace, before) = (query.workspace.uuid(), query.before.map_or(Uuid::max(), IncidentId::uuid));
        let rows = match query.monitor {
            None => sqlx::query_as(OF_WORKSPACE).bind(workspace),
            Some(monitor) => sqlx::query_as(OF_MONITOR).bind(workspace).bind(monitor.uuid()),
        };
        let rows: Vec<IncidentRow> =
            rows.bind(before).bind(i64::from(query.limit)).fetch_all(&self.questions).await.map_err(Fault::from)?;
        Ok(rows.into_iter().map(Incident::try_from).collect::<Result<_, _>>().map_err(Fault::from)?)
    }

    async fn incident(
        &self,
        workspace: WorkspaceId,
        id: IncidentId,
    ) -> RepoResult<Option<(Incident, Vec<TimelineEvent>)>> {
        let mut snapshot = self.snapshot().await?;
        let one = concat!(incidents!(), "WHERE i.id = $1 AND i.workspace_id = $2");
        let row: Option<IncidentRow> = sqlx::query_as(one)
            .bind(id.uuid())
            .bind(workspace.uuid())
            .fetch_optional(&mut *snapshot)
            .await
            .map_err(Fault::from)?;
        let Some(row) = row else { return Ok(None) };
        let incident = Incident::try_from(row).map_err(Fault::from)?;
        let timeline = timeline(&mut snapshot, &incident).await?;
        Ok(Some((incident, timeline)))
    }
}

#[derive(FromRow)]
struct OwedRow {
    id: Uuid,
    channel_id: Uuid,
    to_status: i16,
    created_at: Instant,
}

/// What happened in the course of an incident, oldest first.
async fn timeline(connection: &mut PgConnection, incident: &Incident) -> Result<Vec<TimelineEvent>, Fault> {
    let owed: Vec<OwedRow> = sqlx::query_as(
        "SELECT id, channel_id, to_status, created_at
         FROM notices
         WHERE incident_id = $1
         ORDER BY id",
    )
    .bind(incident.id.uuid())
    .fetch_all(&mut *connection)
    .await?;
    let deliveries: Vec<DeliveryRow> = sqlx::query_as(
        "SELECT notice_id, channel_id, attempt, at, error, retry_at
         FROM deliveries JOIN notices ON notices.id = deliveries.notice_id
         WHERE incident_id = $1
         ORDER BY notice_id, attempt",
    )
    .bind(incident.id.uuid())
    .fetch_all(connection)
    .await?;
    let mut events =
        vec![TimelineEvent::FirstFailure(incident.started_at), TimelineEvent::Confirmed(incident.confirmed_at)];
    for row in owed {
        events.push(TimelineEvent::NoticeOwed {
            at: row.created_at.0,
            notice: NoticeId::new(row.id),
            channel: ChannelId::new(row.channel_id),
            about: Code::of_code(row.to_status)?,
        });
    }
    events.extend(deliveries.into_iter().map(TimelineEvent::from));
    events.extend(incident.ended.map(|(at, ending)| TimelineEvent::Ended(at, ending)));
    events.sort_by_key(TimelineEvent::at);
    Ok(events)
}
