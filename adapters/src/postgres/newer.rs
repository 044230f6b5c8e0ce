//! A schema that a newer node has moved on: which of its migrations this program can live with.
//!
//! The database keeps the name of every migration that was applied. A name that begins with `expand` promises that the
//! migration only adds what older programs need not know; one that begins with `contract since 7` takes away only what those
//! that know migration 7 do not use any more. Any other may have changed or taken away what they use.

use sqlx::PgConnection;

use super::connect::MIGRATIONS;

/// How the name of a migration begins that older programs can live with, as the database keeps it.
const EXPANDS: &str = "expand ";

/// The schema has lost or changed what this program may need.
#[derive(Debug, thiserror::Error)]
#[error(
    "the schema is too new for this program (migration {version}, \"{name}\"): start the version that made it, or a newer one"
)]
pub struct TooNew {
    /// The first migration that this program does not know and that does not only add.
    pub version: i64,
    /// What it is called.
    pub name: String,
}

/// The first migration, if any, that keeps this program from working on the schema as it is.
pub(super) async fn obstacle(connection: &mut PgConnection) -> Result<Option<TooNew>, sqlx::Error> {
    let known: Vec<i64> = MIGRATIONS.iter().map(|migration| migration.version).collect();
    let first = sqlx::query_as::<_, (i64, String)>(
        "SELECT version, description FROM _sqlx_migrations
          WHERE version <> ALL ($1) AND NOT starts_with(description, $2)
            AND coalesce(substring(description FROM '^contract since ([0-9]{1,9}) ')::bigint > $3, true)
          ORDER BY version LIMIT 1",
    )
    .bind(&known)
    .bind(EXPANDS)
    .bind(known.iter().max())
    .fetch_optional(connection)
    .await?;
    Ok(first.map(|(version, name)| TooNew { version, name }))
}

#[cfg(test)]
mod tests {
    use super::{EXPANDS, MIGRATIONS};

    #[test]
    fn every_migration_but_the_first_two_says_by_its_name_whether_it_expands_or_contracts() {
        let says = |name: &str| name.starts_with(EXPANDS) || name.starts_with("contract ");
        let silent = MIGRATIONS.iter().filter(|migration| !says(&migration.description));
        assert_eq!(silent.map(|migration| migration.version).collect::<Vec<_>>(), [1, 2]);
    }
}
