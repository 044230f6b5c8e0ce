use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use watchkeeper_domain::port::{Arrears, Folded, Purged, RepoError, RepoResult, Retired, Upkeep};
use watchkeeper_domain::retention::Retention;
use watchkeeper_domain::testkit::CountingIds;
use watchkeeper_domain::testkit::fixture::T0;
use watchkeeper_domain::time::Timestamp;

use super::stage::{Stage, SwitchedStore, TokioClock};
use crate::engine::janitor::{
    CALL_PATIENCE, Janitor, MAX_FOLDED_DAYS, MAX_FOLDS, MAX_HOURS, MAX_PURGED_ROWS, MAX_PURGES, Tidied,
};

/// What its store still owes.
fn owed() -> Arrears {
    Arrears {
        notices: 3,
        notice_due_at: Some(T0.minus(Duration::from_secs(90))),
        rolled_up_to: Some(T0.minus(Duration::from_secs(3600))),
        folded_to: None,
        whole_since: Some(Retention::DEFAULT.left(T0).raw_from.minus(Duration::from_secs(7200))),
    }
}

/// How much room its store takes.
const SIZE_BYTES: u64 = 123_456;

/// A store with so much to do.
#[derive(Default)]
struct Untidy {
    hours: AtomicU64,
    days: AtomicU64,
    old_rows: AtomicU64,
    rows: AtomicU64,
    prepared: AtomicU64,
    cannot_roll_up: AtomicBool,
    measured: AtomicU64,
}

fn take(from: &AtomicU64, most: u64) -> u64 {
    let left = from.load(Ordering::SeqCst);
    let taken = left.min(most);
    from.store(left - taken, Ordering::SeqCst);
    taken
}

#[async_trait]
impl Upkeep for Untidy {
    async fn ping(&self) -> RepoResult<()> {
        Ok(())
    }

    async fn can_write(&self) -> RepoResult<()> {
        Ok(())
    }

    async fn adopt_fingerprint(&self, fingerprint: &str) -> RepoResult<String> {
        Ok(fingerprint.to_owned())
    }

    async fn prepare(&self, now: Timestamp) -> RepoResult<()> {
        assert_eq!(now, T0);
        self.prepared.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn roll_up(&self, now: Timestamp) -> RepoResult<Option<Timestamp>> {
        if self.cannot_roll_up.load(Ordering::SeqCst) {
            return Err(RepoError::Unavailable("it takes too long".into()));
        }
        Ok((take(&self.hours, 1) == 1).then_some(now))
    }

    async fn fold(&self, limit: u32) -> RepoResult<Folded> {
        let monitor_days = take(&self.days, u64::from(limit));
        let has_more = self.days.load(Ordering::SeqCst) > 0;
        Ok(Folded { monitor_days, finished: (!has_more).then_some(T0), has_more })
    }

    async fn retire(&self, now: Timestamp, retention: &Retention, limit: u32) -> RepoResult<Retired> {
        assert_eq!((now, *retention), (T0, Retention::DEFAULT));
        let rows = take(&self.old_rows, u64::from(limit));
        Ok(Retired { raw_from: None, rows, has_more: self.old_rows.load(Ordering::SeqCst) > 0 })
    }

    async fn purge(&self, _now: Timestamp, limit: u32) -> RepoResult<Purged> {
        let history_rows = take(&self.rows, u64::from(limit));
        Ok(Purged { history_rows, sessions: 0, has_more: self.rows.load(Ordering::SeqCst) > 0 })
    }

    async fn arrears(&self) -> RepoResult<Arrears> {
        Ok(owed())
    }

    async fn size_bytes(&self) -> RepoResult<u64> {
        self.measured.fetch_add(1, Ordering::SeqCst);
        Ok(SIZE_BYTES)
    }
}

fn janitor(stage: &Stage, store: &Arc<Untidy>) -> Janitor {
    let clock = Arc::<TokioClock>::clone(&stage.clock);
    let (store, ids) = (Arc::<Untidy>::clone(store), Arc::<CountingIds>::clone(&stage.ids));
    Janitor::new(store, Retention::DEFAULT, clock, ids, &stage.metrics)
}

#[tokio::test(start_paused = true)]
async fn a_step_makes_room_lets_history_age_and_purges_until_nothing_is_left() {
    let stage = Stage::open().await;
    let (days, rows) = (u64::from(MAX_FOLDED_DAYS) + 1, u64::from(MAX_PURGED_ROWS) + 1);
    let store =
        Untidy { hours: 3.into(), days: days.into(), old_rows: rows.into(), rows: rows.into(), ..Untidy::default() };
    let store = Arc::new(store);
    let tidied = janitor(&stage, &store).step().await.unwrap();
    let wanted =
        Tidied { hours: 3, monitor_days: days, old_rows: rows, history_rows: rows, sessions: 0, has_more: false };
    assert_eq!(tidied, wanted);
    assert_eq!(store.prepared.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_step_shows_what_is_still_owed() {
    let stage = Stage::open().await;
    janitor(&stage, &Arc::default()).step().await.unwrap();
    let shown = &stage.metrics.arrears;
    assert_eq!((shown.notices.get(), shown.notice_overdue.get()), (3, 90));
    assert_eq!((shown.rolled_up_to.get(), shown.folded_to.get()), (T0.as_micros() / 1_000_000 - 3600, 0));
    assert_eq!(shown.whole_overdue.get(), 7200);
}

#[tokio::test(start_paused = true)]
async fn the_size_of_the_store_is_shown_by_a_step_that_leaves_nothing_over() {
    let stage = Stage::open().await;
    let store =
        Arc::new(Untidy { rows: (u64::from(MAX_PURGED_ROWS) * MAX_PURGES as u64 + 1).into(), ..Untidy::default() });
    let mut janitor = janitor(&stage, &store);
    assert!(janitor.step().await.unwrap().has_more);
    assert_eq!((store.measured.load(Ordering::SeqCst), stage.metrics.store_size.get()), (0, 0));
    assert!(!janitor.step().await.unwrap().has_more);
    assert_eq!((store.measured.load(Ordering::SeqCst), stage.metrics.store_size.get()), (1, SIZE_BYTES as i64));
}

#[tokio::test(start_paused = true)]
async fn a_step_is_bounded_and_says_that_there_is_more() {
    let stage = Stage::open().await;
    let (hours, endless) = (MAX_HOURS as u64 + 5, || AtomicU64::from(u64::MAX));
    let store =
        Untidy { hours: hours.into(), days: endless(), old_rows: endless(), rows: endless(), ..Untidy::default() };
    let store = Arc::new(store);
    let tidied = janitor(&stage, &store).step().await.unwrap();
    assert!(tidied.has_more);
    assert_eq!(tidied.hours, MAX_HOURS);
    assert_eq!(tidied.monitor_days, MAX_FOLDS as u64 * u64::from(MAX_FOLDED_DAYS));
    assert_eq!(tidied.old_rows, MAX_PURGES as u64 * u64::from(MAX_PURGED_ROWS));
    assert_eq!(tidied.history_rows, MAX_PURGES as u64 * u64::from(MAX_PURGED_ROWS));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_never_answers_does_not_hold_the_janitor_for_ever() {
    let stage = Stage::open().await;
    stage.switched.fall_silent();
    let (clock, ids) = (Arc::<TokioClock>::clone(&stage.clock), Arc::<CountingIds>::clone(&stage.ids));
    let store = Arc::<SwitchedStore>::clone(&stage.switched);
    let mut janitor = Janitor::new(store, Retention::DEFAULT, clock, ids, &stage.metrics);
    let failed = janitor.step().await;
    assert!(matches!(failed, Err(RepoError::Unavailable(_))));
    assert_eq!(stage.now().since(T0), CALL_PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn an_hour_that_cannot_be_rolled_up_does_not_hold_up_the_purge() {
    let stage = Stage::open().await;
    let store = Arc::new(Untidy { rows: 7.into(), cannot_roll_up: true.into(), ..Untidy::default() });
    assert!(janitor(&stage, &store).step().await.is_err(), "it is told all the same");
    assert_eq!(store.rows.load(Ordering::SeqCst), 0);
}
