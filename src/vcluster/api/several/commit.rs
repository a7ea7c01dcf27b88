//! Offsets of topics on several physical clusters. A group and its members are at home; elsewhere a group is a name under
//! which offsets are kept, and takes them from everybody. So the home is asked first whether a member may commit. What
//! happens between its answer and the commit elsewhere is not fenced.

use klamm_raft::model::Operation;

use super::merge::merged;
use super::parts::Parts;
use super::{Gathered, Gathering, Kept, LEFT_OUT, NoAnswer, Step, broker_there, home, in_parts, peek};
use crate::authz::Resource;
use crate::vcluster::api::ask::Aim;
use crate::vcluster::api::description::{Api, Offsets};
use crate::vcluster::api::error_code::ErrorCode;
use crate::vcluster::api::group_descriptions::DESCRIBE_GROUPS;
use crate::vcluster::api::membership::HEARTBEAT;
use crate::vcluster::api::{LocalErrors, Permitted, Question, plan};
use crate::vcluster::plan::{Call, CallResult, Caller, CloseReason, Plan, Planned, To};
use crate::vcluster::subscriptions::Subscriptions;
use crate::vcluster::view::View;
use crate::wire::{Detail, Item, Message, Node, Tape, Value, WireError, field, walk_response};

/// The check of the member that commits, which the home is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Check {
    by: CheckBy,
    version: i16,
}

/// The ways to ask the home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CheckBy {
    /// The member's heartbeat.
    Heartbeat,
    /// A description of the group: there is no member.
    Description,
}

impl CheckBy {
    fn api(self) -> &'static Api {
        match self {
            Self::Heartbeat => &HEARTBEAT,
            Self::Description => &DESCRIBE_GROUPS,
        }
    }
}

/// Who commits.
#[derive(Debug, Default)]
struct Member {
    group: String,
    /// Negative when it is none: offsets of a group without members.
    generation: i64,
    id: String,
    instance: Option<String>,
}

/// Plans a request about offsets of which some are on other clusters.
pub(super) fn request(
    view: &View,
    (question, offsets): (Question<'_>, Offsets),
    subscriptions: &mut Subscriptions,
) -> Planned {
    let member = peek(question, Member::of);
    if offsets != Offsets::Fetch && !has_group(view, (question, offsets), &member.group) {
        // The home's answer is about the group, and says nothing of topics.
        return plan(view, question, Aim::ALONE, subscriptions);
    }
    let parts = match offsets {
        Offsets::Fetch => fetched(view, question, subscriptions),
        Offsets::Commit | Offsets::Delete => in_parts(view, question, subscriptions, |part| {
            to(view, question.caller, part, &member.group)
        }),
    };
    let mut parts = match parts {
        Ok(parts) => parts,
        Err(planned) => return *planned,
    };
    match offsets {
        Offsets::Delete => return home::sent(question, parts),
        Offsets::Commit if !parts.calls.is_empty() => {}
        Offsets::Commit | Offsets::Fetch => return parts.sent(question),
    }
    let Some((check, call)) = check(view, question, &member, &parts) else {
        return Plan::Close(CloseReason::BadRequest).into();
    };
    let (denied, ruled) = parts.take_verdicts();
    let plan = Gathering::sent(Kept::of(question), Step::Check(check, parts), vec![call]);
    Planned { plan, denied, ruled }
}

/// Whether the caller may do this to the group, and there can be such a group.
fn has_group(view: &View, (question, offsets): (Question<'_>, Offsets), id: &str) -> bool {
    let operation = match offsets {
        Offsets::Delete => Operation::Delete,
        Offsets::Commit => Operation::Read,
        Offsets::Fetch => Operation::Describe,
    };
    let caller = question.caller;
    let asker = view.acls.index.asker(&caller.principal, &caller.host);
    let is_allowed = asker.decide(operation, Resource::group(id)).is_allowed();
    let is_kept_back = offsets == Offsets::Delete && !view.names.owns_group(id);
    is_allowed && !is_kept_back && !id.is_empty() && view.names.physical_group(id).is_ok()
}

/// At home the broker that was asked is the coordinator, or says that it is not. Elsewhere nobody knows.
fn to(view: &View, caller: &Caller, part: &View, group: &str) -> Option<To> {
    if !part.is_foreign() {
        return broker_there(view, caller.place, part);
    }
    let physical = part.names.physical_group(group).ok()?;
    Some(To::Coordinator(part.cluster.clone()?, physical))
}

/// OffsetFetch: groups that are fetched together at home may have coordinators of their own elsewhere.
fn fetched(
    view: &View,
    question: Question<'_>,
    subscriptions: &mut Subscriptions,
) -> Result<Parts, Box<Planned>> {
    let groups: Vec<String> = peek(question, |message| {
        let id = |node: Node<'_>| node.text_in(field::GROUP_ID).unwrap_or_default().to_owned();
        match message.root().child(field::GROUPS) {
            Some(groups) => groups.children().map(id).collect(),
            None => vec![id(message.root())],
        }
    });
    let mut parts = Parts::default();
    let at_home = |part: &View| broker_there(view, question.caller.place, part);
    parts.add(view, plan(view, question, LEFT_OUT, subscriptions), at_home)?;
    for part in view.foreign() {
        for (place, group) in groups.iter().enumerate() {
            let aim = Aim {
                group: Some(place),
                ..LEFT_OUT
            };
            let planned = plan(part, question, aim, subscriptions);
            parts.add(part, planned, |part| to(view, question.caller, part, group))?;
        }
    }
    Ok(parts)
}

impl Member {
    fn of(message: Message<'_>) -> Self {
        let root = message.root();
        let text = |field| root.text_in(field).unwrap_or_default().to_owned();
        Self {
            group: text(field::GROUP_ID),
            generation: root.int_in(field::GENERATION_ID_OR_MEMBER_EPOCH).unwrap_or(-1),
            id: text(field::MEMBER_ID),
            instance: root.text_in(field::GROUP_INSTANCE_ID).map(str::to_owned),
        }
    }
}

/// Asks for what decides at home whether this member may commit: its heartbeat; without a member, whether there are any.
/// None when that cannot be said in a message.
fn check(view: &View, question: Question<'_>, member: &Member, parts: &Parts) -> Option<(Check, Call)> {
    let by = match member.generation < 0 && member.id.is_empty() {
        true => CheckBy::Description,
        false => CheckBy::Heartbeat,
    };
    let version = view.apis.range(by.api()).map_or(0, |range| range.max);
    let key = (by.api().key, version);
    let group = view.names.physical_group(&member.group).ok()?;
    let mut request = Item::request(key.0, key.1).ok()?;
    if by == CheckBy::Heartbeat {
        request
            .set(field::GROUP_ID, group.as_str())
            .set(field::GENERATION_ID, member.generation)
            .set(field::MEMBER_ID, member.id.as_str());
        if let Some(instance) = member
            .instance
            .as_deref()
            .filter(|_| request.has(field::GROUP_INSTANCE_ID))
        {
            request.set(field::GROUP_INSTANCE_ID, instance);
        }
    } else {
        request.set(field::GROUPS, Value::list([group.as_str()]));
    }
    let client_id = question.header.client_id(question.frame).unwrap_or_default();
    let frame = request.request_frame(key, question.header.correlation_id, client_id);
    // The right to commit is the right to be asked about.
    let permit = parts.calls.first()?.request.permit();
    let call = Call {
        to: broker_there(view, question.caller.place, view)?,
        request: Permitted::new(permit, frame.ok()?),
    };
    Some((Check { by, version }, call))
}

/// The home has said whether the member may commit.
pub(super) fn checked(
    view: &View,
    caller: &Caller,
    kept: Kept,
    (check, parts): (Check, Parts),
    answers: Vec<CallResult>,
) -> Result<Gathered, NoAnswer> {
    let refusal = match answers.into_iter().next() {
        Some(Ok(frame)) => check.refusal(&frame)?,
        _ => Some(kept.unanswered()),
    };
    let Some(error) = refusal else {
        return Ok(Gathering::sent(kept, Step::Merge(parts.parts), parts.calls).into());
    };
    let (mut frames, mut errors) = (Vec::new(), LocalErrors::default());
    for part in [view].into_iter().chain(view.foreign()) {
        let frame = kept.failed(part, caller, error)?;
        errors.add_all_of(&frame, kept.key());
        frames.push(frame);
    }
    Ok(Gathered::answer(merged(&kept, frames)?, errors))
}

impl Check {
    /// Why the member may not commit.
    fn refusal(self, frame: &bytes::Bytes) -> Result<Option<ErrorCode>, WireError> {
        let mut tape = Tape::new();
        let message = walk_response(
            (self.by.api().key, self.version),
            frame,
            Detail::Everything,
            &mut tape,
        )?;
        let error = |node: Node<'_>| node.int_in(field::ERROR_CODE).unwrap_or_default();
        if self.by == CheckBy::Heartbeat {
            return Ok(of_heartbeat(error(message.root())));
        }
        let group = message.root().items(field::GROUPS).next();
        Ok(group.and_then(|group| match error(group) {
            0 if matches!(group.text_in(field::GROUP_STATE), Some("Empty" | "Dead")) => None,
            // As brokers: only members commit where there are some.
            0 => Some(ErrorCode::UnknownMemberId),
            error => of_heartbeat(error),
        }))
    }
}

/// The error of a commit for that of a heartbeat. One that asks to join again does not keep from committing, and a group
/// that is not there yet takes offsets.
fn of_heartbeat(error: i64) -> Option<ErrorCode> {
    const NONE: i64 = 0;
    const REBALANCE_IN_PROGRESS: i64 = 27;
    let known = [
        ErrorCode::CoordinatorLoadInProgress,
        ErrorCode::CoordinatorNotAvailable,
        ErrorCode::NotCoordinator,
        ErrorCode::IllegalGeneration,
        ErrorCode::UnknownMemberId,
        ErrorCode::FencedInstanceId,
    ];
    if matches!(error, NONE | REBALANCE_IN_PROGRESS) || error == i64::from(ErrorCode::GroupIdNotFound.code())
    {
        return None;
    }
    let known = known.into_iter().find(|code| i64::from(code.code()) == error);
    Some(known.unwrap_or(ErrorCode::UnknownServerError))
}
