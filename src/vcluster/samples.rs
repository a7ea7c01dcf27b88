//! Virtual clusters for tests.

use std::collections::{BTreeMap, BTreeSet};

use klamm_raft::model::{
    AliasTopic, Namespace, PortSlot, ProducerMark, Standard, TopicName, VclusterKind, VclusterState,
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
        aliases: aliases.collect::<BTreeMap<_, _>>().into(),
        home: Some("main".parse().unwrap()),
        mark: Some(ProducerMark {
            number: 1,
            of: "main".parse().unwrap(),
        }),
        brokers: BTreeMap::new(),
        ..VclusterState::new(
            VirtualCluster::new(VclusterKind::Partner),
            "virtual".into(),
            PortSlot(0),
        )
    }
}

/// All of `main`, under its own names.
pub(crate) fn passthrough() -> VclusterState {
    let mut state = partner(&[]);
    state.spec.kind = VclusterKind::Passthrough;
    state.mark = None;
    state
}

/// A Standard virtual cluster: what of `main` begins with a prefix, and topics that are let in beside it.
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
