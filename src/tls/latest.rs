//! The server configuration of TLS as the files have it now. Connections keep what they were made with.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ServerConfig};
use tracing::{error, info};

use super::{MAX_FILE_BYTES, ServerTlsError, TlsFiles};
use crate::chain::Chain;
use crate::metrics::{NodeMetrics, TlsReload};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A configuration that follows its files.
#[derive(Debug)]
pub struct Latest {
    files: TlsFiles,
    config: ArcSwap<ServerConfig>,
    /// To call others who have certificates of the same authority; none where nobody is called.
    caller: Option<ArcSwap<ClientConfig>>,
}

/// The contents of the files when they were last looked at; `None` for one that could not be read.
type Contents = Vec<Option<String>>;

impl Latest {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// They cannot be used.
    pub fn load(files: TlsFiles) -> Result<Arc<Self>, ServerTlsError> {
        let config = ArcSwap::from_pointee(files.load(&read)?);
        Ok(Arc::new(Self {
            files,
            config,
            caller: None,
        }))
    }

    /// Loads the files for a peer, who calls as well.
    ///
    /// # Errors
    /// The files cannot be used.
    pub fn load_peer(files: TlsFiles) -> Result<Arc<Self>, ServerTlsError> {
        let config = ArcSwap::from_pointee(files.load(&read)?);
        let caller = Some(ArcSwap::from_pointee(files.load_caller(&read)?));
        Ok(Arc::new(Self {
            files,
            config,
            caller,
        }))
    }

    /// For the next call of a peer.
    pub fn caller(&self) -> Option<Arc<ClientConfig>> {
        self.caller.as_ref().map(ArcSwap::load_full)
    }

    /// For a server that takes its configuration only once: it still shows the certificate that there is.
    ///
    /// # Errors
    /// The choice of TLS versions is refused.
    pub fn for_good(self: &Arc<Self>) -> Result<ServerConfig, ServerTlsError> {
        Ok(
            ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(ServerTlsError::Versions)?
                .with_no_client_auth()
                .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>),
        )
    }

    /// For the next handshake.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.config.load_full()
    }

    /// Looks at the files until the node ends, and takes what they hold when that has changed and can be used.
    pub async fn follow(self: Arc<Self>, metrics: Arc<NodeMetrics>) {
        let mut seen = self.contents().await;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = self.contents().await;
            if now == seen {
                continue;
            }
            seen = now;
            self.reload(&metrics);
        }
    }

    /// Takes what the files hold now; what they cannot serve as changes nothing.
    pub(super) fn reload(&self, metrics: &NodeMetrics) {
        let certificate = self.files.certificates.first().map(|pair| pair.chain.display());
        match self.load_again() {
            Ok(()) => {
                metrics.tls_reloaded(TlsReload::Ok);
                info!(certificate = ?certificate.map(|path| path.to_string()), "certificates were reloaded");
            }
            Err(error) => {
                metrics.tls_reloaded(TlsReload::Failed);
                error!(
                    error = %Chain(&error),
                    "changed certificate files cannot be used: the last valid ones stay in use"
                );
            }
        }
    }

    fn load_again(&self) -> Result<(), ServerTlsError> {
        let config = self.files.load(&read)?;
        if let Some(caller) = &self.caller {
            caller.store(Arc::new(self.files.load_caller(&read)?));
        }
        self.config.store(Arc::new(config));
        Ok(())
    }

    /// Reads all files, on a thread for blocking work since they may be on a network disk. A file that cannot be read
    /// counts as none.
    async fn contents(self: &Arc<Self>) -> Contents {
        let this = Arc::clone(self);
        let reading = tokio::task::spawn_blocking(move || {
            let paths = this.files.paths();
            paths.into_iter().map(|path| read(path).ok()).collect()
        });
        reading.await.unwrap_or_default()
    }
}

/// The certificates alone, for a server that takes its configuration only once.
impl ResolvesServerCert for Latest {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.config.load().cert_resolver.resolve(hello)
    }
}

/// Reads a file that is not too long.
fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let count = File::open(path)?
        .take(MAX_FILE_BYTES + 1)
        .read_to_string(&mut text)?;
    if count as u64 > MAX_FILE_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("the file is longer than {MAX_FILE_BYTES} bytes"),
        ));
    }
    Ok(text)
}
