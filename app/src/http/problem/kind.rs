//! The kinds of problems there are.

use std::fmt::Write;

use poem::http::StatusCode;

/// What is always the same about a kind of problem.
pub(in crate::http) struct Facts {
    pub(in crate::http) status: StatusCode,
    /// For programs; stable.
    pub(in crate::http) code: &'static str,
    /// For people.
    pub(in crate::http) title: &'static str,
    /// The title as a sentence.
    pub(in crate::http) sentence: &'static str,
}

macro_rules! kinds {
    ($($name:ident = $status:ident, $code:literal, $title:literal;)+) => {
        /// A kind of problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(in crate::http) enum Kind {
            $(#[doc = $title] $name,)+
        }

        impl Kind {
            /// All of them.
            pub(in crate::http) const ALL: &[Self] = &[$(Self::$name),+];

            /// What is always the same about it.
            pub(in crate::http) fn facts(self) -> Facts {
                match self {
                    $(Self::$name => Facts {
                        status: StatusCode::$status,
                        code: $code,
                        title: $title,
                        sentence: concat!($title, "."),
                    },)+
                }
            }
        }
    };
}

kinds! {
    MalformedJson = BAD_REQUEST, "malformed_json", "The body is no JSON";
    BadRequest = BAD_REQUEST, "bad_request", "The request cannot be understood";
    Unauthenticated = UNAUTHORIZED, "unauthenticated", "An access token is missing or no longer valid";
    InvalidCredentials = UNAUTHORIZED, "invalid_credentials", "E-mail address or password is wrong";
    SessionEnded = UNAUTHORIZED, "session_ended", "The session has ended";
    ForeignOrigin = FORBIDDEN, "foreign_origin", "The request comes from another site's page";
    SignUpClosed = FORBIDDEN, "signup_closed", "Signing up is closed here";
    NotFound = NOT_FOUND, "not_found", "There is no such thing";
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method_not_allowed", "The method is not allowed here";
    EmailTaken = CONFLICT, "email_taken", "The e-mail address has an account already";
    LimitReached = CONFLICT, "monitor_limit_reached", "The workspace has as many monitors as it may";
    Conflict = CONFLICT, "conflict", "Somebody else changed it at the same time";
    BodyTooLarge = PAYLOAD_TOO_LARGE, "body_too_large", "The body is too large";
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The body must be application/json";
    ValidationFailed = UNPROCESSABLE_ENTITY, "validation_failed", "A value breaks a rule";
    TooManyRequests = TOO_MANY_REQUESTS, "too_many_requests", "Too many requests";
    Internal = INTERNAL_SERVER_ERROR, "internal_error", "Something went wrong here";
    StoreUnavailable = SERVICE_UNAVAILABLE, "store_unavailable", "The store cannot be reached";
    NetworkUnavailable = SERVICE_UNAVAILABLE, "network_unavailable", "This server has no network of its own";
    TooSlow = SERVICE_UNAVAILABLE, "too_slow", "The answer took too long";
}

/// All kinds as a table in Markdown, for the document.
pub(in crate::http) fn table() -> String {
    let mut table = "| `code` | status | meaning |\n|---|---|---|\n".to_owned();
    for Facts { status, code, title, .. } in Kind::ALL.iter().map(|kind| kind.facts()) {
        // Writing to a string does not fail.
        let _ = writeln!(table, "| `{code}` | {} | {title} |", status.as_u16());
    }
    table
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_kind_has_a_code_of_its_own() {
        let codes: HashSet<_> = Kind::ALL.iter().map(|kind| kind.facts().code).collect();
        assert_eq!(codes.len(), Kind::ALL.len());
    }
}
