//! What every step reads and writes of a monitor: its row, its newest epoch, its state, its spans.

use sqlx::{FromRow, SqliteConnection};
use uuid::Uuid;
use watchkeeper_domain::check::Region;
use watchkeeper_domain::id::{MonitorId, WorkspaceId};
use watchkeeper_domain::port::MonitorView;
use watchkeeper_domain::schedule::{Epoch, SlotRun};
use watchkeeper_domain::status::{State, Status};
use watchkeeper_domain::time::Timestamp;

use crate::row::{Code, EpochRow, Fault, MonitorRow, StateRow, Unreadable, bigint, next_slot, schedule};

/// A monitor with its state and its next slot.
#[derive(FromRow)]
pub(super) struct ViewRow {
    pub(super) key: i64,
    #[sqlx(flatten)]
    monitor: MonitorRow,
    #[sqlx(flatten)]
    state: StateRow,
    next_due_at: Option<i64>,
    interval_ms: Option<i64>,
    phase_ms: Option<i64>,
    claimed_to: Option<i64>,
}

impl TryFrom<ViewRow> for MonitorView {
    type Error = Unreadable;

    fn try_from(row: ViewRow) -> Result<Self, Unreadable> {
        let next_slot = match (row.next_due_at, row.interval_ms, row.phase_ms) {
            (Some(at), Some(interval), Some(phase)) => {
                let grid = schedule(interval, phase);
                let claimed_to = row.claimed_to.map(Timestamp::from_micros);
                Some((next_slot(grid, Timestamp::from_micros(at), claimed_to), grid))
            }
            _ => None,
        };
        Ok(Self { monitor: row.monitor.try_into()?, state: row.state.try_into()?, next_slot })
    }
}

/// A monitor of a workspace that is not deleted, with its key.
pub(super) async fn view(
    step: &mut SqliteConnection,
    workspace: WorkspaceId,
    id: MonitorId,
) -> Result<Option<(i64, MonitorView)>, Fault> {
    let row: Option<ViewRow> = sqlx::query_as(
        "SELECT m.*, s.*, d.next_due_at, d.interval_ms, d.phase_ms, c.claimed_to
           FROM monitors AS m
           JOIN monitor_states AS s ON s.monitor_key = m.key
           LEFT JOIN schedule AS d ON d.monitor_key = m.key
           LEFT JOIN cohorts AS c ON c.id = d.cohort_id
          WHERE m.id = ? AND m.workspace_id = ? AND m.deleted_at IS NULL",
    )
    .bind(id.uuid())
    .bind(workspace.uuid())
    .fetch_optional(step)
    .await?;
    Ok(row.map(|row| Ok::<_, Unreadable>((row.key, row.try_into()?))).transpose()?)
}

/// The newest epoch of a monitor in a region.
pub(super) async fn newest_epoch(
    step: &mut SqliteConnection,
    key: i64,
    id: Uuid,
    region: &Region,
) -> Result<Option<Epoch>, Fault> {
    let row: Option<EpochRow> = sqlx::query_as(
        "SELECT began_at, ended_at, opening_slot, interval_ms, phase_ms
           FROM schedule_epochs
          WHERE monitor_key = ? AND region = ?
          ORDER BY began_at DESC
          LIMIT 1",
    )
    .bind(key)
    .bind(region.as_str())
    .fetch_optional(step)
    .await?;
    Ok(row.map(|row| row.epoch(id, region)))
}

/// Writes an epoch that opens, and its opening slot into the schedule.
pub(super) async fn insert_epoch(
    step: &mut SqliteConnection,
    key: i64,
    epoch: &Epoch,
    timeout_ms: i64,
    version: u32,
) -> Result<(), Fault> {
    let interval_ms = bigint(epoch.schedule.interval_ms());
    let phase_ms = i64::try_from(epoch.schedule.phase_ms()).unwrap_or(0);
    sqlx::query(
        "INSERT INTO schedule_epochs (monitor_key, region, began_at, opening_slot, interval_ms, phase_ms)
         VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(key)
    .bind(epoch.region.as_str())
    .bind(epoch.began_at.as_micros())
    .bind(epoch.opening_slot.as_micros())
    .bind(interval_ms)
    .bind(phase_ms)
    .execute(&mut *step)
    .await?;
    sqlx::query(
        "INSERT INTO schedule (monitor_key, region, next_due_at, interval_ms, phase_ms, timeout_ms, version)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(key)
    .bind(epoch.region.as_str())
    .bind(epoch.opening_slot.as_micros())
    .bind(interval_ms)
    .bind(phase_ms)
    .bind(timeout_ms)
    .bind(version)
    .execute(step)
    .await?;
    Ok(())
}

/// Writes the state of a monitor.
pub(super) async fn write_state(step: &mut SqliteConnection, key: i64, state: &State) -> Result<(), Fault> {
    let row = StateRow::from(state);
    sqlx::query(
        "INSERT OR REPLACE INTO monitor_states
                (monitor_key, held, since, streak_since, streak_count, silence_since, silence_count, last_slot)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(key)
    .bind(row.held)
    .bind(row.since)
    .bind(row.streak_since)
    .bind(row.streak_count)
    .bind(row.silence_since)
    .bind(row.silence_count)
    .bind(row.last_slot)
    .execute(step)
    .await?;
    Ok(())
}

/// Counts slots without a result as silence.
pub(super) async fn fall_silent(step: &mut SqliteConnection, key: i64, run: SlotRun) -> Result<(), Fault> {
    let row: StateRow =
        sqlx::query_as("SELECT * FROM monitor_states WHERE monitor_key = ?").bind(key).fetch_one(&mut *step).await?;
    let state = State::try_from(row)?;
    let silent = state.silent(run.first, run.count);
    if silent != state {
        write_state(step, key, &silent).await?;
    }
    Ok(())
}

/// Ends the span that lasts, and begins another, as the state that is written with it says: the newest span of a monitor is what
/// its state says, since when. Spans never run backwards and are never empty.
pub(super) async fn begin_span(
    step: &mut SqliteConnection,
    key: i64,
    status: Status,
    from: Timestamp,
) -> Result<(), Fault> {
    let from = from.as_micros();
    sqlx::query("DELETE FROM status_spans WHERE monitor_key = ? AND began_at >= ?")
        .bind(key)
        .bind(from)
        .execute(&mut *step)
        .await?;
    sqlx::query(
        "UPDATE status_spans SET ended_at = ?1
          WHERE monitor_key = ?2
            AND began_at = (SELECT max(began_at) FROM status_spans WHERE monitor_key = ?2)",
    )
    .bind(from)
    .bind(key)
    .execute(&mut *step)
    .await?;
    sqlx::query("INSERT INTO status_spans (monitor_key, began_at, status) VALUES (?, ?, ?)")
        .bind(key)
        .bind(from)
        .bind(status.code())
        .execute(step)
        .await?;
    Ok(())
}

/// The first of some instants that no check and no open work of the monitor has taken.
pub(super) async fn first_free(
    step: &mut SqliteConnection,
    key: i64,
    region: &Region,
    instants: impl Iterator<Item = Timestamp>,
) -> Result<Timestamp, Fault> {
    for instant in instants {
        let is_taken: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM claims WHERE monitor_key = ?1 AND region = ?2 AND slot = ?3)
                 OR EXISTS (SELECT 1 FROM checks WHERE monitor_key = ?1 AND region = ?2 AND slot = ?3)",
        )
        .bind(key)
        .bind(region.as_str())
        .bind(instant.as_micros())
        .fetch_one(&mut *step)
        .await?;
        if !is_taken {
            return Ok(instant);
        }
    }
    Err(Fault::NoInstant)
}
