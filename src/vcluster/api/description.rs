//! The description of an API: a constant in its file says all of it, and the table lists those. Nothing has a default,
//! so that whoever adds an API decides everything, and nothing else in the project tells one API from another.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use super::ask::{Ask, Stop};
use super::back::{Back, BadAnswer};
use super::error_code::ErrorCode;
use crate::vcluster::plan::Plan;
use crate::vcluster::view::View;
use crate::wire::{self, Detail, Edits, Field, Message};
use klamm_raft::model::RequestKind;

/// The description of an API. Two of the same key are equal.
pub struct Api {
    /// Kafka's key.
    pub key: i16,
    pub versions: ServedVersions,
    /// The rights that a caller needs, in words for the page on the protocol.
    pub rights: &'static str,
    /// The changes to a request and its answer on their way, in words for the page on the protocol.
    pub on_the_way: &'static str,
    pub(super) answered_by: AnsweredBy,
}

/// The side that answers an API.
pub(super) enum AnsweredBy {
    /// A broker answers: only versions that it offers are served.
    Broker(Forwarded),
    /// The gateway answers.
    Gateway(Request),
    /// The session answers, which logs clients in.
    Session,
}

/// An API that brokers answer.
pub(super) struct Forwarded {
    pub(super) request: Request,
    pub(super) response: Response,
    pub(super) way: Way,
    pub(super) connection: ConnectionUse,
    pub(super) ahead: Ahead,
    pub(super) uses: QuotaUse,
    /// The reason why a request may go upstream although no right was granted for it, if there is one.
    pub(super) needs_no_right: Option<&'static str>,
}

/// A function that plans a request.
pub(super) type Plans = fn(&mut Ask<'_>) -> Result<Plan, Stop>;

/// A function that turns a broker's answer into the client's.
pub(super) type Converts = fn(&mut Back<'_>, Message<'_>, &mut Edits) -> Result<(), BadAnswer>;

/// The handler of an API's requests.
pub(super) struct Request {
    pub(super) plan: Plans,
    reads: Reads,
    /// Of which kind its requests are for rules of policies, if there can be rules.
    pub(super) kind: Option<RequestKind>,
}

/// The fields of a request that its handler reads.
#[derive(Clone, Copy)]
enum Reads {
    Classified,
    Everything,
    /// Everything where the request is for another cluster than the home, since members of groups are left out there.
    EverythingAbroad,
    /// Everything where the virtual cluster has policies.
    EverythingForPolicies,
}

impl Request {
    /// A handler that reads classified fields only.
    pub(super) const fn classified(plan: Plans) -> Self {
        Self::new(plan, Reads::Classified)
    }

    /// A handler that reads any field.
    pub(super) const fn everything(plan: Plans) -> Self {
        Self::new(plan, Reads::Everything)
    }

    /// A handler that reads classified fields at home, and any field on another cluster.
    pub(super) const fn everything_abroad(plan: Plans) -> Self {
        Self::new(plan, Reads::EverythingAbroad)
    }

    /// A handler that reads classified fields only, and any field where the virtual cluster has policies.
    pub(super) const fn everything_for_policies(plan: Plans) -> Self {
        Self::new(plan, Reads::EverythingForPolicies)
    }

    const fn new(plan: Plans, reads: Reads) -> Self {
        let kind = None;
        Self { plan, reads, kind }
    }

    /// Lets policies have rules for its requests, as those of this kind. Where there are any, every field is read.
    pub(super) const fn ruled(self, kind: RequestKind) -> Self {
        Self {
            kind: Some(kind),
            ..self
        }
    }

    /// The detail with which a request to the cluster of `view` is walked.
    pub(super) fn detail(&self, view: &View) -> Detail {
        if let (Some(policies), Some(kind)) = (&view.request_policies, self.kind)
            && policies.rules(kind)
        {
            return Detail::Everything;
        }
        match self.reads {
            Reads::Classified => Detail::Classified,
            Reads::Everything => Detail::Everything,
            Reads::EverythingAbroad if view.is_foreign() => Detail::Everything,
            Reads::EverythingForPolicies if view.policies.is_some() => Detail::Everything,
            Reads::EverythingAbroad | Reads::EverythingForPolicies => Detail::Classified,
        }
    }
}

/// The handler of brokers' answers.
pub(super) struct Response {
    pub(super) convert: Converts,
    pub(super) detail: Detail,
}

impl Response {
    /// A handler that reads classified fields only.
    pub(super) const fn classified(convert: Converts) -> Self {
        let detail = Detail::Classified;
        Self { convert, detail }
    }

    /// A handler that reads any field.
    pub(super) const fn everything(convert: Converts) -> Self {
        let detail = Detail::Everything;
        Self { convert, detail }
    }
}

/// The way of requests in a virtual cluster that reaches several physical ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// To the broker that the connection is to. Clients ask the leader that Metadata tells, and are sent there again.
    Leader,
    /// To the broker that the connection is to. What it does cannot reach over two clusters.
    Connected,
    /// To the home.
    Home,
    /// To all clusters.
    All {
        to: Whom,
        /// The error for what is on a cluster that does not answer.
        unanswered: ErrorCode,
        /// The arrays of the answer that are put together.
        arrays: &'static [Field],
    },
    /// To the home, and to where topics are that the home does not know.
    Offsets(Offsets),
    /// To the home, and then to where offsets may be.
    Groups,
    /// Such a virtual cluster does not serve the API.
    Nowhere,
}

/// The broker of a cluster that is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whom {
    Any,
    /// The one that the connection is to, where it is of that cluster: what it knows of itself, no other knows.
    Connected,
}

/// The ways to use the offsets of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offsets {
    Commit,
    Fetch,
    Delete,
}

/// The use of a connection to a broker once a request was served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::vcluster) enum ConnectionUse {
    /// The connection may serve another client next.
    Free,
    /// The connection stays with its client: the broker keeps something for it.
    Bound,
}

/// The topics of an answer that the view may not show yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::vcluster) enum Ahead {
    Never,
    /// The answer assigns topics by id, of which some came after the request: it is read with the names of now.
    Assigns,
    /// The topics in this array were created.
    Creates(Field),
    /// The topics in this array were deleted.
    Deletes(Field),
    /// Topics have more partitions.
    Grows,
}

/// The thing that a request uses, of those that quotas are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaUse {
    Nothing,
    /// The bytes of the request are produced.
    ProducedBytes,
    /// The bytes of the answer are consumed.
    ConsumedBytes,
    /// Partitions are created or deleted. From this version on a client understands that this is refused.
    Mutations {
        refused_from: i16,
    },
}

/// The versions of an API that are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServedVersions {
    pub range: VersionRange,
    pub(super) announced_from: Option<i16>,
}

impl ServedVersions {
    pub(super) const fn new(min: i16, max: i16) -> Self {
        Self {
            range: VersionRange { min, max },
            announced_from: None,
        }
    }

    /// Has clients be told that the versions begin with this one.
    pub(super) const fn announced_from(self, version: i16) -> Self {
        Self {
            announced_from: Some(version),
            ..self
        }
    }
}

/// A range of versions, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionRange {
    pub min: i16,
    pub max: i16,
}

impl VersionRange {
    /// Whether `version` is in the range.
    pub fn contains(self, version: i16) -> bool {
        (self.min..=self.max).contains(&version)
    }

    /// The versions that are in both ranges.
    pub(super) fn and(self, (min, max): (i16, i16)) -> Option<Self> {
        let both = Self {
            min: self.min.max(min),
            max: self.max.min(max),
        };
        (both.min <= both.max).then_some(both)
    }
}

impl Api {
    /// Kafka's name.
    pub fn name(&self) -> &'static str {
        wire::api_name(self.key).unwrap_or("unknown")
    }

    /// Whether the gateway answers it, not a broker.
    pub fn is_answered_here(&self) -> bool {
        self.forwarded().is_none()
    }

    /// The part of the description that only APIs have which brokers answer.
    pub(super) fn forwarded(&self) -> Option<&Forwarded> {
        match &self.answered_by {
            AnsweredBy::Broker(forwarded) => Some(forwarded),
            AnsweredBy::Gateway(_) | AnsweredBy::Session => None,
        }
    }

    /// The handler of its requests, unless the session sees to them.
    pub(super) fn request(&self) -> Option<&Request> {
        match &self.answered_by {
            AnsweredBy::Broker(forwarded) => Some(&forwarded.request),
            AnsweredBy::Gateway(request) => Some(request),
            AnsweredBy::Session => None,
        }
    }

    /// Of which kind its requests are for rules of policies, if there can be rules.
    pub(super) fn kind(&self) -> Option<RequestKind> {
        self.request().and_then(|request| request.kind)
    }

    /// The way of its requests.
    pub(super) fn way(&self) -> Way {
        self.forwarded().map_or(Way::Connected, |forwarded| forwarded.way)
    }

    /// The topics of its answers that the view may not show yet.
    pub(in crate::vcluster) fn ahead(&self) -> Ahead {
        self.forwarded().map_or(Ahead::Never, |forwarded| forwarded.ahead)
    }

    /// The thing that its requests use, of those that quotas are for.
    pub(in crate::vcluster) fn uses(&self) -> QuotaUse {
        self.forwarded()
            .map_or(QuotaUse::Nothing, |forwarded| forwarded.uses)
    }

    /// The use of a connection that has served it.
    pub(in crate::vcluster) fn connection(&self) -> ConnectionUse {
        self.forwarded()
            .map_or(ConnectionUse::Free, |forwarded| forwarded.connection)
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl PartialEq for Api {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Api {}

impl PartialOrd for Api {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Api {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

impl Hash for Api {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}
