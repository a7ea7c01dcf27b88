//! DescribeTopicPartitions: like Metadata, page by page. The cursor is a topic's name.

use super::ask::{Ask, Stop, Verdict};
use super::back::{Back, BadAnswer, mark_leaderless};
use super::description::{
    Ahead, AnsweredBy, Api, ConnectionUse, Forwarded, QuotaUse, Request, Response, ServedVersions, Way,
};
use super::error_code::{ErrorCode, naming_error};
use super::items::Sieve;
use super::topics;
use crate::authz::Resource;
use crate::vcluster::pending::{Asked, Then};
use crate::vcluster::plan::Plan;
use crate::wire::{Edits, Item, Message, Node, field};
use klamm_raft::model::Operation;

pub(super) const DESCRIBE_TOPIC_PARTITIONS: Api = Api {
    key: 75,
    versions: ServedVersions::new(0, 0),
    rights: "DESCRIBE on the topic",
    on_the_way: "As Metadata; the cursor.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(request),
        response: Response::classified(described),
        way: Way::Nowhere,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: Some(
            "Where all topics are requested, the answer keeps those that the caller may describe.",
        ),
    }),
};

fn request(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let root = ask.message.root();
    let mut sieve = Sieve::new(ask, field::TOPICS)?;
    let Some(array) = root.child(field::TOPICS) else {
        return sieve.finish(ask);
    };
    let cursor = root.child(field::CURSOR).filter(|cursor| !cursor.is_null());
    if !is_valid(array, cursor) {
        for topic in array.children() {
            let name = topic.topic_name().unwrap_or_default();
            sieve.refuse(ErrorCode::InvalidRequest).set(field::NAME, name);
        }
        return all_refused(ask, array, sieve);
    }
    if array.count() == 0 {
        return all(ask, array, cursor, sieve);
    }
    let begin = cursor.and_then(|cursor| cursor.text_in(field::TOPIC_NAME));
    let mut page = Page::default();
    for topic in array.children() {
        let name = topic.topic_name().unwrap_or_default();
        match ask.judge_name(name, Some(Operation::Describe)) {
            Verdict::Forwarded(alias) => {
                page.add(alias.physical_name.as_str(), begin == Some(name));
                topics::to_physical(topic, &alias, sieve.keep());
            }
            Verdict::Refused(error) => {
                sieve.drop(array, topic);
                // What comes before the page was told on an earlier one.
                if begin.is_some_and(|begin| name < begin) {
                    continue;
                }
                let error = naming_error(error, name);
                let operations = ask.gate.asker().authorized_operations(Resource::topic(name));
                let item = sieve.refuse(error).set(field::NAME, name);
                if error != ErrorCode::TopicAuthorizationFailed {
                    item.set(field::TOPIC_AUTHORIZED_OPERATIONS, operations);
                }
            }
        }
    }
    match (cursor, page.first) {
        (Some(cursor), Some(first)) if !page.has_begin => begin_at(cursor, &first, &mut sieve),
        _ => convert_cursor(ask, cursor, sieve.edits()),
    }
    sieve.finish(ask)
}

/// The topics that a broker is asked for.
#[derive(Debug, Default)]
struct Page {
    /// The first of their physical names, in a broker's order.
    first: Option<String>,
    /// Whether the cursor's topic is one of them.
    has_begin: bool,
}

impl Page {
    fn add(&mut self, physical: &str, is_begin: bool) {
        self.has_begin |= is_begin;
        if self.first.as_deref().is_none_or(|first| physical < first) {
            self.first = Some(physical.to_owned());
        }
    }
}

/// The cursor's topic is not sent on: the page begins with the first that is.
fn begin_at(cursor: Node<'_>, physical: &str, sieve: &mut Sieve) {
    if let Some(name) = cursor.child(field::TOPIC_NAME) {
        sieve.edits().set_text(name, Some(physical));
    }
    if let Some(index) = cursor.child(field::PARTITION_INDEX) {
        sieve.edits().set_int(index, 0);
    }
}

/// Every topic that the caller may describe. Where topics may have come that are not known yet, all of the physical
/// cluster's are asked for and the answer is filtered.
fn all(ask: &mut Ask<'_>, array: Node<'_>, cursor: Option<Node<'_>>, mut sieve: Sieve) -> Result<Plan, Stop> {
    if ask.view.names.is_open() {
        let mut edits = Edits::new();
        convert_cursor(ask, cursor, &mut edits);
        return ask.forward(edits, Then::Filtered);
    }
    let request = Item::request(ask.header.api_key, ask.version())?;
    let view = ask.view;
    for alias in view.names.aliases().iter().filter(|alias| alias.exists) {
        let resource = Resource::topic(alias.virtual_name.as_str());
        if ask.gate.allows_quietly(Operation::Describe, resource) {
            let mut topic = request.item(field::TOPICS);
            topic.set(field::NAME, alias.physical_name.as_str());
            sieve.keep().append(array, &topic);
        }
    }
    convert_cursor(ask, cursor, sieve.edits());
    sieve.finish(ask)
}

/// A page begins at a partition of a topic that is asked for.
fn is_valid(array: Node<'_>, cursor: Option<Node<'_>>) -> bool {
    let Some(cursor) = cursor else { return true };
    let topic = cursor.text_in(field::TOPIC_NAME);
    let is_listed = array.count() == 0 || array.children().any(|asked| asked.topic_name() == topic);
    is_listed
        && cursor
            .i32_in(field::PARTITION_INDEX)
            .is_some_and(|index| index >= 0)
}

fn convert_cursor(ask: &Ask<'_>, cursor: Option<Node<'_>>, edits: &mut Edits) {
    let Some(name) = cursor.and_then(|cursor| cursor.child(field::TOPIC_NAME)) else {
        return;
    };
    let text = name.text().unwrap_or_default();
    let alias = ask.view.names.by_virtual_name(text);
    let physical = match &alias {
        Some(alias) => alias.physical_name.as_str(),
        // The page after a topic that is gone: the physical cluster refuses it.
        None => ask.view.names.impossible_topic(),
    };
    edits.set_text(name, Some(physical));
}

fn all_refused(ask: &Ask<'_>, array: Node<'_>, mut sieve: Sieve) -> Result<Plan, Stop> {
    for topic in array.children() {
        sieve.drop(array, topic);
    }
    sieve.finish(ask)
}

/// The answer.
fn described(back: &mut Back<'_>, message: Message<'_>, edits: &mut Edits) -> Result<(), BadAnswer> {
    let refusals = match &back.pending.then {
        Then::Refusals(refusals) => Some(refusals),
        Then::Filtered => None,
        _ => return Err(BadAnswer::OtherApi),
    };
    back.operations = Asked::Yes;
    back.filter = Asked::of(Some(refusals.is_none()));
    back.convert(message.root(), edits);
    for topic in message.root().items(field::TOPICS) {
        mark_leaderless(back, topic, edits);
    }
    let cursor = message
        .root()
        .child(field::NEXT_CURSOR)
        .filter(|cursor| !cursor.is_null());
    if let Some(name) = cursor.and_then(|cursor| cursor.child(field::TOPIC_NAME)) {
        let alias = name.text().and_then(|text| back.names.by_physical_name(text));
        edits.set_text(
            name,
            Some(alias.as_ref().map_or("", |alias| alias.virtual_name.as_str())),
        );
    }
    if let Some(refusals) = refusals {
        refusals.append(message, edits);
    }
    Ok(())
}
