//! A clock that follows a database's time, so that all nodes on one database agree on what is due.
//!
//! It asks the database now and then, and counts on with the monotonic clock of this machine in between: reading it
//! costs no round trip and works while the database is away. An answer is taken to name the middle of its round trip
//! (Cristian, "Probabilistic clock synchronization", 1989), so it is wrong by half the round trip at most; the
//! measurement that is the most certain is followed.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio::time::Instant;
use watchkeeper_domain::port::{Clock, RepoResult};
use watchkeeper_domain::time::Timestamp;

/// How often the time should be measured.
pub const MEASURE_EVERY: Duration = Duration::from_secs(10);

/// How far the time may move at once without a word.
pub const MOST_QUIET_JUMP: Duration = Duration::from_millis(50);

/// How far two clocks may run apart: 200 parts in a million, twice what the clocks of real machines do.
const DRIFT_PER_MILLION: i64 = 200;

/// How often one step asks. The best answer counts: a single one may have waited for a connection.
const SAMPLES: u32 = 4;

/// Something that knows what time it is in the database.
#[async_trait]
pub trait TimeSource: Send + Sync {
    /// The database's time, read while it answers and not when its transaction began.
    async fn database_time(&self) -> RepoResult<Timestamp>;
}

/// A clock on a database's time.
#[derive(Debug)]
pub struct DatabaseClock<S> {
    source: S,
    /// Where the monotonic clock is counted from.
    started: Instant,
    /// The database's time at `started`, in microseconds.
    offset: AtomicI64,
    /// What is followed. Only [`DatabaseClock::step`] looks at it.
    followed: Mutex<Measurement>,
}

/// What one answer says: microseconds throughout.
#[derive(Clone, Copy, Debug)]
struct Measurement {
    /// The database's time at the clock's start.
    offset: i64,
    /// By how much that can be wrong.
    error: i64,
    /// When it was made, counted from the clock's start.
    at: i64,
}

impl Measurement {
    /// By how much it can be wrong at an instant: clocks run apart.
    fn error_at(&self, at: i64) -> i64 {
        self.error + at.saturating_sub(self.at).max(0) / 1_000_000 * DRIFT_PER_MILLION
    }

    /// Which of the two to follow at an instant: a new one that contradicts the old proves that a clock was set; where
    /// they agree, the more certain one.
    fn or(self, new: Self, at: i64) -> Self {
        let contradicts = (self.offset - new.offset).abs() > self.error_at(at) + new.error_at(at);
        if contradicts || new.error_at(at) <= self.error_at(at) { new } else { self }
    }
}

impl<S: TimeSource> DatabaseClock<S> {
    /// A clock that has asked the database once.
    ///
    /// # Errors
    /// As the source: without an answer there is no time to go by.
    pub async fn start(source: S) -> RepoResult<Self> {
        let started = Instant::now();
        let first = measure(&source, started).await?;
        Ok(Self { source, started, offset: AtomicI64::new(first.offset), followed: Mutex::new(first) })
    }

    /// Measures again, and says so when the time jumped. While the database is away the clock goes on by itself.
    ///
    /// # Errors
    /// As the source, where it did not answer once.
    pub async fn step(&self) -> RepoResult<()> {
        let mut followed = self.followed.lock().await;
        let mut new = measure(&self.source, self.started).await?;
        for _ in 1..SAMPLES {
            // The first answer is enough to go by; the others only make it more certain.
            let Ok(another) = measure(&self.source, self.started).await else { break };
            new = new.or(another, another.at);
        }
        let best = followed.or(new, new.at);
        let jump = best.offset - followed.offset;
        if jump.unsigned_abs() > u64::try_from(MOST_QUIET_JUMP.as_micros()).unwrap_or(u64::MAX) {
            tracing::warn!(jump_ms = jump / 1_000, "the database's time jumped");
        }
        *followed = best;
        self.offset.store(best.offset, Ordering::Relaxed);
        Ok(())
    }
}

impl<S: TimeSource> Clock for DatabaseClock<S> {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.offset.load(Ordering::Relaxed).saturating_add(micros_since(self.started)))
    }
}

#[async_trait]
impl<S: TimeSource + ?Sized> TimeSource for std::sync::Arc<S> {
    async fn database_time(&self) -> RepoResult<Timestamp> {
        (**self).database_time().await
    }
}

async fn measure(source: &impl TimeSource, started: Instant) -> RepoResult<Measurement> {
    let asked = micros_since(started);
    let time = source.database_time().await?;
    let at = micros_since(started);
    let error = (at - asked + 1) / 2;
    Ok(Measurement { offset: time.as_micros() - (at - error), error, at })
}

fn micros_since(started: Instant) -> i64 {
    i64::try_from(started.elapsed().as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io;
    use std::sync::{Arc, Mutex as StdMutex};

    use watchkeeper_domain::port::RepoError;
    use watchkeeper_domain::testkit::CountingIds;
    use watchkeeper_testdb::Database;

    use super::*;
    use crate::clock::SystemClock;
    use crate::postgres::{PoolSettings, PostgresStore};

    /// A database whose clock and round trips are scripted, in tokio's paused time.
    struct Script {
        began: Instant,
        /// The database's time when the test began, and what the next round trips take (there, back); the last stays.
        state: StdMutex<(i64, VecDeque<(u64, u64)>)>,
    }

    const TRUE_TIME: i64 = 1_763_000_000_000_000;

    impl Script {
        fn new(trips: &[(u64, u64)]) -> Arc<Self> {
            let state = StdMutex::new((TRUE_TIME, trips.iter().copied().collect()));
            Arc::new(Self { began: Instant::now(), state })
        }

        fn then(&self, trips: &[(u64, u64)]) {
            self.state.lock().unwrap().1 = trips.iter().copied().collect();
        }

        fn jump(&self, micros: i64) {
            self.state.lock().unwrap().0 += micros;
        }

        fn time(&self) -> i64 {
            self.state.lock().unwrap().0 + micros_since(self.began)
        }

        fn next_trip(&self) -> Option<(u64, u64)> {
            let (_, trips) = &mut *self.state.lock().unwrap();
            if trips.len() > 1 { trips.pop_front() } else { trips.front().copied() }
        }
    }

    #[async_trait]
    impl TimeSource for Script {
        async fn database_time(&self) -> RepoResult<Timestamp> {
            let Some((there, back)) = self.next_trip() else {
                return Err(RepoError::Unavailable(Box::new(io::Error::other("away"))));
            };
            tokio::time::sleep(Duration::from_millis(there)).await;
            let time = Timestamp::from_micros(self.time());
            tokio::time::sleep(Duration::from_millis(back)).await;
            Ok(time)
        }
    }

    /// How far the clock is ahead of the database, in milliseconds.
    fn ahead(clock: &DatabaseClock<Arc<Script>>) -> i64 {
        (clock.now().as_micros() - clock.source.time()) / 1_000
    }

    async fn pass(duration: Duration) {
        tokio::time::advance(duration).await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_names_the_middle_of_its_round_trip() {
        let clock = DatabaseClock::start(Script::new(&[(40, 40)])).await.unwrap();
        assert_eq!(ahead(&clock), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_runs_on_without_asking() {
        let clock = DatabaseClock::start(Script::new(&[(1, 1)])).await.unwrap();
        pass(Duration::from_secs(3600)).await;
        assert_eq!(ahead(&clock), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lopsided_first_answer_is_mended_by_a_shorter_one() {
        let script = Script::new(&[(90, 10)]);
        let clock = DatabaseClock::start(Arc::clone(&script)).await.unwrap();
        assert_eq!(ahead(&clock), 40);
        script.then(&[(80, 0), (2, 2), (30, 70)]);
        clock.step().await.unwrap();
        assert_eq!(ahead(&clock), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_lopsided_answer_does_not_spoil_a_good_one() {
        let script = Script::new(&[(1, 1)]);
        let clock = DatabaseClock::start(Arc::clone(&script)).await.unwrap();
        pass(MEASURE_EVERY).await;
        script.then(&[(0, 400)]);
        clock.step().await.unwrap();
        assert_eq!(ahead(&clock), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_jump_is_followed_in_either_direction() {
        let script = Script::new(&[(1, 1)]);
        let clock = DatabaseClock::start(Arc::clone(&script)).await.unwrap();
        for jump in [3_600_000_000, -7_200_000_000, 60_000] {
            script.jump(jump);
            clock.step().await.unwrap();
            assert_eq!(ahead(&clock), 0, "after a jump of {jump} µs");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_measurement_gives_way_since_clocks_drift() {
        let script = Script::new(&[(1, 1)]);
        let clock = DatabaseClock::start(Arc::clone(&script)).await.unwrap();
        pass(Duration::from_secs(600)).await;
        script.jump(30_000);
        script.then(&[(5, 5)]);
        clock.step().await.unwrap();
        assert_eq!(ahead(&clock), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_goes_on_while_the_database_is_away_and_says_that_it_is() {
        let script = Script::new(&[(1, 1)]);
        let clock = DatabaseClock::start(Arc::clone(&script)).await.unwrap();
        script.then(&[]);
        pass(Duration::from_secs(60)).await;
        assert!(matches!(clock.step().await, Err(RepoError::Unavailable(_))));
        assert_eq!(ahead(&clock), 0);
    }

    #[tokio::test]
    async fn without_a_first_answer_there_is_no_clock() {
        assert!(DatabaseClock::start(Script::new(&[])).await.is_err());
    }

    #[tokio::test]
    async fn postgres_tells_the_time() {
        let database = Database::fresh().await;
        let ids = Arc::new(CountingIds::in_lane(1));
        let store = PostgresStore::connect(database.url(), PoolSettings::default(), ids).await.unwrap();
        let clock = DatabaseClock::start(store).await.unwrap();
        clock.step().await.unwrap();
        let (ours, theirs) = (SystemClock.now(), clock.now());
        let apart = ours.since(theirs).max(theirs.since(ours));
        assert!(apart < Duration::from_secs(5), "the server runs on this machine's clock, and is {apart:?} off");
    }
}
