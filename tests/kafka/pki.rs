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

/// The files of a certificate: the chain, the key, and both in one for Java.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) store: PathBuf,
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
            store: path("store"),
        };
        fs::write(&identity.chain, &chain)?;
        fs::write(&identity.key, &key)?;
        fs::write(&identity.store, key + &chain)?;
        Ok(identity)
    }

    /// What a Java client is told to trust only this authority.
    pub(crate) fn trusted(&self) -> String {
        format!(
            "ssl.truststore.type=PEM\nssl.truststore.location={}\n",
            self.file.display()
        )
    }
}

impl Identity {
    /// What a Java client is told to show this certificate.
    pub(crate) fn shown(&self) -> String {
        format!(
            "ssl.keystore.type=PEM\nssl.keystore.location={}\n",
            self.store.display()
        )
    }
}

fn called(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::OrganizationName, "Acme, Inc.");
    names.push(DnType::CommonName, name);
    names
}
