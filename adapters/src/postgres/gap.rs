//! Gaps: slots without a check, as runs.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;
use watchkeeper_domain::check::Region;
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::schedule::SlotRun;
use watchkeeper_domain::time::Timestamp;
use watchkeeper_domain::uptime::{Gap, GapOutcome};

use super::standing::{lock_states, write_states};
use crate::row::{Code, Fault, GapRow, Instant, bigint, schedule};

/// Slots of a monitor that have no check.
#[derive(Clone, Debug)]
pub(super) struct Silent {
    pub(super) monitor: MonitorId,
    pub(super) region: Region,
    pub(super) gap: Gap,
}

impl Silent {
    /// One slot.
    pub(super) fn slot(monitor: MonitorId, region: Region, slot: Timestamp, outcome: GapOutcome) -> Self {
        Self { monitor, region, gap: Gap { run: SlotRun { first: slot, last: slot, count: 1 }, outcome } }
    }
}

/// Records slots without a check and counts them as silence of their monitors.
pub(super) async fn fall_silent(connection: &mut PgConnection, silent: Vec<Silent>) -> Result<(), Fault> {
    let monitors: BTreeSet<MonitorId> = silent.iter().map(|silent| silent.monitor).collect();
    if monitors.is_empty() {
        return Ok(());
    }
    let stored = lock_states(connection, &monitors).await?;
    let mut states = stored.clone();
    for Silent { monitor, gap, .. } in &silent {
        if let Some(state) = states.get_mut(monitor) {
            *state = state.silent(gap.run.first, gap.run.count);
        }
    }
    states.retain(|monitor, state| stored.get(monitor) != Some(state));
    write_states(connection, &states).await?;
    leave_gaps(connection, silent).await
}

/// What a new gap may follow upon: the grid it lies on, and the gap before it.
#[derive(FromRow)]
struct BeforeRow {
    ordinal: i64,
    opening_slot: Instant,
    interval_ms: i64,
    phase_ms: i64,
    first_slot: Option<Instant>,
    last_slot: Option<Instant>,
    count: Option<i64>,
    outcome: Option<i16>,
}

/// Records gaps, extending those that they follow upon. The states of the monitors are locked, so that nobody else
/// writes gaps of them.
pub(super) async fn leave_gaps(connection: &mut PgConnection, mut silent: Vec<Silent>) -> Result<(), Fault> {
    if silent.is_empty() {
        return Ok(());
    }
    silent.sort_by_key(|silent| (silent.monitor, silent.gap.run.first));
    let rows: Vec<BeforeRow> = sqlx::query_as(
        "SELECT w.ordinal, e.opening_slot, e.interval_ms, e.phase_ms, g.first_slot, g.last_slot, g.slot_count AS count,
                g.outcome
         FROM unnest($1::uuid[], $2::text[], $3::timestamptz[]) WITH ORDINALITY
              AS w (monitor_id, region, first_slot, ordinal)
         CROSS JOIN LATERAL (
             SELECT opening_slot, interval_ms, phase_ms
             FROM schedule_epochs
             WHERE monitor_id = w.monitor_id AND region = w.region AND opening_slot <= w.first_slot
             ORDER BY began_at DESC
             LIMIT 1
         ) AS e
         LEFT JOIN LATERAL (
             SELECT first_slot, last_slot, slot_count, outcome
             FROM slot_gaps
             WHERE monitor_id = w.monitor_id AND region = w.region AND first_slot < w.first_slot
             ORDER BY first_slot DESC
             LIMIT 1
         ) AS g ON true",
    )
    .bind(silent.iter().map(|silent| silent.monitor.uuid()).collect::<Vec<Uuid>>())
    .bind(silent.iter().map(|silent| silent.region.as_str().to_owned()).collect::<Vec<String>>())
    .bind(silent.iter().map(|silent| Instant(silent.gap.run.first)).collect::<Vec<Instant>>())
    .fetch_all(&mut *connection)
    .await?;
    let before: BTreeMap<i64, BeforeRow> = rows.into_iter().map(|row| (row.ordinal, row)).collect();
    let mut written: BTreeMap<(MonitorId, Timestamp), Silent> = BTreeMap::new();
    for (ordinal, silent) in (1_i64..).zip(silent) {
        let extended = match before.get(&ordinal) {
            Some(row) => extended(row, &written, &silent)?,
            None => silent.clone(),
        };
        written.insert((silent.monitor, extended.gap.run.first), extended);
    }
    write_gaps(connection, written.into_values().collect()).await
}

/// The gap, together with the one that it follows upon, if there is such a one.
fn extended(
    row: &BeforeRow,
    written: &BTreeMap<(MonitorId, Timestamp), Silent>,
    silent: &Silent,
) -> Result<Silent, Fault> {
    let stored = match (row.first_slot, row.last_slot, row.count, row.outcome) {
        (Some(first_slot), Some(last_slot), Some(count), Some(outcome)) => {
            Some(Gap::try_from(GapRow { first_slot, last_slot, count, outcome })?)
        }
        _ => None,
    };
    let first = silent.gap.run.first;
    let beginning = (silent.monitor, Timestamp::from_micros(i64::MIN));
    let fresh = written.range(beginning..(silent.monitor, first)).next_back().map(|(_, silent)| silent.gap);
    let before = stored.into_iter().chain(fresh).max_by_key(|gap| (gap.run.first, gap.run.last));
    let grid = schedule(row.interval_ms, row.phase_ms);
    let gap = silent.gap.joined_to(before, row.opening_slot.0, grid);
    Ok(Silent { gap, ..silent.clone() })
}

async fn write_gaps(connection: &mut PgConnection, gaps: Vec<Silent>) -> Result<(), Fault> {
    let instants = |slot: fn(&SlotRun) -> Timestamp| -> Vec<Instant> {
        gaps.iter().map(|silent| Instant(slot(&silent.gap.run))).collect()
    };
    sqlx::query(
        "INSERT INTO slot_gaps (monitor_id, region, first_slot, last_slot, slot_count, outcome)
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::bigint[], $6::smallint[])
         ON CONFLICT ON CONSTRAINT slot_gaps_pkey
         DO UPDATE SET last_slot = excluded.last_slot, slot_count = excluded.slot_count",
    )
    .bind(gaps.iter().map(|silent| silent.monitor.uuid()).collect::<Vec<Uuid>>())
    .bind(gaps.iter().map(|silent| silent.region.as_str().to_owned()).collect::<Vec<String>>())
    .bind(instants(|run| run.first))
    .bind(instants(|run| run.last))
    .bind(gaps.iter().map(|silent| bigint(silent.gap.run.count)).collect::<Vec<i64>>())
    .bind(gaps.iter().map(|silent| silent.gap.outcome.code()).collect::<Vec<i16>>())
    .execute(connection)
    .await?;
    Ok(())
}
