//! What a probe sees on its way, gathered at little cost: most of it is thrown away, since most checks are up.

use std::net::IpAddr;

use reqwest::Response;
use reqwest::header::{HeaderMap, SET_COOKIE};
use url::Url;
use watchkeeper_domain::monitor::HttpTarget;
use watchkeeper_domain::report::Evidence;

/// So many bytes hold as many characters as are kept of a body, whatever they are.
const BODY_BYTES: usize = Evidence::MAX_BODY_CHARS * 4;

/// What has been seen so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    urls: Vec<Url>,
    status: Option<u16>,
    remote_address: Option<IpAddr>,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Seen {
    /// A request goes out: what an earlier hop answered is no longer the answer.
    pub(super) fn visit(&mut self, url: Url) {
        self.urls.push(url);
        self.status = None;
        self.remote_address = None;
        self.headers.clear();
    }

    /// The head of an answer is there: its headers are taken, its status code is returned.
    pub(super) fn note_head(&mut self, response: &mut Response) -> u16 {
        let status = response.status().as_u16();
        self.status = Some(status);
        self.remote_address = response.remote_addr().map(|remote| remote.ip());
        self.headers = std::mem::take(response.headers_mut());
        status
    }

    /// More of the body is there.
    pub(super) fn note_body(&mut self, chunk: &[u8]) {
        let room = BODY_BYTES - self.body.len();
        self.body.extend_from_slice(&chunk[..room.min(chunk.len())]);
    }

    /// The headers of the present hop's answer.
    pub(super) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The URLs that were asked.
    pub(super) fn urls(&self) -> &[Url] {
        &self.urls
    }

    /// The URL that is being asked.
    pub(super) fn url(&self) -> Option<&Url> {
        self.urls.last()
    }

    /// The status code of the present hop's answer.
    pub(super) fn status(&self) -> Option<u16> {
        self.status
    }

    /// What is kept, with the address that was dialled where nobody answered from it.
    pub(super) fn into_evidence(self, dialled: Option<IpAddr>) -> Evidence {
        let headers = self.headers.iter().filter(|(name, _)| **name != SET_COOKIE).take(Evidence::MAX_HEADERS);
        Evidence {
            remote_address: self.remote_address.or(dialled),
            hops: self.urls.iter().map(|url| cut(url.as_str(), HttpTarget::MAX_URL_BYTES)).collect(),
            headers: headers
                .map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes(), Evidence::MAX_HEADER_CHARS)))
                .collect(),
            body: (!self.body.is_empty()).then(|| text(&self.body, Evidence::MAX_BODY_CHARS)),
        }
    }
}

/// Bytes as text. NUL becomes the replacement character as well: PostgreSQL does not store it.
fn text(bytes: &[u8], max_chars: usize) -> String {
    let text = cut(&String::from_utf8_lossy(bytes), max_chars);
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

fn cut(text: &str, max_chars: usize) -> String {
    let end = text.char_indices().nth(max_chars).map_or(text.len(), |(end, _)| end);
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_kept_as_text_up_to_its_bound() {
        let mut seen = Seen::default();
        seen.note_body("ä\0".as_bytes());
        seen.note_body(&[0xff]);
        seen.note_body("x".repeat(10_000).as_bytes());
        let body = seen.into_evidence(None).body.unwrap();
        assert!(body.starts_with("ä\u{fffd}\u{fffd}xx"));
        assert_eq!(body.chars().count(), Evidence::MAX_BODY_CHARS);
    }

    #[test]
    fn cookies_are_left_out_and_the_rest_is_bounded() {
        let mut seen = Seen::default();
        seen.headers.append("set-cookie", "session=secret".parse().unwrap());
        seen.headers.append("x-long", "y".repeat(1000).parse().unwrap());
        for n in 0..100 {
            seen.headers.append("x-many", n.into());
        }
        let headers = seen.into_evidence(None).headers;
        assert_eq!(headers.len(), Evidence::MAX_HEADERS);
        assert!(headers.iter().all(|(name, _)| name != "set-cookie"));
        let long = headers.iter().find(|(name, _)| name == "x-long").unwrap();
        assert_eq!(long.1.len(), Evidence::MAX_HEADER_CHARS);
    }
}
