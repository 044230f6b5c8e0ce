//! Values of request bodies, with the fixed bounds that the document shows for them.
//!
//! They are shown so that a client can know beforehand, and are not held here: the domain judges every value, by the same
//! constants, and names the field and the rule that it breaks.

use poem_openapi::registry::MetaSchema;
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON};
use serde_json::Value;
use watchkeeper_domain::account;
use watchkeeper_domain::monitor::{self, Expectation, HttpTarget};
use watchkeeper_domain::retention::Retention;
use watchkeeper_domain::status;

use super::value::scalar;

/// Gives values with bounds a type each, and lets every value pass that their JSON type has.
macro_rules! bounded {
    ($($(#[$doc:meta])* $name:ident($json:ty): $schema:expr;)+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug)]
            pub(super) struct $name(pub $json);

            impl ParseFromJSON for $name {
                fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
                    ParseFromJSON::parse_from_json(value).map(Self).map_err(ParseError::propagate)
                }
            }

            impl ToJSON for $name {
                fn to_json(&self) -> Option<Value> {
                    self.0.to_json()
                }
            }

            impl From<$name> for $json {
                fn from(value: $name) -> Self {
                    value.0
                }
            }
        )+

        scalar! { $($name: $schema;)+ }
    };
}

bounded! {
    /// The e-mail address of a new account.
    // Addresses beyond ASCII are let in, so `email` would say too little. No character has less than a byte.
    Email(String): MetaSchema { format: Some("idn-email"), ..text(None, account::Email::MAX_BYTES) };
    /// A password that somebody chooses.
    NewPassword(String): MetaSchema {
        format: Some("password"),
        ..text(Some(account::Password::MIN_CHARS), account::Password::MAX_CHARS)
    };
    /// The name of a monitor.
    MonitorName(String): text(Some(monitor::MonitorName::MIN_CHARS), monitor::MonitorName::MAX_CHARS);
    /// The URL of a target. No character has less than a byte.
    TargetUrl(String): text(None, HttpTarget::MAX_URL_BYTES);
    /// An interval in seconds.
    IntervalSeconds(i64): whole(monitor::Interval::MIN_SECS, monitor::Interval::MAX_SECS);
    /// A timeout in seconds.
    TimeoutSeconds(i64): whole(monitor::Timeout::MIN_SECS, monitor::Timeout::MAX_SECS);
    /// A limit in milliseconds beyond which an answer is slow; it never exceeds the longest timeout.
    SlowAfterMillis(i64): whole(Expectation::MIN_SLOW_AFTER_MS, 1_000 * monitor::Timeout::MAX_SECS);
    /// For how many days something is kept.
    KeptDays(i64): whole(1, Retention::MAX_DAYS);
    /// How many confirmations it takes.
    Confirmations(i64): whole(0, status::Confirmation::MAX);
}

fn text(min_length: Option<usize>, max_length: usize) -> MetaSchema {
    MetaSchema { min_length, max_length: Some(max_length), ..MetaSchema::new("string") }
}

fn whole(minimum: u32, maximum: u32) -> MetaSchema {
    let bounds = MetaSchema { minimum: Some(minimum.into()), maximum: Some(maximum.into()), ..MetaSchema::ANY };
    MetaSchema::new_with_format("integer", "int64").merge(bounds)
}
