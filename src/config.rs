//! The configuration: one file, and an environment variable for every key. Pure: files are read through a function that
//! is passed in, so nothing here knows the file system, the process environment or a clock.
//!
//! A key is written `gateway.http.port`; in the file, nesting and dots mean the same. Its variable is the key in
//! capitals with `_` for `.` (`GATEWAY_HTTP_PORT`), and variables win. Everything that is wrong is reported at once.

mod backends;
mod build;
mod clusters;
mod failover;
mod fields;
mod hint;
mod jaas;
mod kafka_names;
mod keys;
mod registries;
mod listeners;
mod logins;
mod named;
mod physical;
mod problem;
mod providers;
pub mod reference;
mod references;
mod settings;
mod tree;
mod users;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::num::{NonZeroU16, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use klamm_raft::model::{
    AccountName, Authentication, ClusterId, KeyName, Limits, NodeId, ProviderName, RegistryName, SigningKey,
};
use klamm_raft::{ClusterSecret, OwnId, Storage, StorageKey, Upgrade};

use crate::address::HostPort;
use crate::backend::config::{AnonymousClients, BackendConfig};
use crate::keys::KeyConfig;
use crate::listener::config::ListenerConfig;
use crate::oauth::ProviderConfig;
use crate::registries::RegistryConfig;
use crate::telemetry::LogFormat;
use crate::tls::TlsFiles;

pub(crate) use build::key_in;
pub(crate) use jaas::Module;
pub use physical::{
    InvalidCluster, check_adoptable, check_cluster, references_of, resolve_cluster, written_cluster,
};
pub use problem::{ConfigError, Problem, SettingPlace};
pub use references::{Follow, Reference, Unfollowed, is_reference};
pub use users::{AdminUser, Role};

/// The beginning of the names of variables that are there to be named by resources.
pub const NAMED_BY_RESOURCES: &str = "KLAMM_SECRET_";

/// Reads a whole file as text.
pub type ReadFile<'a> = &'a dyn Fn(&Path) -> io::Result<String>;

/// Where a configuration comes from.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The main file, if there is one.
    pub file: Option<&'a Path>,
    /// The process environment.
    pub variables: &'a BTreeMap<String, String>,
    pub read: ReadFile<'a>,
    /// Reads a file that holds a secret: not one that everybody may read.
    pub read_secret: ReadFile<'a>,
    /// Reads a list of methods as it stands in `spec.authentication`; the error is for people.
    pub methods: fn(&str) -> Result<Authentication, String>,
}

impl std::fmt::Debug for Inputs<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inputs")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

/// A configuration without contradictions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub http: HttpConfig,
    /// At least one; names are unique and ports do not overlap.
    pub listeners: Vec<ListenerConfig>,
    pub node: NodeConfig,
    pub passthrough: PassthroughConfig,
    /// The physical clusters; `main` is one of them.
    pub backends: BTreeMap<ClusterId, BackendConfig>,
    /// Where the references of physical clusters that are resources may lead.
    pub secrets: SecretsConfig,
    /// Whether they let clients in that do not log in, where they do not say.
    pub anonymous: AnonymousClients,
    /// The providers of OAuth tokens, by name.
    pub oauth: BTreeMap<ProviderName, ProviderConfig>,
    /// The keys that records are encrypted with, by name.
    pub keys: BTreeMap<KeyName, KeyConfig>,
    /// The registries that have the schemas of records, by name.
    pub registries: BTreeMap<RegistryName, RegistryConfig>,
    /// `None`: one is generated and replicated.
    pub signing_key: Option<SigningKey>,
    pub limits: LimitsConfig,
    pub log: LogConfig,
    /// Settings that were ignored, for the log.
    pub warnings: Vec<Problem>,
}

/// The admin API, health checks and metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpConfig {
    pub bind: HostPort,
    /// The names that it is known by, without ports.
    pub hosts: BTreeSet<String>,
    /// At least one.
    pub users: Vec<AdminUser>,
    /// Whom it shows the metrics.
    pub metrics: Audience,
    /// Whom it shows its version, and the description of itself.
    pub description: Audience,
    /// Environment variables that resources may name beside those with the prefix for that: names, or beginnings with
    /// `*`.
    pub variables: Vec<String>,
    /// `None`: plain HTTP.
    pub tls: Option<TlsFiles>,
}

/// Who is shown something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    Everybody,
    /// The users of the admin API.
    Users,
}

/// The virtual cluster that is built in. Every node should be given the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassthroughConfig {
    pub acls: AclChecks,
    pub super_users: BTreeSet<AccountName>,
    /// How its clients log in.
    pub authentication: Authentication,
}

/// Whether ACLs decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AclChecks {
    Enabled,
    /// Everybody who logs in may do everything.
    Disabled,
}

/// The secrets of this node that physical clusters which are resources may refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretsConfig {
    /// The beginning of the names of variables.
    pub prefix: String,
    /// The directory of files. None: no file.
    pub directory: Option<PathBuf>,
}

/// This node and its cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeConfig {
    pub id: OwnId,
    pub data_dir: PathBuf,
    /// Under what it is encrypted.
    pub storage: Storage,
    pub backups: BackupsConfig,
    pub usage: UsageConfig,
    /// `None` when the cluster is this single node, and stays so.
    pub raft_listen: Option<HostPort>,
    /// Where the other nodes reach this one.
    pub raft_address: Option<HostPort>,
    /// The nodes that found the cluster, this one included; empty where one does.
    pub raft_peers: BTreeMap<NodeId, HostPort>,
    /// Where nodes of a cluster are that this one joins, if it has no data.
    pub raft_join: Vec<HostPort>,
    /// One of these is given when a peer is not on a loopback address.
    pub cluster_secret: Option<ClusterSecret>,
    /// The certificates by which nodes prove who they are to each other.
    pub raft_tls: Option<TlsFiles>,
    /// When the feature level of the cluster is raised.
    pub upgrade: Upgrade,
    pub isolated: WhenIsolated,
}

/// The usage that a node keeps on its disk and shows as metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageConfig {
    /// For how long it is kept.
    pub keep_hours: u64,
    pub write_every: Duration,
    /// How many accounts of a virtual cluster are told apart, and how many topics of theirs.
    pub names: usize,
    /// How many accounts have metrics of their own.
    pub metrics_accounts: usize,
    /// How many topics have.
    pub metrics_topics: usize,
}

/// Backups of the replicated state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackupsConfig {
    /// Under what they are encrypted.
    pub key: Option<StorageKey>,
    /// `None`: none are made by themselves.
    pub regular: Option<RegularBackups>,
}

/// Backups that are made by themselves. There is a key then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegularBackups {
    pub dir: PathBuf,
    /// From one to the next.
    pub every: Duration,
    /// How many stay.
    pub keep: NonZeroUsize,
}

/// The conduct of a node that does not hear from the leader of its cluster any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenIsolated {
    /// It decides nothing, and closes the connections of clients that ask something.
    Refuse,
    /// It goes on with the rights that it knows.
    Decide,
}

/// Bounds of what a node holds and does at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitsConfig {
    /// Client connections that have logged in.
    pub connections: usize,
    /// Those beside them that have not.
    pub before_login: usize,
    /// The largest frame after login.
    pub frame_bytes: usize,
    /// Frames in memory, together; at least `frame_bytes`.
    pub buffer_bytes: usize,
    /// Records in memory while policies look at them, together.
    pub policy_bytes: usize,
    /// How long a stopping node waits for requests in flight.
    pub drain: Duration,
    /// A login lasts no longer; `None`: as long as its credential.
    pub session_lifetime: Option<Duration>,
    /// Threads for client connections; `None`: one for each core.
    pub threads: Option<NonZeroU16>,
    /// Those of virtual clusters that have none of their own.
    pub vclusters: Limits,
}

/// The events that are logged, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    pub filter: String,
    pub format: LogFormat,
}

impl Config {
    /// Reads and checks everything.
    ///
    /// # Errors
    /// All problems at once, each with its place.
    pub fn load(inputs: Inputs<'_>) -> Result<Self, ConfigError> {
        build::config(inputs)
    }
}

#[cfg(test)]
mod tests;
