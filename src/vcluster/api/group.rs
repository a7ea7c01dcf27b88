//! JoinGroup, SyncGroup, Heartbeat and LeaveGroup: one group each, namespaced on the physical cluster, and the topic
//! names that the `consumer` protocol puts into bytes.

use super::ask::{Ask, Others, Stop};
use super::error_code::ErrorCode;
use super::table::Api;
use crate::authz::Resource;
use crate::vcluster::embedded::{self, CONSUMER_PROTOCOL, Direction};
use crate::vcluster::pending::{Company, Members, Protocol, Then};
use crate::vcluster::plan::Plan;
use crate::vcluster::rename::Names;
use crate::wire::{Class, Edits, Embedded, Node, Tail, Value, field};
use klamm_raft::model::Operation;

/// The first version of JoinGroup whose answer may leave out the protocol's name.
const JOIN_NULLABLE_PROTOCOL_FROM: i16 = 7;
/// The first version of SyncGroup that says the protocol's type and name.
const SYNC_PROTOCOL_FROM: i16 = 5;

/// JoinGroup.
pub(super) fn join(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    with_members(ask, Class::Subscription, Embedded::Subscription)
}

/// SyncGroup.
pub(super) fn sync(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let root = ask.message.root();
    let says = |name| root.text_in(name).is_some();
    if ask.version() >= SYNC_PROTOCOL_FROM && !(says(field::PROTOCOL_TYPE) && says(field::PROTOCOL_NAME)) {
        return refuse(ask, ErrorCode::InconsistentGroupProtocol);
    }
    with_members(ask, Class::Assignment, Embedded::Assignment)
}

/// Heartbeat and LeaveGroup.
pub(super) fn plain(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    match judge_named(ask, Operation::Read, &mut edits) {
        Ok(()) => ask.forward(edits, Then::Nothing),
        Err(error) => refuse(ask, error),
    }
}

fn with_members(ask: &mut Ask<'_>, class: Class, message: Embedded) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    if let Err(error) = judge_named(ask, Operation::Read, &mut edits) {
        return refuse(ask, error);
    }
    let names = &ask.view.names;
    let protocol = match ask.message.first(Class::ProtocolType) {
        _ if names.is_transparent() => Protocol::Other,
        None => Protocol::Unknown,
        Some(protocol) if protocol.text() == Some(CONSUMER_PROTOCOL) => Protocol::Consumer,
        Some(_) => Protocol::Other,
    };
    if let Some(tail) = tail_of(protocol) {
        for node in ask.message.all(class) {
            let bytes = node.bytes().unwrap_or_default();
            // What cannot be read is the members' own business, as it is at a broker: nothing physical is in it.
            if let Ok(renamed) = embedded::rename(names, (message, tail), Direction::ToPhysical, bytes) {
                edits.set_bytes(node, Some(&renamed));
            }
        }
    }
    let id = ask.message.first(Class::GroupId).and_then(Node::text);
    let physical = names.physical_group(id.unwrap_or_default());
    let company = physical.map_or(Company::Mixed, |group| company_of(names, &group));
    ask.forward(edits, Then::Members(Members { protocol, company }))
}

/// What may follow in the bytes of members; `None` when nobody reads them. Those that may be of another protocol must look
/// like this one to their end.
pub(super) fn tail_of(protocol: Protocol) -> Option<Tail> {
    match protocol {
        Protocol::Consumer => Some(Tail::Anything),
        Protocol::Unknown => Some(Tail::Nothing),
        Protocol::Other => None,
    }
}

/// Who may be a member of a group of the physical cluster.
pub(super) fn company_of(names: &Names, physical: &str) -> Company {
    match names.is_let_in_group(physical) {
        true => Company::Mixed,
        false => Company::Own,
    }
}

/// Answers with an error at the top level.
fn refuse(ask: &Ask<'_>, error: ErrorCode) -> Result<Plan, Stop> {
    let mut response = ask.response()?;
    response.set(field::ERROR_CODE, error);
    if ask.api == Api::JoinGroup && ask.version() >= JOIN_NULLABLE_PROTOCOL_FROM {
        response.set(field::PROTOCOL_NAME, Value::Null);
    }
    ask.reply(&response)
}

/// Judges the one group of a request and gives it its physical id.
pub(super) fn judge(ask: &mut Ask<'_>, operation: Operation, edits: &mut Edits) -> Result<(), ErrorCode> {
    let node = ask
        .message
        .first(Class::GroupId)
        .ok_or(ErrorCode::InvalidGroupId)?;
    let id = judge_id(ask, node.text().unwrap_or_default(), operation)?;
    edits.set_text(node, Some(&id));
    Ok(())
}

/// The same for an API that does not take the empty id.
pub(super) fn judge_named(
    ask: &mut Ask<'_>,
    operation: Operation,
    edits: &mut Edits,
) -> Result<(), ErrorCode> {
    judge(ask, operation, edits)?;
    let id = ask.message.first(Class::GroupId).and_then(|node| node.text());
    if id.is_none_or(str::is_empty) {
        Err(ErrorCode::InvalidGroupId)
    } else {
        Ok(())
    }
}

/// Judges the one group of a request that changes it, and gives it its physical id.
pub(super) fn judge_own_named(
    ask: &mut Ask<'_>,
    operation: Operation,
    edits: &mut Edits,
) -> Result<(), ErrorCode> {
    judge_named(ask, operation, edits)?;
    let id = ask.message.first(Class::GroupId).and_then(|node| node.text());
    match ask.view.names.owns_group(id.unwrap_or_default()) {
        true => Ok(()),
        false => Err(ErrorCode::PolicyViolation),
    }
}

/// Judges a group and gives its physical id.
pub(super) fn judge_id(ask: &mut Ask<'_>, id: &str, operation: Operation) -> Result<String, ErrorCode> {
    if !ask.gate.allows(operation, Resource::group(id)) {
        return Err(ErrorCode::GroupAuthorizationFailed);
    }
    if !ask.has_home() {
        return Err(ErrorCode::CoordinatorNotAvailable);
    }
    if ask.is_no_coordinator() {
        return Err(ErrorCode::NotCoordinator);
    }
    if let (Others::Refused, Some(error)) = (ask.aim.others, ask.aim.failed) {
        return Err(error);
    }
    ask.view
        .names
        .physical_group(id)
        .map_err(|_| ErrorCode::InvalidGroupId)
}

/// The same for a group that is to be changed or deleted: one that is let in belongs to somebody else.
pub(super) fn judge_own_id(ask: &mut Ask<'_>, id: &str, operation: Operation) -> Result<String, ErrorCode> {
    let physical = judge_id(ask, id, operation)?;
    match ask.view.names.owns_group(id) {
        true => Ok(physical),
        false => Err(ErrorCode::PolicyViolation),
    }
}

/// Where a group keeps offsets only, it has no members: what is said of one there is left out.
pub(super) fn without_member(ask: &Ask<'_>, of: Node<'_>, edits: &mut Edits) {
    if !ask.view.is_foreign() {
        return;
    }
    for epoch in [field::GENERATION_ID_OR_MEMBER_EPOCH, field::MEMBER_EPOCH] {
        if let Some(node) = of.child(epoch) {
            edits.set_int(node, -1);
        }
    }
    if let Some(node) = of.child(field::MEMBER_ID).filter(|node| !node.is_null()) {
        // The only API whose field cannot be null.
        edits.set_text(node, (ask.api == Api::OffsetCommit).then_some(""));
    }
    if let Some(node) = of.child(field::GROUP_INSTANCE_ID) {
        edits.set_text(node, None);
    }
}
