//! What goes wrong inside a store, and what its caller can do about it.

use std::fmt::Display;

use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;
use sqlx::sqlite::SqliteError;
use watchkeeper_domain::port::RepoError;

/// A stored value that stands for nothing.
#[derive(Debug, thiserror::Error)]
#[error("{value} is no {what}")]
pub(crate) struct Unreadable {
    what: &'static str,
    value: String,
}

impl Unreadable {
    /// Says what the value was taken for.
    pub(crate) fn new(what: &'static str, value: impl Display) -> Self {
        Self { what, value: value.to_string() }
    }
}

/// What goes wrong inside a store. It becomes a [`RepoError`] where a port method ends.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The database said no, or said nothing.
    Sql(sqlx::Error),
    /// A stored value stands for nothing.
    Unreadable(Unreadable),
    /// The stored version is newer than the one read.
    Stale,
    /// All instants that something could be put at are taken.
    NoInstant,
}

impl Fault {
    /// Whether PostgreSQL ended the transaction to let another through (SQLSTATE 40001 and 40P01): nothing of it has
    /// happened, and doing it again may well succeed.
    pub(crate) fn gave_way(&self) -> bool {
        let Self::Sql(sqlx::Error::Database(error)) = self else { return false };
        matches!(error.code().as_deref(), Some("40001" | "40P01"))
            && error.as_ref().try_downcast_ref::<PgDatabaseError>().is_some()
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Unreadable> for Fault {
    fn from(error: Unreadable) -> Self {
        Self::Unreadable(error)
    }
}

impl From<Fault> for RepoError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Stale => Self::Stale,
            Fault::NoInstant => Self::Unavailable("every instant is taken".into()),
            Fault::Unreadable(error) => Self::Corrupt(Box::new(error)),
            Fault::Sql(error) => {
                let remedy = remedy(&error);
                remedy(Box::new(error))
            }
        }
    }
}

type Remedy = fn(Box<dyn std::error::Error + Send + Sync>) -> RepoError;

fn remedy(error: &sqlx::Error) -> Remedy {
    match error {
        sqlx::Error::Database(error) => of_database(error.as_ref()),
        sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => RepoError::Corrupt,
        sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::TypeNotFound { .. }
        | sqlx::Error::Encode(_)
        | sqlx::Error::RowNotFound => RepoError::Conflict,
        _ => RepoError::Unavailable,
    }
}

fn of_database(error: &(dyn DatabaseError + 'static)) -> Remedy {
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<SqliteError>().is_some() {
        return of_sqlite(code.parse().unwrap_or(0));
    }
    if error.try_downcast_ref::<PgDatabaseError>().is_some() {
        return of_postgres(&code);
    }
    RepoError::Unavailable
}

/// By primary result code, the low byte of the extended one (<https://www.sqlite.org/rescode.html>).
fn of_sqlite(extended: i32) -> Remedy {
    match extended & 0xff {
        // ERROR, TOOBIG, CONSTRAINT, MISMATCH, MISUSE, RANGE: the program asked for what cannot be.
        1 | 18 | 19 | 20 | 21 | 25 => RepoError::Conflict,
        // CORRUPT, NOTADB.
        11 | 26 => RepoError::Corrupt,
        // BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN and the like may pass.
        _ => RepoError::Unavailable,
    }
}

/// By SQLSTATE class (<https://www.postgresql.org/docs/15/errcodes-appendix.html>).
fn of_postgres(code: &str) -> Remedy {
    match code.get(..2) {
        // Cardinality violation, data exception, constraint violation, syntax error or missing object, a limit of the
        // server's own: trying the same again is in vain.
        Some("21" | "22" | "23" | "42" | "54") => RepoError::Conflict,
        // XX000 is an internal error that may pass; XX001 and XX002 are corrupted data and a corrupted index.
        Some("XX") if code != "XX000" => RepoError::Corrupt,
        // Connection, transaction rollback, resources, operator intervention, system error and the like may pass.
        _ => RepoError::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing() -> Box<dyn std::error::Error + Send + Sync> {
        "x".into()
    }

    #[test]
    fn what_may_pass_is_unavailable_and_what_never_will_is_not() {
        assert!(matches!(of_sqlite(5)(nothing()), RepoError::Unavailable(_)));
        assert!(matches!(of_sqlite(13)(nothing()), RepoError::Unavailable(_)));
        assert!(matches!(of_sqlite(18)(nothing()), RepoError::Conflict(_)));
        assert!(matches!(of_sqlite(2067)(nothing()), RepoError::Conflict(_)));
        assert!(matches!(of_sqlite(11)(nothing()), RepoError::Corrupt(_)));
        assert!(matches!(of_postgres("57P01")(nothing()), RepoError::Unavailable(_)));
        assert!(matches!(of_postgres("40001")(nothing()), RepoError::Unavailable(_)));
        assert!(matches!(of_postgres("54000")(nothing()), RepoError::Conflict(_)));
        assert!(matches!(of_postgres("23505")(nothing()), RepoError::Conflict(_)));
        assert!(matches!(of_postgres("XX001")(nothing()), RepoError::Corrupt(_)));
    }

    #[test]
    fn a_value_that_stands_for_nothing_is_corruption() {
        let error = RepoError::from(Fault::from(Unreadable::new("Verdict", 9)));
        assert!(matches!(error, RepoError::Corrupt(_)));
    }
}
