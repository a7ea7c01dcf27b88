//! Whose certificates are believed: the authorities of the operating system, or given ones.

use std::fs;
use std::io;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};

/// Where operating systems keep the authorities that they trust, most common first.
const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The authorities that a server's certificate may come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Those of the operating system.
    System,
    /// These, as PEM text with at least one certificate.
    Pem(String),
}

/// Why there are no authorities to trust.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error("no truststore is configured, and the operating system has none in {}", SYSTEM_BUNDLES.join(", "))]
    NoSystemTrust,
    #[error("the operating system's truststore {path} cannot be read")]
    SystemTrust {
        path: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("the truststore contains no usable certificate")]
    NoAuthority,
    #[error("the truststore is not PEM")]
    Pem(#[source] pem::Error),
    #[error("the certificate in the truststore was rejected")]
    Refused(#[source] rustls::Error),
}

impl Trust {
    /// The certificates of the authorities.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn authorities(&self) -> Result<Vec<CertificateDer<'static>>, TrustError> {
        match self {
            // One odd certificate in the system's bundle must not take the others with it.
            Self::System => Ok(CertificateDer::pem_slice_iter(&system_bundle()?)
                .filter_map(Result::ok)
                .collect()),
            Self::Pem(text) => CertificateDer::pem_slice_iter(text.as_bytes())
                .collect::<Result<_, _>>()
                .map_err(TrustError::Pem),
        }
    }

    /// The authorities as rustls wants them; at least one.
    ///
    /// # Errors
    /// They cannot be read, or none can be used.
    pub fn roots(&self) -> Result<RootCertStore, TrustError> {
        let mut store = RootCertStore::empty();
        let authorities = self.authorities()?;
        match self {
            Self::System => {
                store.add_parsable_certificates(authorities);
            }
            Self::Pem(_) => {
                for certificate in authorities {
                    store.add(certificate).map_err(TrustError::Refused)?;
                }
            }
        }
        if store.is_empty() {
            return Err(TrustError::NoAuthority);
        }
        Ok(store)
    }
}

fn system_bundle() -> Result<Vec<u8>, TrustError> {
    let path = SYSTEM_BUNDLES
        .into_iter()
        .find(|path| Path::new(path).exists())
        .ok_or(TrustError::NoSystemTrust)?;
    fs::read(path).map_err(|source| TrustError::SystemTrust { path, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_truststore_without_certificates_is_refused() {
        let roots = |text: &str| Trust::Pem(text.to_owned()).roots();
        assert!(matches!(roots("nothing"), Err(TrustError::NoAuthority)));
        let cut_off = "-----BEGIN CERTIFICATE-----\nMIIB";
        assert!(matches!(roots(cut_off), Err(TrustError::Pem(_))));
    }
}
