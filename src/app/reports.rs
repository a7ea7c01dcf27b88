//! Tells the other nodes which physical clusters this one knows and how it reaches them, so that each node can say it of all.

use std::collections::BTreeSet;
use std::time::Duration;

use klamm_raft::command::{ClusterChange, Command};
use klamm_raft::model::{ClusterReport, ClusterReports, Level, NodeId, ReportedReach};

use crate::backend::{OtherCluster, Reach, Upstream, Upstreams};
use crate::control::Control;
use crate::supervision::{Component, Supervisor};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// After a report, also after one that could not be made: what comes and goes is told seldom.
const PAUSE: Duration = Duration::from_secs(5);

/// The most characters of a fault that are told.
const MAX_FAULT_CHARS: usize = 300;

/// Follows the physical clusters of this node, and what the others were told of them.
pub(crate) fn announce(id: NodeId, upstreams: &Upstreams, control: &Control, supervisor: &Supervisor) {
    let (upstreams, control) = (upstreams.clone(), control.clone());
    supervisor.keep(Component::Reporter, move || {
        follow(id, upstreams.clone(), control.clone())
    });
}

async fn follow(id: NodeId, upstreams: Upstreams, control: Control) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let state = control.state();
        if state.level < Level::PHYSICAL_CLUSTERS || !state.nodes.contains_key(&id) {
            continue;
        }
        let reports = of(&upstreams);
        if state.cluster_reports.get(&id) != Some(&reports) {
            // What did not come to be is still another than was told.
            let change = ClusterChange::Report { node: id, reports };
            let _ = control
                .propose_own(Command::PhysicalCluster(Box::new(change)))
                .await;
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// The physical clusters as this node sees them now.
pub(crate) fn of(upstreams: &Upstreams) -> ClusterReports {
    let all = upstreams.all();
    all.iter()
        .map(|(id, upstream)| (id.clone(), report(upstream)))
        .collect()
}

/// How a physical cluster is reached, where another Kafka cluster counts as none.
pub(super) fn reach(upstream: &Upstream, stranger: Option<&OtherCluster>) -> ReportedReach {
    match (stranger, *upstream.picture.reach.borrow()) {
        (Some(_), _) => ReportedReach::OtherCluster,
        (None, Reach::Reachable) => ReportedReach::Reachable,
        (None, Reach::Unreachable(_)) => ReportedReach::Unreachable,
        (None, Reach::Unknown) => ReportedReach::Unknown,
    }
}

fn report(upstream: &Upstream) -> ClusterReport {
    let stranger = upstream.expected().stranger();
    let reach = reach(upstream, stranger.as_ref());
    let last = || upstream.picture.fault.load().as_deref().cloned();
    let fault = match (&stranger, reach) {
        (Some(stranger), _) => Some(stranger.to_string()),
        (None, ReportedReach::Unreachable) => last(),
        (None, _) => None,
    };
    let brokers = upstream
        .picture
        .topology
        .borrow()
        .as_ref()
        .map(|seen| seen.brokers.len());
    ClusterReport {
        is_configured: upstream.is_configured,
        reach,
        brokers: brokers
            .and_then(|count| u32::try_from(count).ok())
            .unwrap_or_default(),
        fault: fault.map(|fault| fault.chars().take(MAX_FAULT_CHARS).collect()),
        missing: BTreeSet::clone(&upstream.missing),
        stands_in_for: upstream.stands_in_for.clone(),
    }
}
