//! Transactional ids that requests name, namespaced on the physical cluster. Each is judged here, whatever the API.

use super::ask::Ask;
use super::error_code::ErrorCode;
use crate::authz::Resource;
use crate::wire::{Class, Edits};
use klamm_raft::model::Operation;

/// Judges the one transactional id of a request, of which null and empty are none, and gives it its physical form, which it returns.
pub(super) fn judge(ask: &mut Ask<'_>, edits: &mut Edits) -> Result<String, ErrorCode> {
    let node = ask
        .message
        .first(Class::TransactionalId)
        .ok_or(ErrorCode::InvalidRequest)?;
    let physical = judge_named(ask, node.text().unwrap_or_default(), Operation::Write)?;
    edits.set_text(node, Some(&physical));
    Ok(physical)
}

/// Judges a transactional id, of which empty is none, and gives its physical form.
pub(super) fn judge_named(ask: &mut Ask<'_>, id: &str, operation: Operation) -> Result<String, ErrorCode> {
    let physical = judge_id(ask, id, operation)?;
    if id.is_empty() {
        Err(ErrorCode::InvalidRequest)
    } else {
        Ok(physical)
    }
}

/// Judges a transactional id and gives its physical form.
pub(super) fn judge_id(ask: &mut Ask<'_>, id: &str, operation: Operation) -> Result<String, ErrorCode> {
    if !ask.gate.allows(operation, Resource::transactional_id(id)) {
        return Err(ErrorCode::TransactionalIdAuthorizationFailed);
    }
    if !ask.has_home() {
        return Err(ErrorCode::CoordinatorNotAvailable);
    }
    if ask.is_no_coordinator() {
        return Err(ErrorCode::NotCoordinator);
    }
    if let Some(error) = ask.aim.failed {
        return Err(error);
    }
    ask.view
        .names
        .physical_transactional_id(id)
        .map_err(|_| ErrorCode::InvalidRequest)
}
