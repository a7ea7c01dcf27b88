//! The parts of the small virtual cluster: its state, its physical clusters, and what a view of it is compiled from.

use super::*;
use klamm_raft::model::{AccountGroup, ClusterId, FirstTopicIds, GroupName, Policy, PolicyId, Shared};

pub(super) fn state() -> VclusterState {
    let alias = |physical: &str| AliasTopic {
        physical_cluster: "main".parse().unwrap(),
        physical_name: physical.parse().unwrap(),
    };
    let aliases = [
        ("orders", "int-orders"),
        ("bills", "int-bills"),
        ("ghost", "int-ghost"),
    ];
    let broker = |physical_id| BrokerKey {
        cluster: "main".parse().unwrap(),
        physical_id,
    };
    let slot = |virtual_id| BrokerSlot {
        virtual_id,
        port: PortSlot(u16::try_from(virtual_id).unwrap()),
    };
    VclusterState {
        aliases: BTreeMap::from(aliases.map(|(name, physical)| (name.parse().unwrap(), alias(physical))))
            .into(),
        home: Some("main".parse().unwrap()),
        mark: Some(ProducerMark {
            number: MARK,
            of: "main".parse().unwrap(),
        }),
        brokers: BTreeMap::from([(broker(101), slot(1)), (broker(102), slot(2))]),
        next_broker_id: 3,
        ..VclusterState::new(
            VirtualCluster {
                super_users: BTreeSet::from(["admin".parse().unwrap()]),
                ..VirtualCluster::new(VclusterKind::Partner)
            },
            "virtualClusterId".into(),
            PortSlot(0),
        )
    }
}

pub(super) fn topic(id: [u8; 16], partitions: u32) -> PhysicalTopic {
    PhysicalTopic { id, partitions }
}

pub(super) fn topology() -> Topology {
    let broker = |id: i32| {
        let host = format!("b{id}.broker.internal");
        (
            id,
            Broker {
                host,
                port: 9092,
                rack: Some("rack".to_owned()),
            },
        )
    };
    let topics = ["int-orders", "int-bills"].map(|name| {
        let id = *physical_id(name).as_bytes();
        (name.parse().unwrap(), topic(id, 2))
    });
    Topology {
        kafka_cluster_id: "physicalClusterId".into(),
        controller: Some(102),
        brokers: [101, 102, 103].map(broker).into(),
        topics: Arc::new(BTreeMap::from(topics)),
        apis: ApiRanges((0..100).map(|key| (key, (0, 100))).collect()),
        features: Features {
            supported: Vec::new(),
            finalized: vec![
                ("metadata.version".into(), 1, 27),
                ("group.version".into(), 0, 1),
                ("transaction.version".into(), 0, 2),
            ],
            finalized_epoch: 7,
            zk_migration_ready: false,
        },
        ..Topology::default()
    }
}

pub(super) fn source<'a>(state: &'a VclusterState, topologies: &'a Topologies) -> Source<'a> {
    use std::sync::OnceLock;
    static NAME: OnceLock<VclusterName> = OnceLock::new();
    static POLICIES: OnceLock<Shared<BTreeMap<PolicyId, Policy>>> = OnceLock::new();
    static GROUPS: OnceLock<BTreeMap<GroupName, AccountGroup>> = OnceLock::new();
    static VCLUSTERS: OnceLock<BTreeMap<VclusterName, Arc<VclusterState>>> = OnceLock::new();
    static NODES: OnceLock<BTreeMap<NodeId, NodeRecord>> = OnceLock::new();
    static UNHEARD: BTreeSet<NodeId> = BTreeSet::new();
    static FIRST_IDS: BTreeMap<ClusterId, Shared<FirstTopicIds>> = BTreeMap::new();
    let node = NodeRecord::with_ports("gateway", 7000, 100);
    Source {
        name: NAME.get_or_init(|| "partner".parse().unwrap()),
        state,
        vclusters: VCLUSTERS.get_or_init(BTreeMap::new),
        nodes: NODES.get_or_init(|| BTreeMap::from([(NodeId(1), node)])),
        unheard: &UNHEARD,
        first_topic_ids: &FIRST_IDS,
        topologies,
        signing_keys: None,
        policies: POLICIES.get_or_init(Shared::default),
        groups: GROUPS.get_or_init(BTreeMap::new),
        revision: Revision(1),
        route: crate::vcluster::view::RouteSight::default(),
    }
}
