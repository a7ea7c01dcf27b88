//! ListGroups and DeleteGroups: many groups at once.

use super::ask::{Ask, Stop};
use super::back::{Back, BadAnswer};
use super::description::{
    Ahead, AnsweredBy, Api, ConnectionUse, Forwarded, QuotaUse, Request, Response, ServedVersions, Way,
};
use super::group::{self, LET_IN};
use crate::authz::Resource;
use crate::vcluster::pending::{Asked, Then};
use crate::vcluster::plan::Plan;
use crate::wire::{Edits, Message, field};
use klamm_raft::model::Operation;

pub(super) const LIST_GROUPS: Api = Api {
    key: 16,
    versions: ServedVersions::new(0, 5),
    rights: "DESCRIBE on the cluster, or on each group",
    on_the_way: "Only groups of this virtual cluster that the caller may describe.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(list),
        response: Response::classified(listed),
        way: Way::Connected,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: Some(
            "The request names nothing, and the answer keeps only groups that the caller may describe.",
        ),
    }),
};

pub(super) const DELETE_GROUPS: Api = Api {
    key: 42,
    versions: ServedVersions::new(0, 2),
    rights: "DELETE on the group",
    on_the_way: LET_IN,
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(delete),
        response: Response::classified(deleted),
        way: Way::Groups,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

/// DeleteGroups.
fn delete(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    group::split(ask, Operation::Delete, field::RESULTS, Asked::No)
}

/// ListGroups: its answer is filtered. Brokers of another cluster than the home keep offsets only, for groups of the home.
fn list(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    if !ask.has_home() || ask.view.is_foreign() {
        return ask.reply(&ask.response()?);
    }
    ask.forward(Edits::new(), Then::Nothing)
}

/// The answer to DeleteGroups.
fn deleted(back: &mut Back<'_>, message: Message<'_>, edits: &mut Edits) -> Result<(), BadAnswer> {
    let Then::Groups { refused, .. } = &back.pending.then else {
        return Err(BadAnswer::OtherApi);
    };
    back.convert(message.root(), edits);
    let Some(array) = message.root().child(field::RESULTS) else {
        return Ok(());
    };
    let empty = back.empty()?;
    for refusal in refused {
        edits.append(array, &group::item(&empty, field::RESULTS, refusal));
    }
    Ok(())
}

/// The answer to ListGroups: those of this virtual cluster that the caller may describe.
fn listed(back: &mut Back<'_>, message: Message<'_>, edits: &mut Edits) -> Result<(), BadAnswer> {
    let everything = back
        .asker
        .decide(Operation::Describe, Resource::CLUSTER)
        .is_allowed();
    let Some(array) = message.root().child(field::GROUPS) else {
        return Ok(());
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
    Ok(())
}
