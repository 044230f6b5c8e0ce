//! What a store stands on: a directory, and for PostgreSQL a server.

use std::path::Path;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::Command;

use crate::postgres::Postgres;
use crate::process::Usage;
use crate::store::{Kind, Store};
use crate::watchkeeper::{Node, Role, Start};

/// Where a store is made, and the program runs on it.
pub(crate) struct Ground {
    postgres: Option<Postgres>,
    directory: TempDir,
}

impl Ground {
    /// One with nothing on it.
    pub(crate) async fn new(kind: Kind) -> anyhow::Result<Self> {
        let postgres = match kind {
            Kind::Sqlite => None,
            Kind::Postgres => Some(Postgres::start().await?),
        };
        Ok(Self { postgres, directory: tempfile::tempdir()? })
    }

    fn url(&self) -> Option<String> {
        self.postgres.as_ref().map(Postgres::url)
    }

    /// Where the program stores.
    pub(crate) fn store(&self) -> Store {
        self.url().map_or_else(|| Store::in_directory(self.directory.path()), Store::Postgres)
    }

    /// Starts a process that goes on, and waits until it is ready.
    pub(crate) async fn start(&self, binary: &Path, role: Role) -> anyhow::Result<Node> {
        let (directory, url) = (self.directory.path(), self.url());
        Node::start(Start { role, binary, directory, database: url.as_deref(), log: Stdio::inherit() }).await
    }

    /// A command of the program that ends by itself.
    pub(crate) fn command(&self, binary: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary);
        command.args(arguments).env_clear().env("WATCHKEEPER_LOG", "warn");
        command.env("WATCHKEEPER_DATA_DIR", self.directory.path());
        if let Some(url) = self.url() {
            command.env("DATABASE_URL", url);
        }
        command
    }

    /// The CPU time of the server, where there is one.
    pub(crate) fn usage_of_server(&self) -> anyhow::Result<Option<Usage>> {
        self.postgres.as_ref().map(|postgres| Usage::of_family(postgres.process())).transpose()
    }

    /// Ends the server, where there is one, and leaves nothing behind.
    pub(crate) async fn clear(self) -> anyhow::Result<()> {
        match self.postgres {
            Some(postgres) => postgres.stop().await,
            None => Ok(()),
        }
    }
}
