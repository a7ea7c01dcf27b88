//! The components of a node, by name.

use std::fmt;

use klamm_raft::model::{ClusterId, KeyName, ListenerName, ProviderName, RegistryName, VclusterName};

use crate::metrics::ComponentKind;

/// Something that runs for as long as the node, or as what it serves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// It follows the replicated state.
    Manager,
    AdminApi,
    Listener,
    /// It accepts the connections of one port of a listener.
    Port(ListenerName, u16),
    VirtualCluster(VclusterName),
    /// It looks at a physical cluster.
    Watcher(ClusterId),
    /// It has the connections of one thread to a physical cluster.
    Pool(ClusterId),
    /// It sees to it that a physical cluster stays the same Kafka cluster.
    Pin(ClusterId),
    KeyReader(ProviderName),
    /// It follows a key that records are encrypted with.
    RecordKey(KeyName),
    /// It looks after a schema registry.
    Registry(RegistryName),
    /// It follows the certificate files that are for this.
    Certificates(String),
    /// It makes backups by itself.
    Backups,
    /// It tells the other nodes which addresses this one cannot open.
    Announcer,
    /// It tells the other nodes how this one reaches physical clusters.
    Reporter,
    /// It follows switches to another physical cluster.
    RouteKeeper,
    /// It shares quotas with the other nodes.
    QuotaKeeper,
    /// It writes usage down.
    Accountant,
    /// It follows the files that physical clusters refer to.
    SecretReader,
}

impl Component {
    /// The label of it in metrics.
    pub fn kind(&self) -> ComponentKind {
        match self {
            Self::Manager => ComponentKind::Manager,
            Self::AdminApi => ComponentKind::AdminApi,
            Self::Listener => ComponentKind::Listener,
            Self::Port(..) => ComponentKind::Port,
            Self::VirtualCluster(_) => ComponentKind::VirtualCluster,
            Self::Watcher(_) => ComponentKind::Watcher,
            Self::Pool(_) => ComponentKind::Pool,
            Self::Pin(_) => ComponentKind::Pin,
            Self::KeyReader(_) => ComponentKind::KeyReader,
            Self::RecordKey(_) => ComponentKind::RecordKey,
            Self::Registry(_) => ComponentKind::Registry,
            Self::Certificates(_) => ComponentKind::Certificates,
            Self::Backups => ComponentKind::Backups,
            Self::Announcer => ComponentKind::Announcer,
            Self::Reporter => ComponentKind::Reporter,
            Self::RouteKeeper => ComponentKind::RouteKeeper,
            Self::QuotaKeeper => ComponentKind::QuotaKeeper,
            Self::Accountant => ComponentKind::Accountant,
            Self::SecretReader => ComponentKind::SecretReader,
        }
    }

    /// Whether clients of all virtual clusters need it. What others lack is theirs: the node serves everybody else.
    pub fn is_for_all(&self) -> bool {
        match self {
            Self::Manager | Self::AdminApi | Self::Listener => true,
            Self::Watcher(cluster) | Self::Pool(cluster) => cluster.is_main(),
            Self::Port(..)
            | Self::VirtualCluster(_)
            | Self::Pin(_)
            | Self::KeyReader(_)
            | Self::RecordKey(_)
            | Self::Registry(_)
            | Self::Certificates(_)
            | Self::Backups
            | Self::Announcer
            | Self::Reporter
            | Self::RouteKeeper
            | Self::QuotaKeeper
            | Self::Accountant
            | Self::SecretReader => false,
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manager => write!(f, "the follower of the replicated state"),
            Self::AdminApi => write!(f, "the admin API"),
            Self::Listener => write!(f, "the opener of ports for clients"),
            Self::Port(listener, port) => write!(f, "port {port} of the listener {listener}"),
            Self::VirtualCluster(name) => write!(f, "the virtual cluster {name}"),
            Self::Watcher(cluster) => write!(f, "the watcher of the physical cluster {cluster}"),
            Self::Pool(cluster) => write!(f, "a pool of connections to the physical cluster {cluster}"),
            Self::Pin(cluster) => write!(f, "the keeper of the identity of the physical cluster {cluster}"),
            Self::KeyReader(provider) => write!(f, "the reader of the keys of the OAuth provider {provider}"),
            Self::RecordKey(key) => write!(f, "the follower of the key {key} for records"),
            Self::Registry(name) => write!(f, "the one who looks after the schema registry {name}"),
            Self::Certificates(of) => write!(f, "the follower of the certificate files of {of}"),
            Self::Backups => write!(f, "the maker of backups"),
            Self::Announcer => write!(f, "the announcer of addresses that cannot be opened"),
            Self::Reporter => write!(f, "the reporter of how physical clusters are reached"),
            Self::RouteKeeper => write!(f, "the follower of switches to another physical cluster"),
            Self::QuotaKeeper => write!(f, "the one who shares quotas with the other nodes"),
            Self::Accountant => write!(f, "the one who writes usage down"),
            Self::SecretReader => write!(f, "the reader of the files that physical clusters refer to"),
        }
    }
}
