//! Asks the authorizer on behalf of one caller and remembers what was refused. It knows no messages.

use klamm_raft::model::Operation;

use super::description::Api;
use super::permit::Permit;
use crate::authz::{Asker, Authorized, Decision, Resource};
use crate::vcluster::plan::{Caller, Denials, Plan, Planned};
use crate::vcluster::view::View;

/// The questions of one request.
#[derive(Debug)]
pub(super) struct Gate<'a> {
    asker: Asker<'a>,
    granted: Option<Authorized>,
    denied: Denials,
}

impl<'a> Gate<'a> {
    pub(super) fn new(view: &'a View, caller: &'a Caller) -> Self {
        Self {
            asker: view.acls.index.asker(&caller.principal, &caller.host),
            granted: None,
            denied: Denials::default(),
        }
    }

    /// Whether the caller may do this to something that the request names. A no is a denial.
    pub(super) fn allows(&mut self, operation: Operation, resource: Resource<'_>) -> bool {
        match self.decide(operation, resource) {
            Decision::Allowed(_) => true,
            Decision::Denied(rule) => {
                self.denied.add(operation, resource, rule);
                false
            }
        }
    }

    /// Asks where a no is not a denial yet, because something else may allow it or the item is only left out.
    pub(super) fn allows_quietly(&mut self, operation: Operation, resource: Resource<'_>) -> bool {
        self.decide(operation, resource).is_allowed()
    }

    fn decide(&mut self, operation: Operation, resource: Resource<'_>) -> Decision {
        let decision = self.asker.decide(operation, resource);
        if let Decision::Allowed(authorized) = decision {
            self.granted.get_or_insert(authorized);
        }
        decision
    }

    /// Whether the caller may write to any topic at all.
    pub(super) fn allows_any_topic_write(&mut self) -> bool {
        let authorized = self.asker.decide_any_topic_write().authorized();
        self.granted = self.granted.or(authorized);
        authorized.is_some()
    }

    /// Who asks, for questions of which the answer is no right: bitfields.
    pub(super) fn asker(&self) -> Asker<'a> {
        self.asker
    }

    /// The proof that a request of this API may go upstream, if it may.
    pub(super) fn permit(&self, api: &Api) -> Option<Permit> {
        Permit::of(self.granted, api)
    }

    /// The plan, with what was refused.
    pub(super) fn planned(self, plan: Plan) -> Planned {
        Planned {
            plan,
            denied: self.denied,
        }
    }
}
