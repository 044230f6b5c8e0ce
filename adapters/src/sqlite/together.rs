//! Many rows in one. A connection's thread hands over every row by itself, with each of its columns copied, and wakes whoever
//! takes it, which costs more than a small row is worth. Where a question is answered by hundreds of them, SQLite puts them
//! into one text: an array with an array for each row.

use serde::de::DeserializeOwned;
use sqlx::SqliteConnection;
use sqlx::query::QueryScalar;
use sqlx::sqlite::{Sqlite, SqliteArguments};

use crate::row::{Fault, Unreadable};

/// The rows of a statement that answers a single `json_group_array(json_array(...))`.
pub(super) async fn fetch<T: DeserializeOwned>(
    query: QueryScalar<'_, Sqlite, String, SqliteArguments>,
    connection: &mut SqliteConnection,
) -> Result<Vec<T>, Fault> {
    let rows = query.fetch_one(connection).await?;
    Ok(serde_json::from_str(&rows).map_err(|error| Unreadable::new("rows as JSON", error))?)
}
