//! The cookie that keeps a browser logged in: out of reach of scripts, never sent by another site, seen by `/auth` alone.

use std::time::Duration;

use poem::http::HeaderMap;
use poem::http::header::COOKIE;
use poem::web::cookie::{Cookie, SameSite};
use watchkeeper_domain::session::RefreshToken;

/// The cookie's name.
const NAME: &str = "refresh_token";
/// The only paths that it is sent to.
const PATH: &str = "/api/v1/auth";

/// The header value that sets the cookie.
pub(super) fn of(token: &RefreshToken, lifetime: Duration, is_https: bool) -> String {
    written(token.expose(), lifetime, is_https)
}

/// The header value that takes the cookie away.
pub(super) fn removal(is_https: bool) -> String {
    written("", Duration::ZERO, is_https)
}

/// The token that a request shows.
pub(super) fn read(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, value)| *name == NAME && !value.is_empty()).map(|(_, value)| value)
}

fn written(value: &str, lifetime: Duration, is_https: bool) -> String {
    let mut cookie = Cookie::new_with_str(NAME, value);
    cookie.set_path(PATH);
    cookie.set_http_only(true);
    cookie.set_same_site(SameSite::Strict);
    cookie.set_max_age(lifetime);
    cookie.set_secure(is_https);
    cookie.to_string()
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;

    use super::*;

    #[test]
    fn the_cookie_is_out_of_reach() {
        let cookie = of(&RefreshToken::new("abc"), Duration::from_secs(60), true);
        for part in ["refresh_token=abc", "HttpOnly", "SameSite=Strict", "Path=/api/v1/auth", "Max-Age=60", "Secure"] {
            assert!(cookie.contains(part), "{part} in {cookie}");
        }
        assert!(!of(&RefreshToken::new("abc"), Duration::from_secs(60), false).contains("Secure"));
        assert!(removal(false).contains("Max-Age=0"));
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        assert_eq!(read(&headers), None);
        headers.append(COOKIE, HeaderValue::from_static("a=b; refresh_token=abc; c=d"));
        assert_eq!(read(&headers), Some("abc"));
    }
}
