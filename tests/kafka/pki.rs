//! Certificates for tests: authorities, what they make, and the files that the gateway and stock clients read.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};

/// An authority that makes certificates into a directory.
#[derive(Debug)]
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    directory: PathBuf,
    /// Its own certificate.
    pub(crate) file: PathBuf,
}

/// The files of a certificate.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    pub(crate) fn new(directory: &Path, name: &str) -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = called(name);
        let key = KeyPair::generate()?;
        let file = directory.join(format!("{name}.pem"));
        fs::write(&file, params.self_signed(&key)?.pem())?;
        Ok(Self {
            issuer: Issuer::new(params, key),
            directory: directory.to_owned(),
            file,
        })
    }

    /// A certificate called `name` for these hosts, in files of that name.
    pub(crate) fn identity(&self, name: &str, hosts: &[&str]) -> Result<Identity> {
        let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(hosts)?;
        params.distinguished_name = called(name);
        let key = KeyPair::generate()?;
        let (chain, key) = (params.signed_by(&key, &self.issuer)?.pem(), key.serialize_pem());
        let path = |extension: &str| self.directory.join(format!("{name}.{extension}"));
        let identity = Identity {
            chain: path("crt"),
            key: path("key"),
        };
        fs::write(&identity.chain, &chain)?;
        fs::write(&identity.key, &key)?;
        Ok(identity)
    }
}

fn called(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::OrganizationName, "Acme, Inc.");
    names.push(DnType::CommonName, name);
    names
}
