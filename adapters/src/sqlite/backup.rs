//! Reading everything for a backup: one transaction that sees one moment, beside whoever holds the file.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use futures_util::TryStreamExt;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Connection, Executor, Row as _};
use watchkeeper_domain::check::Origin;
use watchkeeper_domain::time::Timestamp;

use super::lease::LeaseRow;
use super::open::{MIGRATIONS, for_reading};
use super::shape::{Shape, name_of};
use crate::backup::{BackupError, Header, Kind, Progress, Row, Sink, Summary, TABLES, Table, Value, unseated};
use crate::rfc3339;
use crate::row::Code;

/// Writes a backup of a database file, also while a node holds it: it takes no lock that anybody waits for. `product` is the
/// version of the program.
///
/// # Errors
/// [`BackupError`]; what has been written then is no backup.
pub async fn back_up(
    path: &Path,
    now: Timestamp,
    out: Box<dyn Write + Send>,
    product: &str,
    progress: Arc<Progress>,
) -> Result<Summary, BackupError> {
    if !path.is_file() {
        return Err(BackupError::Absent(path.display().to_string()));
    }
    let mut connection = SqliteConnection::connect_with(&for_reading(path)).await?;
    let backed_up = read_all(&mut connection, now, out, product, progress).await;
    let _ = connection.close().await;
    backed_up
}

async fn read_all(
    connection: &mut SqliteConnection,
    now: Timestamp,
    out: Box<dyn Write + Send>,
    product: &str,
    progress: Arc<Progress>,
) -> Result<Summary, BackupError> {
    connection.execute("BEGIN").await?;
    // The first query takes the snapshot.
    let found: i64 = sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM _sqlx_migrations WHERE success")
        .fetch_one(&mut *connection)
        .await?;
    let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    if found != known {
        return Err(BackupError::OtherSchema { found, known });
    }
    let header = Header {
        product: product.to_owned(),
        store: "sqlite".to_owned(),
        schema: known,
        taken_at: rfc3339::format(now),
    };
    let mut sink = Sink::begin(out, header, progress);
    for table in TABLES {
        sink.table(table).await?;
        read(connection, table, &mut sink).await?;
        if table.name == "claims" {
            read_leases(connection, &mut sink).await?;
        }
    }
    sink.finish().await
}

async fn read(connection: &mut SqliteConnection, table: &'static Table, sink: &mut Sink) -> Result<(), BackupError> {
    let mut columns: Vec<String> = table.columns.iter().map(|column| Shape::of(table, column).read).collect();
    let mut kinds: Vec<Kind> = table.columns.iter().map(|column| column.kind).collect();
    let is_schedule = table.name == "schedule";
    if is_schedule {
        columns.push("(SELECT claimed_to FROM cohorts WHERE id = t.cohort_id)".to_owned());
        kinds.push(Kind::Instant);
    }
    let statement = format!("SELECT {} FROM {}", columns.join(", "), source(table));
    let mut rows = sqlx::query(AssertSqlSafe(statement)).fetch(connection);
    while let Some(read) = rows.try_next().await? {
        let mut row = kinds.iter().enumerate().map(|(at, kind)| value(&read, at, *kind)).collect::<Result<Row, _>>()?;
        if is_schedule {
            unseated(table, &mut row)?;
        }
        sink.row(row).await?;
    }
    Ok(())
}

fn value(row: &SqliteRow, at: usize, kind: Kind) -> Result<Value, sqlx::Error> {
    Ok(match kind {
        Kind::Text => row.try_get::<Option<String>, _>(at)?.map(String::into_bytes).into(),
        Kind::Id | Kind::Bytes => row.try_get::<Option<Vec<u8>>, _>(at)?.into(),
        Kind::Number | Kind::Flag | Kind::Instant => row.try_get::<Option<i64>, _>(at)?.into(),
    })
}

/// The rows that are carried, in the order in which they lie. What was left behind of a monitor that is gone is not, nor is
/// what only waits to be removed because it is older than checks are kept whole, nor the part of a day that is not folded
/// wholly.
fn source(table: &Table) -> String {
    let name = name_of(table);
    let raw_from = "(SELECT coalesce(raw_from, -9223372036854775808) FROM history_progress)";
    let is_carried = match table.name {
        "checks" | "check_evidence" => format!(" WHERE t.slot >= {raw_from}"),
        "hour_rollups" => format!(" WHERE t.began_at >= {raw_from}"),
        "day_rollups" | "packed_checks" => " WHERE t.began_at < (SELECT days_to FROM history_progress)".to_owned(),
        _ => String::new(),
    };
    // The order of the tables is that of the join: the log is walked, and its monitors are looked up.
    let of_monitors = match table.position("monitor_id") {
        Some(_) => " CROSS JOIN monitors AS m ON m.key = t.monitor_key",
        None => "",
    };
    format!("{name} AS t{of_monitors}{is_carried}")
}

/// Adds the slots of leases, as what they would become if they ended now (`lease::take_apart_ended`).
async fn read_leases(connection: &mut SqliteConnection, sink: &mut Sink) -> Result<(), BackupError> {
    let leases: Vec<LeaseRow> = sqlx::query_as("SELECT * FROM leases ORDER BY key").fetch_all(&mut *connection).await?;
    for lease in leases {
        for (monitor, slot) in lease.entries() {
            let interval_ms: Option<i64> = sqlx::query_scalar(
                "SELECT d.interval_ms
                   FROM schedule AS d
                   JOIN monitors AS m ON m.key = d.monitor_key
                  WHERE m.id = ? AND d.region = ?",
            )
            .bind(monitor)
            .bind(lease.region.as_str())
            .fetch_optional(&mut *connection)
            .await?;
            let Some(interval_ms) = interval_ms else { continue };
            let start_before = slot.as_micros() + interval_ms * 1_000;
            sink.row(vec![
                Value::Bytes(monitor.into_bytes().into()),
                Value::Bytes(lease.region.clone().into_bytes()),
                Value::Number(slot.as_micros()),
                Value::Number(Origin::Scheduled.code().into()),
                Value::Number(start_before),
                Value::Number(slot.as_micros()),
            ])
            .await?;
        }
    }
    Ok(())
}
