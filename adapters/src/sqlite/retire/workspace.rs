//! Letting go of what workspaces ask to have gone sooner: workspace by workspace once a day, and in each monitor by monitor,
//! so that each is found through its key.

use sqlx::{FromRow, SqliteConnection};
use uuid::Uuid;
use watchkeeper_domain::retention::{Left, OwnRetention, Retention};
use watchkeeper_domain::rollup::day_of;
use watchkeeper_domain::time::Timestamp;

use super::packs;
use crate::row::{Fault, LeftRow, OwnRetentionRow, bigint};

/// Evidence, of checks that are still kept whole for others.
pub(crate) const EVIDENCE: &str = "
    DELETE FROM evidence
     WHERE rowid IN (SELECT e.rowid
                       FROM schedule AS s
                      CROSS JOIN checks AS c ON c.monitor_key = s.monitor_key AND c.region = s.region
                      CROSS JOIN evidence AS e
                         ON e.slot = c.slot AND e.monitor_key = c.monitor_key AND e.region = c.region
                      WHERE s.monitor_key = ?1
                        AND (c.verdict <> 1 OR c.origin <> 0) AND c.slot < ?2 AND c.slot >= ?3
                      LIMIT ?4)";
pub(crate) const ROLLUPS: &str = "
    DELETE FROM day_rollups
     WHERE (monitor_key, region, began_at) IN (SELECT monitor_key, region, began_at FROM day_rollups
                                                WHERE monitor_key = ?1 AND began_at < ?2 AND began_at >= ?3 LIMIT ?4)";

/// A workspace that asks for less, and the last of its monitors that is through for today.
#[derive(FromRow)]
struct Row {
    id: Uuid,
    retired_id: Option<Uuid>,
    #[sqlx(flatten)]
    own: OwnRetentionRow,
}

/// Lets go of some of it, at most `limit` rows, those looked at among them. Checks of before `raw_from` are packed. Answers
/// how many rows went, and whether there may be more to do today.
pub(super) async fn retire(
    step: &mut SqliteConnection,
    now: Timestamp,
    retention: &Retention,
    raw_from: Timestamp,
    limit: i64,
) -> Result<(u64, bool), Fault> {
    let (mut rows, mut work) = (0, 0);
    while work < limit {
        let Some(Row { id: workspace, mut retired_id, own }) = next_workspace(step, now).await? else {
            return Ok((rows, false));
        };
        let left = OwnRetention::try_from(own)?.within(retention).left(now);
        let kinds =
            [(EVIDENCE, left.raw_from, raw_from), (ROLLUPS, left.rollups_from.min(raw_from), Left::ALL.rollups_from)];
        while work < limit {
            let Some((key, monitor)) = next_monitor(step, workspace, retired_id).await? else {
                all_is_gone(step, workspace, &left, now).await?;
                work += 1;
                break;
            };
            for (statement, before, from) in kinds {
                let gone = sqlx::query(statement)
                    .bind(key)
                    .bind(before.as_micros())
                    .bind(from.as_micros())
                    .bind(limit - work)
                    .execute(&mut *step)
                    .await?
                    .rows_affected();
                rows += gone;
                work = work.saturating_add(bigint(gone));
            }
            let gone = packs::retire(step, Some(key), left.packed_from.min(raw_from), (limit - work).max(0)).await?;
            rows += gone;
            work = work.saturating_add(bigint(gone));
            if work < limit {
                retired_id = Some(monitor);
                work += 1;
                is_through(step, workspace, monitor).await?;
            }
        }
    }
    Ok((rows, true))
}

async fn next_workspace(step: &mut SqliteConnection, now: Timestamp) -> Result<Option<Row>, Fault> {
    let row = sqlx::query_as(
        "SELECT id, retired_id, raw_days, packed_days, rollup_days
           FROM workspaces
          WHERE (raw_days IS NOT NULL OR packed_days IS NOT NULL OR rollup_days IS NOT NULL)
            AND (retired_at IS NULL OR retired_at < ?)
          ORDER BY retired_at
          LIMIT 1",
    );
    Ok(row.bind(day_of(now).as_micros()).fetch_optional(step).await?)
}

async fn next_monitor(
    step: &mut SqliteConnection,
    workspace: Uuid,
    after: Option<Uuid>,
) -> Result<Option<(i64, Uuid)>, Fault> {
    let monitor = sqlx::query_as(
        "SELECT key, id FROM monitors
          WHERE workspace_id = ? AND deleted_at IS NULL AND id > ? ORDER BY id LIMIT 1",
    );
    Ok(monitor.bind(workspace).bind(after.unwrap_or(Uuid::nil())).fetch_optional(step).await?)
}

async fn is_through(step: &mut SqliteConnection, workspace: Uuid, monitor: Uuid) -> Result<(), Fault> {
    sqlx::query("UPDATE workspaces SET retired_id = ? WHERE id = ?")
        .bind(monitor)
        .bind(workspace)
        .execute(step)
        .await?;
    Ok(())
}

async fn all_is_gone(step: &mut SqliteConnection, workspace: Uuid, left: &Left, now: Timestamp) -> Result<(), Fault> {
    let [raw_from, packed_from, rollups_from] = LeftRow::columns(left).map(|from| from.map(Timestamp::as_micros));
    sqlx::query(
        "UPDATE workspaces
            SET retired_at = ?2, retired_id = NULL, raw_from = max(ifnull(raw_from, ?3), ifnull(?3, raw_from)),
                packed_from = max(ifnull(packed_from, ?4), ifnull(?4, packed_from)),
                rollups_from = max(ifnull(rollups_from, ?5), ifnull(?5, rollups_from))
          WHERE id = ?1",
    )
    .bind(workspace)
    .bind(day_of(now).as_micros())
    .bind(raw_from)
    .bind(packed_from)
    .bind(rollups_from)
    .execute(step)
    .await?;
    Ok(())
}
