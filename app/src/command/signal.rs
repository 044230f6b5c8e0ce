//! Being told to stop: the first signal asks for a graceful end, the second one ends the process at once.

use std::io;

use tokio_util::sync::CancellationToken;

/// What the process ends with when it is told to stop a second time: as a shell says it of one that SIGINT ended.
const STOPPED_AT_ONCE: i32 = 130;

/// A token that is cancelled by SIGTERM and SIGINT.
pub(super) fn stop_on_signals() -> io::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let mut signals = Signals::listen()?;
    let told = stop.clone();
    tokio::spawn(async move {
        signals.next().await;
        tracing::info!("stopping; a second signal ends the process at once");
        told.cancel();
        signals.next().await;
        tracing::warn!("stopped at once; checks under way will show as missed");
        std::process::exit(STOPPED_AT_ONCE);
    });
    Ok(stop)
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
