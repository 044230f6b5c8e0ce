//! How far history has been derived: one row.

use sqlx::{FromRow, SqliteConnection};
use watchkeeper_domain::retention::Left;
use watchkeeper_domain::time::Timestamp;

use crate::log::Progress;
use crate::row::{Fault, LeftRow};

const READ: &str = "SELECT hours_to, days_to, folded_key, raw_from, packed_from, rollups_from FROM history_progress";

/// The row.
#[derive(FromRow)]
pub(super) struct ProgressRow {
    hours_to: Option<i64>,
    days_to: Option<i64>,
    /// The last monitor whose next day is folded already.
    pub(super) folded_key: Option<i64>,
    raw_from: Option<i64>,
    packed_from: Option<i64>,
    rollups_from: Option<i64>,
}

impl ProgressRow {
    pub(super) fn progress(&self) -> Progress {
        let at = |micros: Option<i64>| micros.map(Timestamp::from_micros);
        Progress { hours_to: at(self.hours_to), days_to: at(self.days_to), raw_from: at(self.raw_from) }
    }

    /// What has not been let go of yet.
    pub(super) fn left(&self) -> Left {
        let from = |at: Option<i64>, never| at.map_or(never, Timestamp::from_micros);
        Left {
            raw_from: from(self.raw_from, Left::ALL.raw_from),
            packed_from: from(self.packed_from, Left::ALL.packed_from),
            rollups_from: from(self.rollups_from, Left::ALL.rollups_from),
        }
    }
}

/// Reads the row.
pub(super) async fn row(step: &mut SqliteConnection) -> Result<ProgressRow, Fault> {
    let row = sqlx::query_as(READ);
    Ok(row.fetch_one(step).await?)
}

/// Reads how far it is.
pub(super) async fn read(step: &mut SqliteConnection) -> Result<Progress, Fault> {
    Ok(row(step).await?.progress())
}

/// Hours that begin before an instant are rolled up.
pub(super) async fn hours_are_rolled_up_to(step: &mut SqliteConnection, instant: Timestamp) -> Result<(), Fault> {
    sqlx::query("UPDATE history_progress SET hours_to = ?").bind(instant.as_micros()).execute(step).await?;
    Ok(())
}

/// Days that begin before an instant are folded, and of the next one the monitors up to this one.
pub(super) async fn days_are_folded_to(
    step: &mut SqliteConnection,
    instant: Timestamp,
    folded: Option<i64>,
) -> Result<(), Fault> {
    sqlx::query("UPDATE history_progress SET days_to = ?, folded_key = ?")
        .bind(instant.as_micros())
        .bind(folded)
        .execute(step)
        .await?;
    Ok(())
}

/// Of before these instants nothing is left.
pub(super) async fn is_left(step: &mut SqliteConnection, left: &Left) -> Result<(), Fault> {
    let [raw_from, packed_from, rollups_from] = LeftRow::columns(left).map(|from| from.map(Timestamp::as_micros));
    sqlx::query("UPDATE history_progress SET raw_from = ?, packed_from = ?, rollups_from = ?")
        .bind(raw_from)
        .bind(packed_from)
        .bind(rollups_from)
        .execute(step)
        .await?;
    Ok(())
}
