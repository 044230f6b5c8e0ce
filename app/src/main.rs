//! The program. What it can do is in the library of the same name; here it is read what it is to do, and told in one line
//! why it could not.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use mimalloc::MiMalloc;
use watchkeeper::config::Config;
use watchkeeper::failure::Failure;
use watchkeeper::threads::Threads;
use watchkeeper::traces::Traces;
use watchkeeper::{command, logging, open_files};

/// A check allocates so often that the system's allocator is a sixth of what it costs; ARCHITECTURE.md has the figures.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// How long threads may go on that nothing can interrupt (a name being resolved, a line to a console that nobody reads)
/// after all else has ended.
const THREADS_GRACE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let config = match Config::read(std::env::args_os()) {
        Ok(config) => config,
        Err(told) => {
            // Help and the version go to standard output and are no failure.
            let _ = told.print();
            return ExitCode::from(u8::try_from(told.exit_code()).unwrap_or(2));
        }
    };
    match run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Where even this cannot be written, the exit code says it.
            let _ = writeln!(std::io::stderr(), "{}", failure.line());
            failure.exit_code()
        }
    }
}

fn run(config: Config) -> Result<(), Failure> {
    let threads = Threads::start()?;
    let traces = Traces::begin(&config.settings, threads.watching())?;
    logging::begin(&config.settings, traces.as_ref())?;
    let workers = u64::from(config.settings.workers);
    if let Some(limit) = open_files::raise_limit().filter(|limit| *limit < workers.saturating_mul(2)) {
        tracing::warn!(
            limit,
            workers,
            "too few files may be open for so many probes at once; slots may end as unknown"
        );
    }
    let ended = threads.watching().block_on(command::run(config, &threads));
    if let Some(traces) = traces {
        traces.finish();
    }
    // Dropping them would wait without bound.
    threads.end(THREADS_GRACE);
    ended
}
