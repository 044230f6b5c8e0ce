//! TLS for the prober: whom it trusts, and the hook that knows when a handshake begins.

use std::sync::Arc;

use rustls::client::{ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, NamedGroup, RootCertStore};

use super::trace::{self, Stage};

/// The roots that this machine trusts; where it has none, those that Mozilla trusts, as they were when this program was
/// built.
pub fn trusted_roots() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "some root certificates of this machine cannot be read");
    }
    let mut roots = RootCertStore::empty();
    let (added, ignored) = roots.add_parsable_certificates(found.certs);
    tracing::debug!(added, ignored, "loaded the root certificates of this machine");
    if roots.is_empty() {
        tracing::warn!("this machine has no root certificates: those built in are trusted");
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

/// The configuration of every handshake: HTTP/2 where the server offers it, else HTTP/1.1, and never a resumed session,
/// since that would skip the certificate.
pub(super) fn configuration(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.resumption = Resumption::store(Arc::new(NoteHandshake));
    Ok(config)
}

/// A session store that remembers nothing. It is asked once for every handshake, first of all, and notes that: there is
/// no other way to tell the end of connecting from the end of the handshake.
#[derive(Debug)]
struct NoteHandshake;

impl ClientSessionStore for NoteHandshake {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        trace::enter(Stage::Handshake);
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, _: Tls13ClientSessionValue) {}

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        None
    }
}
