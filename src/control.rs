//! The one door for changes of the replicated state, and for reading it.

use std::sync::Arc;
use std::time::Duration;

use klamm_raft::command::Command;
use klamm_raft::model::{Revision, SigningKey, State};
use klamm_raft::outcome::Outcome;
use klamm_raft::{Applied, ConfirmError, Node, NotReady, ProposeError, Status};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::vcluster::plan::{ChangeResult, ChangeUnavailable, Confirmation, NotConfirmed};

/// The bytes of a generated signing key: as many as HMAC-SHA-256 puts out.
const SIGNING_KEY_BYTES: usize = 32;

/// A handle to this node's part of the gateway cluster.
#[derive(Debug, Clone)]
pub struct Control {
    node: Node,
}

/// The replicated state cannot be used with this node's configuration.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    #[error("the change could not be made")]
    Propose(#[from] ProposeError),
    #[error(
        "the token signing key of this node (GATEWAY_USER_POOL_SECRET_KEY) differs from the one that the cluster uses"
    )]
    OtherSigningKey,
    #[error("no random bytes could be had")]
    Randomness,
}

impl Control {
    /// The door to the cluster that `node` belongs to.
    pub fn new(node: Node) -> Self {
        Self { node }
    }

    /// Makes a change: returns when it is committed and every live node's sessions decide on it.
    pub async fn propose(&self, command: Command) -> Result<Applied, ProposeError> {
        let name = command.name();
        let applied = self.node.propose(command).await;
        match &applied {
            Ok(applied) => {
                info!(command = name, outcome = ?applied.outcome, revision = %applied.revision, "change")
            }
            Err(error) => warn!(command = name, %error, "change failed"),
        }
        applied
    }

    /// The same for a change that a Kafka client asked for.
    pub async fn change(&self, command: Command) -> ChangeResult {
        let applied = self.propose(command).await.map_err(|_logged| ChangeUnavailable)?;
        Ok(applied.outcome)
    }

    /// Confirms that this node's sessions decide on everything that was acknowledged before, on whatever node.
    pub async fn confirm(&self) -> Result<Revision, ConfirmError> {
        let confirmed = self.node.confirm().await;
        if let Err(error) = &confirmed {
            warn!(%error, "not known to be up to date");
        }
        confirmed
    }

    /// The same for what a Kafka client asked for.
    pub async fn confirmed(&self) -> Confirmation {
        let confirmed = self.confirm().await;
        confirmed.map(|_| ()).map_err(|_logged| NotConfirmed)
    }

    /// The replicated state, and each change of it.
    pub fn states(&self) -> watch::Receiver<Arc<State>> {
        self.node.states()
    }

    /// The replicated state as this node has it now.
    pub fn state(&self) -> Arc<State> {
        self.node.states().borrow().clone()
    }

    /// What this node knows of its cluster.
    pub fn status(&self) -> Status {
        self.node.status()
    }

    /// Sees to it that the cluster has a token signing key: the configured one, or a random one.
    pub async fn ensure_signing_key(&self, configured: Option<&SigningKey>) -> Result<(), ControlError> {
        if self.state().signing_key.is_none() {
            let key = match configured {
                Some(key) => key.clone(),
                None => SigningKey(random::<SIGNING_KEY_BYTES>()?.to_vec()),
            };
            self.propose(Command::InitSigningKey { key }).await?;
        }
        match (configured, &self.state().signing_key) {
            (Some(configured), Some(agreed)) if configured != agreed => Err(ControlError::OtherSigningKey),
            _ => Ok(()),
        }
    }

    /// Returns when this node has joined its cluster and has caught up with it.
    pub async fn wait_ready(&self, limit: Duration) -> Result<(), NotReady> {
        self.node.wait_ready(limit).await
    }

    /// Whether the outcome says that something changed.
    pub fn is_change(outcome: &Outcome) -> bool {
        matches!(outcome, Outcome::Created | Outcome::Updated | Outcome::Deleted)
    }
}

/// Random bytes, fit for secrets.
pub fn random<const N: usize>() -> Result<[u8; N], ControlError> {
    let mut bytes = [0_u8; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_unspecified| ControlError::Randomness)?;
    Ok(bytes)
}
