//! Writing what a backup has: one transaction into an empty database.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Postgres, Transaction};
use watchkeeper_domain::rollup::day_of;
use watchkeeper_domain::time::Timestamp;

use super::PostgresStore;
use super::backup::WITHOUT_HASTE;
use super::copy::{CopyWriter, WireType};
use super::partition;
use crate::backup::{Checked, Column, Piece, Progress, ReadError, RestoreError, Row, Summary, TABLES, Table, Value};
use crate::row::Fault;

/// Keeps everybody from signing up until it is done; who waits for it is refused after a while.
const ALONE: &str = "LOCK TABLE workspaces, users IN SHARE ROW EXCLUSIVE MODE";

impl PostgresStore {
    /// Restores a backup into a database that is empty and has the newest schema. Nodes that run on it meanwhile go on with
    /// what was restored.
    ///
    /// # Errors
    /// [`RestoreError`]; nothing has been restored then.
    pub async fn restore(&self, backup: Checked, progress: Arc<Progress>) -> Result<Summary, RestoreError> {
        let mut connection = self.pool.acquire().await?.detach();
        let restored = self.restore_on(&mut connection, backup, &progress).await;
        // Closing is a courtesy to the server.
        let _ = connection.close().await;
        restored
    }

    async fn restore_on(
        &self,
        connection: &mut PgConnection,
        backup: Checked,
        progress: &Progress,
    ) -> Result<Summary, RestoreError> {
        connection.execute(WITHOUT_HASTE).await?;
        let mut transaction = connection.begin().await?;
        transaction.execute(ALONE).await?;
        for table in TABLES.iter().filter(|table| table.name != "history_progress") {
            let is_there = format!("SELECT EXISTS (SELECT FROM {})", table.name);
            if sqlx::query_scalar(AssertSqlSafe(is_there)).fetch_one(&mut *transaction).await? {
                return Err(RestoreError::NotEmpty(table.name));
            }
        }
        transaction.execute("DELETE FROM history_progress").await?;
        let mut source = backup.source()?;
        let mut destination = None;
        let mut days = BTreeSet::new();
        while let Some(piece) = source.next().await {
            match (piece, &destination) {
                (Piece::Table(table, columns), _) => {
                    progress.begins(table.name);
                    destination = Some(Destination::find(&mut transaction, table, &columns).await?);
                }
                (Piece::Rows(rows), Some(destination)) => {
                    self.make_days(destination, &rows, &mut days).await?;
                    destination.write(&mut transaction, &rows).await?;
                    progress.done(rows.len());
                }
                (Piece::Rows(_), None) => return Err(ReadError::Damaged("it has rows of no table").into()),
            }
        }
        let summary = source.finish().await?;
        // What there is has changed altogether; without it the first questions would be planned for empty tables.
        transaction.execute("ANALYZE").await?;
        transaction.commit().await?;
        Ok(summary)
    }

    /// Makes the partitions that rows need. They are made at once, so that the days of a long history need no lock each
    /// until the end; an empty one does no harm.
    async fn make_days(
        &self,
        destination: &Destination,
        rows: &[Row],
        days: &mut BTreeSet<Timestamp>,
    ) -> Result<(), Fault> {
        let Some(position) = destination.partitioned_by else { return Ok(()) };
        let instants = rows.iter().filter_map(|row| row.get(position).and_then(Value::number));
        let new: BTreeSet<Timestamp> =
            instants.map(|at| day_of(Timestamp::from_micros(at))).filter(|day| !days.contains(day)).collect();
        if !new.is_empty() {
            let mut transaction = self.begin().await?;
            partition::make(&mut transaction, new.iter().copied()).await?;
            transaction.commit().await?;
            days.extend(new);
        }
        Ok(())
    }
}

/// A table that rows go into.
struct Destination {
    statement: String,
    types: Vec<WireType>,
    /// Which column says in what partition a row lies.
    partitioned_by: Option<usize>,
}

impl Destination {
    async fn find(
        transaction: &mut Transaction<'_, Postgres>,
        table: &'static Table,
        columns: &[&'static Column],
    ) -> Result<Self, RestoreError> {
        let there: HashMap<String, String> = sqlx::query_as(
            "SELECT attname::text, atttypid::regtype::text
             FROM pg_attribute
             WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped",
        )
        .bind(table.name)
        .fetch_all(&mut **transaction)
        .await?
        .into_iter()
        .collect();
        let type_of = |column: &&Column| Ok(there.get(column.name).map_or("none", String::as_str).parse()?);
        let types = columns.iter().map(type_of).collect::<Result<_, Fault>>()?;
        let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
        let statement = format!("COPY {} ({}) FROM STDIN (FORMAT binary)", table.name, names.join(", "));
        let by = match table.name {
            "checks" | "check_evidence" => Some("slot"),
            "hour_rollups" => Some("began_at"),
            _ => None,
        };
        let partitioned_by = by.and_then(|by| names.iter().position(|name| *name == by));
        Ok(Self { statement, types, partitioned_by })
    }

    async fn write(&self, transaction: &mut Transaction<'_, Postgres>, rows: &[Row]) -> Result<(), Fault> {
        let mut writer = CopyWriter::of(&self.types);
        for row in rows {
            writer.row(row)?;
        }
        let mut copy = transaction.copy_in_raw(&self.statement).await?;
        copy.send(writer.finish()).await?;
        copy.finish().await?;
        Ok(())
    }
}
