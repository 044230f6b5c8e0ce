//! Why a request failed: told from how far it had come, and from the first cause that says something.

use std::error::Error;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use rustls::CertificateError;
use url::Url;
use watchkeeper_domain::report::{Lack, Reason, ReasonKind};

use super::resolver::Refused;
use super::trace::{self, Stage};

/// Too many open files, in this process (`EMFILE`) or on this machine (`ENFILE`): the same numbers on every Unix.
const OUT_OF_FILES: [i32; 2] = [24, 23];

/// Addresses on the public Internet, of the root name server A. Only the way to them is looked up.
const OUTSIDE: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(198, 41, 0, 4)), IpAddr::V6(Ipv6Addr::new(0x2001, 0x503, 0xba3e, 0, 0, 0, 0x2, 0x30))];

/// Whose failure it is.
#[derive(Debug)]
pub(super) enum Failure {
    /// The target's.
    Theirs(Reason),
    /// Our own: nothing can be said about the target.
    Ours(Lack, String),
}

impl Failure {
    fn theirs(kind: ReasonKind, detail: impl Into<String>) -> Self {
        Self::Theirs(Reason::new(kind, detail))
    }

    /// The guard refused the address. Which one a name led to is not told: it may be known to our resolver alone.
    pub(super) fn blocked(url: Option<&Url>) -> Self {
        let detail = format!("{} lies in a private or special range, which the operator does not allow", host(url));
        Self::theirs(ReasonKind::Blocked, detail)
    }
}

/// Explains why asking a URL failed.
pub(super) fn explain(error: &reqwest::Error, url: Option<&Url>) -> Failure {
    let causes = || causes(error);
    if causes().any(|cause| cause.is::<Refused>()) {
        return Failure::blocked(url);
    }
    let io = causes().find_map(|cause| cause.downcast_ref::<io::Error>());
    let stage = trace::stage();
    let ours = io.and_then(|io| Some((io, our_lack(io, stage, &trace::dialled(), port(url))?)));
    if let Some((io, lack)) = ours {
        return Failure::Ours(lack, format!("we could not get out: {}", in_words(io)));
    }
    let words = causes().last().map(in_words).unwrap_or_default();
    match stage {
        Stage::Queue | Stage::Resolve => {
            unresolved(ReasonKind::Dns, format!("the name {} does not resolve: {words}", host(url)), has_network())
        }
        Stage::Connect => {
            let at = address(url, &trace::dialled());
            let detail = match io.map(io::Error::kind) {
                Some(io::ErrorKind::ConnectionRefused) => format!("connection refused by {at}"),
                Some(io::ErrorKind::ConnectionReset) => format!("connection reset by {at}"),
                Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
                    format!("{at} cannot be reached: {words}")
                }
                _ => format!("no connection to {at}: {words}"),
            };
            Failure::theirs(ReasonKind::Connect, detail)
        }
        Stage::Handshake => {
            let tls = causes().find_map(|cause| cause.downcast_ref::<rustls::Error>());
            let detail = match tls {
                Some(tls) => handshake_in_words(tls, url),
                None => format!("the TLS handshake broke off: {words}"),
            };
            Failure::theirs(ReasonKind::Tls, detail)
        }
        Stage::Ask => {
            Failure::theirs(ReasonKind::Body, format!("connected, but no HTTP answer could be read: {words}"))
        }
        Stage::Transfer => Failure::theirs(ReasonKind::Body, format!("the answer broke off: {words}")),
    }
}

/// Explains what a probe that took too long was at. Where it waited for us, nothing can be said about the target.
pub(super) fn overdue(timeout: Duration) -> Failure {
    let limit = match (timeout.as_secs(), timeout.subsec_millis()) {
        (seconds, 0) => format!("{seconds} s"),
        _ => format!("{} ms", timeout.as_millis()),
    };
    let stage = trace::stage();
    let detail = format!("no answer within {limit}, while {}", stage.in_words());
    match stage {
        Stage::Queue => Failure::Ours(Lack::Room, format!("there was no room to look up the name within {limit}")),
        Stage::Resolve => unresolved(ReasonKind::Timeout, detail, has_network()),
        _ => Failure::theirs(ReasonKind::Timeout, detail),
    }
}

/// A name that did not resolve. Without a network we could ask nobody, whatever the resolver says: it does not tell a
/// name server that is out of reach from one that is silent.
fn unresolved(kind: ReasonKind, detail: String, has_network: bool) -> Failure {
    if has_network {
        Failure::theirs(kind, detail)
    } else {
        Failure::Ours(Lack::Network, format!("we have no route to the Internet: {detail}"))
    }
}

/// The error and what caused it, the outermost first. An I/O error hides the error that it was made of from
/// [`Error::source`], which goes on behind it.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    fn beneath<'a>(error: &&'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(made_of) => Some(made_of),
            None => (**error).source(),
        }
    }
    std::iter::successors(Some(error), beneath)
}

/// What an error of the system says about ourselves: that we have no network, no port or no file left.
fn our_lack(error: &io::Error, stage: Stage, dialled: &[IpAddr], port: u16) -> Option<Lack> {
    match error.kind() {
        io::ErrorKind::NetworkDown => Some(Lack::Network),
        io::ErrorKind::AddrNotAvailable => Some(Lack::Room),
        // A router on the way can say the same of the target. It is ours where we have no route ourselves.
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
            let has_route = dialled.iter().any(|address| has_route(SocketAddr::new(*address, port)));
            (stage == Stage::Connect && !has_route).then_some(Lack::Network)
        }
        _ => error.raw_os_error().filter(|code| OUT_OF_FILES.contains(code)).map(|_| Lack::Room),
    }
}

/// Whether this machine knows a way out, to the IPv4 or the IPv6 Internet.
fn has_network() -> bool {
    OUTSIDE.into_iter().any(|outside| has_route(SocketAddr::new(outside, 53)))
}

/// Whether this machine knows a way to an address. Connecting a datagram socket looks up the route and sends nothing.
fn has_route(to: SocketAddr) -> bool {
    let from: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    UdpSocket::bind((from, 0)).and_then(|socket| socket.connect(to)).is_ok()
}

/// An error as people read it: without the number of the system's errors.
fn in_words(error: &(dyn Error + 'static)) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
    text.split(" (os error ").next().unwrap_or(text).to_owned()
}

fn handshake_in_words(error: &rustls::Error, url: Option<&Url>) -> String {
    use rustls::Error::{AlertReceived, InvalidCertificate, InvalidMessage};
    match error {
        InvalidCertificate(certificate) => match certificate {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "the certificate has expired".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "the certificate is not valid yet".to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                format!("the certificate is not valid for {}", host(url))
            }
            CertificateError::UnknownIssuer => "the certificate was not issued by anyone trusted".to_owned(),
            CertificateError::Revoked => "the certificate was revoked".to_owned(),
            other => format!("the certificate is not to be trusted: {other}"),
        },
        AlertReceived(alert) => format!("the server refused the TLS handshake: {alert:?}"),
        InvalidMessage(_) => "what answers does not speak TLS".to_owned(),
        other => format!("the TLS handshake failed: {other}"),
    }
}

fn host(url: Option<&Url>) -> &str {
    url.and_then(Url::host_str).unwrap_or("the host")
}

fn port(url: Option<&Url>) -> u16 {
    url.and_then(Url::port_or_known_default).unwrap_or_default()
}

/// Where the connection was to lead.
fn address(url: Option<&Url>, dialled: &[IpAddr]) -> String {
    match dialled {
        [only] => SocketAddr::new(*only, port(url)).to_string(),
        all => format!("{} at any of its {} addresses", host(url), all.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: [IpAddr; 1] = [IpAddr::V4(Ipv4Addr::LOCALHOST)];

    fn lack(error: impl Into<io::Error>, stage: Stage) -> Option<Lack> {
        our_lack(&error.into(), stage, &HERE, 80)
    }

    #[test]
    fn running_out_of_files_or_ports_is_our_own_fault() {
        for code in OUT_OF_FILES {
            assert_eq!(lack(io::Error::from_raw_os_error(code), Stage::Connect), Some(Lack::Room));
        }
        assert_eq!(lack(io::ErrorKind::AddrNotAvailable, Stage::Connect), Some(Lack::Room));
    }

    #[test]
    fn a_name_that_does_not_resolve_is_the_targets_fault_as_long_as_we_have_a_network() {
        for kind in [ReasonKind::Dns, ReasonKind::Timeout] {
            let theirs = unresolved(kind, "silence".into(), true);
            assert!(matches!(theirs, Failure::Theirs(reason) if reason == Reason::new(kind, "silence")));
            let ours = unresolved(kind, "silence".into(), false);
            assert!(matches!(ours, Failure::Ours(Lack::Network, detail) if detail.ends_with("silence")));
        }
    }

    #[test]
    fn an_interface_that_is_down_is_our_own_fault() {
        assert_eq!(lack(io::ErrorKind::NetworkDown, Stage::Connect), Some(Lack::Network));
    }

    #[test]
    fn an_unreachable_host_is_the_targets_fault_as_long_as_we_have_a_route() {
        assert_eq!(lack(io::ErrorKind::HostUnreachable, Stage::Connect), None);
        let nowhere = our_lack(&io::ErrorKind::NetworkUnreachable.into(), Stage::Connect, &[], 80);
        assert_eq!(nowhere, Some(Lack::Network));
    }

    #[test]
    fn a_refusal_is_the_targets_fault() {
        assert_eq!(lack(io::ErrorKind::ConnectionRefused, Stage::Connect), None);
        assert_eq!(lack(io::ErrorKind::ConnectionReset, Stage::Transfer), None);
    }

    #[test]
    fn words_have_no_numbers_of_the_system() {
        assert_eq!(in_words(&io::Error::from_raw_os_error(104)), "Connection reset by peer");
    }
}
