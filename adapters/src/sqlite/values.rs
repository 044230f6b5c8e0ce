//! Many rows in one statement. Each statement is a journey to the connection's thread, so that rows travel together; the
//! sizes are few, so that a handful of prepared statements serves every batch.

use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Sqlite};
use uuid::Uuid;
use watchkeeper_domain::id::MonitorId;
use watchkeeper_domain::time::{Timestamp, Window};

/// The sizes in which rows travel, the largest first: a whole batch of the program's. It stays below SQLite's limit of 32,766
/// parameters.
const SIZES: [usize; 6] = [500, 256, 64, 16, 4, 1];

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

/// The same of a statement that answers a single text.
pub(super) fn scalar_with_rows<'q>(
    statement: &'static str,
    columns: usize,
    rows: usize,
) -> sqlx::query::QueryScalar<'q, Sqlite, String, SqliteArguments> {
    sqlx::query_scalar(AssertSqlSafe(with_rows(statement, columns, rows)))
}

/// The text of [`query_with_rows`].
pub(super) fn with_rows(statement: &str, columns: usize, rows: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    statement.replace("{rows}", &format!("VALUES {}", vec![row; rows].join(", ")))
}

/// Rows of numbers as a JSON array of arrays, for `json_each`.
pub(super) fn json<const N: usize>(rows: impl IntoIterator<Item = [i64; N]>) -> String {
    array(rows.into_iter().map(|row| array(row.into_iter().map(|number| number.to_string()))))
}

/// Windows as a JSON array of pairs.
pub(super) fn windows(windows: &[Window]) -> String {
    json(windows.iter().map(|window| [window.from().as_micros(), window.to().as_micros()]))
}

/// Instants as a JSON array of numbers.
pub(super) fn instants(instants: &[Timestamp]) -> String {
    numbers(instants.iter().map(|at| at.as_micros()))
}

/// Monitors and their windows as a JSON array; `unhex` reads the identifiers.
pub(super) fn monitor_windows(asked: &[(MonitorId, Window)]) -> String {
    array(asked.iter().map(|(monitor, window)| {
        let (from, to) = (window.from().as_micros(), window.to().as_micros());
        format!("[\"{}\",{from},{to}]", monitor.uuid().simple())
    }))
}

/// Numbers as a JSON array.
pub(super) fn numbers(numbers: impl IntoIterator<Item = i64>) -> String {
    array(numbers.into_iter().map(|number| number.to_string()))
}

/// Identifiers as a JSON array of what `unhex` reads.
pub(super) fn identifiers(ids: impl IntoIterator<Item = Uuid>) -> String {
    array(ids.into_iter().map(|id| format!("\"{}\"", id.simple())))
}

fn array(elements: impl Iterator<Item = String>) -> String {
    let mut text = String::from("[");
    for (position, element) in elements.enumerate() {
        if position > 0 {
            text.push(',');
        }
        text.push_str(&element);
    }
    text.push(']');
    text
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
    fn numbers_windows_and_identifiers_become_json() {
        assert_eq!(json([[1, -2], [3, 4]]), "[[1,-2],[3,4]]");
        assert_eq!(json::<2>([]), "[]");
        assert_eq!(instants(&[Timestamp::from_micros(5), Timestamp::from_micros(6)]), "[5,6]");
        assert_eq!(windows(&[Window::new(Timestamp::EPOCH, Timestamp::from_micros(7)).unwrap()]), "[[0,7]]");
        let of =
            [(MonitorId::new(Uuid::from_u128(1)), Window::new(Timestamp::EPOCH, Timestamp::from_micros(7)).unwrap())];
        assert_eq!(monitor_windows(&of), "[[\"00000000000000000000000000000001\",0,7]]");
        assert_eq!(identifiers([Uuid::from_u128(0xab)]), "[\"000000000000000000000000000000ab\"]");
    }

    #[test]
    fn rows_become_placeholders() {
        assert_eq!(with_rows("INSERT INTO t {rows}", 2, 2), "INSERT INTO t VALUES (?, ?), (?, ?)");
    }
}
