//! The server side of TLS: certificates and authorities from PEM files, chosen by server name, read again when they
//! change; and whose certificates a client side believes. It knows no sockets and no Kafka.

mod certificates;
mod files;
mod latest;
mod store;
mod trust;

use std::io;
use std::path::PathBuf;

pub use files::{CertificateFiles, ClientCertificates, TlsFiles};
pub use latest::Latest;
pub use store::conversion;
pub use trust::{Trust, TrustError};

/// The longest file that is read, in bytes. A bundle with all public authorities has a quarter of it.
pub const MAX_FILE_BYTES: u64 = 1 << 20;

/// Why the server side of TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum ServerTlsError {
    #[error("{} cannot be read", .path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is not a PEM file; convert it with `{command}`", .path.display())]
    OtherStore { path: PathBuf, command: String },
    #[error("{} contains no certificate in PEM form", .path.display())]
    NoCertificate { path: PathBuf },
    #[error("{} contains an encrypted private key; decrypt it with `openssl pkey -in {} -out key.pem`", .path.display(), .path.display())]
    EncryptedKey { path: PathBuf },
    #[error("{} contains no private key in PEM form", .path.display())]
    NoKey { path: PathBuf },
    #[error("the certificate {} and the key {} do not match", .chain.display(), .key.display())]
    Pair {
        chain: PathBuf,
        key: PathBuf,
        #[source]
        source: rustls::Error,
    },
    #[error("the authorities in {} cannot be used", .path.display())]
    Authorities {
        path: PathBuf,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("the choice of TLS versions was rejected")]
    Versions(#[source] rustls::Error),
}

impl ServerTlsError {
    /// Of files that name no certificate at all, which no configuration lets pass.
    fn nothing() -> Self {
        Self::NoCertificate {
            path: PathBuf::from("(none)"),
        }
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
