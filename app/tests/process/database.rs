//! The databases that the program runs on, for tests that hold on each of them.

use std::path::Path;

use sqlx::{Connection, Executor};
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

    /// The URL by which a role of its own enters the database with this password, where one is asked for.
    pub(crate) async fn entered_with(&self, password: &str) -> Option<String> {
        let mut url = url::Url::parse(self.database.as_ref()?.url()).unwrap();
        let mut connection = sqlx::PgConnection::connect(url.as_str()).await.unwrap();
        // Roles belong to the whole server, on which this may have run before.
        let role = format!("role_of{}", url.path().replace(|c: char| !c.is_ascii_alphanumeric(), "_"));
        let make = format!(
            "DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN PASSWORD '{password}'; GRANT ALL ON SCHEMA public TO {role}"
        );
        connection.execute(sqlx::AssertSqlSafe(make)).await.unwrap();
        url.set_username(&role).unwrap();
        url.set_password(Some(password)).unwrap();
        Some(url.into())
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
