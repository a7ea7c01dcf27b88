//! A request on its way through its handler: what all handlers need, and the plans they end in.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use super::description::{Api, Way};
use super::error_code::ErrorCode;
use super::gate::Gate;
use super::mutations;
use super::permit::Permitted;
use crate::authz::Resource;
use crate::vcluster::brokers::BOOTSTRAP_BROKER;
use crate::vcluster::names::TopicId;
use crate::vcluster::pending::{Pending, Then};
use crate::vcluster::plan::{Answer, Attempt, Caller, Forward, Need, Plan};
use crate::vcluster::record_work::{RecordResults, RecordWork};
use crate::vcluster::rename::Alias;
use crate::vcluster::subscriptions::Subscriptions;
use crate::vcluster::view::View;
use crate::wire::{Edits, Field, Item, Message, Node, RequestHeader, Segments, Value, WireError, field};
use klamm_raft::model::Operation;

/// One request.
pub(super) struct Ask<'a> {
    pub(super) view: &'a View,
    pub(super) caller: &'a Caller,
    pub(super) gate: Gate<'a>,
    pub(super) api: &'static Api,
    pub(super) header: RequestHeader,
    pub(super) frame: &'a Bytes,
    pub(super) message: Message<'a>,
    pub(super) attempt: Attempt,
    pub(super) aim: Aim,
    pub(super) subscriptions: &'a mut Subscriptions,
    /// The results of judging its records.
    pub(super) results: &'a RecordResults,
}

/// The aim of a plan: which physical cluster it is for, where the virtual cluster reaches several.
#[derive(Debug, Clone, Copy)]
pub(super) struct Aim {
    pub(super) others: Others,
    /// The error for everything that would be sent, because its cluster does not answer, or has nothing of it.
    pub(super) failed: Option<ErrorCode>,
    /// The only group that counts, of a request that names many.
    pub(super) group: Option<usize>,
}

impl Aim {
    /// For one physical cluster.
    pub(super) const ALONE: Self = Self {
        others: Others::Refused,
        failed: None,
        group: None,
    };
}

/// The treatment of topics on another physical cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Others {
    Refused,
    /// Somebody else sees to them.
    LeftOut,
}

/// Why a handler gave no plan.
#[derive(Debug)]
pub(super) enum Stop {
    /// The request does not hold what its schema promises, or cannot be rewritten.
    Malformed,
    /// It names a topic id that the view does not know, or depends on whether a topic exists that the view does not show.
    TopicsNotKnown,
    /// It depends on an expression that is not compiled yet.
    Uncompiled(String),
    /// Its records are not judged yet.
    Unjudged(RecordWork),
    /// Nobody has confirmed yet that the view shows the newest state.
    Unconfirmed,
    /// It was to be sent on without anything that permits it: a fault of its handler.
    Unpermitted,
}

impl From<WireError> for Stop {
    fn from(_: WireError) -> Self {
        Self::Malformed
    }
}

/// The most entries of a request that the gateway answers itself, twice what can be created at once: each is answered,
/// and an answer is many times as large as its entry.
const MAX_ANSWERED: usize = 20_000;

/// Refuses a request with more entries than the gateway answers itself.
pub(super) fn check_count(entries: usize) -> Result<(), Stop> {
    match entries <= MAX_ANSWERED {
        true => Ok(()),
        false => Err(Stop::Malformed),
    }
}

/// The verdict on one topic of a request.
#[derive(Debug, Clone)]
pub(super) enum Verdict<'a> {
    Forwarded(Cow<'a, Alias>),
    Refused(ErrorCode),
}

impl<'a> Ask<'a> {
    /// The version of the request.
    pub(super) fn version(&self) -> i16 {
        self.header.api_version
    }

    /// The response of a virtual cluster that has no home yet: its id and one broker, the bootstrap address, which
    /// controls. `broker_id` is the API's field for a broker's id.
    pub(super) fn response_before_home(&self, broker_id: Field) -> Result<Item, Stop> {
        let mut response = self.response()?;
        response.set(field::CLUSTER_ID, &*self.view.kafka_cluster_id);
        let (front, client) = (&self.caller.front, self.caller.address);
        if let Some(address) = self.view.brokers.bootstrap_address(front, client) {
            let mut broker = response.item(field::BROKERS);
            broker
                .set(broker_id, BOOTSTRAP_BROKER)
                .set(field::HOST, &*address.host)
                .set(field::PORT, address.port);
            response
                .push(field::BROKERS, broker)
                .set(field::CONTROLLER_ID, BOOTSTRAP_BROKER);
        }
        Ok(response)
    }

    /// The response of a virtual cluster none of whose brokers can be asked: its id, and the brokers that have addresses of
    /// the gateway. Where none was ever seen, it is that of the bootstrap address alone.
    pub(super) fn response_without_brokers(&self, broker_id: Field) -> Result<Item, Stop> {
        let (brokers, front, client) = (&self.view.brokers, &self.caller.front, self.caller.address);
        let mut response = self.response()?;
        response.set(field::CLUSTER_ID, &*self.view.kafka_cluster_id);
        let mut first = None;
        for broker in brokers.all() {
            let Some(address) = brokers.address(broker, front, client) else {
                continue;
            };
            let mut item = response.item(field::BROKERS);
            item.set(broker_id, broker.virtual_id)
                .set(field::HOST, &*address.host)
                .set(field::PORT, address.port)
                .set(
                    field::RACK,
                    broker.rack.as_deref().map_or(Value::Null, Value::from),
                );
            response.push(field::BROKERS, item);
            first.get_or_insert(broker.virtual_id);
        }
        match brokers.controller().or(first) {
            Some(controller) if first.is_some() => {
                response.set(field::CONTROLLER_ID, controller);
                Ok(response)
            }
            _ => self.response_before_home(broker_id),
        }
    }

    /// The answer with all defaults.
    pub(super) fn response(&self) -> Result<Item, Stop> {
        Ok(Item::response(self.header.api_key, self.version())?)
    }

    /// The whole frame of an answer.
    pub(super) fn answer(&self, response: &Item) -> Result<Segments, Stop> {
        let api = (self.header.api_key, self.version());
        Ok(response.response_frame(api, self.header.correlation_id)?)
    }

    /// Answers here.
    pub(super) fn reply(&self, response: &Item) -> Result<Plan, Stop> {
        Ok(Plan::Reply(self.answer(response)?))
    }

    /// Sends the edited request on and expects an answer.
    pub(super) fn forward(&self, edits: Edits, then: Then) -> Result<Plan, Stop> {
        self.forward_answered_by(edits, Answer::Expected(self.pending(then)))
    }

    /// Sends the edited request on.
    pub(super) fn forward_answered_by(&self, mut edits: Edits, answer: Answer) -> Result<Plan, Stop> {
        self.header.hide_admin_client(self.frame, &mut edits);
        let frame = edits.finish(self.message, self.frame)?;
        self.forward_frame(frame, answer)
    }

    /// Sends a frame on that was made of the request.
    pub(super) fn forward_frame(&self, frame: Segments, answer: Answer) -> Result<Plan, Stop> {
        let permit = self.gate.permit(self.api).ok_or(Stop::Unpermitted)?;
        let request = Permitted::new(permit, frame);
        Ok(Plan::Forward(Forward {
            request,
            answer,
            otherwise: None,
        }))
    }

    /// Has the gateway itself answer what is sent on by `plan`, if no broker does.
    pub(super) fn or_here(&self, plan: Plan, response: &Item) -> Result<Plan, Stop> {
        let Plan::Forward(forward) = plan else {
            return Ok(plan);
        };
        let otherwise = Some(Box::new(self.answer(response)?));
        Ok(Plan::Forward(Forward { otherwise, ..forward }))
    }

    /// Answers with an error at the top level.
    pub(super) fn refuse(&self, error: ErrorCode) -> Result<Plan, Stop> {
        let mut response = self.response()?;
        response.set(field::ERROR_CODE, error);
        self.reply(&response)
    }

    /// Refuses with words where the answer has room for them.
    pub(super) fn refuse_in_words(&self, error: ErrorCode, words: Option<&str>) -> Result<Plan, Stop> {
        let mut response = self.response()?;
        response
            .set(field::ERROR_CODE, error)
            .set(field::ERROR_MESSAGE, words.map_or(Value::Null, Value::from));
        self.reply(&response)
    }

    /// The facts to remember for the answer.
    pub(super) fn pending(&self, then: Then) -> Pending {
        Pending {
            correlation_id: self.header.correlation_id,
            api: self.api,
            version: self.version(),
            names: Arc::clone(&self.view.names),
            then,
            throttle_ms: 0,
        }
    }

    /// Whether the caller has made so many mutations that the request is to make none.
    pub(super) fn is_over_quota(&self) -> bool {
        self.caller.is_over_quota && mutations::is_refusable(self.api, self.version())
    }

    /// Whether there is a physical cluster that requests can go to.
    pub(super) fn has_home(&self) -> bool {
        self.view.cluster.is_some()
    }

    /// Whether groups and transactions are on another physical cluster than the broker that is asked, and the request is
    /// for that broker alone.
    pub(super) fn is_no_coordinator(&self) -> bool {
        self.view.is_foreign() && self.aim.others == Others::Refused
    }

    /// Judges a topic that a request gives by name, or by id where the version has ids only.
    pub(super) fn judge(
        &mut self,
        topic: Node<'_>,
        operation: Option<Operation>,
    ) -> Result<Verdict<'a>, Stop> {
        match (topic.topic_name(), topic.topic_id()) {
            (Some(name), _) => Ok(self.judge_name(name, operation)),
            (None, Some(id)) => self.judge_id(id, operation),
            (None, None) => Ok(Verdict::Refused(ErrorCode::InvalidRequest)),
        }
    }

    /// Judges a topic by name. Whether it exists is told only to those who may do this to it.
    pub(super) fn judge_name(&mut self, name: &str, operation: Option<Operation>) -> Verdict<'a> {
        if !self.allows(operation, name) {
            return Verdict::Refused(ErrorCode::TopicAuthorizationFailed);
        }
        match (self.view.names.by_virtual_name(name), self.aim.failed) {
            (Some(_), Some(error)) => Verdict::Refused(error),
            (Some(alias), None) => Verdict::Forwarded(alias),
            (None, _) if self.view.is_elsewhere(name) => Verdict::Refused(self.elsewhere()),
            (None, _) => Verdict::Refused(ErrorCode::UnknownTopicOrPartition),
        }
    }

    /// Judges a topic that is to be changed, given by name: only what belongs to the virtual cluster is.
    pub(super) fn judge_change(&mut self, name: &str, operation: Operation) -> Result<Verdict<'a>, Stop> {
        let verdict = self.judge_name(name, Some(operation));
        self.if_owned(verdict)
    }

    /// Refuses a topic that belongs to somebody else; of one that is not there, nothing is said but that.
    pub(super) fn if_owned(&self, verdict: Verdict<'a>) -> Result<Verdict<'a>, Stop> {
        let Verdict::Forwarded(alias) = &verdict else {
            return Ok(verdict);
        };
        if self.view.names.owns(alias) {
            return Ok(verdict);
        }
        Ok(Verdict::Refused(match self.is_there(alias)? {
            true => ErrorCode::PolicyViolation,
            false => ErrorCode::UnknownTopicOrPartition,
        }))
    }

    /// Whether a topic is there, once the topology is fresh: it may have been created a moment ago.
    pub(super) fn is_there(&self, alias: &Alias) -> Result<bool, Stop> {
        match self.attempt {
            Attempt::First if !alias.exists => Err(Stop::TopicsNotKnown),
            _ => Ok(alias.exists),
        }
    }

    /// Has what is known of topics be fresh.
    pub(super) fn with_fresh_topics(&self) -> Result<(), Stop> {
        match self.attempt {
            Attempt::First => Err(Stop::TopicsNotKnown),
            _ => Ok(()),
        }
    }

    /// Whether a topic is on another physical cluster, which is asked too.
    pub(super) fn is_left_out(&self, topic: Node<'_>) -> bool {
        if self.aim.others == Others::Refused {
            return false;
        }
        let names = &self.view.names;
        let is_here = match (topic.topic_name(), topic.topic_id().map(TopicId::new)) {
            (Some(name), _) => names.by_virtual_name(name).is_some(),
            (None, Some(id)) => names.by_virtual_id(id).is_some(),
            (None, None) => false,
        };
        // What nobody knows, the home answers.
        !is_here && (self.view.is_foreign() || is_elsewhere(self.view, topic))
    }

    /// The error for a topic that is on another physical cluster than the broker that is asked.
    fn elsewhere(&self) -> ErrorCode {
        match self.api.way() {
            Way::Leader => ErrorCode::NotLeaderOrFollower,
            Way::Connected | Way::Home | Way::All { .. } | Way::Offsets(_) | Way::Groups | Way::Nowhere => {
                ErrorCode::PolicyViolation
            }
        }
    }

    /// Judges a topic by id. Ids are no secret: one that is unknown is so to everybody, once the topology is fresh.
    pub(super) fn judge_id(
        &mut self,
        id: [u8; 16],
        operation: Option<Operation>,
    ) -> Result<Verdict<'a>, Stop> {
        let id = TopicId::new(id);
        let Some(alias) = self.view.names.by_virtual_id(id) else {
            if let Some(name) = self.view.name_elsewhere(id) {
                return Ok(Verdict::Refused(match self.allows(operation, name) {
                    true => self.elsewhere(),
                    false => ErrorCode::TopicAuthorizationFailed,
                }));
            }
            if self.attempt == Attempt::First && self.has_home() && !id.is_zero() {
                return Err(Stop::TopicsNotKnown);
            }
            return Ok(Verdict::Refused(ErrorCode::UnknownTopicId));
        };
        if !self.allows(operation, alias.virtual_name.as_str()) {
            return Ok(Verdict::Refused(ErrorCode::TopicAuthorizationFailed));
        }
        if let Some(error) = self.aim.failed {
            return Ok(Verdict::Refused(error));
        }
        Ok(Verdict::Forwarded(Cow::Borrowed(alias)))
    }

    fn allows(&mut self, operation: Option<Operation>, topic: &str) -> bool {
        operation.is_none_or(|operation| self.gate.allows(operation, Resource::topic(topic)))
    }

    /// Whether the view shows everything that was acknowledged before this request. What is told as the truth, and what
    /// a change is reckoned from, must; it is found out once.
    pub(super) fn is_confirmed(&self) -> Result<bool, Stop> {
        match self.attempt {
            Attempt::Confirmed => Ok(true),
            Attempt::Unconfirmed => Ok(false),
            Attempt::First | Attempt::AfterRefresh => Err(Stop::Unconfirmed),
        }
    }

    /// The plan of a request that must wait until that is known.
    pub(super) fn need_confirmation(frame: Bytes) -> Plan {
        Plan::Need(Need::Confirmation { frame })
    }

    /// The plan of a request that must wait until an expression is compiled.
    pub(super) fn need_pattern(text: String, frame: Bytes, attempt: Attempt) -> Plan {
        Plan::Need(Need::Pattern { text, frame, attempt })
    }

    /// The plan of a request that must wait until its records are judged.
    pub(super) fn need_records(work: RecordWork, frame: Bytes, attempt: Attempt) -> Plan {
        let work = Box::new(work);
        Plan::Need(Need::Records { work, frame, attempt })
    }

    /// The plan of a request that must wait for a fresh topology.
    pub(super) fn need_fresh_topics(frame: Bytes) -> Plan {
        Plan::Need(Need::FreshTopics { frame })
    }
}

/// Whether a topic of a request is on another physical cluster than this part of the virtual cluster.
pub(super) fn is_elsewhere(view: &View, topic: Node<'_>) -> bool {
    match (topic.topic_name(), topic.topic_id().map(TopicId::new)) {
        (Some(name), _) => view.is_elsewhere(name),
        (None, Some(id)) => view.name_elsewhere(id).is_some(),
        (None, None) => false,
    }
}
