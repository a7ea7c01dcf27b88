//! Produce: records are neither copied nor read, but for the headers of their batches, where no policy asks for it.

use super::ask::{Ask, Stop};
use super::back::{Back, BadAnswer};
use super::carried::{self, SentTopics};
use super::description::{
    Ahead, AnsweredBy, Api, ConnectionUse, Forwarded, QuotaUse, Request, Response, ServedVersions, Way,
};
use super::error_code::ErrorCode;
use super::records::{self, JudgedBatches, KeptTopics};
use super::topics::{self, Repeated, Shape};
use super::{transactional_id, txn_producer};
use crate::vcluster::pending::Then;
use crate::vcluster::plan::{Answer, Attempt, CloseReason, Plan};
use crate::vcluster::producer::{ProducerIds, is_plain};
use crate::wire::{Class, Edits, Item, Message, Node, batch_headers, field};
use klamm_raft::model::{Operation, RequestKind};

// Announced from 0, as by brokers: older librdkafka takes a higher minimum for a sign that it must not compress
// (KAFKA-18659).
pub(super) const PRODUCE: Api = Api {
    key: 0,
    versions: ServedVersions::new(3, 13).announced_from(0),
    rights: "WRITE on the topic; WRITE on the transactional id where batches are transactional",
    on_the_way: "Names or ids of topics. Announced from 0, as brokers do for old librdkafka. Records are not read, but for the headers of batches, in which [producer ids are marked](VIRTUAL-CLUSTERS.md#producer-ids).",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(request).ruled(RequestKind::Produce),
        response: Response::classified(answered),
        way: Way::Leader,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::ProducedBytes,
        needs_no_right: None,
    }),
};

const SHAPE: Shape = Shape {
    operation: Some(Operation::Write),
    topics: field::TOPIC_DATA,
    answered: field::RESPONSES,
    name: field::NAME,
    partitions: field::PARTITION_RESPONSES,
    index: field::INDEX,
    when_refused,
    repeated: Repeated::Once,
};

/// The beginning of the log of a producer that is not known. Java's takes anything beyond the last offset that it was told, which is -1
/// at first, for a log whose beginning was deleted with all that the broker knew of it, and -1 for a beginning that is not known: it
/// would send the batch again instead of aborting the transaction.
const NOTHING_DELETED: i64 = -2;

/// Why a transaction cannot write to a topic.
const OTHER_CLUSTER: &str = "A transaction cannot write to this topic: it is on another physical cluster than the transactions of this virtual cluster.";

fn when_refused(partition: &mut Item, error: i16) {
    partition.set(field::BASE_OFFSET, -1_i64);
    if error == ErrorCode::UnknownProducerId.code() && partition.has(field::LOG_START_OFFSET) {
        partition.set(field::LOG_START_OFFSET, NOTHING_DELETED);
    }
    if error == ErrorCode::PolicyViolation.code() && partition.has(field::ERROR_MESSAGE) {
        partition.set(field::ERROR_MESSAGE, OTHER_CLUSTER);
    }
}

fn request(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let root = ask.message.root();
    let wants_answer = root.child(field::ACKS).and_then(|acks| acks.int()) != Some(0);
    let mut edits = Edits::new();
    if let Err(error) = judge_batches(ask, &mut edits) {
        return refuse_all(ask, wants_answer, error);
    }
    // The broker closes its connection when a topic is not there: that must become the client's end too.
    let is_absent = !wants_answer && names_absent_topic(ask);
    if is_absent && ask.attempt == Attempt::First {
        return Err(Stop::TopicsNotKnown);
    }
    let (mut kept, mut sent) = (KeptTopics::of(ask), SentTopics::default());
    let split = topics::split_noting(ask, &SHAPE, root, &mut edits, |topic, alias| {
        kept.add(topic, alias);
        sent.add(topic, alias);
    })?;
    let batches = records::judge_produced(ask, &SHAPE, &kept, &mut edits)?;
    if let Err(error) = write_batches(ask, &batches, &mut edits) {
        return refuse_all(ask, wants_answer, error);
    }
    let left = split.kept - batches.emptied;
    if wants_answer && left == 0 {
        let mut response = ask.response()?;
        topics::add_refused(&mut response, &SHAPE, &split.refused);
        records::answer_refused(&mut response, &SHAPE, &batches.refused);
        return ask.reply(&response);
    }
    if wants_answer {
        return ask.forward(
            edits,
            Then::Produced(split.refused, batches.refused, sent.batches()),
        );
    }
    let is_whole = split.refused.is_empty() && batches.refused.is_empty() && !(is_absent && left > 0);
    match (left, is_whole) {
        (0, true) => Ok(Plan::Drop),
        (0, false) => Ok(Plan::Close(CloseReason::UnansweredRefusal)),
        (_, true) => ask.forward_answered_by(edits, Answer::None(sent.without(&[]))),
        (_, false) => {
            let carried = sent.without(&batches.refused);
            ask.forward_answered_by(edits, Answer::NoneThenClose(carried))
        }
    }
}

/// Refuses the whole request.
fn refuse_all(ask: &Ask<'_>, wants_answer: bool, error: ErrorCode) -> Result<Plan, Stop> {
    match wants_answer {
        true => topics::refuse_all(ask, &SHAPE, error),
        false => Ok(Plan::Close(CloseReason::UnansweredRefusal)),
    }
}

/// Adds what was refused to the answer, and says what the broker took.
fn answered(back: &mut Back<'_>, message: Message<'_>, edits: &mut Edits) -> Result<(), BadAnswer> {
    let Then::Produced(refused, batches, sent) = &back.pending.then else {
        return Err(BadAnswer::OtherApi);
    };
    back.carried = carried::taken(back, message, sent);
    topics::convert_and_add(back, (&SHAPE, refused), message, edits)?;
    if !batches.is_empty() {
        let (root, empty) = (message.root(), back.empty()?);
        records::add_refused(back, (&SHAPE, batches), (root, &empty), edits);
    }
    Ok(())
}

/// Whether the request names a topic that is not known to exist.
fn names_absent_topic(ask: &Ask<'_>) -> bool {
    let names = ask
        .message
        .root()
        .items(SHAPE.topics)
        .filter_map(Node::topic_name);
    names
        .filter_map(|name| ask.view.names.by_virtual_name(name))
        .any(|alias| !alias.exists)
}

/// Judges the transactional id of a request, by what its batches are and not by what it says of them; and that no producer
/// has an id that only the gateway writes.
fn judge_batches(ask: &mut Ask<'_>, edits: &mut Edits) -> Result<(), ErrorCode> {
    let id = ask.message.root().child(field::TRANSACTIONAL_ID);
    let id = id.filter(|id| !id.is_null());
    let records = ask
        .message
        .all(Class::Records)
        .filter_map(|records| records.bytes());
    let mut is_transactional = false;
    for batch in records.flat_map(batch_headers) {
        is_transactional |= batch.is_transactional();
        let id = batch.producer_id;
        match batch.is_transactional() {
            true if ask.view.transactions.to_physical(id).is_none() => return Err(txn_producer::LEFT),
            false if !is_plain(id) => return Err(ErrorCode::UnknownProducerId),
            _ => {}
        }
    }
    if is_transactional {
        return match id {
            Some(_) if ask.view.is_foreign() => Err(ErrorCode::PolicyViolation),
            Some(_) => transactional_id::judge(ask, edits).map(drop),
            None => Err(ErrorCode::TransactionalIdAuthorizationFailed),
        };
    }
    // Without transactional batches nobody looks at the id, and it needs no right: it stays here.
    if let Some(id) = id {
        edits.set_text(id, None);
    }
    Ok(())
}

/// Puts rewritten batches in their place, and marks producer ids, so that a broker takes nobody's batches for those of another
/// virtual cluster.
fn write_batches(ask: &Ask<'_>, batches: &JudgedBatches, edits: &mut Edits) -> Result<(), ErrorCode> {
    let (producers, transactions) = (ask.view.producers, ask.view.transactions);
    for records in ask.message.all(Class::Records) {
        let written = match batches.instead_of(records) {
            Some(others) => producers
                .mark(transactions, others)
                .map(|marked| edits.set_records(records, marked)),
            None if producers == ProducerIds::Plain => Ok(()),
            None => edits.set_producer_ids(records, |batch| producers.physical_of(transactions, batch)),
        };
        written.map_err(|_| ErrorCode::UnknownProducerId)?;
    }
    Ok(())
}
