//! Policies on requests: what must hold for each item of a request, what is set otherwise, and which topics nobody changes.
//! What a request says is asked for ([`RequestFacts`]); nothing here knows how it is written.

mod compiled;
mod judge;
mod settings;
mod tally;
mod values;
mod variables;

use std::collections::BTreeMap;

use klamm_raft::model::{Policy, PolicyId, PolicyPhase, RequestKind};

use self::compiled::{RequestAction, RequestPolicy};
pub use self::judge::RequestJudge;
pub use self::settings::{RuledSettings, SettingValue};
pub use self::tally::{RefusedItem, RequestOutcomes, RequestTally};
pub use self::values::RequestFacts;
pub use self::variables::RequestVariable;
use super::context::PolicyContext;
use super::fault::PolicyFault;
use super::phase::{PhasePolicies, PoliciesInEffect};
use super::scope::GroupMembers;

/// All policies on requests of clients of a virtual cluster, in order of effect.
#[derive(Debug)]
pub struct RequestPolicies {
    policies: PhasePolicies<RequestPolicy>,
    concerned: ConcernedRequests,
}

/// The requests that policies concern.
#[derive(Debug, Default)]
struct ConcernedRequests {
    /// All, since topics are read-only, or something is demanded of whatever a client asks.
    all: bool,
    /// Those of these kinds, each a bit.
    kinds: u32,
}

impl ConcernedRequests {
    fn add(&mut self, kind: RequestKind) {
        self.all |= kind == RequestKind::Any;
        self.kinds |= 1 << kind as u32;
    }

    fn add_policy(&mut self, policy: &RequestPolicy) {
        match &policy.action {
            RequestAction::Rules(rules) => {
                let kinds = rules.iter().flat_map(|rule| rule.holds.keys());
                kinds.for_each(|kind| self.add(*kind));
            }
            RequestAction::ReadOnly | RequestAction::Broken => self.all = true,
        }
    }
}

/// Whether a policy on requests can be carried out.
pub(super) fn check(policy: &Policy) -> Result<(), PolicyFault> {
    compiled::parts(policy).map(|_| ())
}

impl RequestPolicies {
    /// Compiles those of all virtual clusters and those of one, whose accounts are in these groups.
    pub fn compile(
        everywhere: &BTreeMap<PolicyId, Policy>,
        own: &BTreeMap<PolicyId, Policy>,
        members: &GroupMembers,
    ) -> Self {
        let all = PoliciesInEffect::new(everywhere, own, members);
        let policies = PhasePolicies::compile(PolicyPhase::Cluster, &all, RequestPolicy::new);
        let mut concerned = ConcernedRequests::default();
        policies
            .all()
            .iter()
            .for_each(|policy| concerned.add_policy(policy));
        Self { policies, concerned }
    }

    /// Whether nothing is done with any request.
    pub fn is_empty(&self) -> bool {
        self.policies.all().is_empty()
    }

    /// Whether rules may be about requests of this kind.
    pub fn rules(&self, kind: RequestKind) -> bool {
        self.concerned.kinds & (1 << kind as u32) != 0
    }

    /// Whether they may concern a request of this kind, or of none that there are rules for.
    pub fn may_concern(&self, kind: Option<RequestKind>) -> bool {
        self.concerned.all || kind.is_some_and(|kind| self.rules(kind))
    }

    /// The judge of one request of a client.
    pub fn judge(&self, context: PolicyContext) -> RequestJudge<'_> {
        RequestJudge::new(&self.policies, context)
    }
}
