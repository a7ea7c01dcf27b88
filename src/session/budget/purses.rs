//! Who draws on which part of the node's budget: a purse for each principal of each virtual cluster, from its first login
//! until its last session has ended.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use klamm_raft::model::VclusterName;

use super::Budget;
use crate::authz::Principal;
use crate::metrics::{BudgetShare, NodeMetrics};

/// One virtual cluster takes at most one part in so many of the node's budget.
const VCLUSTER_PARTS: usize = 2;

/// One principal takes at most one part in so many of its virtual cluster's: a quarter of the node's.
const PRINCIPAL_PARTS: usize = 2;

/// So many principals of a virtual cluster are kept before it is looked for those that have left.
const FEW_PRINCIPALS: usize = 64;

/// The budgets that one principal's sessions draw on.
#[derive(Debug)]
pub(in crate::session) struct Purse {
    /// Large frames on their way to brokers.
    pub(in crate::session) requests: Budget,
    /// Large frames on their way to clients. A budget of its own: a request may wait for an answer to be read.
    pub(in crate::session) responses: Budget,
    /// Records that are opened for policies, beside the frames that they are in. What holds a part of it waits for nothing
    /// but a turn.
    pub(in crate::session) policies: Budget,
    /// Turns at judging records, on threads of their own.
    pub(in crate::session) turns: Budget,
}

/// All purses of a node.
#[derive(Debug)]
pub(in crate::session) struct Purses {
    metrics: Arc<NodeMetrics>,
    /// The purse of sessions that nobody has logged in on yet, when no frame is large.
    node: Arc<Purse>,
    /// Looked at by logins only.
    tenants: Mutex<HashMap<VclusterName, Tenant>>,
}

#[derive(Debug)]
struct Tenant {
    whole: Purse,
    principals: HashMap<Principal, Weak<Purse>>,
    prune_at: usize,
}

impl Purse {
    fn narrowed(&self, parts: usize, share: BudgetShare, metrics: &NodeMetrics) -> Self {
        let waits = metrics.buffer_waits(share);
        Self {
            requests: self.requests.narrowed(parts, waits.clone()),
            responses: self.responses.narrowed(parts, waits),
            policies: self.policies.narrowed(parts, metrics.policies.waits(share)),
            turns: self.turns.narrowed(parts, metrics.policies.waits(share)),
        }
    }
}

impl Purses {
    /// Of a node that may hold `bytes` of requests, and as many of answers; and beside them `policy_bytes` of records that
    /// policies look at.
    pub(in crate::session) fn new(bytes: usize, policy_bytes: usize, metrics: Arc<NodeMetrics>) -> Self {
        let budget = || {
            Budget::new(
                bytes,
                metrics.buffered_bytes.clone(),
                metrics.buffer_waits(BudgetShare::Node),
            )
        };
        Self {
            node: Arc::new(Purse {
                requests: budget(),
                responses: budget(),
                policies: Budget::new(
                    policy_bytes,
                    metrics.policies.memory.clone(),
                    metrics.policies.waits(BudgetShare::Node),
                ),
                turns: Budget::turns(
                    metrics.policies.turns.clone(),
                    metrics.policies.waits(BudgetShare::Node),
                ),
            }),
            metrics,
            tenants: Mutex::default(),
        }
    }

    /// Before anybody has logged in.
    pub(in crate::session) fn of_nobody(&self) -> Arc<Purse> {
        Arc::clone(&self.node)
    }

    /// The one purse of this principal, for a session that has logged in.
    pub(in crate::session) fn of(&self, vcluster: &VclusterName, principal: &Principal) -> Arc<Purse> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if !tenants.contains_key(vcluster) {
            tenants.retain(|_, tenant| tenant.is_here());
            let whole = self
                .node
                .narrowed(VCLUSTER_PARTS, BudgetShare::Vcluster, &self.metrics);
            tenants.insert(vcluster.clone(), Tenant::new(whole));
        }
        let tenant = tenants
            .get_mut(vcluster)
            .expect("it was inserted if it was not there");
        tenant.purse(principal, &self.metrics)
    }

    /// How many principals are remembered.
    #[cfg(test)]
    pub(super) fn known(&self) -> usize {
        let tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        tenants.values().map(|tenant| tenant.principals.len()).sum()
    }
}

impl Tenant {
    fn new(whole: Purse) -> Self {
        Self {
            whole,
            principals: HashMap::new(),
            prune_at: FEW_PRINCIPALS,
        }
    }

    fn is_here(&self) -> bool {
        self.principals.values().any(|purse| purse.strong_count() > 0)
    }

    fn purse(&mut self, principal: &Principal, metrics: &NodeMetrics) -> Arc<Purse> {
        if let Some(purse) = self.principals.get(principal).and_then(Weak::upgrade) {
            return purse;
        }
        if self.principals.len() >= self.prune_at {
            self.principals.retain(|_, purse| purse.strong_count() > 0);
            self.prune_at = FEW_PRINCIPALS.max(2 * self.principals.len());
        }
        let purse = Arc::new(
            self.whole
                .narrowed(PRINCIPAL_PARTS, BudgetShare::Principal, metrics),
        );
        self.principals.insert(principal.clone(), Arc::downgrade(&purse));
        purse
    }
}
