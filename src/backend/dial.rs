//! From an address to a logged-in connection, within one deadline: resolve, connect, TLS, login.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::MetadataRequest;
use kafka_protocol::protocol::Request;
use klamm_raft::model::{ClusterId, CredentialsName};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::address::HostPort;
use crate::backend::channel::{Channel, ChannelError};
use crate::backend::config::{BackendConfig, Security, UpstreamLogin};
use crate::backend::expected::{Expected, OtherCluster};
use crate::backend::generation::Generation;
use crate::backend::identity::{Identity, IdentityError};
use crate::backend::lane::LoginAs;
use crate::backend::login::{LoggedIn, LoginError, LoginStep, LoginSteps, Offer};
use crate::backend::tls::{self, ClientTlsError};
use crate::backend::unusable::Unusable;
use crate::chain::Chain;
use crate::metrics::{UpstreamFault, UpstreamMetrics};
use crate::oauth::Fetcher;
use crate::stream::Stream;
use crate::tls::{Trust, TrustError};

/// How long one dial may take, from the name to the end of the login: as long as Kafka's own clients wait for a connection at first
/// (`socket.connection.setup.timeout.ms`). A broker that is slow with everything would otherwise be taken for one that is gone.
pub(crate) const DIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// How many of the addresses that a name resolves to are tried.
const MAX_ADDRESSES: usize = 4;

/// A connection without traffic is probed after this long, more often than firewalls and brokers forget one (a broker
/// closes it after ten minutes), and given up when several probes get no answer.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(15);

/// The versions of Metadata by which a broker is asked for its cluster's id, as those of a look.
const METADATA: (i16, i16) = (9, 12);

/// Makes connections to the brokers of one physical cluster, with one configuration. Shared by its pools and its watcher.
#[derive(Debug)]
pub struct Dialer {
    cluster: ClusterId,
    bootstrap: Vec<HostPort>,
    tls: Option<Arc<ClientConfig>>,
    own: Option<Identity>,
    named: BTreeMap<CredentialsName, Identity>,
    own_ports: Vec<RangeInclusive<u16>>,
    /// The physical cluster stays the same whatever its configuration is.
    expected: Arc<Expected>,
    generation: Generation,
    /// Set where there is nothing to connect by.
    unusable: Option<Unusable>,
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
#[error("cannot connect to {address}")]
pub struct DialError {
    pub address: HostPort,
    #[source]
    pub fault: DialFault,
}

/// The fault of a dial.
#[derive(Debug, thiserror::Error)]
pub enum DialFault {
    #[error("the host name cannot be resolved")]
    Resolve(#[source] io::Error),
    #[error("the host does not accept the connection")]
    Connect(#[source] io::Error),
    #[error("the address leads back to this gateway")]
    Loop,
    #[error("the TLS handshake failed")]
    Tls(#[source] io::Error),
    #[error("the login did not complete within {} s", DIAL_TIMEOUT.as_secs())]
    Timeout,
    #[error("the login failed")]
    Login(#[from] LoginError),
    #[error("the gateway's own credentials are not available")]
    Identity(#[from] IdentityError),
    #[error("the login was interrupted")]
    Channel(#[from] ChannelError),
    #[error(transparent)]
    OtherCluster(#[from] OtherCluster),
    #[error(transparent)]
    Unusable(#[from] Unusable),
}

impl DialFault {
    /// The label of this fault in metrics.
    pub fn kind(&self) -> UpstreamFault {
        match self {
            Self::Resolve(_) => UpstreamFault::Resolve,
            Self::Connect(_) => UpstreamFault::Connect,
            Self::Loop => UpstreamFault::Loop,
            Self::Tls(_) => UpstreamFault::Tls,
            Self::Timeout => UpstreamFault::Timeout,
            Self::Login(error) => error.kind(),
            Self::Identity(_) => UpstreamFault::NoCredentials,
            Self::Channel(error) => error.kind(),
            Self::OtherCluster(_) => UpstreamFault::OtherCluster,
            Self::Unusable(_) => UpstreamFault::Unusable,
        }
    }

    /// Whether dialling again at once would only repeat an answer that was clear.
    pub(crate) fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Loop | Self::Login(_) | Self::OtherCluster(_) | Self::Unusable(_)
        )
    }

    /// Whether it is about who logs in, not about the way there.
    pub(crate) fn is_of_credentials(&self) -> bool {
        matches!(self, Self::Login(_) | Self::Identity(_))
    }
}

impl Dialer {
    /// Reads the certificates of `config`. `own_ports` are the ports that this gateway listens on, so that it notices
    /// when it dials itself.
    pub fn new(
        config: BackendConfig,
        own_ports: Vec<RangeInclusive<u16>>,
        metrics: Arc<UpstreamMetrics>,
    ) -> Result<Self, ClientTlsError> {
        let tls = match &config.security {
            Security::Plaintext => None,
            Security::Tls(config) => Some(tls::client(config)?),
        };
        let fetcher = fetcher(&config)?;
        Ok(Self {
            cluster: config.id,
            bootstrap: config.bootstrap,
            tls,
            own: config.login.map(|login| Identity::new(login, &fetcher)),
            named: config
                .credentials
                .into_iter()
                .map(|(name, login)| (name, Identity::new(login, &fetcher)))
                .collect(),
            own_ports,
            expected: Arc::default(),
            generation: Generation::default(),
            unusable: None,
            metrics,
        })
    }

    /// Makes connections as a resource says, or none where it cannot be used on this node.
    pub(super) fn of_resource(
        cluster: &ClusterId,
        config: Result<BackendConfig, Unusable>,
        own_ports: Vec<RangeInclusive<u16>>,
        metrics: Arc<UpstreamMetrics>,
    ) -> Self {
        let made = config.and_then(|config| {
            let made = Self::new(config, own_ports.clone(), Arc::clone(&metrics));
            made.map_err(|error| Unusable {
                why: Chain(&error).to_string(),
                missing: BTreeSet::new(),
            })
        });
        made.unwrap_or_else(|unusable| Self {
            cluster: cluster.clone(),
            bootstrap: Vec::new(),
            tls: None,
            own: None,
            named: BTreeMap::new(),
            own_ports,
            expected: Arc::default(),
            generation: Generation::default(),
            unusable: Some(unusable),
            metrics,
        })
    }

    /// Makes the connections of the next generation.
    pub(super) fn renewed(&self, config: Result<BackendConfig, Unusable>) -> Self {
        let metrics = Arc::clone(&self.metrics);
        Self {
            expected: Arc::clone(&self.expected),
            ..Self::of_resource(&self.cluster, config, self.own_ports.clone(), metrics)
        }
    }

    /// From now on its connections are not given to anybody any more.
    pub(super) fn end(&self) {
        self.generation.end();
    }

    /// The connections that are made with this configuration.
    pub(crate) fn generation(&self) -> &Generation {
        &self.generation
    }

    /// Checks that there is something to connect by.
    pub(crate) fn check_usable(&self) -> Result<(), Unusable> {
        match &self.unusable {
            Some(unusable) => Err(unusable.clone()),
            None => Ok(()),
        }
    }

    /// The physical cluster.
    pub fn cluster(&self) -> &ClusterId {
        &self.cluster
    }

    /// Where to ask first.
    pub(crate) fn bootstrap(&self) -> &[HostPort] {
        &self.bootstrap
    }

    /// Which Kafka cluster the physical cluster has to be.
    pub(crate) fn expected(&self) -> &Expected {
        &self.expected
    }

    pub(crate) fn metrics(&self) -> &UpstreamMetrics {
        &self.metrics
    }

    /// Whether there are credentials of this name.
    pub(crate) fn knows(&self, name: &CredentialsName) -> bool {
        self.named.contains_key(name)
    }

    /// Connects and logs in as the gateway within [`DIAL_TIMEOUT`], to whatever Kafka cluster answers.
    pub(crate) async fn dial(&self, address: &HostPort) -> Result<Dialled, DialError> {
        self.within_time(address, self.establish(address, &LoginAs::Gateway))
            .await
    }

    /// Connects and logs in to the expected Kafka cluster within [`DIAL_TIMEOUT`]; with a client's login to be relayed,
    /// only connects.
    pub(crate) async fn dial_as(&self, address: &HostPort, login: &LoginAs) -> Result<Dialled, DialError> {
        let establishing = async {
            let mut dialled = self.establish(address, login).await?;
            if login.is_shared() {
                self.recognise(&mut dialled.channel, &dialled.login.offer).await?;
            }
            Ok(dialled)
        };
        self.within_time(address, establishing).await
    }

    async fn within_time(
        &self,
        address: &HostPort,
        dialling: impl Future<Output = Result<Dialled, DialFault>>,
    ) -> Result<Dialled, DialError> {
        let outcome = match tokio::time::timeout(DIAL_TIMEOUT, dialling).await {
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

    async fn establish(&self, address: &HostPort, login: &LoginAs) -> Result<Dialled, DialFault> {
        self.check_usable()?;
        let socket = connect(address).await?;
        self.refuse_loop(&socket)?;
        let stream = match &self.tls {
            None => Stream::Plain(socket),
            Some(config) => secure(config, &address.host, socket).await?,
        };
        let mut channel = Channel::new(stream);
        let login = self.log_in(&mut channel, login).await?;
        Ok(Dialled { channel, login })
    }

    async fn log_in(&self, channel: &mut Channel, login: &LoginAs) -> Result<LoggedIn, DialFault> {
        let identity = match login {
            LoginAs::Gateway => self.own.as_ref(),
            LoginAs::Named(name) => self.named.get(name),
            LoginAs::Client => None,
        };
        let proof = match identity {
            Some(identity) => Some(identity.proof().await?),
            None => None,
        };
        let (mut login, mut frame) = LoginSteps::start(proof)?;
        loop {
            let answer = channel.exchange(&frame).await?;
            let mut step = login.receive(&answer)?;
            if let (LoginStep::Derive(derivation), Some(identity)) = (&step, identity) {
                step = login.derived(&identity.derive(derivation.clone()).await?)?;
            }
            match step {
                LoginStep::Send(next) => frame = next,
                LoginStep::Derive(_) => return Err(IdentityError::Aborted.into()),
                LoginStep::Done(logged_in) => return Ok(logged_in),
            }
        }
    }

    /// Asks the broker which Kafka cluster it is of, once that matters: what is built anew at the same addresses is
    /// another one from its first connection on, not from the watcher's next look.
    pub(crate) async fn recognise<S>(&self, channel: &mut Channel<S>, offer: &Offer) -> Result<(), DialFault>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        if !self.expected.is_pinned() {
            return Ok(());
        }
        let version = offer.version(MetadataRequest::KEY, METADATA);
        let version = version.ok_or(LoginError::TooOld { what: "Metadata 9" })?;
        let nothing = MetadataRequest::default()
            .with_topics(Some(Vec::new()))
            .with_allow_auto_topic_creation(false);
        let answer = channel.call(version, &nothing).await?;
        Ok(self
            .expected
            .check(answer.cluster_id.as_deref().unwrap_or_default())?)
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

/// A connection whose other end the system probes, so that firewalls remember it and a host that is gone is noticed.
async fn open(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    let probes = TcpKeepalive::new()
        .with_time(KEEPALIVE_AFTER)
        .with_interval(KEEPALIVE_EVERY);
    SockRef::from(&socket).set_tcp_keepalive(&probes)?;
    Ok(socket)
}

async fn connect(address: &HostPort) -> Result<TcpStream, DialFault> {
    let resolved: Vec<SocketAddr> = tokio::net::lookup_host((address.host.as_str(), address.port))
        .await
        .map_err(DialFault::Resolve)?
        .take(MAX_ADDRESSES)
        .collect();
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for candidate in resolved {
        match open(candidate).await {
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

/// The fetcher of tokens, when any of the credentials need them: it trusts whom the connections to the brokers trust.
fn fetcher(config: &BackendConfig) -> Result<Fetcher, TrustError> {
    let needs_https =
        config.login.iter().chain(config.credentials.values()).any(
            |login| matches!(login, UpstreamLogin::Bearer(login) if login.client.endpoint.needs_trust()),
        );
    match &config.security {
        _ if !needs_https => Ok(Fetcher::local()),
        Security::Tls(tls) => Fetcher::new(&tls.trust),
        Security::Plaintext => Fetcher::new(&Trust::System),
    }
}

#[cfg(test)]
mod tests;
