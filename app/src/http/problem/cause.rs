//! Turning what went wrong inside into what is told outside. What the client cannot help is logged here, once, with all
//! its causes, and never told.

use std::error::Error;
use std::time::Duration;

use poem::http::StatusCode;
use poem_openapi::error::{ParseParamError, ParsePathError};
use watchkeeper_domain::port::RepoError;
use watchkeeper_domain::usecase::{AccountError, HistoryError, MonitorError, WorkspaceError};

use super::{FieldError, Kind, Problem};

/// When it is worth asking a store again that did not answer.
const STORE_RETRY_AFTER: Duration = Duration::from_secs(5);

impl From<RepoError> for Problem {
    fn from(error: RepoError) -> Self {
        match error {
            RepoError::Unavailable(_) => {
                tracing::warn!(error = %chain(&error), "the store did not answer a request");
                Self::new(Kind::StoreUnavailable).retry_after(STORE_RETRY_AFTER)
            }
            RepoError::Stale => Self::new(Kind::Conflict).detail("Somebody else keeps changing it. Try again."),
            RepoError::Conflict(_) | RepoError::Corrupt(_) => internal(&error),
        }
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Invalid(invalid) => Self::broken_rules(invalid),
            AccountError::EmailTaken => Self::email_taken(),
            AccountError::SignUpClosed => Self::new(Kind::SignUpClosed),
            AccountError::InvalidCredentials => Self::new(Kind::InvalidCredentials),
            AccountError::SessionEnded => Self::new(Kind::SessionEnded),
            AccountError::Repo(error) => error.into(),
        }
    }
}

impl From<MonitorError> for Problem {
    fn from(error: MonitorError) -> Self {
        match error {
            MonitorError::Invalid(invalid) => Self::broken_rules(invalid),
            MonitorError::NotFound => Self::new(Kind::NotFound),
            MonitorError::LimitReached(most) => Self::new(Kind::LimitReached)
                .detail(format!("A workspace has at most {most} monitors. Delete one first.")),
            MonitorError::Repo(error) => error.into(),
        }
    }
}

impl From<HistoryError> for Problem {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Invalid(invalid) => Self::broken_rules(invalid),
            HistoryError::NotFound => Self::new(Kind::NotFound),
            HistoryError::Repo(error) => error.into(),
        }
    }
}

impl From<WorkspaceError> for Problem {
    fn from(error: WorkspaceError) -> Self {
        match error {
            WorkspaceError::Invalid(invalid) => Self::broken_rules(invalid),
            // A token outlives whom it was made for by minutes: there is nobody any more to be shown anything.
            WorkspaceError::NotFound => Self::new(Kind::Unauthenticated),
            WorkspaceError::Repo(error) => error.into(),
        }
    }
}

/// The problem that an error of an operation or of the framework is.
pub(in crate::http) fn of_error(error: &poem::Error) -> Problem {
    if let Some(problem) = error.downcast_ref::<Problem>() {
        return problem.clone();
    }
    if let Some(ParseParamError { name, reason }) = error.downcast_ref() {
        let (field, code) = ((*name).to_owned(), "invalid_parameter".to_owned());
        return Problem::invalid(vec![FieldError { field, code, message: rule(reason) }]);
    }
    // An identifier that is none identifies nothing, and a path that is no text leads nowhere.
    if error.is::<ParsePathError>() || error.is::<poem::error::ParsePathError>() {
        return Problem::new(Kind::NotFound);
    }
    of_status(error.status()).unwrap_or_else(|| internal(error))
}

/// The problem that a bare status stands for; `None` where it is a fault of ours.
pub(in crate::http) fn of_status(status: StatusCode) -> Option<Problem> {
    let kind = match status {
        StatusCode::UNAUTHORIZED => Kind::Unauthenticated,
        StatusCode::NOT_FOUND => Kind::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Kind::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE => Kind::BodyTooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Kind::UnsupportedMediaType,
        status if status.is_client_error() => Kind::BadRequest,
        _ => return None,
    };
    Some(Problem::new(kind))
}

fn internal(error: &(dyn Error + 'static)) -> Problem {
    tracing::error!(error = %chain(error), "a request failed");
    Problem::new(Kind::Internal)
}

/// An error and all its causes in one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The rule that a parameter's type names, without the names of types that the framework puts around it.
fn rule(reason: &str) -> String {
    let named = reason.split_once("\": ").map_or(reason, |(_, named)| named);
    let bare = named.split_once(" (occurred while parsing").map_or(named, |(bare, _)| bare);
    bare.to_owned()
}

#[cfg(test)]
mod tests {
    use poem_openapi::types::{ParseError, ParseFromParameter};

    use super::*;
    use crate::http::value::Time;

    #[test]
    fn a_rule_is_told_without_the_names_of_types() {
        let error: ParseError<Option<Time>> = Time::parse_from_parameter("soon").unwrap_err().propagate();
        assert!(error.message().contains("optional_"), "the framework adds them: {}", error.message());
        assert_eq!(rule(error.message()), "A time looks like 2026-01-31T12:00:00Z.");
    }
}
