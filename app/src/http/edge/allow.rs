//! Which methods a path has, for the header that a 405 has to carry (RFC 9110, section 15.5.6).

use std::sync::Arc;

use serde_json::Value;

/// The methods of every path of the document.
#[derive(Clone)]
pub(in crate::http) struct Allowed(Arc<Vec<Path>>);

struct Path {
    segments: Vec<String>,
    methods: String,
}

/// What paths allow that are not in the document.
const ELSEWHERE: &str = "GET, HEAD";

impl Allowed {
    /// Reads the paths of an OpenAPI document.
    pub(in crate::http) fn of_document(document: &str) -> Self {
        let document: Value = serde_json::from_str(document).unwrap_or_default();
        let paths = document["paths"].as_object().into_iter().flatten().map(|(path, operations)| {
            let mut methods: Vec<String> =
                operations.as_object().into_iter().flatten().map(|(method, _)| method.to_uppercase()).collect();
            if methods.iter().any(|method| method == "GET") {
                methods.push("HEAD".to_owned());
            }
            methods.sort();
            Path { segments: path.split('/').map(str::to_owned).collect(), methods: methods.join(", ") }
        });
        Self(Arc::new(paths.collect()))
    }

    /// The methods of a path; `None` for a path of the API that there is not.
    pub(in crate::http) fn methods(&self, path: &str) -> Option<String> {
        let segments: Vec<&str> = path.split('/').collect();
        let matches = |candidate: &&Path| {
            candidate.segments.len() == segments.len()
                && candidate.segments.iter().zip(&segments).all(|(own, given)| own.starts_with('{') || own == given)
        };
        match self.0.iter().find(matches) {
            Some(found) => Some(found.methods.clone()),
            None => (!path.starts_with("/api/")).then(|| ELSEWHERE.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_allows_what_the_document_says() {
        let allowed = Allowed::of_document(&crate::http::openapi_json());
        for (path, methods) in [
            ("/api/v1/monitors", Some("GET, HEAD, POST")),
            ("/api/v1/monitors/019c1405-6400-7000-8000-0000000000c1", Some("DELETE, GET, HEAD, PATCH")),
            ("/api/v1/auth/login", Some("POST")),
            ("/api/v1/nothing", None),
            ("/healthz", Some("GET, HEAD")),
        ] {
            assert_eq!(allowed.methods(path).as_deref(), methods, "{path}");
        }
    }
}
