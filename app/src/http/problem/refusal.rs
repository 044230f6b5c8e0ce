//! What an operation may refuse with: problems of the kinds that the document promises for the operation.

use std::marker::PhantomData;

use poem::error::ResponseError;
use poem_openapi::ApiResponse;
use poem_openapi::registry::{
    MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::{ToJSON, Type};

use super::{Kind, MEDIA_TYPE, Problem, ProblemBody};

/// What every operation may refuse with, through no fault of whoever asks.
const EVERYWHERE: [Kind; 4] = [Kind::Internal, Kind::StoreUnavailable, Kind::TooBusy, Kind::TooSlow];

/// What an operation may refuse with, beside what every operation may.
pub(in crate::http) trait Refusals: Send + Sync + 'static {
    /// The kinds.
    const KINDS: &'static [Kind];

    /// A problem of each kind, as this operation has it.
    fn examples() -> Vec<Problem>;
}

/// Names what operations may refuse with: kinds of problems, each with an example where the plain kind says too little.
/// An example is made by the code that makes the answers, so that it is one.
macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident: $($kind:ident $(= $example:expr)?),+;)+) => {$(
        $(#[$doc])*
        pub(in crate::http) struct $name;

        impl $crate::http::problem::Refusals for $name {
            const KINDS: &'static [$crate::http::problem::Kind] = &[$($crate::http::problem::Kind::$kind),+];

            fn examples() -> Vec<$crate::http::problem::Problem> {
                vec![$($crate::http::problem::refusals!(@example $kind $(= $example)?)),+]
            }
        }
    )+};
    (@example $kind:ident) => { $crate::http::problem::Problem::new($crate::http::problem::Kind::$kind) };
    (@example $kind:ident = $example:expr) => { $crate::http::problem::Problem::from($example) };
}
pub(in crate::http) use refusals;

/// A problem that an operation answers.
#[derive(Debug)]
pub(in crate::http) struct Refusal<R>(Problem, PhantomData<R>);

impl<R: Refusals, E: Into<Problem>> From<E> for Refusal<R> {
    fn from(error: E) -> Self {
        let problem = error.into();
        let kind = problem.kind();
        debug_assert!(R::KINDS.contains(&kind) || EVERYWHERE.contains(&kind), "{problem} is not documented");
        Self(problem, PhantomData)
    }
}

impl<R: Refusals> From<Refusal<R>> for poem::Error {
    fn from(refusal: Refusal<R>) -> Self {
        refusal.0.into()
    }
}

impl<R: Refusals> ApiResponse for Refusal<R> {
    fn meta() -> MetaResponses {
        let mut examples = R::examples();
        debug_assert!(examples.iter().map(Problem::kind).eq(R::KINDS.iter().copied()), "an example of another kind");
        examples.extend(EVERYWHERE.map(Problem::new));
        // The sort is stable: of the kinds of one status, the example is of the one that comes first.
        examples.sort_by_key(Problem::status);
        examples.dedup_by_key(|example| example.status());
        MetaResponses { responses: examples.iter().map(response).collect() }
    }

    fn register(registry: &mut Registry) {
        ProblemBody::register(registry);
    }
}

fn response(example: &Problem) -> MetaResponse {
    let status = example.status().as_u16();
    let headers = match status {
        401 => vec![header("WWW-Authenticate", "string", "`Bearer`.")],
        429 | 503 => vec![header("Retry-After", "integer", "After how many seconds it is worth trying again.")],
        _ => vec![],
    };
    let schema =
        MetaSchema { all_of: vec![ProblemBody::schema_ref()], example: example.body().to_json(), ..MetaSchema::ANY };
    let schema = MetaSchemaRef::Inline(Box::new(schema));
    MetaResponse {
        description: description(example),
        status: Some(status),
        status_range: None,
        content: vec![MetaMediaType { content_type: MEDIA_TYPE, schema }],
        headers,
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

fn description(example: &Problem) -> &'static str {
    match example.kind() {
        Kind::NotFound => "There is no such thing in the caller's workspace.",
        Kind::ValidationFailed => "A field or parameter breaks a rule; `errors` names each.",
        Kind::TooManyRequests => "Too many requests; `Retry-After` says when to try again.",
        Kind::Internal => "Something went wrong here; the log says what.",
        Kind::StoreUnavailable => {
            "The store cannot be reached, or this server is too slow or too busy; `Retry-After` says when to try again."
        }
        Kind::NetworkUnavailable => {
            "The store cannot be reached, or this server is cut off; `Retry-After` says when to try again."
        }
        kind => kind.facts().sentence,
    }
}

#[cfg(test)]
mod tests {
    use poem_openapi::types::ParseFromJSON;
    use serde_json::Value;

    use super::*;
    use crate::http::openapi_json;

    /// Whether a schema has a field, such as `target.url`.
    fn has(document: &Value, schema: &Value, field: &str) -> bool {
        if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
            return has(document, &document["components"]["schemas"][name], field);
        }
        let (name, rest) = field.split_once('.').unwrap_or((field, ""));
        let parts = schema["allOf"].as_array().into_iter().flatten();
        let property = schema["properties"].get(name);
        parts.into_iter().any(|part| has(document, part, field))
            || property.is_some_and(|property| rest.is_empty() || has(document, property, rest))
    }

    #[test]
    fn every_refusal_has_an_example_that_the_operation_could_answer() {
        let document: Value = serde_json::from_str(&openapi_json()).unwrap();
        let paths = document["paths"].as_object().unwrap().values();
        for operation in paths.flat_map(|operations| operations.as_object().unwrap().values()) {
            let name = &operation["operationId"];
            let responses = operation["responses"].as_object().unwrap().iter();
            for (status, response) in responses.filter(|(status, _)| status.as_str() >= "400") {
                let example = response["content"][MEDIA_TYPE]["schema"]["example"].clone();
                let problem = ProblemBody::parse_from_json(Some(example)).unwrap();
                let kind = Kind::ALL.iter().find(|kind| kind.facts().code == problem.code).unwrap();
                assert_eq!(kind.facts().status.as_str(), status, "{name}: {}", problem.code);
                assert_eq!(problem.status, kind.facts().status.as_u16(), "{name}");
                let broken = problem.errors.unwrap_or_default();
                let names_fields = status == "422" || problem.code == "email_taken";
                assert_eq!(!broken.is_empty(), names_fields, "{name}: {status}");
                for error in broken {
                    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
                    let mut parameters = operation["parameters"].as_array().into_iter().flatten();
                    let is_known = has(&document, body, &error.field)
                        || parameters.any(|parameter| parameter["name"] == error.field.as_str());
                    assert!(is_known, "{name} takes no {}", error.field);
                }
            }
        }
    }
}
