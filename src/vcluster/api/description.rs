//! What an API is: a constant in its file says all of it, and the table lists those. Nothing has a default, so that whoever
//! adds an API decides everything, and nothing else in the project tells one API from another.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use super::ask::{Ask, Stop};
use super::back::{Back, BadAnswer};
use super::error_code::ErrorCode;
use crate::vcluster::plan::Plan;
use crate::vcluster::view::View;
use crate::wire::{self, Detail, Edits, Field, Message};

/// An API. Two of the same key are the same.
pub struct Api {
    /// Kafka's key.
    pub key: i16,
    pub versions: Versions,
    /// What the caller must be allowed, in words for the page on the protocol.
    pub rights: &'static str,
    /// What becomes of a request and its answer, in words for the page.
    pub on_the_way: &'static str,
    pub(super) answered_by: AnsweredBy,
}

/// Who answers an API.
pub(super) enum AnsweredBy {
    /// A broker: only versions that it offers are served.
    Broker(Forwarded),
    /// The gateway.
    Gateway(Request),
    /// The session, which logs clients in.
    Session,
}

/// An API that brokers answer.
pub(super) struct Forwarded {
    pub(super) request: Request,
    pub(super) response: Response,
    pub(super) way: Way,
    pub(super) connection: Connection,
    pub(super) ahead: Ahead,
    /// Why a request may go upstream although no right was granted for it, if that can be.
    pub(super) needs_no_right: Option<&'static str>,
}

/// What is made of a request.
pub(super) type Plans = fn(&mut Ask<'_>) -> Result<Plan, Stop>;

/// What is made of a broker's answer.
pub(super) type Converts = fn(&mut Back<'_>, Message<'_>, &mut Edits) -> Result<(), BadAnswer>;

/// What becomes of requests.
pub(super) struct Request {
    pub(super) plan: Plans,
    reads: Reads,
}

/// How much of a request is read.
#[derive(Clone, Copy)]
enum Reads {
    Classified,
    Everything,
    /// Everything, where the request is for another cluster than the home: members of groups are left out there.
    EverythingAbroad,
}

impl Request {
    /// Of which classified fields are read.
    pub(super) const fn classified(plan: Plans) -> Self {
        let reads = Reads::Classified;
        Self { plan, reads }
    }

    /// Of which all fields are read.
    pub(super) const fn everything(plan: Plans) -> Self {
        let reads = Reads::Everything;
        Self { plan, reads }
    }

    /// Of which members of groups are read too, on another cluster than the home.
    pub(super) const fn everything_abroad(plan: Plans) -> Self {
        let reads = Reads::EverythingAbroad;
        Self { plan, reads }
    }

    /// How much is read of a request to the cluster of `view`.
    pub(super) fn detail(&self, view: &View) -> Detail {
        match self.reads {
            Reads::Classified => Detail::Classified,
            Reads::Everything => Detail::Everything,
            Reads::EverythingAbroad if view.is_foreign() => Detail::Everything,
            Reads::EverythingAbroad => Detail::Classified,
        }
    }
}

/// What becomes of a broker's answers.
pub(super) struct Response {
    pub(super) convert: Converts,
    pub(super) detail: Detail,
}

impl Response {
    /// Of which classified fields are read.
    pub(super) const fn classified(convert: Converts) -> Self {
        let detail = Detail::Classified;
        Self { convert, detail }
    }

    /// Of which all fields are read.
    pub(super) const fn everything(convert: Converts) -> Self {
        let detail = Detail::Everything;
        Self { convert, detail }
    }
}

/// Where requests go in a virtual cluster that reaches several physical ones.
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
    /// It is not served there.
    Nowhere,
}

/// Which broker of a cluster is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whom {
    Any,
    /// The one that the connection is to, where it is of that cluster: what it knows of itself, no other knows.
    Connected,
}

/// What is done to the offsets of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offsets {
    Commit,
    Fetch,
    Delete,
}

/// Whether a broker keeps something for the connection once it has served a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::vcluster) enum Connection {
    /// It may serve another client next.
    Free,
    /// It stays with its client.
    Bound,
}

/// Whether an answer can tell of topics that the view does not show yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::vcluster) enum Ahead {
    Never,
    /// It assigns topics by id, of which some came after the request: it is read with the names of now.
    Assigns,
    /// The topics in this array were created.
    Creates(Field),
    /// The topics in this array were deleted.
    Deletes(Field),
    /// Topics have more partitions.
    Grows,
}

/// Versions that are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    pub range: VersionRange,
    pub(super) announced_from: Option<i16>,
}

impl Versions {
    pub(super) const fn new(min: i16, max: i16) -> Self {
        Self {
            range: VersionRange { min, max },
            announced_from: None,
        }
    }

    /// Clients are told of an earlier first version.
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

    /// What is particular to an API that brokers answer.
    pub(super) fn forwarded(&self) -> Option<&Forwarded> {
        match &self.answered_by {
            AnsweredBy::Broker(forwarded) => Some(forwarded),
            AnsweredBy::Gateway(_) | AnsweredBy::Session => None,
        }
    }

    /// What becomes of its requests, unless the session sees to them.
    pub(super) fn request(&self) -> Option<&Request> {
        match &self.answered_by {
            AnsweredBy::Broker(forwarded) => Some(&forwarded.request),
            AnsweredBy::Gateway(request) => Some(request),
            AnsweredBy::Session => None,
        }
    }

    /// Where its requests go.
    pub(super) fn way(&self) -> Way {
        self.forwarded().map_or(Way::Connected, |forwarded| forwarded.way)
    }

    /// Whether its answers can tell of more than the view shows.
    pub(in crate::vcluster) fn ahead(&self) -> Ahead {
        self.forwarded().map_or(Ahead::Never, |forwarded| forwarded.ahead)
    }

    /// What a broker keeps for the connection.
    pub(in crate::vcluster) fn connection(&self) -> Connection {
        self.forwarded()
            .map_or(Connection::Free, |forwarded| forwarded.connection)
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
