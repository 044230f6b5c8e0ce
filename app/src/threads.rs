//! The threads of the process: those that watch, and those that serve people.
//!
//! They are kept apart so that a check is in time however many people look on: whoever serves is given a core by the
//! system only as far as whoever watches leaves it. It never comes to nothing, since a check waits for most of its time.

use std::io;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};

/// By how much those who serve give way: about a tenth of the weight of the others (sched(7), nice(2)).
const NICENESS: i32 = 10;

/// All threads that run tasks.
pub struct Threads {
    watching: Runtime,
    serving: Runtime,
}

impl Threads {
    /// Starts them.
    ///
    /// # Errors
    /// Where the system starts no more threads.
    pub fn start() -> io::Result<Self> {
        let watching = Builder::new_multi_thread().enable_all().thread_name("watching").build()?;
        let serving =
            Builder::new_multi_thread().enable_all().thread_name("serving").on_thread_start(give_way).build()?;
        Ok(Self { watching, serving })
    }

    /// Those who watch, and do all that nobody waits for at a screen.
    pub fn watching(&self) -> &Handle {
        self.watching.handle()
    }

    /// Those who serve people.
    pub fn serving(&self) -> &Handle {
        self.serving.handle()
    }

    /// Ends them. What nothing can interrupt is waited for no longer than this, each.
    pub fn end(self, patience: Duration) {
        self.serving.shutdown_timeout(patience);
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

    #[test]
    fn who_serves_gives_way_to_who_watches() {
        let threads = Threads::start().unwrap();
        let niceness = |of: &Handle| {
            let asked = of.spawn_blocking(|| getpriority_process(None).unwrap());
            threads.watching().block_on(asked).unwrap()
        };
        let (watching, serving) = (niceness(threads.watching()), niceness(threads.serving()));
        assert_eq!(serving, (watching + NICENESS).min(19));
        threads.end(Duration::from_secs(1));
    }
}
