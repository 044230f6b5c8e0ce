//! Opening a store of either kind, and why there may be none.

use std::path::Path;
use std::sync::Arc;

use anyhow::anyhow;
use secrecy::{ExposeSecret, SecretString};
use watchkeeper_adapters::postgres::{ConnectError, PoolSettings, PostgresStore};
use watchkeeper_adapters::sqlite::{OpenError, SqliteStore};
use watchkeeper_domain::port::{IdGenerator, RepoError};

use crate::failure::Failure;

/// Why there is no store.
pub(super) enum Unopened {
    /// It does not answer; it may later.
    Away(anyhow::Error),
    /// That will not help.
    Unusable(Failure),
}

impl From<RepoError> for Unopened {
    fn from(error: RepoError) -> Self {
        match error {
            RepoError::Unavailable(_) => Self::Away(error.into()),
            _ => Self::Unusable(Failure::Other(anyhow::Error::new(error).context("the database cannot be used"))),
        }
    }
}

impl From<Unopened> for Failure {
    fn from(unopened: Unopened) -> Self {
        match unopened {
            Unopened::Away(error) => Self::Other(error),
            Unopened::Unusable(failure) => failure,
        }
    }
}

/// Opens the file, and brings it to the newest schema.
pub(super) async fn sqlite(file: &Path, ids: Arc<dyn IdGenerator>) -> Result<SqliteStore, Unopened> {
    SqliteStore::open(file, ids).await.map_err(|error| match error {
        OpenError::Io { .. } => Unopened::Unusable(Failure::configuration(error)),
        _ => Unopened::Unusable(Failure::from(error)),
    })
}

/// Connects to the server. The schema stays as it is.
pub(super) async fn postgres(url: &SecretString, ids: Arc<dyn IdGenerator>) -> Result<PostgresStore, Unopened> {
    let connected = PostgresStore::connect(url.expose_secret(), PoolSettings::default(), ids).await;
    connected.map_err(|error| match error {
        ConnectError::Unreachable(_) => Unopened::Away(error.into()),
        _ => Unopened::Unusable(Failure::configuration(anyhow!(error).context("DATABASE_URL"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_is_broken_is_no_fault_of_the_configuration() {
        for error in [RepoError::Corrupt("a torn page".into()), RepoError::Conflict("another schema".into())] {
            assert!(matches!(error.into(), Unopened::Unusable(Failure::Other(_))));
        }
        assert!(matches!(RepoError::Unavailable("nobody there".into()).into(), Unopened::Away(_)));
    }
}
