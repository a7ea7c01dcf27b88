//! DescribeGroups, ListGroups and DeleteGroups: many groups at once.

use super::ask::{Ask, Stop};
use super::back::Back;
use super::group;
use crate::authz::Resource;
use crate::vcluster::embedded::CONSUMER_PROTOCOL;
use crate::vcluster::pending::{Asked, Members, Protocol, RefusedGroup, Then};
use crate::vcluster::plan::Plan;
use crate::wire::{Class, Edits, Field, Item, Message, field};
use klamm_raft::model::Operation;

/// DescribeGroups, and the same for groups of members and share groups.
pub(super) fn describe(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let operations = Asked::of(ask.message.root().bool_in(field::INCLUDE_AUTHORIZED_OPERATIONS));
    split(ask, Operation::Describe, field::GROUPS, operations)
}

/// DeleteGroups.
pub(super) fn delete(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    split(ask, Operation::Delete, field::RESULTS, Asked::No)
}

/// ListGroups: its answer is filtered. Brokers of another cluster than the home keep offsets only, for groups of the home.
pub(super) fn list(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    if !ask.has_home() || ask.view.is_foreign() {
        return ask.reply(&ask.response()?);
    }
    ask.forward(Edits::new(), Then::Nothing)
}

/// Sends on what is allowed of the only array of the request.
fn split(ask: &mut Ask<'_>, operation: Operation, answered: Field, operations: Asked) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    let mut refused: Vec<RefusedGroup> = Vec::new();
    let mut kept = 0;
    let Some(array) = ask.message.first(Class::GroupId) else {
        return ask.reply(&ask.response()?);
    };
    let judge = match operation {
        Operation::Delete => group::judge_own_id,
        _ => group::judge_id,
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

/// The answer to DescribeGroups.
pub(super) fn described(
    back: &mut Back<'_>,
    message: Message<'_>,
    empty: &Item,
    (refused, operations): (&[RefusedGroup], Asked),
    edits: &mut Edits,
) {
    back.operations = operations;
    let Some(array) = message.root().child(field::GROUPS) else {
        return;
    };
    for described in array.children() {
        let is_consumer = described.text_in(field::PROTOCOL_TYPE) == Some(CONSUMER_PROTOCOL);
        let physical = described.text_in(field::GROUP_ID).unwrap_or_default();
        back.members = match is_consumer && !back.names.is_transparent() {
            true => Members {
                protocol: Protocol::Consumer,
                company: group::company_of(back.names, physical),
            },
            false => Members::OTHER,
        };
        if !back.item(described, edits) {
            edits.remove_item(array, described);
        }
    }
    // As brokers have it, refused groups come first.
    for group in refused {
        edits.prepend(array, &item(empty, field::GROUPS, group));
    }
}

/// The answer to DeleteGroups.
pub(super) fn deleted(
    back: &Back<'_>,
    message: Message<'_>,
    empty: &Item,
    refused: &[RefusedGroup],
    edits: &mut Edits,
) {
    back.convert(message.root(), edits);
    let Some(array) = message.root().child(field::RESULTS) else {
        return;
    };
    for group in refused {
        edits.append(array, &item(empty, field::RESULTS, group));
    }
}

/// The answer to ListGroups: those of this virtual cluster that the caller may describe.
pub(super) fn listed(back: &Back<'_>, message: Message<'_>, edits: &mut Edits) {
    let everything = back
        .asker
        .decide(Operation::Describe, Resource::CLUSTER)
        .is_allowed();
    let Some(array) = message.root().child(field::GROUPS) else {
        return;
    };
    for group in array.children() {
        let physical = group.text_in(field::GROUP_ID);
        let id = physical.and_then(|id| back.names.virtual_group(id));
        let may_see = |id| {
            back.asker
                .decide(Operation::Describe, Resource::group(id))
                .is_allowed()
        };
        let is_shown = id.is_some_and(|id| everything || may_see(id));
        if !is_shown || !back.item(group, edits) {
            edits.remove_item(array, group);
        }
    }
}
