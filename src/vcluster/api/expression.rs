//! Subscriptions by regular expression (KIP-848): the gateway says in a member's place which topics its expression stands
//! for, when the member sends it and whenever that has changed by one of its later heartbeats.

use std::collections::BTreeSet;

use super::ask::Ask;
use super::error_code::ErrorCode;
use crate::authz::Resource;
use crate::vcluster::pattern::Pattern;
use crate::vcluster::subscriptions::MemberKey;
use crate::wire::{Class, Edits, Node, field};
use klamm_raft::model::Operation;

/// The physical names of the topics that an expression matches now and that the caller may describe.
pub(super) fn resolve(ask: &mut Ask<'_>, expression: &str) -> Result<BTreeSet<String>, ErrorCode> {
    let pattern = Pattern::compile(expression).map_err(|_| ErrorCode::InvalidRegularExpression)?;
    let mut physical = BTreeSet::new();
    for alias in ask.view.names.aliases() {
        let name = alias.virtual_name.as_str();
        let may_describe = ask
            .gate
            .allows_quietly(Operation::Describe, Resource::topic(name));
        if may_describe && pattern.matches(name) {
            physical.insert(alias.physical_name.as_str().to_owned());
        }
    }
    Ok(physical)
}

/// A member says how it subscribes: from now on by this expression alone, or in another way.
pub(super) fn said(ask: &mut Ask<'_>, expression: Option<&str>, physical: &BTreeSet<String>) {
    let Some((member, epoch)) = member_of(ask) else {
        return;
    };
    match expression {
        Some(expression) if epoch >= 0 => ask.subscriptions.follow(member, expression, physical, ask.view),
        _ => ask.subscriptions.forget(&member),
    }
}

/// A member says nothing of its subscription. If its expression stands for other topics than the broker was told, the
/// names go into the empty field for them.
pub(super) fn unsaid(ask: &mut Ask<'_>, names: Node<'_>, edits: &mut Edits) -> Result<(), ErrorCode> {
    let Some((key, epoch)) = member_of(ask) else {
        return Ok(());
    };
    if epoch < 0 {
        ask.subscriptions.forget(&key);
        return Ok(());
    }
    let view = ask.view;
    let member = ask.subscriptions.member(&key);
    let Some(expression) = member.and_then(|member| member.must_resolve(view, epoch).map(str::to_owned))
    else {
        return Ok(());
    };
    let physical = resolve(ask, &expression)?;
    let member = ask.subscriptions.member(&key);
    if member.is_some_and(|member| member.resolved(&physical, view, epoch)) {
        edits.set_texts(names, &physical);
    }
    Ok(())
}

/// Who sends this heartbeat, and its epoch: below zero it leaves. Nobody that can be followed when it has no id yet.
fn member_of(ask: &Ask<'_>) -> Option<(MemberKey, i64)> {
    let root = ask.message.root();
    let member = root.text_in(field::MEMBER_ID).filter(|id| !id.is_empty())?;
    let key = MemberKey {
        group: root.child_of(Class::GroupId)?.text()?.to_owned(),
        member: member.to_owned(),
    };
    Some((key, root.int_in(field::MEMBER_EPOCH)?))
}
