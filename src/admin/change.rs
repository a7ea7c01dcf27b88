//! Making one change for an admin client: for real or simulated, with its audit line.

use std::sync::Arc;

use klamm_raft::command::Command;
use klamm_raft::machine;
use klamm_raft::model::{Revision, State};
use klamm_raft::outcome::{Outcome, Refusal};
use klamm_raft::{Applied, ProposeError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::audit::{self, Action};
use super::credentials::Writer;
use super::problem::ApiError;
use super::services::Services;

/// `?dryMode=true`: say what would happen, and change nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Mode {
    #[serde(default)]
    pub(super) dry_mode: bool,
}

/// How often a change is judged before somebody has to ask again.
const JUDGEMENTS: usize = 4;

/// The subject of a change: what is changed, by whom.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    pub(super) writer: &'a Writer,
    pub(super) action: Action,
    /// For people, as `AliasTopic/mypartner/topic1`.
    pub(super) resource: String,
}

/// A change that was made, or would be.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) outcome: Outcome,
    /// A state that holds the change.
    pub(super) state: Arc<State>,
    pub(super) revision: Revision,
}

/// The effect of a PUT, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
pub(super) enum UpsertResult {
    Created,
    Updated,
    NotChanged,
}

impl Made {
    pub(super) fn upsert_result(&self) -> UpsertResult {
        match self.outcome {
            Outcome::Created => UpsertResult::Created,
            Outcome::Unchanged => UpsertResult::NotChanged,
            Outcome::Updated | Outcome::Deleted | Outcome::Refused(_) => UpsertResult::Updated,
        }
    }
}

impl Services {
    /// The state with everything that was acknowledged before this request, on whatever node.
    ///
    /// # Errors
    /// Nobody can say whether this node has it.
    pub(super) async fn newest(&self) -> Result<Arc<State>, ApiError> {
        match (self.confirm)().await {
            Ok(_) => Ok(self.state()),
            Err(error) => Err(ApiError::unavailable(error.to_string())),
        }
    }

    /// The state as this node has it now, which may be an old one.
    pub(super) fn state(&self) -> Arc<State> {
        Arc::clone(&self.states.borrow())
    }

    /// Proposes a change; again while access tokens were revoked in the meantime and that of the user was not.
    async fn propose_judged(
        &self,
        writer: &Writer,
        command: Command,
    ) -> Result<Result<Applied, ProposeError>, ApiError> {
        let mut writer = writer.clone();
        for _ in 1..JUDGEMENTS {
            let made = (self.propose)(writer.change(command.clone())).await;
            if !matches!(&made, Ok(made) if made.outcome == Outcome::Refused(Refusal::Outdated)) {
                return Ok(made);
            }
            writer = writer
                .judged_by(&self.state())
                .ok_or_else(ApiError::unauthorized)?;
        }
        Ok((self.propose)(writer.change(command)).await)
    }

    /// Makes a change, or simulates it.
    pub(super) async fn change(
        &self,
        subject: Subject<'_>,
        command: Command,
        mode: Mode,
    ) -> Result<Made, ApiError> {
        if mode.dry_mode {
            let now = self.newest().await?;
            let (outcome, then) = machine::preview(&now, command);
            return match outcome {
                Outcome::Refused(refusal) => Err(refusal.into()),
                outcome => {
                    let state = Arc::new(then);
                    if let Some(rehearsal) = &self.rehearsal {
                        rehearsal.send_replace(Arc::clone(&state));
                    }
                    Ok(Made {
                        outcome,
                        revision: now.revision,
                        state,
                    })
                }
            };
        }
        let caller = &subject.writer.caller;
        let changed = match self.propose_judged(subject.writer, command).await? {
            Ok(changed) => changed,
            Err(failed) => {
                let outcome = match failed {
                    ProposeError::NotEverywhere { .. } => "MADE, NOT SHOWN BY ALL NODES",
                    ProposeError::NoLeader { .. } => "UNKNOWN",
                    _ => "FAILED",
                };
                audit::change(caller, subject.action, &subject.resource, &outcome);
                return Err(ApiError::unavailable(failed.to_string()));
            }
        };
        match changed.outcome {
            Outcome::Refused(refusal) => {
                audit::change(
                    caller,
                    subject.action,
                    &subject.resource,
                    &format_args!("REFUSED: {refusal}"),
                );
                Err(refusal.into())
            }
            outcome => {
                audit::change(caller, subject.action, &subject.resource, &name(&outcome));
                Ok(Made {
                    outcome,
                    state: self.state(),
                    revision: changed.revision,
                })
            }
        }
    }
}

fn name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Created => "CREATED",
        Outcome::Updated => "UPDATED",
        Outcome::Unchanged => "NOT_CHANGED",
        Outcome::Deleted => "DELETED",
        Outcome::Refused(_) => "REFUSED",
    }
}
