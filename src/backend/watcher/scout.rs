//! Asks a physical cluster for its picture: Metadata over one connection, ApiVersions of each broker. It is no actor and
//! publishes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{MetadataRequest, MetadataResponse, TopicName as WireTopic};
use kafka_protocol::protocol::{Request, StrBytes};
use klamm_raft::model::TopicName;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{info, warn};

use super::Tracked;
use super::sketch::{Implausible, Sketch};
use crate::address::HostPort;
use crate::backend::channel::{Channel, ChannelError};
use crate::backend::dial::{DialError, Dialer};
use crate::backend::expected::OtherCluster;
use crate::backend::login::Offer;
use crate::backend::topology::Topology;
use crate::backend::unusable::Unusable;
use crate::chain::Chain;
use crate::metrics::UpstreamFault;

/// Versions of Metadata that are read: 9 is the first flexible one, 12 has topic ids and all that is needed.
const METADATA: (i16, i16) = (9, 12);

/// How long a broker may take to answer Metadata.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// How many addresses are tried for one look.
const MAX_ATTEMPTS: usize = 6;

/// A broker is asked again for its versions after this time: it may have been upgraded in between two looks.
const PROBE_EVERY: Duration = Duration::from_secs(60);

/// A look does not wait longer for a broker that does not say its versions.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Brokers that are asked for their versions at the same time.
const MAX_PROBES: usize = 8;

/// Why a look brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    #[error("no broker of the physical cluster can be reached")]
    Dial(#[from] DialError),
    #[error("the broker did not answer Metadata")]
    Channel(#[from] ChannelError),
    #[error("the physical cluster did not answer in time")]
    Timeout,
    #[error("the broker is too old: it does not support Metadata {}", METADATA.0)]
    TooOld,
    #[error(transparent)]
    Implausible(#[from] Implausible),
    #[error("no broker of the cluster reports which versions it supports")]
    NoOffers,
    #[error(transparent)]
    OtherCluster(#[from] OtherCluster),
    #[error(transparent)]
    Unusable(#[from] Unusable),
}

impl LookError {
    /// The label of this error in metrics.
    pub fn kind(&self) -> UpstreamFault {
        match self {
            Self::Dial(error) => error.fault.kind(),
            Self::Channel(error) => error.kind(),
            Self::Timeout => UpstreamFault::Timeout,
            Self::TooOld => UpstreamFault::TooOld,
            Self::Implausible(_) => UpstreamFault::Protocol,
            Self::NoOffers => UpstreamFault::NoOffers,
            Self::OtherCluster(_) => UpstreamFault::OtherCluster,
            Self::Unusable(_) => UpstreamFault::Unusable,
        }
    }
}

/// The result of a look.
#[derive(Debug)]
pub(super) struct Sighting {
    pub(super) sketch: Sketch,
    /// Of every broker that ever said it.
    pub(super) offers: Vec<Offer>,
}

impl Sighting {
    /// The picture, with all topics that were asked for and exist.
    pub(super) fn topology(&self, last: Option<&Topology>) -> Topology {
        self.sketch.topology(&self.offers, last)
    }
}

/// The connection to one cluster that looks are made through, and what each of its brokers offers.
#[derive(Debug)]
pub(super) struct Scout {
    dialer: Arc<Dialer>,
    line: Option<Line>,
    probes: BTreeMap<i32, Probe>,
}

/// A connection, and the version of Metadata that is asked over it.
#[derive(Debug)]
struct Line {
    channel: Channel,
    version: i16,
}

/// The knowledge of a broker's versions.
#[derive(Debug)]
struct Probe {
    address: HostPort,
    at: Instant,
    /// The last offer; kept when a later probe fails.
    offer: Option<Offer>,
    failing: bool,
}

impl Scout {
    pub(super) fn new(dialer: Arc<Dialer>) -> Self {
        Self {
            dialer,
            line: None,
            probes: BTreeMap::new(),
        }
    }

    /// Whether it looks through this dialer.
    pub(super) fn is_of(&self, dialer: &Arc<Dialer>) -> bool {
        Arc::ptr_eq(&self.dialer, dialer)
    }

    /// One look at the cluster. The scout is of use again whatever comes of it, also when the look is dropped midway.
    pub(super) async fn look(&mut self, topics: &Tracked) -> Result<Sighting, LookError> {
        let request = request(topics);
        let mut sketch = Sketch::read(&self.ask(&request).await?).inspect_err(|_| self.line = None)?;
        sketch.is_complete = topics.is_all();
        self.probe(&sketch).await;
        let offers: Vec<Offer> = self
            .probes
            .values()
            .filter_map(|probe| probe.offer.clone())
            .collect();
        if offers.is_empty() {
            return Err(LookError::NoOffers);
        }
        Ok(Sighting { sketch, offers })
    }

    /// Over the connection that is there; else, or when it has died meanwhile, over a new one.
    async fn ask(&mut self, request: &MetadataRequest) -> Result<MetadataResponse, LookError> {
        self.dialer.check_usable()?;
        if let Some(line) = self.line.take()
            && let Ok(answer) = self.ask_over(line, request).await
        {
            return Ok(answer);
        }
        let mut last = LookError::NoOffers;
        for address in self.addresses() {
            let outcome = match self.dial(&address).await {
                Ok(line) => self.ask_over(line, request).await,
                Err(error) => Err(error),
            };
            match outcome {
                Ok(answer) => return Ok(answer),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn dial(&self, address: &HostPort) -> Result<Line, LookError> {
        let dialled = self.dialer.dial(address).await?;
        let version = dialled
            .login
            .offer
            .version(MetadataRequest::KEY, METADATA)
            .ok_or(LookError::TooOld)?;
        Ok(Line {
            channel: dialled.channel,
            version,
        })
    }

    async fn ask_over(
        &mut self,
        mut line: Line,
        request: &MetadataRequest,
    ) -> Result<MetadataResponse, LookError> {
        let answer = timeout(ANSWER_TIMEOUT, line.channel.call(line.version, request))
            .await
            .map_err(|_elapsed| LookError::Timeout)??;
        self.line = Some(line);
        Ok(answer)
    }

    /// Brokers that were there at the last look, then the bootstrap servers.
    fn addresses(&self) -> Vec<HostPort> {
        let mut brokers: Vec<&HostPort> = self.probes.values().map(|probe| &probe.address).collect();
        let first = usize::from(crate::backend::chance()) % brokers.len().max(1);
        brokers.rotate_left(first);
        brokers.truncate(MAX_ATTEMPTS / 2);
        let mut addresses: Vec<HostPort> = Vec::new();
        for address in brokers.into_iter().chain(self.dialer.bootstrap()) {
            if addresses.len() < MAX_ATTEMPTS && !addresses.contains(address) {
                addresses.push(address.clone());
            }
        }
        addresses
    }

    /// Asks brokers for their versions: those that are new, have moved, did not answer, or answered long ago.
    async fn probe(&mut self, sketch: &Sketch) {
        self.probes.retain(|id, probe| {
            sketch
                .brokers
                .get(id)
                .is_some_and(|broker| broker.address() == probe.address)
        });
        let now = Instant::now();
        let mut due: Vec<(i32, HostPort)> = sketch
            .brokers
            .iter()
            .filter(|(id, _)| self.probes.get(id).is_none_or(|probe| probe.is_due(now)))
            .map(|(&id, broker)| (id, broker.address()))
            .collect();
        let mut running = JoinSet::new();
        while !due.is_empty() || !running.is_empty() {
            while running.len() < MAX_PROBES
                && let Some((id, address)) = due.pop()
            {
                let dialer = Arc::clone(&self.dialer);
                running.spawn(async move {
                    let outcome = timeout(PROBE_TIMEOUT, dialer.dial(&address)).await;
                    (id, address, outcome)
                });
            }
            if let Some(Ok((id, address, outcome))) = running.join_next().await {
                let offer = match outcome {
                    Ok(Ok(dialled)) => Ok(dialled.login.offer),
                    Ok(Err(error)) => Err(Chain(&error).to_string()),
                    Err(_elapsed) => Err("it did not answer in time".to_owned()),
                };
                self.note(id, address, offer);
            }
        }
    }

    fn note(&mut self, id: i32, address: HostPort, outcome: Result<Offer, String>) {
        let cluster = self.dialer.cluster();
        let probe = self.probes.entry(id).or_insert_with(|| Probe {
            address,
            at: Instant::now(),
            offer: None,
            failing: false,
        });
        probe.at = Instant::now();
        match outcome {
            Ok(offer) => {
                if probe.failing {
                    info!(%cluster, broker = id, "the broker reports its API versions again");
                }
                probe.offer = Some(offer);
                probe.failing = false;
            }
            Err(why) => {
                if !probe.failing {
                    warn!(%cluster, broker = id, address = %probe.address, why, "a broker does not report its API versions");
                }
                probe.failing = true;
            }
        }
    }
}

impl Probe {
    fn is_due(&self, now: Instant) -> bool {
        self.failing || now.saturating_duration_since(self.at) >= PROBE_EVERY
    }
}

/// Asks for these topics and no others, and creates none.
fn request(topics: &Tracked) -> MetadataRequest {
    let item = |name: &TopicName| {
        let name = WireTopic(StrBytes::from_string(name.as_str().to_owned()));
        MetadataRequestTopic::default().with_name(Some(name))
    };
    let topics = match topics {
        Tracked::Those(names) => Some(names.iter().map(item).collect()),
        Tracked::All => None,
    };
    MetadataRequest::default()
        .with_topics(topics)
        .with_allow_auto_topic_creation(false)
}
