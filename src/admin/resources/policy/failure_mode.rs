//! The fates of records that policies cannot judge, in words.

use klamm_raft::model::{FailureMode, PolicyPhase};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::admin::resources::invalid::Invalid;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum FailureModeSpec {
    /// The producer's batch is refused.
    Reject,
    /// The consumer gets an error in its place.
    Error,
    Skip,
    Mark,
    Passthrough,
}

impl FailureModeSpec {
    /// Checks that it is one of the phase.
    pub(super) fn read(self, phase: PolicyPhase) -> Result<FailureMode, Invalid> {
        match (phase, self) {
            (PolicyPhase::Produce, Self::Reject) | (PolicyPhase::Consume, Self::Error) => {
                Ok(FailureMode::Refuse)
            }
            (PolicyPhase::Consume, Self::Skip) => Ok(FailureMode::Skip),
            (PolicyPhase::Produce | PolicyPhase::Consume, Self::Mark) => Ok(FailureMode::Mark),
            (PolicyPhase::Produce | PolicyPhase::Consume, Self::Passthrough) => Ok(FailureMode::Passthrough),
            (PolicyPhase::Produce, Self::Skip | Self::Error) => Err(Invalid::new(
                "spec.failureMode of the phase produce is one of reject, mark, passthrough",
            )),
            (PolicyPhase::Consume, Self::Reject) => Err(Invalid::new(
                "spec.failureMode of the phase consume is one of error, skip, mark, passthrough",
            )),
            (PolicyPhase::Cluster, _) => Err(Invalid::new(
                "spec.failureMode is for records: a request for which a rule has no answer is treated as one that breaks it",
            )),
        }
    }

    /// One as it is shown.
    pub(super) fn of(mode: FailureMode, phase: PolicyPhase) -> Self {
        match (mode, phase) {
            (FailureMode::Refuse, PolicyPhase::Produce) => Self::Reject,
            (FailureMode::Refuse, PolicyPhase::Consume | PolicyPhase::Cluster) => Self::Error,
            (FailureMode::Skip, _) => Self::Skip,
            (FailureMode::Mark, _) => Self::Mark,
            (FailureMode::Passthrough, _) => Self::Passthrough,
        }
    }
}
