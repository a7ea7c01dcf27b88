//! The producers that requests of transactions name by their ids, as coordinators know them.

use super::ask::{Ask, Stop};
use super::back::{self, Back, BadAnswer};
use super::error_code::ErrorCode;
use crate::vcluster::pending::Then;
use crate::vcluster::plan::{Answer, Plan};
use crate::vcluster::producer::GivenIds;
use crate::wire::{Class, Edits, Item, Message, field};

/// The error for a producer of another physical cluster. To all clients it means that they can abort their transaction, and go on with
/// another id or epoch; after INVALID_PRODUCER_ID_MAPPING Java's end since 4.1.
pub(super) const LEFT: ErrorCode = ErrorCode::UnknownProducerId;

/// InitProducerId, in a version that all brokers serve whose EndTxn gives out ids. Its answers are those of EndTxn, byte for byte.
const INIT_PRODUCER_ID: (i16, i16) = (22, 4);

/// For how long a transaction of a producer that gets another id may be open: what clients ask for unless they are told otherwise.
const TIMEOUT_MS: i32 = 60_000;

/// Gives the producer of a request the id that the coordinator knows it by. One that is of another physical cluster, which served
/// before, is nobody's.
pub(super) fn judge(ask: &Ask<'_>, edits: &mut Edits) -> Result<(), ErrorCode> {
    let Some((node, id)) = ask
        .message
        .first(Class::ProducerId)
        .and_then(|node| Some((node, node.int()?)))
    else {
        return Ok(());
    };
    let physical = ask.view.transactions.to_physical(id);
    let physical = physical.ok_or(LEFT)?;
    if physical != id {
        edits.set_int(node, physical);
    }
    Ok(())
}

/// A producer that wants another epoch under the id that it has. One of another physical cluster gets an id as if it had none.
pub(super) fn renew(ask: &Ask<'_>, edits: &mut Edits) {
    let root = ask.message.root();
    let Some((node, id)) = root
        .child(field::PRODUCER_ID)
        .and_then(|node| Some((node, node.int()?)))
    else {
        return;
    };
    match ask.view.transactions.to_physical(id) {
        Some(physical) if physical == id => {}
        Some(physical) => edits.set_int(node, physical),
        None if id < 0 => {}
        None => {
            edits.set_int(node, -1);
            if let Some(epoch) = root.child(field::PRODUCER_EPOCH) {
                edits.set_int(epoch, -1);
            }
        }
    }
}

/// Asks the coordinator for an id in the place of what a client asked, for which `physical` is the transactional id. Clients that do
/// transactions by KIP-890 ask for none: each EndTxn gives them the next one.
pub(super) fn begin_anew(ask: &Ask<'_>, physical: &str) -> Result<Plan, Stop> {
    let (key, version) = INIT_PRODUCER_ID;
    let mut init = Item::request(key, version)?;
    init.set(field::TRANSACTIONAL_ID, physical)
        .set(field::TRANSACTION_TIMEOUT_MS, TIMEOUT_MS);
    let client_id = ask.header.client_id(ask.frame).unwrap_or_default();
    let frame = init.request_frame(INIT_PRODUCER_ID, ask.header.correlation_id, client_id)?;
    let ids = GivenIds::OfTransactions(ask.view.transactions);
    let pending = ask.pending(Then::GivesOutId(ids));
    ask.forward_frame(frame, Answer::Expected(pending))
}

/// Converts an answer that gives out an id.
pub(super) fn given_out(
    back: &mut Back<'_>,
    message: Message<'_>,
    edits: &mut Edits,
) -> Result<(), BadAnswer> {
    let Then::GivesOutId(ids) = back.pending.then else {
        return back::renamed(back, message, edits);
    };
    let root = message.root();
    back.convert(root, edits);
    if let Some(node) = root.child(field::PRODUCER_ID)
        && let Some(id) = node.int()
        && ids.given_out(id) != id
    {
        edits.set_int(node, ids.given_out(id));
    }
    Ok(())
}
