//! JSON bodies, in and out.

mod body;
mod shape;

use poem::web::Data;
use poem::{FromRequest, IntoResponse, Request, RequestBody, Response, Result};
use poem_openapi::payload::{ParsePayload, Payload};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseFromJSON, ToJSON, Type};
use poem_openapi::{ApiResponse, impl_apirequest_for_payload};
use serde_json::Value;

use super::Api;
use super::problem::{FieldError, Kind, Problem};
pub(super) use body::Bodies;

/// The media type, without a character set, since JSON has only one (RFC 8259, section 8.1).
const MEDIA_TYPE: &str = "application/json";

/// A JSON body. As a request it has to fit its documented schema exactly: what does not is named field by field.
#[derive(Clone, Debug)]
pub(super) struct Json<T>(pub T);

impl<T: Type> Payload for Json<T> {
    const CONTENT_TYPE: &'static str = MEDIA_TYPE;

    fn check_content_type(content_type: &str) -> bool {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case(MEDIA_TYPE)
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: ParseFromJSON> ParsePayload for Json<T> {
    const IS_REQUIRED: bool = true;

    async fn from_request(request: &Request, body: &mut RequestBody) -> Result<Self> {
        let Data(api) = Data::<&Api>::from_request(request, body).await?;
        let _place = api.bodies.place()?;
        let bytes = body::read(request, body).await?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|error| {
            let position = format!("The body is no JSON: see line {}, column {}.", error.line(), error.column());
            Problem::new(Kind::MalformedJson).detail(position)
        })?;
        Ok(Self(fit(value)?))
    }
}

/// Takes a value that fits the documented schema.
///
/// # Errors
/// A problem that names every field that does not fit.
pub(super) fn fit<T: ParseFromJSON>(value: Value) -> Result<T, Problem> {
    let misfits = shape::misfits::<T>(&value);
    if !misfits.is_empty() {
        return Err(Problem::invalid(misfits));
    }
    T::parse_from_json(Some(value)).map_err(|error| {
        let (field, code) = (shape::WHOLE.to_owned(), "invalid_value".to_owned());
        Problem::invalid(vec![FieldError { field, code, message: error.into_message() }])
    })
}

impl_apirequest_for_payload!(Json<T>, T: ParseFromJSON);

impl<T: ToJSON> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        Response::builder().content_type(MEDIA_TYPE).body(self.0.to_json_string())
    }
}

impl<T: ToJSON> ApiResponse for Json<T> {
    fn meta() -> MetaResponses {
        let content = vec![MetaMediaType { content_type: MEDIA_TYPE, schema: T::schema_ref() }];
        let description = describe::<T>();
        let response = MetaResponse { description, status: Some(200), status_range: None, content, headers: vec![] };
        MetaResponses { responses: vec![response] }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// What the document says that a type is.
fn describe<T: Type>() -> &'static str {
    let mut registry = Registry::new();
    T::register(&mut registry);
    registry.schemas.get(T::name().as_ref()).and_then(|schema| schema.description).unwrap_or("Success.")
}
