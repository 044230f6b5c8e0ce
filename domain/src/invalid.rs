//! What is wrong with a value that somebody sent.

use std::fmt;

/// A value that breaks a rule: which field, which rule, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The field as the sender knows it, such as `target.url`.
    pub field: &'static str,
    /// The rule, for programs; stable.
    pub code: &'static str,
    /// The rule, for people: a whole sentence that says what is allowed.
    pub message: String,
}

impl Invalid {
    /// Names a broken rule.
    pub fn new(field: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self { field, code, message: message.into() }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl std::error::Error for Invalid {}
