//! HTTPS, with certificates good and bad.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, ServerConfig};
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;
use watchkeeper_adapters::http::HttpProber;
use watchkeeper_domain::address::AddressGuard;
use watchkeeper_domain::report::ReasonKind;

use crate::server::{Server, read_head};
use crate::{PATIENCE, assert_answered, assert_failed, probe_with, target};

/// An authority of the test's own.
struct Authority(Issuer<'static, KeyPair>, CertificateDer<'static>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "an authority of the test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Self(Issuer::new(params, key), certificate)
    }

    /// The configuration of a server with a certificate for a name, changed as the test likes.
    fn server(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> ServerConfig {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap().der().clone();
        configuration(certificate, &key)
    }

    /// A prober that trusts this authority and nobody else.
    fn prober(&self) -> HttpProber {
        let mut roots = RootCertStore::empty();
        roots.add(self.1.clone()).unwrap();
        HttpProber::new(AddressGuard::allowing_all(), roots).unwrap()
    }
}

fn configuration(certificate: CertificateDer<'static>, key: &KeyPair) -> ServerConfig {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap()
}

/// Serves `fine` over HTTP/1.1.
async fn https(config: ServerConfig) -> Server {
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Server::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            read_head(&mut stream).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine").await;
            let _ = stream.shutdown().await;
        }
    })
    .await
}

fn url(server: &Server) -> String {
    format!("https://localhost:{}/", server.address.port())
}

#[tokio::test]
async fn a_good_certificate_is_accepted_and_the_handshake_timed() {
    let authority = Authority::new();
    let server = https(authority.server("localhost", |_| ())).await;
    let report = probe_with(&authority.prober(), &target(&url(&server)), PATIENCE).await;
    assert_answered(&report, 200);
    let timings = report.timings;
    let phases = [timings.dns, timings.connect, timings.tls, timings.first_byte, timings.transfer].map(Option::unwrap);
    assert!(phases.iter().all(|phase| !phase.is_zero()), "{phases:?}");
    assert!(phases.iter().sum::<Duration>() <= report.latency);
    assert_eq!(report.evidence.body.as_deref(), Some("fine"));
}

#[tokio::test]
async fn an_address_can_have_a_certificate_as_well() {
    let authority = Authority::new();
    let server = https(authority.server("127.0.0.1", |_| ())).await;
    let url = format!("https://{}/", server.address);
    assert_answered(&probe_with(&authority.prober(), &target(&url), PATIENCE).await, 200);
}

#[tokio::test]
async fn http_2_is_spoken_where_the_server_offers_it() {
    let authority = Authority::new();
    let mut config = authority.server("localhost", |_| ());
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let server = Server::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let stream = acceptor.accept(stream).await.unwrap();
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                let mut body = respond.send_response(http::Response::new(()), false).unwrap();
                body.send_data("fine".into(), true).unwrap();
            }
        }
    })
    .await;
    let prober = authority.prober();
    for count in 1..=2 {
        let report = probe_with(&prober, &target(&url(&server)), PATIENCE).await;
        assert_answered(&report, 200);
        assert_eq!(report.evidence.body.as_deref(), Some("fine"));
        assert_eq!(server.connections(), count, "a fresh connection here too");
    }
}

#[tokio::test]
async fn a_self_signed_certificate_is_refused() {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let server = https(configuration(certificate.der().clone(), &key)).await;
    let report = probe_with(&Authority::new().prober(), &target(&url(&server)), PATIENCE).await;
    assert_failed(&report, None, ReasonKind::Tls, "the certificate was not issued by anyone trusted");
    assert!(report.timings.connect.is_some() && report.timings.tls.is_some());
}

#[tokio::test]
async fn a_certificate_out_of_its_time_is_refused() {
    let authority = Authority::new();
    let expired = authority.server("localhost", |params| params.not_after = date_time_ymd(2020, 1, 1));
    let report = probe_with(&authority.prober(), &target(&url(&https(expired).await)), PATIENCE).await;
    assert_failed(&report, None, ReasonKind::Tls, "the certificate has expired");
    let early = authority.server("localhost", |params| params.not_before = date_time_ymd(3000, 1, 1));
    let report = probe_with(&authority.prober(), &target(&url(&https(early).await)), PATIENCE).await;
    assert_failed(&report, None, ReasonKind::Tls, "the certificate is not valid yet");
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused() {
    let authority = Authority::new();
    let server = https(authority.server("example.org", |_| ())).await;
    let report = probe_with(&authority.prober(), &target(&url(&server)), PATIENCE).await;
    assert_failed(&report, None, ReasonKind::Tls, "the certificate is not valid for localhost");
}

#[tokio::test]
async fn what_does_not_speak_tls_is_told_so() {
    let server = Server::start(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        pending().await
    })
    .await;
    let report = probe_with(&Authority::new().prober(), &target(&url(&server)), PATIENCE).await;
    assert_failed(&report, None, ReasonKind::Tls, "what answers does not speak TLS");
}

#[tokio::test]
async fn a_handshake_that_breaks_off_is_a_failure_of_tls() {
    let server = Server::start(|_| async {}).await;
    let report = probe_with(&Authority::new().prober(), &target(&url(&server)), PATIENCE).await;
    assert_failed(&report, None, ReasonKind::Tls, "the TLS handshake broke off: ");
}

#[tokio::test]
async fn a_handshake_that_stalls_runs_into_the_timeout() {
    let server = Server::start(|stream| async move {
        let _stalled = stream;
        pending().await
    })
    .await;
    let prober = Authority::new().prober();
    let report = probe_with(&prober, &target(&url(&server)), Duration::from_millis(300)).await;
    assert_failed(&report, None, ReasonKind::Timeout, "while in the TLS handshake");
}
