//! Policies that limit rates: how much of something those whom one concerns may use together.

use std::collections::BTreeMap;

use klamm_raft::model::{LimitedRate, Policy, PolicyAction, PolicyId};

use super::fault::PolicyFault;
use super::phase::PoliciesInEffect;
use super::reach::PolicyReach;
use super::scope::GroupMembers;

/// All policies of a virtual cluster that limit rates.
#[derive(Debug)]
pub struct RatePolicies(Vec<RatePolicy>);

/// One of them.
#[derive(Debug)]
pub struct RatePolicy {
    reach: PolicyReach,
    /// Who is counted together: those whom it concerns.
    pub id: PolicyId,
    pub of: LimitedRate,
    pub per_second: u64,
}

impl RatePolicies {
    /// Compiles those of all virtual clusters and those of one, whose accounts are in these groups.
    pub fn compile(
        everywhere: &BTreeMap<PolicyId, Policy>,
        own: &BTreeMap<PolicyId, Policy>,
        members: &GroupMembers,
    ) -> Self {
        let all = PoliciesInEffect::new(everywhere, own, members);
        let rates = all.enabled().filter_map(|(id, policy)| {
            let PolicyAction::LimitRate { of, per_second } = policy.action else {
                return None;
            };
            Some(RatePolicy {
                reach: all.reach(id),
                id: id.clone(),
                of,
                per_second,
            })
        });
        Self(rates.collect())
    }

    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of a kind that concern the client of this name.
    pub fn of_client<'a>(&'a self, of: LimitedRate, client: &'a str) -> impl Iterator<Item = &'a RatePolicy> {
        let concern = move |policy: &&RatePolicy| policy.of == of && policy.reach.includes(client);
        self.0.iter().filter(concern)
    }
}

/// Whether a policy that limits a rate can be carried out.
pub(super) fn check(policy: &Policy, per_second: u64) -> Result<(), PolicyFault> {
    let (topics, condition) = (policy.topics.is_empty(), policy.condition.is_none());
    if per_second == 0 {
        return Err(PolicyFault::RateOfNothing);
    }
    match topics && condition && policy.failure_mode.is_none() {
        true => Ok(()),
        false => Err(PolicyFault::RateOfSome),
    }
}
