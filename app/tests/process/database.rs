//! The databases that the program runs on, for tests that hold on each of them.

use std::path::Path;

use tempfile::TempDir;

use crate::program::Setup;

/// A data directory, and what keeps the database alive.
pub(crate) struct Place {
    directory: TempDir,
    database: Option<watchkeeper_testdb::Database>,
}

impl Place {
    pub(crate) fn for_sqlite() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), database: None }
    }

    pub(crate) async fn for_postgres() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), database: Some(watchkeeper_testdb::Database::fresh().await) }
    }

    pub(crate) fn data(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn setup(&self) -> Setup {
        match &self.database {
            Some(database) => Setup::on(self.data(), database.url()),
            None => Setup::on_sqlite(self.data()),
        }
    }
}

/// Makes of a scenario one test on SQLite and one on PostgreSQL.
macro_rules! on_both {
    ($($scenario:ident;)+) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                super::$scenario(crate::database::Place::for_sqlite()).await;
            })+
        }

        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                super::$scenario(crate::database::Place::for_postgres().await).await;
            })+
        }
    };
}

pub(crate) use on_both;
