//! A program that is too busy just now says so: whoever needs the answer asks again.

use std::time::Duration;

use reqwest::StatusCode;
use tokio::time::{Instant, sleep};
use watchkeeper_rig::watchkeeper::Refused;

/// How soon somebody asks again who was turned away,
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// and for how long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether somebody was turned away for the moment.
pub(crate) fn is_busy(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refused>().is_some_and(|refused| refused.status == StatusCode::SERVICE_UNAVAILABLE)
}

/// Asks until the program has time for it.
pub(crate) async fn patiently<T, F>(ask: impl Fn() -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<T>>,
{
    let began = Instant::now();
    loop {
        match ask().await {
            Err(error) if is_busy(&error) && began.elapsed() < PATIENCE => sleep(ASK_AGAIN).await,
            done => return done,
        }
    }
}
