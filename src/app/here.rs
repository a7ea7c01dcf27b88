//! This node as it sees itself, gathered for the admin API.

use std::collections::BTreeMap;

use klamm_raft::model::{ReportedReach, State};
use klamm_raft::{Lease, Status};

use super::reports;
use super::services::NodeParts;
use crate::admin::{DecidingView, Here, PhysicalState, PhysicalView, UnopenedView};
use crate::backend::Upstreams;
use crate::chain::Chain;
use crate::config::WhenIsolated;
use crate::listener::Addresses;

/// The name of the port of peers, beside the listeners of clients.
const PEERS: &str = "peers";

/// The state of this node now.
pub(super) fn of(parts: &NodeParts) -> Here {
    Here {
        deciding: deciding(&parts.control.lease(), parts.isolated),
        unopened: unopened(&parts.addresses.borrow(), &parts.control.status()),
        physical_clusters: physical_clusters(&parts.upstreams, &parts.control.state()),
        panicked: parts.supervisor.down().iter().map(ToString::to_string).collect(),
        unusable_keys: parts.sources.keys.troubles(),
        unusable_registries: parts.sources.registries.troubles(),
    }
}

/// The grounds on which the node decides requests.
pub(super) fn deciding(lease: &Lease, isolated: WhenIsolated) -> DecidingView {
    match lease.left() {
        None => DecidingView::Freely,
        Some(left) if !left.is_zero() => DecidingView::ByLease,
        Some(_) if lease.holds() => DecidingView::AsAllowed,
        Some(_) if isolated == WhenIsolated::Decide => DecidingView::AsConfigured,
        Some(_) => DecidingView::No,
    }
}

/// Where one port serves all virtual clusters, they are one entry.
fn unopened(addresses: &Addresses, status: &Status) -> Vec<UnopenedView> {
    let mut by_reason: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for (spot, unopened) in &addresses.unopened {
        let reason = Chain(&*unopened.error).to_string();
        let whose = by_reason.entry((spot.listener.to_string(), reason)).or_default();
        let name = unopened.vcluster.to_string();
        if !whose.contains(&name) {
            whose.push(name);
        }
    }
    let views = by_reason
        .into_iter()
        .map(|((listener, reason), virtual_clusters)| UnopenedView {
            listener,
            virtual_clusters,
            reason,
        });
    let of_peers = status.taken_port.map(|address| UnopenedView {
        listener: PEERS.to_owned(),
        virtual_clusters: Vec::new(),
        reason: format!("{address} is taken by another process"),
    });
    views.chain(of_peers).collect()
}

fn physical_clusters(upstreams: &Upstreams, state: &State) -> Vec<PhysicalView> {
    let all = upstreams.all();
    let views = all.iter().map(|(id, upstream)| {
        let stranger = upstream.expected().stranger();
        PhysicalView {
            name: id.to_string(),
            state: match reports::reach(upstream, stranger.as_ref()) {
                ReportedReach::OtherCluster => PhysicalState::OtherCluster,
                ReportedReach::Reachable => PhysicalState::Reachable,
                ReportedReach::Unreachable => PhysicalState::Unreachable,
                ReportedReach::Unknown => PhysicalState::Unknown,
            },
            kafka_cluster_id: state
                .pinned_clusters
                .get(id)
                .map(|pinned| pinned.kafka_cluster_id.clone()),
            answers: stranger.map(|stranger| stranger.found),
        }
    });
    views.collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_node_without_a_lease_decides_only_where_somebody_said_so() {
        let lease = Lease::ended();
        assert_eq!(deciding(&lease, WhenIsolated::Refuse), DecidingView::No);
        assert_eq!(deciding(&lease, WhenIsolated::Decide), DecidingView::AsConfigured);
        lease.allow_for(Duration::from_secs(60));
        assert_eq!(deciding(&lease, WhenIsolated::Refuse), DecidingView::AsAllowed);
        let alone = Lease::unlimited();
        assert_eq!(deciding(&alone, WhenIsolated::Refuse), DecidingView::Freely);
    }
}
