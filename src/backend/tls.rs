//! From the TLS part of a backend's configuration to a rustls client. It dials nothing.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::backend::config::{ClientIdentity, HostCheck, TlsConfig};
use crate::tls::{Trust, TrustError};

/// Why the TLS configuration of a physical cluster cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ClientTlsError {
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error("the {part} is not PEM")]
    Pem {
        part: &'static str,
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    #[error("the {part} was rejected")]
    Refused {
        part: &'static str,
        #[source]
        source: Error,
    },
}

/// Builds the client side of TLS to one physical cluster.
pub(crate) fn client(config: &TlsConfig) -> Result<Arc<ClientConfig>, ClientTlsError> {
    client_with(config, Arc::new(config.trust.roots()?))
}

/// Checks all of it that does not depend on the operating system.
pub(crate) fn check(config: &TlsConfig) -> Result<(), ClientTlsError> {
    let roots = match &config.trust {
        Trust::System => RootCertStore::empty(),
        given @ Trust::Pem(_) => given.roots()?,
    };
    client_with(config, Arc::new(roots)).map(drop)
}

fn client_with(config: &TlsConfig, roots: Arc<RootCertStore>) -> Result<Arc<ClientConfig>, ClientTlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| ClientTlsError::Refused {
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
                .map_err(|source| ClientTlsError::Refused {
                    part: "client certificate or its key",
                    source,
                })?
        }
    };
    Ok(Arc::new(client))
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn parse_identity(identity: &ClientIdentity) -> Result<Identity, ClientTlsError> {
    let chain = CertificateDer::pem_slice_iter(identity.chain_pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|source| ClientTlsError::Pem {
            part: "client certificate",
            source,
        })?;
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.reveal().as_bytes()).map_err(|source| {
        ClientTlsError::Pem {
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
