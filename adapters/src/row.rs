//! What both stores have in common: how domain values become columns and come back.
//!
//! Enumerations are small numbers ([`Code`]), instants what each store keeps them as ([`Instant`]), durations whole microseconds,
//! and evidence is JSON. The row types read by column name, so that a query of either store can be read by them as long as its
//! columns are named so.

mod code;
mod evidence;
mod fact;
mod fault;
mod instant;
mod keeping;
mod log;
mod monitor;
mod notice;
mod pack;
mod user;

pub(crate) use code::{Code, NoticeState};
pub(crate) use evidence::EvidenceJson;
pub(crate) use fact::{FactRow, facts};
pub(crate) use fault::{Fault, Unreadable};
pub(crate) use instant::Instant;
pub(crate) use keeping::{KeepingRow, LeftRow, MonitorKeepingRow, OwnRetentionRow};
pub(crate) use log::{CheckRow, DayRow, EpochRow, FigureRow, GapRow, HourRow, next_slot, schedule};
pub(crate) use monitor::{MonitorRow, SettingsRow, StateRow};
pub(crate) use notice::{ChannelRow, DeliveryRow, IncidentRow, NoticeRow, outcome_columns};
pub(crate) use pack::{JOINED_BYTES, PackRow};
pub(crate) use user::UserRow;

use std::time::Duration;

/// How much lost work one claim clears away beside what it gives; the next one goes on.
pub(crate) const MAX_LOST: u32 = 1_000;

/// A duration as a column keeps it.
pub(crate) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// A number that is kept unsigned elsewhere, for a column or a `LIMIT`.
pub(crate) fn bigint(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}

/// A duration out of its column.
pub(crate) fn duration(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}
