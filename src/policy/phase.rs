//! The policies of one phase, in order of effect.

use std::collections::BTreeMap;
use std::sync::Arc;

use klamm_raft::model::{Policy, PolicyAction, PolicyId, PolicyPhase};

use super::reach::PolicyReach;
use super::scope::{GroupMembers, PolicyScopes, in_vcluster};
use super::topics::PoliciesByTopic;

/// The policies that concern clients of a virtual cluster, in order of effect: by priority, then by name.
pub(super) struct PoliciesInEffect<'a> {
    enabled: Vec<(&'a PolicyId, &'a Policy)>,
    scopes: PolicyScopes<'a>,
}

impl<'a> PoliciesInEffect<'a> {
    /// Of those of all virtual clusters and those of one, whose accounts are in these groups. Of several with the same name
    /// the narrowest hold for a client. One that is not enabled holds too: it does nothing in the place of the wider one.
    pub(super) fn new(
        everywhere: &'a BTreeMap<PolicyId, Policy>,
        own: &'a BTreeMap<PolicyId, Policy>,
        members: &'a GroupMembers,
    ) -> Self {
        let all = in_vcluster(everywhere, own);
        let scopes = PolicyScopes::new(&all, members);
        // ACLs of policies are met with all others.
        let does_something =
            |policy: &Policy| policy.enabled && !matches!(policy.action, PolicyAction::Acls { .. });
        let mut enabled: Vec<(&PolicyId, &Policy)> = all
            .into_iter()
            .filter(|(_, policy)| does_something(policy))
            .collect();
        enabled.sort_by_key(|(id, policy)| (policy.priority, *id));
        Self { enabled, scopes }
    }

    /// Those that do something, in order of effect.
    pub(super) fn enabled(&self) -> impl Iterator<Item = (&'a PolicyId, &'a Policy)> {
        self.enabled.iter().copied()
    }

    /// Whom one concerns.
    pub(super) fn reach(&self, id: &PolicyId) -> PolicyReach {
        PolicyReach::new(&id.name, self.scopes.clients(id))
    }
}

/// The compiled policies of a phase.
#[derive(Debug)]
pub(super) struct PhasePolicies<P> {
    policies: Vec<Arc<P>>,
    by_topic: PoliciesByTopic,
}

impl<P> PhasePolicies<P> {
    pub(super) fn compile(
        phase: PolicyPhase,
        all: &PoliciesInEffect<'_>,
        compile: impl Fn(PolicyReach, &Policy) -> P,
    ) -> Self {
        // Rates are limited beside all phases.
        let is_of_phase = |policy: &Policy| {
            policy.phase == phase && !matches!(policy.action, PolicyAction::LimitRate { .. })
        };
        let of_phase: Vec<_> = all.enabled().filter(|(_, policy)| is_of_phase(policy)).collect();
        let compiled = of_phase
            .iter()
            .map(|(id, policy)| Arc::new(compile(all.reach(id), policy)));
        Self {
            policies: compiled.collect(),
            by_topic: PoliciesByTopic::new(of_phase.iter().map(|(_, policy)| policy.topics.iter())),
        }
    }

    pub(super) fn all(&self) -> &[Arc<P>] {
        &self.policies
    }

    /// Those that concern a topic, in order of effect.
    pub(super) fn of_topic(&self, topic: &str) -> impl Iterator<Item = &Arc<P>> {
        let places = self.by_topic.of(topic).into_iter();
        places.map(|place| &self.policies[place])
    }

    /// Those that name no topics, in order of effect: they concern what is no topic, too.
    pub(super) fn without_topic(&self) -> impl Iterator<Item = &Arc<P>> {
        let places = self.by_topic.of_all().iter();
        places.map(|place| &self.policies[*place])
    }
}
