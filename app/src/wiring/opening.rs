//! Opening a store of either kind, and why there may be none.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use secrecy::{ExposeSecret, SecretString};
use watchkeeper_adapters::postgres::{ConnectError, PoolSettings, PostgresStore};
use watchkeeper_adapters::sqlite::{OpenError, SqliteStore};
use watchkeeper_domain::port::{IdGenerator, RepoError};

use crate::failure::Failure;

/// The connections of those who watch. All that they read at length is what a start reads ahead.
const FOR_WATCHING: PoolSettings = PoolSettings {
    for_work: NonZeroU32::new(6).unwrap(),
    for_questions: NonZeroU32::new(2).unwrap(),
    acquire_timeout: LONGEST_WAIT,
};

/// The connections of those who serve people: changes and sign-ins are few and short, questions are many.
pub(super) const FOR_PEOPLE: PoolSettings = PoolSettings {
    for_work: NonZeroU32::new(3).unwrap(),
    for_questions: NonZeroU32::new(3).unwrap(),
    acquire_timeout: LONGEST_WAIT,
};

/// How long a caller waits for a connection before the store counts as unavailable.
const LONGEST_WAIT: Duration = Duration::from_secs(3);

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

/// Connects to the server, for those who watch. The schema stays as it is.
pub(super) async fn postgres(url: &SecretString, ids: Arc<dyn IdGenerator>) -> Result<PostgresStore, Unopened> {
    let connected = PostgresStore::connect(url.expose_secret(), FOR_WATCHING, ids).await;
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
