//! Monitors, their settings and their state as rows.

use std::time::Duration;

use sqlx::FromRow;
use uuid::Uuid;
use watchkeeper_domain::id::{MonitorId, WorkspaceId};
use watchkeeper_domain::monitor::{
    Expectation, HttpTarget, Interval, Monitor, MonitorName, Settings, StatusCodes, Target, Timeout,
};
use watchkeeper_domain::status::{Confirmation, Silence, State, Streak};

use super::{Code, Instant, Unreadable};

/// The kind of target that is asked over HTTP; there is a number for each kind to come.
pub(crate) const TARGET_HTTP: i16 = 1;

/// The settings of a monitor as columns.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct SettingsRow {
    pub(crate) name: String,
    pub(crate) target_kind: i16,
    pub(crate) url: String,
    pub(crate) http_method: i16,
    pub(crate) follow_redirects: bool,
    pub(crate) interval_secs: i32,
    pub(crate) timeout_secs: i32,
    pub(crate) statuses: String,
    pub(crate) slow_after_ms: Option<i32>,
    pub(crate) confirm_down: i16,
    pub(crate) confirm_up: i16,
}

impl From<&Settings> for SettingsRow {
    fn from(settings: &Settings) -> Self {
        let Target::Http(http) = &settings.target;
        let narrow = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
        let few = |value: u32| i16::try_from(value).unwrap_or(i16::MAX);
        Self {
            name: settings.name.as_str().to_owned(),
            target_kind: TARGET_HTTP,
            url: http.url().as_str().to_owned(),
            http_method: http.method.code(),
            follow_redirects: http.follow_redirects,
            interval_secs: narrow(settings.interval.as_secs()),
            timeout_secs: narrow(settings.timeout.as_secs()),
            statuses: settings.expectation.statuses.to_string(),
            slow_after_ms: settings
                .expectation
                .slow_after
                .map(|slow_after| i32::try_from(slow_after.as_millis()).unwrap_or(i32::MAX)),
            confirm_down: few(settings.confirmation.before_down),
            confirm_up: few(settings.confirmation.before_up),
        }
    }
}

impl TryFrom<SettingsRow> for Settings {
    type Error = Unreadable;

    fn try_from(row: SettingsRow) -> Result<Self, Unreadable> {
        if row.target_kind != TARGET_HTTP {
            return Err(Unreadable::new("Target", row.target_kind));
        }
        let method = Code::of_code(row.http_method)?;
        let target = HttpTarget::stored(&row.url, method, row.follow_redirects)
            .ok_or_else(|| Unreadable::new("HttpTarget", &row.url))?;
        let seconds = |value: i32| u32::try_from(value).ok();
        let count = |value: i16| u32::try_from(value).map_err(|_| Unreadable::new("Confirmation", value));
        Ok(Self {
            name: MonitorName::parse(&row.name).map_err(|_| Unreadable::new("MonitorName", &row.name))?,
            target: Target::Http(target),
            interval: seconds(row.interval_secs)
                .and_then(Interval::from_secs)
                .ok_or_else(|| Unreadable::new("Interval", row.interval_secs))?,
            timeout: seconds(row.timeout_secs)
                .map(Timeout::from_secs)
                .ok_or_else(|| Unreadable::new("Timeout", row.timeout_secs))?,
            expectation: Expectation {
                statuses: StatusCodes::parse(&row.statuses)
                    .map_err(|_| Unreadable::new("StatusCodes", &row.statuses))?,
                slow_after: row.slow_after_ms.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0))),
            },
            confirmation: Confirmation { before_down: count(row.confirm_down)?, before_up: count(row.confirm_up)? },
        })
    }
}

/// A monitor as a row.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct MonitorRow {
    pub(crate) id: Uuid,
    pub(crate) workspace_id: Uuid,
    #[sqlx(flatten)]
    pub(crate) settings: SettingsRow,
    pub(crate) is_active: bool,
    pub(crate) created_at: Instant,
    pub(crate) version: i32,
}

impl TryFrom<MonitorRow> for Monitor {
    type Error = Unreadable;

    fn try_from(row: MonitorRow) -> Result<Self, Unreadable> {
        Ok(Self {
            id: MonitorId::new(row.id),
            workspace: WorkspaceId::new(row.workspace_id),
            settings: row.settings.try_into()?,
            is_active: row.is_active,
            created_at: row.created_at.0,
            version: u32::try_from(row.version).map_err(|_| Unreadable::new("version", row.version))?,
        })
    }
}

/// The state of a monitor as a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub(crate) struct StateRow {
    pub(crate) held: i16,
    pub(crate) since: Instant,
    pub(crate) streak_since: Option<Instant>,
    pub(crate) streak_count: i32,
    pub(crate) silence_since: Option<Instant>,
    pub(crate) silence_count: i64,
    pub(crate) last_slot: Instant,
}

impl From<&State> for StateRow {
    fn from(state: &State) -> Self {
        Self {
            held: state.held.code(),
            since: Instant(state.since),
            streak_since: state.streak.map(|streak| Instant(streak.since)),
            streak_count: state.streak.map_or(0, |streak| i32::try_from(streak.count).unwrap_or(i32::MAX)),
            silence_since: state.silence.map(|silence| Instant(silence.since)),
            silence_count: state.silence.map_or(0, |silence| i64::try_from(silence.count).unwrap_or(i64::MAX)),
            last_slot: Instant(state.last_slot),
        }
    }
}

impl TryFrom<StateRow> for State {
    type Error = Unreadable;

    fn try_from(row: StateRow) -> Result<Self, Unreadable> {
        Ok(Self {
            held: Code::of_code(row.held)?,
            since: row.since.0,
            streak: row
                .streak_since
                .map(|since| Streak { since: since.0, count: u32::try_from(row.streak_count).unwrap_or(0) }),
            silence: row
                .silence_since
                .map(|since| Silence { since: since.0, count: u64::try_from(row.silence_count).unwrap_or(0) }),
            last_slot: row.last_slot.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use watchkeeper_domain::address::AddressGuard;
    use watchkeeper_domain::monitor::HttpMethod;
    use watchkeeper_domain::status::Status;
    use watchkeeper_domain::time::Timestamp;

    use super::*;

    #[test]
    fn settings_come_back_from_their_columns() {
        let target =
            HttpTarget::parse("https://example.org/a?b=c", HttpMethod::Head, false, &AddressGuard::default()).unwrap();
        let settings = Settings {
            name: MonitorName::parse("An example").unwrap(),
            target: Target::Http(target),
            interval: Interval::from_secs(30).unwrap(),
            timeout: Timeout::from_secs(7),
            expectation: Expectation {
                statuses: StatusCodes::parse("200-299,404").unwrap(),
                slow_after: Some(Duration::from_millis(1500)),
            },
            confirmation: Confirmation { before_down: 2, before_up: 1 },
        };
        assert_eq!(Settings::try_from(SettingsRow::from(&settings)).unwrap(), settings);
    }

    #[test]
    fn a_state_comes_back_from_its_columns() {
        let at = Timestamp::from_secs;
        let state = State {
            held: Status::Degraded,
            since: at(5),
            streak: Some(Streak { since: at(6), count: 2 }),
            silence: Some(Silence { since: at(7), count: 3 }),
            last_slot: at(8),
        };
        assert_eq!(State::try_from(StateRow::from(&state)).unwrap(), state);
        let plain = State { streak: None, silence: None, ..state };
        assert_eq!(State::try_from(StateRow::from(&plain)).unwrap(), plain);
    }
}
