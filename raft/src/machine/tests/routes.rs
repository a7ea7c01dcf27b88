//! Switches between a physical cluster and the one that stands in for it.

use super::*;
use crate::command::{ClusterChange, RouteChange};
use crate::model::{ClusterReport, ClusterRoute, RouteKey, RoutePhase};

fn key(vcluster: Option<&str>) -> RouteKey {
    RouteKey {
        cluster: "main".parse().unwrap(),
        vcluster: vcluster.map(|name| name.parse().unwrap()),
    }
}

fn of(change: RouteChange) -> Command {
    Command::PhysicalCluster(Box::new(ClusterChange::Route(change)))
}

fn fence_by(key: RouteKey, target: &str, (expected, stays): (Option<u32>, bool)) -> Command {
    of(RouteChange::Fence {
        key,
        target: target.parse().unwrap(),
        expected,
        stays,
        at_s: 1,
    })
}

fn fence(target: &str) -> Command {
    fence_by(key(None), target, (None, false))
}

fn open(key: RouteKey, generation: u32) -> Command {
    of(RouteChange::Open {
        key,
        generation,
        at_s: 2,
    })
}

fn drained(generation: u32) -> Command {
    of(RouteChange::Drained {
        key: key(None),
        generation,
        node: NodeId(1),
    })
}

/// A node that has `spare`, which stands in for `main`, and a virtual cluster on `main`.
fn machine() -> Machine {
    let mut machine = Machine::default();
    machine.run(node(1, 100));
    machine.run(put("one"));
    machine.run(alias("one", "orders", "main", "int-orders"));
    let report = ClusterReport {
        stands_in_for: Some("main".parse().unwrap()),
        ..ClusterReport::default()
    };
    machine.run(Command::PhysicalCluster(Box::new(ClusterChange::Report {
        node: NodeId(1),
        reports: [("spare".parse().unwrap(), report)].into(),
    })));
    machine
}

fn route(machine: &Machine, vcluster: Option<&str>) -> Option<ClusterRoute> {
    machine.state.routes.by_key.get(&key(vcluster)).cloned()
}

fn mark(machine: &Machine, vcluster: &str) -> Option<u32> {
    let own = &machine.state.vclusters[&vcluster.parse::<VclusterName>().unwrap()];
    own.mark.as_ref().map(|mark| mark.number)
}

#[test]
fn a_switch_is_fenced_then_open_and_marks_ids_in_another_way_each_time() {
    let mut machine = machine();
    let before = mark(&machine, "one").unwrap();
    assert_eq!(machine.run(fence("main")), Outcome::Unchanged, "it serves itself");
    assert_eq!(machine.run(fence("spare")), Outcome::Updated);
    let fenced = route(&machine, None).unwrap();
    assert!(fenced.is_fenced() && fenced.last().as_str() == "main" && fenced.target.as_str() == "spare");
    assert_eq!(
        mark(&machine, "one"),
        Some(before),
        "nothing is written elsewhere yet"
    );
    assert_eq!(machine.run(drained(1)), Outcome::Updated);
    assert_eq!(machine.run(drained(1)), Outcome::Unchanged);
    assert_eq!(machine.run(drained(7)), Outcome::Unchanged, "of another switch");
    assert_eq!(machine.run(open(key(None), 1)), Outcome::Updated);
    assert_eq!(machine.run(open(key(None), 1)), Outcome::Unchanged);
    assert_eq!(
        machine.run(fence("spare")),
        Outcome::Unchanged,
        "it serves already"
    );
    let there = mark(&machine, "one").unwrap();
    assert!(there > before);
    machine.run(fence("main"));
    machine.run(open(key(None), 2));
    let back = mark(&machine, "one").unwrap();
    assert!(back > there, "brokers of main remember other sequence numbers");
    assert_eq!(machine.state.last_mark, back);
}

#[test]
fn of_two_switches_one_wins_and_one_may_be_called_off() {
    let mut machine = machine();
    let by_generation = |expected| fence_by(key(None), "spare", (Some(expected), false));
    assert_eq!(machine.run(by_generation(0)), Outcome::Updated);
    let changed = |generation| Refusal::RouteChanged {
        cluster: "main".parse().unwrap(),
        generation,
    };
    assert_eq!(machine.refusal(by_generation(0)), changed(1));
    let before = mark(&machine, "one");
    assert_eq!(machine.run(fence("main")), Outcome::Updated, "called off");
    assert_eq!(
        machine.refusal(open(key(None), 1)),
        changed(2),
        "it is another switch by now"
    );
    assert_eq!(machine.run(open(key(None), 2)), Outcome::Updated);
    assert_eq!(mark(&machine, "one"), before, "nothing was written elsewhere");
    assert_eq!(route(&machine, None).unwrap().target.as_str(), "main");
}

#[test]
fn what_is_fenced_may_stay_so_until_somebody_goes_on() {
    let mut machine = machine();
    let stays = |machine: &Machine| match route(machine, None).unwrap().phase {
        RoutePhase::Fenced { stays, .. } => stays,
        RoutePhase::Open => panic!("open"),
    };
    machine.run(fence_by(key(None), "spare", (None, true)));
    assert!(stays(&machine));
    machine.run(drained(1));
    assert_eq!(machine.run(fence("spare")), Outcome::Updated);
    assert!(!stays(&machine));
    assert_eq!(
        route(&machine, None).unwrap().generation,
        1,
        "the same switch goes on"
    );
}

#[test]
fn nothing_stands_in_that_no_node_has_for_it() {
    let mut machine = machine();
    let none = |target: &str| Refusal::NoStandIn {
        cluster: "main".parse().unwrap(),
        target: target.parse().unwrap(),
    };
    assert_eq!(machine.refusal(fence("other")), none("other"));
    let unknown = fence_by(key(Some("nobody")), "spare", (None, false));
    assert_eq!(
        machine.refusal(unknown),
        Refusal::NoSuchVcluster("nobody".parse().unwrap())
    );
}

#[test]
fn one_virtual_cluster_is_switched_alone_and_comes_back_to_the_others() {
    let mut machine = machine();
    machine.run(put("two"));
    machine.run(alias("two", "orders", "main", "int-orders"));
    let others = mark(&machine, "two");
    machine.run(fence_by(key(Some("one")), "spare", (None, false)));
    machine.run(open(key(Some("one")), 1));
    let target = |machine: &Machine, vcluster: &str| {
        let main = "main".parse().unwrap();
        let target = machine.state.routes.target(&vcluster.parse().unwrap(), &main);
        target.to_string()
    };
    assert_eq!(
        (target(&machine, "one"), target(&machine, "two")),
        ("spare".into(), "main".into())
    );
    assert_eq!(mark(&machine, "two"), others);
    let of_one = mark(&machine, "one");
    machine.run(fence_by(key(Some("one")), "main", (None, false)));
    machine.run(open(key(Some("one")), 2));
    assert_eq!(route(&machine, Some("one")), None, "it goes where all go");
    assert!(mark(&machine, "one") > of_one);
    machine.run(fence_by(key(Some("one")), "spare", (None, false)));
    machine.run(Command::DeleteAlias {
        vcluster: "one".parse().unwrap(),
        name: "orders".parse().unwrap(),
    });
    machine.run(Command::DeleteVcluster {
        name: "one".parse().unwrap(),
    });
    assert_eq!(machine.state.routes.by_key.len(), 0, "its route goes with it");
}

#[test]
fn brokers_of_a_stand_in_have_the_slots_of_the_others_by_rank() {
    let mut machine = machine();
    let brokers = |cluster: &str, ids: &[i32]| Command::AssignBrokers {
        vcluster: "one".parse().unwrap(),
        brokers: ids
            .iter()
            .map(|&physical_id| BrokerKey {
                cluster: cluster.parse().unwrap(),
                physical_id,
            })
            .collect(),
    };
    machine.run(brokers("main", &[1, 2]));
    machine.run(brokers("spare", &[11, 12, 13]));
    let slots = |machine: &Machine| {
        let own = &machine.state.vclusters[&"one".parse::<VclusterName>().unwrap()];
        let all = own.brokers.iter();
        all.map(|(key, slot)| (key.physical_id, slot.virtual_id))
            .collect::<Vec<_>>()
    };
    assert_eq!(slots(&machine), [(1, 1), (2, 2), (11, 1), (12, 2), (13, 3)]);
    let used = machine.state.slots.len();
    machine.run(Command::DeleteAlias {
        vcluster: "one".parse().unwrap(),
        name: "orders".parse().unwrap(),
    });
    assert_eq!(slots(&machine), []);
    assert_eq!(
        machine.state.slots.len(),
        used - 3,
        "each slot is given back once"
    );
    assert_eq!(machine.state.free_slots.len(), 3);
}

#[test]
fn clients_know_topics_by_the_ids_that_they_had_first_and_switches_are_counted_for_each_virtual_cluster() {
    let mut machine = machine();
    let topics = |first_ids: &[(u8, u8)], is_first_part| {
        let ids = first_ids.iter().map(|(id, first)| ([*id; 16], [*first; 16]));
        of(RouteChange::Topics {
            cluster: "spare".parse().unwrap(),
            first_ids: ids.collect(),
            is_first_part,
        })
    };
    let first = |machine: &Machine, id: u8| {
        let routes = &machine.state.routes;
        routes.first_topic_id(&"spare".parse().unwrap(), [id; 16])[0]
    };
    machine.run(topics(&[(5, 1)], true));
    machine.run(topics(&[(6, 2)], false));
    assert_eq!([5, 6, 7].map(|id| first(&machine, id)), [1, 2, 7]);
    machine.run(topics(&[(6, 3)], true));
    assert_eq!([5, 6].map(|id| first(&machine, id)), [5, 3]);
    machine.run(topics(&[], true));
    assert!(machine.state.routes.first_topic_ids.is_empty());

    let number = |machine: &Machine| {
        let name: VclusterName = "one".parse().unwrap();
        machine.state.routes.switched.get(&name).copied()
    };
    let one = || key(Some("one"));
    assert_eq!(number(&machine), None);
    machine.run(fence_by(one(), "spare", (None, false)));
    machine.run(open(one(), 1));
    assert_eq!(number(&machine), Some(1));
    machine.run(fence_by(one(), "main", (None, false)));
    machine.run(open(one(), 2));
    assert_eq!(route(&machine, Some("one")), None, "it is led as all are");
    assert_eq!(number(&machine), Some(2), "and was switched nevertheless");
}
