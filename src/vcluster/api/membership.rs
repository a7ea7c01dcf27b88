//! JoinGroup, SyncGroup, Heartbeat and LeaveGroup: one group each, namespaced on the physical cluster, and the topic
//! names that the `consumer` protocol puts into bytes.

use super::ask::{Ask, Stop};
use super::back::{self, Back, BadAnswer};
use super::description::{
    Ahead, AnsweredBy, Api, ConnectionUse, Forwarded, QuotaUse, Request, Response, ServedVersions, Way,
};
use super::error_code::ErrorCode;
use super::group;
use crate::vcluster::embedded::{self, CONSUMER_PROTOCOL, RenameDirection};
use crate::vcluster::pending::{Company, MemberProtocol, Members, Then};
use crate::vcluster::plan::Plan;
use crate::wire::{Class, Edits, Embedded, Message, Node, Value, field};
use klamm_raft::model::{Operation, RequestKind};

pub(super) const JOIN_GROUP: Api = Api {
    key: 11,
    versions: ServedVersions::new(0, 9),
    rights: "READ on the group",
    on_the_way: "Group; topic names inside the `consumer` protocol's subscriptions.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(join).ruled(RequestKind::JoinGroup),
        response: Response::classified(joined),
        way: Way::Connected,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

pub(super) const HEARTBEAT: Api = Api {
    key: 12,
    versions: ServedVersions::new(0, 4),
    rights: "READ on the group",
    on_the_way: "Group.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(heartbeat).ruled(RequestKind::Heartbeat),
        response: Response::classified(back::renamed),
        way: Way::Connected,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

pub(super) const LEAVE_GROUP: Api = Api {
    key: 13,
    versions: ServedVersions::new(0, 5),
    rights: "READ on the group",
    on_the_way: "Group.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(leave),
        response: Response::classified(back::renamed),
        way: Way::Connected,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

pub(super) const SYNC_GROUP: Api = Api {
    key: 14,
    versions: ServedVersions::new(0, 5),
    rights: "READ on the group",
    on_the_way: "Group; topic names inside the `consumer` protocol's assignments.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::everything(sync),
        response: Response::classified(joined),
        way: Way::Connected,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

/// The first version of JoinGroup whose answer may leave out the protocol's name.
const JOIN_NULLABLE_PROTOCOL_FROM: i16 = 7;
/// The first version of SyncGroup that says the protocol's type and name.
const SYNC_PROTOCOL_FROM: i16 = 5;

/// JoinGroup.
fn join(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    with_members(ask, (Class::Subscription, Embedded::Subscription), refuse_to_join)
}

/// SyncGroup.
fn sync(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let root = ask.message.root();
    let says = |name| root.text_in(name).is_some();
    if ask.version() >= SYNC_PROTOCOL_FROM && !(says(field::PROTOCOL_TYPE) && says(field::PROTOCOL_NAME)) {
        return ask.refuse(ErrorCode::InconsistentGroupProtocol);
    }
    with_members(ask, (Class::Assignment, Embedded::Assignment), |ask, error| {
        ask.refuse(error)
    })
}

/// Heartbeat. Whom rules do not let be a member is to join again: the rules for joining refuse it then. Any other error a client may take for one that passes, and go on reading.
fn heartbeat(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    let judged = group::judge_named(ask, Operation::Read, &mut edits);
    let allowed = judged.and_then(|()| ask.rule_root().map_err(|_| ErrorCode::RebalanceInProgress));
    match allowed {
        Ok(()) => ask.forward(edits, Then::Nothing),
        Err(error) => ask.refuse(error),
    }
}

/// LeaveGroup.
fn leave(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    match group::judge_named(ask, Operation::Read, &mut edits) {
        Ok(()) => ask.forward(edits, Then::Nothing),
        Err(error) => ask.refuse(error),
    }
}

fn with_members(
    ask: &mut Ask<'_>,
    (class, message): (Class, Embedded),
    refuse: fn(&Ask<'_>, ErrorCode) -> Result<Plan, Stop>,
) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    let judged = group::judge_named(ask, Operation::Read, &mut edits);
    if let Err(error) = judged.and_then(|()| ask.rule_whole()) {
        return refuse(ask, error);
    }
    let names = &ask.view.names;
    let protocol = match ask.message.first(Class::ProtocolType) {
        _ if names.is_transparent() => MemberProtocol::Other,
        None => MemberProtocol::Unknown,
        Some(protocol) if protocol.text() == Some(CONSUMER_PROTOCOL) => MemberProtocol::Consumer,
        Some(_) => MemberProtocol::Other,
    };
    if let Some(tail) = protocol.tail() {
        for node in ask.message.all(class) {
            let bytes = node.bytes().unwrap_or_default();
            // What cannot be read is the members' own business, as it is at a broker: nothing physical is in it.
            if let Ok(renamed) = embedded::rename(names, (message, tail), RenameDirection::ToPhysical, bytes)
            {
                edits.set_bytes(node, Some(&renamed));
            }
        }
    }
    let id = ask.message.first(Class::GroupId).and_then(Node::text);
    let physical = names.physical_group(id.unwrap_or_default());
    let company = physical.map_or(Company::Mixed, |group| group::company_of(names, &group));
    ask.forward(edits, Then::Members(Members { protocol, company }))
}

/// Answers a JoinGroup with an error.
fn refuse_to_join(ask: &Ask<'_>, error: ErrorCode) -> Result<Plan, Stop> {
    let mut response = ask.response()?;
    response.set(field::ERROR_CODE, error);
    if ask.version() >= JOIN_NULLABLE_PROTOCOL_FROM {
        response.set(field::PROTOCOL_NAME, Value::Null);
    }
    ask.reply(&response)
}

/// The answers to JoinGroup and SyncGroup.
fn joined(back: &mut Back<'_>, message: Message<'_>, edits: &mut Edits) -> Result<(), BadAnswer> {
    let Then::Members(members) = back.pending.then else {
        return Err(BadAnswer::OtherApi);
    };
    back.members = members;
    back.convert(message.root(), edits);
    Ok(())
}
