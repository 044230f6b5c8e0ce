//! Leases: slots that were claimed together and are not yet recorded, dozens to a row.
//!
//! The simple course of things stays here: a lease is written by a claim and shrinks as its slots are recorded. Whatever is
//! not simple becomes open work of its own (`claims`): a lease that has ended, slots of a monitor that changes.

use std::collections::{HashMap, HashSet};

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;
use watchkeeper_domain::check::{Origin, Settled};
use watchkeeper_domain::cohort::Lease;
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::port::ClaimRequest;
use watchkeeper_domain::time::Timestamp;

use crate::row::{Code, Fault, Instant};

/// How many leases that have ended one claim takes apart; the next one goes on.
const MAX_ENDED: i64 = 50;

/// Writes the leases of a claim, each with the cohort whose slots it holds.
pub(super) async fn write(
    connection: &mut PgConnection,
    request: &ClaimRequest,
    leases: &[(i64, Lease)],
) -> Result<(), Fault> {
    if leases.is_empty() {
        return Ok(());
    }
    let (mut numbers, mut cohorts, mut ends, mut monitors, mut slots) = (vec![], vec![], vec![], vec![], vec![]);
    for (number, (cohort, lease)) in (0_i32..).zip(leases) {
        for due in &lease.slots {
            numbers.push(number);
            cohorts.push(*cohort);
            ends.push(Instant(lease.until));
            monitors.push(due.member.monitor.uuid());
            slots.push(Instant(due.slot));
        }
    }
    sqlx::query(
        "INSERT INTO leases (token, number, cohort_id, region, lease_until, first_slot, monitor_ids, slots)
         SELECT $1, number, cohort_id, $2, lease_until, min(slot), array_agg(monitor_id ORDER BY n),
                array_agg(slot ORDER BY n)
         FROM unnest($3::integer[], $4::bigint[], $5::timestamptz[], $6::uuid[], $7::timestamptz[]) WITH ORDINALITY
              AS w (number, cohort_id, lease_until, monitor_id, slot, n)
         GROUP BY number, cohort_id, lease_until",
    )
    .bind(request.token.uuid())
    .bind(request.region.as_str())
    .bind(numbers)
    .bind(cohorts)
    .bind(ends)
    .bind(monitors)
    .bind(slots)
    .execute(connection)
    .await?;
    Ok(())
}

#[derive(FromRow)]
struct LeaseRow {
    token: Uuid,
    number: i32,
    cohort_id: i64,
    region: String,
    monitor_ids: Vec<Uuid>,
    slots: Vec<Instant>,
}

impl LeaseRow {
    fn entries(&self) -> impl Iterator<Item = (Uuid, Timestamp)> + '_ {
        self.monitor_ids.iter().copied().zip(self.slots.iter().map(|slot| slot.0))
    }
}

/// Slots that a batch has taken out of the leases that held them.
#[derive(Default)]
pub(super) struct Settling {
    /// Of which results of the batch they are.
    pub(super) positions: Vec<usize>,
    /// The cohorts of their monitors.
    pub(super) cohorts: HashSet<i64>,
}

/// Takes the slots of a batch out of the leases that its tokens hold. The leases are locked in the order of their key.
pub(super) async fn settle(connection: &mut PgConnection, batch: &[Settled]) -> Result<Settling, Fault> {
    let scheduled = || batch.iter().enumerate().filter(|(_, settled)| settled.claim.origin == Origin::Scheduled);
    let tokens: HashSet<Uuid> = scheduled().map(|(_, settled)| settled.claim.token.uuid()).collect();
    let mut settling = Settling::default();
    if tokens.is_empty() {
        return Ok(settling);
    }
    let key = |settled: &Settled| (settled.claim.token.uuid(), settled.claim.monitor.uuid(), settled.claim.slot);
    // The first of the same result twice in one batch is the one that counts.
    let mut asked: HashMap<_, usize> = HashMap::with_capacity(batch.len());
    for (position, settled) in scheduled() {
        asked.entry(key(settled)).or_insert(position);
    }
    let rows: Vec<LeaseRow> = sqlx::query_as(
        "SELECT token, number, cohort_id, region, monitor_ids, slots
         FROM leases
         WHERE token = ANY ($1)
         ORDER BY token, number
         FOR UPDATE",
    )
    .bind(tokens.into_iter().collect::<Vec<_>>())
    .fetch_all(&mut *connection)
    .await?;
    let mut shrunk = Vec::new();
    for row in rows {
        let mut rest = Vec::with_capacity(row.slots.len());
        for (monitor, slot) in row.entries() {
            let asked_for = asked.get(&(row.token, monitor, slot)).copied();
            let of_region =
                |position: &usize| batch.get(*position).is_some_and(|of| of.claim.region.as_str() == row.region);
            match asked_for.filter(of_region) {
                Some(position) => settling.positions.push(position),
                None => rest.push((monitor, slot)),
            }
        }
        if rest.len() < row.slots.len() {
            settling.cohorts.insert(row.cohort_id);
            shrunk.push((row, rest));
        }
    }
    shrink(connection, &shrunk).await?;
    Ok(settling)
}

/// Leaves leases that are locked with the rest of their slots; those without any go.
async fn shrink(connection: &mut PgConnection, leases: &[(LeaseRow, Vec<(Uuid, Timestamp)>)]) -> Result<(), Fault> {
    let over: Vec<&LeaseRow> = leases.iter().filter(|(_, rest)| rest.is_empty()).map(|(row, _)| row).collect();
    if !over.is_empty() {
        sqlx::query(
            "DELETE FROM leases AS l
             USING unnest($1::uuid[], $2::integer[]) AS w (token, number)
             WHERE l.token = w.token AND l.number = w.number",
        )
        .bind(over.iter().map(|row| row.token).collect::<Vec<_>>())
        .bind(over.iter().map(|row| row.number).collect::<Vec<_>>())
        .execute(&mut *connection)
        .await?;
    }
    let rest: Vec<(&LeaseRow, Uuid, Instant)> = leases
        .iter()
        .flat_map(|(row, rest)| rest.iter().map(move |(monitor, slot)| (row, *monitor, Instant(*slot))))
        .collect();
    if !rest.is_empty() {
        sqlx::query(
            "UPDATE leases AS l
             SET first_slot = rest.first_slot, monitor_ids = rest.monitor_ids, slots = rest.slots
             FROM (
                 SELECT token, number, min(slot) AS first_slot, array_agg(monitor_id ORDER BY n) AS monitor_ids,
                        array_agg(slot ORDER BY n) AS slots
                 FROM unnest($1::uuid[], $2::integer[], $3::uuid[], $4::timestamptz[]) WITH ORDINALITY
                      AS w (token, number, monitor_id, slot, n)
                 GROUP BY token, number
             ) AS rest
             WHERE l.token = rest.token AND l.number = rest.number",
        )
        .bind(rest.iter().map(|(row, ..)| row.token).collect::<Vec<_>>())
        .bind(rest.iter().map(|(row, ..)| row.number).collect::<Vec<_>>())
        .bind(rest.iter().map(|(_, monitor, _)| *monitor).collect::<Vec<_>>())
        .bind(rest.iter().map(|(.., slot)| *slot).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    }
    Ok(())
}

/// Makes open work of its own of every slot of leases that have ended, whether it may still start or not. It still holds
/// for whoever has the token, until somebody takes it over.
pub(super) async fn take_apart_ended(connection: &mut PgConnection, request: &ClaimRequest) -> Result<(), Fault> {
    sqlx::query(
        "WITH ended AS (
             SELECT token, number
             FROM leases
             WHERE region = $1 AND lease_until <= $2
             ORDER BY token, number
             LIMIT $3
             FOR UPDATE SKIP LOCKED
         ), gone AS (
             DELETE FROM leases AS l
             USING ended
             WHERE l.token = ended.token AND l.number = ended.number
             RETURNING l.*
         )
         INSERT INTO claims (monitor_id, region, slot, origin, start_before, token, free_at)
         SELECT u.monitor_id, gone.region, u.slot, $4, u.slot + s.interval_ms * interval '1 millisecond', gone.token,
                gone.lease_until
         FROM gone
         CROSS JOIN LATERAL unnest(gone.monitor_ids, gone.slots) AS u (monitor_id, slot)
         JOIN schedule AS s ON s.monitor_id = u.monitor_id AND s.region = gone.region",
    )
    .bind(request.region.as_str())
    .bind(Instant(request.now))
    .bind(MAX_ENDED)
    .bind(Origin::Scheduled.code())
    .execute(connection)
    .await?;
    Ok(())
}

/// Makes open work of its own of the slots of monitors, whose cohort's row is locked.
pub(super) async fn take_out(
    connection: &mut PgConnection,
    cohort: i64,
    monitors: impl IntoIterator<Item = MonitorId>,
) -> Result<(), Fault> {
    let monitors: HashSet<Uuid> = monitors.into_iter().map(MonitorId::uuid).collect();
    let rows: Vec<LeaseRow> = sqlx::query_as(
        "SELECT token, number, cohort_id, region, monitor_ids, slots
         FROM leases
         WHERE cohort_id = $1 AND monitor_ids && $2
         ORDER BY token, number
         FOR UPDATE",
    )
    .bind(cohort)
    .bind(monitors.iter().copied().collect::<Vec<_>>())
    .fetch_all(&mut *connection)
    .await?;
    take_out_of(connection, rows, &monitors).await
}

/// The same, without waiting for anybody: `false`, with nothing changed, where somebody else holds one of the leases.
pub(super) async fn take_out_unless_held(
    connection: &mut PgConnection,
    cohort: i64,
    monitors: impl IntoIterator<Item = MonitorId>,
) -> Result<bool, Fault> {
    let monitors: HashSet<Uuid> = monitors.into_iter().map(MonitorId::uuid).collect();
    let asked: Vec<Uuid> = monitors.iter().copied().collect();
    // Nobody makes leases of a cohort whose row is locked, so that they become fewer at the most.
    let there: i64 = sqlx::query_scalar("SELECT count(*) FROM leases WHERE cohort_id = $1 AND monitor_ids && $2")
        .bind(cohort)
        .bind(&asked)
        .fetch_one(&mut *connection)
        .await?;
    let rows: Vec<LeaseRow> = sqlx::query_as(
        "SELECT token, number, cohort_id, region, monitor_ids, slots
         FROM leases
         WHERE cohort_id = $1 AND monitor_ids && $2
         ORDER BY token, number
         FOR UPDATE SKIP LOCKED",
    )
    .bind(cohort)
    .bind(&asked)
    .fetch_all(&mut *connection)
    .await?;
    if i64::try_from(rows.len()).is_ok_and(|held| held < there) {
        return Ok(false);
    }
    take_out_of(connection, rows, &monitors).await?;
    Ok(true)
}

/// Makes open work of its own of the slots of monitors in leases that are locked.
async fn take_out_of(
    connection: &mut PgConnection,
    leases: Vec<LeaseRow>,
    monitors: &HashSet<Uuid>,
) -> Result<(), Fault> {
    if leases.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO claims (monitor_id, region, slot, origin, start_before, token, free_at)
         SELECT s.monitor_id, s.region, u.slot, $4, u.slot + s.interval_ms * interval '1 millisecond', l.token, l.lease_until
         FROM unnest($2::uuid[], $3::integer[]) AS w (token, number)
         JOIN leases AS l USING (token, number)
         CROSS JOIN LATERAL unnest(l.monitor_ids, l.slots) AS u (monitor_id, slot)
         JOIN schedule AS s ON s.monitor_id = u.monitor_id AND s.region = l.region
         WHERE u.monitor_id = ANY ($1)",
    )
    .bind(monitors.iter().copied().collect::<Vec<_>>())
    .bind(leases.iter().map(|row| row.token).collect::<Vec<_>>())
    .bind(leases.iter().map(|row| row.number).collect::<Vec<_>>())
    .bind(Origin::Scheduled.code())
    .execute(&mut *connection)
    .await?;
    let without = |row: LeaseRow| {
        let rest = row.entries().filter(|(of, _)| !monitors.contains(of)).collect();
        (row, rest)
    };
    shrink(connection, &leases.into_iter().map(without).collect::<Vec<_>>()).await
}
