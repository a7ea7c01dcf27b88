//! Quotas hold for all nodes together: they tell each other how much is wanted where, and each lets through its part of what is
//! allowed.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use klamm_raft::NodeDemands;
use klamm_raft::model::{Level, Limits, Liveness, NodeId, Policy, PolicyAction, QuotaHolder, State};

use crate::control::Control;
use crate::quota::{OtherNodes, WantedUse};
use crate::session::Meters;
use crate::supervision::{Component, Supervisor};

/// How often nodes tell each other.
const EVERY: Duration = Duration::from_millis(250);

/// Who was not heard for so long is not known about.
const HEARD_FOR: Duration = Duration::from_secs(2);

/// Shares quotas and limits with the other nodes, for as long as there are some; `limits` are those of virtual clusters that have
/// none of their own.
pub(super) fn keep(meters: Arc<Meters>, limits: &Limits, control: &Control, supervisor: &Supervisor) {
    let (control, are_usual) = (control.clone(), !limits.0.is_empty());
    supervisor.keep(Component::QuotaKeeper, move || {
        follow(Arc::clone(&meters), are_usual, control.clone())
    });
}

async fn follow(meters: Arc<Meters>, are_usual: bool, control: Control) {
    loop {
        tokio::time::sleep(EVERY).await;
        let state = control.state();
        if state.level < Level::QUOTAS || !(are_usual || have_some(&state)) {
            continue;
        }
        let now = Instant::now();
        let demands = meters.demands(now);
        control.tell_demands(demands);
        let others = others(&state, control.status().id);
        let elsewhere = elsewhere(&others, control.heard_demands());
        meters.share(elsewhere.as_ref(), now);
    }
}

/// Whether clients have quotas, virtual clusters limits of what clients do, or policies limit rates.
fn have_some(state: &State) -> bool {
    let has_limits = |limits: &Limits| limits.0.keys().any(|limit| limit.is_of_clients());
    let limits_rate = |policy: &Policy| matches!(policy.action, PolicyAction::LimitRate { .. });
    let mut all = state.vclusters.values();
    let mut own = state.vclusters.values().flat_map(|one| one.policies.values());
    all.any(|one| !one.quotas.is_empty() || has_limits(&one.spec.limits))
        || state.policies.values().any(limits_rate)
        || own.any(limits_rate)
}

/// The other nodes that may serve clients.
fn others(state: &State, own: NodeId) -> BTreeSet<NodeId> {
    let serving = state
        .nodes
        .iter()
        .filter(|(_, node)| node.liveness != Liveness::Down);
    serving.map(|(id, _)| *id).filter(|id| *id != own).collect()
}

/// How much is wanted on the other nodes; none, if one of them was not heard lately.
fn elsewhere(others: &BTreeSet<NodeId>, heard: Vec<NodeDemands>) -> Option<HashMap<QuotaHolder, OtherNodes>> {
    let heard: Vec<NodeDemands> = heard
        .into_iter()
        .filter(|of| of.age < HEARD_FOR && others.contains(&of.node))
        .collect();
    if heard.len() < others.len() {
        return None;
    }
    let mut wanted: HashMap<QuotaHolder, OtherNodes> = HashMap::new();
    for demand in heard.iter().flat_map(|of| of.demands.iter()) {
        wanted.entry(demand.holder.clone()).or_default().add(WantedUse {
            amount: demand.thousandths as f64 / 1e3,
            waits: demand.waits,
        });
    }
    Some(wanted)
}

#[cfg(test)]
mod tests {
    use klamm_raft::model::{QuotaDemand, QuotaKey, QuotaKind};

    use super::*;

    fn holder() -> QuotaHolder {
        QuotaHolder {
            vcluster: "v".parse().unwrap(),
            kind: QuotaKind::Client(QuotaKey::ProducerByteRate),
            user: Some("alice".to_owned()),
            client: None,
            address: None,
        }
    }

    fn of(node: u64, age: Duration, thousandths: u64) -> NodeDemands {
        let demand = QuotaDemand {
            holder: holder(),
            thousandths,
            waits: node == 3,
        };
        NodeDemands {
            node: NodeId(node),
            age,
            demands: [demand].into(),
        }
    }

    #[test]
    fn what_is_wanted_elsewhere_is_known_while_all_are_heard() {
        let others = BTreeSet::from([NodeId(2), NodeId(3)]);
        let fresh = Duration::ZERO;
        let wanted = elsewhere(
            &others,
            vec![of(2, fresh, 5_000), of(3, fresh, 7), of(9, fresh, 100)],
        );
        let expected = OtherNodes {
            used: 5.0,
            waiting: 1,
        };
        assert_eq!(wanted, Some(HashMap::from([(holder(), expected)])));
        assert_eq!(elsewhere(&others, vec![of(2, fresh, 5)]), None);
        assert_eq!(
            elsewhere(&others, vec![of(2, fresh, 5), of(3, HEARD_FOR, 7)]),
            None
        );
        assert_eq!(elsewhere(&BTreeSet::new(), Vec::new()), Some(HashMap::new()));
    }
}
