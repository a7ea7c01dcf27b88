//! Pending requests: what a request leaves behind for its answer. Opaque to the session.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::api::description::{Ahead, Api, ConnectionUse, QuotaUse};
use super::api::items::Refusals;
use super::api::records::FetchFacts;
use super::api::topics::Shape;
use super::carried::SentBatches;
use super::pattern::Pattern;
use super::producer::GivenIds;
use super::record_work::RefusedRecords;
use super::rename::Names;
use super::view::Acls;
use crate::wire::{Node, Segments, Tail};

/// A forwarded request, as its response must be treated.
#[derive(Debug)]
pub struct Pending {
    /// The response must carry this correlation id.
    pub correlation_id: i32,
    pub(super) api: &'static Api,
    pub(super) version: i16,
    /// The names that the request was renamed by: the answer holds those, whatever the view says by then.
    pub(super) names: Arc<Names>,
    pub(super) then: Then,
    /// For how long the client is not read once it has the answer, in milliseconds.
    pub(super) throttle_ms: u32,
}

impl Pending {
    /// Whether the broker keeps something for its connection once it served the request: a share session (KIP-932), or
    /// what a client measures (KIP-714).
    pub fn binds_connection(&self) -> bool {
        self.api.connection() == ConnectionUse::Bound
    }

    /// Whether the answer may hold records that policies look at.
    pub fn may_hold_records(&self) -> bool {
        matches!(self.then, Then::Fetched(..))
    }

    /// Whether the bytes of the answer count as consumed.
    pub fn consumes(&self) -> bool {
        self.api.uses() == QuotaUse::ConsumedBytes
    }

    /// Has the answer say for how long the client is not read once it has it.
    pub fn throttled_for(&mut self, ms: u32) {
        self.throttle_ms = ms;
    }

    /// Whether the answer may tell of topics that the view does not show yet, and then waits for them.
    pub fn may_run_ahead(&self) -> bool {
        self.api.ahead() != Ahead::Never
    }
}

/// The kind of thing that a coordinator is asked for by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coordinated {
    Group,
    Transaction,
}

/// The change of an answer beyond renaming.
#[derive(Debug)]
pub(super) enum Then {
    Nothing,
    /// A producer id is given out in this way.
    GivesOutId(GivenIds),
    /// Topics that were not sent are added in this shape.
    Topics(&'static Shape, Vec<RefusedTopic>),
    /// Topics that were not sent are added, and batches that policies refused; of the others the broker says which it took.
    Produced(Vec<RefusedTopic>, Vec<RefusedBatch>, SentBatches),
    /// Topics that were not sent are added, records are judged by policies, and topics by other ACLs than these once more.
    Fetched(Vec<RefusedTopic>, Option<Box<FetchFacts>>, Arc<Acls>),
    Metadata(MetadataThen),
    Cluster(Asked),
    /// Keys that were not sent are added (FindCoordinator from version 4).
    Coordinators(Coordinated, Vec<RefusedKey>),
    /// Embedded messages of members are renamed.
    Members(Members),
    OffsetFetch(Vec<FetchedGroup>),
    Groups {
        refused: Vec<RefusedGroup>,
        operations: Asked,
    },
    Configs(Vec<RefusedConfig>),
    /// Transactional ids that were not sent are added, and topics that the caller may not describe are removed.
    Transactions(Vec<RefusedTransaction>),
    /// Only what matches is listed.
    ListedTransactions(Option<Arc<Pattern>>),
    /// Items that were not sent are added.
    Refusals(Refusals),
    /// Topics that the caller may not describe are removed: all were asked for.
    Filtered,
}

/// Whether a client wants something in the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Yes,
    No,
}

impl Asked {
    /// The wish that a boolean field of a request expresses.
    pub(super) fn of(field: Option<bool>) -> Self {
        if field == Some(true) { Self::Yes } else { Self::No }
    }
}

/// A topic of a request that was not sent on, as it must be answered.
#[derive(Debug)]
pub(super) struct RefusedTopic {
    pub(super) key: TopicKey,
    pub(super) partitions: Vec<i32>,
    pub(super) error: i16,
    /// Of the partitions, those whose mention is a fault of the request: INVALID_REQUEST, whatever the topic is.
    pub(super) invalid: BTreeSet<i32>,
}

/// A batch of a Produce request that is not sent on, because of its records.
#[derive(Debug)]
pub(super) struct RefusedBatch {
    pub(super) topic: TopicKey,
    pub(super) partition: i32,
    pub(super) why: RefusedRecords,
}

/// How a client named a topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum TopicKey {
    Name(String),
    Id([u8; 16]),
}

impl TopicKey {
    /// The key of a topic of a request.
    pub(super) fn of(topic: Node<'_>) -> Option<Self> {
        match topic.topic_name() {
            Some(name) => Some(Self::Name(name.to_owned())),
            None => Some(Self::Id(topic.topic_id()?)),
        }
    }
}

/// The change of a Metadata answer.
#[derive(Debug)]
pub(super) struct MetadataThen {
    pub(super) refused: Vec<RefusedMetadata>,
    pub(super) topic_operations: Asked,
    pub(super) cluster_operations: Asked,
    /// Whether the topics of the answer were asked for, or only its brokers.
    pub(super) topics: Asked,
    /// Whether topics that the caller may not describe are in the answer, and are left out.
    pub(super) filter: Asked,
}

/// A topic that Metadata is not asked for.
#[derive(Debug)]
pub(super) struct RefusedMetadata {
    pub(super) key: TopicKey,
    pub(super) error: i16,
    /// The bitfield, when it was asked for and the topic is not hidden.
    pub(super) operations: Option<i32>,
}

/// A coordinator that is not looked up.
#[derive(Debug)]
pub(super) struct RefusedKey {
    pub(super) key: String,
    pub(super) error: i16,
    pub(super) message: Option<&'static str>,
}

/// A transactional id that is not described.
#[derive(Debug)]
pub(super) struct RefusedTransaction {
    pub(super) id: String,
    pub(super) error: i16,
}

/// A group that was not sent on.
#[derive(Debug)]
pub(super) struct RefusedGroup {
    pub(super) group: String,
    pub(super) error: i16,
}

/// A group of an OffsetFetch.
#[derive(Debug)]
pub(super) struct FetchedGroup {
    pub(super) group: String,
    pub(super) topics: FetchedTopics,
}

/// Which offsets of a group are fetched.
#[derive(Debug)]
pub(super) enum FetchedTopics {
    /// All of which the caller may know.
    All,
    /// Those that were named; these of them were not sent on.
    Named(Vec<RefusedTopic>),
    /// None: the whole group was not sent on.
    Refused(i16),
}

/// The members of a group, as far as their embedded bytes depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Members {
    pub(super) protocol: MemberProtocol,
    pub(super) company: Company,
}

impl MemberProtocol {
    /// The tail that the bytes of members may have; `None` when nobody reads them. Those that may be of another protocol
    /// must look like this one to their end.
    pub(super) fn tail(self) -> Option<Tail> {
        match self {
            Self::Consumer => Some(Tail::Anything),
            Self::Unknown => Some(Tail::Nothing),
            Self::Other => None,
        }
    }
}

impl Members {
    /// Of whom no bytes are read.
    pub(super) const OTHER: Self = Self {
        protocol: MemberProtocol::Other,
        company: Company::Own,
    };
}

/// Who may be a member of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Company {
    /// Clients of the virtual cluster.
    Own,
    /// Others too: the group is let in.
    Mixed,
}

/// The protocol of the embedded bytes of group members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MemberProtocol {
    /// The `consumer` protocol.
    Consumer,
    /// The version of the request does not say.
    Unknown,
    /// Anything else: nobody but the members knows what.
    Other,
}

/// A resource whose configuration is not asked for.
#[derive(Debug)]
pub(super) struct RefusedConfig {
    pub(super) resource_type: i8,
    pub(super) name: String,
    pub(super) error: i16,
    pub(super) message: Option<&'static str>,
}

/// A change that was proposed for a request. Its answers are made before, so that nothing can fail once it happened.
#[derive(Debug)]
pub struct PendingChange(pub(super) Box<ChangeAnswers>);

/// The answers to a change.
#[derive(Debug)]
pub(super) struct ChangeAnswers {
    pub(super) done: Segments,
    pub(super) refused: Segments,
    /// When it may or may not have happened.
    pub(super) not_known: Segments,
}

#[cfg(test)]
pub(crate) mod samples {
    //! Pending requests for tests of those who only carry them.

    use std::collections::BTreeMap;

    use klamm_raft::model::Neighbours;

    use super::{Names, Pending, Then};
    use crate::vcluster::api::table::api_of;
    use crate::vcluster::rename::{Scope, Sources};

    /// A request with this correlation id.
    pub(crate) fn pending(correlation_id: i32) -> Pending {
        let sources = Sources {
            vcluster: &"sample".parse().expect("it is a valid name"),
            cluster: None,
            aliases: &BTreeMap::new(),
            topics: &BTreeMap::new(),
            holders: &BTreeMap::new(),
            neighbours: &Neighbours::default(),
            first_ids: None,
        };
        Pending {
            correlation_id,
            api: api_of(12).expect("Heartbeat is served"),
            version: 0,
            names: Names::compile(None, Scope::Aliases, sources),
            then: Then::Nothing,
            throttle_ms: 0,
        }
    }
}
