//! The log lines that a client can cause again and again: denials, logins, connections that end badly, brokers that do
//! not answer. Each kind is written when it is met first, and a few times more; of the rest the number is.

use std::fmt::Display;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Instant;

use klamm_raft::model::{Operation, PolicyName, ResourceType, VclusterName};
use tracing::{debug, info, warn};

use crate::authz::{Principal, audited_operation, audited_type};
use crate::fold::{Folded, LeftOut, LineFate};
use crate::metrics::GuardMetrics;

/// A complaint.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Complaint {
    Denied {
        vcluster: VclusterName,
        principal: Principal,
        operation: Operation,
        resource_type: ResourceType,
    },
    /// Records, by a policy; by none where their batch cannot be judged.
    RefusedRecords {
        vcluster: VclusterName,
        principal: Principal,
        policy: Option<PolicyName>,
    },
    /// Something that a request asks, by a policy.
    RefusedRequest {
        vcluster: VclusterName,
        principal: Principal,
        policy: PolicyName,
    },
    /// A policy looked at a request or at records, with this outcome.
    PolicyTookEffect {
        vcluster: VclusterName,
        principal: Principal,
        policy: PolicyName,
        outcome: &'static str,
    },
    /// A login that succeeded.
    LoggedIn {
        vcluster: VclusterName,
        principal: Principal,
    },
    /// A login, for a reason of a closed set.
    Refused {
        vcluster: VclusterName,
        reason: &'static str,
    },
    /// A connection, for a reason of a closed set.
    Closed {
        vcluster: VclusterName,
        reason: &'static str,
    },
    /// A broker, or whatever else answers for a physical cluster.
    Upstream { whom: String, what: &'static str },
}

/// The complaints of all sessions of a node.
#[derive(Debug)]
pub(super) struct Complaints(Folded<Complaint>);

impl Complaints {
    pub(super) fn new(metrics: &GuardMetrics) -> Self {
        Self(Folded::new(metrics.log_lines_left_out.clone()))
    }

    /// Whether a line is to be written; otherwise it is counted. `line` tells it from others of its kind.
    pub(super) fn may_write(self: &Arc<Self>, now: Instant, kind: &Complaint, line: impl Hash) -> bool {
        match self.0.judge(now, kind, line) {
            LineFate::Write => true,
            LineFate::LeaveOut => false,
            LineFate::LeaveOutFirst => {
                let complaints = Arc::clone(self);
                tokio::spawn(async move {
                    tokio::time::sleep(Folded::<Complaint>::WINDOW).await;
                    complaints.0.settle().into_iter().for_each(report);
                });
                false
            }
        }
    }

    /// Says what is wrong with a broker, unless that was said often enough. `whom` is where it is, or what it serves.
    pub(super) fn of_upstream(self: &Arc<Self>, whom: impl Display, what: &'static str, why: impl Display) {
        let kind = Complaint::Upstream {
            whom: whom.to_string(),
            what,
        };
        if self.may_write(Instant::now(), &kind, why.to_string()) {
            warn!(%whom, error = %why, "upstream: {what}");
        }
    }
}

fn report(LeftOut { kind, lines }: LeftOut<Complaint>) {
    let within = Folded::<Complaint>::WINDOW.as_secs();
    match kind {
        Some(Complaint::Denied {
            vcluster,
            principal,
            operation,
            resource_type,
        }) => info!(
            target: "klamm::audit",
            event = "denied", %vcluster, lines,
            "Principal = {principal} is Denied operation = {} on resources of type {}: {lines} more within {within} s",
            audited_operation(operation), audited_type(resource_type),
        ),
        Some(Complaint::RefusedRecords {
            vcluster,
            principal,
            policy,
        }) => info!(
            target: "klamm::audit",
            event = "records_refused", %vcluster, %principal, policy = policy.as_ref().map(PolicyName::as_str), lines,
            "records of {lines} more partitions were refused within {within} s",
        ),
        Some(Complaint::PolicyTookEffect {
            vcluster,
            principal,
            policy,
            outcome,
        }) => debug!(
            target: "klamm::policies",
            event = "policy", %vcluster, %principal, %policy, outcome, lines,
            "the policy did so {lines} times more within {within} s",
        ),
        Some(Complaint::RefusedRequest {
            vcluster,
            principal,
            policy,
        }) => info!(
            target: "klamm::audit",
            event = "request_refused", %vcluster, %principal, %policy, lines,
            "a policy refused {lines} more within {within} s",
        ),
        Some(Complaint::LoggedIn { vcluster, principal }) => info!(
            target: "klamm::audit",
            event = "login", %vcluster, %principal, lines,
            "{lines} more logins within {within} s",
        ),
        Some(Complaint::Upstream { whom, what }) => warn!(
            %whom, lines,
            "upstream: {what}: {lines} more within {within} s",
        ),
        Some(Complaint::Refused { vcluster, reason }) => warn!(
            target: "klamm::audit",
            event = "login_refused", %vcluster, kind = reason, lines,
            "{lines} more logins were refused for this reason within {within} s",
        ),
        Some(Complaint::Closed { vcluster, reason }) => warn!(
            %vcluster, reason, lines,
            "{lines} more sessions were closed for this reason within {within} s",
        ),
        None => warn!(
            target: "klamm::audit",
            event = "left_out", lines,
            "{lines} lines of too many kinds were left out within {within} s",
        ),
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;
    use crate::metrics::Metrics;
    use crate::session::testing::Log;

    #[tokio::test(start_paused = true)]
    async fn what_was_left_out_is_told_once_the_time_is_over() {
        let (log, _guard) = Log::start(Level::INFO);
        let complaints = Arc::new(Complaints::new(&Metrics::new().unwrap().node.guards));
        let denied = Complaint::Denied {
            vcluster: "tenant".parse().unwrap(),
            principal: Principal::user("eve"),
            operation: Operation::Write,
            resource_type: ResourceType::Topic,
        };
        let now = Instant::now();
        let written = (0..100).filter(|topic| complaints.may_write(now, &denied, topic));
        assert_eq!(written.count(), 10);
        let closed = Complaint::Closed {
            vcluster: "tenant".parse().unwrap(),
            reason: "login_timeout",
        };
        assert!(complaints.may_write(now, &closed, 1));
        assert!(!complaints.may_write(now, &closed, 1));
        let logged_in = Complaint::LoggedIn {
            vcluster: "tenant".parse().unwrap(),
            principal: Principal::user("eve"),
        };
        let written = (0..100).filter(|_| complaints.may_write(now, &logged_in, "192.0.2.1"));
        assert_eq!(written.count(), 1);
        for _ in 0..100 {
            complaints.of_upstream("main broker 1", "no connection", "refused");
        }
        tokio::time::sleep(2 * Folded::<Complaint>::WINDOW).await;
        let told = log.text();
        assert_eq!(told.lines().count(), 5, "{told}");
        for part in [
            "upstream: no connection whom=main broker 1 error=refused",
            "upstream: no connection: 99 more within 10 s",
            "99 more logins within 10 s",
            "Principal = User:eve is Denied operation = WRITE on resources of type Topic: 90 more within 10 s",
            "1 more sessions were closed for this reason within 10 s",
            "login_timeout",
        ] {
            assert!(told.contains(part), "{told}");
        }
    }
}
