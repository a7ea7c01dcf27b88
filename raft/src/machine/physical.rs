//! Physical clusters that are resources, and the reports of nodes on those that they know. That a Kafka cluster was ever
//! seen as one of them is remembered when it is gone: what is put under the same id later must be the same Kafka cluster.

use crate::codec;
use crate::command::ClusterChange;
use crate::model::{ClusterId, ClusterReports, Limit, NodeId, PhysicalCluster, State};
use crate::outcome::{Outcome, Refusal};

use super::routes;
use super::vclusters::REFERRERS_NAMED;

pub(super) fn carry_out(state: &mut State, change: ClusterChange) -> Result<Outcome, Refusal> {
    match change {
        ClusterChange::Put { id, cluster } => put(state, id, cluster),
        ClusterChange::Adopt { id, cluster } => store(state, id, cluster),
        ClusterChange::Create { id, cluster } => create(state, id, cluster),
        ClusterChange::Delete { id } => delete(state, id),
        ClusterChange::Report { node, reports } => report(state, node, reports),
        ClusterChange::Route(change) => routes::carry_out(state, change),
    }
}

/// How many bytes larger the state may become.
pub(super) fn growth(state: &State, change: &ClusterChange) -> u64 {
    match change {
        ClusterChange::Put { id, cluster }
        | ClusterChange::Create { id, cluster }
        | ClusterChange::Adopt { id, cluster } => {
            let before = state.physical_clusters.get(id).map_or(0, codec::size);
            (codec::size(id) + codec::size(cluster)).saturating_sub(before)
        }
        ClusterChange::Route(change) => codec::size(change),
        // Reports are limited by themselves.
        ClusterChange::Delete { .. } | ClusterChange::Report { .. } => 0,
    }
}

fn put(state: &mut State, id: ClusterId, cluster: PhysicalCluster) -> Result<Outcome, Refusal> {
    match state.configured_at(&id) {
        Some(node) => Err(Refusal::PhysicalClusterConfigured { cluster: id, node }),
        None => store(state, id, cluster),
    }
}

fn store(state: &mut State, id: ClusterId, mut cluster: PhysicalCluster) -> Result<Outcome, Refusal> {
    if codec::size(&cluster) > PhysicalCluster::MAX_BYTES {
        return Err(Refusal::PhysicalClusterTooLarge(id));
    }
    let outcome = match state.physical_clusters.get(&id) {
        Some(known) if known.is_as(&cluster) => return Ok(Outcome::Unchanged),
        Some(known) => {
            cluster.times.created_s = known.times.created_s;
            Outcome::Updated
        }
        None => {
            if !state.pinned_clusters.contains_key(&id) {
                state.check(Limit::PhysicalClusters, 1)?;
            }
            Outcome::Created
        }
    };
    state.physical_clusters.insert(id, cluster);
    Ok(outcome)
}

fn create(state: &mut State, id: ClusterId, cluster: PhysicalCluster) -> Result<Outcome, Refusal> {
    match state.physical_clusters.contains_key(&id) {
        true => Err(Refusal::PhysicalClusterExists(id)),
        false => put(state, id, cluster),
    }
}

/// Refused while a virtual cluster shows something of it, unless nodes have it in their configuration, too: then it goes on
/// there.
fn delete(state: &mut State, id: ClusterId) -> Result<Outcome, Refusal> {
    if !state.physical_clusters.contains_key(&id) {
        return Err(Refusal::NoSuchPhysicalCluster(id));
    }
    let by = users(state, &id).chain(routes_to(state, &id));
    let by: Vec<String> = by.take(REFERRERS_NAMED).collect();
    if !by.is_empty() && !is_configured_everywhere(state, &id) {
        return Err(Refusal::PhysicalClusterInUse { cluster: id, by });
    }
    if state.routes.first_topic_ids.contains_key(&id) {
        state.routes.first_topic_ids.remove(&id);
    }
    state.physical_clusters.remove(&id);
    Ok(Outcome::Deleted)
}

fn is_configured_everywhere(state: &State, id: &ClusterId) -> bool {
    let has_it = |node: &NodeId| {
        let report = state.cluster_reports.get(node).and_then(|of| of.get(id));
        report.is_some_and(|report| report.is_configured)
    };
    !state.nodes.is_empty() && state.nodes.keys().all(has_it)
}

/// The virtual clusters that are on a physical cluster, and the alias topics that stand for topics of it.
fn users<'a>(state: &'a State, id: &'a ClusterId) -> impl Iterator<Item = String> + 'a {
    let reaching = state.vclusters.iter().filter(|(_, own)| own.reaches(id));
    reaching.flat_map(move |(name, own)| {
        let aliases = own
            .aliases
            .iter()
            .filter(|(_, alias)| alias.physical_cluster == *id);
        let mut aliases = aliases
            .map(move |(alias, _)| format!("AliasTopic/{name}/{alias}"))
            .peekable();
        // It is at home there by its aliases, if it has any.
        let itself = aliases.peek().is_none().then(|| format!("VirtualCluster/{name}"));
        itself.into_iter().chain(aliases)
    })
}

/// The routes that lead, or led last, to a physical cluster that stands in for another.
fn routes_to<'a>(state: &'a State, id: &'a ClusterId) -> impl Iterator<Item = String> + 'a {
    let routes = state.routes.by_key.iter();
    let to_it = routes.filter(move |(_, route)| route.target == *id || route.last() == id);
    to_it.map(|(key, _)| match &key.vcluster {
        None => format!("the route of physical cluster {}", key.cluster),
        Some(vcluster) => format!("the route of {vcluster} for physical cluster {}", key.cluster),
    })
}

/// The reports of a node replace those that it made before.
fn report(state: &mut State, id: NodeId, reports: ClusterReports) -> Result<Outcome, Refusal> {
    if !state.nodes.contains_key(&id) {
        return Err(Refusal::NoSuchNode(id.0));
    }
    match state.cluster_reports.get(&id) {
        Some(known) if *known == reports => Ok(Outcome::Unchanged),
        _ => {
            state.cluster_reports.insert(id, reports);
            Ok(Outcome::Updated)
        }
    }
}
