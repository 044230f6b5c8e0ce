//! PostgreSQL in a container.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::process::{Command, Stdio};
use std::time::Duration;

use testcontainers::ImageExt;
use testcontainers::runners::AsyncRunner;
use testcontainers_modules::postgres::Postgres;
use url::Url;

use crate::keeper::Keeper;
use crate::{Server, say, setting};

/// The image, unless `WATCHKEEPER_TEST_POSTGRES_IMAGE` names another.
const IMAGE: &str = "postgres:15";
/// How long pulling the image and starting the container may take.
const STARTUP_TIMEOUT: Duration = Duration::from_secs(180);
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
    let port =
        runtime.block_on(run(&image, container)).map_err(|why| format!("the image {image} does not run: {why}"))?;
    say(&format!("PostgreSQL for the tests: a container of {image}"));
    let url = Url::parse(&format!("postgres://postgres:postgres@{}:{}/postgres", port.0, port.1));
    Ok(Server { url: url.map_err(|why| why.to_string())?, is_foreign: false, log: None, _keeper: Some(keeper) })
}

fn an_engine_answers() -> bool {
    let asked =
        Command::new("docker").args(["version", "--format", "{{.Server.Version}}"]).stdin(Stdio::null()).output();
    asked.is_ok_and(|answer| answer.status.success())
}

/// Runs a container and answers the host and port at which it is reached.
async fn run(image: &str, container: String) -> Result<(String, u16), String> {
    let (name, tag) = image.rsplit_once(':').unwrap_or((image, "latest"));
    let request = Postgres::default().with_name(name).with_tag(tag).with_container_name(container);
    let request = request.with_cmd(["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", MAX_CONNECTIONS]);
    let started = request.with_startup_timeout(STARTUP_TIMEOUT).start().await.map_err(|why| why.to_string())?;
    let host = started.get_host().await.map_err(|why| why.to_string())?;
    let port = started.get_host_port_ipv4(5432).await.map_err(|why| why.to_string())?;
    // The keeper removes it: this value would do so at the end of this function, and never at the end of the process.
    std::mem::forget(started);
    Ok((host.to_string(), port))
}
