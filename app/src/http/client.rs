//! Where a request comes from: the address behind trusted proxies, and whether a foreign page sent it; and who is let in
//! to the auth routes.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Once;

use ipnet::IpNet;
use poem::http::header::{HOST, ORIGIN};
use poem::http::uri::Authority;
use poem::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use poem::web::Data;
use poem::{FromRequest, Request, RequestBody, Result};
use url::Url;

use super::Api;
use super::problem::{Kind, Problem};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The address of a client, as far as it can be told apart from others: IPv6 by its /64, which one customer has whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ClientAddress(IpAddr);

impl From<IpAddr> for ClientAddress {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
            v4 => v4,
        })
    }
}

impl ClientAddress {
    fn of(request: &Request, api: &Api) -> Self {
        Self::behind(peer(request), request.headers(), &api.settings.trusted_proxies)
    }

    /// The nearest hop that is no trusted proxy. Whatever stands further left in `X-Forwarded-For` was written by it, and
    /// may be made up.
    fn behind(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
        let mut nearest = peer.to_canonical();
        let hops = headers.get_all(X_FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
        let mut hops: Vec<&str> = hops.flat_map(|value| value.split(',')).collect();
        while is_trusted(&nearest) {
            let Some(hop) = hops.pop().and_then(parse_hop) else { break };
            nearest = hop;
        }
        nearest.into()
    }
}

/// A request of a client that does not ask too often. It is let in before anything else of it is looked at: one that turns
/// out malformed has used up as much of the allowance as any other.
pub(super) struct Admitted;

impl<'a> FromRequest<'a> for Admitted {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> Result<Self> {
        let Data(api) = Data::<&Api>::from_request(request, body).await?;
        api.limits.admit(ClientAddress::of(request, api))?;
        Ok(Self)
    }
}

/// The same, where the browser's cookie speaks: of our own page, or of no page. Another site's page is refused first, so
/// that it cannot use up the allowance of those who visit it.
pub(super) struct AdmittedOwn;

impl<'a> FromRequest<'a> for AdmittedOwn {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> Result<Self> {
        let Data(api) = Data::<&Api>::from_request(request, body).await?;
        refuse_foreign_origin(request.headers(), &RequestedHost::of(request, api), api.settings.public_url.as_ref())?;
        Admitted::from_request(request, body).await?;
        Ok(Self)
    }
}

/// The host that the client asked for, as far as that is known.
struct RequestedHost(Option<String>);

impl RequestedHost {
    fn of(request: &Request, api: &Api) -> Self {
        Self::behind(peer(request), request.uri(), request.headers(), &api.settings.trusted_proxies)
    }

    /// What a trusted proxy says that it was asked for; otherwise what the request itself says: in its target, as HTTP/2
    /// has it (RFC 9113, section 8.3.1), or in `Host`.
    fn behind(peer: IpAddr, target: &Uri, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let is_trusted = trusted.iter().any(|network| network.contains(&peer.to_canonical()));
        let forwarded = text(X_FORWARDED_HOST).filter(|_| is_trusted).and_then(|hosts| hosts.split(',').next());
        let asked = || target.authority().map(Authority::as_str).or_else(|| text(HOST));
        Self(forwarded.or_else(asked).map(|host| host.trim().to_owned()))
    }
}

fn peer(request: &Request) -> IpAddr {
    request.remote_addr().as_socket_addr().map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| peer.ip())
}

/// An address as proxies write it: bare, or with a port, IPv6 perhaps in brackets.
fn parse_hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

/// Refuses a request that a page of another origin sent. Programs send no `Origin`, and may.
///
/// # Errors
/// `ForeignOrigin`.
fn refuse_foreign_origin(
    headers: &HeaderMap,
    RequestedHost(host): &RequestedHost,
    public_url: Option<&Url>,
) -> Result<(), Problem> {
    let Some(shown) = headers.get(ORIGIN) else { return Ok(()) };
    let origin = shown.to_str().ok().and_then(|origin| Url::parse(origin).ok());
    let is_ours = origin.is_some_and(|origin| {
        let is_public = public_url.is_some_and(|public_url| public_url.origin() == origin.origin());
        let own = host.as_ref().zip(authority(&origin));
        is_public || own.is_some_and(|(host, own)| own.eq_ignore_ascii_case(host))
    });
    if is_ours {
        return Ok(());
    }
    if public_url.is_none() {
        explain_once(shown, host.as_deref());
    }
    Err(Problem::new(Kind::ForeignOrigin))
}

/// Tells the operator what was compared, the first time: behind a proxy that hides the host it is nobody's attack.
fn explain_once(origin: &HeaderValue, host: Option<&str>) {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        tracing::warn!(
            ?origin,
            ?host,
            "refused a request as another site's page: behind a proxy, set WATCHKEEPER_PUBLIC_URL to where people \
             reach the dashboard, or WATCHKEEPER_TRUSTED_PROXIES so that X-Forwarded-Host is believed"
        );
    });
}

/// Host and port as a browser writes them into `Host`.
fn authority(origin: &Url) -> Option<String> {
    let host = origin.host_str()?;
    Some(origin.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;

    use super::*;

    fn behind(peer: &str, forwarded: &'static str, trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        headers.append(X_FORWARDED_FOR, HeaderValue::from_static(forwarded));
        let trusted: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        ClientAddress::behind(peer.parse().unwrap(), &headers, &trusted).0.to_string()
    }

    #[test]
    fn a_stranger_is_not_believed() {
        assert_eq!(behind("198.51.100.7", "1.2.3.4", &[]), "198.51.100.7");
        assert_eq!(behind("198.51.100.7", "1.2.3.4", &["10.0.0.0/8"]), "198.51.100.7");
    }

    #[test]
    fn behind_trusted_proxies_the_nearest_stranger_counts() {
        let trusted = ["10.0.0.0/8", "::1/128"];
        assert_eq!(behind("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.2", &trusted), "1.2.3.4");
        assert_eq!(behind("::ffff:10.0.0.1", "1.2.3.4:5678", &trusted), "1.2.3.4");
        assert_eq!(behind("10.0.0.1", "nonsense", &trusted), "10.0.0.1");
        assert_eq!(behind("::1", "", &trusted), "::");
    }

    #[test]
    fn ipv6_counts_by_its_network() {
        assert_eq!(behind("10.0.0.1", "2001:db8:1:2:3:4:5:6", &["10.0.0.0/8"]), "2001:db8:1:2::");
        assert_eq!(behind("10.0.0.1", "[2001:db8:1:2::9]:443", &["10.0.0.0/8"]), "2001:db8:1:2::");
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_what_host_was_asked_for() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("10.0.0.5:8080"));
        headers.insert(X_FORWARDED_HOST, HeaderValue::from_static("watch.example.org, inner.example"));
        headers.insert(ORIGIN, HeaderValue::from_static("https://watch.example.org"));
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        for (peer, trusted, host) in [
            ("10.0.0.1", &trusted[..], "watch.example.org"),
            ("::ffff:10.0.0.1", &trusted, "watch.example.org"),
            ("198.51.100.7", &trusted, "10.0.0.5:8080"),
            ("10.0.0.1", &[], "10.0.0.5:8080"),
        ] {
            let asked = RequestedHost::behind(peer.parse().unwrap(), &Uri::from_static("/"), &headers, trusted);
            assert_eq!(asked.0.as_deref(), Some(host), "{peer}");
            assert_eq!(refuse_foreign_origin(&headers, &asked, None).is_ok(), host == "watch.example.org", "{peer}");
        }
    }

    #[test]
    fn only_our_own_origin_may_use_the_cookie() {
        let public = Url::parse("https://watch.example.org").unwrap();
        for (origin, host, allowed) in [
            (None, "127.0.0.1:8080", true),
            (Some("http://127.0.0.1:8080"), "127.0.0.1:8080", true),
            (Some("http://localhost:8080"), "127.0.0.1:8080", false),
            (Some("https://watch.example.org"), "10.0.0.5:8080", true),
            (Some("http://watch.example.org"), "10.0.0.5:8080", false),
            (Some("https://evil.example"), "127.0.0.1:8080", false),
            (Some("null"), "127.0.0.1:8080", false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(origin) = origin {
                headers.insert(ORIGIN, HeaderValue::from_static(origin));
            }
            let host_asked = RequestedHost(Some(host.to_owned()));
            assert_eq!(
                refuse_foreign_origin(&headers, &host_asked, Some(&public)).is_ok(),
                allowed,
                "{origin:?} at {host}"
            );
        }
    }
}
