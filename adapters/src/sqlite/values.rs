//! Many rows in one statement. Each statement is a journey to the connection's thread, so that rows travel together; the
//! sizes are few, so that a handful of prepared statements serves every batch.

use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Sqlite};
use watchkeeper_domain::time::Timestamp;

/// The sizes in which rows travel, the largest first. The largest stays below SQLite's limit of 32,766 parameters.
const SIZES: [usize; 5] = [256, 64, 16, 4, 1];

/// Cuts rows into pieces of the few sizes there are.
pub(super) fn pieces<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().find(|size| *size <= rows.len())?;
        let (piece, rest) = rows.split_at(size);
        rows = rest;
        Some(piece)
    })
}

/// `VALUES (?, ?), (?, ?), ...` in the place of `{rows}`, ready to be bound row by row.
pub(super) fn query_with_rows<'q>(
    statement: &'static str,
    columns: usize,
    rows: usize,
) -> sqlx::query::Query<'q, Sqlite, SqliteArguments> {
    sqlx::query(AssertSqlSafe(with_rows(statement, columns, rows)))
}

/// The text of [`query_with_rows`].
pub(super) fn with_rows(statement: &'static str, columns: usize, rows: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    statement.replace("{rows}", &format!("VALUES {}", vec![row; rows].join(", ")))
}

/// Instants as a JSON array, for `json_each`.
pub(super) fn json(instants: &[Timestamp]) -> String {
    let numbers: Vec<String> = instants.iter().map(|at| at.as_micros().to_string()).collect();
    format!("[{}]", numbers.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_hold_every_row_once_and_in_order() {
        for count in [0, 1, 5, 99, 256, 700] {
            let rows: Vec<usize> = (0..count).collect();
            assert_eq!(pieces(&rows).flatten().copied().collect::<Vec<_>>(), rows);
            assert!(pieces(&rows).all(|piece| SIZES.contains(&piece.len())));
        }
    }

    #[test]
    fn rows_become_placeholders() {
        assert_eq!(with_rows("INSERT INTO t {rows}", 2, 2), "INSERT INTO t VALUES (?, ?), (?, ?)");
    }
}
