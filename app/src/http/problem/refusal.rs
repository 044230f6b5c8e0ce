//! What an operation may refuse with: a problem, typed by the statuses that the document promises for the operation.

use std::marker::PhantomData;

use poem_openapi::ApiResponse;
use poem_openapi::registry::{
    MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::{ToJSON, Type};

use super::{Kind, MEDIA_TYPE, Problem, ProblemBody};

/// What every operation may answer, and none should.
const FAULT: u16 = 500;

/// The statuses that an operation may refuse with, beside 500.
pub(in crate::http) trait Statuses: Send + Sync + 'static {
    /// In ascending order.
    const ALL: &'static [u16];
}

/// Names sets of statuses.
macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident: $($status:literal),+;)+) => {$(
        $(#[$doc])*
        pub(in crate::http) struct $name;

        impl $crate::http::problem::Statuses for $name {
            const ALL: &'static [u16] = &[$($status),+];
        }
    )+};
}
pub(in crate::http) use refusals;

/// A problem that an operation with these statuses answers.
#[derive(Debug)]
pub(in crate::http) struct Refusal<S>(Problem, PhantomData<S>);

impl<S: Statuses, E: Into<Problem>> From<E> for Refusal<S> {
    fn from(error: E) -> Self {
        let problem = error.into();
        let status = problem.kind().facts().status.as_u16();
        debug_assert!(documented::<S>().any(|documented| documented == status), "{status} is not documented");
        Self(problem, PhantomData)
    }
}

impl<S: Statuses> From<Refusal<S>> for poem::Error {
    fn from(refusal: Refusal<S>) -> Self {
        refusal.0.into()
    }
}

impl<S: Statuses> ApiResponse for Refusal<S> {
    fn meta() -> MetaResponses {
        MetaResponses { responses: documented::<S>().map(response).collect() }
    }

    fn register(registry: &mut Registry) {
        ProblemBody::register(registry);
    }
}

/// The statuses of an operation, in ascending order: those that it names, and the one of a fault of ours.
fn documented<S: Statuses>() -> impl Iterator<Item = u16> {
    let (before, after) = S::ALL.split_at(S::ALL.partition_point(|status| *status < FAULT));
    before.iter().chain(&[FAULT]).chain(after).copied()
}

fn response(status: u16) -> MetaResponse {
    let headers = match status {
        401 => vec![header("WWW-Authenticate", "string", "`Bearer`.")],
        429 | 503 => vec![header("Retry-After", "integer", "After how many seconds it is worth trying again.")],
        _ => vec![],
    };
    MetaResponse {
        description: description(status),
        status: Some(status),
        status_range: None,
        content: vec![MetaMediaType { content_type: MEDIA_TYPE, schema: with_example(status) }],
        headers,
    }
}

/// A problem, with an example of this status: the example of the type itself is one of 422.
fn with_example(status: u16) -> MetaSchemaRef {
    let schema = ProblemBody::schema_ref();
    let kind = match status {
        403 => Some(Kind::ForeignOrigin),
        409 => Some(Kind::Conflict),
        422 => None,
        _ => Kind::ALL.iter().copied().find(|kind| kind.facts().status.as_u16() == status),
    };
    match kind {
        Some(kind) => {
            let example = Problem::new(kind).body().to_json();
            MetaSchemaRef::Inline(Box::new(MetaSchema { all_of: vec![schema], example, ..MetaSchema::ANY }))
        }
        None => schema,
    }
}

fn header(name: &str, ty: &'static str, description: &str) -> MetaHeader {
    MetaHeader {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required: false,
        deprecated: false,
        schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new(ty))),
    }
}

fn description(status: u16) -> &'static str {
    match status {
        400 => "The body is no JSON.",
        401 => "The token is missing, wrong or expired; or the credentials are wrong.",
        403 => "Refused by the operator's policy, or because the request comes from another site's page.",
        404 => "There is no such thing in the caller's workspace.",
        409 => "It contradicts what is there already.",
        413 => "The body is too large.",
        415 => "The body is not `application/json`.",
        422 => "A field or parameter breaks a rule; `errors` names each.",
        429 => "Too many requests; `Retry-After` says when to try again.",
        503 => "The store cannot be reached, or this server is cut off; `Retry-After` says when to try again.",
        _ => "Something went wrong here; the log says what.",
    }
}
