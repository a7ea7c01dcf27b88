//! From an address to a logged-in connection, within one deadline: resolve, connect, TLS, login.

use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use klamm_raft::model::ClusterId;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::address::HostPort;
use crate::backend::channel::{Channel, ChannelError};
use crate::backend::config::{BackendConfig, PlainLogin, Security};
use crate::backend::login::{LoggedIn, Login, LoginError, Step};
use crate::backend::tls::{self, TlsError};
use crate::metrics::UpstreamMetrics;
use crate::stream::Stream;

/// How long one dial may take, from the name to the end of the login.
pub(crate) const DIAL_TIMEOUT: Duration = Duration::from_secs(5);

/// How many of the addresses that a name resolves to are tried.
const MAX_ADDRESSES: usize = 4;

/// Makes connections to the brokers of one physical cluster. Shared by its pools and its watcher.
#[derive(Debug)]
pub struct Dialer {
    cluster: ClusterId,
    bootstrap: Vec<HostPort>,
    tls: Option<Arc<ClientConfig>>,
    credentials: Option<PlainLogin>,
    own_ports: Vec<RangeInclusive<u16>>,
    metrics: Arc<UpstreamMetrics>,
}

/// A connection that is logged in, and what its broker said of itself.
#[derive(Debug)]
pub(crate) struct Dialled {
    pub(crate) channel: Channel,
    pub(crate) login: LoggedIn,
}

/// Why there is no connection to an address.
#[derive(Debug, thiserror::Error)]
#[error("there is no connection to {address}")]
pub struct DialError {
    pub address: HostPort,
    #[source]
    pub fault: DialFault,
}

/// What went wrong with a dial.
#[derive(Debug, thiserror::Error)]
pub enum DialFault {
    #[error("the host name does not resolve")]
    Resolve(#[source] io::Error),
    #[error("the host does not take the connection")]
    Connect(#[source] io::Error),
    #[error("the address leads back to this gateway")]
    Loop,
    #[error("the TLS handshake failed")]
    Tls(#[source] io::Error),
    #[error("no login within {} s", DIAL_TIMEOUT.as_secs())]
    Timeout,
    #[error("the login failed")]
    Login(#[from] LoginError),
    #[error("the login broke off")]
    Channel(#[from] ChannelError),
}

impl DialFault {
    /// The label of this fault in metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Resolve(_) => "resolve",
            Self::Connect(_) => "connect",
            Self::Loop => "loop",
            Self::Tls(_) => "tls",
            Self::Timeout => "timeout",
            Self::Login(error) => error.kind(),
            Self::Channel(error) => error.kind(),
        }
    }

    /// Whether dialling again at once would only repeat an answer that was clear.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Loop | Self::Login(_))
    }
}

impl Dialer {
    /// Reads the certificates of `config`. `own_ports` are the ports that this gateway listens on, so that it notices
    /// when it dials itself.
    pub fn new(
        config: BackendConfig,
        own_ports: Vec<RangeInclusive<u16>>,
        metrics: Arc<UpstreamMetrics>,
    ) -> Result<Self, TlsError> {
        let tls = match &config.security {
            Security::Plaintext => None,
            Security::Tls(config) => Some(tls::client(config)?),
        };
        Ok(Self {
            cluster: config.id,
            bootstrap: config.bootstrap,
            tls,
            credentials: config.login,
            own_ports,
            metrics,
        })
    }

    /// The physical cluster.
    pub fn cluster(&self) -> &ClusterId {
        &self.cluster
    }

    /// Where to ask first.
    pub(crate) fn bootstrap(&self) -> &[HostPort] {
        &self.bootstrap
    }

    pub(crate) fn metrics(&self) -> &UpstreamMetrics {
        &self.metrics
    }

    /// Connects and logs in within [`DIAL_TIMEOUT`].
    pub(crate) async fn dial(&self, address: &HostPort) -> Result<Dialled, DialError> {
        let outcome = match tokio::time::timeout(DIAL_TIMEOUT, self.establish(address)).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => Err(DialFault::Timeout),
        };
        match outcome {
            Ok(dialled) => {
                self.metrics.dials.inc();
                Ok(dialled)
            }
            Err(fault) => {
                self.metrics.error(fault.kind());
                Err(DialError {
                    address: address.clone(),
                    fault,
                })
            }
        }
    }

    async fn establish(&self, address: &HostPort) -> Result<Dialled, DialFault> {
        let socket = connect(address).await?;
        self.refuse_loop(&socket)?;
        socket.set_nodelay(true).map_err(DialFault::Connect)?;
        let stream = match &self.tls {
            None => Stream::Plain(socket),
            Some(config) => secure(config, &address.host, socket).await?,
        };
        let mut channel = Channel::new(stream);
        let login = log_in(&mut channel, self.credentials.as_ref()).await?;
        Ok(Dialled { channel, login })
    }

    /// Both ends on one host, and the far end on a port that this gateway listens on.
    fn refuse_loop(&self, socket: &TcpStream) -> Result<(), DialFault> {
        let far = socket.peer_addr().map_err(DialFault::Connect)?;
        let near = socket.local_addr().map_err(DialFault::Connect)?;
        if far.ip() == near.ip() && self.own_ports.iter().any(|ports| ports.contains(&far.port())) {
            return Err(DialFault::Loop);
        }
        Ok(())
    }
}

async fn connect(address: &HostPort) -> Result<TcpStream, DialFault> {
    let resolved: Vec<SocketAddr> = tokio::net::lookup_host((address.host.as_str(), address.port))
        .await
        .map_err(DialFault::Resolve)?
        .take(MAX_ADDRESSES)
        .collect();
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for candidate in resolved {
        match TcpStream::connect(candidate).await {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(DialFault::Connect(last))
}

async fn secure(config: &Arc<ClientConfig>, host: &str, socket: TcpStream) -> Result<Stream, DialFault> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|error| DialFault::Tls(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
    let stream = TlsConnector::from(Arc::clone(config))
        .connect(name, socket)
        .await
        .map_err(DialFault::Tls)?;
    Ok(Stream::Tls(Box::new(stream.into())))
}

async fn log_in(channel: &mut Channel, credentials: Option<&PlainLogin>) -> Result<LoggedIn, DialFault> {
    let (mut login, mut frame) = Login::start(credentials)?;
    loop {
        let answer = channel.exchange(&frame).await?;
        match login.receive(&answer)? {
            Step::Send(next) => frame = next,
            Step::Done(logged_in) => return Ok(logged_in),
        }
    }
}

#[cfg(test)]
mod tests;
