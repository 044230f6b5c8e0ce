//! Cohorts on PostgreSQL: the tables that claiming by them needs. Every change of a cohort's members counts its version up,
//! under the lock of its row.

mod seat;

use async_trait::async_trait;
use sqlx::FromRow;
use sqlx::postgres::{PgConnection, PgPool};
use uuid::Uuid;
use watchkeeper_domain::check::Region;
use watchkeeper_domain::cohort::{Lease, Member, Sweep};
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::port::ClaimRequest;
use watchkeeper_domain::schedule::Schedule;
use watchkeeper_domain::time::Timestamp;

use super::lease;
use crate::cohort::seating::load;
use crate::cohort::{Archive, CohortRow, MAX_CHANGES, MAX_COHORTS, MemberRow, Tables};
use crate::row::{Fault, Instant, schedule};

pub(super) use seat::{seat_crowd, seat_newcomers};

/// The rows of cohorts, with the timeline of the write-ahead log: it changes with each failover and each recovery to a point
/// in time (<https://www.postgresql.org/docs/15/continuous-archiving.html#BACKUP-TIMELINES>), and whoever remembers a cohort
/// of another one may remember changes that were lost there.
macro_rules! due_and {
    ($rest:literal) => {
        concat!(
            "SELECT id, claimed_to, version,
                    (SELECT CASE WHEN pg_is_in_recovery() THEN -1
                                 ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint
                            END) AS timeline
             FROM cohorts
             WHERE region = $1 AND next_due_at <= $2
             ORDER BY next_due_at ",
            $rest
        )
    };
}
const DUE: &str = due_and!("");
const LOCK_DUE: &str = due_and!("LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED");

/// The tables, in a transaction.
pub(super) struct PgTables<'t>(pub(super) &'t mut PgConnection);

#[async_trait]
impl Tables for PgTables<'_> {
    async fn lock_due(&mut self, request: &ClaimRequest) -> Result<Vec<CohortRow>, Fault> {
        let rows = sqlx::query_as(LOCK_DUE)
            .bind(request.region.as_str())
            .bind(Instant(request.horizon.max(request.now)))
            .bind(i64::from(MAX_COHORTS))
            .fetch_all(&mut *self.0)
            .await?;
        Ok(rows)
    }

    async fn members(&mut self, cohort: i64, after: i64) -> Result<Vec<Member>, Fault> {
        members(self.0, cohort, after).await
    }

    async fn departed(&mut self, cohort: i64, after: i64) -> Result<Vec<MonitorId>, Fault> {
        let ids: Vec<Uuid> =
            sqlx::query_scalar("SELECT monitor_id FROM cohort_departures WHERE cohort_id = $1 AND version > $2")
                .bind(cohort)
                .bind(after)
                .fetch_all(&mut *self.0)
                .await?;
        Ok(ids.into_iter().map(MonitorId::new).collect())
    }

    async fn let_go(&mut self, cohort: i64, surplus: &[(MonitorId, Timestamp)]) -> Result<Option<i64>, Fault> {
        if !lease::take_out_unless_held(self.0, cohort, surplus.iter().map(|(monitor, _)| *monitor)).await? {
            return Ok(None);
        }
        let rows: Vec<(Uuid, i64, i64)> = sqlx::query_as(
            "UPDATE schedule AS s
             SET cohort_id = NULL, changed = NULL, next_due_at = w.slot
             FROM unnest($2::uuid[], $3::timestamptz[]) AS w (monitor_id, slot)
             WHERE s.monitor_id = w.monitor_id AND s.cohort_id = $1
             RETURNING s.monitor_id, s.interval_ms, s.phase_ms",
        )
        .bind(cohort)
        .bind(surplus.iter().map(|(monitor, _)| monitor.uuid()).collect::<Vec<_>>())
        .bind(surplus.iter().map(|(_, slot)| Instant(*slot)).collect::<Vec<_>>())
        .fetch_all(&mut *self.0)
        .await?;
        let departed = rows
            .into_iter()
            .map(|(monitor, interval_ms, phase_ms)| (MonitorId::new(monitor), schedule(interval_ms, phase_ms)));
        Ok(Some(depart(self.0, cohort, &departed.collect::<Vec<_>>()).await?))
    }

    async fn move_on(&mut self, moved: &[(i64, Sweep)]) -> Result<(), Fault> {
        sqlx::query(
            "UPDATE cohorts AS c
             SET claimed_to = w.claimed_to, next_due_at = w.next_due_at
             FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[]) AS w (id, claimed_to, next_due_at)
             WHERE c.id = w.id",
        )
        .bind(moved.iter().map(|(id, _)| *id).collect::<Vec<_>>())
        .bind(moved.iter().map(|(_, sweep)| Instant(sweep.claimed_to)).collect::<Vec<_>>())
        .bind(moved.iter().map(|(_, sweep)| sweep.next_due_at.map(Instant)).collect::<Vec<_>>())
        .execute(&mut *self.0)
        .await?;
        Ok(())
    }

    async fn lease(&mut self, request: &ClaimRequest, leases: &[(i64, Lease)]) -> Result<(), Fault> {
        lease::write(self.0, request, leases).await
    }
}

/// Members, each column as an array: a row for each of thousands of them would cost more than all else that is read.
#[derive(FromRow)]
struct MembersRow {
    ids: Vec<Uuid>,
    first_slots: Vec<Instant>,
    intervals_ms: Vec<i64>,
    phases_ms: Vec<i64>,
    timeouts_ms: Vec<i64>,
    versions: Vec<i32>,
}

impl MembersRow {
    fn members(self) -> impl Iterator<Item = MemberRow> {
        let settings = self.timeouts_ms.into_iter().zip(self.versions);
        let grids = self.intervals_ms.into_iter().zip(self.phases_ms);
        let rows = self.ids.into_iter().zip(self.first_slots).zip(grids).zip(settings);
        rows.map(|(((id, first_slot), (interval_ms, phase_ms)), (timeout_ms, version))| MemberRow {
            id,
            first_slot,
            interval_ms,
            phase_ms,
            timeout_ms,
            version,
        })
    }
}

async fn members(connection: &mut PgConnection, cohort: i64, after: i64) -> Result<Vec<Member>, Fault> {
    let row: MembersRow = sqlx::query_as(
        "SELECT coalesce(array_agg(monitor_id), '{}') AS ids, coalesce(array_agg(next_due_at), '{}') AS first_slots,
                coalesce(array_agg(interval_ms), '{}') AS intervals_ms, coalesce(array_agg(phase_ms), '{}') AS phases_ms,
                coalesce(array_agg(timeout_ms), '{}') AS timeouts_ms, coalesce(array_agg(version), '{}') AS versions
         FROM schedule
         WHERE cohort_id = $1 AND changed > $2",
    )
    .bind(cohort)
    .bind(after)
    .fetch_one(connection)
    .await?;
    Ok(row.members().map(Member::from).collect())
}

/// What is read ahead of the first claim.
#[derive(Clone)]
pub(super) struct PgArchive(pub(super) PgPool);

#[async_trait]
impl Archive for PgArchive {
    async fn due(&self, region: &Region, horizon: Timestamp) -> Result<Vec<CohortRow>, Fault> {
        let rows = sqlx::query_as(DUE).bind(region.as_str()).bind(Instant(horizon)).fetch_all(&self.0).await?;
        Ok(rows)
    }

    async fn members(&self, cohort: i64) -> Result<Vec<Member>, Fault> {
        members(&mut *self.0.acquire().await?, cohort, 0).await
    }
}

/// Lets members leave a cohort whose row is locked, and answers its new version. What becomes of their rows in the schedule
/// is the caller's business.
pub(super) async fn depart(
    connection: &mut PgConnection,
    cohort: i64,
    departed: &[(MonitorId, Schedule)],
) -> Result<i64, Fault> {
    let version: i64 = sqlx::query_scalar(
        "UPDATE cohorts
         SET version = version + 1, members = members - $2, slots_a_day = slots_a_day - $3
         WHERE id = $1
         RETURNING version",
    )
    .bind(cohort)
    .bind(i64::try_from(departed.len()).unwrap_or(i64::MAX))
    .bind(departed.iter().map(|(_, schedule)| load(*schedule)).sum::<i64>())
    .fetch_one(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM cohort_departures WHERE cohort_id = $1 AND version <= $2")
        .bind(cohort)
        .bind(version - MAX_CHANGES)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO cohort_departures (cohort_id, version, monitor_id)
         SELECT $1, $2, monitor_id FROM unnest($3::uuid[]) AS w (monitor_id)",
    )
    .bind(cohort)
    .bind(version)
    .bind(departed.iter().map(|(monitor, _)| monitor.uuid()).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(version)
}

/// Counts a change of a member's settings, and answers the version that its row is to carry.
pub(super) async fn renew(connection: &mut PgConnection, cohort: i64) -> Result<i64, Fault> {
    let version = sqlx::query_scalar("UPDATE cohorts SET version = version + 1 WHERE id = $1 RETURNING version")
        .bind(cohort)
        .fetch_one(connection)
        .await?;
    Ok(version)
}
