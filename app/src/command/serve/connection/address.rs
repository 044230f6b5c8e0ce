//! How many connections each address has.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Once, PoisonError};

use ipnet::IpNet;
use poem::web::RemoteAddr;

use crate::http::ClientAddress;

/// How many each address has that has any.
type Counts = Arc<Mutex<HashMap<ClientAddress, usize>>>;

/// The connections of every address that has any.
pub(super) struct Addresses {
    most: usize,
    trusted: Vec<IpNet>,
    counts: Counts,
}

/// The right of an address to one connection; it is given back when dropped. Who need not share has one of nobody.
#[derive(Default)]
pub(super) struct Share(Option<(ClientAddress, Counts)>);

impl Addresses {
    /// So many connections for each address that is not trusted to speak for others.
    pub(super) fn new(most: usize, trusted: Vec<IpNet>) -> Self {
        Self { most, trusted, counts: Arc::default() }
    }

    /// Takes the right to one more connection; `None` where the address has as many as it may.
    pub(super) fn share(&self, peer: &RemoteAddr) -> Option<Share> {
        let Some(peer) = peer.as_socket_addr().map(|peer| peer.ip().to_canonical()) else {
            return Some(Share::default());
        };
        if self.trusted.iter().any(|network| network.contains(&peer)) {
            return Some(Share::default());
        }
        let address = ClientAddress::from(peer);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= self.most {
            explain_once(peer);
            return None;
        }
        *count += 1;
        Some(Share(Some((address, Arc::clone(&self.counts)))))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let Some((address, counts)) = self.0.take() else { return };
        let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&address);
            }
        }
    }
}

/// Tells the operator the first time: behind a proxy that was not named it is nobody's attack.
fn explain_once(peer: std::net::IpAddr) {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        tracing::warn!(
            %peer,
            "an address has as many connections as one may, further ones are closed: if that is a proxy, name it in \
             WATCHKEEPER_TRUSTED_PROXIES"
        );
    });
}
