//! What a probe saw, before anyone judges it. A target that is down is an answer, not an error.

use std::net::IpAddr;
use std::time::Duration;

/// How long the phases of a probe took, summed over redirects; `None` for a phase that did not happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// Resolving the name.
    pub dns: Option<Duration>,
    /// Opening the connection.
    pub connect: Option<Duration>,
    /// The TLS handshake.
    pub tls: Option<Duration>,
    /// From the request's leaving until the first byte of the answer.
    pub first_byte: Option<Duration>,
    /// From the first byte until the end of the body (or its cap).
    pub transfer: Option<Duration>,
}

/// Why a check did not go well, by class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReasonKind {
    /// The name did not resolve.
    Dns,
    /// No connection came about.
    Connect,
    /// The TLS handshake failed, or the certificate is not to be trusted.
    Tls,
    /// It took longer than the timeout.
    Timeout,
    /// A redirect led nowhere, in circles, or too far.
    Redirect,
    /// The answer's status code was not expected.
    Status,
    /// The answer broke off or could not be read.
    Body,
    /// The address guard refused the address.
    Blocked,
    /// All went well, but slowly.
    Slow,
}

/// Why a check did not go well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The class that it belongs to.
    pub kind: ReasonKind,
    /// In words, for people; at most [`Reason::MAX_CHARS`], never with a secret.
    pub detail: String,
}

impl Reason {
    /// The longest text that is kept.
    pub const MAX_CHARS: usize = 300;

    /// Says why, cutting the text where it is too long.
    pub fn new(kind: ReasonKind, detail: impl Into<String>) -> Self {
        let mut detail: String = detail.into();
        if let Some((end, _)) = detail.char_indices().nth(Self::MAX_CHARS) {
            detail.truncate(end);
        }
        Self { kind, detail }
    }
}

/// What was seen beside the verdict. Kept for failures, so that an alert can be argued about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The address that was dialled last.
    pub remote_address: Option<IpAddr>,
    /// The URLs that were visited, in order, the first one being the target's; without credentials.
    pub hops: Vec<String>,
    /// The answer's headers, at most [`Evidence::MAX_HEADERS`], values cut to [`Evidence::MAX_HEADER_CHARS`];
    /// cookies are left out.
    pub headers: Vec<(String, String)>,
    /// The beginning of the body as text, at most [`Evidence::MAX_BODY_CHARS`].
    pub body: Option<String>,
}

impl Evidence {
    /// How many headers are kept.
    pub const MAX_HEADERS: usize = 32;
    /// How much of each header's value is kept.
    pub const MAX_HEADER_CHARS: usize = 256;
    /// How much of the body is kept.
    pub const MAX_BODY_CHARS: usize = 1024;
}

/// What we ourselves lacked to reach a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lack {
    /// A network: no route, or the interface is down. While other targets answer, it is the target's lack instead.
    Network,
    /// Room for one more connection: files or ports. Other targets may well answer meanwhile.
    Room,
}

/// How a probe ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The target answered, and the answer was read.
    Answered {
        /// The status code of the last hop.
        http_status: u16,
    },
    /// The target could not be reached, or its answer not be read.
    Failed {
        /// The status code, where the failure came after it.
        http_status: Option<u16>,
        /// What went wrong, by class and in words.
        reason: Reason,
    },
    /// We ourselves could not get out: nothing can be said about the target.
    CutOff {
        /// What we lacked.
        lack: Lack,
        /// The error of the system, in words.
        detail: String,
    },
}

/// All that a probe saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How it ended.
    pub ending: Ending,
    /// How long it took from start to end, in monotonic time.
    pub latency: Duration,
    /// How long each phase took.
    pub timings: Timings,
    /// What else was seen.
    pub evidence: Evidence,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        let reason = Reason::new(ReasonKind::Dns, "ä".repeat(1000));
        assert_eq!(reason.detail.chars().count(), Reason::MAX_CHARS);
    }
}
