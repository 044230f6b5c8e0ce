//! Who uses Watchkeeper: users, the workspaces that own everything, and what a password must be.

use std::fmt;

use crate::id::{UserId, WorkspaceId};
use crate::invalid::Invalid;
use crate::time::Timestamp;

/// An e-mail address as a key of an account: lower-cased, plausible, at most [`Email::MAX_BYTES`] long.
///
/// Whether mail reaches it is for a message to find out; the rule here is only what RFC 5321 lets a mail system handle.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Email(String);

impl Email {
    /// The longest address that fits the path of RFC 5321, section 4.5.3.1.3.
    pub const MAX_BYTES: usize = 254;
    /// The longest part before the `@` (RFC 5321, section 4.5.3.1.1).
    pub const MAX_LOCAL_BYTES: usize = 64;

    /// Parses an address: white space around it is dropped and it is lower-cased, so that one person has one account.
    ///
    /// # Errors
    /// [`Invalid`] on the field `email`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let address = text.trim().to_lowercase();
        let refuse = |message: &str| Err(Invalid::new("email", "invalid_email", message));
        if address.len() > Self::MAX_BYTES {
            return refuse(&format!("An e-mail address has at most {} bytes.", Self::MAX_BYTES));
        }
        let Some((local, host)) = address.rsplit_once('@') else {
            return refuse("An e-mail address looks like name@example.org.");
        };
        let plain = |c: char| {
            !c.is_control() && !c.is_whitespace() && !matches!(c, '@' | '<' | '>' | '(' | ')' | ',' | ';' | '"')
        };
        let local_is_sound = !local.is_empty()
            && local.len() <= Self::MAX_LOCAL_BYTES
            && local.chars().all(plain)
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..");
        let host_is_sound = host.contains('.')
            && host.split('.').all(|label| {
                !label.is_empty()
                    && label.len() <= 63
                    && !label.starts_with('-')
                    && !label.ends_with('-')
                    && label.chars().all(|c| c.is_alphanumeric() || c == '-')
            });
        if local_is_sound && host_is_sound {
            Ok(Self(address))
        } else {
            refuse("An e-mail address looks like name@example.org.")
        }
    }

    /// The address, lower-cased.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A password of permitted length, in the clear: it never leaves memory and never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// The fewest characters (NIST SP 800-63B, section 5.1.1.2).
    pub const MIN_CHARS: usize = 8;
    /// The most characters: twice what NIST SP 800-63B asks to be allowed, and a bound on the work of hashing.
    pub const MAX_CHARS: usize = 128;

    /// Takes a password that somebody chooses: neither too short nor over-long. Whether it is guessable is asked of a
    /// [`crate::port::PasswordHasher`].
    ///
    /// # Errors
    /// [`Invalid`] on the field `password`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let refuse = |code, message: String| Err(Invalid::new("password", code, message));
        match text.chars().count() {
            0..Self::MIN_CHARS => {
                refuse("password_too_short", format!("A password has at least {} characters.", Self::MIN_CHARS))
            }
            Self::MIN_CHARS..=Self::MAX_CHARS => Ok(Self(text.to_owned())),
            _ => refuse("password_too_long", format!("A password has at most {} characters.", Self::MAX_CHARS)),
        }
    }

    /// Takes what somebody typed to log in. Too short is simply wrong; only the length that costs work is bounded.
    pub fn attempt(text: &str) -> Self {
        Self(text.chars().take(Self::MAX_CHARS + 1).collect())
    }

    /// The secret itself, for the one who hashes it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// A password as it is kept: a PHC string (<https://github.com/P-H-C/phc-string-format>), which never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Takes a PHC string.
    pub fn new(phc: impl Into<String>) -> Self {
        Self(phc.into())
    }

    /// The PHC string, for the store and for verification.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// Someone with an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The user's identifier.
    pub id: UserId,
    /// Where they are reached; unique.
    pub email: Email,
    /// The personal workspace that was made with them; requests act in it.
    pub workspace: WorkspaceId,
    /// When they signed up.
    pub created_at: Timestamp,
}

/// Who may make an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignUpPolicy {
    /// Everybody.
    #[default]
    Open,
    /// The first one, and nobody after.
    FirstUser,
    /// Nobody.
    Closed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_compare_lower_cased_and_trimmed() {
        assert_eq!(Email::parse(" Ada@Example.ORG ").unwrap().as_str(), "ada@example.org");
    }

    #[test]
    fn what_is_no_address_is_refused_by_name() {
        let long = format!("{}@example.org", "a".repeat(65));
        for text in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "ada@localhost",
            "a b@example.org",
            "a@b..org",
            ".a@b.org",
            "a@-b.org",
            "a@b@c.org",
            &long,
        ] {
            assert_eq!(Email::parse(text).unwrap_err().field, "email", "{text:?}");
        }
    }

    #[test]
    fn a_password_is_neither_short_nor_endless() {
        assert_eq!(Password::parse("1234567").unwrap_err().code, "password_too_short");
        assert!(Password::parse("12345678").is_ok());
        assert!(Password::parse(&"ä".repeat(128)).is_ok());
        assert_eq!(Password::parse(&"a".repeat(129)).unwrap_err().code, "password_too_long");
    }

    #[test]
    fn secrets_do_not_print() {
        assert_eq!(format!("{:?}", Password::parse("correct horse").unwrap()), "Password(..)");
        assert_eq!(format!("{:?}", PasswordHash::new("$argon2id$")), "PasswordHash(..)");
    }
}
