//! Quotas hold for all nodes together: they tell each other how much is wanted where, and each lets through its part of what is
//! allowed.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use klamm_raft::NodeDemands;
use klamm_raft::model::{Level, Liveness, NodeId, QuotaHolder, State};

use crate::control::Control;
use crate::quota::{OtherNodes, WantedUse};
use crate::session::Meters;
use crate::supervision::{Component, Supervisor};

/// How often nodes tell each other.
const EVERY: Duration = Duration::from_millis(250);

/// Who was not heard for so long is not known about.
const HEARD_FOR: Duration = Duration::from_secs(2);

/// Shares quotas with the other nodes, for as long as there are some.
pub(super) fn keep(meters: Arc<Meters>, control: &Control, supervisor: &Supervisor) {
    let control = control.clone();
    supervisor.keep(Component::QuotaKeeper, move || {
        follow(Arc::clone(&meters), control.clone())
    });
}

async fn follow(meters: Arc<Meters>, control: Control) {
    loop {
        tokio::time::sleep(EVERY).await;
        let state = control.state();
        let have_some = |state: &State| state.vclusters.values().any(|one| !one.quotas.is_empty());
        if state.level < Level::QUOTAS || !have_some(&state) {
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
    use klamm_raft::model::{QuotaDemand, QuotaKey};

    use super::*;

    fn holder() -> QuotaHolder {
        QuotaHolder {
            vcluster: "v".parse().unwrap(),
            key: QuotaKey::ProducerByteRate,
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
