//! FindCoordinator: one key up to version 3, many from version 4 on. The coordinator that a client is told is a virtual
//! broker.

use super::ask::{Ask, Stop};
use super::back::{Back, BadAnswer, is_meaningless};
use super::description::{
    Ahead, AnsweredBy, Api, ConnectionUse, Forwarded, QuotaUse, Request, Response, ServedVersions, Way,
};
use super::error_code::{ErrorCode, denial};
use super::{group, transactional_id};
use crate::authz::Resource;
use crate::vcluster::pending::{Coordinated, RefusedKey, Then};
use crate::vcluster::plan::Plan;
use crate::wire::{Class, Edits, Item, Message, Node, field};
use klamm_raft::model::Operation;

pub(super) const FIND_COORDINATOR: Api = Api {
    key: 10,
    versions: ServedVersions::new(0, 6),
    rights: "DESCRIBE on the group or transactional id",
    on_the_way: "Groups and transactional ids; the coordinator is a virtual broker.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(request),
        response: Response::classified(found),
        way: Way::Home,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

/// The first version with many keys.
const MANY_KEYS_FROM: i16 = 4;
/// The first version in which share coordinators can be asked for.
const SHARE_FROM: i16 = 6;

const KEY_TYPE_GROUP: i64 = 0;
const KEY_TYPE_TRANSACTION: i64 = 1;
const KEY_TYPE_SHARE: i64 = 2;

fn request(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let root = ask.message.root();
    // Version 0 knows groups only.
    let key_type = root.int_in(field::KEY_TYPE).unwrap_or(KEY_TYPE_GROUP);
    if ask.version() >= MANY_KEYS_FROM {
        return many(ask, key_type);
    }
    let Some(node) = root.child(field::KEY) else {
        return Err(Stop::Malformed);
    };
    let key = node.text().unwrap_or_default();
    match judge(ask, key_type, key) {
        Ok(physical) => {
            let mut edits = Edits::new();
            edits.set_text(node, Some(&physical));
            ask.forward(edits, Then::Coordinators(coordinated(key_type), Vec::new()))
        }
        Err(refused) => {
            let mut response = ask.response()?;
            fill(&mut response, &refused);
            ask.reply(&response)
        }
    }
}

fn many(ask: &mut Ask<'_>, key_type: i64) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    let mut refused = Vec::new();
    let mut kept = 0;
    let array = ask.message.root().child(field::COORDINATOR_KEYS);
    for (array, node) in array
        .into_iter()
        .flat_map(|array| array.children().map(move |node| (array, node)))
    {
        match judge(ask, key_type, node.text().unwrap_or_default()) {
            Ok(physical) => {
                edits.set_text(node, Some(&physical));
                kept += 1;
            }
            Err(refusal) => {
                edits.remove_item(array, node);
                refused.push(refusal);
            }
        }
    }
    if kept == 0 {
        let mut response = ask.response()?;
        for refusal in &refused {
            let item = item(&response, refusal);
            response.push(field::COORDINATORS, item);
        }
        return ask.reply(&response);
    }
    ask.forward(edits, Then::Coordinators(coordinated(key_type), refused))
}

/// The kind of thing that a key which is sent on names: no other types are.
fn coordinated(key_type: i64) -> Coordinated {
    match key_type {
        KEY_TYPE_TRANSACTION => Coordinated::Transaction,
        _ => Coordinated::Group,
    }
}

/// The key's physical counterpart, if the caller may look it up.
fn judge(ask: &mut Ask<'_>, key_type: i64, key: &str) -> Result<String, RefusedKey> {
    let judged = match key_type {
        KEY_TYPE_GROUP => group::judge_id(ask, key, Operation::Describe),
        KEY_TYPE_TRANSACTION => transactional_id::judge_id(ask, key, Operation::Describe),
        // Brokers look for share coordinators; to a client none is told, whatever its rights.
        KEY_TYPE_SHARE if ask.version() >= SHARE_FROM => {
            if ask.gate.allows(Operation::ClusterAction, Resource::CLUSTER) {
                Err(ErrorCode::InvalidRequest)
            } else {
                Err(ErrorCode::ClusterAuthorizationFailed)
            }
        }
        _ => Err(ErrorCode::InvalidRequest),
    };
    // As brokers: with many keys only the refusal of share coordinators comes in words.
    let has_words = ask.version() < MANY_KEYS_FROM || key_type == KEY_TYPE_SHARE;
    judged.map_err(|error| RefusedKey {
        key: key.to_owned(),
        error: error.code(),
        message: denial(error.code()).filter(|_| has_words),
    })
}

fn item(response: &Item, refused: &RefusedKey) -> Item {
    let mut item = response.item(field::COORDINATORS);
    item.set(field::KEY, refused.key.as_str());
    fill(&mut item, refused);
    item
}

/// Says in a struct that there is no coordinator.
fn fill(item: &mut Item, refused: &RefusedKey) {
    item.set(field::NODE_ID, -1)
        .set(field::PORT, -1)
        .set(field::ERROR_CODE, refused.error);
    if let Some(message) = refused.message {
        item.set(field::ERROR_MESSAGE, message);
    }
}

/// The answer.
fn found(back: &mut Back<'_>, message: Message<'_>, edits: &mut Edits) -> Result<(), BadAnswer> {
    let Then::Coordinators(kind, refused) = &back.pending.then else {
        return Err(BadAnswer::OtherApi);
    };
    let root = message.root();
    let Some(array) = root.child(field::COORDINATORS) else {
        coordinator(back, root, edits);
        return Ok(());
    };
    for node in array.children() {
        let key = node.child_of(Class::CoordinatorKey);
        let id = key.and_then(Node::text).and_then(|key| match kind {
            Coordinated::Group => back.names.virtual_group(key),
            Coordinated::Transaction => back.names.virtual_transactional_id(key),
        });
        let (Some(key), Some(id)) = (key, id) else {
            edits.remove_item(array, node);
            continue;
        };
        edits.set_text(key, Some(id));
        coordinator(back, node, edits);
    }
    let empty = back.empty()?;
    for refusal in refused {
        edits.append(array, &item(&empty, refusal));
    }
    Ok(())
}

/// Converts a struct that names a coordinator. One that has no slot yet is looked for again by clients.
fn coordinator(back: &Back<'_>, node: Node<'_>, edits: &mut Edits) {
    let message = node.child_of(Class::ErrorMessage);
    let names_something = |node: &Node<'_>| node.text().is_some_and(|text| !is_meaningless(text));
    if let Some(message) = message.filter(names_something) {
        edits.set_text(message, None);
    }
    let is_told = back.coordinator(node, edits);
    let error = node
        .child_of(Class::ErrorCode)
        .filter(|error| error.int() == Some(0));
    if let Some(error) = error.filter(|_| !is_told) {
        edits.set_int(error, ErrorCode::CoordinatorNotAvailable.code().into());
    }
}
