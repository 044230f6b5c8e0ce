//! Names become addresses: asked anew each time, and only those that the guard permits.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use url::{Host, Url};
use watchkeeper_domain::address::AddressGuard;

use super::trace;

/// How many names are looked up at once. The system's resolver takes a thread for each, and cannot be interrupted: this
/// leaves half of the runtime's threads to others, however slow the name servers are.
pub const MAX_LOOKUPS: usize = 256;

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

/// Asks the system's resolver, and passes on what may be dialled.
#[derive(Debug)]
pub(super) struct GuardedResolver {
    guard: Arc<AddressGuard>,
    lookups: Arc<Semaphore>,
}

impl GuardedResolver {
    pub(super) fn new(guard: Arc<AddressGuard>) -> Self {
        Self { guard, lookups: Arc::new(Semaphore::new(MAX_LOOKUPS)) }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, lookups) = (Arc::clone(&self.guard), Arc::clone(&self.lookups));
        Box::pin(async move {
            let turn = lookups.acquire_owned().await?;
            let found = spawn_blocking(move || {
                let found = (name.as_str(), 0).to_socket_addrs().map(Vec::from_iter);
                drop(turn);
                found
            });
            let found = found.await??;
            let permitted: Vec<SocketAddr> = found.into_iter().filter(|found| guard.permits(found.ip())).collect();
            if permitted.is_empty() {
                return Err(Refused.into());
            }
            trace::resolved(&permitted);
            let addresses: Addrs = Box::new(permitted.into_iter());
            Ok(addresses)
        })
    }
}
