//! Signing up, and finding people again.

use super::Stage;
use super::stage::{Step, at_once};
use crate::account::{Email, SignUpPolicy};
use crate::id::UserId;
use crate::notice::ChannelKind;
use crate::port::SignedUp;
use crate::session::{REFRESH_TOKEN_LIFETIME, Rotation};
use crate::testkit::fixture::{self, T0, seconds, token_hash};

/// User, workspace, channel and session: all that somebody needs to begin.
pub async fn signing_up_makes_all_that_somebody_begins_with(stage: &Stage) {
    let store = stage.store();
    let account = fixture::account("ada@example.org");
    assert_eq!(store.sign_up(&account, SignUpPolicy::Open).await.unwrap(), SignedUp::Created);
    assert_eq!(store.user(account.user.id).await.unwrap().as_ref(), Some(&account.user));
    let known = store.credentials(&account.user.email).await.unwrap().unwrap();
    assert_eq!((known.user, known.password.expose()), (account.user.clone(), account.password.expose()));
    let channels = store.channels(account.user.workspace).await.unwrap();
    assert_eq!(channels.len(), 1);
    let console = &channels[0];
    assert_eq!((console.id, console.workspace), (account.channel, account.user.workspace));
    assert_eq!((console.name.as_str(), console.kind, console.is_enabled), ("Console", ChannelKind::Console, true));
    let later = T0.plus(seconds(60));
    let rotation =
        store.rotate_session(token_hash(0), token_hash(1), later.plus(REFRESH_TOKEN_LIFETIME), later).await.unwrap();
    assert_eq!(rotation, Rotation::Rotated { user: account.user.id });
    assert_eq!(store.monitors(account.user.workspace, None, 10).await.unwrap(), []);
}

/// An e-mail has one account; whoever comes second changes nothing of it.
pub async fn an_email_that_is_taken_changes_nothing(stage: &Stage) {
    let store = stage.store();
    let ada = fixture::account("ada@example.org");
    store.sign_up(&ada, SignUpPolicy::Open).await.unwrap();
    let mut second = fixture::account("somebody-else@example.org");
    second.user.email = ada.user.email.clone();
    second.session.token = token_hash(1);
    assert_eq!(store.sign_up(&second, SignUpPolicy::Open).await.unwrap(), SignedUp::EmailTaken);
    assert_eq!(store.user(second.user.id).await.unwrap(), None);
    assert_eq!(store.channels(second.user.workspace).await.unwrap(), []);
    let known = store.credentials(&ada.user.email).await.unwrap().unwrap();
    assert_eq!((known.user, known.password.expose()), (ada.user, ada.password.expose()));
    let rotation = store.rotate_session(token_hash(1), token_hash(2), T0.plus(seconds(60)), T0).await.unwrap();
    assert_eq!(rotation, Rotation::Unknown);
}

/// Also when five of them sign up at once.
pub async fn an_email_is_given_once_however_many_ask_at_once(stage: &Stage) {
    let email = Email::parse("ada@example.org").unwrap();
    let accounts: Vec<_> = (0..5).map(|number| contender(number, Some(&email))).collect();
    let sign_ups =
        accounts.iter().map(|account| Box::pin(stage.store().sign_up(account, SignUpPolicy::Open)) as Step<'_, _>);
    let answers: Vec<SignedUp> = at_once(sign_ups.collect()).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|answer| **answer == SignedUp::Created).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| **answer == SignedUp::EmailTaken).count(), 4, "{answers:?}");
    let known = stage.store().credentials(&email).await.unwrap().unwrap();
    let created = answers.iter().position(|answer| *answer == SignedUp::Created).unwrap();
    assert_eq!(known.user.id, accounts[created].user.id);
}

/// Whoever comes first owns the house.
pub async fn the_first_user_policy_lets_one_in(stage: &Stage) {
    let (first, second) = (contender(0, None), contender(1, None));
    let store = stage.store();
    assert_eq!(store.sign_up(&first, SignUpPolicy::FirstUser).await.unwrap(), SignedUp::Created);
    assert_eq!(store.sign_up(&second, SignUpPolicy::FirstUser).await.unwrap(), SignedUp::Refused);
    assert_eq!(store.user(second.user.id).await.unwrap(), None);
    assert_eq!(store.sign_up(&second, SignUpPolicy::Open).await.unwrap(), SignedUp::Created);
}

/// Also when five of them come at once.
pub async fn the_first_user_policy_lets_one_in_however_many_come_at_once(stage: &Stage) {
    let accounts: Vec<_> = (0..5).map(|number| contender(number, None)).collect();
    let sign_ups =
        accounts.iter().map(|account| Box::pin(stage.store().sign_up(account, SignUpPolicy::FirstUser)) as Step<'_, _>);
    let answers: Vec<SignedUp> = at_once(sign_ups.collect()).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|answer| **answer == SignedUp::Created).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| **answer == SignedUp::Refused).count(), 4, "{answers:?}");
}

/// Not even the first.
pub async fn the_closed_policy_lets_nobody_in(stage: &Stage) {
    let account = contender(0, None);
    assert_eq!(stage.store().sign_up(&account, SignUpPolicy::Closed).await.unwrap(), SignedUp::Refused);
    assert_eq!(stage.store().user(account.user.id).await.unwrap(), None);
    assert!(stage.store().credentials(&account.user.email).await.unwrap().is_none());
}

/// Otherwise a closed house would tell who lives in it.
pub async fn a_refusal_does_not_tell_whether_an_email_is_taken(stage: &Stage) {
    let account = contender(0, None);
    stage.store().sign_up(&account, SignUpPolicy::Open).await.unwrap();
    for policy in [SignUpPolicy::FirstUser, SignUpPolicy::Closed] {
        assert_eq!(stage.store().sign_up(&account, policy).await.unwrap(), SignedUp::Refused);
    }
}

/// Nobody is nobody.
pub async fn who_has_no_account_is_not_found(stage: &Stage) {
    stage.workspace().await;
    let nobody = Email::parse("nobody@example.org").unwrap();
    assert!(stage.store().credentials(&nobody).await.unwrap().is_none());
    assert_eq!(stage.store().user(UserId::new(stage.token().uuid())).await.unwrap(), None);
}

/// One of several who sign up, with a token of their own.
fn contender(number: u8, email: Option<&Email>) -> crate::port::NewAccount {
    let mut account = fixture::account(&format!("contender-{number}@example.org"));
    account.session.token = token_hash(100 + number);
    if let Some(email) = email {
        account.user.email = email.clone();
    }
    account
}
