//! Certificates for tests.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};

use super::{CertificateFiles, ClientCertificates, TlsFiles};

/// An authority that makes certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

/// A certificate and its key, as PEM.
pub(crate) struct Leaf {
    pub(crate) chain: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = called(name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self {
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// A certificate for these host names, called `name`.
    pub(crate) fn leaf(&self, name: &str, hosts: &[&str]) -> Leaf {
        let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(hosts).unwrap();
        params.distinguished_name = called(name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Leaf {
            chain: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

fn called(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::OrganizationName, "Acme, Inc.");
    names.push(DnType::CommonName, name);
    names
}

impl Leaf {
    /// Writes both files.
    pub(crate) fn write(&self, directory: &Path, name: &str) -> CertificateFiles {
        let path = |extension: &str| -> PathBuf { directory.join(format!("{name}.{extension}")) };
        let files = CertificateFiles {
            chain: path("crt"),
            key: path("key"),
        };
        std::fs::write(&files.chain, &self.chain).unwrap();
        std::fs::write(&files.key, &self.key).unwrap();
        files
    }
}

/// Without certificates of clients.
pub(crate) fn files(certificates: Vec<CertificateFiles>) -> TlsFiles {
    TlsFiles {
        certificates,
        clients: ClientCertificates::NotAsked,
    }
}
