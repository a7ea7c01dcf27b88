//! Certificates of a generated authority, shown by a broker on loopback.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;

use super::*;
use crate::backend::config::{BackendConfig, Security};
use crate::backend::dial::Dialer;
use crate::backend::fake::{FakeBroker, Manners, metrics};
use crate::secret::Secret;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for a host, and its key, as PEM.
fn issue(authority: &Authority, host: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    (certificate.pem(), key.serialize_pem())
}

/// A broker that shows a certificate for `host`, and wants one of `clients` when that is given.
async fn broker(authority: &Authority, host: &str, clients: Option<&Authority>) -> FakeBroker {
    let (chain_pem, key_pem) = issue(authority, host);
    let identity = ClientIdentity {
        chain_pem,
        key_pem: Secret::new(key_pem),
    };
    let (chain, key) = parse_identity(&identity).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let trusted = Arc::new(Trust::Pem(clients.pem()).roots().unwrap());
            let verifier = WebPkiClientVerifier::builder_with_provider(trusted, provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    FakeBroker::start_tls(Manners::default(), builder.with_single_cert(chain, key).unwrap()).await
}

fn trusting(authority: &Authority, host_check: HostCheck) -> TlsConfig {
    TlsConfig {
        trust: Trust::Pem(authority.pem()),
        identity: None,
        host_check,
    }
}

/// The metrics label of the fault, if any.
async fn check(broker: &FakeBroker, tls: TlsConfig, expected: Result<(), &str>) {
    let config = BackendConfig {
        id: "main".parse().unwrap(),
        bootstrap: vec![broker.address.clone()],
        security: Security::Tls(tls),
        login: None,
        credentials: Default::default(),
        anonymous: crate::backend::config::AnonymousClients::Refused,
        stands_in_for: None,
    };
    let dialer = Dialer::new(config, Vec::new(), metrics()).unwrap();
    let outcome = dialer.dial(&broker.address).await;
    let got = outcome
        .as_ref()
        .map(|_| ())
        .map_err(|error| error.fault.kind().name());
    assert_eq!(got, expected, "{outcome:?}");
}

#[tokio::test]
async fn a_trusted_certificate_for_the_host_is_taken() {
    let authority = authority();
    let broker = broker(&authority, "127.0.0.1", None).await;
    check(&broker, trusting(&authority, HostCheck::Https), Ok(())).await;
}

#[tokio::test]
async fn another_authority_is_refused_with_and_without_host_check() {
    let broker = broker(&authority(), "127.0.0.1", None).await;
    check(&broker, trusting(&authority(), HostCheck::Https), Err("tls")).await;
    check(&broker, trusting(&authority(), HostCheck::Off), Err("tls")).await;
}

#[tokio::test]
async fn another_host_is_refused_unless_the_check_is_off() {
    let authority = authority();
    let broker = broker(&authority, "elsewhere.example", None).await;
    check(&broker, trusting(&authority, HostCheck::Https), Err("tls")).await;
    check(&broker, trusting(&authority, HostCheck::Off), Ok(())).await;
}

#[tokio::test]
async fn a_client_certificate_is_shown_when_it_is_configured() {
    let (servers, clients) = (authority(), authority());
    let broker = broker(&servers, "127.0.0.1", Some(&clients)).await;
    let anonymous = trusting(&servers, HostCheck::Https);
    check(&broker, anonymous.clone(), Err("tls")).await;
    let (chain_pem, key_pem) = issue(&clients, "gateway.example");
    let identity = Some(ClientIdentity {
        chain_pem,
        key_pem: Secret::new(key_pem),
    });
    check(
        &broker,
        TlsConfig {
            identity,
            ..anonymous
        },
        Ok(()),
    )
    .await;
}
