//! The capabilities that the admin API is handed from the rest of the gateway.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use klamm_raft::command::Change;
use klamm_raft::model::{
    ClusterId, ClusterReports, KeyName, PhysicalCluster, ProviderName, RegistryName, Revision, State,
    TopicName,
};
use klamm_raft::{Applied, BackupError, BackupHeader, ConfirmError, Lease, ProposeError, Status};
use tokio::sync::watch;

use super::here::Here;
use super::variables::Variables;
use crate::backend::config::{AnonymousClients, BackendConfig};
use crate::backend::topology::{Topics, Topology};
use crate::backend::{Bounds, Committed, GroupPositions, Unusable};
use crate::config::{Reference, Unfollowed};
use crate::listener::config::ListenerConfig;
use crate::usage::{TooManyRows, UsageQuestion, UsageReport};
use crate::vcluster::rename::Names;

/// An answer that comes later, on the thread that asked.
pub type AnswerLater<T> = Pin<Box<dyn Future<Output = T>>>;

/// Proposes a change and answers once no node decides by what was before.
pub type ProposeChange = dyn Fn(Change) -> AnswerLater<Result<Applied, ProposeError>> + Send + Sync;

/// Answers once this node is known to show everything that was acknowledged before, on whatever node.
pub type ConfirmNewest = dyn Fn() -> AnswerLater<Result<Revision, ConfirmError>> + Send + Sync;

/// Answers with a backup of the state, as a file has it.
pub type MakeBackup = dyn Fn(BackupCover) -> AnswerLater<Result<BackupFile, CannotBackUp>> + Send + Sync;

/// Whether a backup is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupCover {
    Encrypted,
    InClear,
}

/// A backup that was made.
#[derive(Debug)]
pub struct BackupFile {
    pub header: BackupHeader,
    pub content: Vec<u8>,
}

/// Why no backup can be made.
#[derive(Debug, thiserror::Error)]
pub enum CannotBackUp {
    #[error(
        "this node has no key for backups, which hold the key that signs tokens: set klamm.backup.key.file, or ask another node"
    )]
    NoKey,
    #[error(transparent)]
    Confirm(#[from] ConfirmError),
    #[error("the backup cannot be made: {0}")]
    Failed(BackupError),
    #[error("the backup was given up")]
    GivenUp,
}

/// Asks a physical cluster for a topic.
pub type FindTopic = dyn Fn(ClusterId, TopicName) -> AnswerLater<Result<Finding, CannotAsk>> + Send + Sync;

/// Asks a physical cluster for all its topics.
pub type ListPhysicalTopics = dyn Fn(ClusterId) -> AnswerLater<Result<Topics, CannotAsk>> + Send + Sync;

/// Asks a physical cluster what the groups of a virtual cluster have committed for a topic, by the names that clients
/// use.
pub type CommittedOffsets =
    dyn Fn(ClusterId, TopicName, Arc<Names>) -> AnswerLater<Result<Committed, CannotAsk>> + Send + Sync;

/// Whether a group, by its name on a physical cluster, is meant.
pub type IsGroupMeant = dyn Fn(&str) -> bool + Send + Sync;

/// Asks a physical cluster how many records groups have not read yet.
pub type PositionsOfGroups =
    dyn Fn(ClusterId, Arc<IsGroupMeant>) -> AnswerLater<Result<GroupPositions, CannotAsk>> + Send + Sync;

/// Asks a physical cluster where the partitions of a topic begin and end.
pub type TopicBounds =
    dyn Fn(ClusterId, TopicName) -> AnswerLater<Result<BTreeMap<i32, Bounds>, CannotAsk>> + Send + Sync;

/// Asks all nodes for the usage that they have on record.
pub type ReportUsage = dyn Fn(UsageQuestion) -> AnswerLater<Result<UsageReport, TooManyRows>> + Send + Sync;

/// Says whether a reference may be followed on this node.
pub(super) type CheckReference = dyn Fn(&Reference) -> Result<(), Unfollowed> + Send + Sync;

/// Follows the references of a physical cluster on this node.
pub(super) type ResolveCluster =
    dyn Fn(ClusterId, PhysicalCluster) -> AnswerLater<Result<BackendConfig, Unusable>> + Send + Sync;

/// The last picture of a physical cluster, if there is one.
pub(super) type SeenTopology = dyn Fn(&ClusterId) -> Option<Arc<Topology>> + Send + Sync;

/// The providers of tokens of a node's configuration.
pub(super) type Providers = BTreeMap<ProviderName, ProviderFacts>;

/// A provider as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderFacts {
    pub issuer: String,
    /// Where its keys are read from.
    pub keys: String,
}

/// The capabilities of the admin API.
#[derive(Clone)]
pub struct Services {
    pub states: watch::Receiver<Arc<State>>,
    pub propose: Arc<ProposeChange>,
    pub confirm: Arc<ConfirmNewest>,
    pub backup: Arc<MakeBackup>,
    /// In a dry run of several changes: where each leaves what it would make of the state, for the next one.
    pub rehearsal: Option<Arc<watch::Sender<Arc<State>>>>,
    /// The providers of tokens of this node's configuration.
    pub providers: Arc<Providers>,
    /// The keys for records of this node's configuration, with their kinds.
    pub record_keys: Arc<BTreeMap<KeyName, &'static str>>,
    /// The schema registries of this node's configuration.
    pub registries: Arc<BTreeSet<RegistryName>>,
    /// The physical clusters and the listeners of this node's configuration, to be read.
    pub backends: Arc<Vec<BackendConfig>>,
    /// Whether physical clusters that do not say let clients in that do not log in.
    pub anonymous: AnonymousClients,
    /// The physical clusters as this node sees them now.
    pub reports: Arc<dyn Fn() -> ClusterReports + Send + Sync>,
    /// Whether a reference may be followed on this node.
    pub check_reference: Arc<CheckReference>,
    /// A physical cluster that is a resource as this node would reach it.
    pub resolve: Arc<ResolveCluster>,
    pub listeners: Arc<Vec<ListenerConfig>>,
    pub find_topic: Arc<FindTopic>,
    pub list_topics: Arc<ListPhysicalTopics>,
    pub committed: Arc<CommittedOffsets>,
    pub bounds: Arc<TopicBounds>,
    pub positions: Arc<PositionsOfGroups>,
    pub topology: Arc<SeenTopology>,
    /// The state of this node alone.
    pub here: Arc<dyn Fn() -> Here + Send + Sync>,
    /// The reasons that keep this node from taking clients; empty when it is ready.
    pub unready: Arc<dyn Fn() -> Vec<Unready> + Send + Sync>,
    pub status: Arc<dyn Fn() -> Status + Send + Sync>,
    /// Whether this node may decide requests.
    pub lease: Lease,
    /// The variables of this node's environment that resources may name.
    pub variables: Arc<Variables>,
    pub usage: Arc<ReportUsage>,
    /// The metrics in Prometheus's text format; the error is for the client.
    pub metrics: Arc<dyn Fn() -> Result<String, String> + Send + Sync>,
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services")
            .field("providers", &self.providers)
            .finish_non_exhaustive()
    }
}

/// The finding of a physical cluster about a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    Exists,
    Missing,
}

/// Why a physical cluster does not say what it is asked; the text is for the admin client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CannotAsk(pub String);

/// A reason not to be sent clients.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unready {
    #[error("the Kafka ports are not open")]
    Listener,
    /// Why the first of them is not.
    #[error("none of the addresses for Kafka clients could be opened: {0}")]
    NothingOpen(String),
    #[error("the port for peers, {0}, is taken by another process; it will be retried")]
    PeerPort(SocketAddr),
    #[error("no leader of the gateway cluster is known")]
    NoLeader,
    #[error(
        "this node holds no lease, so it decides no requests: it does not hear from the leader of the gateway cluster, or does not keep up"
    )]
    NoLease,
    #[error(
        "another process with the number of this node is at work, so this one waits: has its data directory been copied?"
    )]
    AnotherProcess,
    #[error("the physical cluster main cannot be reached")]
    Main,
    /// It names the cluster, and no other can be used.
    #[error("physical cluster {0}")]
    OtherCluster(String),
    #[error("{0} panicked and is about to be restarted")]
    Panicked(String),
    #[error("this node is stopping")]
    Draining,
    /// The other nodes do not take this one as it is configured.
    #[error("{0}")]
    Refused(String),
}
