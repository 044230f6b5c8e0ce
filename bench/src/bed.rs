//! A fresh program on a fresh store.

use std::fmt;
use std::path::Path;

use serde::Serialize;
use tempfile::TempDir;

use crate::postgres::Postgres;
use crate::store::Store;
use crate::watchkeeper::Watchkeeper;

/// On what it stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

impl fmt::Display for Kind {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        })
    }
}

/// A program with all that it stands on.
pub(crate) struct Bed {
    pub(crate) watchkeeper: Watchkeeper,
    pub(crate) store: Store,
    postgres: Option<Postgres>,
    _directory: TempDir,
}

impl Bed {
    pub(crate) async fn make(kind: Kind, binary: &Path) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        let postgres = match kind {
            Kind::Sqlite => None,
            Kind::Postgres => Some(Postgres::start().await?),
        };
        let url = postgres.as_ref().map(Postgres::url);
        let watchkeeper = Watchkeeper::start(binary, directory.path(), url.as_deref()).await?;
        let store = url.map_or_else(|| Store::in_directory(directory.path()), Store::Postgres);
        Ok(Self { watchkeeper, store, postgres, _directory: directory })
    }

    /// The version of the database server; SQLite is part of the program.
    pub(crate) fn version(&self) -> &str {
        self.postgres.as_ref().map_or("embedded", Postgres::version)
    }

    /// The database server's first process.
    pub(crate) fn database_process(&self) -> Option<u32> {
        self.postgres.as_ref().map(Postgres::process)
    }

    /// Ends everything, the program first.
    pub(crate) async fn clear(self) -> anyhow::Result<()> {
        self.watchkeeper.stop().await?;
        match self.postgres {
            Some(postgres) => postgres.stop().await,
            None => Ok(()),
        }
    }
}
