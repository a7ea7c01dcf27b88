//! Tells of what policies did with a request: counts it, tells the audit log what was refused, and, to whoever asks for it
//! (`klamm::policies=debug`), which policies looked at which request and what came of it. Lines are folded as others are, and
//! nothing of a record or of what a client asks is in them but names.

use std::fmt::Display;
use std::hash::Hash;

use klamm_raft::model::PolicyName;
use tracing::{Level, debug, enabled, info};

use super::Session;
use super::complaints::Complaint;
use super::pipeline::RequestHead;
use crate::authz::Rule;
use crate::policy::{RefusedItem, RequestTally};
use crate::vcluster::api::Basis;
use crate::vcluster::plan::{Caller, Plan};
use crate::vcluster::record_work::{PartitionName, PartitionRefusal, PolicyWork, RecordResults};
use crate::vcluster::view::View;
use crate::wire;

/// The target of lines about each request that policies look at.
const TARGET: &str = "klamm::policies";

/// Whether anybody wants to know of each request.
fn is_asked_for() -> bool {
    enabled!(target: TARGET, Level::DEBUG)
}

impl Session {
    /// Tells of what policies did with the items of a request.
    pub(super) fn tell_of_rules(&self, caller: &Caller, ruled: &RequestTally, head: RequestHead) {
        let metrics = &self.setup.door.metrics;
        for (policy, outcomes) in ruled.outcomes() {
            metrics.policies.of(policy).ruled(outcomes);
            self.tell_of_effect(caller, (policy, outcomes.strongest(), outcomes), head);
        }
        for RefusedItem { policy, item, why } in ruled.refused() {
            let (vcluster, principal, peer) = (metrics.name(), &caller.principal, self.setup.peer);
            let kind = Complaint::RefusedRequest {
                vcluster: vcluster.clone(),
                principal: principal.clone(),
                policy: policy.clone(),
            };
            if self.may_write(&kind, item) {
                info!(
                    target: "klamm::audit",
                    event = "request_refused", %vcluster, %peer, %principal, %policy, item,
                    "a policy refused it: {why}",
                );
            }
        }
    }

    /// Tells which policy brought the right by which a request goes to a broker, if one did: the first right of those that the
    /// request needs.
    pub(super) fn tell_of_right(&self, view: &View, caller: &Caller, plan: &Plan, head: RequestHead) {
        if view.acls.brought.is_empty() || !is_asked_for() {
            return;
        }
        let Plan::Forward(forward) = plan else { return };
        if let Basis::Rule(Rule::Acl(acl)) = forward.request.permit().basis()
            && let Some(policy) = view.acls.brought_by(acl)
        {
            self.tell_of_effect(caller, (policy, "allowed", &"allowed"), head);
        }
    }

    /// Tells of what policies did with records of a request, or of its answer.
    pub(super) fn tell_of_policies(&self, results: &RecordResults, head: RequestHead) {
        let metrics = &self.setup.door.metrics;
        for PolicyWork {
            policy,
            outcomes,
            load,
        } in results.policy_work()
        {
            metrics.policies.of(policy).judged(outcomes, load);
            if let Some(caller) = &self.caller {
                self.tell_of_effect(caller, (policy, outcomes.strongest(), outcomes), head);
            }
        }
        let Some(caller) = &self.caller else { return };
        let (vcluster, principal, peer) = (metrics.name(), &caller.principal, self.setup.peer);
        for PartitionRefusal {
            partition,
            policy,
            why,
        } in results.refusals()
        {
            let kind = Complaint::RefusedRecords {
                vcluster: vcluster.clone(),
                principal: principal.clone(),
                policy: policy.clone(),
            };
            let PartitionName { topic, index } = partition;
            if self.may_write(&kind, (topic, index)) {
                let policy = policy.as_ref().map(PolicyName::as_str);
                info!(
                    target: "klamm::audit",
                    event = "records_refused", %vcluster, %peer, %principal, policy, topic, partition = index,
                    "records were refused: {why}",
                );
            }
        }
    }

    /// Tells which policy looked at a request or at records, and what came of it.
    fn tell_of_effect(
        &self,
        caller: &Caller,
        (policy, strongest, outcomes): (&PolicyName, &'static str, &dyn Display),
        head: RequestHead,
    ) {
        if !is_asked_for() {
            return;
        }
        let (vcluster, principal) = (self.setup.door.metrics.name(), &caller.principal);
        let kind = Complaint::PolicyTookEffect {
            vcluster: vcluster.clone(),
            principal: principal.clone(),
            policy: policy.clone(),
            outcome: strongest,
        };
        let (peer, correlation_id) = (self.setup.peer, head.correlation_id);
        if self.may_write(&kind, (peer, correlation_id)) {
            let request = wire::api_name(head.api_key).unwrap_or("unknown");
            debug!(
                target: TARGET,
                event = "policy", %vcluster, %peer, %principal, %policy, request, correlation_id,
                "{outcomes}",
            );
        }
    }

    fn may_write(&self, kind: &Complaint, line: impl Hash) -> bool {
        self.setup.shared.complaints.may_write(self.now, kind, line)
    }
}
