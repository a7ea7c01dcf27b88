//! Asks the authorizer on behalf of one caller, and policies that keep from what rights allow, and remembers what was refused.
//! It knows no messages.

use klamm_raft::model::{Operation, ResourceType};

use super::description::Api;
use super::permit::Permit;
use crate::authz::{Asker, Authorized, Decision, DenyRule, Resource};
use crate::policy::RequestJudge;
use crate::vcluster::plan::{Caller, Denials, Plan, Planned};
use crate::vcluster::view::View;

/// The questions of one request.
#[derive(Debug)]
pub(super) struct Gate<'a> {
    asker: Asker<'a>,
    granted: Option<Authorized>,
    denied: Denials,
    /// The policies that may concern the request.
    rules: Option<RequestJudge<'a>>,
    /// Whether a policy lets the caller ask nothing of this.
    is_closed: bool,
}

/// Why something is not allowed.
enum Kept {
    /// By the authorizer.
    Denied(DenyRule),
    /// By a policy, since nobody changes the topic.
    ReadOnly,
    /// By a policy, which lets the caller ask nothing, and has counted that.
    Closed,
}

impl<'a> Gate<'a> {
    pub(super) fn new(view: &'a View, caller: &'a Caller, rules: Option<RequestJudge<'a>>) -> Self {
        Self {
            rules,
            is_closed: false,
            asker: view.acls.index.asker(&caller.principal, &caller.host),
            granted: None,
            denied: Denials::default(),
        }
    }

    /// Whether the caller may do this to something that the request names. A no is a denial.
    pub(super) fn allows(&mut self, operation: Operation, resource: Resource<'_>) -> bool {
        match self.decide(operation, resource) {
            Ok(()) => true,
            Err(Kept::Denied(rule)) => {
                self.denied.add(operation, resource, rule);
                false
            }
            Err(Kept::ReadOnly) => {
                self.refuse_change(resource);
                false
            }
            Err(Kept::Closed) => false,
        }
    }

    /// Asks where a no is not a denial yet, because something else may allow it or the item is only left out.
    pub(super) fn allows_quietly(&mut self, operation: Operation, resource: Resource<'_>) -> bool {
        self.decide(operation, resource).is_ok()
    }

    fn decide(&mut self, operation: Operation, resource: Resource<'_>) -> Result<(), Kept> {
        if self.is_closed {
            return Err(Kept::Closed);
        }
        match self.asker.decide(operation, resource) {
            Decision::Denied(rule) => Err(Kept::Denied(rule)),
            Decision::Allowed(_) if self.is_read_only(operation, resource) => Err(Kept::ReadOnly),
            Decision::Allowed(authorized) => {
                self.granted.get_or_insert(authorized);
                Ok(())
            }
        }
    }

    /// Whether policies let the caller do this to a topic that it has the right to change. A no is counted.
    pub(super) fn lets_change(&mut self, operation: Operation, resource: Resource<'_>) -> bool {
        let is_read_only = self.is_read_only(operation, resource);
        if is_read_only {
            self.refuse_change(resource);
        }
        !is_read_only
    }

    /// Whether policies let the caller change all topics at once, without naming them. A no is counted.
    pub(super) fn lets_change_all_topics(&mut self) -> bool {
        self.rules.as_mut().is_none_or(RequestJudge::lets_change_all)
    }

    fn refuse_change(&mut self, topic: Resource<'_>) {
        if let Some(rules) = &mut self.rules {
            rules.refuse_change(topic.name);
        }
    }

    /// Whether this would change a topic that policies make read-only. It is not counted.
    pub(super) fn is_read_only(&self, operation: Operation, resource: Resource<'_>) -> bool {
        let is_change = match operation {
            Operation::Write
            | Operation::Create
            | Operation::Delete
            | Operation::Alter
            | Operation::AlterConfigs => resource.resource_type == ResourceType::Topic,
            _ => false,
        };
        let rules = self.rules.as_ref().filter(|_| is_change);
        rules.is_some_and(|rules| rules.is_read_only(resource.name))
    }

    /// The policies that may concern the request.
    pub(super) fn rules(&mut self) -> Option<&mut RequestJudge<'a>> {
        self.rules.as_mut()
    }

    /// From now on nothing is allowed.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
    }

    /// Whether the caller may write to any topic at all.
    pub(super) fn allows_any_topic_write(&mut self) -> bool {
        if self.is_closed {
            return false;
        }
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
            ruled: self.rules.map(RequestJudge::into_tally).unwrap_or_default(),
        }
    }
}
