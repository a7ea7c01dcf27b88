//! Requests to a virtual cluster that reaches several physical ones: which of them is asked, and how one request becomes
//! several, of whose answers one is made.
//!
//! Topics are with their leaders, wherever those are. Groups and transactions are at home; for topics on another cluster
//! offsets are kept there, once the home says that the member may commit.

mod commit;
mod delete;
mod home;
mod merge;
mod parts;

use bytes::Bytes;

use self::commit::Check;
use self::delete::GroupDeletion;
use self::parts::{AnswerPart, Parts};
use super::ask::{Aim, Others, is_elsewhere};
use super::description::{Api, Offsets, Way, Whom};
use super::error_code::ErrorCode;
use super::local_errors::LocalErrors;
use super::{BadAnswer, Question, plan};
use crate::vcluster::brokers::VirtualBroker;
use crate::vcluster::plan::{Attempt, Call, CallResult, Caller, CloseReason, Need, Place, Plan, Planned, To};
use crate::vcluster::record_work::RecordResults;
use crate::vcluster::subscriptions::Subscriptions;
use crate::vcluster::view::View;
use crate::wire::{
    Class, Detail, Field, Message, Node, RequestHeader, Segments, Tape, WireError, field, walk_request,
};

/// Why there is no answer.
enum NoAnswer {
    Bad(BadAnswer),
    /// A cluster does not answer, and there is no error that clients would understand.
    None,
}

impl From<BadAnswer> for NoAnswer {
    fn from(bad: BadAnswer) -> Self {
        Self::Bad(bad)
    }
}

impl From<WireError> for NoAnswer {
    fn from(error: WireError) -> Self {
        Self::Bad(error.into())
    }
}

/// A request under way to several clusters, and what is to be made of it.
#[derive(Debug)]
pub struct Gathering {
    kept: Kept,
    then: Step,
}

impl Gathering {
    /// The plan that sends these calls, and then goes on.
    fn sent(kept: Kept, then: Step, calls: Vec<Call>) -> Plan {
        let gathering = Box::new(Self { kept, then });
        Plan::Need(Need::Answers { calls, gathering })
    }
}

/// The client's request: it is planned again for a cluster that does not answer.
#[derive(Debug)]
struct Kept {
    api: &'static Api,
    header: RequestHeader,
    frame: Bytes,
}

#[derive(Debug)]
enum Step {
    /// The parts become one answer.
    Merge(Vec<AnswerPart>),
    /// The home says whether a member may commit; if so, the parts are sent.
    Check(Check, Parts),
    /// The home answers its part; if it refuses nothing as a whole, the others are sent.
    Home(Parts),
    /// Groups are deleted at home, and then their offsets elsewhere.
    Delete(GroupDeletion),
}

/// Plans a request.
pub(super) fn request(view: &View, question: Question<'_>, subscriptions: &mut Subscriptions) -> Planned {
    let there = there(view, question.caller.place);
    match question.api.way() {
        Way::Home if there.is_foreign() => {
            let mut parts = Parts::default();
            let planned = plan(view, question, Aim::ALONE, subscriptions);
            match parts.add(view, planned, any_broker) {
                Ok(()) => parts.sent(question),
                Err(planned) => *planned,
            }
        }
        Way::All { to: whom, .. } => {
            let to = |part: &View| match whom {
                Whom::Connected => broker_there(view, question.caller.place, part),
                Whom::Any => any_broker(part),
            };
            match in_parts(view, question, subscriptions, to) {
                Ok(parts) => parts.sent(question),
                Err(planned) => *planned,
            }
        }
        Way::Offsets(offsets)
            if !there.is_foreign() && peek(question, |message| reaches_out(view, message)) =>
        {
            commit::request(view, (question, offsets), subscriptions)
        }
        Way::Groups if !there.is_foreign() => delete::request(view, question, subscriptions),
        Way::Home | Way::Leader | Way::Connected | Way::Offsets(_) | Way::Groups | Way::Nowhere => {
            plan(there, question, Aim::ALONE, subscriptions)
        }
    }
}

/// The plan that came of the calls.
#[derive(Debug)]
pub struct Gathered {
    pub plan: Plan,
    /// Those that the gateway itself put into the answer, once there is one.
    pub errors: LocalErrors,
}

impl Gathered {
    fn answer(frame: Segments, errors: LocalErrors) -> Self {
        let plan = Plan::Reply(frame);
        Self { plan, errors }
    }
}

impl From<Plan> for Gathered {
    /// There is no answer yet, or never.
    fn from(plan: Plan) -> Self {
        let errors = LocalErrors::default();
        Self { plan, errors }
    }
}

/// Goes on with what came of the calls.
pub fn gathered(
    view: &View,
    caller: &Caller,
    gathering: Gathering,
    answers: Vec<CallResult>,
) -> Result<Gathered, BadAnswer> {
    let Gathering { kept, then } = gathering;
    let done = match then {
        Step::Merge(parts) => merge::merge(view, caller, &kept, parts, answers),
        Step::Check(check, parts) => commit::checked(view, caller, kept, (check, parts), answers),
        Step::Home(parts) => home::answered(view, caller, kept, parts, answers),
        Step::Delete(deletion) => delete::deleted(view, caller, kept, deletion, answers),
    };
    match done {
        Ok(gathered) => Ok(gathered),
        Err(NoAnswer::Bad(error)) => Err(error),
        Err(NoAnswer::None) => Ok(Plan::Close(CloseReason::Unanswered).into()),
    }
}

/// The broker that a connection is to, if it is to one.
fn broker_at(view: &View, place: Place) -> Option<&VirtualBroker> {
    match place {
        Place::Bootstrap => None,
        Place::Broker(id) => view.brokers.by_virtual_id(id),
    }
}

/// The part of the view that a connection leads to.
fn there(view: &View, place: Place) -> &View {
    let broker = broker_at(view, place);
    broker.and_then(|broker| view.on(&broker.cluster)).unwrap_or(view)
}

fn any_broker(part: &View) -> Option<To> {
    Some(To::AnyBroker(part.cluster.clone()?))
}

/// The broker that the connection is to, if it is of this part's cluster.
fn broker_there(view: &View, place: Place, part: &View) -> Option<To> {
    let broker = broker_at(view, place).filter(|broker| part.cluster.as_ref() == Some(&broker.cluster));
    match broker {
        Some(broker) => Some(To::Broker(broker.cluster.clone(), broker.physical_id)),
        None => any_broker(part),
    }
}

/// Plans a request for each cluster.
fn in_parts(
    view: &View,
    question: Question<'_>,
    subscriptions: &mut Subscriptions,
    to: impl Fn(&View) -> Option<To>,
) -> Result<Parts, Box<Planned>> {
    let mut parts = Parts::default();
    for part in [view].into_iter().chain(view.foreign()) {
        parts.add(part, plan(part, question, LEFT_OUT, subscriptions), &to)?;
    }
    Ok(parts)
}

/// For one of several clusters.
const LEFT_OUT: Aim = Aim {
    others: Others::LeftOut,
    ..Aim::ALONE
};

/// Whether a request about offsets concerns topics on other clusters than the home: it names one, or asks for all.
fn reaches_out(view: &View, message: Message<'_>) -> bool {
    let asks_for_all = |node: Node<'_>| node.child(field::TOPICS).is_some_and(Node::is_null);
    let root = message.root();
    let mut topics = message.all(Class::Topic);
    asks_for_all(root)
        || root.items(field::GROUPS).any(asks_for_all)
        || topics.any(|topic| is_elsewhere(view, topic))
}

/// Looks into a request. What does not parse is found out where it is planned.
fn peek<T: Default>(question: Question<'_>, look: impl FnOnce(Message<'_>) -> T) -> T {
    let mut tape = Tape::new();
    match walk_request(&question.header, question.frame, Detail::Everything, &mut tape) {
        Ok(message) => look(message),
        Err(WireError::TrailingBytes { at }) => {
            let frame = &question.frame.slice(..at);
            peek(Question { frame, ..question }, look)
        }
        Err(_) => T::default(),
    }
}

impl Kept {
    /// The API and its version.
    fn key(&self) -> (i16, i16) {
        (self.api.key, self.header.api_version)
    }

    fn of(question: Question<'_>) -> Self {
        Self {
            api: question.api,
            header: question.header,
            frame: question.frame.clone(),
        }
    }

    /// The error for a part whose cluster does not answer.
    fn unanswered(&self) -> ErrorCode {
        match self.api.way() {
            Way::All { unanswered, .. } => unanswered,
            Way::Leader | Way::Connected | Way::Home | Way::Offsets(_) | Way::Groups | Way::Nowhere => {
                ErrorCode::CoordinatorNotAvailable
            }
        }
    }

    /// The arrays of which several answers have parts.
    fn arrays(&self) -> &'static [Field] {
        match self.api.way() {
            Way::All { arrays, .. } => arrays,
            Way::Offsets(_) => &[field::TOPICS],
            Way::Leader | Way::Connected | Way::Home | Way::Groups | Way::Nowhere => &[],
        }
    }

    /// Whether the request uses offsets in this way.
    fn is_to(&self, offsets: Offsets) -> bool {
        self.api.way() == Way::Offsets(offsets)
    }

    /// Answers the request for a part with an error.
    fn failed(&self, part: &View, caller: &Caller, error: ErrorCode) -> Result<Segments, NoAnswer> {
        let aim = Aim {
            failed: Some(error),
            ..match self.api.way() {
                Way::All { .. } | Way::Offsets(_) => LEFT_OUT,
                Way::Leader | Way::Connected | Way::Home | Way::Groups | Way::Nowhere => Aim::ALONE,
            }
        };
        let none = RecordResults::NONE;
        let question = self.question(caller, &none);
        match plan(part, question, aim, &mut Subscriptions::default()).plan {
            Plan::Reply(frame) => Ok(frame),
            _ => Err(NoAnswer::None),
        }
    }

    /// The answer of the gateway itself, if it has one for when no cluster answers.
    fn otherwise(&self, view: &View, caller: &Caller) -> Option<Segments> {
        let none = RecordResults::NONE;
        let question = self.question(caller, &none);
        match plan(view, question, Aim::ALONE, &mut Subscriptions::default()).plan {
            Plan::Forward(forward) => forward.otherwise.map(|answer| *answer),
            _ => None,
        }
    }

    fn question<'a>(&'a self, caller: &'a Caller, results: &'a RecordResults) -> Question<'a> {
        Question {
            caller,
            api: self.api,
            header: self.header,
            frame: &self.frame,
            attempt: Attempt::AfterRefresh,
            results,
        }
    }
}
