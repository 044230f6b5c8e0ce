//! The dashboard: the built frontend, embedded in the binary (a debug build reads it from the disk).
//!
//! Files below `assets/` carry a hash of their content in their names and never change; everything else is asked for anew.
//! Paths without an extension are pages of the single-page application.

use poem::http::header::{CACHE_CONTROL, CONTENT_LENGTH, ETAG, IF_NONE_MATCH};
use poem::http::{HeaderMap, Method, StatusCode};
use poem::{Endpoint, Request, Response, Result};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::edge::gzipped;
use super::problem::{Kind, Problem};

/// The built frontend. It may be missing where only the API is worked on.
#[derive(RustEmbed)]
#[folder = "../frontend/dist"]
#[allow_missing = true]
struct Built;

const INDEX: &str = "index.html";
/// For a year, without asking again (RFC 8246).
const FOREVER: &str = "public, max-age=31536000, immutable";
/// Kept, but asked about each time.
const ASK_AGAIN: &str = "no-cache";

const NOT_BUILT: &str = "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Watchkeeper</title>\n\
                         <h1>The dashboard is not built</h1>\n<p>Run <code>make build</code>, or <code>make run</code>. \
                         The API is here: <a href=\"/docs\">its documentation</a>.</p>\n</html>\n";

/// Serves the dashboard on every path that nothing else serves.
pub(super) struct Dashboard;

impl Endpoint for Dashboard {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let path = request.uri().path();
        if path == "/api" || path.starts_with("/api/") {
            return Err(Problem::new(Kind::NotFound).into());
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Problem::new(Kind::MethodNotAllowed).into());
        }
        let name = path.trim_start_matches('/');
        let is_page = !name.rsplit('/').next().unwrap_or_default().contains('.');
        let (name, file) = match Built::get(name) {
            Some(file) => (name, Some(file)),
            None if is_page => (INDEX, Built::get(INDEX)),
            None => return Err(Problem::new(Kind::NotFound).into()),
        };
        match file {
            Some(file) => Ok(served(name, &file, request.method(), request.headers())),
            None => Ok(not_built()),
        }
    }
}

fn served(name: &str, file: &EmbeddedFile, method: &Method, headers: &HeaderMap) -> Response {
    let etag = format!("\"{}\"", hex::encode(&file.metadata.sha256_hash()[..16]));
    let is_hashed = name.starts_with("assets/");
    let known = known(&etag, headers);
    let response = Response::builder()
        .header(ETAG, known.as_ref().unwrap_or(&etag))
        .header(CACHE_CONTROL, if is_hashed { FOREVER } else { ASK_AGAIN })
        .content_type(mime_guess::from_path(name).first_or_octet_stream().as_ref());
    if known.is_some() {
        return response.status(StatusCode::NOT_MODIFIED).finish();
    }
    if method == Method::HEAD {
        return response.header(CONTENT_LENGTH, file.data.len()).finish();
    }
    response.body(file.data.to_vec())
}

/// The tag under which the client has this very file already, in whatever coding: the one that its answer has to name, for
/// the client and caches on the way to find what they keep (RFC 9111, section 4.3.4).
fn known(etag: &str, headers: &HeaderMap) -> Option<String> {
    let gzipped = gzipped(etag)?;
    let tags = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = tags.flat_map(|tags| tags.split(',')).map(|tag| tag.trim().trim_start_matches("W/"));
    let known = tags.find(|tag| *tag == "*" || *tag == etag || *tag == gzipped)?;
    Some(if known == "*" { etag } else { known }.to_owned())
}

fn not_built() -> Response {
    Response::builder().content_type("text/html; charset=utf-8").header(CACHE_CONTROL, ASK_AGAIN).body(NOT_BUILT)
}
