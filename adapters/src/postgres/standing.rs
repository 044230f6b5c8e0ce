//! How monitors stand: their settings, newest epoch and state.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;
use watchkeeper_domain::check::Region;
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::monitor::Monitor;
use watchkeeper_domain::schedule::Epoch;
use watchkeeper_domain::settle::Standing;
use watchkeeper_domain::status::State;

use crate::row::{EpochRow, Fault, Instant, MonitorRow, StateRow};

#[derive(FromRow)]
struct StateOfRow {
    monitor_id: Uuid,
    #[sqlx(flatten)]
    state: StateRow,
}

/// The states of monitors, which nobody else can change until the transaction ends.
pub(super) async fn lock_states(
    connection: &mut PgConnection,
    monitors: &BTreeSet<MonitorId>,
) -> Result<BTreeMap<MonitorId, State>, Fault> {
    let ids: Vec<Uuid> = monitors.iter().map(|monitor| monitor.uuid()).collect();
    let rows: Vec<StateOfRow> = sqlx::query_as(
        "SELECT monitor_id, held, since, streak_since, streak_count, silence_since, silence_count, last_slot
         FROM monitor_states
         WHERE monitor_id = ANY ($1)
         ORDER BY monitor_id
         FOR UPDATE",
    )
    .bind(ids)
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(|row| Ok((MonitorId::new(row.monitor_id), row.state.try_into()?))).collect()
}

#[derive(FromRow)]
struct WatchedRow {
    #[sqlx(flatten)]
    monitor: MonitorRow,
    #[sqlx(flatten)]
    epoch: EpochRow,
    region: String,
}

/// How monitors stand, with their states locked; deleted ones are left out.
pub(super) async fn lock_standings(
    connection: &mut PgConnection,
    monitors: &BTreeSet<MonitorId>,
) -> Result<BTreeMap<MonitorId, Standing>, Fault> {
    // The lock comes first, so that what is read after it cannot have been changed before it.
    let states = lock_states(connection, monitors).await?;
    let watched = watched(connection, monitors).await?.into_iter();
    let stand = |(monitor, epoch): (Monitor, Epoch)| {
        let state = *states.get(&monitor.id)?;
        Some((monitor.id, Standing { monitor, epoch, state }))
    };
    Ok(watched.filter_map(stand).collect())
}

/// Monitors with their newest epochs; deleted ones are left out.
pub(super) async fn watched(
    connection: &mut PgConnection,
    monitors: &BTreeSet<MonitorId>,
) -> Result<Vec<(Monitor, Epoch)>, Fault> {
    let ids: Vec<Uuid> = monitors.iter().map(|monitor| monitor.uuid()).collect();
    let rows: Vec<WatchedRow> = sqlx::query_as(
        "SELECT m.id, m.workspace_id, m.name, m.target_kind, m.url, m.http_method, m.follow_redirects, m.interval_secs,
                m.timeout_secs, m.statuses, m.slow_after_ms, m.confirm_down, m.confirm_up, m.is_active, m.created_at,
                m.version, e.region, e.began_at, e.ended_at, e.opening_slot, e.interval_ms, e.phase_ms
         FROM monitors AS m
         CROSS JOIN LATERAL (
             SELECT * FROM schedule_epochs WHERE monitor_id = m.id ORDER BY began_at DESC LIMIT 1
         ) AS e
         WHERE m.id = ANY ($1) AND m.deleted_at IS NULL",
    )
    .bind(ids)
    .fetch_all(connection)
    .await?;
    let watched = |row: WatchedRow| {
        let epoch = row.epoch.epoch(row.monitor.id, &region(&row.region)?);
        Ok((Monitor::try_from(row.monitor)?, epoch))
    };
    rows.into_iter().map(watched).collect()
}

/// A region out of its column.
pub(super) fn region(name: &str) -> Result<Region, Fault> {
    Region::parse(name).map_err(|_| Fault::Unreadable(crate::row::Unreadable::new("Region", name)))
}

/// Writes states over the stored ones, which are locked.
pub(super) async fn write_states(
    connection: &mut PgConnection,
    states: &BTreeMap<MonitorId, State>,
) -> Result<(), Fault> {
    if states.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = states.keys().map(|monitor| monitor.uuid()).collect();
    let rows: Vec<StateRow> = states.values().map(StateRow::from).collect();
    let instants = |column: fn(&StateRow) -> Instant| -> Vec<Instant> { rows.iter().map(column).collect() };
    let maybe =
        |column: fn(&StateRow) -> Option<Instant>| -> Vec<Option<Instant>> { rows.iter().map(column).collect() };
    sqlx::query(
        "UPDATE monitor_states AS s
         SET held = w.held, since = w.since, streak_since = w.streak_since, streak_count = w.streak_count,
             silence_since = w.silence_since, silence_count = w.silence_count, last_slot = w.last_slot
         FROM unnest($1::uuid[], $2::smallint[], $3::timestamptz[], $4::timestamptz[], $5::integer[],
                     $6::timestamptz[], $7::bigint[], $8::timestamptz[])
              AS w (monitor_id, held, since, streak_since, streak_count, silence_since, silence_count, last_slot)
         WHERE s.monitor_id = w.monitor_id",
    )
    .bind(ids)
    .bind(rows.iter().map(|row| row.held).collect::<Vec<_>>())
    .bind(instants(|row| row.since))
    .bind(maybe(|row| row.streak_since))
    .bind(rows.iter().map(|row| row.streak_count).collect::<Vec<_>>())
    .bind(maybe(|row| row.silence_since))
    .bind(rows.iter().map(|row| row.silence_count).collect::<Vec<_>>())
    .bind(instants(|row| row.last_slot))
    .execute(connection)
    .await?;
    Ok(())
}
