//! Compressing answers that are text, for clients that can read it.

use poem::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, ETAG, VARY};
use poem::http::{HeaderMap, HeaderValue, StatusCode};
use poem::web::{Compress, CompressionAlgo};
use poem::{IntoResponse, Response};

/// The beginnings of media types that are worth it. Event streams are left alone: compressing would hold events back.
const COMPRESSIBLE: [&str; 6] = [
    "application/json",
    "application/javascript",
    "application/openmetrics-text",
    "image/svg",
    "text/",
    "application/yaml",
];

/// Whether a client reads gzip.
pub(in crate::http) fn wants_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let codings = accepted.flat_map(|value| value.split(',')).map(|coding| {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let quality = parameters.trim().strip_prefix("q=").and_then(|quality| quality.trim().parse::<f32>().ok());
        (name.trim().to_ascii_lowercase(), quality.unwrap_or(1.0))
    });
    let qualities: Vec<_> = codings.collect();
    // The star stands for what is not named (RFC 9110, section 12.5.3).
    let named = |wanted| qualities.iter().find(|(name, _)| name == wanted);
    named("gzip").or_else(|| named("*")).is_some_and(|(_, quality)| *quality > 0.0)
}

/// The answer, compressed where that is wanted and worth it.
pub(in crate::http) fn compressed(mut response: Response, wants_gzip: bool) -> Response {
    let media_type = response.content_type().unwrap_or_default();
    let is_worth_it = COMPRESSIBLE.iter().any(|prefix| media_type.starts_with(prefix))
        && !media_type.starts_with("text/event-stream")
        && (response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED)
        && !response.headers().contains_key(CONTENT_ENCODING);
    if !is_worth_it {
        return response;
    }
    // What has not been modified says so as well (RFC 9110, section 15.4.5).
    response.headers_mut().append(VARY, HeaderValue::from_name(ACCEPT_ENCODING));
    if !wants_gzip || response.status() == StatusCode::NOT_MODIFIED {
        return response;
    }
    response.headers_mut().remove(CONTENT_LENGTH);
    let etag = response.headers().get(ETAG).and_then(|etag| gzipped(etag.to_str().ok()?));
    if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(&etag).ok()) {
        response.headers_mut().insert(ETAG, etag);
    }
    Compress::new(response, CompressionAlgo::GZIP).into_response()
}

/// The entity tag of the compressed form: other bytes need another strong validator (RFC 9110, section 8.8.3.3).
pub(in crate::http) fn gzipped(etag: &str) -> Option<String> {
    etag.strip_suffix('"').map(|bare| format!("{bare}-gzip\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_says_what_it_reads() {
        for (value, wanted) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("*", true),
            ("gzip;q=0", false),
            ("gzip;q=0, *", false),
            ("*;q=0, gzip", true),
            ("identity", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(value));
            assert_eq!(wants_gzip(&headers), wanted, "{value:?}");
        }
        assert!(!wants_gzip(&HeaderMap::new()));
    }
}
