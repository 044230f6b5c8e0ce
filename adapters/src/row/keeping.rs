//! What a workspace keeps of its history, as a row.

use sqlx::FromRow;
use watchkeeper_domain::port::{Keeping, MonitorKeeping};
use watchkeeper_domain::retention::{Left, OwnRetention};
use watchkeeper_domain::time::Timestamp;

use super::{Instant, Unreadable};

/// What a workspace asks for itself.
#[derive(FromRow)]
pub(crate) struct OwnRetentionRow {
    raw_days: Option<i64>,
    packed_days: Option<i64>,
    rollup_days: Option<i64>,
}

impl OwnRetentionRow {
    /// The columns of something that is asked for.
    pub(crate) fn columns(own: &OwnRetention) -> [Option<i64>; 3] {
        [own.raw_days(), own.packed_days(), own.rollup_days()].map(|days| days.map(i64::from))
    }
}

impl TryFrom<OwnRetentionRow> for OwnRetention {
    type Error = Unreadable;

    fn try_from(row: OwnRetentionRow) -> Result<Self, Unreadable> {
        let unreadable = || Unreadable::new("OwnRetention", "stored days");
        let days = |days: Option<i64>| days.map(u32::try_from).transpose().map_err(|_| unreadable());
        OwnRetention::new(days(row.raw_days)?, days(row.packed_days)?, days(row.rollup_days)?).map_err(|_| unreadable())
    }
}

/// Instants of before which something is gone; none where nothing is.
#[derive(FromRow)]
pub(crate) struct LeftRow {
    raw_from: Option<Instant>,
    packed_from: Option<Instant>,
    rollups_from: Option<Instant>,
}

impl LeftRow {
    /// The columns of what is left.
    pub(crate) fn columns(left: &Left) -> [Option<Timestamp>; 3] {
        let [raw, packed, rollups] = [left.raw_from, left.packed_from, left.rollups_from];
        [(raw, Left::ALL.raw_from), (packed, Left::ALL.packed_from), (rollups, Left::ALL.rollups_from)]
            .map(|(at, never)| Some(at).filter(|at| *at > never))
    }
}

impl From<LeftRow> for Left {
    fn from(row: LeftRow) -> Self {
        let at = |from: Option<Instant>, never| from.map_or(never, |at| at.0);
        Self {
            raw_from: at(row.raw_from, Self::ALL.raw_from),
            packed_from: at(row.packed_from, Self::ALL.packed_from),
            rollups_from: at(row.rollups_from, Self::ALL.rollups_from),
        }
    }
}

/// Both.
#[derive(FromRow)]
pub(crate) struct KeepingRow {
    #[sqlx(flatten)]
    own: OwnRetentionRow,
    #[sqlx(flatten)]
    left: LeftRow,
}

impl TryFrom<KeepingRow> for Keeping {
    type Error = Unreadable;

    fn try_from(row: KeepingRow) -> Result<Self, Unreadable> {
        Ok(Self { own: row.own.try_into()?, left: row.left.into() })
    }
}

/// Both, of the workspace of a monitor.
#[derive(FromRow)]
pub(crate) struct MonitorKeepingRow {
    created_at: Instant,
    #[sqlx(flatten)]
    keeping: KeepingRow,
}

impl TryFrom<MonitorKeepingRow> for MonitorKeeping {
    type Error = Unreadable;

    fn try_from(row: MonitorKeepingRow) -> Result<Self, Unreadable> {
        Ok(Self { created_at: row.created_at.0, keeping: row.keeping.try_into()? })
    }
}
