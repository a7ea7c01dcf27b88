//! Fetch: without fetch sessions (KIP-227), so that every fetch names all its partitions and all of them are judged.
//! A client that asks for a session is answered with session id 0, "none"; it goes on with full fetches.

use std::sync::Arc;

use bytes::Bytes;

use super::ask::{Ask, Stop};
use super::back::{Back, BadAnswer};
use super::carried;
use super::description::{
    Ahead, AnsweredBy, Api, ConnectionUse, Forwarded, QuotaUse, Request, Response, ServedVersions, Way,
};
use super::error_code::ErrorCode;
use super::records::{self, FetchFacts, KeptTopics};
use super::rules;
use super::topics::{self, Repeated, Shape, Split};
use crate::authz::Resource;
use crate::policy::RuledSettings;
use crate::vcluster::pending::{RefusedTopic, Then, TopicKey};
use crate::vcluster::plan::{Plan, Stay};
use crate::vcluster::rename::Alias;
use crate::wire::{Class, Edits, Item, Message, field};
use klamm_raft::model::{Operation, RequestKind};

pub(super) const FETCH: Api = Api {
    key: 1,
    versions: ServedVersions::new(4, 18),
    rights: "READ on the topic",
    on_the_way: "Names or ids; leaders, preferred replicas and endpoints. Without fetch sessions ([decision](decisions/0002-fetch-without-sessions.md)).",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::everything_for_policies(request).ruled(RequestKind::Fetch),
        response: Response::classified(answered),
        way: Way::Leader,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::ConsumedBytes,
        needs_no_right: None,
    }),
};

const SHAPE: Shape = Shape {
    operation: Some(Operation::Read),
    topics: field::TOPICS,
    answered: field::RESPONSES,
    name: field::TOPIC,
    partitions: field::PARTITIONS,
    index: field::PARTITION_INDEX,
    when_refused,
    repeated: Repeated::Once,
};

/// The epoch of a fetch that asks for a session.
const INITIAL_EPOCH: i64 = 0;
/// The epoch of a fetch without session.
const FINAL_EPOCH: i64 = -1;

fn when_refused(partition: &mut Item, _: i16) {
    partition
        .set(field::HIGH_WATERMARK, -1_i64)
        .set(field::RECORDS, Bytes::new());
}

fn request(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    if is_replica(ask) {
        return topics::refuse_all(ask, &SHAPE, ErrorCode::TopicAuthorizationFailed);
    }
    if ask.caller.stay == Stay::Elsewhere {
        return topics::refuse_all(ask, &SHAPE, ErrorCode::NotLeaderOrFollower);
    }
    if ask.view.route.is_rejoining {
        return topics::refuse_all(ask, &SHAPE, ErrorCode::NotLeaderOrFollower);
    }
    let root = ask.message.root();
    let mut edits = Edits::new();
    if let Some(epoch) = root.child(field::SESSION_EPOCH) {
        if !matches!(epoch.int(), Some(INITIAL_EPOCH | FINAL_EPOCH)) {
            return ask.refuse(ErrorCode::FetchSessionIdNotFound);
        }
        edits.set_int(epoch, FINAL_EPOCH);
    }
    if let Some(session) = root.child(field::SESSION_ID) {
        edits.set_int(session, 0);
    }
    if let Some(forgotten) = root.child(field::FORGOTTEN_TOPICS_DATA) {
        for topic in forgotten.children() {
            edits.remove_item(forgotten, topic);
        }
    }
    if let Some(cluster) = root.child(field::CLUSTER_ID).filter(|id| !id.is_null()) {
        edits.set_text(cluster, None);
    }
    let mut kept = KeptTopics::of(ask);
    let mut split = topics::split_noting(ask, &SHAPE, root, &mut edits, |topic, alias| {
        kept.add(topic, alias);
    })?;
    if ask.is_ruled() {
        rule(ask, &kept, &mut split, &mut edits);
    }
    if split.kept == 0 {
        return topics::reply(ask, &SHAPE, &split.refused);
    }
    let facts = FetchFacts::of(ask, &kept);
    let judged_by = Arc::clone(&ask.view.acls);
    ask.forward(edits, Then::Fetched(split.refused, facts, judged_by))
}

/// Takes topics out of a fetch that rules do not let be read so, and sets what rules set for all of it. The answer has no
/// room for words, and of POLICY_VIOLATION there Java takes that it cannot be.
fn rule(ask: &mut Ask<'_>, kept: &KeptTopics<'_>, split: &mut Split, edits: &mut Edits) {
    let root = ask.message.root();
    let mut settings = RuledSettings::default();
    for (topic, name) in kept.iter() {
        if ask.rule(topic, Some(name), &mut settings).is_err()
            && let Some(array) = root.child(field::TOPICS)
        {
            edits.remove_item(array, topic);
            split.kept -= 1;
            split
                .refused
                .extend(topics::refused(topic, ErrorCode::TopicAuthorizationFailed));
        }
    }
    split.refused = topics::joined(std::mem::take(&mut split.refused), SHAPE.repeated);
    rules::set_in_fetch(root, &settings, edits);
}

/// Adds what was refused to the answer, and has in it what policies let through, of topics that the caller may still read.
fn answered(back: &mut Back<'_>, message: Message<'_>, edits: &mut Edits) -> Result<(), BadAnswer> {
    let Then::Fetched(refused, facts, judged_by) = &back.pending.then else {
        return Err(BadAnswer::OtherApi);
    };
    topics::convert_and_add(back, (&SHAPE, refused), message, edits)?;
    let withheld = records::apply_to_answer(back, message, facts.as_deref(), edits);
    if Arc::ptr_eq(judged_by, &back.view.acls) {
        back.carried = carried::told(back, message, &withheld, |_, _| true);
        return Ok(());
    }
    withdraw(back, message, edits)?;
    back.carried = carried::told(back, message, &withheld, may_read);
    Ok(())
}

/// Refuses topics that the caller may not read any more: rights were changed while the client waited.
fn withdraw(back: &mut Back<'_>, message: Message<'_>, edits: &mut Edits) -> Result<(), BadAnswer> {
    let (root, denied) = (message.root(), ErrorCode::TopicAuthorizationFailed);
    let Some(array) = root.child(field::RESPONSES) else {
        return Ok(());
    };
    let mut withdrawn = Vec::new();
    for topic in array.children() {
        // What is none of the virtual cluster's is left out already.
        let Some(alias) = back.alias_of(topic) else {
            continue;
        };
        if may_read(back, &alias) {
            continue;
        }
        edits.remove_item(array, topic);
        if let Some(refused) = topics::refused(topic, denied) {
            let key = match (&refused.key, alias.ids) {
                (TopicKey::Id(_), Some(ids)) => TopicKey::Id(*ids.virtual_id.bytes()),
                _ => TopicKey::Name(alias.virtual_name.as_str().to_owned()),
            };
            withdrawn.push(RefusedTopic { key, ..refused });
        }
    }
    if !withdrawn.is_empty() {
        topics::splice(&SHAPE, root, &back.empty()?, &withdrawn, edits);
        back.errors.add(denied.code());
    }
    Ok(())
}

fn may_read(back: &Back<'_>, alias: &Alias) -> bool {
    let resource = Resource::topic(alias.virtual_name.as_str());
    back.asker.decide(Operation::Read, resource).is_allowed()
}

/// Whether a broker's replica fetches, or somebody who says so: a plain field up to version 14, a tagged one later.
/// No client may, whatever its rights: a broker would believe it.
fn is_replica(ask: &Ask<'_>) -> bool {
    let mut ids = ask.message.all(Class::ReplicaId);
    ids.any(|id| id.int().is_some_and(|id| id >= 0))
}
