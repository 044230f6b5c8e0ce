//! Families of refresh tokens.

use super::Stage;
use super::stage::{Step, at_once};
use crate::id::{SessionId, UserId};
use crate::session::{NewSession, REFRESH_TOKEN_LIFETIME, Rotation};
use crate::testkit::fixture::{self, T0, seconds, token_hash};
use crate::time::Timestamp;

/// Ada, with a family whose first token has the number 10.
async fn family(stage: &Stage) -> UserId {
    stage.workspace().await;
    let user = fixture::account("ada@example.org").user.id;
    begin(stage, user, 10).await;
    user
}

async fn begin(stage: &Stage, user: UserId, number: u8) {
    let id = SessionId::new(stage.token().uuid());
    let expires_at = T0.plus(REFRESH_TOKEN_LIFETIME);
    let session = NewSession { id, user, token: token_hash(number), created_at: T0, expires_at };
    stage.store().begin_session(&session).await.unwrap();
}

async fn rotate(stage: &Stage, shown: u8, new: u8, now: Timestamp) -> Rotation {
    let expires_at = now.plus(REFRESH_TOKEN_LIFETIME);
    stage.store().rotate_session(token_hash(shown), token_hash(new), expires_at, now).await.unwrap()
}

/// From each to the next.
pub async fn tokens_rotate(stage: &Stage) {
    let user = family(stage).await;
    for number in 10..15 {
        let now = T0.plus(seconds(u64::from(number)));
        assert_eq!(rotate(stage, number, number + 1, now).await, Rotation::Rotated { user });
    }
}

/// Whoever shows a used token is the thief or the robbed: nobody goes on with this family.
pub async fn a_used_token_ends_its_family(stage: &Stage) {
    let user = family(stage).await;
    begin(stage, user, 20).await;
    assert_eq!(rotate(stage, 10, 11, T0).await, Rotation::Rotated { user });
    assert_eq!(rotate(stage, 10, 12, T0).await, Rotation::Reused);
    assert_eq!(rotate(stage, 11, 13, T0).await, Rotation::Unknown, "the newest does not work either");
    assert_eq!(rotate(stage, 10, 14, T0).await, Rotation::Unknown, "the family has ended already");
    assert_eq!(rotate(stage, 12, 15, T0).await, Rotation::Unknown, "the thief got nothing");
    assert_eq!(rotate(stage, 20, 21, T0).await, Rotation::Rotated { user }, "another family goes on");
}

/// Two tabs show the same token: at most one of them goes on.
pub async fn a_token_works_once_however_many_show_it_at_once(stage: &Stage) {
    let user = family(stage).await;
    let rotations = (30..35).map(|new| Box::pin(rotate(stage, 10, new, T0)) as Step<'_, _>).collect();
    let answers: Vec<Rotation> = at_once(rotations).await;
    assert_eq!(answers.iter().filter(|answer| **answer == Rotation::Rotated { user }).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| **answer == Rotation::Reused).count(), 1, "{answers:?}");
}

/// At the instant at which its time is up, not after it. Nothing changes by showing it.
pub async fn a_token_whose_time_is_up_is_unknown(stage: &Stage) {
    let user = family(stage).await;
    let expires_at = T0.plus(REFRESH_TOKEN_LIFETIME);
    assert_eq!(rotate(stage, 10, 11, expires_at).await, Rotation::Unknown);
    let just_before = Timestamp::from_micros(expires_at.as_micros() - 1);
    assert_eq!(rotate(stage, 10, 12, just_before).await, Rotation::Rotated { user });
    assert_eq!(rotate(stage, 12, 13, expires_at).await, Rotation::Rotated { user }, "each counts from its own making");
}

/// Nobody knows it.
pub async fn a_token_that_never_was_is_unknown(stage: &Stage) {
    let user = family(stage).await;
    assert_eq!(rotate(stage, 99, 11, T0).await, Rotation::Unknown);
    assert_eq!(rotate(stage, 10, 12, T0).await, Rotation::Rotated { user });
}

/// By the newest token or by a used one.
pub async fn a_family_is_ended_by_any_of_its_tokens(stage: &Stage) {
    let user = family(stage).await;
    begin(stage, user, 20).await;
    rotate(stage, 10, 11, T0).await;
    stage.store().end_session(token_hash(10)).await.unwrap();
    assert_eq!(rotate(stage, 11, 12, T0).await, Rotation::Unknown);
    stage.store().end_session(token_hash(20)).await.unwrap();
    assert_eq!(rotate(stage, 20, 21, T0).await, Rotation::Unknown);
    stage.store().end_session(token_hash(20)).await.unwrap();
    stage.store().end_session(token_hash(99)).await.unwrap();
}
