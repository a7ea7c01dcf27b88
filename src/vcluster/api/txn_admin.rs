//! What administrators ask about transactions: DescribeTransactions, ListTransactions, DescribeProducers, and
//! WriteTxnMarkers, which ends one that hangs.

use klamm_raft::model::{Operation, TopicName};

use super::ask::{Ask, Stop};
use super::back::Back;
use super::error_code::{ErrorCode, denial};
use super::expression;
use super::offsets;
use super::topics::{self, Shape};
use super::txn;
use crate::authz::Resource;
use crate::vcluster::pattern::Pattern;
use crate::vcluster::pending::{RefusedTransaction, Then};
use crate::vcluster::plan::Plan;
use crate::wire::{Class, Edits, Item, Message, Node, field};

/// DescribeProducers.
pub(super) const PRODUCERS: Shape = Shape {
    when_refused: in_words,
    repeated: topics::Repeated::Listed,
    ..offsets::COMMIT
};

/// A refused partition is told so in a broker's words.
pub(super) fn in_words(partition: &mut Item, error: i16) {
    if let Some(words) = denial(error) {
        partition.set(field::ERROR_MESSAGE, words);
    }
}

/// DescribeTransactions.
pub(super) fn describe(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    let mut refused = Vec::new();
    let mut kept = 0;
    let Some(array) = ask.message.root().child(field::TRANSACTIONAL_IDS) else {
        return Err(Stop::Malformed);
    };
    for node in array.children() {
        let id = node.text().unwrap_or_default();
        match txn::judge_named(ask, id, Operation::Describe) {
            Ok(physical) => {
                edits.set_text(node, Some(&physical));
                kept += 1;
            }
            Err(error) => {
                edits.remove_item(array, node);
                refused.push(RefusedTransaction {
                    id: id.to_owned(),
                    error: error.code(),
                });
            }
        }
    }
    if kept == 0 {
        let mut response = ask.response()?;
        for refusal in &refused {
            let state = refused_state(&response, refusal);
            response.push(field::TRANSACTION_STATES, state);
        }
        return ask.reply(&response);
    }
    ask.forward(edits, Then::Transactions(refused))
}

fn refused_state(response: &Item, refused: &RefusedTransaction) -> Item {
    let mut state = response.item(field::TRANSACTION_STATES);
    state
        .set(field::TRANSACTIONAL_ID, refused.id.as_str())
        .set(field::ERROR_CODE, refused.error);
    state
}

/// The answer to DescribeTransactions: of the topics only those that the caller may describe.
pub(super) fn described(
    back: &Back<'_>,
    message: Message<'_>,
    empty: &Item,
    refused: &[RefusedTransaction],
    edits: &mut Edits,
) {
    let Some(array) = message.root().child(field::TRANSACTION_STATES) else {
        return;
    };
    for state in array.children() {
        if !back.item(state, edits) {
            edits.remove_item(array, state);
            continue;
        }
        let Some(topics) = state.child(field::TOPICS) else {
            continue;
        };
        for topic in topics.children().filter(|topic| is_hidden(back, *topic)) {
            edits.remove_item(topics, topic);
        }
    }
    for refusal in refused {
        edits.append(array, &refused_state(empty, refusal));
    }
}

/// Whether a topic of this virtual cluster is not for the caller to see. Others are removed as everywhere.
fn is_hidden(back: &Back<'_>, topic: Node<'_>) -> bool {
    let alias = topic
        .topic_name()
        .and_then(|name| back.names.by_physical_name(name));
    alias.is_some_and(|alias| {
        let resource = Resource::topic(alias.virtual_name.as_str());
        !back.asker.decide(Operation::Describe, resource).is_allowed()
    })
}

/// ListTransactions: its answer is filtered. A pattern is about the client's ids, so brokers cannot apply it.
pub(super) fn list(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    let mut pattern = None;
    if let Some(node) = ask.message.first(Class::TransactionalIdPattern) {
        if let Some(text) = node.text().filter(|text| !text.is_empty()) {
            match expression::compiled(ask, text) {
                Ok(compiled) => pattern = Some(compiled),
                Err(unmeant) => {
                    let (error, _) = unmeant.into_answer(text)?;
                    let mut response = ask.response()?;
                    response.set(field::ERROR_CODE, error);
                    return ask.reply(&response);
                }
            }
        }
        edits.set_text(node, None);
    }
    if !ask.has_home() {
        return ask.reply(&ask.response()?);
    }
    ask.forward(edits, Then::ListedTransactions(pattern))
}

/// The answer to ListTransactions: those of this virtual cluster that match and that the caller may describe.
pub(super) fn listed(back: &Back<'_>, message: Message<'_>, pattern: Option<&Pattern>, edits: &mut Edits) {
    let Some(array) = message.root().child(field::TRANSACTION_STATES) else {
        return;
    };
    for state in array.children() {
        let physical = state.text_in(field::TRANSACTIONAL_ID);
        let id = physical.and_then(|id| back.names.virtual_transactional_id(id));
        let is_shown = id.is_some_and(|id| {
            // Matching may take long: it is for those only who may see the id.
            back.asker
                .decide(Operation::Describe, Resource::transactional_id(id))
                .is_allowed()
                && pattern.is_none_or(|pattern| pattern.matches(id))
        });
        if !is_shown || !back.item(state, edits) {
            edits.remove_item(array, state);
        }
    }
}

/// DescribeProducers: what is no topic's name at all is told before rights are looked at.
pub(super) fn producers(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    let mut refused = Vec::new();
    let mut kept = 0;
    let Some(array) = ask.message.root().child(PRODUCERS.topics) else {
        return Err(Stop::Malformed);
    };
    for topic in array.children() {
        let name = topic.topic_name().unwrap_or_default();
        let error = if name.parse::<TopicName>().is_err() {
            Some(ErrorCode::InvalidTopic)
        } else {
            topics::forward_or_refuse(ask, &PRODUCERS, topic, &mut edits)?
        };
        match error {
            None => kept += 1,
            Some(error) => {
                edits.remove_item(array, topic);
                refused.extend(topics::refused(topic, error));
            }
        }
    }
    if kept == 0 {
        return topics::reply(ask, &PRODUCERS, &refused);
    }
    ask.forward(edits, Then::Topics(refused))
}

/// WriteTxnMarkers: it ends the transaction of whatever producer it names, and producers of a physical topic are not
/// only those of this virtual cluster. So none may, whatever its rights, unless it is shown the whole physical cluster.
pub(super) fn write_markers(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let may = ask.gate.allows_quietly(Operation::Alter, Resource::CLUSTER)
        || ask.gate.allows(Operation::ClusterAction, Resource::CLUSTER);
    let error = match (may, ask.view.names.is_transparent()) {
        (true, true) => return ask.forward(Edits::new(), Then::Nothing),
        (true, false) => ErrorCode::PolicyViolation,
        (false, _) => ErrorCode::ClusterAuthorizationFailed,
    };
    let mut response = ask.response()?;
    for marker in ask.message.root().items(field::MARKERS) {
        let mut result = response.item(field::MARKERS);
        result.set(
            field::PRODUCER_ID,
            marker.int_in(field::PRODUCER_ID).unwrap_or(-1),
        );
        for topic in marker.items(field::TOPICS) {
            let refusal = topics::refused(topic, error).ok_or(Stop::Malformed)?;
            let topic = topics::answered(&result, &offsets::COMMIT, &refusal);
            result.push(field::TOPICS, topic);
        }
        response.push(field::MARKERS, result);
    }
    ask.reply(&response)
}
