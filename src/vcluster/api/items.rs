//! The steps that the administrative APIs share: requests whose items are judged one by one, of which the allowed ones
//! are sent on and the others are answered by items that were made when they were refused.

use super::ask::{Ask, Stop};
use super::back::{Back, BadAnswer};
use super::error_code::ErrorCode;
use crate::authz::Resource;
use crate::vcluster::pending::Then;
use crate::vcluster::plan::Plan;
use crate::wire::{Class, Edits, Field, Item, Message, Node, Value, field};
use klamm_raft::model::Operation;

/// No broker has this id: the physical cluster refuses it as it refuses any broker that it does not know.
const NO_SUCH_BROKER: i32 = i32::MAX;

/// A request on its way through the judgement of its items.
pub(super) struct Sieve {
    /// The field of the answer that holds its items.
    answered: Field,
    response: Item,
    edits: Edits,
    kept: usize,
    refused: Vec<Item>,
    /// Those with which items were refused.
    errors: Vec<ErrorCode>,
}

impl Sieve {
    pub(super) fn new(ask: &Ask<'_>, answered: Field) -> Result<Self, Stop> {
        Ok(Self {
            answered,
            response: ask.response()?,
            edits: Edits::new(),
            kept: 0,
            refused: Vec::new(),
            errors: Vec::new(),
        })
    }

    /// An item is sent on, with the changes that are made here.
    pub(super) fn keep(&mut self) -> &mut Edits {
        self.kept += 1;
        &mut self.edits
    }

    /// The changes to the request.
    pub(super) fn edits(&mut self) -> &mut Edits {
        &mut self.edits
    }

    /// An item is taken out of the request.
    pub(super) fn drop(&mut self, array: Node<'_>, item: Node<'_>) {
        self.edits.remove_item(array, item);
    }

    /// An answer to something that is not sent on, with its error; more of it is set by the caller. There is no message
    /// unless one is set.
    pub(super) fn refuse(&mut self, error: ErrorCode) -> &mut Item {
        let mut item = self.response.item(self.answered);
        item.set(field::ERROR_CODE, error);
        if item.has(field::ERROR_MESSAGE) {
            item.set(field::ERROR_MESSAGE, Value::Null);
        }
        self.refused.push(item);
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
        // It was pushed a line ago.
        self.refused.last_mut().expect("there is an item")
    }

    /// Sends on what is left, or answers when that is nothing.
    pub(super) fn finish(mut self, ask: &Ask<'_>) -> Result<Plan, Stop> {
        if self.kept > 0 {
            let refusals = Refusals {
                answered: self.answered,
                items: self.refused,
                errors: self.errors,
            };
            return ask.forward(self.edits, Then::Refusals(refusals));
        }
        for item in self.refused {
            self.response.push(self.answered, item);
        }
        ask.reply(&self.response)
    }
}

/// The answers to what was not sent on.
#[derive(Debug)]
pub(in crate::vcluster) struct Refusals {
    answered: Field,
    items: Vec<Item>,
    errors: Vec<ErrorCode>,
}

impl Refusals {
    /// Each error that is answered.
    pub(super) fn errors(&self) -> impl Iterator<Item = ErrorCode> {
        self.errors.iter().copied()
    }

    /// Adds them to the answer.
    pub(super) fn append(&self, message: Message<'_>, edits: &mut Edits) {
        if let Some(array) = message.root().child(self.answered) {
            for item in &self.items {
                edits.append(array, item);
            }
        }
    }
}

/// Converts an answer that needs nothing but items added that were refused.
pub(super) fn with_refusals(
    back: &mut Back<'_>,
    message: Message<'_>,
    edits: &mut Edits,
) -> Result<(), BadAnswer> {
    let Then::Refusals(refusals) = &back.pending.then else {
        return Err(BadAnswer::OtherApi);
    };
    back.convert(message.root(), edits);
    if !failed(message) {
        refusals.append(message, edits);
    }
    Ok(())
}

/// Whether a request failed as a whole. Brokers answer it without items then.
pub(super) fn failed(message: Message<'_>) -> bool {
    let error = message.root().int_in(field::ERROR_CODE);
    error.is_some_and(|error| error != 0)
}

/// Whether the caller may change where replicas are, and why not.
pub(super) fn may_alter(ask: &mut Ask<'_>) -> Result<(), ErrorCode> {
    if !ask.gate.allows(Operation::Alter, Resource::CLUSTER) {
        Err(ErrorCode::ClusterAuthorizationFailed)
    } else if !ask.view.names.is_transparent() {
        Err(ErrorCode::PolicyViolation)
    } else {
        Ok(())
    }
}

/// Gives all brokers inside of a part of a request their physical ids.
pub(super) fn brokers_to_physical(ask: &Ask<'_>, part: Node<'_>, edits: &mut Edits) {
    for array in part.all(Class::BrokerId) {
        for (span, id) in array.i32s() {
            let physical = physical_broker(ask, id).unwrap_or(NO_SUCH_BROKER);
            edits.replace(span, &physical.to_be_bytes());
        }
    }
}

/// The physical id of a broker of the cluster that the request is for.
pub(super) fn physical_broker(ask: &Ask<'_>, id: i32) -> Option<i32> {
    let broker = ask.view.brokers.by_virtual_id(id)?;
    (ask.view.cluster.as_ref() == Some(&broker.cluster)).then_some(broker.physical_id)
}

/// The texts that occur more than once.
pub(super) fn repeated<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut texts: Vec<&str> = texts.collect();
    texts.sort_unstable();
    let mut repeated: Vec<&str> = texts
        .windows(2)
        .filter(|pair| pair[0] == pair[1])
        .map(|pair| pair[0])
        .collect();
    repeated.dedup();
    repeated
}
