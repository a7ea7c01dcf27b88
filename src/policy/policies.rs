//! The policies of a virtual cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use klamm_raft::model::{Policy, PolicyId, PolicyName, PolicyPhase};

use super::chain::PolicyChain;
use super::compiled::CompiledPolicy;
use super::context::PolicyContext;
use super::topics::PoliciesByTopic;

/// All policies that concern clients of a virtual cluster, in order of effect.
#[derive(Debug)]
pub struct Policies {
    produce: PhasePolicies,
    consume: PhasePolicies,
}

#[derive(Debug)]
struct PhasePolicies {
    /// By priority, then by name.
    policies: Vec<Arc<CompiledPolicy>>,
    by_topic: PoliciesByTopic,
}

impl Policies {
    /// Compiles those of all virtual clusters and those of one. Of several with the same name the narrowest holds for a
    /// client: that of its account, that of the virtual cluster, that of all. One that is not enabled holds too: it does
    /// nothing in the place of the wider one.
    pub fn compile(everywhere: &BTreeMap<PolicyName, Policy>, own: &BTreeMap<PolicyId, Policy>) -> Self {
        let is_own = |name: &PolicyName| own.contains_key(&of_all_accounts(name));
        let inherited = everywhere
            .iter()
            .filter(|(name, _)| !is_own(name))
            .map(|(name, policy)| (of_all_accounts(name), policy));
        let mut all: Vec<(PolicyId, &Policy)> = inherited
            .chain(own.iter().map(|(id, policy)| (id.clone(), policy)))
            .filter(|(_, policy)| policy.enabled)
            .collect();
        all.sort_by(|(a, first), (b, second)| (first.priority, a).cmp(&(second.priority, b)));
        Self {
            produce: PhasePolicies::compile(PolicyPhase::Produce, &all, own),
            consume: PhasePolicies::compile(PolicyPhase::Consume, &all, own),
        }
    }

    /// Whether nothing is done with any record.
    pub fn is_empty(&self) -> bool {
        self.produce.policies.is_empty() && self.consume.policies.is_empty()
    }

    /// The judge of records that this client sends to a topic, or gets from it. None if no policy can concern any of
    /// them: they go on as they are.
    pub fn chain(
        &self,
        phase: PolicyPhase,
        context: &Arc<PolicyContext>,
        topic: &str,
    ) -> Option<PolicyChain> {
        let of_phase = match phase {
            PolicyPhase::Produce => &self.produce,
            PolicyPhase::Consume => &self.consume,
        };
        let policies = of_phase
            .by_topic
            .of(topic)
            .into_iter()
            .map(|place| &of_phase.policies[place])
            .filter(|policy| policy.is_for(context.principal.name()));
        PolicyChain::new(policies, context, topic)
    }
}

impl PhasePolicies {
    fn compile(phase: PolicyPhase, all: &[(PolicyId, &Policy)], own: &BTreeMap<PolicyId, Policy>) -> Self {
        let of_phase: Vec<_> = all.iter().filter(|(_, policy)| policy.phase == phase).collect();
        let compiled = of_phase.iter().map(|(id, policy)| {
            let narrower = own.range(id..).map(|(other, _)| other);
            let accounts: BTreeSet<_> = narrower
                .take_while(|other| other.name == id.name)
                .filter_map(|other| other.account.clone())
                .collect();
            Arc::new(CompiledPolicy::new(id, accounts, policy))
        });
        Self {
            policies: compiled.collect(),
            by_topic: PoliciesByTopic::new(of_phase.iter().map(|(_, policy)| policy.topics.iter())),
        }
    }
}

fn of_all_accounts(name: &PolicyName) -> PolicyId {
    PolicyId {
        name: name.clone(),
        account: None,
    }
}
