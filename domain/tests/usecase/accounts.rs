//! Signing up, logging in, staying logged in, logging out.

use std::sync::Arc;

use watchkeeper_domain::account::{PasswordHash, SignUpPolicy};
use watchkeeper_domain::port::{MockPasswordHasher, MockTokenIssuer, WeakPassword};
use watchkeeper_domain::session::{AccessToken, RefreshToken, RefreshTokenHash};
use watchkeeper_domain::testkit::fixture::{T0, seconds};
use watchkeeper_domain::testkit::{CountingIds, MemoryStore, SteppingClock};
use watchkeeper_domain::usecase::{AccountError, Accounts};

const PASSWORD: &str = "correct horse battery";

/// A hasher whose hash is the password turned round, to whom `weakness` is weak.
fn hasher() -> MockPasswordHasher {
    let turned = |text: &str| PasswordHash::new(text.chars().rev().collect::<String>());
    let mut hasher = MockPasswordHasher::new();
    hasher
        .expect_judge()
        .returning(|password, _| if password.expose() == "weakness" { Err(WeakPassword) } else { Ok(()) });
    hasher.expect_hash().returning(move |password| Ok(turned(password.expose())));
    hasher
        .expect_verify()
        .returning(move |password, hash| Ok(hash.is_some_and(|hash| hash == turned(password.expose()))));
    hasher
}

/// An issuer whose refresh tokens count and are stored as their number.
fn tokens() -> MockTokenIssuer {
    let mut tokens = MockTokenIssuer::new();
    let mut count = 0_u8;
    tokens.expect_refresh_token().returning(move || {
        count += 1;
        RefreshToken::new(count.to_string())
    });
    tokens.expect_refresh_token_hash().returning(|token| RefreshTokenHash([token.expose().parse().unwrap_or(0); 32]));
    tokens.expect_access_token().returning(|claims, _, _| AccessToken::new(format!("for {}", claims.user)));
    tokens
}

fn accounts(policy: SignUpPolicy) -> (Accounts, Arc<SteppingClock>) {
    let ids = Arc::new(CountingIds::new());
    let store = Arc::new(MemoryStore::new(ids.clone()));
    let clock = Arc::new(SteppingClock::at(T0));
    let accounts = Accounts {
        users: store.clone(),
        sessions: store,
        hasher: Arc::new(hasher()),
        tokens: Arc::new(tokens()),
        clock: clock.clone(),
        ids,
        policy,
    };
    (accounts, clock)
}

#[pollster::test]
async fn who_signs_up_is_logged_in_and_can_log_in_again() {
    let (accounts, _) = accounts(SignUpPolicy::Open);
    let first = accounts.sign_up("Ada@example.org", PASSWORD).await.unwrap();
    let again = accounts.log_in("ada@EXAMPLE.org", PASSWORD).await.unwrap();
    assert_eq!(first.user, again.user);
    assert_eq!(first.access_token.expose(), format!("for {}", first.user.id));
    accounts.refresh(&first.refresh_token).await.unwrap();
    accounts.refresh(&again.refresh_token).await.unwrap();
}

#[pollster::test]
async fn everything_that_is_wrong_with_an_account_is_named_at_once() {
    let (accounts, _) = accounts(SignUpPolicy::Open);
    let Err(AccountError::Invalid(wrong)) = accounts.sign_up("ada", "short").await else { panic!("it is invalid") };
    assert_eq!(wrong.iter().map(|invalid| invalid.field).collect::<Vec<_>>(), ["email", "password"]);
    let Err(AccountError::Invalid(wrong)) = accounts.sign_up("ada@example.org", "weakness").await else {
        panic!("it is weak")
    };
    assert_eq!(wrong[0].code, "password_too_weak");
}

#[pollster::test]
async fn an_address_has_one_account() {
    let (accounts, _) = accounts(SignUpPolicy::Open);
    accounts.sign_up("ada@example.org", PASSWORD).await.unwrap();
    let second = accounts.sign_up("ADA@example.org", PASSWORD).await;
    assert!(matches!(second, Err(AccountError::EmailTaken)));
}

#[pollster::test]
async fn the_operator_decides_who_may_sign_up() {
    let (closed, _) = accounts(SignUpPolicy::Closed);
    assert!(matches!(closed.sign_up("ada@example.org", PASSWORD).await, Err(AccountError::SignUpClosed)));
    let (first, _) = accounts(SignUpPolicy::FirstUser);
    first.sign_up("ada@example.org", PASSWORD).await.unwrap();
    assert!(matches!(first.sign_up("eve@example.org", PASSWORD).await, Err(AccountError::SignUpClosed)));
}

#[pollster::test]
async fn a_wrong_password_and_an_unknown_address_look_alike() {
    let (accounts, _) = accounts(SignUpPolicy::Open);
    accounts.sign_up("ada@example.org", PASSWORD).await.unwrap();
    for (email, password) in
        [("ada@example.org", "wrong horse battery"), ("eve@example.org", PASSWORD), ("nobody", PASSWORD)]
    {
        let refused = accounts.log_in(email, password).await.unwrap_err();
        assert_eq!(refused.to_string(), "e-mail address or password is wrong");
    }
}

#[pollster::test]
async fn a_refresh_token_works_once_and_its_reuse_ends_the_session() {
    let (accounts, _) = accounts(SignUpPolicy::Open);
    let first = accounts.sign_up("ada@example.org", PASSWORD).await.unwrap();
    let second = accounts.refresh(&first.refresh_token).await.unwrap();
    assert!(matches!(accounts.refresh(&first.refresh_token).await, Err(AccountError::SessionEnded)));
    assert!(matches!(accounts.refresh(&second.refresh_token).await, Err(AccountError::SessionEnded)));
}

#[pollster::test]
async fn a_refresh_token_lives_thirty_days() {
    let (accounts, clock) = accounts(SignUpPolicy::Open);
    let first = accounts.sign_up("ada@example.org", PASSWORD).await.unwrap();
    clock.advance(seconds(30 * 24 * 3600 - 1));
    let second = accounts.refresh(&first.refresh_token).await.unwrap();
    clock.advance(seconds(30 * 24 * 3600));
    assert!(matches!(accounts.refresh(&second.refresh_token).await, Err(AccountError::SessionEnded)));
}

#[pollster::test]
async fn logging_out_ends_the_session() {
    let (accounts, _) = accounts(SignUpPolicy::Open);
    let first = accounts.sign_up("ada@example.org", PASSWORD).await.unwrap();
    accounts.log_out(&first.refresh_token).await.unwrap();
    assert!(matches!(accounts.refresh(&first.refresh_token).await, Err(AccountError::SessionEnded)));
}
