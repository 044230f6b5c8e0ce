//! A client of Watchkeeper's API.
//!
//! All of it is generated from `openapi.yaml` when the crate is built: an operation of the document is a method of
//! [`Client`], a schema is a type in [`types`]. The tests drive the real program with it, so they show that the document
//! says what the program does, to someone who knows nothing but the document.
//!
//! Sign up or log in with a client of its own, and give the access token to the next one as a default header of the
//! `reqwest::Client` that it is made with.

use futures_util::TryStreamExt;

progenitor::generate_api!(spec = "../../openapi.yaml", interface = Builder,);

/// What a refusal says: the problem that came with it. `None` where the server did not refuse, but could not be reached,
/// or said something that the document does not describe.
///
/// The generator takes a body as JSON only where it is `application/json`, and problems are `application/problem+json`.
pub async fn problem(error: Error<ByteStream>) -> Option<types::Problem> {
    let Error::ErrorResponse(refusal) = error else { return None };
    let parts: Vec<_> = refusal.into_inner().into_inner().try_collect().await.ok()?;
    serde_json::from_slice(&parts.concat()).ok()
}
