//! Whom a policy concerns.

use klamm_raft::model::PolicyName;

use super::scope::ScopedClients;

/// The name of a policy, and the clients that it concerns.
#[derive(Debug)]
pub(super) struct PolicyReach {
    pub(super) name: PolicyName,
    clients: ScopedClients,
}

impl PolicyReach {
    pub(super) fn new(name: &PolicyName, clients: ScopedClients) -> Self {
        let name = name.clone();
        Self { name, clients }
    }

    /// Whether it concerns the client of this name.
    pub(super) fn includes(&self, account: &str) -> bool {
        self.clients.include(account)
    }
}
