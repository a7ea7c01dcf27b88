//! The policies of a virtual cluster on records.

use std::collections::BTreeMap;
use std::sync::Arc;

use klamm_raft::model::{Policy, PolicyId, PolicyPhase};

use super::chain::PolicyChain;
use super::compiled::CompiledPolicy;
use super::context::PolicyContext;
use super::phase::{PhasePolicies, PoliciesInEffect};
use super::scope::GroupMembers;

/// All policies on records of clients of a virtual cluster, in order of effect.
#[derive(Debug)]
pub struct Policies {
    produce: PhasePolicies<CompiledPolicy>,
    consume: PhasePolicies<CompiledPolicy>,
}

impl Policies {
    /// Compiles those of all virtual clusters and those of one, whose accounts are in these groups.
    pub fn compile(
        everywhere: &BTreeMap<PolicyId, Policy>,
        own: &BTreeMap<PolicyId, Policy>,
        members: &GroupMembers,
    ) -> Self {
        let all = PoliciesInEffect::new(everywhere, own, members);
        Self {
            produce: PhasePolicies::compile(PolicyPhase::Produce, &all, CompiledPolicy::new),
            consume: PhasePolicies::compile(PolicyPhase::Consume, &all, CompiledPolicy::new),
        }
    }

    /// Whether nothing is done with any record.
    pub fn is_empty(&self) -> bool {
        self.produce.all().is_empty() && self.consume.all().is_empty()
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
            // Of requests.
            PolicyPhase::Cluster => return None,
        };
        let policies = of_phase
            .of_topic(topic)
            .filter(|policy| policy.reach.includes(context.principal.name()));
        PolicyChain::new(policies, context, topic)
    }
}
