//! The whole program as a process: started, looked at from outside, cut off from its database, killed.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod client;
mod command_line;
mod console;
mod database;
mod fault;
mod log;
mod main_job;
mod metrics;
mod outage;
mod program;
mod rehearsal;
mod restart;
mod role;
mod target;
mod tick;
mod traces;

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long anything may take to come about, also on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Looks until there is something to see, and answers that.
///
/// # Panics
/// Where it never comes about.
async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < deadline, "this never came about: {what}");
        sleep(LOOK_EVERY).await;
    }
}
