//! Problems: every answer that is not a success, as RFC 9457 has it, whether an operation or the framework made it.

mod cause;
mod kind;
mod refusal;

use std::time::Duration;

use poem::error::ResponseError;
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::Object;
use poem_openapi::types::{Example, ToJSON};
use watchkeeper_domain::invalid::Invalid;

pub(super) use cause::{of_error, of_status};
use kind::Facts;
pub(super) use kind::{Kind, table};
pub(super) use refusal::{Refusal, Refusals, refusals};

/// The media type of a problem (RFC 9457, section 3).
pub(super) const MEDIA_TYPE: &str = "application/problem+json";

/// An answer that is not a success: RFC 9457. Programs look at `code`, people read `detail`.
#[derive(Clone, Debug, Object)]
#[oai(rename = "Problem", example)]
pub(super) struct ProblemBody {
    /// Identifies the kind of problem, relative to this server; it ends in the code.
    #[oai(rename = "type")]
    kind: String,
    /// The kind of problem in words, always the same.
    title: String,
    /// The HTTP status, once more.
    status: u16,
    /// What went wrong this time, or what to do about it.
    detail: String,
    /// The kind of problem, for programs; stable.
    code: String,
    /// The fields or parameters that break a rule: where the status is 422, or the code `email_taken`.
    #[oai(skip_serializing_if_is_none)]
    errors: Option<Vec<FieldError>>,
}

impl Example for ProblemBody {
    fn example() -> Self {
        Problem::invalid(vec![FieldError {
            field: "target.url".into(),
            code: "unsupported_scheme".into(),
            message: "A URL begins with http:// or https://.".into(),
        }])
        .body()
    }
}

/// A field or parameter that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, Object)]
pub(super) struct FieldError {
    /// The field, such as `target.url`, or the parameter's name.
    pub field: String,
    /// The rule, for programs; stable.
    pub code: String,
    /// The rule, for people.
    pub message: String,
}

impl From<Invalid> for FieldError {
    fn from(invalid: Invalid) -> Self {
        Self { field: invalid.field.to_owned(), code: invalid.code.to_owned(), message: invalid.message }
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Self::broken_rules(vec![invalid])
    }
}

/// A problem on its way to the client. What it says is meant for the client; what else is known stays in the log.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    kind: Kind,
    detail: Option<String>,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of this kind.
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, detail: None, errors: Vec::new(), headers: Vec::new() }
    }

    /// Says what went wrong this time.
    pub(super) fn detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    /// Adds a header to the answer.
    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Says when it is worth trying again.
    pub(super) fn retry_after(self, wait: Duration) -> Self {
        // Whole seconds, rounded up, so that whoever obeys is not refused again.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    /// Fields or parameters that break a rule.
    pub(super) fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [only] => format!("{}: {}", only.field, only.message),
            _ => format!("{} fields break a rule.", errors.len()),
        };
        Self { errors, ..Self::new(Kind::ValidationFailed).detail(detail) }
    }

    /// An address that has an account, told as of its field, for forms to show it there.
    pub(super) fn email_taken() -> Self {
        let Facts { code, sentence, .. } = Kind::EmailTaken.facts();
        let error = FieldError { field: "email".into(), code: code.into(), message: sentence.into() };
        Self { errors: vec![error], ..Self::new(Kind::EmailTaken) }
    }

    /// The same, as the domain found them.
    pub(super) fn broken_rules(invalid: Vec<Invalid>) -> Self {
        Self::invalid(invalid.into_iter().map(FieldError::from).collect())
    }

    /// What whoever parses a value says to one that breaks a rule: an example for the document.
    pub(super) fn broken_rule<T, E: Into<Self>>(parsed: Result<T, E>) -> Self {
        parsed.map_or_else(Into::into, |_| Self::new(Kind::ValidationFailed))
    }

    /// What kind it is.
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    fn body(&self) -> ProblemBody {
        let Facts { status, code, title, advice, .. } = self.kind.facts();
        ProblemBody {
            kind: format!("/problems/{code}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: self.detail.clone().unwrap_or_else(|| advice.to_owned()),
            code: code.to_owned(),
            errors: (!self.errors.is_empty()).then(|| self.errors.clone()),
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind.facts().code)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        self.kind.facts().status
    }

    fn as_response(&self) -> Response {
        self.clone().into_response()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::builder()
            .status(self.kind.facts().status)
            .content_type(MEDIA_TYPE)
            .header(header::CACHE_CONTROL, "no-store")
            .body(self.body().to_json_string());
        if self.kind.facts().status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.headers_mut().extend(self.headers);
        response
    }
}
