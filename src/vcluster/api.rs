//! What becomes of each request and of each answer. One file per API that needs more than its topics renamed.
//!
//! A request is walked, judged item by item, and rewritten into one that a physical broker may see; what was refused of
//! it is remembered and added to the answer, whose every name, id and address is turned back by `back`.

mod acls;
mod alter_configs;
mod ask;
mod back;
mod cluster;
mod config_reader;
mod config_resources;
mod config_values;
mod configs;
mod consumer_group;
mod coordinator;
mod create_topics;
mod delete_records;
mod delete_topics;
mod error_code;
mod expression;
mod fetch;
mod freshness;
mod gate;
mod gateway_refused;
mod group;
mod groups;
pub(super) mod items;
mod local_errors;
mod log_dirs;
mod metadata;
mod offset_fetch;
mod offsets;
mod produce;
mod producer_id;
#[cfg(test)]
mod protocol;
mod quorum;
mod quotas;
mod replicas;
mod scram_users;
mod several;
mod share_fetch;
mod share_state;
mod share_offsets;
mod streams_group;
pub mod table;
#[cfg(test)]
mod tests;
mod topic_partitions;
mod topics;
mod txn;
mod txn_admin;
mod versions;
mod words;

use std::cell::RefCell;

use bytes::Bytes;

use self::ask::{Aim, Ask, Stop};
use self::back::Back;
pub use self::freshness::{Freshness, freshness};
use self::gate::Gate;
pub use self::local_errors::LocalErrors;
pub use self::several::{Gathered, Gathering, gathered};
use self::table::Api;
use super::pending::{Pending, PendingChange, Then};
use super::plan::{Attempt, Caller, ChangeResult, CloseReason, Plan, Planned, SeenAs};
use super::subscriptions::Subscriptions;
use super::view::View;
use crate::wire::{
    Detail, Edits, Item, Message, Narrow, RequestHeader, Segments, Tape, WireError, correlation_id,
    walk_request, walk_response,
};

thread_local! {
    /// One tape per thread, so that a walk allocates nothing.
    static TAPE: RefCell<Tape> = RefCell::new(Tape::new());
}

/// What holds for requests that the gateway answers itself: it reads every entry, and makes as many of its answer. An entry
/// can be as short as 8 bytes, of which that takes many times as much.
pub const ANSWERED_HERE: Narrow = Narrow {
    is_for: |key| Api::of_key(key).is_some_and(Api::is_answered_here),
    bytes: 4 << 20,
    copies: 32,
};

/// Plans a request of a logged-in client. SASL requests are the session's.
pub fn request(
    view: &View,
    caller: &Caller,
    subscriptions: &mut Subscriptions,
    frame: Bytes,
    attempt: Attempt,
) -> Planned {
    let Ok(header) = RequestHeader::parse(&frame) else {
        return Plan::Close(CloseReason::BadRequest).into();
    };
    let Some(api) = Api::of_key(header.api_key) else {
        return Plan::Close(CloseReason::UnsupportedApi).into();
    };
    if api == Api::ApiVersions {
        return match versions::answer(view, &header, &frame) {
            Ok(answer) => Plan::Reply(answer).into(),
            Err(_) => Plan::Close(CloseReason::BadRequest).into(),
        };
    }
    if !view
        .apis
        .range(api)
        .is_some_and(|range| range.contains(header.api_version))
    {
        return Plan::Close(CloseReason::UnsupportedApi).into();
    }
    let question = Question {
        caller,
        api,
        header,
        frame: &frame,
        attempt,
    };
    match view.foreign() {
        [] => plan(view, question, Aim::ALONE, subscriptions),
        _ => several::request(view, question, subscriptions),
    }
}

/// What a client asks.
#[derive(Debug, Clone, Copy)]
struct Question<'a> {
    caller: &'a Caller,
    api: Api,
    header: RequestHeader,
    frame: &'a Bytes,
    attempt: Attempt,
}

/// Plans a request to the physical cluster of `view`.
fn plan(view: &View, question: Question<'_>, aim: Aim, subscriptions: &mut Subscriptions) -> Planned {
    let Question {
        caller,
        api,
        header,
        frame,
        attempt,
    } = question;
    let planned = TAPE.with_borrow_mut(|tape| {
        let message = match walk_request(&header, frame, detail_of(api, view), tape) {
            Ok(message) => message,
            Err(WireError::TrailingBytes { at }) => return Err(at),
            Err(_) => return Ok(Plan::Close(CloseReason::BadRequest).into()),
        };
        let gate = Gate::new(view, caller);
        let mut ask = Ask {
            view,
            caller,
            gate,
            api,
            header,
            frame,
            message,
            attempt,
            aim,
            subscriptions: &mut *subscriptions,
        };
        let plan = dispatch(&mut ask);
        let gate = ask.gate;
        Ok(match plan {
            Ok(plan) => gate.planned(plan),
            Err(Stop::Malformed) => gate.planned(Plan::Close(CloseReason::BadRequest)),
            Err(Stop::UnknownTopicId) => Ask::need_fresh_topics(frame.clone()).into(),
            Err(Stop::Uncompiled(text)) => Ask::need_pattern(text, frame.clone(), attempt).into(),
            Err(Stop::Unconfirmed) => Ask::need_confirmation(frame.clone()).into(),
        })
    });
    planned.unwrap_or_else(|end| {
        // librdkafka sends more bytes than a message of some versions has. Brokers do not read them: neither does
        // anybody here.
        let frame = &frame.slice(..end);
        plan(view, Question { frame, ..question }, aim, subscriptions)
    })
}

/// How much of a request its handler reads.
fn detail_of(api: Api, view: &View) -> Detail {
    match api {
        // Members of groups, and what they are, are left out there.
        Api::OffsetCommit | Api::OffsetFetch if view.is_foreign() => Detail::Everything,
        Api::Metadata
        | Api::SyncGroup
        | Api::DescribeGroups
        | Api::DescribeConfigs
        | Api::DescribeCluster
        | Api::ConsumerGroupHeartbeat
        | Api::ConsumerGroupDescribe
        | Api::ShareGroupDescribe
        | Api::StreamsGroupHeartbeat
        | Api::StreamsGroupDescribe
        | Api::DescribeAcls
        | Api::DescribeClientQuotas
        | Api::DescribeUserScramCredentials
        | Api::AlterUserScramCredentials
        | Api::CreateTopics
        | Api::CreatePartitions
        | Api::AlterConfigs
        | Api::IncrementalAlterConfigs
        | Api::CreateAcls
        | Api::DeleteAcls => Detail::Everything,
        _ => Detail::Classified,
    }
}

fn dispatch(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    match ask.api {
        Api::Produce => produce::request(ask),
        Api::Fetch => fetch::request(ask),
        Api::ListOffsets => offsets::list(ask),
        Api::Metadata => metadata::request(ask),
        Api::OffsetCommit => offsets::commit(ask),
        Api::OffsetFetch => offset_fetch::request(ask),
        Api::FindCoordinator => coordinator::request(ask),
        Api::JoinGroup => group::join(ask),
        Api::Heartbeat | Api::LeaveGroup => group::plain(ask),
        Api::SyncGroup => group::sync(ask),
        Api::DescribeGroups => groups::describe(ask),
        Api::ListGroups => groups::list(ask),
        Api::InitProducerId => producer_id::request(ask),
        Api::OffsetForLeaderEpoch => offsets::for_leader_epoch(ask),
        Api::AddPartitionsToTxn => txn::add_partitions(ask),
        Api::AddOffsetsToTxn => txn::add_offsets(ask),
        Api::EndTxn => txn::end(ask),
        Api::WriteTxnMarkers => txn_admin::write_markers(ask),
        Api::TxnOffsetCommit => txn::commit_offsets(ask),
        Api::DescribeConfigs => configs::request(ask),
        Api::DeleteGroups => groups::delete(ask),
        Api::OffsetDelete => offsets::delete(ask),
        Api::DescribeCluster => cluster::request(ask),
        Api::DescribeProducers => txn_admin::producers(ask),
        Api::DescribeTransactions => txn_admin::describe(ask),
        Api::ListTransactions => txn_admin::list(ask),
        Api::CreateTopics => create_topics::request(ask),
        Api::DeleteTopics => delete_topics::request(ask),
        Api::DeleteRecords => delete_records::request(ask),
        Api::CreatePartitions => replicas::create_partitions(ask),
        Api::ElectLeaders => replicas::elect(ask),
        Api::AlterPartitionReassignments => replicas::reassign(ask),
        Api::ListPartitionReassignments => replicas::list_reassignments(ask),
        Api::AlterConfigs | Api::IncrementalAlterConfigs => alter_configs::request(ask),
        Api::ListConfigResources => config_resources::request(ask),
        Api::DescribeLogDirs => log_dirs::request(ask),
        Api::AlterReplicaLogDirs => log_dirs::alter(ask),
        Api::DescribeQuorum => quorum::request(ask),
        Api::DescribeTopicPartitions => topic_partitions::request(ask),
        Api::ConsumerGroupHeartbeat | Api::ShareGroupHeartbeat => consumer_group::heartbeat(ask),
        Api::ConsumerGroupDescribe | Api::ShareGroupDescribe | Api::StreamsGroupDescribe => {
            groups::describe(ask)
        }
        Api::StreamsGroupHeartbeat => streams_group::heartbeat(ask),
        Api::ShareFetch => share_fetch::fetch(ask),
        Api::ShareAcknowledge => share_fetch::acknowledge(ask),
        Api::InitializeShareGroupState
        | Api::ReadShareGroupState
        | Api::WriteShareGroupState
        | Api::DeleteShareGroupState
        | Api::ReadShareGroupStateSummary => share_state::request(ask),
        Api::DescribeShareGroupOffsets => offset_fetch::request(ask),
        Api::AlterShareGroupOffsets => share_offsets::alter(ask),
        Api::DeleteShareGroupOffsets => share_offsets::delete(ask),
        // A client's identity is a number that brokers made up; what it measures is its own.
        Api::GetTelemetrySubscriptions | Api::PushTelemetry => ask.forward(Edits::new(), Then::Nothing),
        Api::DescribeClientQuotas => quotas::describe(ask),
        Api::DescribeUserScramCredentials => scram_users::describe(ask),
        Api::AlterUserScramCredentials => scram_users::alter(ask),
        Api::DescribeAcls => acls::describe(ask),
        Api::CreateAcls => acls::create(ask),
        Api::DeleteAcls => acls::delete(ask),
        Api::ApiVersions | Api::SaslHandshake | Api::SaslAuthenticate => {
            Ok(Plan::Close(CloseReason::UnsupportedApi))
        }
    }
}

/// Why a broker's answer cannot be given to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadAnswer {
    #[error("it answers another request")]
    OtherRequest,
    #[error("it cannot be rewritten")]
    Wire(#[from] WireError),
}

/// A broker's answer as the client gets it.
#[derive(Debug)]
pub struct Answered {
    pub frame: Segments,
    /// The authorization error with which the physical cluster refused the gateway itself, if it did. The client is
    /// not told; whoever runs the gateway should be.
    pub gateway_refused: Option<i16>,
    /// The errors that the gateway answers in place of what the broker said. What it refused of the request is counted
    /// by its plan.
    pub errors: LocalErrors,
}

/// Turns a broker's answer into the client's.
pub fn response(view: &View, caller: &Caller, pending: Pending, frame: Bytes) -> Result<Answered, BadAnswer> {
    let api = (pending.api.key(), pending.version);
    let view = part_of(view, &pending);
    if correlation_id(&frame)? != pending.correlation_id {
        return Err(BadAnswer::OtherRequest);
    }
    TAPE.with_borrow_mut(|tape| {
        let detail = match pending.api {
            // Sizes of disks mean nothing to a gateway, but are not for everybody.
            Api::DescribeLogDirs => Detail::Everything,
            // Codes and replicas mean nothing to a gateway either, but for what it made of them.
            Api::StreamsGroupHeartbeat | Api::StreamsGroupDescribe => Detail::Everything,
            _ => Detail::Classified,
        };
        let message = walk_response(api, &frame, detail, tape)?;
        let mut edits = Edits::new();
        let mut back = Back::new(view, caller, &pending);
        let errors = convert(&mut back, &pending, message, &mut edits)?;
        edits.remove_unknown(message);
        let gateway_refused = match caller.seen_as {
            SeenAs::Gateway => gateway_refused::hide(message, &mut edits),
            SeenAs::Itself => None,
        };
        let frame = edits.finish(message, &frame)?;
        Ok(Answered {
            frame,
            gateway_refused,
            errors,
        })
    })
}

/// The part of the view that a request was sent by.
fn part_of<'a>(view: &'a View, pending: &Pending) -> &'a View {
    match (view.foreign(), pending.names.cluster()) {
        ([], _) | (_, None) => view,
        (_, Some(cluster)) => view.on(cluster).unwrap_or(view),
    }
}

fn convert(
    back: &mut Back<'_>,
    pending: &Pending,
    message: Message<'_>,
    edits: &mut Edits,
) -> Result<LocalErrors, WireError> {
    let mut errors = LocalErrors::default();
    let empty = || Item::response(pending.api.key(), pending.version);
    match &pending.then {
        Then::Metadata(then) => metadata::answer(back, message, &empty()?, then, edits),
        Then::Coordinators(kind, refused) => {
            coordinator::found(back, message, &empty()?, (*kind, refused), edits);
        }
        Then::OffsetFetch(groups) => {
            offset_fetch::answer(back, message, (pending.api, &empty()?), groups, edits);
        }
        Then::Configs(refused) => configs::described(back, message, &empty()?, refused, edits),
        Then::Groups { refused, operations } if pending.api == Api::DescribeGroups => {
            groups::described(back, message, &empty()?, (refused, *operations), edits);
        }
        Then::Groups { refused, operations }
            if matches!(
                pending.api,
                Api::ConsumerGroupDescribe | Api::ShareGroupDescribe | Api::StreamsGroupDescribe
            ) =>
        {
            let empty = empty()?;
            consumer_group::described(
                back,
                message,
                (pending.api, &empty),
                (refused, *operations),
                edits,
            );
        }
        Then::Groups { refused, .. } => groups::deleted(back, message, &empty()?, refused, edits),
        Then::Transactions(refused) => txn_admin::described(back, message, &empty()?, refused, edits),
        Then::ListedTransactions(pattern) => txn_admin::listed(back, message, pattern.as_deref(), edits),
        Then::Nothing if pending.api == Api::ListGroups => groups::listed(back, message, edits),
        Then::Nothing => back.convert(message.root(), edits),
        Then::Cluster(operations) => {
            back.cluster_operations = *operations;
            back.convert(message.root(), edits);
        }
        Then::Members(members) => {
            back.members = *members;
            back.convert(message.root(), edits);
        }
        Then::Refusals(refusals) => items::answered(back, message, refusals, edits),
        Then::Created(refusals) => {
            create_topics::created(back, message, (&empty()?, pending.version), refusals, edits);
        }
        Then::Altered(refusals) => alter_configs::altered(back, message, refusals, edits),
        Then::TopicPartitions(refusals) => topic_partitions::described(back, message, Some(refusals), edits),
        Then::AllTopicPartitions => topic_partitions::described(back, message, None, edits),
        Then::ConfigResources => config_resources::listed(back, message, edits),
        Then::LogDirs => log_dirs::described(back, message, edits),
        Then::Topics(refused) if pending.api == Api::ShareFetch => {
            if let Err(error) = share_fetch::fetched(back, message, &empty()?, refused, edits) {
                errors.add(error.code());
            }
        }
        Then::Topics(refused) => {
            back.convert(message.root(), edits);
            let shape = topics::shape_of(pending.api).filter(|_| !refused.is_empty());
            if let Some(shape) = shape.filter(|_| !items::failed(message)) {
                topics::splice(shape, message.root(), &empty()?, refused, edits);
            }
        }
    }
    Ok(errors)
}

/// Answers a request whose change was proposed.
pub fn changed(pending: PendingChange, result: ChangeResult) -> Segments {
    acls::changed(pending, result)
}

/// Answers a request that comes in the middle of a login, if it is one that brokers are seen to answer: clients learn
/// from it that they are not logged in.
pub fn out_of_turn(view: &View, frame: &Bytes) -> Option<Segments> {
    let header = RequestHeader::parse(frame).ok()?;
    let range = view.apis.range(Api::Metadata)?;
    let is_metadata = header.api_key == Api::Metadata.key() && range.contains(header.api_version);
    let answer = is_metadata.then(|| metadata::out_of_turn(&header, frame))?;
    answer.ok()
}

/// Answers an ApiVersions request, before login as after it.
pub fn api_versions(view: &View, frame: &Bytes) -> Result<Segments, WireError> {
    versions::answer(view, &RequestHeader::parse(frame)?, frame)
}
