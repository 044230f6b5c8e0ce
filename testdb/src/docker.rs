//! PostgreSQL in a container.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::process::{Command, Stdio};
use std::time::Duration;

use sqlx::{Connection, PgConnection};
use testcontainers::ImageExt;
use testcontainers::runners::AsyncRunner;
use testcontainers_modules::postgres::Postgres;
use url::Url;

use crate::keeper::Keeper;
use crate::{Log, Server, say, setting};

/// The image, unless `WATCHKEEPER_TEST_POSTGRES_IMAGE` names another.
const IMAGE: &str = "postgres:15";
/// How long pulling the image and starting the container may take.
const STARTUP_TIMEOUT: Duration = Duration::from_secs(180);
/// How often a server that has said that it is ready is asked whether it can be reached,
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// and for how long.
const REACH_TIMEOUT: Duration = Duration::from_secs(60);
/// Every test has a pool of its own.
const MAX_CONNECTIONS: &str = "max_connections=300";

/// Removes the container `$1` when nobody needs it any more.
const SCRIPT: &str = "echo ready; cat > /dev/null; docker rm --force --volumes \"$1\" > /dev/null 2>&1";

pub(crate) fn start() -> Result<Server, String> {
    if !an_engine_answers() {
        return Err("no Docker engine answers".to_owned());
    }
    let image = setting("WATCHKEEPER_TEST_POSTGRES_IMAGE").unwrap_or_else(|| IMAGE.to_owned());
    let random = RandomState::new().build_hasher().finish();
    let container = format!("watchkeeper-test-{}-{random:016x}", std::process::id());
    // Before the container is there, so that it is removed whenever this process ends.
    let keeper = Keeper::start(Command::new("sh").args(["-c", SCRIPT, "sh", &container]))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|why| why.to_string())?;
    let log = Log::Container(container.clone());
    let reached = runtime.block_on(async {
        let url = run(&image, container).await?;
        is_reached(&url).await?;
        Ok(url)
    });
    let url = reached.map_err(|why: String| format!("the image {image} does not run: {why}; {}", log.last_words()))?;
    say(&format!("PostgreSQL for the tests: a container of {image}"));
    Ok(Server { url, is_foreign: false, log: Some(log), _keeper: Some(keeper) })
}

fn an_engine_answers() -> bool {
    let asked =
        Command::new("docker").args(["version", "--format", "{{.Server.Version}}"]).stdin(Stdio::null()).output();
    asked.is_ok_and(|answer| answer.status.success())
}

/// Runs a container and answers how its server is reached.
async fn run(image: &str, container: String) -> Result<Url, String> {
    let (name, tag) = image.rsplit_once(':').unwrap_or((image, "latest"));
    let request = Postgres::default().with_name(name).with_tag(tag).with_container_name(container);
    let request = request.with_cmd(["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", MAX_CONNECTIONS]);
    let started = request.with_startup_timeout(STARTUP_TIMEOUT).start().await.map_err(|why| why.to_string())?;
    let host = started.get_host().await.map_err(|why| why.to_string())?.to_string();
    let port = started.get_host_port_ipv4(5432).await.map_err(|why| why.to_string())?;
    // The keeper removes it: this value would do so at the end of this function, and never at the end of the process.
    std::mem::forget(started);
    // The port is one of IPv4, and may be somebody else's of IPv6.
    let host = if host == "localhost" { "127.0.0.1" } else { &host };
    Url::parse(&format!("postgres://postgres:postgres@{host}:{port}/postgres")).map_err(|why| why.to_string())
}

/// Waits until a server that has said that it is ready is reached: what lies in between takes a moment longer on some
/// machines.
async fn is_reached(url: &Url) -> Result<(), String> {
    let reaching = async {
        loop {
            match PgConnection::connect(url.as_str()).await {
                Ok(connection) => return connection.close().await,
                Err(sqlx::Error::Io(_)) => tokio::time::sleep(LOOK_EVERY).await,
                Err(why) => return Err(why),
            }
        }
    };
    match tokio::time::timeout(REACH_TIMEOUT, reaching).await {
        Ok(reached) => reached.map_err(|why| why.to_string()),
        Err(_) => Err(format!("nobody is reached at it within {} s", REACH_TIMEOUT.as_secs())),
    }
}
