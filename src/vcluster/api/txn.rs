//! Requests of producers in transactions: AddPartitionsToTxn, AddOffsetsToTxn, EndTxn and TxnOffsetCommit.
//! Transactional ids are namespaced on the physical cluster, as groups are.

use std::collections::{BTreeMap, HashMap};

use super::ask::{Ask, Stop, Verdict};
use super::description::{
    Ahead, AnsweredBy, Api, ConnectionUse, Forwarded, QuotaUse, Request, Response, ServedVersions, Way,
};
use super::error_code::ErrorCode;
use super::topics::{self, COMMITTED, Repeated};
use super::{back, group, transactional_id, txn_producer};
use crate::authz::Resource;
use crate::vcluster::pending::Then;
use crate::vcluster::plan::Plan;
use crate::vcluster::producer::GivenIds;
use crate::wire::{Edits, Node, field};
use klamm_raft::model::{INTERNAL_TOPICS, Operation, RequestKind};

pub(super) const ADD_PARTITIONS_TO_TXN: Api = Api {
    key: 24,
    versions: ServedVersions::new(0, 5),
    rights: "WRITE on the transactional id and the topics",
    on_the_way: "Transactional id; [producer id](VIRTUAL-CLUSTERS.md#producer-ids); names. All partitions are added, or none. From version 4 on only brokers send it: see below.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(add_partitions),
        response: Response::classified(back::renamed),
        way: Way::Connected,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

pub(super) const ADD_OFFSETS_TO_TXN: Api = Api {
    key: 25,
    versions: ServedVersions::new(0, 4),
    rights: "WRITE on the transactional id, READ on the group",
    on_the_way: "Transactional id; [producer id](VIRTUAL-CLUSTERS.md#producer-ids); group.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(add_offsets),
        response: Response::classified(back::renamed),
        way: Way::Connected,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

pub(super) const END_TXN: Api = Api {
    key: 26,
    versions: ServedVersions::new(0, 5),
    rights: "WRITE on the transactional id",
    on_the_way: "Transactional id; [producer id](VIRTUAL-CLUSTERS.md#producer-ids). To abort a transaction that was left on another physical cluster is answered here, or by an InitProducerId: see below.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::everything(end),
        response: Response::classified(txn_producer::given_out),
        way: Way::Connected,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

pub(super) const TXN_OFFSET_COMMIT: Api = Api {
    key: 28,
    versions: ServedVersions::new(0, 5),
    rights: "WRITE on the transactional id, READ on the group and the topic",
    on_the_way: "Transactional id; [producer id](VIRTUAL-CLUSTERS.md#producer-ids); group; names.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(commit_offsets).ruled(RequestKind::TxnOffsetCommit),
        response: Response::classified(topics::with_refusals),
        way: Way::Connected,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

/// From this version on AddPartitionsToTxn is what brokers ask each other (KIP-890).
const BROKERS_ONLY_FROM: i16 = 4;

/// AddPartitionsToTxn: all partitions are added, or none.
fn add_partitions(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    if ask.version() >= BROKERS_ONLY_FROM {
        let may_act = ask.gate.allows(Operation::ClusterAction, Resource::CLUSTER);
        if may_act && ask.view.names.is_transparent() {
            return ask.forward(Edits::new(), Then::Nothing);
        }
        // A client is no broker of another virtual cluster, whatever its rights.
        return ask.refuse(ErrorCode::ClusterAuthorizationFailed);
    }
    let mut edits = Edits::new();
    let judged = transactional_id::judge(ask, &mut edits).and_then(|_| txn_producer::judge(ask, &mut edits));
    let mut verdicts = Vec::new();
    for topic in ask.message.root().items(field::V3_AND_BELOW_TOPICS) {
        let verdict = match judged {
            Err(error) => Verdict::Refused(error),
            Ok(()) => judge_topic(ask, topic)?,
        };
        verdicts.push((topic, verdict));
    }
    let is_refused = |verdict: &Verdict<'_>| matches!(verdict, Verdict::Refused(_));
    if judged.is_err() {
        return refuse_partitions(ask, &verdicts, Repeated::Listed);
    }
    if verdicts.iter().any(|(_, verdict)| is_refused(verdict)) {
        return refuse_partitions(ask, &verdicts, Repeated::Once);
    }
    for (topic, verdict) in &verdicts {
        if let Verdict::Forwarded(alias) = verdict {
            topics::to_physical(*topic, alias, &mut edits);
        }
    }
    ask.forward(edits, Then::Nothing)
}

/// Whether a topic can be added to a transaction.
fn judge_topic<'a>(ask: &mut Ask<'a>, topic: Node<'_>) -> Result<Verdict<'a>, Stop> {
    match topic.topic_name() {
        // No client writes to them, whatever its rights.
        Some(name) if INTERNAL_TOPICS.contains(&name) => {
            Ok(Verdict::Refused(ErrorCode::TopicAuthorizationFailed))
        }
        _ => ask.judge(topic, Some(Operation::Write)),
    }
}

/// Answers each topic with what is wrong with it, or that something is wrong with another.
fn refuse_partitions(
    ask: &Ask<'_>,
    verdicts: &[(Node<'_>, Verdict<'_>)],
    repeated: Repeated,
) -> Result<Plan, Stop> {
    let mut results: Vec<(&str, BTreeMap<i32, ErrorCode>)> = Vec::new();
    let mut places = HashMap::new();
    for (topic, verdict) in verdicts {
        let error_of = |index: i32| match verdict {
            Verdict::Refused(error) => *error,
            Verdict::Forwarded(alias) if u32::try_from(index).is_ok_and(|index| index < alias.partitions) => {
                ErrorCode::OperationNotAttempted
            }
            Verdict::Forwarded(_) => ErrorCode::UnknownTopicOrPartition,
        };
        let name = topic.topic_name().unwrap_or_default();
        let place = match repeated {
            Repeated::Listed => results.len(),
            _ => *places.entry(name).or_insert(results.len()),
        };
        if place == results.len() {
            results.push((name, BTreeMap::new()));
        }
        for (_, index) in topic.partitions().into_iter().flat_map(Node::i32s) {
            results[place].1.insert(index, error_of(index));
        }
    }
    let mut response = ask.response()?;
    for (name, partitions) in results {
        let mut result = response.item(field::RESULTS_BY_TOPIC_V3_AND_BELOW);
        result.set(field::NAME, name);
        for (index, error) in partitions {
            let mut partition = result.item(field::RESULTS_BY_PARTITION);
            partition
                .set(field::PARTITION_INDEX, index)
                .set(field::PARTITION_ERROR_CODE, error);
            result.push(field::RESULTS_BY_PARTITION, partition);
        }
        response.push(field::RESULTS_BY_TOPIC_V3_AND_BELOW, result);
    }
    ask.reply(&response)
}

/// AddOffsetsToTxn.
fn add_offsets(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    let judged = transactional_id::judge(ask, &mut edits)
        .and_then(|_| group::judge(ask, Operation::Read, &mut edits))
        .and_then(|()| txn_producer::judge(ask, &mut edits));
    whole(ask, judged, edits)
}

/// EndTxn. What a transaction has written on another physical cluster, which served before, is aborted there once its time is over:
/// to abort it is done, and to commit it cannot be.
fn end(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    let commits = ask.message.root().bool_in(field::COMMITTED).unwrap_or_default();
    let physical = match transactional_id::judge(ask, &mut edits) {
        Ok(physical) => physical,
        Err(error) => return ask.refuse(error),
    };
    match txn_producer::judge(ask, &mut edits) {
        Ok(()) => {
            let ids = GivenIds::OfTransactions(ask.view.transactions);
            ask.forward(edits, Then::GivesOutId(ids))
        }
        Err(error) if commits => ask.refuse(error),
        Err(_) => match ask.response()? {
            aborted if aborted.has(field::PRODUCER_ID) => txn_producer::begin_anew(ask, &physical),
            aborted => ask.reply(&aborted),
        },
    }
}

/// TxnOffsetCommit.
fn commit_offsets(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    let judged = transactional_id::judge(ask, &mut edits)
        .and_then(|_| group::judge_named(ask, Operation::Read, &mut edits))
        .and_then(|()| ask.rule_whole());
    // To be told that the producer is not known ends clients; the member is not known either.
    let judged =
        judged.and_then(|()| txn_producer::judge(ask, &mut edits).map_err(|_| ErrorCode::UnknownMemberId));
    match judged {
        Ok(()) => topics::request(ask, &COMMITTED, edits),
        Err(error) => topics::refuse_all(ask, &COMMITTED, error),
    }
}

/// Sends the whole request on, or answers with an error at the top level.
fn whole(ask: &Ask<'_>, judged: Result<(), ErrorCode>, edits: Edits) -> Result<Plan, Stop> {
    match judged {
        Ok(()) => ask.forward(edits, Then::Nothing),
        Err(error) => ask.refuse(error),
    }
}
