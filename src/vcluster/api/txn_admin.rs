//! Requests of administrators about transactions: DescribeTransactions, ListTransactions, DescribeProducers, and
//! WriteTxnMarkers, which ends one that hangs.

use klamm_raft::model::{Operation, TopicName};

use super::ask::{Ask, Stop};
use super::back::{self, Back, BadAnswer};
use super::description::{
    Ahead, AnsweredBy, Api, ConnectionUse, Forwarded, QuotaUse, Request, Response, ServedVersions, Way,
};
use super::error_code::ErrorCode;
use super::topics::{self, COMMITTED, Shape, in_words};
use super::{expression, transactional_id};
use crate::authz::Resource;
use crate::vcluster::pending::{RefusedTransaction, Then};
use crate::vcluster::plan::Plan;
use crate::wire::{Class, Edits, Item, Message, Node, field};

pub(super) const WRITE_TXN_MARKERS: Api = Api {
    key: 27,
    versions: ServedVersions::new(1, 2),
    rights: "ALTER or CLUSTER_ACTION on the cluster",
    on_the_way: "Unchanged through `passthrough`; refused elsewhere: see below.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(write_markers),
        response: Response::classified(back::renamed),
        way: Way::Connected,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

pub(super) const DESCRIBE_PRODUCERS: Api = Api {
    key: 61,
    versions: ServedVersions::new(0, 0),
    rights: "READ on the topic",
    on_the_way: "Names; producer ids. Idempotent producers of other virtual clusters are left out.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(producers),
        response: Response::classified(topics::with_refusals),
        way: Way::Leader,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

pub(super) const DESCRIBE_TRANSACTIONS: Api = Api {
    key: 65,
    versions: ServedVersions::new(0, 0),
    rights: "DESCRIBE on the transactional id and the topics",
    on_the_way: "Transactional ids; only topics that the caller may describe.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(describe),
        response: Response::classified(described),
        way: Way::Connected,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

pub(super) const LIST_TRANSACTIONS: Api = Api {
    key: 66,
    versions: ServedVersions::new(0, 2),
    rights: "DESCRIBE on the transactional id",
    on_the_way: "Only transactions of this virtual cluster that the caller may describe. The pattern is matched here, against virtual ids.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(list),
        response: Response::classified(listed),
        way: Way::Connected,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: Some(
            "The request names nothing, and the answer keeps only transactions that the caller may describe.",
        ),
    }),
};

/// DescribeProducers.
const PRODUCERS: Shape = Shape {
    when_refused: in_words,
    repeated: topics::Repeated::Listed,
    ..COMMITTED
};

/// DescribeTransactions.
fn describe(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    let mut refused = Vec::new();
    let mut kept = 0;
    let Some(array) = ask.message.root().child(field::TRANSACTIONAL_IDS) else {
        return Err(Stop::Malformed);
    };
    for node in array.children() {
        let id = node.text().unwrap_or_default();
        match transactional_id::judge_named(ask, id, Operation::Describe) {
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
fn described(back: &mut Back<'_>, message: Message<'_>, edits: &mut Edits) -> Result<(), BadAnswer> {
    let Then::Transactions(refused) = &back.pending.then else {
        return Err(BadAnswer::OtherApi);
    };
    let Some(array) = message.root().child(field::TRANSACTION_STATES) else {
        return Ok(());
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
    let empty = back.empty()?;
    for refusal in refused {
        edits.append(array, &refused_state(&empty, refusal));
    }
    Ok(())
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
fn list(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    let mut pattern = None;
    if let Some(node) = ask.message.first(Class::TransactionalIdPattern) {
        if let Some(text) = node.text().filter(|text| !text.is_empty()) {
            match expression::compiled(ask, text) {
                Ok(compiled) => pattern = Some(compiled),
                Err(unmeant) => {
                    let (error, _) = unmeant.into_answer(text)?;
                    return ask.refuse(error);
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
fn listed(back: &mut Back<'_>, message: Message<'_>, edits: &mut Edits) -> Result<(), BadAnswer> {
    let Then::ListedTransactions(pattern) = &back.pending.then else {
        return Err(BadAnswer::OtherApi);
    };
    let Some(array) = message.root().child(field::TRANSACTION_STATES) else {
        return Ok(());
    };
    for state in array.children() {
        let physical = state.text_in(field::TRANSACTIONAL_ID);
        let id = physical.and_then(|id| back.names.virtual_transactional_id(id));
        let is_shown = id.is_some_and(|id| {
            // Matching may take long: it is for those only who may see the id.
            back.asker
                .decide(Operation::Describe, Resource::transactional_id(id))
                .is_allowed()
                && pattern.as_deref().is_none_or(|pattern| pattern.matches(id))
        });
        if !is_shown || !back.item(state, edits) {
            edits.remove_item(array, state);
        }
    }
    Ok(())
}

/// DescribeProducers: what is no topic's name at all is told before rights are looked at.
fn producers(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
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
    ask.forward(edits, Then::Topics(&PRODUCERS, refused))
}

/// WriteTxnMarkers: it ends the transaction of whatever producer it names, and producers of a physical topic are not
/// only those of this virtual cluster. So none may, whatever its rights, unless it is shown the whole physical cluster.
fn write_markers(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
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
            let topic = topics::answered(&result, &COMMITTED, &refusal);
            result.push(field::TOPICS, topic);
        }
        response.push(field::MARKERS, result);
    }
    ask.reply(&response)
}
