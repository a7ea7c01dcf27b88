//! From PEM files to a rustls server configuration.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::certificates::Certificates;
use super::{ServerTlsError, conversion};

/// The files of the server side of TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// At least one. The first is shown to clients that ask for no name or an unknown one.
    pub certificates: Vec<CertificateFiles>,
    pub clients: ClientCertificates,
}

/// One certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain, leaf first.
    pub chain: PathBuf,
    pub key: PathBuf,
}

/// Whether clients show certificates, and the file of the authorities that these come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientCertificates {
    NotAsked,
    Optional(PathBuf),
    Required(PathBuf),
}

/// Reads a whole file as text.
type ReadFile<'a> = &'a dyn Fn(&Path) -> io::Result<String>;

impl TlsFiles {
    /// All files, each once.
    pub fn paths(&self) -> Vec<&Path> {
        let pairs = self
            .certificates
            .iter()
            .flat_map(|pair| [pair.chain.as_path(), pair.key.as_path()]);
        let authorities = match &self.clients {
            ClientCertificates::NotAsked => None,
            ClientCertificates::Optional(path) | ClientCertificates::Required(path) => Some(path.as_path()),
        };
        let mut paths: Vec<&Path> = pairs.chain(authorities).collect();
        paths.sort_unstable();
        paths.dedup();
        paths
    }

    /// Builds the configuration of one who calls such servers, showing the first certificate and trusting the authorities of
    /// clients: for peers, who are both.
    ///
    /// # Errors
    /// As for [`Self::load`].
    pub fn load_caller(&self, read: ReadFile<'_>) -> Result<ClientConfig, ServerTlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let certified = self
            .certificates
            .iter()
            .map(|pair| certified_key(pair, &provider, read).map(Arc::new))
            .next()
            .unwrap_or_else(|| Err(ServerTlsError::nothing()))?;
        let roots = match &self.clients {
            ClientCertificates::NotAsked => RootCertStore::empty(),
            ClientCertificates::Optional(path) | ClientCertificates::Required(path) => roots(path, read)?,
        };
        Ok(ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(ServerTlsError::Versions)?
            .with_root_certificates(roots)
            .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified))))
    }

    /// Builds the configuration of a server, TLS 1.2 and 1.3.
    ///
    /// # Errors
    /// A file cannot be read or used, or a certificate and its key do not belong together.
    pub fn load(&self, read: ReadFile<'_>) -> Result<ServerConfig, ServerTlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let certificates = self
            .certificates
            .iter()
            .map(|pair| certified_key(pair, &provider, read).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(ServerTlsError::Versions)?;
        let builder = match &self.clients {
            ClientCertificates::NotAsked => builder.with_no_client_auth(),
            ClientCertificates::Optional(path) => {
                builder.with_client_cert_verifier(verifier(path, Demand::Optional, provider, read)?)
            }
            ClientCertificates::Required(path) => {
                builder.with_client_cert_verifier(verifier(path, Demand::Required, provider, read)?)
            }
        };
        let resolver = Certificates::new(certificates).ok_or_else(ServerTlsError::nothing)?;
        Ok(builder.with_cert_resolver(Arc::new(resolver)))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Demand {
    Optional,
    Required,
}

fn text_of(path: &Path, read: ReadFile<'_>) -> Result<String, ServerTlsError> {
    let text = read(path);
    if let Some(command) = conversion(path, None)
        && !text.as_ref().is_ok_and(|text| text.contains("-----BEGIN"))
    {
        let path = path.to_owned();
        return Err(ServerTlsError::OtherStore { path, command });
    }
    text.map_err(|source| ServerTlsError::Unreadable {
        path: path.to_owned(),
        source,
    })
}

fn certificates(path: &Path, read: ReadFile<'_>) -> Result<Vec<CertificateDer<'static>>, ServerTlsError> {
    let text = text_of(path, read)?;
    match CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<Vec<_>, _>>() {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(ServerTlsError::NoCertificate {
            path: path.to_owned(),
        }),
    }
}

fn certified_key(
    files: &CertificateFiles,
    provider: &CryptoProvider,
    read: ReadFile<'_>,
) -> Result<CertifiedKey, ServerTlsError> {
    let chain = certificates(&files.chain, read)?;
    let text = text_of(&files.key, read)?;
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| {
        let path = files.key.clone();
        match text.contains("ENCRYPTED") {
            true => ServerTlsError::EncryptedKey { path },
            false => ServerTlsError::NoKey { path },
        }
    })?;
    CertifiedKey::from_der(chain, key, provider).map_err(|source| ServerTlsError::Pair {
        chain: files.chain.clone(),
        key: files.key.clone(),
        source,
    })
}

fn roots(path: &Path, read: ReadFile<'_>) -> Result<RootCertStore, ServerTlsError> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(path, read)? {
        roots
            .add(authority)
            .map_err(|error| ServerTlsError::Authorities {
                path: path.to_owned(),
                source: error.into(),
            })?;
    }
    Ok(roots)
}

fn verifier(
    path: &Path,
    demand: Demand,
    provider: Arc<CryptoProvider>,
    read: ReadFile<'_>,
) -> Result<Arc<dyn ClientCertVerifier>, ServerTlsError> {
    let roots = Arc::new(roots(path, read)?);
    let builder = WebPkiClientVerifier::builder_with_provider(roots, provider);
    let builder = match demand {
        Demand::Optional => builder.allow_unauthenticated(),
        Demand::Required => builder,
    };
    builder.build().map_err(|error| ServerTlsError::Authorities {
        path: path.to_owned(),
        source: error.into(),
    })
}
