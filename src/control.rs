//! The one door for changes of the replicated state, and for reading it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use klamm_raft::command::{Change, Command};
use klamm_raft::model::{KeyId, NodeId, QuotaDemand, Revision, SigningKey, SigningKeys, State};
use klamm_raft::outcome::Outcome;
use klamm_raft::{
    AnswerInquiry, Applied, Backup, ConfirmError, InquiryError, Lease, Node, NodeDemands, NotReady,
    ProposeError, Status,
};
use tokio::sync::watch;
use tracing::{info, warn};

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
        "the token signing key of this node (gateway.user.pool.secret.key, {configured}) is not one that the cluster uses or has used ({signs} signs now): give this node the key of the others, or remove it from the configuration of all nodes, which then keep the key themselves"
    )]
    OtherSigningKey { configured: KeyId, signs: KeyId },
    #[error("no random bytes could be obtained")]
    Randomness,
}

impl Control {
    /// The door to the cluster that `node` belongs to.
    pub fn new(node: Node) -> Self {
        Self { node }
    }

    /// Makes a change: returns when it is committed and no node's sessions decide by what was before.
    pub async fn propose(&self, change: Change) -> Result<Applied, ProposeError> {
        let name = change.command.name();
        noted(name, self.node.propose(change).await)
    }

    /// Makes a change that this node wants itself; otherwise as [`Self::propose`].
    pub async fn propose_own(&self, command: Command) -> Result<Applied, ProposeError> {
        let name = command.name();
        noted(name, self.node.propose_own(command).await)
    }

    /// Confirms that this node's sessions decide on everything that was acknowledged before, on whatever node.
    pub async fn confirm(&self) -> Result<Revision, ConfirmError> {
        let confirmed = self.node.confirm().await;
        if let Err(error) = &confirmed {
            warn!(%error, "not known to be up to date");
        }
        confirmed
    }

    /// A backup of the state as [`Self::confirm`] makes sure of it, made now.
    pub async fn backup(&self, now_s: u64) -> Result<Backup, ConfirmError> {
        self.node.backup((env!("CARGO_PKG_VERSION"), now_s)).await
    }

    /// The replicated state, and each change of it.
    pub fn states(&self) -> watch::Receiver<Arc<State>> {
        self.node.states()
    }

    /// The replicated state as this node has it now.
    pub fn state(&self) -> Arc<State> {
        self.node.states().borrow().clone()
    }

    /// The other nodes that this one does not hear now, and each change.
    pub fn unheard(&self) -> watch::Receiver<Arc<BTreeSet<NodeId>>> {
        self.node.unheard()
    }

    /// The status of this node and its cluster.
    pub fn status(&self) -> Status {
        self.node.status()
    }

    /// Whether this node may decide by what it shows.
    pub fn lease(&self) -> Lease {
        self.node.lease()
    }

    /// Tells the other nodes how much is wanted here of what quotas are for.
    pub fn tell_demands(&self, demands: Vec<QuotaDemand>) {
        self.node.tell_demands(demands);
    }

    /// The last that the others said of how much is wanted there.
    pub fn heard_demands(&self) -> Vec<NodeDemands> {
        self.node.heard_demands()
    }

    /// Has this answer what other nodes ask this one.
    pub fn answer_inquiries(&self, answerer: Arc<AnswerInquiry>) {
        self.node.answer_inquiries(answerer);
    }

    /// Asks another node, which answers in its own words, within a time.
    pub async fn inquire(
        &self,
        node: NodeId,
        question: Vec<u8>,
        limit: Duration,
    ) -> Result<Vec<u8>, InquiryError> {
        self.node.inquire(node, question, limit).await
    }

    /// Sees to it that the cluster has a token signing key: the configured one, or a random one.
    pub async fn ensure_signing_key(&self, configured: Option<&SigningKey>) -> Result<(), ControlError> {
        if self.state().signing_keys.is_none() {
            let key = match configured {
                Some(key) => key.clone(),
                None => new_signing_key()?,
            };
            let decoy = new_signing_key()?;
            self.propose_own(Command::InitSigningKey { key, decoy }).await?;
        }
        match (configured, &self.state().signing_keys) {
            (Some(configured), Some(agreed)) => check_configured(configured.id(), agreed),
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

/// Writes down what a proposal came to.
fn noted(command: &str, applied: Result<Applied, ProposeError>) -> Result<Applied, ProposeError> {
    match &applied {
        Ok(applied) => info!(command, outcome = ?applied.outcome, revision = %applied.revision, "change"),
        Err(error) => warn!(command, %error, "change failed"),
    }
    applied
}

/// A key that nobody has yet.
pub fn new_signing_key() -> Result<SigningKey, ControlError> {
    Ok(SigningKey(random::<SIGNING_KEY_BYTES>()?.to_vec()))
}

/// A configured key is the cluster's, or one that was rotated since: that node is merely behind.
fn check_configured(configured: KeyId, agreed: &SigningKeys) -> Result<(), ControlError> {
    let signs = agreed.current.id();
    let before = agreed.previous.as_ref().map(SigningKey::id);
    if configured == signs {
        return Ok(());
    }
    if before == Some(configured) || agreed.retired.contains(&configured) {
        warn!(
            %configured, %signs,
            "the token signing key was rotated: gateway.user.pool.secret.key no longer has any effect: remove it from the configuration"
        );
        return Ok(());
    }
    Err(ControlError::OtherSigningKey { configured, signs })
}

/// Random bytes, fit for secrets.
pub fn random<const N: usize>() -> Result<[u8; N], ControlError> {
    let mut bytes = [0_u8; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_unspecified| ControlError::Randomness)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configured_key_that_was_rotated_keeps_no_node_from_starting_and_a_foreign_one_does() {
        let key = |byte| SigningKey(vec![byte; 32]);
        let mut agreed = SigningKeys::new(key(1), key(0));
        let check = |byte, agreed: &SigningKeys| check_configured(key(byte).id(), agreed);
        assert!(check(1, &agreed).is_ok());
        let foreign = check(2, &agreed).expect_err("another key").to_string();
        assert!(
            foreign.contains(&key(1).id().to_string()) && foreign.contains("remove it"),
            "{foreign}"
        );
        agreed.previous = Some(key(2));
        agreed.retired = vec![key(3).id()];
        for byte in [1, 2, 3] {
            assert!(check(byte, &agreed).is_ok(), "{byte}");
        }
        assert!(check(0, &agreed).is_err(), "what is no signing key");
    }
}
