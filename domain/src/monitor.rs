//! What is watched, how often, and what is expected of it. Every value here is parsed once; inside, the type is the proof.

mod expectation;

use std::net::IpAddr;
use std::time::Duration;

use url::{Host, Url};

pub use self::expectation::{Expectation, StatusCodes};
use crate::address::AddressGuard;
use crate::id::{MonitorId, WorkspaceId};
use crate::invalid::Invalid;
use crate::status::Confirmation;
use crate::time::Timestamp;

/// The name of a monitor: [`MonitorName::MIN_CHARS`] to [`MonitorName::MAX_CHARS`] characters on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonitorName(String);

impl MonitorName {
    /// The shortest name.
    pub const MIN_CHARS: usize = 1;
    /// The longest name.
    pub const MAX_CHARS: usize = 100;

    /// Parses a name; white space around it is dropped.
    ///
    /// # Errors
    /// [`Invalid`] on the field `name`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let name = text.trim();
        let is_sized = (Self::MIN_CHARS..=Self::MAX_CHARS).contains(&name.chars().count());
        if is_sized && !name.chars().any(char::is_control) {
            Ok(Self(name.to_owned()))
        } else {
            let message = format!("A name has {} to {} characters on one line.", Self::MIN_CHARS, Self::MAX_CHARS);
            Err(Invalid::new("name", "invalid_name", message))
        }
    }

    /// The name that a target gets where none was chosen: its host, its port where that is not the usual one, and its path.
    pub fn of_target(target: &Target) -> Self {
        let Target::Http(http) = target;
        let host = http.url.host_str().unwrap_or_default();
        let port = http.url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let path = http.url.path().trim_end_matches('/');
        Self(format!("{host}{port}{path}").chars().take(Self::MAX_CHARS).collect())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The time between two slots: whole seconds, [`Interval::MIN_SECS`] to [`Interval::MAX_SECS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval(u32);

impl Interval {
    /// The shortest interval that an operator can permit.
    pub const MIN_SECS: u32 = 1;
    /// The longest interval: a day.
    pub const MAX_SECS: u32 = 86_400;

    /// An interval of so many seconds; `None` outside of [`Interval::MIN_SECS`] to [`Interval::MAX_SECS`].
    pub fn from_secs(seconds: u32) -> Option<Self> {
        (Self::MIN_SECS..=Self::MAX_SECS).contains(&seconds).then_some(Self(seconds))
    }

    /// Parses an interval that somebody asked for, with the least that the operator permits.
    ///
    /// # Errors
    /// [`Invalid`] on the field `interval_seconds`.
    pub fn parse(seconds: i64, least: Self) -> Result<Self, Invalid> {
        u32::try_from(seconds).ok().and_then(Self::from_secs).filter(|interval| *interval >= least).ok_or_else(|| {
            let message = format!("An interval has {} to {} seconds.", least.0, Self::MAX_SECS);
            Invalid::new("interval_seconds", "interval_out_of_bounds", message)
        })
    }

    /// Whole seconds.
    pub fn as_secs(self) -> u32 {
        self.0
    }

    /// As a duration.
    pub fn duration(self) -> Duration {
        Duration::from_secs(u64::from(self.0))
    }
}

/// How long a whole probe may take: whole seconds, at least [`Timeout::MIN_SECS`], at most the interval and
/// [`Timeout::MAX_SECS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timeout(u32);

impl Timeout {
    /// What is taken where nothing is said, unless the interval is shorter.
    pub const DEFAULT_SECS: u32 = 10;
    /// The shortest timeout.
    pub const MIN_SECS: u32 = 1;
    /// The longest timeout, however long the interval: a target that never answers must not hold a worker for hours.
    pub const MAX_SECS: u32 = 120;

    /// A timeout as the store keeps it; zero is taken as one second.
    pub fn from_secs(seconds: u32) -> Self {
        Self(seconds.max(Self::MIN_SECS))
    }

    /// The timeout that goes with an interval where nothing is said.
    pub fn default_for(interval: Interval) -> Self {
        Self(interval.0.min(Self::DEFAULT_SECS))
    }

    /// Parses a timeout that somebody asked for.
    ///
    /// # Errors
    /// [`Invalid`] on the field `timeout_seconds`.
    pub fn parse(seconds: i64, interval: Interval) -> Result<Self, Invalid> {
        let most = interval.0.min(Self::MAX_SECS);
        u32::try_from(seconds).ok().filter(|s| (Self::MIN_SECS..=most).contains(s)).map(Self).ok_or_else(|| {
            let (least, most) = (Self::MIN_SECS, Self::MAX_SECS);
            let message = format!("A timeout has {least} to {most} seconds, and is no longer than the interval.");
            Invalid::new("timeout_seconds", "timeout_out_of_bounds", message)
        })
    }

    /// Whole seconds.
    pub fn as_secs(self) -> u32 {
        self.0
    }

    /// As a duration.
    pub fn duration(self) -> Duration {
        Duration::from_secs(u64::from(self.0))
    }
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A request over HTTP or HTTPS.
    Http(HttpTarget),
}

impl Target {
    /// Where it points, as people read it.
    pub fn url(&self) -> &str {
        let Self::Http(http) = self;
        http.url.as_str()
    }
}

/// The method of a request. Both are safe (RFC 9110, section 9.2.1): watching changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpMethod {
    /// Fetches the body as well.
    #[default]
    Get,
    /// Fetches the headers alone.
    Head,
}

/// A request over HTTP or HTTPS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpTarget {
    url: Url,
    /// The method of the request.
    pub method: HttpMethod,
    /// Whether redirects are followed; where not, the redirect itself is the answer.
    pub follow_redirects: bool,
}

impl HttpTarget {
    /// The longest URL, in bytes, both as it was sent and as it is stored (percent-encoded): what every server and proxy
    /// can be expected to take (RFC 9110, section 4.1, asks for 8000).
    pub const MAX_URL_BYTES: usize = 2048;

    /// Parses a target. A literal address that the guard refuses is refused at once; names are judged when dialled.
    ///
    /// # Errors
    /// [`Invalid`] on the field `target.url`.
    pub fn parse(url: &str, method: HttpMethod, follow_redirects: bool, guard: &AddressGuard) -> Result<Self, Invalid> {
        let refuse = |code, message: &str| Err(Invalid::new("target.url", code, message));
        let too_long = || {
            let message = format!("A URL has at most {} bytes, percent-encoded.", Self::MAX_URL_BYTES);
            refuse("url_too_long", &message)
        };
        if url.len() > Self::MAX_URL_BYTES {
            return too_long();
        }
        let Ok(url) = Url::parse(url.trim()) else {
            return refuse("invalid_url", "A URL looks like https://example.org/path.");
        };
        if url.as_str().len() > Self::MAX_URL_BYTES {
            return too_long();
        }
        if !matches!(url.scheme(), "http" | "https") {
            return refuse("unsupported_scheme", "A URL begins with http:// or https://.");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse(
                "url_with_credentials",
                "A URL is stored and shown: it must not hold a user name or password.",
            );
        }
        let literal = match url.host() {
            Some(Host::Ipv4(v4)) => Some(IpAddr::V4(v4)),
            Some(Host::Ipv6(v6)) => Some(IpAddr::V6(v6)),
            Some(Host::Domain(_)) => None,
            None => return refuse("invalid_url", "A URL looks like https://example.org/path."),
        };
        if literal.is_some_and(|address| !guard.permits(address)) {
            return refuse(
                "guarded_address",
                "This address lies in a private or special range. The operator can allow it with WATCHKEEPER_ALLOW_TARGETS.",
            );
        }
        Ok(Self { url, method, follow_redirects })
    }

    /// Takes what [`HttpTarget::parse`] once let in, as the store keeps it; `None` where it is no URL.
    pub fn stored(url: &str, method: HttpMethod, follow_redirects: bool) -> Option<Self> {
        Url::parse(url).ok().map(|url| Self { url, method, follow_redirects })
    }

    /// The URL: http or https, with a host, without credentials.
    pub fn url(&self) -> &Url {
        &self.url
    }
}

/// Everything that can be chosen about a monitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What people call it.
    pub name: MonitorName,
    /// The target that is probed.
    pub target: Target,
    /// The time between two slots.
    pub interval: Interval,
    /// How long a probe may take; at most the interval.
    pub timeout: Timeout,
    /// What the answer must be like.
    pub expectation: Expectation,
    /// How sure to be before the status changes.
    pub confirmation: Confirmation,
}

impl Settings {
    /// Whether going from these settings to others begins a new epoch: the interval or the target changed.
    pub fn begins_epoch(&self, new: &Self) -> bool {
        self.interval != new.interval || self.target != new.target
    }
}

/// Something that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Monitor {
    /// The monitor's identifier; its grid follows from it.
    pub id: MonitorId,
    /// The workspace that it belongs to, for life.
    pub workspace: WorkspaceId,
    /// What its owner chose, as it is now.
    pub settings: Settings,
    /// Whether it is being watched; `false` is paused.
    pub is_active: bool,
    /// When it was made; its life begins here.
    pub created_at: Timestamp,
    /// Counts the changes, from 1: whoever writes names the version that they read.
    pub version: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<HttpTarget, Invalid> {
        HttpTarget::parse(url, HttpMethod::Get, true, &AddressGuard::default())
    }

    #[test]
    fn an_http_url_is_a_target() {
        assert_eq!(parse(" https://Example.org ").unwrap().url().as_str(), "https://example.org/");
    }

    #[test]
    fn what_is_no_public_http_url_is_refused_by_its_reason() {
        for (url, code) in [
            ("", "invalid_url"),
            ("example.org", "invalid_url"),
            ("https://", "invalid_url"),
            ("ftp://example.org", "unsupported_scheme"),
            ("file:///etc/passwd", "unsupported_scheme"),
            ("https://user:secret@example.org", "url_with_credentials"),
            ("https://user@example.org", "url_with_credentials"),
            ("http://127.0.0.1/", "guarded_address"),
            ("http://2130706433/", "guarded_address"),
            ("http://0x7f.1/", "guarded_address"),
            ("http://[::1]/", "guarded_address"),
            ("http://[::ffff:10.0.0.1]/", "guarded_address"),
            (&format!("https://example.org/{}", "a".repeat(2048)), "url_too_long"),
        ] {
            let invalid = parse(url).unwrap_err();
            assert_eq!((invalid.field, invalid.code), ("target.url", code), "{url}");
        }
    }

    #[test]
    fn a_url_is_measured_as_it_is_stored() {
        let accents = |count| format!("https://example.org/{}", "é".repeat(count));
        assert_eq!(parse(&accents(338)).unwrap().url().as_str().len(), 2048);
        assert!(accents(339).len() < 2048);
        assert_eq!(parse(&accents(339)).unwrap_err().code, "url_too_long");
    }

    #[test]
    fn a_monitor_without_a_name_is_called_by_its_host_and_path() {
        let target = Target::Http(parse("https://example.org/status/").unwrap());
        assert_eq!(MonitorName::of_target(&target).as_str(), "example.org/status");
        let target = Target::Http(parse("http://example.org:8080/").unwrap());
        assert_eq!(MonitorName::of_target(&target).as_str(), "example.org:8080");
    }

    #[test]
    fn an_interval_keeps_within_bounds() {
        let least = Interval::from_secs(5).unwrap();
        assert!(Interval::parse(4, least).is_err());
        assert_eq!(Interval::parse(5, least).unwrap().as_secs(), 5);
        assert!(Interval::parse(86_401, least).is_err());
        assert!(Interval::parse(-1, least).is_err());
    }

    #[test]
    fn a_timeout_never_exceeds_the_interval() {
        let interval = Interval::from_secs(5).unwrap();
        assert_eq!(Timeout::default_for(interval).as_secs(), 5);
        assert_eq!(Timeout::default_for(Interval::from_secs(60).unwrap()).as_secs(), 10);
        assert!(Timeout::parse(6, interval).is_err());
        assert!(Timeout::parse(0, interval).is_err());
    }

    #[test]
    fn a_timeout_is_bounded_however_long_the_interval() {
        let day = Interval::from_secs(Interval::MAX_SECS).unwrap();
        assert!(Timeout::parse(120, day).is_ok());
        assert!(Timeout::parse(121, day).is_err());
    }
}
