//! Incidents: opened and ended by flips, with a notice for every enabled channel; and read.

use async_trait::async_trait;
use sqlx::{FromRow, SqliteConnection};
use uuid::Uuid;
use watchkeeper_domain::id::{ChannelId, IncidentId, NoticeId, WorkspaceId};
use watchkeeper_domain::incident::{Ending, Incident, TimelineEvent};
use watchkeeper_domain::monitor::Monitor;
use watchkeeper_domain::port::{IdGenerator, IncidentQuery, IncidentRepo, RepoResult};
use watchkeeper_domain::report::Evidence;
use watchkeeper_domain::status::Flip;
use watchkeeper_domain::time::Timestamp;

use super::SqliteStore;
use crate::row::{Code, DeliveryRow, EvidenceJson, Fault, IncidentRow, Unreadable};

#[async_trait]
impl IncidentRepo for SqliteStore {
    async fn incidents(&self, query: &IncidentQuery) -> RepoResult<Vec<Incident>> {
        Ok(incidents(self, query).await?)
    }

    async fn incident(
        &self,
        workspace: WorkspaceId,
        id: IncidentId,
    ) -> RepoResult<Option<(Incident, Vec<TimelineEvent>)>> {
        Ok(incident(self, workspace, id).await?)
    }
}

async fn incidents(store: &SqliteStore, query: &IncidentQuery) -> Result<Vec<Incident>, Fault> {
    let mut step = store.read().await?;
    let before = query.before.map_or(Uuid::max(), IncidentId::uuid);
    let rows: Vec<IncidentRow> = match query.monitor {
        None => {
            sqlx::query_as(
                "SELECT i.*, m.id AS monitor_id
                   FROM incidents AS i
                   JOIN monitors AS m ON m.key = i.monitor_key
                  WHERE i.workspace_id = ? AND i.id < ? AND m.deleted_at IS NULL
                  ORDER BY i.id DESC
                  LIMIT ?",
            )
            .bind(query.workspace.uuid())
            .bind(before)
            .bind(query.limit)
            .fetch_all(&mut *step)
            .await?
        }
        Some(monitor) => {
            sqlx::query_as(
                "SELECT i.*, m.id AS monitor_id
                   FROM monitors AS m
                   JOIN incidents AS i ON i.monitor_key = m.key
                  WHERE m.id = ? AND m.workspace_id = ? AND m.deleted_at IS NULL AND i.id < ?
                  ORDER BY i.id DESC
                  LIMIT ?",
            )
            .bind(monitor.uuid())
            .bind(query.workspace.uuid())
            .bind(before)
            .bind(query.limit)
            .fetch_all(&mut *step)
            .await?
        }
    };
    Ok(rows.into_iter().map(Incident::try_from).collect::<Result<_, Unreadable>>()?)
}

async fn incident(
    store: &SqliteStore,
    workspace: WorkspaceId,
    id: IncidentId,
) -> Result<Option<(Incident, Vec<TimelineEvent>)>, Fault> {
    let mut step = store.read().await?;
    let row: Option<IncidentRow> = sqlx::query_as(
        "SELECT i.*, m.id AS monitor_id
           FROM incidents AS i
           JOIN monitors AS m ON m.key = i.monitor_key
          WHERE i.id = ? AND i.workspace_id = ? AND m.deleted_at IS NULL",
    )
    .bind(id.uuid())
    .bind(workspace.uuid())
    .fetch_optional(&mut *step)
    .await?;
    let Some(incident) = row.map(Incident::try_from).transpose()? else { return Ok(None) };
    let mut events =
        vec![TimelineEvent::FirstFailure(incident.started_at), TimelineEvent::Confirmed(incident.confirmed_at)];
    events.extend(owed(&mut step, id).await?);
    events.extend(deliveries(&mut step, id).await?);
    events.extend(incident.ended.map(|(at, ending)| TimelineEvent::Ended(at, ending)));
    events.sort_by_key(TimelineEvent::at);
    Ok(Some((incident, events)))
}

#[derive(FromRow)]
struct OwedRow {
    id: Uuid,
    channel_id: Uuid,
    to_status: i16,
    created_at: i64,
}

async fn owed(step: &mut SqliteConnection, incident: IncidentId) -> Result<Vec<TimelineEvent>, Fault> {
    let rows: Vec<OwedRow> =
        sqlx::query_as("SELECT id, channel_id, to_status, created_at FROM notices WHERE incident_id = ? ORDER BY id")
            .bind(incident.uuid())
            .fetch_all(step)
            .await?;
    let event = |row: OwedRow| {
        Ok(TimelineEvent::NoticeOwed {
            at: Timestamp::from_micros(row.created_at),
            notice: NoticeId::new(row.id),
            channel: ChannelId::new(row.channel_id),
            about: Code::of_code(row.to_status)?,
        })
    };
    Ok(rows.into_iter().map(event).collect::<Result<_, Unreadable>>()?)
}

async fn deliveries(step: &mut SqliteConnection, incident: IncidentId) -> Result<Vec<TimelineEvent>, Fault> {
    let rows: Vec<DeliveryRow> = sqlx::query_as(
        "SELECT d.notice_id, n.channel_id, d.attempt, d.at, d.error, d.retry_at
           FROM notices AS n
           JOIN deliveries AS d ON d.notice_id = n.id
          WHERE n.incident_id = ?
          ORDER BY d.notice_id, d.attempt",
    )
    .bind(incident.uuid())
    .fetch_all(step)
    .await?;
    Ok(rows.into_iter().map(TimelineEvent::from).collect())
}

/// Opens or ends the incident that a flip is about, and owes every enabled channel a notice.
pub(super) async fn tell(
    step: &mut SqliteConnection,
    ids: &dyn IdGenerator,
    now: Timestamp,
    key: i64,
    monitor: &Monitor,
    flip: &Flip,
    evidence: Option<&Evidence>,
) -> Result<(), Fault> {
    if flip.closes_incident()
        && let Some(incident) = end(step, key, flip.at, Ending::Recovered).await?
    {
        owe(step, ids, now, key, monitor, incident, flip).await?;
    }
    if flip.opens_incident() {
        let incident = ids.uuid();
        open(step, key, incident, monitor, flip, evidence).await?;
        owe(step, ids, now, key, monitor, incident, flip).await?;
    }
    Ok(())
}

/// Ends the incident of a monitor that nobody watches any more.
pub(super) async fn end_as_paused(step: &mut SqliteConnection, key: i64, at: Timestamp) -> Result<(), Fault> {
    end(step, key, at, Ending::Paused).await.map(|_| ())
}

async fn end(step: &mut SqliteConnection, key: i64, at: Timestamp, ending: Ending) -> Result<Option<Uuid>, Fault> {
    let query = sqlx::query_scalar(
        "UPDATE incidents SET ended_at = max(?, started_at), ending = ?
          WHERE monitor_key = ? AND ended_at IS NULL
      RETURNING id",
    );
    Ok(query.bind(at.as_micros()).bind(ending.code()).bind(key).fetch_optional(step).await?)
}

async fn open(
    step: &mut SqliteConnection,
    key: i64,
    id: Uuid,
    monitor: &Monitor,
    flip: &Flip,
    evidence: Option<&Evidence>,
) -> Result<(), Fault> {
    let cause = flip.cause();
    sqlx::query(
        "INSERT INTO incidents
                (id, workspace_id, monitor_key, monitor_name, target_url, started_at, confirmed_at,
                 cause_kind, cause_detail, evidence)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(id)
    .bind(monitor.workspace.uuid())
    .bind(key)
    .bind(monitor.settings.name.as_str())
    .bind(monitor.settings.target.url())
    .bind(flip.at.as_micros())
    .bind(flip.settled_by.as_micros())
    .bind(cause.kind.code())
    .bind(cause.detail)
    .bind(evidence.map(EvidenceJson::text).transpose()?)
    .execute(step)
    .await?;
    Ok(())
}

async fn owe(
    step: &mut SqliteConnection,
    ids: &dyn IdGenerator,
    now: Timestamp,
    key: i64,
    monitor: &Monitor,
    incident: Uuid,
    flip: &Flip,
) -> Result<(), Fault> {
    let channels: Vec<(Uuid, i16)> =
        sqlx::query_as("SELECT id, kind FROM channels WHERE workspace_id = ? AND is_enabled ORDER BY id")
            .bind(monitor.workspace.uuid())
            .fetch_all(&mut *step)
            .await?;
    for (channel, kind) in channels {
        sqlx::query(
            "INSERT INTO notices
                    (id, workspace_id, channel_id, channel_kind, monitor_key, incident_id, monitor_name, target_url,
                     from_status, to_status, since, reason_kind, reason_detail, created_at, due_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?14)",
        )
        .bind(ids.uuid())
        .bind(monitor.workspace.uuid())
        .bind(channel)
        .bind(kind)
        .bind(key)
        .bind(incident)
        .bind(monitor.settings.name.as_str())
        .bind(monitor.settings.target.url())
        .bind(flip.from.code())
        .bind(flip.to.code())
        .bind(flip.at.as_micros())
        .bind(flip.reason.as_ref().map(|reason| reason.kind.code()))
        .bind(flip.reason.as_ref().map(|reason| reason.detail.as_str()))
        .bind(now.as_micros())
        .execute(&mut *step)
        .await?;
    }
    Ok(())
}
