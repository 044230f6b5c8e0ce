//! Reading everything for a backup: one transaction that sees one moment, on a connection of its own.

use std::io::Write;
use std::sync::Arc;

use futures_util::TryStreamExt;
use sqlx::{Connection, Executor, PgConnection};

use super::PostgresStore;
use super::connect::MIGRATIONS;
use super::copy::CopyReader;
use crate::backup::{BackupError, Column, Header, Kind, Progress, Sink, Summary, TABLES, Table, unseated};
use crate::rfc3339;
use crate::row::Instant;

/// Other than the rest, a backup may take hours, and waits for whoever takes it.
pub(super) const WITHOUT_HASTE: &str = "SET statement_timeout = 0; SET lock_timeout = 0;
    SET idle_in_transaction_session_timeout = 0; SET tcp_user_timeout = 0";

/// A partition that is dropped is gone from every snapshot. Whoever is to drop one leaves it for another time.
const KEEP_PARTITIONS: &str = "LOCK TABLE checks, check_evidence, hour_rollups IN ACCESS SHARE MODE";

impl PostgresStore {
    /// Writes a backup while nodes work. `product` is the version of the program.
    ///
    /// # Errors
    /// [`BackupError`]; what has been written then is no backup.
    pub async fn back_up(
        &self,
        out: Box<dyn Write + Send>,
        product: &str,
        progress: Arc<Progress>,
    ) -> Result<Summary, BackupError> {
        let mut connection = self.pool.acquire().await?.detach();
        let backed_up = back_up(&mut connection, out, product, progress).await;
        // Closing is a courtesy to the server.
        let _ = connection.close().await;
        backed_up
    }
}

async fn back_up(
    connection: &mut PgConnection,
    out: Box<dyn Write + Send>,
    product: &str,
    progress: Arc<Progress>,
) -> Result<Summary, BackupError> {
    connection.execute(WITHOUT_HASTE).await?;
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
    connection.execute(KEEP_PARTITIONS).await?;
    // The first query takes the snapshot.
    let (taken_at, found): (Instant, i64) =
        sqlx::query_as("SELECT clock_timestamp(), coalesce(max(version), 0) FROM _sqlx_migrations WHERE success")
            .fetch_one(&mut *connection)
            .await?;
    let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    if found != known {
        return Err(BackupError::OtherSchema { found, known });
    }
    let header = Header {
        product: product.to_owned(),
        store: "postgres".to_owned(),
        schema: known,
        taken_at: rfc3339::format(taken_at.0),
    };
    let mut sink = Sink::begin(out, header, progress);
    for table in TABLES {
        sink.table(table).await?;
        read(connection, table, &mut sink).await?;
    }
    sink.finish().await
}

async fn read(connection: &mut PgConnection, table: &'static Table, sink: &mut Sink) -> Result<(), BackupError> {
    let (columns, rows) = (table.columns.iter().map(read_as).collect::<Vec<_>>().join(", "), source(table));
    let mut kinds: Vec<Kind> = table.columns.iter().map(|column| column.kind).collect();
    let is_schedule = table.name == "schedule";
    let claimed_to = if is_schedule { ", claimed_to" } else { "" };
    kinds.extend(is_schedule.then_some(Kind::Instant));
    let statement = format!("COPY (SELECT {columns}{claimed_to} FROM {rows}) TO STDOUT (FORMAT binary)");
    let mut reader = CopyReader::of(kinds);
    let mut sent = connection.copy_out_raw(&statement).await?;
    while let Some(bytes) = sent.try_next().await? {
        reader.feed(&bytes);
        while let Some(mut row) = reader.row()? {
            if is_schedule {
                unseated(table, &mut row)?;
            }
            sink.row(row).await?;
        }
    }
    Ok(())
}

fn read_as(column: &Column) -> String {
    let name = column.name;
    match column.kind {
        Kind::Number => format!("t.{name}::bigint"),
        Kind::Text => format!("t.{name}::text"),
        _ => format!("t.{name}"),
    }
}

/// The rows that are carried. What was left behind of a monitor that is gone is not, nor is what only waits to be removed
/// because it is older than checks are kept whole, nor the part of a day that is not folded wholly.
fn source(table: &Table) -> String {
    let name = table.name;
    let of_monitors = "EXISTS (SELECT FROM monitors AS m WHERE m.id = t.monitor_id)";
    let raw_from = "(SELECT coalesce(raw_from, '-infinity') FROM history_progress)";
    match name {
        "schedule" => {
            "(SELECT s.*, c.claimed_to FROM schedule AS s LEFT JOIN cohorts AS c ON c.id = s.cohort_id) AS t".into()
        }
        "claims" => format!("({CLAIMS}) AS t WHERE {of_monitors}"),
        "checks" | "check_evidence" => format!("{name} AS t WHERE t.slot >= {raw_from} AND {of_monitors}"),
        "hour_rollups" => format!("{name} AS t WHERE t.began_at >= {raw_from} AND {of_monitors}"),
        "day_rollups" | "packed_checks" => {
            format!("{name} AS t WHERE t.began_at < (SELECT days_to FROM history_progress) AND {of_monitors}")
        }
        _ if table.position("monitor_id").is_some() => format!("{name} AS t WHERE {of_monitors}"),
        _ => format!("{name} AS t"),
    }
}

/// Open work, and what a lease would become if it ended now (`lease::take_apart_ended`).
const CLAIMS: &str = "
    SELECT monitor_id, region, slot, origin, start_before, slot AS free_at
    FROM claims
    UNION ALL
    SELECT u.monitor_id, l.region, u.slot, 0, u.slot + s.interval_ms * interval '1 millisecond', u.slot
    FROM leases AS l
    CROSS JOIN LATERAL unnest(l.monitor_ids, l.slots) AS u (monitor_id, slot)
    JOIN schedule AS s ON s.monitor_id = u.monitor_id AND s.region = l.region";
