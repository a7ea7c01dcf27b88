//! CreatePartitions, ElectLeaders, and reassignments of partitions: where replicas are, and how many partitions there
//! are.

use std::cmp::Ordering;

use super::ask::{Ask, Stop, Verdict};
use super::back;
use super::description::{
    Ahead, AnsweredBy, Api, ConnectionUse, Forwarded, QuotaUse, Request, Response, ServedVersions, Way,
};
use super::error_code::{ErrorCode, NEEDS_ALTER, NEEDS_DESCRIBE, NOT_OWNED, OVER_QUOTA, REPEATED, denial};
use super::items::{self, Sieve};
use super::room::TopicRoom;
use super::rules;
use super::topics::{self, Repeated, Shape};
use crate::authz::Resource;
use crate::policy::RuledSettings;
use crate::vcluster::pending::{RefusedTopic, Then};
use crate::vcluster::plan::Plan;
use crate::vcluster::rename::Alias;
use crate::wire::{Edits, Item, Node, Value, field};
use klamm_raft::model::{Operation, RequestKind, RequestSetting};

pub(super) const CREATE_PARTITIONS: Api = Api {
    key: 37,
    versions: ServedVersions::new(0, 3),
    rights: "ALTER on the topic",
    on_the_way: "Names; replica assignments. Topics that an alias or a list shows: as for DeleteTopics, or INVALID_PARTITIONS when it has as many partitions already.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::everything(create_partitions).ruled(RequestKind::CreatePartitions),
        response: Response::classified(items::with_refusals),
        way: Way::Home,
        connection: ConnectionUse::Free,
        ahead: Ahead::Grows,
        uses: QuotaUse::Mutations { refused_from: 3 },
        needs_no_right: None,
    }),
};

pub(super) const ELECT_LEADERS: Api = Api {
    key: 43,
    versions: ServedVersions::new(0, 2),
    rights: "ALTER on the cluster",
    on_the_way: "As AlterReplicaLogDirs. An unclean election loses records: it is refused for topics that a policy makes read-only.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::everything(elect),
        response: Response::classified(topics::with_refusals),
        way: Way::Home,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

pub(super) const ALTER_PARTITION_REASSIGNMENTS: Api = Api {
    key: 45,
    versions: ServedVersions::new(0, 1),
    rights: "ALTER on the cluster",
    on_the_way: "As AlterReplicaLogDirs; replicas. Refused for topics that a policy makes read-only.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(reassign),
        response: Response::classified(topics::with_refusals),
        way: Way::Home,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

pub(super) const LIST_PARTITION_REASSIGNMENTS: Api = Api {
    key: 46,
    versions: ServedVersions::new(0, 0),
    rights: "DESCRIBE on the cluster",
    on_the_way: "Topics of this virtual cluster; replicas.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(list_reassignments),
        response: Response::classified(back::renamed),
        way: Way::Home,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

const ELECT: Shape = Shape {
    operation: None,
    topics: field::TOPIC_PARTITIONS,
    answered: field::REPLICA_ELECTION_RESULTS,
    name: field::TOPIC,
    partitions: field::PARTITION_RESULT,
    index: field::PARTITION_ID,
    when_refused: in_words,
    repeated: Repeated::Listed,
};

const REASSIGN: Shape = Shape {
    operation: None,
    topics: field::TOPICS,
    answered: field::RESPONSES,
    name: field::NAME,
    partitions: field::PARTITIONS,
    index: field::PARTITION_INDEX,
    when_refused: in_words,
    repeated: Repeated::Listed,
};

fn in_words(partition: &mut Item, error: i16) {
    partition.set(field::ERROR_MESSAGE, words(error));
}

/// The words on replicas that the client may not move.
fn words(error: i16) -> Value {
    match ErrorCode::of(error) {
        Some(ErrorCode::ClusterAuthorizationFailed) => NEEDS_ALTER.into(),
        Some(ErrorCode::PolicyViolation) => NOT_OWNED.into(),
        _ => denial(error).map_or(Value::Null, Value::from),
    }
}

/// CreatePartitions.
fn create_partitions(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut sieve = Sieve::new(ask, field::RESULTS)?;
    let Some(array) = ask.message.root().child(field::TOPICS) else {
        return sieve.finish(ask);
    };
    let repeated = items::repeated(array.children().filter_map(Node::topic_name));
    for name in &repeated {
        sieve
            .refuse(ErrorCode::InvalidRequest)
            .set(field::NAME, *name)
            .set(field::ERROR_MESSAGE, REPEATED);
    }
    let mut room = None;
    for topic in array.children() {
        let name = topic.topic_name().unwrap_or_default();
        if repeated.binary_search(&name).is_ok() {
            sieve.drop(array, topic);
            continue;
        }
        let verdict = ask.judge_name(name, Some(Operation::Alter));
        let not_more = match &verdict {
            Verdict::Forwarded(alias) => not_more(alias, topic),
            Verdict::Refused(_) => None,
        };
        let (error, message) = match (ask.if_owned(verdict)?, not_more) {
            (Verdict::Forwarded(_), _) if ask.is_over_quota() => {
                (ErrorCode::ThrottlingQuotaExceeded, OVER_QUOTA.into())
            }
            (Verdict::Forwarded(alias), _) => match grow(ask, (topic, &alias), &mut room, &mut sieve)? {
                Ok(()) => continue,
                Err(words) => (ErrorCode::PolicyViolation, words.into()),
            },
            // Clients look for this where they only make sure that there are enough.
            (Verdict::Refused(ErrorCode::PolicyViolation), Some(said)) => {
                (ErrorCode::InvalidPartitions, said.into())
            }
            (Verdict::Refused(ErrorCode::PolicyViolation), None) => {
                (ErrorCode::PolicyViolation, NOT_OWNED.into())
            }
            (Verdict::Refused(error), _) => (error, Value::Null),
        };
        sieve.drop(array, topic);
        sieve
            .refuse(error)
            .set(field::NAME, name)
            .set(field::ERROR_MESSAGE, message);
    }
    sieve.finish(ask)
}

/// Has a topic grow as far as policies and limits let it.
fn grow(
    ask: &mut Ask<'_>,
    (topic, alias): (Node<'_>, &Alias),
    room: &mut Option<TopicRoom>,
    sieve: &mut Sieve,
) -> Result<Result<(), String>, Stop> {
    let mut settings = RuledSettings::default();
    if let Err(words) = ask.rule(topic, topic.topic_name(), &mut settings) {
        return Ok(Err(words));
    }
    let room = match room {
        Some(room) => room,
        None => room.insert(TopicRoom::of(ask)?),
    };
    let partitions = settings.number(&RequestSetting::Partitions);
    if let Err(words) = room.grow((ask, topic), alias, partitions) {
        return Ok(Err(words));
    }
    let edits = sieve.keep();
    topics::to_physical(topic, alias, edits);
    match settings.number(&RequestSetting::Partitions) {
        Some(partitions) => rules::set_in_partitions(ask, topic, partitions, edits),
        None => items::brokers_to_physical(ask, topic, edits),
    }
    Ok(Ok(()))
}

/// The words of a broker when a topic has as many partitions as are asked for.
fn not_more(alias: &Alias, topic: Node<'_>) -> Option<String> {
    let asked = topic.i32_in(field::COUNT)?;
    let (name, has) = (alias.virtual_name.as_str(), i32::try_from(alias.partitions).ok()?);
    match asked.cmp(&has) {
        Ordering::Greater => None,
        Ordering::Equal => Some(format!("Topic already has {has} partition(s).")),
        Ordering::Less => Some(format!(
            "The topic {name} currently has {has} partition(s); {asked} would not be an increase."
        )),
    }
}

/// The type of an election that makes a leader of a replica which lacks records.
const UNCLEAN: i64 = 1;

/// ElectLeaders.
fn elect(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    if let Err(error) = items::may_alter(ask) {
        return refuse(ask, &ELECT, error);
    }
    let root = ask.message.root();
    let is_unclean = root.int_in(field::ELECTION_TYPE) == Some(UNCLEAN);
    let names_topics = root.child(ELECT.topics).is_some_and(|topics| !topics.is_null());
    match (is_unclean, names_topics) {
        (true, true) => forward_changeable(ask, &ELECT, |_, _, _| {}),
        (true, false) if !ask.gate.lets_change_all_topics() => {
            refuse(ask, &ELECT, ErrorCode::TopicAuthorizationFailed)
        }
        _ => ask.forward(Edits::new(), Then::Topics(&ELECT, Vec::new())),
    }
}

/// AlterPartitionReassignments.
fn reassign(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    match items::may_alter(ask) {
        Ok(()) => forward_changeable(ask, &REASSIGN, items::brokers_to_physical),
        Err(error) => refuse(ask, &REASSIGN, error),
    }
}

/// Sends on the topics that policies let the caller change, each edited, and refuses the others.
fn forward_changeable(
    ask: &mut Ask<'_>,
    shape: &'static Shape,
    edit: impl Fn(&Ask<'_>, Node<'_>, &mut Edits),
) -> Result<Plan, Stop> {
    let (mut edits, mut refusals, mut kept) = (Edits::new(), Vec::new(), 0);
    if let Some(array) = ask.message.root().child(shape.topics) {
        for topic in array.children() {
            let name = topic.topic_name().unwrap_or_default();
            if ask.gate.lets_change(Operation::Alter, Resource::topic(name)) {
                edit(ask, topic, &mut edits);
                kept += 1;
            } else {
                edits.remove_item(array, topic);
                refusals.extend(topics::refused(topic, ErrorCode::TopicAuthorizationFailed));
            }
        }
    }
    match kept {
        0 if !refusals.is_empty() => topics::reply(ask, shape, &refusals),
        _ => ask.forward(edits, Then::Topics(shape, refusals)),
    }
}

/// ListPartitionReassignments: of the topics of this virtual cluster.
fn list_reassignments(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    if !ask.gate.allows(Operation::Describe, Resource::CLUSTER) {
        return ask.refuse_in_words(ErrorCode::ClusterAuthorizationFailed, Some(NEEDS_DESCRIBE));
    }
    topics::forward_known(ask)
}

/// Refuses the whole request: at the top level where the version has one, and for every partition.
fn refuse(ask: &Ask<'_>, shape: &Shape, error: ErrorCode) -> Result<Plan, Stop> {
    let topics = ask.message.root().items(shape.topics);
    let refusals: Vec<RefusedTopic> = topics.filter_map(|topic| topics::refused(topic, error)).collect();
    let mut response = ask.response()?;
    if response.has(field::ERROR_MESSAGE) {
        response.set(field::ERROR_MESSAGE, words(error.code()));
    }
    if response.has(field::ERROR_CODE) {
        response.set(field::ERROR_CODE, error);
    }
    for refusal in &refusals {
        let topic = topics::answered(&response, shape, refusal);
        response.push(shape.answered, topic);
    }
    ask.reply(&response)
}
