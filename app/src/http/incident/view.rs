//! Incidents as the API shows them.

use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use uuid::{Uuid, uuid};
use watchkeeper_domain::incident::{self, Ending, TimelineEvent};
use watchkeeper_domain::notice::DeliveryOutcome;
use watchkeeper_domain::time::Timestamp;

use crate::http::check::{Evidence, ReasonCode};
use crate::http::status::Status;
use crate::http::value::{Nullable, Time};

/// How an incident ended.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename_all = "UPPERCASE")]
pub(super) enum EndedAs {
    /// The target came back.
    Recovered,
    /// The monitor was paused.
    Paused,
}

impl From<Ending> for EndedAs {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Recovered => Self::Recovered,
            Ending::Paused => Self::Paused,
        }
    }
}

/// What happened in the course of an incident.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename_all = "snake_case")]
pub(super) enum TimelineEventType {
    /// The first check that failed.
    FirstFailure,
    /// The check that settled it.
    Confirmed,
    /// A notice fell due.
    NoticeOwed,
    /// A notice was delivered.
    Delivered,
    /// An attempt to deliver a notice failed.
    DeliveryFailed,
    /// It was over.
    Ended,
}

/// Something that happened in the course of an incident.
#[derive(Clone, Debug, Object)]
pub(super) struct TimelineEntry {
    /// When.
    at: Time,
    /// What.
    #[oai(rename = "type")]
    kind: TimelineEventType,
    /// Which notice; only of notices and deliveries.
    #[oai(skip_serializing_if_is_none)]
    notice_id: Option<Uuid>,
    /// To which channel; only of notices and deliveries.
    #[oai(skip_serializing_if_is_none)]
    channel_id: Option<Uuid>,
    /// About which status; only of notices.
    #[oai(skip_serializing_if_is_none)]
    about: Option<Status>,
    /// The how-manieth attempt, from 1; only of deliveries.
    #[oai(skip_serializing_if_is_none)]
    attempt: Option<u32>,
    /// Why it failed; only of failed deliveries.
    #[oai(skip_serializing_if_is_none)]
    error: Option<String>,
    /// When it is tried again; left out where it will not be.
    #[oai(skip_serializing_if_is_none)]
    retry_at: Option<Time>,
    /// How it ended; only of the end.
    #[oai(skip_serializing_if_is_none)]
    ended_as: Option<EndedAs>,
}

impl TimelineEntry {
    fn of(kind: TimelineEventType, at: Timestamp) -> Self {
        Self {
            at: at.into(),
            kind,
            notice_id: None,
            channel_id: None,
            about: None,
            attempt: None,
            error: None,
            retry_at: None,
            ended_as: None,
        }
    }
}

impl From<&TimelineEvent> for TimelineEntry {
    fn from(event: &TimelineEvent) -> Self {
        match event {
            TimelineEvent::FirstFailure(at) => Self::of(TimelineEventType::FirstFailure, *at),
            TimelineEvent::Confirmed(at) => Self::of(TimelineEventType::Confirmed, *at),
            TimelineEvent::NoticeOwed { at, notice, channel, about } => Self {
                notice_id: Some(notice.uuid()),
                channel_id: Some(channel.uuid()),
                about: Some((*about).into()),
                ..Self::of(TimelineEventType::NoticeOwed, *at)
            },
            TimelineEvent::Delivery { at, notice, channel, attempt, outcome } => {
                let (kind, error, retry_at) = match outcome {
                    DeliveryOutcome::Delivered => (TimelineEventType::Delivered, None, None),
                    DeliveryOutcome::Failed { error, retry_at } => {
                        (TimelineEventType::DeliveryFailed, Some(error.clone()), retry_at.map(Into::into))
                    }
                };
                Self {
                    notice_id: Some(notice.uuid()),
                    channel_id: Some(channel.uuid()),
                    attempt: Some(*attempt),
                    error,
                    retry_at,
                    ..Self::of(kind, *at)
                }
            }
            TimelineEvent::Ended(at, ending) => {
                Self { ended_as: Some((*ending).into()), ..Self::of(TimelineEventType::Ended, *at) }
            }
        }
    }
}

/// A time during which a monitor was down.
#[derive(Clone, Debug, Object)]
#[oai(example)]
pub(super) struct Incident {
    /// Which.
    id: Uuid,
    /// Of which monitor.
    monitor_id: Uuid,
    /// What the monitor was called when it began.
    monitor_name: String,
    /// What was asked when it began.
    target_url: String,
    /// The slot at which it began.
    started_at: Time,
    /// The slot of the check that confirmed it.
    confirmed_at: Time,
    /// When it ended; null while it lasts.
    ended_at: Nullable<Time>,
    /// How it ended; null while it lasts.
    ended_as: Nullable<EndedAs>,
    /// Why, in words, as the confirming check found it.
    cause: String,
    /// Why, by class.
    cause_code: ReasonCode,
    /// What the confirming check saw; null where nothing was kept.
    evidence: Nullable<Evidence>,
    /// What happened in the course of it, oldest first. Only where a single incident is asked for.
    #[oai(skip_serializing_if_is_none)]
    timeline: Option<Vec<TimelineEntry>>,
}

impl Incident {
    /// An incident and what happened in the course of it.
    pub(super) fn with_timeline(incident: &incident::Incident, timeline: &[TimelineEvent]) -> Self {
        Self { timeline: Some(timeline.iter().map(TimelineEntry::from).collect()), ..Self::from(incident) }
    }
}

impl From<&incident::Incident> for Incident {
    fn from(incident: &incident::Incident) -> Self {
        Self {
            id: incident.id.uuid(),
            monitor_id: incident.monitor.uuid(),
            monitor_name: incident.monitor_name.clone(),
            target_url: incident.target_url.clone(),
            started_at: incident.started_at.into(),
            confirmed_at: incident.confirmed_at.into(),
            ended_at: Nullable::from_option(incident.ended.map(|(at, _)| at)),
            ended_as: Nullable::from_option(incident.ended.map(|(_, ending)| ending)),
            cause: incident.cause.detail.clone(),
            cause_code: incident.cause.kind.into(),
            evidence: Nullable(incident.evidence.as_ref().map(Evidence::from)),
            timeline: None,
        }
    }
}

impl Example for Incident {
    fn example() -> Self {
        let at = |seconds: i64| Timestamp::from_secs(1_769_904_000 + seconds);
        Self {
            id: uuid!("019c1697-9a00-7000-8000-0000000000d1"),
            monitor_id: uuid!("019c1405-6400-7000-8000-0000000000c1"),
            monitor_name: "Shop".into(),
            target_url: "https://example.org/health".into(),
            started_at: at(0).into(),
            confirmed_at: at(10).into(),
            ended_at: Nullable(Some(at(60).into())),
            ended_as: Nullable(Some(EndedAs::Recovered)),
            cause: "the answer was 503, expected 200-399".into(),
            cause_code: ReasonCode::Status,
            evidence: Nullable::NULL,
            timeline: Some(vec![
                TimelineEntry::from(&TimelineEvent::FirstFailure(at(0))),
                TimelineEntry::from(&TimelineEvent::Confirmed(at(10))),
                TimelineEntry::from(&TimelineEvent::Ended(at(60), Ending::Recovered)),
            ]),
        }
    }
}

/// Incidents, the newest first.
#[derive(Object)]
#[oai(example)]
pub(super) struct IncidentList {
    /// The incidents.
    items: Vec<Incident>,
    /// Leads to the next page; null where this is the last one.
    next_cursor: Nullable<String>,
}

impl IncidentList {
    /// A page.
    pub(super) fn new(incidents: &[incident::Incident], next_cursor: Option<String>) -> Self {
        Self { items: incidents.iter().map(Incident::from).collect(), next_cursor: Nullable(next_cursor) }
    }
}

impl Example for IncidentList {
    fn example() -> Self {
        Self { items: vec![Incident { timeline: None, ..Incident::example() }], next_cursor: Nullable::NULL }
    }
}
