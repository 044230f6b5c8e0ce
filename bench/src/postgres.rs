//! A PostgreSQL server as it comes: with its default settings, so with every commit on disk before it is answered.
//!
//! The tests' own throw-away server syncs nothing and would flatter.

use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use tokio::process::Command;

use crate::process::Running;

/// A server that holds one empty database.
pub(crate) struct Postgres {
    running: Running,
    port: u16,
    _directory: TempDir,
}

impl Postgres {
    /// Makes a cluster and starts its server, as an unprivileged user where we are root.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let binaries = binaries().context("no PostgreSQL server binaries on this machine")?;
        let directory = tempfile::Builder::new().prefix("watchkeeper-bench-").tempdir()?;
        let owner = unprivileged_user().await?;
        if let Some((user, group)) = owner {
            chown(directory.path(), Some(user), Some(group))?;
        }
        let command = |program: &str| {
            let mut command = Command::new(binaries.join(program));
            command.current_dir("/").stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
            if let Some((user, group)) = owner {
                command.uid(user).gid(group);
            }
            command
        };
        let data = directory.path().join("data");
        let made = command("initdb")
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--pgdata"])
            .arg(&data)
            .status()
            .await?;
        ensure!(made.success(), "initdb failed");
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut server = command("postgres");
        server.args(["-h", "127.0.0.1", "-c", "unix_socket_directories=", "-p", &port.to_string(), "-D"]).arg(&data);
        let mut running = Running::start(&mut server)?;
        let url = url(port);
        running.until("PostgreSQL answers", async || PgConnection::connect(&url).await.is_ok()).await?;
        Ok(Self { running, port, _directory: directory })
    }

    pub(crate) fn url(&self) -> String {
        url(self.port)
    }

    /// The server's first process, whose family does the work.
    pub(crate) fn process(&self) -> u32 {
        self.running.id
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.running.stop("INT").await
    }
}

/// Which version [`Postgres::start`] starts.
pub(crate) async fn installed_version() -> Option<String> {
    let output = Command::new(binaries()?.join("postgres")).arg("--version").output().await.ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    Some(said.trim().trim_start_matches("postgres (PostgreSQL) ").to_owned())
}

fn url(port: u16) -> String {
    format!("postgres://postgres@127.0.0.1:{port}/postgres")
}

/// Where Debian and its relatives keep the newest version.
fn binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|entry| entry.path());
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.filter(|path| path.join("bin/initdb").is_file()).max_by_key(number);
    newest.map(|path| path.join("bin")).or_else(|| {
        let beside = Path::new("/usr/local/bin");
        beside.join("initdb").is_file().then(|| beside.to_owned())
    })
}

/// PostgreSQL refuses to run as root. `None` where we are not.
async fn unprivileged_user() -> anyhow::Result<Option<(u32, u32)>> {
    if id(&["-u"]).await? != 0 {
        return Ok(None);
    }
    for user in ["postgres", "nobody"] {
        if let (Ok(user_id), Ok(group_id)) = (id(&["-u", user]).await, id(&["-g", user]).await) {
            return Ok(Some((user_id, group_id)));
        }
    }
    anyhow::bail!("there is no user to run PostgreSQL as")
}

async fn id(arguments: &[&str]) -> anyhow::Result<u32> {
    let output = Command::new("id").args(arguments).output().await?;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}
