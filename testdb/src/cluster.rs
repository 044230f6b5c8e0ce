//! A PostgreSQL cluster for one test alone, that may be stopped, crashed, filled up, copied and promoted.
//!
//! Other than the server that all tests share it is as durable as one in production, and who is given its URL is a role that
//! owns a database and may do nothing else: a superuser would pass most of what limits others.

use std::fmt::Write;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;
use tokio::process::Command;
use url::Url;

use crate::fail;
use crate::keeper::Keeper;
use crate::local::{binaries, free_port, unprivileged_user};

/// The role that owns the database, which has its name, and its password.
const OWNER: &str = "watchkeeper";

/// Waits until nobody needs the cluster in `$1` any more, then ends the server and removes all that was made.
const SCRIPT: &str = r#"
echo ready
cat > /dev/null
if [ -f "$1/data/postmaster.pid" ]; then
  pid=$(head -n 1 "$1/data/postmaster.pid")
  kill -QUIT "$pid" 2> /dev/null
  for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$pid" 2> /dev/null || break; sleep 0.2; done
fi
umount --lazy "$1/data" 2> /dev/null
rm -rf "$1"
"#;

/// How often, and how many times at the most, it is looked whether a standby follows.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const LOOKS: u32 = 600;

/// How a server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// It ends its sessions and writes what it has: a restart by an operator.
    Fast,
    /// It drops everything where it is, and has to recover afterwards: as good as a crash.
    Immediate,
}

/// A cluster with its server.
pub struct Cluster {
    binaries: PathBuf,
    directory: PathBuf,
    port: u16,
    user: Option<(u32, u32)>,
    _keeper: Keeper,
}

impl Cluster {
    /// Makes and starts a cluster with these lines of configuration, besides those that are needed to reach it.
    ///
    /// # Panics
    /// Where this machine has no binaries of the server, or they do not run.
    pub async fn start(settings: &[&str]) -> Self {
        let cluster = Self::new();
        cluster.initialize(settings).await;
        cluster
    }

    /// Makes and starts a cluster on a file system of its own with room for so many megabytes.
    ///
    /// # Panics
    /// As [`Cluster::start`] does, and where no file system may be mounted here: it takes root.
    pub async fn on_a_small_disk(megabytes: u32) -> Self {
        let cluster = Self::new();
        std::fs::create_dir(cluster.data()).unwrap_or_else(|why| fail(&why.to_string()));
        let options = format!("size={megabytes}m,mode=0700");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(cluster.data());
        succeed(mount, "a small file system cannot be mounted for the test, which takes root").await;
        cluster.give_away(&cluster.data());
        cluster.initialize(&["max_wal_size = 4MB", "min_wal_size = 2MB"]).await;
        cluster
    }

    fn new() -> Self {
        let Some(binaries) = binaries() else { fail("no PostgreSQL server binaries on this machine") };
        let user = unprivileged_user().unwrap_or_else(|why| fail(&why));
        let directory = tempfile::Builder::new().prefix("watchkeeper-cluster-").tempdir().map(TempDir::keep);
        let directory = directory.unwrap_or_else(|why| fail(&why.to_string()));
        let mut script = std::process::Command::new("sh");
        let keeper = Keeper::start(script.args(["-c", SCRIPT, "sh"]).arg(&directory));
        let keeper = keeper.unwrap_or_else(|why| fail(&why));
        let port = free_port().unwrap_or_else(|why| fail(&why));
        let cluster = Self { binaries, directory, port, user, _keeper: keeper };
        cluster.give_away(&cluster.directory);
        cluster
    }

    async fn initialize(&self, settings: &[&str]) {
        let password = self.directory.join("password");
        std::fs::write(&password, "postgres").unwrap_or_else(|why| fail(&why.to_string()));
        let mut make = self.program("initdb");
        make.arg("-D").arg(self.data()).args(["-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C"]);
        make.args(["--no-sync", "--wal-segsize=1"]).arg(format!("--pwfile={}", password.display()));
        succeed(make, "the cluster cannot be made").await;
        self.configure(settings);
        self.start_again().await;
        let make = format!("CREATE ROLE {OWNER} LOGIN PASSWORD '{OWNER}'");
        execute(self.address("postgres", "postgres", "postgres").as_str(), make).await;
        let make = format!("CREATE DATABASE {OWNER} OWNER {OWNER}");
        execute(self.address("postgres", "postgres", "postgres").as_str(), make).await;
    }

    /// Adds lines to the configuration, that count from the next start on.
    fn configure(&self, settings: &[&str]) {
        let mut lines = format!("port = {}\nlisten_addresses = '127.0.0.1'\n", self.port);
        let _ = writeln!(lines, "unix_socket_directories = '{}'", self.directory.display());
        for setting in settings {
            lines.push_str(setting);
            lines.push('\n');
        }
        let file = self.data().join("postgresql.conf");
        let added = std::fs::read_to_string(&file).and_then(|old| std::fs::write(&file, old + &lines));
        added.unwrap_or_else(|why| fail(&why.to_string()));
    }

    /// How the owner of the database enters it.
    pub fn url(&self) -> String {
        self.address(OWNER, OWNER, OWNER).into()
    }

    /// The same, by a socket in the file system instead of an address.
    pub fn url_of_socket(&self) -> String {
        let (directory, port) = (self.directory.display(), self.port);
        format!("postgres://{OWNER}:{OWNER}@localhost:{port}/{OWNER}?host={directory}")
    }

    /// How the superuser enters the database.
    pub fn url_of_superuser(&self) -> String {
        self.address("postgres", "postgres", OWNER).into()
    }

    fn address(&self, user: &str, password: &str, database: &str) -> Url {
        let address = format!("postgres://{user}:{password}@127.0.0.1:{}/{database}", self.port);
        Url::parse(&address).unwrap_or_else(|why| fail(&why.to_string()))
    }

    /// Where its files are.
    pub fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// Does something as the superuser, in the database.
    pub async fn execute(&self, statement: &str) {
        execute(&self.url_of_superuser(), statement.to_owned()).await;
    }

    /// Ends every connection of the owner, as a restart of the server does.
    pub async fn end_connections(&self) {
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename =";
        self.execute(&format!("{end} '{OWNER}'")).await;
    }

    /// Ends the server. When this returns it has ended.
    pub async fn stop(&self, shutdown: Shutdown) {
        let mode = match shutdown {
            Shutdown::Fast => "fast",
            Shutdown::Immediate => "immediate",
        };
        let mut stop = self.program("pg_ctl");
        stop.arg("-D").arg(self.data()).args(["-m", mode, "-w", "stop"]);
        succeed(stop, "the server does not stop").await;
    }

    /// Starts the server again. When this returns it answers.
    pub async fn start_again(&self) {
        let mut start = self.program("pg_ctl");
        start.arg("-D").arg(self.data()).arg("-l").arg(self.directory.join("log")).args(["-w", "-t", "60", "start"]);
        succeed(start, "the server does not start").await;
    }

    /// Waits until the server answers again after it was short of something; where it has ended of that, it is started.
    pub async fn recover(&self) {
        for _ in 0..LOOKS {
            if self.answers("SELECT true").await {
                return;
            }
            if !self.is_running().await {
                return self.start_again().await;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        fail("the server neither answers nor ends")
    }

    /// Whether the server runs.
    pub async fn is_running(&self) -> bool {
        let mut ask = self.program("pg_ctl");
        let asked = ask.arg("-D").arg(self.data()).arg("status").stdout(Stdio::null()).status().await;
        asked.is_ok_and(|status| status.success())
    }

    /// A standby that has everything before a commit is acknowledged.
    pub async fn replica(&self) -> Self {
        let replica = self.asynchronous_replica().await;
        self.execute("ALTER SYSTEM SET synchronous_standby_names = '*'").await;
        self.execute("SELECT pg_reload_conf()").await;
        for _ in 0..LOOKS {
            if self.is_followed().await {
                return replica;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        fail("the standby does not follow")
    }

    /// A standby that nobody waits for.
    pub async fn asynchronous_replica(&self) -> Self {
        let replica = Self::new();
        let mut copy = replica.program("pg_basebackup");
        copy.env("PGPASSWORD", "postgres").arg("-d").arg(self.address("postgres", "postgres", "postgres").as_str());
        copy.arg("-D").arg(replica.data()).args(["-R", "-X", "stream", "-c", "fast", "--no-sync"]);
        succeed(copy, "the cluster cannot be copied").await;
        replica.configure(&[]);
        replica.start_again().await;
        replica
    }

    /// Lets a standby hear no more of what happens.
    pub async fn fall_behind(&self) {
        self.execute("ALTER SYSTEM SET primary_conninfo = ''").await;
        self.execute("SELECT pg_reload_conf()").await;
        let follows = "SELECT EXISTS (SELECT FROM pg_stat_wal_receiver)";
        for _ in 0..LOOKS {
            if !self.answers(follows).await {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        fail("the standby still follows")
    }

    /// Whether a standby has all that is acknowledged.
    async fn is_followed(&self) -> bool {
        self.answers("SELECT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync')").await
    }

    /// What the superuser is answered to a question of yes and no; no where the server does not answer.
    async fn answers(&self, question: &'static str) -> bool {
        let Ok(mut connection) = PgConnection::connect(&self.url_of_superuser()).await else { return false };
        sqlx::query_scalar(question).fetch_one(&mut connection).await.unwrap_or(false)
    }

    /// Makes a primary of a standby. When this returns it takes what is written.
    pub async fn promote(&self) {
        let mut promote = self.program("pg_ctl");
        promote.arg("-D").arg(self.data()).args(["-w", "promote"]);
        succeed(promote, "the standby cannot be promoted").await;
    }

    /// A program of the server, run as whom it belongs to.
    fn program(&self, name: &str) -> Command {
        let mut program = Command::new(self.binaries.join(name));
        program.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some((user, group)) = self.user {
            program.uid(user).gid(group);
        }
        program
    }

    fn give_away(&self, path: &Path) {
        if let Some((user, group)) = self.user {
            chown(path, Some(user), Some(group)).unwrap_or_else(|why| fail(&why.to_string()));
        }
    }
}

async fn succeed(mut command: Command, or: &str) {
    match command.status().await {
        Ok(status) if status.success() => {}
        Ok(status) => fail(&format!("{or}: {:?}: {status}", command.as_std().get_program())),
        Err(why) => fail(&format!("{or}: {:?}: {why}", command.as_std().get_program())),
    }
}

async fn execute(url: &str, statement: String) {
    let done = async {
        let mut connection = PgConnection::connect(url).await?;
        sqlx::raw_sql(AssertSqlSafe(statement.clone())).execute(&mut connection).await?;
        connection.close().await
    };
    if let Err(why) = done.await {
        fail(&format!("the cluster refused {statement:?}: {why}"));
    }
}
