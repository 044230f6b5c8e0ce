//! Letting go of what workspaces ask to have gone sooner: workspace by workspace once a day, and in each monitor by monitor,
//! so that each is found through its key.

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;
use watchkeeper_domain::retention::{Left, OwnRetention, Retention};
use watchkeeper_domain::rollup::day_of;
use watchkeeper_domain::time::Timestamp;

use super::packs;
use crate::row::{Fault, Instant, LeftRow, OwnRetentionRow, bigint};

/// Evidence, of checks that are still kept whole for others.
const EVIDENCE: &str = "
    DELETE FROM check_evidence AS e
    USING (SELECT c.slot, c.monitor_id, c.region
           FROM schedule AS s JOIN checks AS c ON c.monitor_id = s.monitor_id AND c.region = s.region
           WHERE s.monitor_id = $1 AND (c.verdict <> 1 OR c.origin <> 0) AND c.slot < $2 AND c.slot >= $3
             AND EXISTS (SELECT FROM check_evidence AS k
                         WHERE k.slot = c.slot AND k.monitor_id = c.monitor_id AND k.region = c.region)
           LIMIT $4) AS gone
    WHERE e.slot = gone.slot AND e.monitor_id = gone.monitor_id AND e.region = gone.region";
const ROLLUPS: &str = "
    DELETE FROM day_rollups
    WHERE ctid = ANY (ARRAY (SELECT ctid FROM day_rollups
                             WHERE monitor_id = $1 AND began_at < $2 AND began_at >= $3 LIMIT $4))";

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
    connection: &mut PgConnection,
    now: Timestamp,
    retention: &Retention,
    raw_from: Timestamp,
    limit: i64,
) -> Result<(u64, bool), Fault> {
    let (mut rows, mut work) = (0, 0);
    while work < limit {
        let Some(Row { id: workspace, mut retired_id, own }) = next_workspace(connection, now).await? else {
            return Ok((rows, false));
        };
        let left = OwnRetention::try_from(own)?.within(retention).left(now);
        let kinds =
            [(EVIDENCE, left.raw_from, raw_from), (ROLLUPS, left.rollups_from.min(raw_from), Left::ALL.rollups_from)];
        while work < limit {
            let Some(monitor) = next_monitor(connection, workspace, retired_id).await? else {
                all_is_gone(connection, workspace, &left, now).await?;
                work += 1;
                break;
            };
            for (statement, before, from) in kinds {
                let gone = sqlx::query(statement)
                    .bind(monitor)
                    .bind(Instant(before))
                    .bind(Instant(from))
                    .bind(limit - work)
                    .execute(&mut *connection)
                    .await?
                    .rows_affected();
                rows += gone;
                work += bigint(gone);
            }
            let before = left.packed_from.min(raw_from);
            let gone = packs::retire(connection, Some(monitor), before, (limit - work).max(0)).await?;
            rows += gone;
            work += bigint(gone);
            if work < limit {
                retired_id = Some(monitor);
                work += 1;
                is_through(connection, workspace, monitor).await?;
            }
        }
    }
    Ok((rows, true))
}

async fn next_workspace(connection: &mut PgConnection, now: Timestamp) -> Result<Option<Row>, Fault> {
    let row = sqlx::query_as(
        "SELECT id, retired_id, raw_days, packed_days, rollup_days
         FROM workspaces
         WHERE (raw_days IS NOT NULL OR packed_days IS NOT NULL OR rollup_days IS NOT NULL)
           AND (retired_at IS NULL OR retired_at < $1)
         ORDER BY retired_at NULLS FIRST
         LIMIT 1
         FOR NO KEY UPDATE SKIP LOCKED",
    )
    .bind(Instant(day_of(now)))
    .fetch_optional(connection)
    .await?;
    Ok(row)
}

async fn next_monitor(
    connection: &mut PgConnection,
    workspace: Uuid,
    after: Option<Uuid>,
) -> Result<Option<Uuid>, Fault> {
    let monitor = sqlx::query_scalar(
        "SELECT id FROM monitors WHERE workspace_id = $1 AND deleted_at IS NULL AND id > $2 ORDER BY id LIMIT 1",
    )
    .bind(workspace)
    .bind(after.unwrap_or(Uuid::nil()))
    .fetch_optional(connection)
    .await?;
    Ok(monitor)
}

async fn is_through(connection: &mut PgConnection, workspace: Uuid, monitor: Uuid) -> Result<(), Fault> {
    sqlx::query("UPDATE workspaces SET retired_id = $2 WHERE id = $1")
        .bind(workspace)
        .bind(monitor)
        .execute(connection)
        .await?;
    Ok(())
}

async fn all_is_gone(connection: &mut PgConnection, workspace: Uuid, left: &Left, now: Timestamp) -> Result<(), Fault> {
    let [raw_from, packed_from, rollups_from] = LeftRow::columns(left).map(|from| from.map(Instant));
    sqlx::query(
        "UPDATE workspaces
         SET retired_at = $2, retired_id = NULL, raw_from = greatest(raw_from, $3),
             packed_from = greatest(packed_from, $4), rollups_from = greatest(rollups_from, $5)
         WHERE id = $1",
    )
    .bind(workspace)
    .bind(Instant(day_of(now)))
    .bind(raw_from)
    .bind(packed_from)
    .bind(rollups_from)
    .execute(connection)
    .await?;
    Ok(())
}
