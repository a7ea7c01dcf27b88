//! The policies of a virtual cluster.

use std::collections::BTreeMap;
use std::sync::Arc;

use klamm_raft::model::{Policy, PolicyId, PolicyPhase};

use super::chain::PolicyChain;
use super::compiled::CompiledPolicy;
use super::context::PolicyContext;
use super::scope::{GroupMembers, PolicyScopes, in_vcluster};
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
    /// Compiles those of all virtual clusters and those of one, whose accounts are in these groups. Of several with the
    /// same name the narrowest hold for a client. One that is not enabled holds too: it does nothing in the place of the
    /// wider one.
    pub fn compile(
        everywhere: &BTreeMap<PolicyId, Policy>,
        own: &BTreeMap<PolicyId, Policy>,
        members: &GroupMembers,
    ) -> Self {
        let all = in_vcluster(everywhere, own);
        let scopes = PolicyScopes::new(&all, members);
        let mut enabled: Vec<(&PolicyId, &Policy)> =
            all.into_iter().filter(|(_, policy)| policy.enabled).collect();
        enabled.sort_by_key(|(id, policy)| (policy.priority, *id));
        Self {
            produce: PhasePolicies::compile(PolicyPhase::Produce, &enabled, &scopes),
            consume: PhasePolicies::compile(PolicyPhase::Consume, &enabled, &scopes),
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
    fn compile(phase: PolicyPhase, enabled: &[(&PolicyId, &Policy)], scopes: &PolicyScopes<'_>) -> Self {
        let of_phase: Vec<_> = enabled
            .iter()
            .filter(|(_, policy)| policy.phase == phase)
            .collect();
        let compiled = of_phase
            .iter()
            .map(|(id, policy)| Arc::new(CompiledPolicy::new(&id.name, scopes.clients(id), policy)));
        Self {
            policies: compiled.collect(),
            by_topic: PoliciesByTopic::new(of_phase.iter().map(|(_, policy)| policy.topics.iter())),
        }
    }
}
