//! The threads of the process: those that watch, and those that serve people.
//!
//! They are kept apart so that a check is in time however many people look on: whoever serves is given a core by the
//! system only as far as whoever watches leaves it. It never comes to nothing, since a check waits for most of its time.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};

/// By how much those who serve give way: about a tenth of the weight of the others (sched(7), nice(2)).
const NICENESS: i32 = 10;

/// All threads that run tasks.
pub struct Threads {
    watching: Runtime,
    /// None where nobody is served.
    serving: Mutex<Option<Runtime>>,
}

impl Threads {
    /// Starts those who watch.
    ///
    /// # Errors
    /// Where the system starts no more threads.
    pub fn start() -> io::Result<Self> {
        let watching = Builder::new_multi_thread().enable_all().thread_name("watching").build()?;
        Ok(Self { watching, serving: Mutex::default() })
    }

    /// Those who watch, and do all that nobody waits for at a screen.
    pub fn watching(&self) -> &Handle {
        self.watching.handle()
    }

    /// Starts those who serve people. They give way where others watch.
    ///
    /// # Errors
    /// Where the system starts no more threads.
    pub fn serve(&self, others_watch: bool) -> io::Result<Handle> {
        let mut threads = Builder::new_multi_thread();
        threads.enable_all().thread_name("serving");
        if others_watch {
            threads.on_thread_start(give_way);
        }
        let serving = threads.build()?;
        let handle = serving.handle().clone();
        *self.serving.lock().unwrap_or_else(PoisonError::into_inner) = Some(serving);
        Ok(handle)
    }

    /// Ends them. What nothing can interrupt is waited for no longer than this, each.
    pub fn end(self, patience: Duration) {
        if let Some(serving) = self.serving.into_inner().unwrap_or_else(PoisonError::into_inner) {
            serving.shutdown_timeout(patience);
        }
        self.watching.shutdown_timeout(patience);
    }
}

/// Lets the calling thread give way to the others. On Linux that is a thread's own affair, elsewhere it may be the process's.
#[cfg(target_os = "linux")]
fn give_way() {
    // Where it is refused, things stay as they are.
    let _ = rustix::process::nice(NICENESS);
}

#[cfg(not(target_os = "linux"))]
fn give_way() {
    let _ = NICENESS;
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::getpriority_process;

    use super::*;

    /// What those who watch have, and those who serve.
    fn niceness(others_watch: bool) -> anyhow::Result<(i32, i32)> {
        let threads = Threads::start()?;
        let serving = threads.serve(others_watch)?;
        let of = |asked: &Handle| threads.watching().block_on(asked.spawn_blocking(|| getpriority_process(None)));
        let both = (of(threads.watching())??, of(&serving)??);
        threads.end(Duration::from_secs(1));
        Ok(both)
    }

    #[test]
    fn who_serves_gives_way_to_who_watches() {
        let (watching, serving) = niceness(true).unwrap();
        assert_eq!(serving, (watching + NICENESS).min(19));
    }

    #[test]
    fn the_service_of_systemd_lets_threads_give_way() {
        let unit = include_str!("../../deploy/watchkeeper.service");
        let (_, after_refusals) = unit.split_once("SystemCallFilter=~").unwrap();
        assert!(after_refusals.lines().any(|line| line == "SystemCallFilter=setpriority"));
        assert!(
            after_refusals.lines().any(|line| line == "SystemCallErrorNumber=EPERM"),
            "what is refused ends nothing"
        );
    }

    #[test]
    fn where_nobody_watches_nobody_gives_way() {
        let (watching, serving) = niceness(false).unwrap();
        assert_eq!(serving, watching);
    }
}
