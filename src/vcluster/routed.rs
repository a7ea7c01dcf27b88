//! A virtual cluster as its routes lead it: where another physical cluster stands in for one, everything that it has there is
//! looked for on the other. Nothing else needs to know of routes.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use klamm_raft::model::{ClusterId, ClusterRoutes, VclusterKind, VclusterName, VclusterState};

/// A virtual cluster on the physical clusters that serve it.
#[derive(Debug)]
pub struct Routed<'a> {
    pub own: Cow<'a, VclusterState>,
    /// Whether requests go nowhere now.
    pub is_fenced: bool,
    /// Which physical cluster serves for each that it reaches; where it is fenced, which did.
    pub served_by: BTreeMap<ClusterId, ClusterId>,
    /// When the last switch of any of them came to where it is, in seconds since the Unix epoch, as far as is on record.
    pub switched_at_s: Option<u64>,
    /// Whether the home was ever switched, as far as is on record.
    pub is_home_switched: bool,
    /// The number of the last switch; 0 before the first one.
    pub generation: u32,
}

impl<'a> Routed<'a> {
    /// As the routes lead it.
    pub fn by(name: &VclusterName, own: &'a VclusterState, routes: &ClusterRoutes) -> Self {
        let mut routed = Self {
            own: Cow::Borrowed(own),
            is_fenced: routes.are_fenced(name, own),
            served_by: BTreeMap::new(),
            switched_at_s: None,
            generation: routes.switched.get(name).copied().unwrap_or_default(),
            is_home_switched: own
                .home
                .as_ref()
                .is_some_and(|home| routes.of(name, home).is_some()),
        };
        for cluster in own.reached() {
            let Some(route) = routes.of(name, cluster) else {
                routed.served_by.insert(cluster.clone(), cluster.clone());
                continue;
            };
            routed.switched_at_s = routed.switched_at_s.max(Some(route.at_s));
            routed.served_by.insert(cluster.clone(), route.last().clone());
            if route.last() != cluster {
                relocate(routed.own.to_mut(), cluster, route.last());
            }
        }
        let elsewhere = |own: &VclusterState| own.brokers.keys().any(|key| !own.reaches(&key.cluster));
        if elsewhere(&routed.own) {
            let own = routed.own.to_mut();
            let reached: BTreeSet<ClusterId> = own.reached().into_iter().cloned().collect();
            own.brokers.retain(|key, _| reached.contains(&key.cluster));
        }
        routed
    }
}

/// Has everything on another physical cluster.
fn relocate(own: &mut VclusterState, from: &ClusterId, to: &ClusterId) {
    if own.home.as_ref() == Some(from) {
        own.home = Some(to.clone());
    }
    if own.aliases.values().any(|alias| alias.physical_cluster == *from) {
        for alias in own.aliases.values_mut() {
            if alias.physical_cluster == *from {
                alias.physical_cluster = to.clone();
            }
        }
    }
    if matches!(&own.spec.kind, VclusterKind::Standard(standard) if standard.backend == *from)
        && let VclusterKind::Standard(standard) = &mut own.spec.kind
    {
        standard.backend = to.clone();
    }
}

#[cfg(test)]
mod tests {
    use klamm_raft::model::{BrokerKey, BrokerSlot, ClusterRoute, PortSlot, RouteKey, RoutePhase};

    use super::*;
    use crate::vcluster::samples;

    fn cluster(name: &str) -> ClusterId {
        name.parse().unwrap()
    }

    fn routes(target: &str, phase: RoutePhase, vcluster: Option<&str>) -> ClusterRoutes {
        let key = RouteKey {
            cluster: cluster("main"),
            vcluster: vcluster.map(|name| name.parse().unwrap()),
        };
        let route = ClusterRoute {
            generation: 1,
            target: cluster(target),
            phase,
            at_s: 7,
        };
        ClusterRoutes {
            by_key: BTreeMap::from([(key, route)]),
            last_generation: 1,
            ..ClusterRoutes::default()
        }
    }

    fn fenced(from: &str) -> RoutePhase {
        RoutePhase::Fenced {
            from: cluster(from),
            stays: false,
            drained: BTreeSet::new(),
        }
    }

    fn own() -> VclusterState {
        let mut own = samples::partner(&[("a", "main", "a-physical"), ("b", "east", "b-physical")]);
        for (at, (of, physical_id)) in [("main", 1), ("east", 1), ("spare", 7)].into_iter().enumerate() {
            let key = BrokerKey {
                cluster: cluster(of),
                physical_id,
            };
            let slot = BrokerSlot {
                virtual_id: i32::try_from(at).unwrap(),
                port: PortSlot(u16::try_from(at).unwrap()),
            };
            own.brokers.insert(key, slot);
        }
        own
    }

    fn seen(routed: &Routed<'_>) -> (Vec<String>, Vec<String>) {
        let aliases = routed.own.aliases.values();
        let brokers = routed.own.brokers.keys();
        (
            aliases.map(|alias| alias.physical_cluster.to_string()).collect(),
            brokers.map(|key| key.cluster.to_string()).collect(),
        )
    }

    fn texts(all: &[&str]) -> Vec<String> {
        all.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn what_is_switched_is_looked_for_on_the_other_cluster_and_nothing_else() {
        let (name, own) = ("v".parse().unwrap(), own());
        let routed = Routed::by(&name, &own, &routes("spare", RoutePhase::Open, None));
        assert_eq!(
            seen(&routed),
            (texts(&["spare", "east"]), texts(&["east", "spare"]))
        );
        assert_eq!(routed.own.home, Some(cluster("spare")));
        assert!(routed.is_home_switched && !routed.is_fenced);
        assert_eq!(routed.switched_at_s, Some(7));
        let others = routes("spare", RoutePhase::Open, Some("w"));
        let routed = Routed::by(&name, &own, &others);
        assert_eq!(
            seen(&routed),
            (texts(&["main", "east"]), texts(&["east", "main"]))
        );
        assert_eq!((routed.switched_at_s, routed.is_home_switched), (None, false));
    }

    #[test]
    fn while_it_is_fenced_it_shows_what_it_showed() {
        let (name, own) = ("v".parse().unwrap(), own());
        let there = Routed::by(&name, &own, &routes("spare", fenced("main"), Some("v")));
        assert!(there.is_fenced);
        assert_eq!(seen(&there).0, texts(&["main", "east"]));
        let back = Routed::by(&name, &own, &routes("main", fenced("spare"), None));
        assert!(back.is_fenced);
        assert_eq!(seen(&back).0, texts(&["spare", "east"]));
        let served_by = [("east", "east"), ("main", "spare")].map(|(of, by)| (cluster(of), cluster(by)));
        assert_eq!(back.served_by, served_by.into());
    }
}
