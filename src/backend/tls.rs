//! From the TLS part of a backend's configuration to a rustls client. It dials nothing.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::backend::config::{ClientIdentity, HostCheck, TlsConfig, Trust};

/// Where operating systems keep the authorities that they trust, most common first.
const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Why the TLS configuration of a physical cluster cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("no truststore is configured, and the operating system has none in {}", SYSTEM_BUNDLES.join(", "))]
    NoSystemTrust,
    #[error("the operating system's truststore {path} is not readable")]
    SystemTrust {
        path: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("the truststore holds no certificate that can be used")]
    NoAuthority,
    #[error("the {part} is not PEM")]
    Pem {
        part: &'static str,
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    #[error("the {part} is refused")]
    Refused {
        part: &'static str,
        #[source]
        source: Error,
    },
}

/// Builds the client side of TLS to one physical cluster.
pub(crate) fn client(config: &TlsConfig) -> Result<Arc<ClientConfig>, TlsError> {
    client_with(config, Arc::new(roots(&config.trust)?))
}

/// Checks all of it that does not depend on the operating system.
pub(crate) fn check(config: &TlsConfig) -> Result<(), TlsError> {
    let roots = match &config.trust {
        Trust::System => RootCertStore::empty(),
        given @ Trust::Pem(_) => roots(given)?,
    };
    client_with(config, Arc::new(roots)).map(drop)
}

fn client_with(config: &TlsConfig, roots: Arc<RootCertStore>) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| TlsError::Refused {
            part: "choice of TLS versions",
            source,
        })?;
    let verified = match config.host_check {
        HostCheck::Https => builder.with_root_certificates(roots),
        HostCheck::Off => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyHost { roots, algorithms })),
    };
    let client = match &config.identity {
        None => verified.with_no_client_auth(),
        Some(identity) => {
            let (chain, key) = parse_identity(identity)?;
            verified
                .with_client_auth_cert(chain, key)
                .map_err(|source| TlsError::Refused {
                    part: "client certificate or its key",
                    source,
                })?
        }
    };
    Ok(Arc::new(client))
}

/// The certificates of the authorities that are trusted.
pub(crate) fn authorities(trust: &Trust) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    match trust {
        Trust::System => Ok(CertificateDer::pem_slice_iter(&system_bundle()?)
            .filter_map(Result::ok)
            .collect()),
        Trust::Pem(text) => certificates(text, "truststore"),
    }
}

fn roots(trust: &Trust) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    match trust {
        // One odd certificate in the system's bundle must not take the others with it.
        Trust::System => {
            store.add_parsable_certificates(
                CertificateDer::pem_slice_iter(&system_bundle()?).filter_map(Result::ok),
            );
        }
        Trust::Pem(text) => {
            for certificate in certificates(text, "truststore")? {
                store.add(certificate).map_err(|source| TlsError::Refused {
                    part: "certificate in the truststore",
                    source,
                })?;
            }
        }
    }
    if store.is_empty() {
        return Err(TlsError::NoAuthority);
    }
    Ok(store)
}

fn system_bundle() -> Result<Vec<u8>, TlsError> {
    let path = SYSTEM_BUNDLES
        .into_iter()
        .find(|path| Path::new(path).exists())
        .ok_or(TlsError::NoSystemTrust)?;
    fs::read(path).map_err(|source| TlsError::SystemTrust { path, source })
}

fn certificates(text: &str, part: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_slice_iter(text.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|source| TlsError::Pem { part, source })
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn parse_identity(identity: &ClientIdentity) -> Result<Identity, TlsError> {
    let chain = certificates(&identity.chain_pem, "client certificate")?;
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.reveal().as_bytes()).map_err(|source| {
        TlsError::Pem {
            part: "client certificate's key",
            source,
        }
    })?;
    Ok((chain, key))
}

/// Checks the chain as usual, but accepts any host name (`ssl.endpoint.identification.algorithm` is empty).
#[derive(Debug)]
struct AnyHost {
    roots: Arc<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for AnyHost {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        verify_server_cert_signed_by_trust_anchor(
            &ParsedCertificate::try_from(end_entity)?,
            &self.roots,
            intermediates,
            now,
            self.algorithms.all,
        )?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
