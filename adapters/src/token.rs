//! Tokens: access tokens are JWTs (RFC 7519) under one algorithm and one secret, refresh tokens are bare randomness.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::{digest, hmac, rand as secure_random};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use watchkeeper_domain::id::{UserId, WorkspaceId};
use watchkeeper_domain::port::{Access, AccessClaims, TokenIssuer};
use watchkeeper_domain::session::{AccessToken, RefreshToken, RefreshTokenHash};
use watchkeeper_domain::time::Timestamp;

/// Who makes the tokens (`iss`).
pub const ISSUER: &str = "watchkeeper";
/// For whom they are (`aud`).
pub const AUDIENCE: &str = "watchkeeper-api";

/// The one algorithm. A token that names another, or none, is not even looked at (RFC 8725, section 3.1).
const ALGORITHM: Algorithm = Algorithm::HS256;

/// How long before its beginning (`nbf`) a token already works: the clocks of nodes that share a secret run a little
/// apart, and one must not refuse what another has just made. The end of a token has no leeway.
const NOT_BEFORE_LEEWAY: Duration = Duration::from_secs(1);

/// The randomness of a refresh token.
const REFRESH_TOKEN_BYTES: usize = 32;

/// The secret under which access tokens are signed: at least [`JwtSecret::MIN_BYTES`]. It never prints.
#[derive(Clone)]
pub struct JwtSecret(SecretSlice<u8>);

/// A secret that is too short to sign with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token secret has at least {} bytes", JwtSecret::MIN_BYTES)]
pub struct SecretTooShort;

impl JwtSecret {
    /// The fewest bytes: the length of the hash (RFC 7518, section 3.2).
    pub const MIN_BYTES: usize = 32;

    /// Takes a secret.
    ///
    /// # Errors
    /// [`SecretTooShort`] below [`JwtSecret::MIN_BYTES`].
    pub fn new(bytes: Vec<u8>) -> Result<Self, SecretTooShort> {
        if bytes.len() < Self::MIN_BYTES { Err(SecretTooShort) } else { Ok(Self(bytes.into())) }
    }

    /// Makes the text of a new secret: 256 random bits in hexadecimal, fit to be kept in a file.
    pub fn make() -> SecretString {
        SecretString::from(hex::encode(random::<32>()))
    }

    /// What identifies the secret without revealing it: an HMAC-SHA-256 of a fixed text under it, in hexadecimal. Nodes
    /// that share a database compare it, so as not to refuse each other's tokens.
    pub fn fingerprint(&self) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.expose_secret());
        hex::encode(hmac::sign(&key, b"watchkeeper: fingerprint of the token secret, 1"))
    }
}

impl fmt::Debug for JwtSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwtSecret(..)")
    }
}

/// Makes and reads tokens under one secret.
pub struct JwtIssuer {
    signing: EncodingKey,
    verifying: DecodingKey,
    validation: Validation,
}

impl JwtIssuer {
    /// An issuer under a secret.
    pub fn new(secret: &JwtSecret) -> Self {
        let mut validation = Validation::new(ALGORITHM);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["iss", "aud", "sub"]);
        // The library would ask the system's clock. The time comes from the caller.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let bytes = secret.0.expose_secret();
        Self { signing: EncodingKey::from_secret(bytes), verifying: DecodingKey::from_secret(bytes), validation }
    }
}

impl fmt::Debug for JwtIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwtIssuer(..)")
    }
}

impl TokenIssuer for JwtIssuer {
    #[expect(clippy::expect_used, reason = "an HMAC under a key in memory cannot fail, and no token is no answer")]
    fn access_token(&self, claims: AccessClaims, now: Timestamp, expires_at: Timestamp) -> AccessToken {
        let claims = Claims {
            iss: ISSUER.into(),
            aud: AUDIENCE.into(),
            sub: claims.user.to_string(),
            wid: claims.workspace.to_string(),
            jti: BASE64_URL_SAFE_NO_PAD.encode(random::<16>()),
            iat: NumericDate::new(now),
            nbf: NumericDate::new(now),
            exp: NumericDate::new(expires_at),
        };
        AccessToken::new(encode(&Header::new(ALGORITHM), &claims, &self.signing).expect("HS256 signs with any secret"))
    }

    fn read_access_token(&self, token: &str, now: Timestamp) -> Option<Access> {
        let claims = decode::<Claims>(token, &self.verifying, &self.validation).ok()?.claims;
        let (user, workspace) = (Uuid::try_parse(&claims.sub).ok()?, Uuid::try_parse(&claims.wid).ok()?);
        let is_valid_now = claims.nbf.timestamp() <= now.plus(NOT_BEFORE_LEEWAY) && now < claims.exp.timestamp();
        let speaks_for = AccessClaims { user: UserId::new(user), workspace: WorkspaceId::new(workspace) };
        is_valid_now.then_some(Access { claims: speaks_for, expires_at: claims.exp.timestamp() })
    }

    fn refresh_token(&self) -> RefreshToken {
        RefreshToken::new(BASE64_URL_SAFE_NO_PAD.encode(random::<REFRESH_TOKEN_BYTES>()))
    }

    fn refresh_token_hash(&self, token: &RefreshToken) -> RefreshTokenHash {
        let hash = digest::digest(&digest::SHA256, token.expose().as_bytes());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(hash.as_ref());
        RefreshTokenHash(bytes)
    }
}

/// Random bytes fit for secrets.
#[expect(clippy::expect_used, reason = "without randomness a secret would be guessable: better none at all")]
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    secure_random::fill(&mut bytes).expect("the system has randomness");
    bytes
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    /// The workspace in which requests act.
    wid: String,
    jti: String,
    iat: NumericDate,
    nbf: NumericDate,
    exp: NumericDate,
}

/// Whole seconds since the Unix epoch (RFC 7519, section 2). What comes between is dropped: a token works no moment
/// longer than it was meant to.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(transparent)]
struct NumericDate(i64);

impl NumericDate {
    fn new(at: Timestamp) -> Self {
        Self(at.as_micros().div_euclid(1_000_000))
    }

    fn timestamp(self) -> Timestamp {
        Timestamp::from_secs(self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_763_838_877_123_457);
    const LIFE: Duration = Duration::from_secs(900);

    #[test]
    fn a_secret_that_is_made_is_long_enough_and_never_made_twice() {
        let (one, other) = (JwtSecret::make(), JwtSecret::make());
        assert_ne!(one.expose_secret(), other.expose_secret());
        assert!(JwtSecret::new(one.expose_secret().as_bytes().to_vec()).is_ok());
    }

    fn secret(seed: u8) -> JwtSecret {
        JwtSecret::new(vec![seed; JwtSecret::MIN_BYTES]).unwrap()
    }

    fn issuer() -> JwtIssuer {
        JwtIssuer::new(&secret(1))
    }

    fn someone() -> AccessClaims {
        AccessClaims { user: UserId::new(Uuid::from_u128(1)), workspace: WorkspaceId::new(Uuid::from_u128(2)) }
    }

    fn token() -> String {
        issuer().access_token(someone(), NOW, NOW.plus(LIFE)).expose().to_owned()
    }

    /// A token that is right but for what the test changes.
    fn signed(algorithm: Algorithm, secret: &JwtSecret, change: impl FnOnce(&mut Value)) -> String {
        let seconds = NOW.as_micros() / 1_000_000;
        let mut claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": someone().user.to_string(), "wid": someone().workspace.to_string(), "jti": "1",
            "iat": seconds, "nbf": seconds, "exp": seconds + 900,
        });
        change(&mut claims);
        encode(&Header::new(algorithm), &claims, &EncodingKey::from_secret(secret.0.expose_secret())).unwrap()
    }

    fn is_read(token: &str) -> bool {
        issuer().read_access_token(token, NOW).is_some()
    }

    #[test]
    fn a_token_speaks_for_whom_it_was_made() {
        let end = Timestamp::from_secs(NOW.plus(LIFE).as_micros() / 1_000_000);
        assert_eq!(issuer().read_access_token(&token(), NOW), Some(Access { claims: someone(), expires_at: end }));
        assert!(is_read(&signed(ALGORITHM, &secret(1), |_| ())), "the tests below change one thing of a good token");
    }

    #[test]
    fn a_token_works_for_a_node_whose_clock_is_a_little_behind() {
        let token = token();
        let read = |at| issuer().read_access_token(&token, at).is_some();
        let earliest = Timestamp::from_secs(NOW.as_micros() / 1_000_000).minus(NOT_BEFORE_LEEWAY);
        assert!(read(NOW.minus(Duration::from_millis(200))), "its second has not begun there");
        assert_eq!([earliest.minus(Duration::from_micros(1)), earliest].map(read), [false, true]);
    }

    #[test]
    fn a_token_works_until_its_last_whole_second() {
        let token = token();
        let read = |at| issuer().read_access_token(&token, at).is_some();
        let whole = |at: Timestamp| Timestamp::from_secs(at.as_micros() / 1_000_000);
        let (end, instant) = (whole(NOW.plus(LIFE)), Duration::from_micros(1));
        assert!(read(NOW));
        assert_eq!([end.minus(instant), end, NOW.plus(LIFE)].map(read), [true, false, false]);
    }

    #[test]
    fn a_token_under_another_secret_is_refused() {
        assert!(!is_read(&signed(ALGORITHM, &secret(2), |_| ())));
    }

    #[test]
    fn a_token_that_was_changed_is_refused() {
        let token = token();
        let parts: Vec<&str> = token.split('.').collect();
        let mut claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
        claims["sub"] = json!(Uuid::from_u128(3).to_string());
        let forged = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
        assert!(!is_read(&format!("{}.{forged}.{}", parts[0], parts[2])));
        assert!(!is_read(&format!("{}.{}.", parts[0], parts[1])), "no signature");
    }

    #[test]
    fn a_token_without_an_algorithm_is_refused() {
        let claims = token().split('.').nth(1).unwrap().to_owned();
        for name in ["none", "None", "NONE"] {
            let header = BASE64_URL_SAFE_NO_PAD.encode(json!({"typ": "JWT", "alg": name}).to_string());
            assert!(!is_read(&format!("{header}.{claims}.")), "{name}");
        }
    }

    #[test]
    fn a_token_under_another_algorithm_is_refused_even_with_the_right_secret() {
        for algorithm in [Algorithm::HS384, Algorithm::HS512] {
            assert!(!is_read(&signed(algorithm, &secret(1), |_| ())), "{algorithm:?}");
        }
    }

    #[test]
    fn a_token_of_another_issuer_or_for_another_audience_is_refused() {
        assert!(!is_read(&signed(ALGORITHM, &secret(1), |claims| claims["iss"] = json!("somebody-else"))));
        assert!(!is_read(&signed(ALGORITHM, &secret(1), |claims| claims["aud"] = json!("something-else"))));
    }

    #[test]
    fn a_token_that_lacks_a_claim_or_holds_nonsense_is_refused() {
        for claim in ["iss", "aud", "sub", "wid", "jti", "iat", "nbf", "exp"] {
            let without = signed(ALGORITHM, &secret(1), |claims| drop(claims.as_object_mut().unwrap().remove(claim)));
            assert!(!is_read(&without), "without {claim}");
            let nonsense = signed(ALGORITHM, &secret(1), |claims| claims[claim] = json!({"a": []}));
            assert!(!is_read(&nonsense), "nonsense in {claim}");
        }
    }

    #[test]
    fn garbage_is_refused() {
        for text in ["", ".", "..", "...", "a.b.c", "Bearer", "\0.\0.\0", "ä.ö.ü", "eyJhbGciOiJIUzI1NiJ9.e30."] {
            assert!(!is_read(text), "{text:?}");
        }
    }

    #[test]
    fn no_two_tokens_are_alike() {
        assert_ne!(token(), token());
        assert_ne!(issuer().refresh_token(), issuer().refresh_token());
    }

    #[test]
    fn a_refresh_token_has_256_bits_and_is_stored_as_their_sha_256() {
        let token = issuer().refresh_token();
        assert_eq!(BASE64_URL_SAFE_NO_PAD.decode(token.expose()).unwrap().len(), 32);
        let RefreshTokenHash(hash) = issuer().refresh_token_hash(&RefreshToken::new("abc"));
        // FIPS 180-2, appendix B.1.
        assert_eq!(hex::encode(hash), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert_eq!(JwtSecret::new(vec![1; 31]).err(), Some(SecretTooShort));
    }

    #[test]
    fn a_fingerprint_tells_secrets_apart_and_does_not_show_them() {
        assert_eq!(secret(1).fingerprint(), secret(1).fingerprint());
        assert_ne!(secret(1).fingerprint(), secret(2).fingerprint());
        assert!(!secret(1).fingerprint().contains(&hex::encode([1; 8])));
        assert_eq!(format!("{:?} {:?}", secret(1), issuer()), "JwtSecret(..) JwtIssuer(..)");
    }

    proptest! {
        #[test]
        fn no_token_outlives_its_end(at in any::<i64>()) {
            let end = Timestamp::from_micros(at);
            let token = issuer().access_token(someone(), Timestamp::EPOCH, end);
            prop_assert!(issuer().read_access_token(token.expose(), end).is_none());
        }

        #[test]
        fn no_text_makes_reading_panic(text in any::<String>(), a in ".{0,20}", b in ".{0,20}") {
            prop_assert!(!is_read(&text));
            let (a, b) = (BASE64_URL_SAFE_NO_PAD.encode(a), BASE64_URL_SAFE_NO_PAD.encode(b));
            let token = format!("{a}.{b}.c");
            prop_assert!(!is_read(&token));
        }
    }
}
