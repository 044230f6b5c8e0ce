//! Keeping the store in order.

use std::time::Duration;

use super::Stage;
use crate::session::{REFRESH_TOKEN_LIFETIME, Rotation};
use crate::testkit::fixture::{self, T0, seconds, token_hash};

/// It is there, and has all its migrations.
pub async fn the_store_answers(stage: &Stage) {
    stage.store().ping().await.unwrap();
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
