//! A schema that moves on while the program runs: whoever can no longer live with it ends, before it does harm or fails
//! at random.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;

/// How often it is looked whether a newer node has changed the schema: one small query.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How long one look may take.
const LOOK_PATIENCE: Duration = Duration::from_secs(20);

/// Does the work of the program. Where it turns out that the schema has been outgrown, the work is told to stop as by a
/// signal, and is awaited.
///
/// # Errors
/// Why the program cannot live with the schema.
pub(super) async fn unless_outgrown<T>(
    look: impl AsyncFn() -> Option<Failure>,
    work: impl Future<Output = T>,
    stop: &CancellationToken,
) -> Result<T, Failure> {
    let outgrown = async {
        loop {
            sleep(LOOK_EVERY).await;
            // A connection that has fallen silent must not keep it from looking again on another one.
            if let Ok(Some(failure)) = timeout(LOOK_PATIENCE, look()).await {
                return failure;
            }
        }
    };
    let mut work = pin!(work);
    tokio::select! {
        done = &mut work => Ok(done),
        failure = outgrown => {
            tracing::error!("a newer version has changed the schema beyond what this one can work on; stopping");
            stop.cancel();
            work.await;
            Err(failure)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_on_a_schema_that_stays_ends_when_it_is_done() {
        let stop = CancellationToken::new();
        let work = async {
            sleep(LOOK_EVERY * 10).await;
            7
        };
        assert_eq!(unless_outgrown(async || None, work, &stop).await.unwrap(), 7);
        assert!(!stop.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn work_on_a_schema_that_is_outgrown_is_stopped_in_time_and_awaited() {
        let (stop, is_finished, begun_at) = (CancellationToken::new(), Cell::new(false), Instant::now());
        let work = async {
            stop.cancelled().await;
            sleep(Duration::from_secs(1)).await;
            is_finished.set(true);
        };
        let is_outgrown = || begun_at.elapsed() > LOOK_EVERY;
        let look = async || is_outgrown().then(|| Failure::from(anyhow::anyhow!("the schema is too new")));
        let failure = unless_outgrown(look, work, &stop).await.unwrap_err();
        assert_eq!(failure.line(), "watchkeeper: the schema is too new");
        assert!(is_finished.get(), "what was under way came to its end");
        assert_eq!(begun_at.elapsed(), LOOK_EVERY * 2 + Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_never_ends_is_given_up_for_another_one() {
        let (stop, looks) = (CancellationToken::new(), Cell::new(0));
        let look = async || {
            looks.set(looks.get() + 1);
            if looks.get() == 1 {
                std::future::pending::<()>().await;
            }
            Some(Failure::from(anyhow::anyhow!("the schema is too new")))
        };
        unless_outgrown(look, stop.cancelled(), &stop).await.unwrap_err();
        assert_eq!(looks.get(), 2);
    }
}
