//! Networks, hosts and URLs as an operator writes them.

use std::net::IpAddr;

use ipnet::IpNet;
use url::Url;
use watchkeeper_domain::address::AddressGuard;

/// Some networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(pub Vec<IpNet>);

impl Networks {
    /// Parses a comma-separated list of CIDRs; a bare address is a network of one.
    ///
    /// # Errors
    /// Which part is no network.
    pub fn parse(text: &str) -> Result<Self, String> {
        parts(text).map(parse_network).collect::<Result<_, _>>().map(Self)
    }
}

/// A host, by name or address, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// The name or address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Some hosts and ports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostPorts(pub Vec<HostPort>);

impl HostPorts {
    /// Parses a comma-separated list of `host:port`; an IPv6 address stands in brackets.
    ///
    /// # Errors
    /// Which part is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        parts(text).map(parse_host_port).collect::<Result<_, _>>().map(Self)
    }
}

/// Parses which special ranges may be targets.
pub(super) fn parse_guard(text: &str) -> Result<AddressGuard, String> {
    if text.trim() == "all" {
        return Ok(AddressGuard::allowing_all());
    }
    match Networks::parse(text) {
        Ok(Networks(networks)) => Ok(AddressGuard::allowing(networks)),
        Err(error) => Err(format!("{error}; `all` allows every one")),
    }
}

/// Parses where people reach the dashboard: it is served at the root of a host.
pub(super) fn parse_public_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    });
    url.ok_or_else(|| "the URL must be http:// or https:// with a host and nothing after it".into())
}

/// Parses where traces are sent: a collector's address, perhaps with a path, and no secret, since it is told on errors.
pub(super) fn parse_otlp_endpoint(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    });
    url.ok_or_else(|| "the URL must be http:// or https:// with a host, and no user, password or query".into())
}

/// The parts of a comma-separated list; an empty text is an empty list.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(move |_| !text.trim().is_empty())
}

fn parse_network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| format!("{text:?} is no network such as 10.0.0.0/8 or fd00::/8"))
}

fn parse_host_port(text: &str) -> Result<HostPort, String> {
    let parsed = text.rsplit_once(':').and_then(|(host, port)| {
        let port = port.parse().ok().filter(|port| *port != 0)?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(address) => address.parse::<std::net::Ipv6Addr>().ok()?.to_string(),
            None => url::Host::parse(host).ok()?.to_string(),
        };
        Some(HostPort { host, port })
    });
    parsed.ok_or_else(|| format!("{text:?} is no host:port such as one.one.one.one:443"))
}
