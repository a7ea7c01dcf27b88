//! Changes of the replicated state that clients ask for: they are proposed, and answered when it is known what came of
//! them.

use super::ask::{Ask, Stop};
use crate::vcluster::pending::{ChangeAnswers, PendingChange};
use crate::vcluster::plan::{ChangeResult, Need, Plan};
use crate::wire::{Item, Segments};
use klamm_raft::command::Command;
use klamm_raft::outcome::{Outcome, Refusal};

/// The words that go with POLICY_VIOLATION when the state machine refuses a change that this node found possible, because
/// another change was quicker.
pub(super) const REFUSED: &str = "There is no room for this, or the ACLs are declared by now: remove some, or ask the operator of the gateway.";
/// The words with REQUEST_TIMED_OUT when nobody can say whether this node is up to date.
pub(super) const UNCONFIRMED: &str =
    "This gateway node cannot confirm with its cluster that it is up to date: nothing was done. Try again.";

/// Answers a request whose change was proposed.
pub fn changed(pending: PendingChange, result: ChangeResult) -> Segments {
    match result {
        Ok(Outcome::Created | Outcome::Updated | Outcome::Unchanged | Outcome::Deleted) => pending.0.done,
        Ok(Outcome::Refused(Refusal::Outdated)) | Err(_) => pending.0.not_known,
        Ok(Outcome::Refused(_)) => pending.0.refused,
    }
}

/// The answers to a change, by its outcome.
pub(super) struct Answers {
    pub(super) done: Item,
    pub(super) refused: Item,
    /// It may or may not have happened.
    pub(super) not_known: Item,
}

/// Proposes a change; what is answered then is made before.
pub(super) fn change(ask: &Ask<'_>, command: Command, answers: &Answers) -> Result<Plan, Stop> {
    Ok(Plan::Need(Need::Change {
        frame: ask.frame.clone(),
        command: Box::new(command),
        judged_at: ask.view.revision,
        pending: PendingChange(Box::new(ChangeAnswers {
            done: ask.answer(&answers.done)?,
            refused: ask.answer(&answers.refused)?,
            not_known: ask.answer(&answers.not_known)?,
        })),
    }))
}
