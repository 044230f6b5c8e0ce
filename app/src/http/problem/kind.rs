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
    /// What whoever meets it can do: it is read by itself, where nothing is known of this very time.
    pub(in crate::http) advice: &'static str,
}

macro_rules! kinds {
    ($($name:ident = $status:ident, $code:literal, $title:literal, $advice:literal;)+) => {
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
                        advice: $advice,
                    },)+
                }
            }
        }
    };
}

kinds! {
    MalformedJson = BAD_REQUEST, "malformed_json", "The body is no JSON",
        "Send a JSON document as the body.";
    BadRequest = BAD_REQUEST, "bad_request", "The request cannot be understood",
        "The documentation at /docs says what a request looks like.";
    Unauthenticated = UNAUTHORIZED, "unauthenticated", "An access token is missing or no longer valid",
        "Log in again: an access token works for 15 minutes.";
    InvalidCredentials = UNAUTHORIZED, "invalid_credentials", "E-mail address or password is wrong",
        "E-mail address or password is wrong. Check both, then try again.";
    SessionEnded = UNAUTHORIZED, "session_ended", "The session has ended",
        "Log in again.";
    ForeignOrigin = FORBIDDEN, "foreign_origin", "The request comes from another site's page",
        "Ask whoever runs Watchkeeper to set WATCHKEEPER_PUBLIC_URL to the address that you use.";
    SignUpClosed = FORBIDDEN, "signup_closed", "Signing up is closed here",
        "Signing up is closed here. Log in instead, or ask whoever runs Watchkeeper to open it.";
    NotFound = NOT_FOUND, "not_found", "There is no such thing",
        "It may have been deleted. Check the address.";
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method_not_allowed", "The method is not allowed here",
        "Use one of the methods in the header Allow.";
    EmailTaken = CONFLICT, "email_taken", "The e-mail address has an account already",
        "Log in instead, or use another address.";
    LimitReached = CONFLICT, "monitor_limit_reached", "The workspace has as many monitors as it may",
        "Delete a monitor first.";
    Conflict = CONFLICT, "conflict", "Somebody else changed it at the same time",
        "Read it again, then repeat the change.";
    BodyTooLarge = PAYLOAD_TOO_LARGE, "body_too_large", "The body is too large",
        "Send at most 64 KiB.";
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The body must be application/json",
        "Send JSON, with the header Content-Type: application/json.";
    ValidationFailed = UNPROCESSABLE_ENTITY, "validation_failed", "A value breaks a rule",
        "Mend the fields that errors names, then try again.";
    TooManyRequests = TOO_MANY_REQUESTS, "too_many_requests", "Too many requests",
        "Wait for as many seconds as the header Retry-After says.";
    Internal = INTERNAL_SERVER_ERROR, "internal_error", "Something went wrong here",
        "That is a fault of Watchkeeper. Try again; whoever runs it finds the cause in its log.";
    StoreUnavailable = SERVICE_UNAVAILABLE, "store_unavailable", "The store cannot be reached",
        "The store does not answer. Try again in a moment.";
    TooBusy = SERVICE_UNAVAILABLE, "too_busy", "Too much is to be done at once",
        "Too many others ask at the same time. Try again in a moment.";
    NetworkUnavailable = SERVICE_UNAVAILABLE, "network_unavailable", "This server has no network of its own",
        "Nothing can be checked from here until it is back. Try again in a moment.";
    TooSlow = SERVICE_UNAVAILABLE, "too_slow", "The answer took too long",
        "The answer took too long. Try again in a moment.";
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

    #[test]
    fn no_kind_only_repeats_its_title() {
        for Facts { code, sentence, advice, .. } in Kind::ALL.iter().map(|kind| kind.facts()) {
            assert!(advice.ends_with('.') && advice != sentence, "{code}: {advice}");
        }
    }
}
