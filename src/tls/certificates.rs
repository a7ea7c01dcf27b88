//! Several certificates on one port: the one that names the host which the client asks for.

use std::sync::Arc;

use rustls::client::verify_server_name;
use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// Certificates with their keys. The first one is shown to clients that ask for no name or an unknown one.
#[derive(Debug)]
pub(super) struct Certificates {
    first: Arc<CertifiedKey>,
    others: Vec<Arc<CertifiedKey>>,
}

impl Certificates {
    /// `None` without any.
    pub(super) fn new(certificates: Vec<Arc<CertifiedKey>>) -> Option<Self> {
        let mut certificates = certificates.into_iter();
        Some(Self {
            first: certificates.next()?,
            others: certificates.collect(),
        })
    }

    fn choose(&self, name: Option<&str>) -> Arc<CertifiedKey> {
        // With a single certificate nothing is to be looked at.
        let named = match (name, self.others.is_empty()) {
            // A final dot says that a name is complete; no certificate has one.
            (Some(name), false) => ServerName::try_from(name.strip_suffix('.').unwrap_or(name)).ok(),
            _ => None,
        };
        let chosen = named.and_then(|name| {
            let mut all = std::iter::once(&self.first).chain(&self.others);
            all.find(|certificate| is_for(certificate, &name))
        });
        Arc::clone(chosen.unwrap_or(&self.first))
    }
}

fn is_for(certificate: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let leaf = certificate.end_entity_cert().ok();
    let parsed = leaf.and_then(|leaf| ParsedCertificate::try_from(leaf).ok());
    parsed.is_some_and(|parsed| verify_server_name(&parsed, name).is_ok())
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.choose(hello.server_name()))
    }
}
