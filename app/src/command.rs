//! The subcommands: what each one starts, and what it does when it is told to stop.

mod backup;
mod operator;
mod restore;
mod schema;
mod serve;
mod signal;

use std::io::{self, Write};
use std::time::Duration;

use anyhow::Context;
use prometheus_client::registry::Registry;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use operator::Operator;
use schema::unless_outgrown;

use crate::config::{Command, Config, Settings};
use crate::failure::Failure;
use crate::threads::Threads;
use crate::wiring::{Patience, Wiring};
use crate::{http, tick};

/// How long a pass tries to say what it did. Its few lines go at once, unless they go into a full pipe that nobody reads.
const SUMMARY_PATIENCE: Duration = Duration::from_secs(5);

/// Does what was asked for, until it is done or told to stop, on the threads that watch. People are served by threads of
/// their own.
///
/// # Errors
/// Why it ended early.
pub async fn run(config: Config, threads: &Threads) -> Result<(), Failure> {
    let command = config.subcommand();
    let settings = config.settings;
    let stop = signal::stop_on_signals()?;
    match command {
        Command::Serve { no_engine } => serve::serve(&settings, !no_engine, threads, stop).await,
        Command::Work => work(&settings, stop).await,
        Command::Tick => tick(&settings, stop).await,
        Command::Migrate => migrate(&settings, stop).await,
        Command::Backup { file, overwrite } => backup::back_up(&settings, &file, overwrite, stop).await,
        Command::Restore { file, verify: true } => restore::verify(&file, stop).await,
        Command::Restore { file, verify: false } => restore::restore(&settings, &file, stop).await,
        Command::Openapi => print(&http::openapi_yaml()),
    }
}

/// Watches, and serves nothing but what operators ask, where an address for that is named.
async fn work(settings: &Settings, stop: CancellationToken) -> Result<(), Failure> {
    let operator = Operator::start(settings)?;
    let Some(wiring) = Wiring::open(settings, Patience::UntilItAnswers, &stop).await? else { return Ok(()) };
    let mut registry = Registry::default();
    let engine = wiring.engine(&mut registry);
    if let Some(operator) = &operator {
        operator.serve(wiring.site_for_operators(registry));
    }
    tracing::info!(workers = engine.workers, "watching");
    let ended = unless_outgrown(async || wiring.outgrown().await, engine.run(stop.clone()), &stop).await;
    if let Some(operator) = operator {
        operator.finish().await?;
    }
    wiring.close().await;
    Ok(ended??)
}

/// Does one pass and says what it did.
async fn tick(settings: &Settings, stop: CancellationToken) -> Result<(), Failure> {
    let Some(wiring) = Wiring::open(settings, Patience::None, &stop).await? else { return Ok(()) };
    let engine = wiring.engine(&mut Registry::default());
    let summary = tick::tick(engine, &stop).await;
    wiring.close().await;
    let text = format!("{}\n", summary?);
    timeout(SUMMARY_PATIENCE, spawn_blocking(move || print(&text)))
        .await
        .context("nobody reads what the pass did")??
}

/// Brings the database to the newest schema: opening it does so.
async fn migrate(settings: &Settings, stop: CancellationToken) -> Result<(), Failure> {
    let Some(wiring) = Wiring::open(settings, Patience::None, &stop).await? else { return Ok(()) };
    wiring.close().await;
    print("the database has the newest schema\n")
}

/// Prints what was asked for. Whoever reads may have read enough and gone, which is no failure.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}
