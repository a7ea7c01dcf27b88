//! The vocabulary between a session, which moves bytes, and the virtual cluster, which decides what they become.
//!
//! Pure data. A session hands a frame to [`super::api::request`] and carries out the [`Plan`] that it gets; it hands
//! each upstream answer to [`super::api::response`] and writes what comes back.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use klamm_raft::command::Command;
use klamm_raft::model::{ClusterId, ListenerName, Operation, Protocol, ResourceType, Revision};
use klamm_raft::outcome::Outcome;

use crate::authz::{DenyRule, Principal, Resource};
use crate::policy::{AuthType, RequestTally};
use crate::vcluster::api::{Gathering, Permitted};
use crate::vcluster::carried::Carried;
use crate::vcluster::pending::{Pending, PendingChange};
use crate::vcluster::record_work::RecordWork;
use crate::wire::Segments;

/// Who sends a request.
#[derive(Debug, Clone)]
pub struct Caller {
    pub principal: Principal,
    pub auth: AuthType,
    /// The client's address; IPv4-mapped IPv6 is already IPv4.
    pub address: IpAddr,
    /// The client's address in the text form that ACL hosts are compared with.
    pub host: Arc<str>,
    /// The listener that the client came in on, and what it speaks there: it is told addresses of that one only, and
    /// of nodes only that speak the same.
    pub front: Front,
    /// The virtual broker that the client's connection is to.
    pub place: Place,
    pub seen_as: SeenAs,
    pub stay: Stay,
    /// Whether it has made more mutations than its quota allows.
    pub is_over_quota: bool,
}

/// Whether the node goes on serving a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stay {
    Here,
    /// The node stops, and another one serves the client's virtual broker from now on. Fetches are answered as by a
    /// broker whose partitions have moved, so that the client asks for addresses while it still has a connection to ask
    /// on.
    Elsewhere,
}

/// Where a client came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Front {
    pub listener: ListenerName,
    pub protocol: Protocol,
}

/// As whom physical clusters see the requests of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeenAs {
    /// As the gateway, which may do everything that clients are permitted here: a refusal is not theirs.
    Gateway,
    /// As a user of the physical cluster, whose own ACLs apply too.
    Itself,
}

/// Which virtual broker a connection was made to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Bootstrap,
    /// The virtual id of a broker.
    Broker(i32),
}

/// A planned request, and what its caller was refused of all that it named: for the audit log and its counters.
#[derive(Debug)]
pub struct Planned {
    pub plan: Plan,
    pub denied: Denials,
    /// The outcomes of policies on its items.
    pub ruled: RequestTally,
}

impl From<Plan> for Planned {
    fn from(plan: Plan) -> Self {
        Self {
            plan,
            denied: Denials::default(),
            ruled: RequestTally::default(),
        }
    }
}

/// The denials of a request. Items that are only left out of an answer are not denials.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Denials {
    /// The first of them.
    pub listed: Vec<Denial>,
    /// How many there are, listed or not.
    pub count: usize,
}

impl Denials {
    /// The most that one request lists: it may name millions.
    pub const MAX_LISTED: usize = 100;

    /// Takes note of the refusals of a part.
    pub(super) fn add_all(&mut self, others: Self) {
        self.count += others.count;
        let room = Self::MAX_LISTED - self.listed.len();
        self.listed.extend(others.listed.into_iter().take(room));
    }

    /// Takes note of a refusal.
    pub(super) fn add(&mut self, operation: Operation, resource: Resource<'_>, rule: DenyRule) {
        self.count += 1;
        if self.listed.len() < Self::MAX_LISTED {
            self.listed.push(Denial {
                operation,
                resource_type: resource.resource_type,
                resource: resource.name.to_owned(),
                rule,
            });
        }
    }
}

/// A question that was answered with no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    pub operation: Operation,
    pub resource_type: ResourceType,
    /// As the client calls it.
    pub resource: String,
    /// Why, in terms of the view that the request was planned with.
    pub rule: DenyRule,
}

/// The plan for one request.
#[derive(Debug)]
pub enum Plan {
    /// Answered here. The segments are a whole frame, length prefix included.
    Reply(Segments),
    /// Sent to this connection's broker.
    Forward(Forward),
    /// Nothing is sent and nothing is answered (a Produce with acks=0 of which nothing was left).
    Drop,
    /// The session must find something out first; it reads no further request until then.
    Need(Need),
    /// The connection ends, as a broker would end it.
    Close(CloseReason),
}

impl Plan {
    /// Whether the request is planned once more, and this is no outcome.
    pub fn is_to_be_made_again(&self) -> bool {
        match self {
            Self::Need(need) => match need {
                Need::FreshTopics { .. }
                | Need::Confirmation { .. }
                | Need::Pattern { .. }
                | Need::Records { .. } => true,
                Need::Answers { .. } | Need::Change { .. } => false,
            },
            Self::Reply(_) | Self::Forward(_) | Self::Drop | Self::Close(_) => false,
        }
    }
}

/// A request that may go upstream.
#[derive(Debug)]
pub struct Forward {
    /// Its correlation id is the client's.
    pub request: Permitted,
    pub answer: Answer,
    /// The answer of the gateway itself, if no broker gives one. Any broker may be asked for it, then.
    pub otherwise: Option<Box<Segments>>,
}

/// The answer that follows a forwarded request.
#[derive(Debug)]
pub enum Answer {
    /// One response, to be handed to [`super::api::response`] with this.
    Expected(Pending),
    /// None (acks=0). These records are sent.
    None(Carried),
    /// None (acks=0), and the connection is closed once the request is written, because a part of it was refused.
    NoneThenClose(Carried),
}

/// The knowledge that is needed before a request can be planned.
#[derive(Debug)]
pub enum Need {
    /// The view does not know a topic id of this request, or a topic on whose existence its answer depends. Have the
    /// topology refreshed once, load the view again, and plan the same frame again with [`Attempt::AfterRefresh`].
    FreshTopics { frame: Bytes },
    /// The view must be current: what this node knows is to be told as the truth, or to be changed. Have it confirmed
    /// that nothing newer was acknowledged, load the view again, and plan the same frame again with
    /// [`Attempt::Confirmed`], or with [`Attempt::Unconfirmed`] if nobody could say.
    Confirmation { frame: Bytes },
    /// Have the expression compiled, hand what came of it to [`super::subscriptions::Subscriptions::compiled`], and
    /// plan the same frame again with the same attempt.
    Pattern {
        text: String,
        frame: Bytes,
        attempt: Attempt,
    },
    /// Have the records judged, and plan the same frame again with the same attempt and what came of them.
    Records {
        work: Box<RecordWork>,
        frame: Bytes,
        attempt: Attempt,
    },
    /// Propose the command, then hand the result to [`super::api::changed`]. Where rights were taken away in the meantime,
    /// plan the same frame again.
    Change {
        frame: Bytes,
        command: Box<Command>,
        /// The view by which the client may make it.
        judged_at: Revision,
        pending: PendingChange,
    },
    /// Answers of several physical clusters. Send each call, then hand what came of them, in the same order, to
    /// [`super::api::gathered`].
    Answers {
        calls: Vec<Call>,
        gathering: Box<Gathering>,
    },
}

/// A request to one physical cluster, for which no connection of the client stands.
#[derive(Debug)]
pub struct Call {
    pub to: To,
    pub request: Permitted,
}

/// Who is to answer a [`Call`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    Broker(ClusterId, i32),
    AnyBroker(ClusterId),
    /// The coordinator of a group, by its physical id. It must be looked for.
    Coordinator(ClusterId, String),
}

impl To {
    /// The physical cluster.
    pub fn cluster(&self) -> &ClusterId {
        match self {
            Self::Broker(cluster, _) | Self::AnyBroker(cluster) | Self::Coordinator(cluster, _) => cluster,
        }
    }
}

/// The result of a [`Call`]: a frame without its length prefix, or nothing in time.
pub type CallResult = Result<Bytes, Unanswered>;

/// A physical cluster did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the physical cluster did not answer")]
pub struct Unanswered;

/// How often a request has been planned, and what was found out in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    First,
    /// The topics were looked at again.
    AfterRefresh,
    /// The view shows everything that was acknowledged before this request.
    Confirmed,
    /// Nobody could say whether it does.
    Unconfirmed,
}

/// The result of a [`Need::Change`]: the outcome, or that the change could not be made durable in time.
pub type ChangeResult = Result<Outcome, ChangeUnavailable>;

/// The cluster of gateways could not take the change now; it may or may not have happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the gateway cluster has no leader that can take a change now")]
pub struct ChangeUnavailable;

/// The result of a [`Need::Confirmation`].
pub type Confirmation = Result<(), NotConfirmed>;

/// The cluster of gateways could not say whether this node is up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no leader of the gateway cluster confirms that this node is up to date")]
pub struct NotConfirmed;

/// Why the gateway ends a connection. A closed set: it labels a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The request does not parse, or an API or version that is not served was asked for.
    BadRequest,
    /// Nothing permits what was to be sent to a broker: a fault of the gateway's.
    Unpermitted,
    UnsupportedApi,
    /// The upstream's answer does not parse or does not belong to the request.
    BadUpstream,
    /// A physical cluster does not answer.
    Unanswered,
    /// acks=0 and a part was refused.
    UnansweredRefusal,
}
