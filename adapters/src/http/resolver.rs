//! Names become addresses: only those that the guard permits.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};
use watchkeeper_domain::address::AddressGuard;

use super::lookup::Lookups;
use super::trace;

/// All addresses of a name are refused by the guard.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("every address of the name is refused by the guard")]
pub(super) struct Refused;

/// The address in a URL that names one instead of a host.
pub(super) fn literal_address(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(v4) => Some(IpAddr::V4(v4)),
        Host::Ipv6(v6) => Some(IpAddr::V6(v6)),
        Host::Domain(_) => None,
    }
}

/// Looks names up, and passes on what may be dialled.
#[derive(Debug)]
pub(super) struct GuardedResolver {
    guard: Arc<AddressGuard>,
    lookups: Lookups,
}

impl GuardedResolver {
    pub(super) fn new(guard: Arc<AddressGuard>, lookups: Lookups) -> Self {
        Self { guard, lookups }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, lookups) = (Arc::clone(&self.guard), self.lookups.clone());
        Box::pin(async move {
            let found = lookups.find(name.as_str()).await?;
            let permitted: Vec<SocketAddr> = found.iter().copied().filter(|found| guard.permits(found.ip())).collect();
            if permitted.is_empty() {
                return Err(Refused.into());
            }
            trace::resolved(&permitted);
            let addresses: Addrs = Box::new(permitted.into_iter());
            Ok(addresses)
        })
    }
}
