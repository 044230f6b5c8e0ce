//! How the tables that a backup carries look in SQLite, where that is not as they are called there.

use crate::backup::{Column, Table};

/// A column of a table.
pub(super) struct Shape {
    /// Its name.
    pub(super) name: &'static str,
    /// How it is read; the table is `t`, and `m` its monitor.
    pub(super) read: String,
    /// How it is written, out of a row `v` with the columns of the backup.
    pub(super) write: String,
}

impl Shape {
    /// Of a column that a backup carries.
    pub(super) fn of(table: &Table, column: &Column) -> Self {
        let name = match (table.name, column.name) {
            (_, "monitor_id") => {
                let write = "(SELECT key FROM monitors WHERE id = v.monitor_id)".to_owned();
                return Self { name: "monitor_key", read: "m.id".to_owned(), write };
            }
            ("checks", "checked_at") => {
                let (read, write) = ("t.slot + t.late_us".to_owned(), "v.checked_at - v.slot".to_owned());
                return Self { name: "late_us", read, write };
            }
            // Whoever held it records elsewhere: it is free from its own instant on.
            ("claims", "free_at") => {
                return Self { name: "lease_until", read: "t.slot".to_owned(), write: "v.free_at".to_owned() };
            }
            ("sessions", "has_ended") => "ended",
            ("session_tokens", "token_hash") => "hash",
            ("session_tokens", "is_used") => "used",
            ("slot_gaps", "slot_count") => "count",
            ("check_evidence", "evidence") => "body",
            (_, name) => name,
        };
        Self { name, read: format!("t.{name}"), write: format!("v.{}", column.name) }
    }
}

/// What a table is called.
pub(super) fn name_of(table: &Table) -> &'static str {
    if table.name == "check_evidence" { "evidence" } else { table.name }
}

/// The columns that are carried, by their names here.
#[cfg(test)]
pub(crate) fn carried() -> impl Iterator<Item = (&'static str, &'static str)> {
    let columns =
        |table: &'static Table| table.columns.iter().map(move |column| (name_of(table), Shape::of(table, column).name));
    crate::backup::TABLES.iter().flat_map(columns)
}
