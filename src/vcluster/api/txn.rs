//! What producers do in transactions: AddPartitionsToTxn, AddOffsetsToTxn, EndTxn and TxnOffsetCommit. Transactional ids
//! are namespaced on the physical cluster, as groups are.

use std::collections::{BTreeMap, HashMap};

use super::ask::{Ask, Stop, Verdict};
use super::error_code::ErrorCode;
use super::topics::Repeated;
use super::{group, offsets, topics};
use crate::authz::Resource;
use crate::vcluster::pending::Then;
use crate::vcluster::plan::Plan;
use crate::wire::{Class, Edits, Node, field};
use klamm_raft::model::Operation;

/// From this version on AddPartitionsToTxn is what brokers ask each other (KIP-890).
const BROKERS_ONLY_FROM: i16 = 4;

/// Topics that no client writes to, whatever its rights.
const INTERNAL_TOPICS: [&str; 3] = ["__consumer_offsets", "__transaction_state", "__share_group_state"];

/// AddPartitionsToTxn: all partitions are added, or none.
pub(super) fn add_partitions(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    if ask.version() >= BROKERS_ONLY_FROM {
        let may_act = ask.gate.allows(Operation::ClusterAction, Resource::CLUSTER);
        if may_act && ask.view.names.is_transparent() {
            return ask.forward(Edits::new(), Then::Nothing);
        }
        // A client is no broker of another virtual cluster, whatever its rights.
        let mut response = ask.response()?;
        response.set(field::ERROR_CODE, ErrorCode::ClusterAuthorizationFailed);
        return ask.reply(&response);
    }
    let mut edits = Edits::new();
    let judged = judge(ask, &mut edits);
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
pub(super) fn add_offsets(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    let judged = judge(ask, &mut edits).and_then(|()| group::judge(ask, Operation::Read, &mut edits));
    whole(ask, judged, edits)
}

/// EndTxn.
pub(super) fn end(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    let judged = judge(ask, &mut edits);
    whole(ask, judged, edits)
}

/// TxnOffsetCommit.
pub(super) fn commit_offsets(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    let judged = judge(ask, &mut edits).and_then(|()| group::judge_named(ask, Operation::Read, &mut edits));
    match judged {
        Ok(()) => topics::request(ask, &offsets::COMMIT, edits),
        Err(error) => topics::refuse_all(ask, &offsets::COMMIT, error),
    }
}

/// Sends the whole request on, or answers with an error at the top level.
fn whole(ask: &Ask<'_>, judged: Result<(), ErrorCode>, edits: Edits) -> Result<Plan, Stop> {
    match judged {
        Ok(()) => ask.forward(edits, Then::Nothing),
        Err(error) => {
            let mut response = ask.response()?;
            response.set(field::ERROR_CODE, error);
            ask.reply(&response)
        }
    }
}

/// Judges the one transactional id of a request, of which null and empty are none, and gives it its physical form.
pub(super) fn judge(ask: &mut Ask<'_>, edits: &mut Edits) -> Result<(), ErrorCode> {
    let node = ask
        .message
        .first(Class::TransactionalId)
        .ok_or(ErrorCode::InvalidRequest)?;
    let physical = judge_named(ask, node.text().unwrap_or_default(), Operation::Write)?;
    edits.set_text(node, Some(&physical));
    Ok(())
}

/// Judges a transactional id, of which empty is none, and gives its physical form.
pub(super) fn judge_named(ask: &mut Ask<'_>, id: &str, operation: Operation) -> Result<String, ErrorCode> {
    let physical = judge_id(ask, id, operation)?;
    if id.is_empty() {
        Err(ErrorCode::InvalidRequest)
    } else {
        Ok(physical)
    }
}

/// Judges a transactional id and gives its physical form.
pub(super) fn judge_id(ask: &mut Ask<'_>, id: &str, operation: Operation) -> Result<String, ErrorCode> {
    if !ask.gate.allows(operation, Resource::transactional_id(id)) {
        return Err(ErrorCode::TransactionalIdAuthorizationFailed);
    }
    if !ask.has_home() {
        return Err(ErrorCode::CoordinatorNotAvailable);
    }
    if ask.is_no_coordinator() {
        return Err(ErrorCode::NotCoordinator);
    }
    if let Some(error) = ask.aim.failed {
        return Err(error);
    }
    ask.view
        .names
        .physical_transactional_id(id)
        .map_err(|_| ErrorCode::InvalidRequest)
}
