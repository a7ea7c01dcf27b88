//! Physical clusters that are resources: none that somebody uses goes, and none is put that a node has configured.

use super::*;
use crate::codec::tests::level_2::physical_cluster;
use crate::command::ClusterChange;
use crate::model::{ClusterReport, OverLimit, PhysicalCluster};

fn at(servers: &str) -> PhysicalCluster {
    let mut cluster = physical_cluster();
    let name = "bootstrap.servers".to_owned();
    cluster.properties.insert(name, servers.to_owned());
    cluster
}

fn of(change: ClusterChange) -> Command {
    Command::PhysicalCluster(Box::new(change))
}

fn put_cluster(id: &str, servers: &str) -> Command {
    of(ClusterChange::Put {
        id: id.parse().unwrap(),
        cluster: at(servers),
    })
}

fn create_cluster(id: &str) -> Command {
    of(ClusterChange::Create {
        id: id.parse().unwrap(),
        cluster: at("a:1"),
    })
}

fn drop_cluster(id: &str) -> Command {
    of(ClusterChange::Delete {
        id: id.parse().unwrap(),
    })
}

/// A node says that it has these in its configuration.
fn configured_at(node: u64, ids: &[&str]) -> Command {
    let report = |id: &&str| {
        let report = ClusterReport {
            is_configured: true,
            ..ClusterReport::default()
        };
        (id.parse().unwrap(), report)
    };
    of(ClusterChange::Report {
        node: NodeId(node),
        reports: ids.iter().map(report).collect(),
    })
}

/// At level 2, with a node and a virtual cluster.
fn machine() -> Machine {
    let mut machine = Machine::default();
    machine.run(node(1, 100));
    machine.run(put("one"));
    machine
}

pub(super) fn any_command() -> impl Strategy<Value = Command> {
    let id = prop::sample::select(vec!["main", "other", "OTHER"]);
    (id, 0..4_u64).prop_map(|(id, what)| match what {
        0 => put_cluster(id, "a:1"),
        1 => create_cluster(id),
        2 => drop_cluster(id),
        node => configured_at(node - 2, &[id]),
    })
}

/// Only nodes that there are have said something.
pub(super) fn check(state: &State) {
    for node in state.cluster_reports.keys() {
        assert!(state.nodes.contains_key(node), "{node}");
    }
}

#[test]
fn one_is_created_changed_and_deleted() {
    let mut machine = machine();
    assert_eq!(machine.run(put_cluster("east", "a:1")), Outcome::Created);
    assert_eq!(machine.run(put_cluster("EAST", "a:1")), Outcome::Unchanged);
    let mut later = at("b:1");
    later.times.created_s += 7;
    later.times.updated_s += 7;
    let changed = of(ClusterChange::Put {
        id: "east".parse().unwrap(),
        cluster: later.clone(),
    });
    assert_eq!(machine.run(changed), Outcome::Updated);
    later.times.created_s -= 7;
    assert_eq!(
        machine.state.physical_clusters[&"east".parse::<ClusterId>().unwrap()],
        later
    );
    assert_eq!(
        machine.refusal(create_cluster("East")),
        Refusal::PhysicalClusterExists("east".parse().unwrap())
    );
    assert_eq!(machine.run(drop_cluster("east")), Outcome::Deleted);
    assert_eq!(
        machine.refusal(drop_cluster("east")),
        Refusal::NoSuchPhysicalCluster("east".parse().unwrap())
    );
}

#[test]
fn one_that_is_used_stays() {
    let mut machine = machine();
    machine.run(put_cluster("east", "a:1"));
    machine.run(alias("one", "t1", "East", "p"));
    let in_use = |by: &str| Refusal::PhysicalClusterInUse {
        cluster: "east".parse().unwrap(),
        by: vec![by.to_owned()],
    };
    assert_eq!(machine.refusal(drop_cluster("east")), in_use("AliasTopic/one/t1"));
    machine.run(unalias("one", "t1"));
    let Command::PutVcluster { name, mut spec, .. } = hiding("two", "p-") else {
        panic!("not a virtual cluster")
    };
    if let VclusterKind::Standard(standard) = &mut spec.kind {
        standard.backend = "east".parse().unwrap();
    }
    machine.run(Command::PutVcluster {
        name,
        spec,
        kafka_cluster_id: "two".to_owned(),
        at_s: 0,
        beside: None,
    });
    assert_eq!(
        machine.refusal(drop_cluster("east")),
        in_use("VirtualCluster/two")
    );
    machine.run(configured_at(1, &["east"]));
    assert_eq!(
        machine.run(drop_cluster("east")),
        Outcome::Deleted,
        "every node goes on with its own"
    );
}

#[test]
fn what_a_node_has_in_its_configuration_is_adopted() {
    let mut machine = machine();
    machine.run(configured_at(1, &["east"]));
    let adopt = |address| {
        of(ClusterChange::Adopt {
            id: "east".parse().unwrap(),
            cluster: at(address),
        })
    };
    assert_eq!(machine.run(adopt("a:1")), Outcome::Created);
    assert_eq!(machine.run(adopt("a:1")), Outcome::Unchanged);
    assert_eq!(machine.run(adopt("b:1")), Outcome::Updated);
    assert!(matches!(
        machine.refusal(put_cluster("east", "c:1")),
        Refusal::PhysicalClusterConfigured { .. }
    ));
    // As of any other one, its properties can be changed once no node has it by itself.
    machine.run(configured_at(1, &[]));
    assert_eq!(machine.run(put_cluster("east", "c:1")), Outcome::Updated);
}

#[test]
fn what_a_node_has_in_its_configuration_is_not_put() {
    let mut machine = machine();
    assert_eq!(machine.run(configured_at(1, &["main"])), Outcome::Updated);
    assert_eq!(machine.run(configured_at(1, &["main"])), Outcome::Unchanged);
    let refused = Refusal::PhysicalClusterConfigured {
        cluster: "MAIN".parse().unwrap(),
        node: NodeId(1),
    };
    assert_eq!(machine.refusal(put_cluster("MAIN", "a:1")), refused);
    machine.run(configured_at(1, &[]));
    assert_eq!(machine.run(put_cluster("main", "a:1")), Outcome::Created);
    assert_eq!(
        machine.refusal(configured_at(7, &[])),
        Refusal::NoSuchNode(7),
        "nobody knows that node"
    );
}

#[test]
fn neither_their_number_nor_their_size_is_without_an_end() {
    let mut machine = machine();
    let most = Limit::PhysicalClusters.most();
    for n in 0..most {
        machine
            .state
            .physical_clusters
            .insert(format!("c{n}").parse().unwrap(), PhysicalCluster::default());
    }
    assert_eq!(machine.state.used(Limit::PhysicalClusters), most);
    assert_eq!(machine.run(put_cluster("c1", "a:1")), Outcome::Updated);
    let over = Refusal::OverLimit(OverLimit {
        limit: Limit::PhysicalClusters,
        vcluster: None,
        most,
    });
    assert_eq!(machine.refusal(put_cluster("more", "a:1")), over);
    let pin = |cluster: &str| Command::PinCluster {
        cluster: cluster.parse().unwrap(),
        kafka_cluster_id: "x".to_owned(),
    };
    assert_eq!(machine.refusal(pin("more")), over);
    assert_eq!(machine.run(pin("c1")), Outcome::Created, "it is counted already");
    let large = "x".repeat(usize::try_from(PhysicalCluster::MAX_BYTES).unwrap());
    assert_eq!(
        machine.refusal(put_cluster("c1", &large)),
        Refusal::PhysicalClusterTooLarge("c1".parse().unwrap())
    );
}

#[test]
fn a_kafka_cluster_that_was_seen_is_remembered_when_its_resource_is_gone() {
    let mut machine = machine();
    machine.run(put_cluster("east", "a:1"));
    machine.run(Command::PinCluster {
        cluster: "east".parse().unwrap(),
        kafka_cluster_id: "x".to_owned(),
    });
    machine.run(drop_cluster("east"));
    assert_eq!(machine.state.used(Limit::PhysicalClusters), 1);
    assert!(
        machine
            .state
            .pinned_clusters
            .contains_key(&"east".parse::<ClusterId>().unwrap())
    );
}
