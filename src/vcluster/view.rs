//! The immutable picture of a virtual cluster that sessions read. It is several independent `Arc`s, so that a change of
//! one part does not rebuild the others.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwap;
use klamm_raft::model::{
    AclBinding, ClusterId, NodeId, NodeRecord, Revision, Shared, SigningKey, VclusterKind, VclusterName,
    VclusterState,
};

use super::api::table::Apis;
use super::brokers::Brokers;
use super::rename::{Names, Scope, Sources};
use crate::auth::Directory;
use crate::authz::{AclIndex, IfNoAcl, Principal};
use crate::backend::topology::{Features, Topology};

/// A virtual cluster's current view, shared by its sessions. A session loads it for each request and each answer.
pub type SharedView = Arc<ArcSwap<View>>;

/// A virtual cluster at one revision.
#[derive(Debug, Clone)]
pub struct View {
    pub name: VclusterName,
    pub revision: Revision,
    /// The cluster id that clients see.
    pub kafka_cluster_id: Arc<str>,
    pub acls: Arc<Acls>,
    pub names: Arc<Names>,
    pub brokers: Arc<Brokers>,
    /// The physical cluster that requests go to; none before the first alias.
    pub home: Option<ClusterId>,
    pub apis: Arc<Apis>,
    pub features: Arc<Features>,
    pub directory: Arc<Directory>,
}

/// The ACLs of a virtual cluster, as stored and as compiled.
#[derive(Debug)]
pub struct Acls {
    pub stored: Shared<BTreeSet<AclBinding>>,
    pub index: AclIndex,
    super_users: BTreeSet<Principal>,
    enabled: bool,
}

/// What a view is compiled from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    pub name: &'a VclusterName,
    pub state: &'a VclusterState,
    pub nodes: &'a BTreeMap<NodeId, NodeRecord>,
    /// Of the home cluster; none while it is not known or there is no home.
    pub topology: Option<&'a Topology>,
    pub signing_key: Option<&'a SigningKey>,
    pub revision: Revision,
}

impl View {
    /// Compiles a view, taking over from `previous` every part that did not change.
    pub fn compile(previous: Option<&Self>, source: Source<'_>) -> Self {
        let Source {
            name,
            state,
            nodes,
            topology,
            signing_key,
            revision,
        } = source;
        let no_topics = HashMap::new();
        let topics = topology.map_or(&no_topics, |topology| &topology.topics);
        let features = topology
            .map(|topology| topology.features.clone())
            .unwrap_or_default();
        Self {
            name: name.clone(),
            revision,
            kafka_cluster_id: state.kafka_cluster_id.as_str().into(),
            acls: Acls::compile(previous.map(|view| &view.acls), state),
            names: Names::compile(
                previous.map(|view| &view.names),
                Scope::of(&state.spec.kind),
                Sources {
                    vcluster: name,
                    home: state.home.as_ref(),
                    aliases: &state.aliases,
                    topics,
                },
            ),
            brokers: Brokers::compile(previous.map(|view| &view.brokers), name, state, nodes, topology),
            home: state.home.clone(),
            apis: reuse(previous.map(|view| &view.apis), Apis::compile(topology)),
            features: reuse(previous.map(|view| &view.features), features),
            directory: Directory::compile(previous.map(|view| &view.directory), name, state, signing_key),
        }
    }
}

impl Acls {
    fn compile(previous: Option<&Arc<Self>>, state: &VclusterState) -> Arc<Self> {
        let super_users = state.spec.super_users.iter();
        let super_users: BTreeSet<_> = super_users.map(|name| Principal::user(name.as_str())).collect();
        // A Partner's ACLs are always in force.
        let enabled = state.spec.acl_enabled || state.spec.kind == VclusterKind::Partner;
        match previous {
            Some(previous)
                if previous.enabled == enabled
                    && previous.stored == state.acls
                    && previous.super_users == super_users =>
            {
                Arc::clone(previous)
            }
            _ => Arc::new(Self {
                index: match enabled {
                    true => AclIndex::compile(&state.acls, &super_users, IfNoAcl::Deny),
                    false => AclIndex::disabled(),
                },
                stored: state.acls.clone(),
                super_users,
                enabled,
            }),
        }
    }
}

fn reuse<T: PartialEq>(previous: Option<&Arc<T>>, compiled: T) -> Arc<T> {
    match previous {
        Some(previous) if **previous == compiled => Arc::clone(previous),
        _ => Arc::new(compiled),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use klamm_raft::model::{
        AccountName, AclEntry, Authentication, BrokerKey, BrokerSlot, Operation, PatternType, Permission,
        PortSlot, ResourcePattern, ResourceType, VirtualCluster,
    };

    use super::*;

    fn state() -> VclusterState {
        let admin: AccountName = "admin".parse().unwrap();
        VclusterState {
            spec: VirtualCluster {
                kind: VclusterKind::Partner,
                acl_enabled: true,
                super_users: BTreeSet::from([admin]),
                authentication: Authentication::default(),
                dns_label: None,
            },
            kafka_cluster_id: "virtual".into(),
            aliases: Default::default(),
            accounts: Default::default(),
            tokens: Default::default(),
            scram: Default::default(),
            acls: Default::default(),
            home: Some("main".parse().unwrap()),
            bootstrap: PortSlot(0),
            brokers: BTreeMap::new(),
            next_broker_id: 1,
        }
    }

    fn compile(previous: Option<&View>, state: &VclusterState, topology: Option<&Topology>) -> View {
        let source = Source {
            name: &"v".parse().unwrap(),
            state,
            nodes: &BTreeMap::new(),
            topology,
            signing_key: None,
            revision: Revision(1),
        };
        View::compile(previous, source)
    }

    /// Which parts of `next` are those of `previous`.
    fn kept(previous: &View, next: &View) -> Vec<&'static str> {
        let parts = [
            ("acls", Arc::ptr_eq(&previous.acls, &next.acls)),
            ("names", Arc::ptr_eq(&previous.names, &next.names)),
            ("brokers", Arc::ptr_eq(&previous.brokers, &next.brokers)),
            ("apis", Arc::ptr_eq(&previous.apis, &next.apis)),
            ("features", Arc::ptr_eq(&previous.features, &next.features)),
            ("directory", Arc::ptr_eq(&previous.directory, &next.directory)),
        ];
        parts
            .into_iter()
            .filter(|(_, same)| *same)
            .map(|(name, _)| name)
            .collect()
    }

    #[test]
    fn a_change_rebuilds_only_what_it_touches() {
        let topology = Topology::default();
        let first = compile(None, &state(), Some(&topology));
        let same = compile(Some(&first), &state(), Some(&topology));
        assert_eq!(
            kept(&first, &same),
            ["acls", "names", "brokers", "apis", "features", "directory"]
        );

        let mut granted = state();
        let pattern = ResourcePattern {
            resource_type: ResourceType::Topic,
            name: "t".into(),
            pattern_type: PatternType::Literal,
        };
        let (operation, permission) = (Operation::Read, Permission::Allow);
        let entry = AclEntry {
            principal: "User:a".into(),
            host: "*".into(),
            operation,
            permission,
        };
        granted.acls.insert(AclBinding { pattern, entry });
        let next = compile(Some(&first), &granted, Some(&topology));
        assert_eq!(
            kept(&first, &next),
            ["names", "brokers", "apis", "features", "directory"]
        );

        let mut demoted = state();
        demoted.spec.super_users.clear();
        let next = compile(Some(&first), &demoted, Some(&topology));
        assert_eq!(
            kept(&first, &next),
            ["names", "brokers", "apis", "features", "directory"]
        );

        let mut larger = state();
        let key = BrokerKey {
            cluster: "main".parse().unwrap(),
            physical_id: 7,
        };
        larger.brokers.insert(
            key,
            BrokerSlot {
                virtual_id: 1,
                port: PortSlot(1),
            },
        );
        let next = compile(Some(&first), &larger, Some(&topology));
        assert_eq!(
            kept(&first, &next),
            ["acls", "names", "apis", "features", "directory"]
        );
    }
}
