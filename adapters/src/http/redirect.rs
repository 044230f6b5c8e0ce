//! Redirects, followed by hand: every hop is a URL to judge anew.

use reqwest::header::{HeaderMap, HeaderValue, LOCATION};
use url::Url;
use watchkeeper_domain::report::{Reason, ReasonKind};

use super::failure::Failure;

/// How many redirects are followed.
pub const MAX_REDIRECTS: usize = 10;

/// The longest location that is followed.
pub const MAX_LOCATION_BYTES: usize = 8192;

/// Where a redirect leads: `None` for an answer that is none, `Some(None)` for one that does not say.
pub(super) fn location(status: u16, headers: &HeaderMap) -> Option<Option<HeaderValue>> {
    matches!(status, 301 | 302 | 303 | 307 | 308).then(|| headers.get(LOCATION).cloned())
}

/// The URL to go on with, after those visited.
pub(super) fn next_hop(visited: &[Url], location: Option<HeaderValue>) -> Result<Url, Failure> {
    let refuse = |detail: &str| Err(Failure::Theirs(Reason::new(ReasonKind::Redirect, detail)));
    if visited.len() > MAX_REDIRECTS {
        return refuse(&format!("more than {MAX_REDIRECTS} redirects"));
    }
    let Some(location) = location else {
        return refuse("the redirect does not say where to");
    };
    if location.len() > MAX_LOCATION_BYTES {
        return refuse(&format!("the redirect leads to a URL of more than {MAX_LOCATION_BYTES} bytes"));
    }
    let next = std::str::from_utf8(location.as_bytes()).ok().zip(visited.last());
    let Some(mut next) = next.and_then(|(location, present)| present.join(location).ok()) else {
        return refuse("the redirect leads to something that is no URL");
    };
    if !matches!(next.scheme(), "http" | "https") {
        return refuse(&format!("the redirect leads to a URL of the scheme {}", next.scheme()));
    }
    // A name and password in the location would be shown in the evidence; and a fragment is not sent.
    let stripped = next.set_username("").and_then(|()| next.set_password(None));
    if stripped.is_err() || !next.has_host() {
        return refuse("the redirect leads to something that is no URL");
    }
    next.set_fragment(None);
    if visited.contains(&next) {
        // What it asks for beside the path may be a key, and reasons are told to consoles and kept.
        next.set_query(None);
        return refuse(&format!("the redirects go in circles: {next} comes again"));
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(visited: &[&str], location: &str) -> Result<String, String> {
        let visited: Vec<Url> = visited.iter().map(|url| url.parse().unwrap()).collect();
        match next_hop(&visited, Some(HeaderValue::from_str(location).unwrap())) {
            Ok(url) => Ok(url.into()),
            Err(Failure::Theirs(Reason { kind: ReasonKind::Redirect, detail })) => Err(detail),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_location_may_be_relative() {
        assert_eq!(next(&["http://a.org/x/y?z"], "../w"), Ok("http://a.org/w".to_owned()));
        assert_eq!(next(&["https://a.org/"], "//b.org"), Ok("https://b.org/".to_owned()));
    }

    #[test]
    fn credentials_and_fragments_are_dropped() {
        assert_eq!(next(&["http://a.org/"], "https://ada:secret@b.org/c#d"), Ok("https://b.org/c".to_owned()));
    }

    #[test]
    fn a_url_that_comes_again_is_a_circle_whatever_its_fragment() {
        let circle = next(&["http://a.org/", "http://b.org/"], "http://a.org/#again").unwrap_err();
        assert_eq!(circle, "the redirects go in circles: http://a.org/ comes again");
    }

    #[test]
    fn what_is_no_http_url_is_not_followed() {
        for location in ["ftp://b.org/", "file:///etc/passwd", "javascript:alert(1)", "http://", "http://[::1"] {
            assert!(next(&["http://a.org/"], location).is_err(), "{location}");
        }
        assert!(next(&["http://a.org/"], &"a".repeat(MAX_LOCATION_BYTES + 1)).is_err());
    }
}
