//! Empty PostgreSQL databases for tests.
//!
//! One server serves a test process, and every test gets a database of its own on it ([`Database::fresh`]). The server
//! is, in this order: a container where a Docker engine answers and has or gets the image, a throw-away cluster of the
//! PostgreSQL binaries on this machine, or the server that `TEST_DATABASE_URL` names. `WATCHKEEPER_TEST_POSTGRES` set to
//! `docker`, `local` or `url` forces one of them. Which one it is gets printed once; where there is none, the test fails
//! with one line that says what to install: it is never skipped.
//!
//! Tests in which the server itself fails have a [`Cluster`] each, made of the binaries on this machine.
//!
//! What this crate starts ends with the test process, however that ends: a shell waits on a pipe that the process holds,
//! and cleans up when it closes.

mod cluster;
mod docker;
mod keeper;
mod local;
mod relay;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use url::Url;

pub use cluster::{Cluster, Shutdown};
pub use relay::Relay;

/// What to do on a machine that has nothing to run PostgreSQL with.
const ADVICE: &str = "no PostgreSQL for the tests: install the server binaries (Debian: apt-get install postgresql), \
                      or start a Docker engine, or set TEST_DATABASE_URL to a server where databases may be created";

/// An empty database, for one test alone.
pub struct Database {
    url: Url,
    /// Whether the server outlives the tests, so that the database must be dropped.
    leaves_traces: bool,
}

impl Database {
    /// Makes a database.
    ///
    /// # Panics
    /// Where there is no server to make it on.
    pub async fn fresh() -> Self {
        let server = server().await;
        let random = RandomState::new().build_hasher().finish();
        let name = format!("watchkeeper_test_{}_{random:016x}", std::process::id());
        if let Err(why) = execute(&server.url, format!("CREATE DATABASE {name}")).await {
            fail(&format!("the test server makes no database: {why}; {}", server.last_words()));
        }
        let mut url = server.url.clone();
        url.set_path(&name);
        Self { url, leaves_traces: server.is_foreign }
    }

    /// How to connect.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Ends every connection that others have to the database, as a restart of the server does.
    pub async fn end_connections(&self) {
        let name = self.url.path().trim_start_matches('/');
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()";
        if let Err(why) = execute(&self.url, format!("{end} AND datname = '{name}'")).await {
            fail(&format!("the test server does not end connections: {why}"));
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if !self.leaves_traces {
            return;
        }
        let mut server = self.url.clone();
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.url.path().trim_start_matches('/'));
        server.set_path("postgres");
        // A test's own runtime cannot be waited on from here, so another thread does it with one of its own.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            runtime.block_on(execute(&server, drop)).ok()
        });
        if !matches!(dropping.join(), Ok(Some(()))) {
            say("a test database could not be dropped");
        }
    }
}

/// A server on which databases may be created.
struct Server {
    /// How to connect to it, to a database that is there already.
    url: Url,
    /// Whether somebody else started it.
    is_foreign: bool,
    /// Where it writes what happens to it, if that can be read here.
    log: Option<Log>,
    /// What ends it with this process.
    _keeper: Option<keeper::Keeper>,
}

impl Server {
    /// What it wrote last, for those who wonder why it failed.
    fn last_words(&self) -> String {
        self.log.as_ref().map_or_else(|| "its log is not here".to_owned(), Log::last_words)
    }
}

/// Where a server writes what happens to it.
enum Log {
    File(PathBuf),
    /// What the container of this name prints.
    Container(String),
}

impl Log {
    /// How many bytes of it are worth reading when the server fails.
    const LAST_WORDS: usize = 2_000;

    /// Its end.
    fn last_words(&self) -> String {
        let whole = match self {
            Self::File(path) => std::fs::read(path),
            Self::Container(name) => {
                let printed = Command::new("docker").args(["logs", "--tail", "40", name]).output();
                printed.map(|printed| [printed.stdout, printed.stderr].concat())
            }
        };
        match whole {
            Ok(whole) => {
                let end = whole.get(whole.len().saturating_sub(Self::LAST_WORDS)..).unwrap_or_default();
                format!("its log ends with:\n{}", String::from_utf8_lossy(end))
            }
            Err(why) => format!("its log cannot be read: {why}"),
        }
    }
}

/// The server of this process, started by whoever asks first.
async fn server() -> &'static Server {
    static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
    let server = tokio::task::spawn_blocking(|| SERVER.get_or_init(start)).await;
    match server {
        Ok(Ok(server)) => server,
        Ok(Err(why)) => fail(why),
        Err(panicked) => fail(&panicked.to_string()),
    }
}

fn start() -> Result<Server, String> {
    match setting("WATCHKEEPER_TEST_POSTGRES").as_deref() {
        Some("docker") => docker::start(),
        Some("local") => local::start(),
        Some("url") => foreign(),
        Some(other) => Err(format!("WATCHKEEPER_TEST_POSTGRES is docker, local or url, not {other:?}")),
        None => docker::start().or_else(|docker| {
            let local = match local::start() {
                Ok(server) => return Ok(server),
                Err(local) => local,
            };
            foreign().map_err(|url| format!("{ADVICE} ({docker}; {local}; {url})"))
        }),
    }
}

/// The server that the environment names.
fn foreign() -> Result<Server, String> {
    let url = setting("TEST_DATABASE_URL").ok_or("TEST_DATABASE_URL is not set")?;
    let url = Url::parse(&url).map_err(|why| format!("TEST_DATABASE_URL: {why}"))?;
    say(&format!("PostgreSQL for the tests: TEST_DATABASE_URL, {}", url.host_str().unwrap_or("a socket")));
    Ok(Server { url, is_foreign: true, log: None, _keeper: None })
}

async fn execute(server: &Url, statement: String) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(server.as_str()).await?;
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
    connection.close().await
}

#[expect(clippy::disallowed_methods, reason = "tests have no configuration; this crate is never part of the program")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Says something even where the test harness captures what passing tests print.
fn say(line: &str) {
    // Where even this fails, nobody is there to be told.
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[expect(clippy::panic, reason = "a test without its database must fail")]
fn fail(why: &str) -> ! {
    panic!("{why}")
}
