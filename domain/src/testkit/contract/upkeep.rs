//! Keeping the store in order.

use std::time::Duration;

use super::Stage;
use crate::notice::{Delivery, DeliveryOutcome, NOTICE_LEASE, NoticeClaim};
use crate::port::Arrears;
use crate::rollup::{DAY, HOUR};
use crate::session::{REFRESH_TOKEN_LIFETIME, Rotation};
use crate::testkit::fixture::{self, LATENCY, T0, seconds, token_hash};

/// It is there, and has all its migrations.
pub async fn the_store_answers(stage: &Stage) {
    stage.store().ping().await.unwrap();
}

/// A write that changes nothing is taken, as often as one likes, and changes nothing.
pub async fn a_write_that_changes_nothing_is_taken(stage: &Stage) {
    assert_eq!(stage.store().adopt_fingerprint("first").await.unwrap(), "first");
    for _ in 0..3 {
        stage.store().can_write().await.unwrap();
    }
    assert_eq!(stage.store().adopt_fingerprint("second").await.unwrap(), "first");
}

/// Making room is no work where there is room.
pub async fn preparing_twice_is_harmless(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    stage.check_up(m.slot(0)).await;
    for now in [T0, m.slot(1), T0] {
        stage.store().prepare(now).await.unwrap();
    }
    assert_eq!(stage.log(m.id()).await.len(), 1);
}

/// Whoever comes second learns that there is another one.
pub async fn the_first_fingerprint_stays(stage: &Stage) {
    assert_eq!(stage.store().adopt_fingerprint("first").await.unwrap(), "first");
    assert_eq!(stage.store().adopt_fingerprint("second").await.unwrap(), "first");
    assert_eq!(stage.store().adopt_fingerprint("first").await.unwrap(), "first");
}

/// What is stored takes room, or none where there is no disk; it never takes less for being more.
pub async fn the_size_does_not_shrink_by_storing_more(stage: &Stage) {
    let empty = stage.store().size_bytes().await.unwrap();
    let m = stage.monitor_every(60).await;
    for number in 0..50 {
        stage.check_up(m.slot(number)).await;
    }
    let full = stage.store().size_bytes().await.unwrap();
    assert!(full >= empty, "{full} bytes, and {empty} before");
}

/// A notice is owed until it is delivered or given up; hours and days are told as they are derived.
pub async fn what_is_owed_and_how_far_history_has_come_can_be_asked(stage: &Stage) {
    let store = stage.store();
    assert_eq!(store.arrears().await.unwrap(), Arrears::default());
    let m = stage.monitor_every(60).await;
    let due_at = stage.take_down(&m).await.plus(LATENCY);
    let arrears = store.arrears().await.unwrap();
    assert_eq!((arrears.notices, arrears.notice_due_at), (1, Some(due_at)));

    let outcomes = [
        DeliveryOutcome::Failed { error: "away".into(), retry_at: Some(due_at.plus(seconds(60))) },
        DeliveryOutcome::Failed { error: "gone".into(), retry_at: None },
    ];
    for (outcome, owed) in outcomes.into_iter().zip([1, 0]) {
        let now = due_at.plus(seconds(60));
        let claimed = stage.claim_notices(now).await;
        assert_eq!(store.arrears().await.unwrap().notice_due_at, Some(now.plus(NOTICE_LEASE)), "under way");
        let NoticeClaim { notice, attempt, token } = claimed[0].clone();
        let delivery = Delivery { notice: notice.id, attempt, token, at: now, took: LATENCY, outcome };
        store.record_deliveries(&[delivery]).await.unwrap();
        let arrears = store.arrears().await.unwrap();
        assert_eq!((arrears.notices, arrears.notice_due_at), (owed, (owed > 0).then_some(now)));
    }

    stage.pause(&m.monitor, due_at).await;
    let later = due_at.plus(2 * DAY);
    let mut hours = 0;
    let mut rolled_up_to = None;
    while let Some(hour) = store.roll_up(later).await.unwrap() {
        rolled_up_to = Some(hour.plus(HOUR));
        hours += 1;
        assert_eq!(store.arrears().await.unwrap().rolled_up_to, rolled_up_to);
        assert!(hours < 100, "there is an end to it");
    }
    let mut folded_to = None;
    loop {
        let folded = store.fold(100).await.unwrap();
        folded_to = folded.finished.map(|day| day.plus(DAY)).or(folded_to);
        if !folded.has_more {
            break;
        }
    }
    let arrears = store.arrears().await.unwrap();
    assert_eq!((arrears.rolled_up_to, arrears.folded_to), (rolled_up_to, folded_to));
    assert!(folded_to.is_some());
}

/// A day after their time was up, a bounded number at once.
pub async fn expired_refresh_tokens_are_purged(stage: &Stage) {
    let store = stage.store();
    let account = fixture::account("ada@example.org");
    store.sign_up(&account, crate::account::SignUpPolicy::Open).await.unwrap();
    let expires_at = T0.plus(REFRESH_TOKEN_LIFETIME);
    for number in 0..4 {
        store.rotate_session(token_hash(number), token_hash(number + 1), expires_at, T0).await.unwrap();
    }
    let fresh_until = expires_at.plus(REFRESH_TOKEN_LIFETIME);
    store.rotate_session(token_hash(4), token_hash(5), fresh_until, T0).await.unwrap();
    let day = Duration::from_secs(24 * 3600);
    assert_eq!(store.purge(expires_at.plus(seconds(1)), 10).await.unwrap().sessions, 0, "they are kept for a day");
    let now = expires_at.plus(day).plus(seconds(1));
    let mut removed = Vec::new();
    loop {
        let purged = store.purge(now, 2).await.unwrap();
        assert!(purged.sessions <= 2, "a step is bounded: {purged:?}");
        removed.push(purged.sessions);
        assert!(removed.len() < 20, "purging ends");
        if !purged.has_more {
            break;
        }
    }
    assert_eq!(removed.iter().sum::<u64>(), 5);
    let user = account.user.id;
    let rotation = store.rotate_session(token_hash(5), token_hash(6), fresh_until, now).await.unwrap();
    assert_eq!(rotation, Rotation::Rotated { user }, "a token that still works stays");
}
