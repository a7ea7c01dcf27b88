//! OffsetFetch: one group up to version 7, many from version 8 on; named topics or all. DescribeShareGroupOffsets is the
//! same for share groups.

use super::ask::{Ask, Stop};
use super::back::{Back, BadAnswer};
use super::description::{
    Ahead, AnsweredBy, Api, ConnectionUse, Forwarded, Offsets, QuotaUse, Request, Response, ServedVersions,
    Way,
};
use super::error_code::{ErrorCode, in_words_or_none};
use super::group::{self, NoMember};
use super::topics::{self, LISTED, Shape};
use crate::policy::RuledSettings;
use crate::vcluster::pending::{FetchedGroup, FetchedTopics, RefusedTopic, Then};
use crate::vcluster::plan::Plan;
use crate::wire::{Class, Edits, Item, Message, Node, field};
use klamm_raft::model::{Operation, RequestKind};

pub(super) const OFFSET_FETCH: Api = Api {
    key: 9,
    versions: ServedVersions::new(1, 10),
    rights: "DESCRIBE on the group and the topic",
    on_the_way: "Groups; names or ids. \"All\" is what the caller may describe.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::everything_abroad(of_group).ruled(RequestKind::OffsetFetch),
        response: Response::classified(answer_of_group),
        way: Way::Offsets(Offsets::Fetch),
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

pub(super) const DESCRIBE_SHARE_GROUP_OFFSETS: Api = Api {
    key: 90,
    versions: ServedVersions::new(0, 1),
    rights: "DESCRIBE on the group and the topic",
    on_the_way: "Groups; names, ids. \"All\" is what the caller may describe.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(of_share_groups),
        response: Response::classified(answer_of_share_groups),
        way: Way::Connected,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

/// The differences between kinds of groups.
struct Kind {
    shape: &'static Shape,
    /// The first version with many groups.
    many_groups_from: i16,
}

/// Groups of consumers.
const GROUP: Kind = Kind {
    shape: &Shape {
        when_refused,
        ..LISTED
    },
    many_groups_from: 8,
};

/// Share groups.
const SHARE_GROUP: Kind = Kind {
    shape: &Shape {
        name: field::TOPIC_NAME,
        when_refused: without_start,
        ..LISTED
    },
    many_groups_from: 0,
};

/// The first version with an error code beside the topics.
const TOP_LEVEL_ERROR_FROM: i16 = 2;

const NO_ERROR: i16 = 0;

/// The most partitions of one request. Where partitions are structs the walk has such a bound; here they are plain
/// numbers, each of which may become a refusal of fifty times its size.
const MAX_PARTITIONS: usize = 1 << 18;

fn when_refused(partition: &mut Item, _: i16) {
    partition
        .set(field::COMMITTED_OFFSET, -1_i64)
        .set(field::METADATA, "");
}

fn without_start(partition: &mut Item, error: i16) {
    partition.set(field::START_OFFSET, -1_i64);
    in_words_or_none(partition, error);
}

/// OffsetFetch.
fn of_group(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    request(ask, &GROUP)
}

/// DescribeShareGroupOffsets.
fn of_share_groups(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    request(ask, &SHARE_GROUP)
}

fn request(ask: &mut Ask<'_>, kind: &Kind) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    let root = ask.message.root();
    let arrays = ask.message.all(Class::PartitionIndex);
    if arrays.map(Node::count).sum::<usize>() > MAX_PARTITIONS {
        return Err(Stop::Malformed);
    }
    if ask.version() >= kind.many_groups_from {
        return many(ask, kind, root.child(field::GROUPS), edits);
    }
    if is_elsewhere(ask, root) {
        return ask.reply(&ask.response()?);
    }
    let fetched = fetched_group(ask, kind, root, &mut edits)?;
    match &fetched.topics {
        FetchedTopics::Refused(error) => refuse_one(ask, *error),
        _ => ask.forward(edits, Then::OffsetFetch(vec![fetched])),
    }
}

/// Whether a group's topics are all on other clusters than this one, which has nothing to say then and may be away.
fn is_elsewhere(ask: &Ask<'_>, group: Node<'_>) -> bool {
    let topics = group.child(field::TOPICS).filter(|topics| !topics.is_null());
    ask.view.is_foreign()
        && topics.is_some_and(|topics| topics.children().all(|topic| ask.is_left_out(topic)))
}

/// Of a topic that is not there no offset was committed, which is no error.
fn have_no_offset(refused: &mut RefusedTopic) {
    if refused.error == ErrorCode::UnknownTopicOrPartition.code() {
        refused.error = NO_ERROR;
    }
}

fn many(ask: &mut Ask<'_>, kind: &Kind, groups: Option<Node<'_>>, mut edits: Edits) -> Result<Plan, Stop> {
    let mut fetched = Vec::new();
    let mut kept = 0;
    for (place, (array, node)) in groups
        .into_iter()
        .flat_map(|array| array.children().map(move |node| (array, node)))
        .enumerate()
    {
        if ask.aim.group.is_some_and(|only| only != place) || is_elsewhere(ask, node) {
            edits.remove_item(array, node);
            continue;
        }
        let group = fetched_group(ask, kind, node, &mut edits)?;
        match &group.topics {
            FetchedTopics::Refused(_) => edits.remove_item(array, node),
            _ => kept += 1,
        }
        fetched.push(group);
    }
    if kept > 0 {
        return ask.forward(edits, Then::OffsetFetch(fetched));
    }
    let mut response = ask.response()?;
    for group in &fetched {
        if let FetchedTopics::Refused(error) = &group.topics {
            let item = refused_group(&response, &group.group, *error);
            response.push(field::GROUPS, item);
        }
    }
    ask.reply(&response)
}

/// Judges a group and its topics. What is allowed gets its physical names.
fn fetched_group(
    ask: &mut Ask<'_>,
    kind: &Kind,
    node: Node<'_>,
    edits: &mut Edits,
) -> Result<FetchedGroup, Stop> {
    let id = node.text_in(field::GROUP_ID).unwrap_or_default();
    let judged = group::judge_id(ask, id, Operation::Describe).and_then(|physical| {
        let ruled = ask.rule(node, None, &mut RuledSettings::default());
        ruled.map(|()| physical).map_err(|_| ErrorCode::PolicyViolation)
    });
    let topics = match judged {
        Err(error) => FetchedTopics::Refused(error.code()),
        Ok(_) if ask.aim.failed.is_some() => {
            FetchedTopics::Refused(ErrorCode::CoordinatorNotAvailable.code())
        }
        Ok(physical) => {
            if let Some(group) = node.child(field::GROUP_ID) {
                edits.set_text(group, Some(&physical));
            }
            group::without_member(ask, node, NoMember::Null, edits);
            match node.child(field::TOPICS) {
                Some(topics) if !topics.is_null() => {
                    let mut refused = topics::split(ask, kind.shape, node, edits)?.refused;
                    refused.iter_mut().for_each(have_no_offset);
                    FetchedTopics::Named(refused)
                }
                _ => FetchedTopics::All,
            }
        }
    };
    Ok(FetchedGroup {
        group: id.to_owned(),
        topics,
    })
}

/// Refuses the only group of a request.
fn refuse_one(ask: &Ask<'_>, error: i16) -> Result<Plan, Stop> {
    let mut response = ask.response()?;
    if ask.version() >= TOP_LEVEL_ERROR_FROM {
        response.set(field::ERROR_CODE, error);
        return ask.reply(&response);
    }
    let topics = ask.message.root().items(field::TOPICS);
    let refused = topics.filter_map(|topic| topics::refused(topic, ErrorCode::GroupAuthorizationFailed));
    let refused: Vec<_> = refused.map(|topic| RefusedTopic { error, ..topic }).collect();
    topics::reply(ask, GROUP.shape, &refused)
}

fn refused_group(response: &Item, group: &str, error: i16) -> Item {
    let mut item = response.item(field::GROUPS);
    item.set(field::GROUP_ID, group).set(field::ERROR_CODE, error);
    item
}

/// The answer to OffsetFetch.
fn answer_of_group(back: &mut Back<'_>, message: Message<'_>, edits: &mut Edits) -> Result<(), BadAnswer> {
    answer(back, message, &GROUP, edits)
}

/// The answer to DescribeShareGroupOffsets.
fn answer_of_share_groups(
    back: &mut Back<'_>,
    message: Message<'_>,
    edits: &mut Edits,
) -> Result<(), BadAnswer> {
    answer(back, message, &SHARE_GROUP, edits)
}

fn answer(back: &Back<'_>, message: Message<'_>, kind: &Kind, edits: &mut Edits) -> Result<(), BadAnswer> {
    let Then::OffsetFetch(fetched) = &back.pending.then else {
        return Err(BadAnswer::OtherApi);
    };
    let (root, empty) = (message.root(), back.empty()?);
    let Some(array) = root.child(field::GROUPS) else {
        if let Some(group) = fetched.first() {
            topics_of(back, root, (kind.shape, &empty), group, edits);
        }
        return Ok(());
    };
    let item = empty.item(field::GROUPS);
    for node in array.children() {
        let id = node
            .text_in(field::GROUP_ID)
            .and_then(|id| back.names.virtual_group(id));
        let asked = id.and_then(|id| fetched.iter().find(|group| group.group == id));
        let (Some(group), Some(id_node)) = (asked, node.child(field::GROUP_ID)) else {
            edits.remove_item(array, node);
            continue;
        };
        edits.set_text(id_node, Some(&group.group));
        if let Some(words) = node.child_of(Class::ErrorMessage) {
            back.error_message(node, words, edits);
        }
        topics_of(back, node, (kind.shape, &item), group, edits);
    }
    for group in fetched {
        if let FetchedTopics::Refused(error) = &group.topics {
            edits.append(array, &refused_group(&empty, &group.group, *error));
        }
    }
    Ok(())
}

/// Converts the topics of one group. Of all topics those are shown that the caller may describe; refused ones are added
/// unless the group itself could not be looked up.
fn topics_of(
    back: &Back<'_>,
    node: Node<'_>,
    (shape, item): (&Shape, &Item),
    group: &FetchedGroup,
    edits: &mut Edits,
) {
    let Some(array) = node.child_of(Class::Topics) else {
        return;
    };
    for topic in array.children() {
        let is_shown = back.topic(topic, edits)
            && match group.topics {
                FetchedTopics::All => back.may_describe(topic),
                _ => true,
            };
        if !is_shown {
            edits.remove_item(array, topic);
        }
    }
    let failed = node.int_in(field::ERROR_CODE).is_some_and(|error| error != 0);
    if let FetchedTopics::Named(refused) = &group.topics
        && !failed
    {
        topics::splice(shape, node, item, refused, edits);
    }
}
