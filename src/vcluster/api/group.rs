//! Groups that requests name: one or many, namespaced on the physical cluster. Each is judged here, whatever the API.

use super::ask::{Ask, Others, Stop};
use super::back::{self, Back, BadAnswer};
use super::error_code::ErrorCode;
use crate::authz::Resource;
use crate::vcluster::pending::{Asked, Company, RefusedGroup, Then};
use crate::vcluster::plan::Plan;
use crate::vcluster::rename::Names;
use crate::wire::{Class, Edits, Field, Item, Message, Node, field};
use klamm_raft::model::Operation;

/// The words of the page on the protocol for APIs that change groups.
pub(super) const LET_IN: &str = "Groups; names and ids of topics. POLICY_VIOLATION for a group that belongs to somebody else and is let in.";

/// The words of a broker to a member without a group.
pub(super) const NO_GROUP_ID: &str = "GroupId can't be empty.";

/// Who may be a member of a group of the physical cluster.
pub(super) fn company_of(names: &Names, physical: &str) -> Company {
    match names.is_let_in_group(physical) {
        true => Company::Mixed,
        false => Company::Own,
    }
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

/// Judges a group for an API that does not take the empty id.
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

/// Judges a group that is to be changed or deleted: one that is let in belongs to somebody else.
pub(super) fn judge_own_id(ask: &mut Ask<'_>, id: &str, operation: Operation) -> Result<String, ErrorCode> {
    let physical = judge_id(ask, id, operation)?;
    match ask.view.names.owns_group(id) {
        true => Ok(physical),
        false => Err(ErrorCode::PolicyViolation),
    }
}

/// The ways in which a message says that there is no member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoMember {
    Null,
    Empty,
}

/// Where a group keeps offsets only, it has no members: what is said of one there is left out.
pub(super) fn without_member(ask: &Ask<'_>, of: Node<'_>, none: NoMember, edits: &mut Edits) {
    if !ask.view.is_foreign() {
        return;
    }
    for epoch in [field::GENERATION_ID_OR_MEMBER_EPOCH, field::MEMBER_EPOCH] {
        if let Some(node) = of.child(epoch) {
            edits.set_int(node, -1);
        }
    }
    if let Some(node) = of.child(field::MEMBER_ID).filter(|node| !node.is_null()) {
        edits.set_text(node, (none == NoMember::Empty).then_some(""));
    }
    if let Some(node) = of.child(field::GROUP_INSTANCE_ID) {
        edits.set_text(node, None);
    }
}

/// Whether the group's id is more than blank, which Java takes all control characters for.
pub(super) fn names_a_group(ask: &Ask<'_>) -> bool {
    let id = ask.message.first(Class::GroupId).and_then(Node::text);
    id.is_some_and(|id| id.chars().any(|c| c > ' '))
}

/// Sends on what is allowed of the only array of a request.
pub(super) fn split(
    ask: &mut Ask<'_>,
    operation: Operation,
    answered: Field,
    operations: Asked,
) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    let mut refused: Vec<RefusedGroup> = Vec::new();
    let mut kept = 0;
    let Some(array) = ask.message.first(Class::GroupId) else {
        return ask.reply(&ask.response()?);
    };
    let judge = match operation {
        Operation::Delete => judge_own_id,
        _ => judge_id,
    };
    for node in array.children() {
        let id = node.text().unwrap_or_default();
        match judge(ask, id, operation) {
            Ok(physical) => {
                edits.set_text(node, Some(&physical));
                kept += 1;
            }
            Err(error) => {
                edits.remove_item(array, node);
                refused.push(RefusedGroup {
                    group: id.to_owned(),
                    error: error.code(),
                });
            }
        }
    }
    if answered == field::RESULTS {
        refused.sort_by(|a, b| a.group.cmp(&b.group));
        refused.dedup_by(|a, b| a.group == b.group);
    }
    if kept == 0 {
        let mut response = ask.response()?;
        for group in &refused {
            let item = item(&response, answered, group);
            response.push(answered, item);
        }
        return ask.reply(&response);
    }
    ask.forward(edits, Then::Groups { refused, operations })
}

/// A group that was refused, as it is answered.
pub(super) fn item(response: &Item, answered: Field, group: &RefusedGroup) -> Item {
    let mut item = response.item(answered);
    item.set(field::GROUP_ID, group.group.as_str())
        .set(field::ERROR_CODE, group.error);
    item
}

/// Tells members of a group that a physical cluster does not have, since another one served before, what it tells those whom it
/// does not know: of a group that is not there clients take that all is lost, and end.
pub(super) fn have_members_rejoin(back: &Back<'_>, message: Message<'_>, edits: &mut Edits) {
    if !back.view.route.was_switched {
        return;
    }
    let not_found = i64::from(ErrorCode::GroupIdNotFound.code());
    for node in message.all(Class::ErrorCode) {
        if node.int() == Some(not_found) {
            edits.set_int(node, ErrorCode::UnknownMemberId.code().into());
        }
    }
}

/// Converts the answer to a heartbeat.
pub(super) fn heartbeat_answered(
    back: &mut Back<'_>,
    message: Message<'_>,
    edits: &mut Edits,
) -> Result<(), BadAnswer> {
    back::renamed(back, message, edits)?;
    have_members_rejoin(back, message, edits);
    Ok(())
}
