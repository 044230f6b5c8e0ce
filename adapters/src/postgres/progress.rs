//! How far history has been derived: one row, which whoever derives more of it locks meanwhile.

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;
use watchkeeper_domain::retention::Left;
use watchkeeper_domain::time::Timestamp;

use crate::log::Progress;
use crate::row::{Fault, Instant, LeftRow};

const READ: &str = "SELECT hours_to, days_to, folded_id, raw_from, packed_from, rollups_from FROM history_progress";
const LOCK: &str = "
    SELECT hours_to, days_to, folded_id, raw_from, packed_from, rollups_from FROM history_progress
    FOR UPDATE SKIP LOCKED";

/// The row.
#[derive(FromRow)]
pub(super) struct ProgressRow {
    hours_to: Option<Instant>,
    days_to: Option<Instant>,
    /// The last monitor whose next day is folded already.
    pub(super) folded_id: Option<Uuid>,
    raw_from: Option<Instant>,
    packed_from: Option<Instant>,
    rollups_from: Option<Instant>,
}

impl ProgressRow {
    pub(super) fn progress(&self) -> Progress {
        let at = |instant: Option<Instant>| instant.map(|at| at.0);
        Progress { hours_to: at(self.hours_to), days_to: at(self.days_to), raw_from: at(self.raw_from) }
    }

    /// What has not been let go of yet.
    pub(super) fn left(&self) -> Left {
        let from = |at: Option<Instant>, never| at.map_or(never, |at| at.0);
        Left {
            raw_from: from(self.raw_from, Left::ALL.raw_from),
            packed_from: from(self.packed_from, Left::ALL.packed_from),
            rollups_from: from(self.rollups_from, Left::ALL.rollups_from),
        }
    }
}

/// Reads how far it is.
pub(super) async fn read(connection: &mut PgConnection) -> Result<Progress, Fault> {
    let row: ProgressRow = sqlx::query_as(READ).fetch_one(connection).await?;
    Ok(row.progress())
}

/// Locks it until the end of the transaction; `None` where somebody else is at it.
pub(super) async fn lock_unless_held(connection: &mut PgConnection) -> Result<Option<ProgressRow>, Fault> {
    let row = sqlx::query_as(LOCK).fetch_optional(connection).await?;
    Ok(row)
}

/// Hours that begin before an instant are rolled up.
pub(super) async fn hours_are_rolled_up_to(connection: &mut PgConnection, instant: Timestamp) -> Result<(), Fault> {
    sqlx::query("UPDATE history_progress SET hours_to = $1").bind(Instant(instant)).execute(connection).await?;
    Ok(())
}

/// Days that begin before an instant are folded, and of the next one the monitors up to this one.
pub(super) async fn days_are_folded_to(
    connection: &mut PgConnection,
    instant: Timestamp,
    folded: Option<Uuid>,
) -> Result<(), Fault> {
    sqlx::query("UPDATE history_progress SET days_to = $1, folded_id = $2")
        .bind(Instant(instant))
        .bind(folded)
        .execute(connection)
        .await?;
    Ok(())
}

/// Of before these instants nothing is left.
pub(super) async fn is_left(connection: &mut PgConnection, left: &Left) -> Result<(), Fault> {
    let [raw_from, packed_from, rollups_from] = LeftRow::columns(left).map(|from| from.map(Instant));
    sqlx::query("UPDATE history_progress SET raw_from = $1, packed_from = $2, rollups_from = $3")
        .bind(raw_from)
        .bind(packed_from)
        .bind(rollups_from)
        .execute(connection)
        .await?;
    Ok(())
}
