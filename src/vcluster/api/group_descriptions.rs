//! DescribeGroups, ConsumerGroupDescribe, ShareGroupDescribe and StreamsGroupDescribe: what groups and their members are.

use super::ask::{Ask, Stop};
use super::back::{Back, BadAnswer};
use super::description::{
    Ahead, AnsweredBy, Api, ConnectionUse, Forwarded, QuotaUse, Request, Response, ServedVersions, Way,
};
use super::error_code::ErrorCode;
use super::internal_topics::{DEFAULT_REPLICATION, NOT_TO_BE_CREATED};
use super::{group, resources};
use crate::authz::Resource;
use crate::vcluster::embedded::CONSUMER_PROTOCOL;
use crate::vcluster::pending::{Asked, MemberProtocol, Members, Then};
use crate::vcluster::plan::Plan;
use crate::wire::{Class, Edits, Form, Message, Node, field};
use klamm_raft::model::Operation;

pub(super) const DESCRIBE_GROUPS: Api = Api {
    key: 15,
    versions: ServedVersions::new(0, 6),
    rights: "DESCRIBE on the group",
    on_the_way: "Groups, members' subscriptions and assignments, bitfields. Members' hosts are masked.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::everything(describe),
        response: Response::classified(described),
        way: Way::Connected,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

pub(super) const CONSUMER_GROUP_DESCRIBE: Api = Api {
    key: 69,
    versions: ServedVersions::new(0, 1),
    rights: "DESCRIBE on the group and all its topics",
    on_the_way: "Groups, members' subscriptions and assignments, bitfields. Members' hosts are masked.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::everything(describe),
        response: Response::classified(described_with_topics),
        way: Way::Connected,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

pub(super) const SHARE_GROUP_DESCRIBE: Api = Api {
    key: 77,
    versions: ServedVersions::new(1, 1),
    rights: "DESCRIBE on the group and all its topics",
    on_the_way: "Groups, members' assignments, bitfields. Members' hosts are masked.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::everything(describe),
        response: Response::classified(described_with_topics),
        way: Way::Connected,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

pub(super) const STREAMS_GROUP_DESCRIBE: Api = Api {
    key: 89,
    versions: ServedVersions::new(0, 0),
    rights: "DESCRIBE on the group and all topics of its topology",
    on_the_way: "Groups, topologies, bitfields. Members' hosts are masked.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::everything(describe),
        response: Response::everything(described_with_topology),
        way: Way::Connected,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

/// The words of a broker about a group with a hidden topic.
const HIDDEN_TOPICS: &str = "The group has described topic(s) that the client is not authorized to describe.";
/// The words of a broker about a streams group with a hidden topic.
const HIDDEN_IN_TOPOLOGY: &str =
    "The described group uses topics that the client is not authorized to describe.";

fn describe(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let operations = Asked::of(ask.message.root().bool_in(field::INCLUDE_AUTHORIZED_OPERATIONS));
    group::split(ask, Operation::Describe, field::GROUPS, operations)
}

/// The answer to DescribeGroups.
fn described(back: &mut Back<'_>, message: Message<'_>, edits: &mut Edits) -> Result<(), BadAnswer> {
    let Then::Groups { refused, operations } = &back.pending.then else {
        return Err(BadAnswer::OtherApi);
    };
    back.operations = *operations;
    let Some(array) = message.root().child(field::GROUPS) else {
        return Ok(());
    };
    for described in array.children() {
        let is_consumer = described.text_in(field::PROTOCOL_TYPE) == Some(CONSUMER_PROTOCOL);
        let physical = described.text_in(field::GROUP_ID).unwrap_or_default();
        back.members = match is_consumer && !back.names.is_transparent() {
            true => Members {
                protocol: MemberProtocol::Consumer,
                company: group::company_of(back.names, physical),
            },
            false => Members::OTHER,
        };
        if !back.item(described, edits) {
            edits.remove_item(array, described);
        }
    }
    // As brokers have it, refused groups come first.
    let empty = back.empty()?;
    for refusal in refused {
        edits.prepend(array, &group::item(&empty, field::GROUPS, refusal));
    }
    Ok(())
}

/// The way in which a kind of group is told.
struct Telling {
    /// Whether a group has a topic that the caller may not describe.
    is_hidden: fn(&Back<'_>, Node<'_>) -> bool,
    /// The words about such a group.
    words: &'static str,
    /// The changes to a group that is told.
    convert: fn(&Back<'_>, Node<'_>, &mut Edits),
}

/// The answers to ConsumerGroupDescribe and ShareGroupDescribe.
fn described_with_topics(
    back: &mut Back<'_>,
    message: Message<'_>,
    edits: &mut Edits,
) -> Result<(), BadAnswer> {
    let telling = Telling {
        is_hidden: has_hidden_topic,
        words: HIDDEN_TOPICS,
        convert: |_, _, _| {},
    };
    told(back, message, telling, edits)
}

/// The answer to StreamsGroupDescribe.
fn described_with_topology(
    back: &mut Back<'_>,
    message: Message<'_>,
    edits: &mut Edits,
) -> Result<(), BadAnswer> {
    let telling = Telling {
        is_hidden: has_hidden_topic_in_topology,
        words: HIDDEN_IN_TOPOLOGY,
        convert: as_clients_gave,
    };
    told(back, message, telling, edits)
}

fn told(
    back: &mut Back<'_>,
    message: Message<'_>,
    telling: Telling,
    edits: &mut Edits,
) -> Result<(), BadAnswer> {
    let Then::Groups { refused, operations } = &back.pending.then else {
        return Err(BadAnswer::OtherApi);
    };
    back.operations = *operations;
    let Some(array) = message.root().child(field::GROUPS) else {
        return Ok(());
    };
    let empty = back.empty()?;
    for described in array.children() {
        if (telling.is_hidden)(back, described) {
            edits.remove_item(array, described);
            let physical = described.text_in(field::GROUP_ID);
            if let Some(id) = physical.and_then(|id| back.names.virtual_group(id)) {
                let mut hidden = empty.item(field::GROUPS);
                hidden
                    .set(field::GROUP_ID, id)
                    .set(field::ERROR_CODE, ErrorCode::TopicAuthorizationFailed)
                    .set(field::ERROR_MESSAGE, telling.words);
                edits.append(array, &hidden);
            }
        } else if back.item(described, edits) {
            (telling.convert)(back, described, edits);
        } else {
            edits.remove_item(array, described);
        }
    }
    for refusal in refused {
        edits.prepend(array, &group::item(&empty, field::GROUPS, refusal));
    }
    Ok(())
}

/// Whether a member has, or is about to get, a topic of this virtual cluster that the caller may not describe.
fn has_hidden_topic(back: &Back<'_>, group: Node<'_>) -> bool {
    let mut topics = group.all(Class::Topic);
    topics.any(|topic| {
        let alias = topic
            .topic_name()
            .and_then(|name| back.names.by_physical_name(name));
        alias.is_some_and(|alias| {
            let topic = Resource::topic(alias.virtual_name.as_str());
            !back.asker.decide(Operation::Describe, topic).is_allowed()
        })
    })
}

/// Whether a described group uses a topic that the caller may not describe.
fn has_hidden_topic_in_topology(back: &Back<'_>, group: Node<'_>) -> bool {
    let mut names = group
        .all(Class::TopicName)
        .filter(|node| node.form() == Form::Text);
    names.any(|node| {
        let name = back.names.virtual_topic_name(node.text().unwrap_or_default());
        name.is_some_and(|name| {
            let topic = Resource::topic(&name);
            !back.asker.decide(Operation::Describe, topic).is_allowed()
        })
    })
}

/// Internal topics of a description are told with the replication factor that clients gave them, and with
/// configurations of topics only.
fn as_clients_gave(back: &Back<'_>, group: Node<'_>, edits: &mut Edits) {
    for topic in group.all(Class::Topics).flat_map(Node::children) {
        resources::keep_shown_of_internal_topic(back, topic, edits);
        let replicas = topic.child(field::REPLICATION_FACTOR);
        if let Some(replicas) = replicas.filter(|node| node.int() == Some(NOT_TO_BE_CREATED.into())) {
            edits.set_int(replicas, DEFAULT_REPLICATION.into());
        }
    }
}
