//! Virtual clusters for tests.

use std::collections::{BTreeMap, BTreeSet};

use klamm_raft::model::{
    AliasTopic, Authentication, Namespace, PortSlot, Standard, TopicName, VclusterKind, VclusterState,
    VirtualCluster,
};

/// A Partner at home on `main`, with aliases: name, physical cluster and physical name. It has nothing else.
pub(crate) fn partner(aliases: &[(&str, &str, &str)]) -> VclusterState {
    let aliases = aliases.iter().map(|(name, cluster, physical_name)| {
        let name: TopicName = name.parse().unwrap();
        let alias = AliasTopic {
            physical_cluster: cluster.parse().unwrap(),
            physical_name: physical_name.parse().unwrap(),
        };
        (name, alias)
    });
    VclusterState {
        spec: VirtualCluster {
            kind: VclusterKind::Partner,
            acl_enabled: true,
            acl_mode: None,
            super_users: BTreeSet::new(),
            authentication: Authentication::default(),
            dns_label: None,
            limits: Default::default(),
        }
        .into(),
        kafka_cluster_id: "virtual".into(),
        aliases: aliases.collect::<BTreeMap<_, _>>().into(),
        accounts: Default::default(),
        tokens: Default::default(),
        scram: Default::default(),
        acls: Default::default(),
        home: Some("main".parse().unwrap()),
        bootstrap: PortSlot(0),
        brokers: BTreeMap::new(),
        next_broker_id: 1,
        holders: Default::default(),

        notes: Default::default(),
        times: Default::default(),
    }
}

/// All of `main`, under its own names.
pub(crate) fn passthrough() -> VclusterState {
    let mut state = partner(&[]);
    state.spec.kind = VclusterKind::Passthrough;
    state
}

/// What of `main` begins with a prefix, and topics that are let in beside it.
pub(crate) fn standard(prefix: &str, topics: &[&str]) -> VclusterState {
    let mut state = partner(&[]);
    state.spec.kind = VclusterKind::Standard(Standard {
        backend: "main".parse().unwrap(),
        namespace: Namespace::HidePrefix(prefix.parse().unwrap()),
        topics: topics.iter().map(|selector| selector.parse().unwrap()).collect(),
        groups: BTreeSet::new(),
    });
    state
}
