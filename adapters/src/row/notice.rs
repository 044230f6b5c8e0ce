//! Incidents, notices and deliveries as rows.

use sqlx::FromRow;
use uuid::Uuid;
use watchkeeper_domain::id::{ChannelId, IncidentId, MonitorId, NoticeId, WorkspaceId};
use watchkeeper_domain::incident::{Incident, TimelineEvent};
use watchkeeper_domain::notice::{Channel, DeliveryOutcome, Notice};
use watchkeeper_domain::report::Reason;
use watchkeeper_domain::time::Timestamp;

use super::log::reason;
use super::{Code, EvidenceJson, Instant, NoticeState, Unreadable};

/// An incident as a row.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct IncidentRow {
    pub(crate) id: Uuid,
    pub(crate) workspace_id: Uuid,
    pub(crate) monitor_id: Uuid,
    pub(crate) monitor_name: String,
    pub(crate) target_url: String,
    pub(crate) started_at: Instant,
    pub(crate) confirmed_at: Instant,
    pub(crate) ended_at: Option<Instant>,
    pub(crate) ending: Option<i16>,
    pub(crate) cause_kind: i16,
    pub(crate) cause_detail: String,
    /// Evidence as JSON text.
    pub(crate) evidence: Option<String>,
}

impl TryFrom<IncidentRow> for Incident {
    type Error = Unreadable;

    fn try_from(row: IncidentRow) -> Result<Self, Unreadable> {
        let ended = match (row.ended_at, row.ending) {
            (Some(at), Some(ending)) => Some((at.0, Code::of_code(ending)?)),
            _ => None,
        };
        Ok(Self {
            id: IncidentId::new(row.id),
            workspace: WorkspaceId::new(row.workspace_id),
            monitor: MonitorId::new(row.monitor_id),
            monitor_name: row.monitor_name,
            target_url: row.target_url,
            started_at: row.started_at.0,
            confirmed_at: row.confirmed_at.0,
            ended,
            cause: Reason { kind: Code::of_code(row.cause_kind)?, detail: row.cause_detail },
            evidence: row.evidence.as_deref().map(EvidenceJson::read).transpose()?,
        })
    }
}

/// A channel as a row.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct ChannelRow {
    pub(crate) id: Uuid,
    pub(crate) workspace_id: Uuid,
    pub(crate) name: String,
    pub(crate) kind: i16,
    pub(crate) is_enabled: bool,
    pub(crate) created_at: Instant,
}

impl TryFrom<ChannelRow> for Channel {
    type Error = Unreadable;

    fn try_from(row: ChannelRow) -> Result<Self, Unreadable> {
        Ok(Self {
            id: ChannelId::new(row.id),
            workspace: WorkspaceId::new(row.workspace_id),
            name: row.name,
            kind: Code::of_code(row.kind)?,
            is_enabled: row.is_enabled,
            created_at: row.created_at.0,
        })
    }
}

/// What an attempt at delivery makes of its notice: what becomes of it, why it failed, and when the next attempt is due.
pub(crate) fn outcome_columns(outcome: &DeliveryOutcome) -> (NoticeState, Option<&str>, Option<Timestamp>) {
    match outcome {
        DeliveryOutcome::Delivered => (NoticeState::Delivered, None, None),
        DeliveryOutcome::Failed { error, retry_at: Some(at) } => (NoticeState::Pending, Some(error), Some(*at)),
        DeliveryOutcome::Failed { error, retry_at: None } => (NoticeState::Dead, Some(error), None),
    }
}

/// A notice as a row.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct NoticeRow {
    pub(crate) id: Uuid,
    pub(crate) workspace_id: Uuid,
    pub(crate) channel_id: Uuid,
    pub(crate) channel_kind: i16,
    pub(crate) monitor_id: Uuid,
    pub(crate) incident_id: Uuid,
    pub(crate) monitor_name: String,
    pub(crate) target_url: String,
    pub(crate) from_status: i16,
    pub(crate) to_status: i16,
    pub(crate) since: Instant,
    pub(crate) reason_kind: Option<i16>,
    pub(crate) reason_detail: Option<String>,
    pub(crate) created_at: Instant,
    /// How many attempts are in the ledger.
    pub(crate) attempts: i32,
}

impl TryFrom<NoticeRow> for Notice {
    type Error = Unreadable;

    fn try_from(row: NoticeRow) -> Result<Self, Unreadable> {
        Ok(Self {
            id: NoticeId::new(row.id),
            workspace: WorkspaceId::new(row.workspace_id),
            channel: ChannelId::new(row.channel_id),
            channel_kind: Code::of_code(row.channel_kind)?,
            monitor: MonitorId::new(row.monitor_id),
            incident: IncidentId::new(row.incident_id),
            monitor_name: row.monitor_name,
            target_url: row.target_url,
            from: Code::of_code(row.from_status)?,
            to: Code::of_code(row.to_status)?,
            since: row.since.0,
            reason: reason(row.reason_kind, row.reason_detail)?,
            created_at: row.created_at.0,
        })
    }
}

/// An attempt at delivery as a row, with the channel of its notice.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct DeliveryRow {
    pub(crate) notice_id: Uuid,
    pub(crate) channel_id: Uuid,
    pub(crate) attempt: i32,
    pub(crate) at: Instant,
    /// Why it failed; `None` where it did not.
    pub(crate) error: Option<String>,
    pub(crate) retry_at: Option<Instant>,
}

impl From<DeliveryRow> for TimelineEvent {
    fn from(row: DeliveryRow) -> Self {
        let outcome = match row.error {
            None => DeliveryOutcome::Delivered,
            Some(error) => DeliveryOutcome::Failed { error, retry_at: row.retry_at.map(|at| at.0) },
        };
        Self::Delivery {
            at: row.at.0,
            notice: NoticeId::new(row.notice_id),
            channel: ChannelId::new(row.channel_id),
            attempt: u32::try_from(row.attempt).unwrap_or(0),
            outcome,
        }
    }
}
