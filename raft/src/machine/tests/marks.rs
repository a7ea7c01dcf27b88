//! Marks of producer ids: a number of one counter, for each home of each virtual cluster.

use super::*;
use crate::model::{OverLimit, ProducerMark};

/// The number that ids of a virtual cluster are marked with, and whose ids those are.
fn mark(machine: &Machine, vcluster: &str) -> Option<(u32, String)> {
    let mark = machine.vcluster(vcluster).mark.as_ref();
    mark.map(|mark| (mark.number, mark.of.to_string()))
}

fn of(number: u32, cluster: &str) -> Option<(u32, String)> {
    Some((number, cluster.to_owned()))
}

fn passthrough() -> Command {
    Command::PutVcluster {
        name: PASSTHROUGH.parse().unwrap(),
        spec: VirtualCluster::new(VclusterKind::Passthrough),
        kafka_cluster_id: "id".into(),
        at_s: 0,
        beside: None,
    }
}

#[test]
fn each_virtual_cluster_has_a_number_that_no_other_ever_had() {
    let mut machine = Machine::default();
    machine.run(passthrough());
    assert_eq!(mark(&machine, PASSTHROUGH), None, "there ids stay as they are");
    machine.run(hiding("standard", "s-"));
    machine.run(put("partner"));
    assert_eq!(mark(&machine, "standard"), of(1, "main"));
    assert_eq!(mark(&machine, "partner"), None, "it has no home yet");
    machine.run(alias("partner", "t1", "main", "p1"));
    assert_eq!(mark(&machine, "partner"), of(2, "main"));

    machine.run(unalias("partner", "t1"));
    machine.run(delete("partner"));
    machine.run(put("partner"));
    machine.run(alias("partner", "t1", "main", "p1"));
    assert_eq!(mark(&machine, "partner"), of(3, "main"), "it is another one");
    machine.run(hiding("standard", "other-"));
    assert_eq!(mark(&machine, "standard"), of(1, "main"), "a change is none");
}

#[test]
fn aliases_change_no_mark_but_another_home_does() {
    let mut machine = Machine::default();
    machine.run(put("v"));
    machine.run(alias("v", "t1", "main", "p1"));
    for (name, cluster) in [("t2", "main"), ("t3", "other")] {
        machine.run(alias("v", name, cluster, "p2"));
    }
    machine.run(repoint("v", "t1", "other", "p3"));
    assert_eq!(mark(&machine, "v"), of(1, "main"));
    for name in ["t1", "t2", "t3"] {
        machine.run(unalias("v", name));
    }
    machine.run(alias("v", "t1", "main", "p1"));
    assert_eq!(
        mark(&machine, "v"),
        of(1, "main"),
        "what is sent again is still the same on the broker"
    );
    machine.run(unalias("v", "t1"));
    machine.run(alias("v", "t1", "other", "p1"));
    assert_eq!(mark(&machine, "v"), of(2, "other"));
    machine.run(unalias("v", "t1"));
    machine.run(alias("v", "t1", "main", "p1"));
    assert_eq!(mark(&machine, "v"), of(3, "main"));
}

#[test]
fn ids_of_a_kafka_cluster_that_was_built_anew_are_marked_otherwise() {
    let mut machine = Machine::default();
    machine.run(passthrough());
    for (name, cluster) in [("a", "main"), ("b", "other"), ("c", "main"), ("gone", "main")] {
        machine.run(put(name));
        machine.run(alias(name, "t1", cluster, name));
    }
    machine.run(alias("b", "t2", "main", "p2"));
    machine.run(unalias("gone", "t1"));
    machine.run(Command::PinCluster {
        cluster: "main".parse().unwrap(),
        kafka_cluster_id: "k1".to_owned(),
    });
    let accept = |from: &str| Command::AcceptCluster {
        cluster: "main".parse().unwrap(),
        from: from.to_owned(),
        to: "k2".to_owned(),
    };
    assert_eq!(machine.run(accept("k1")), Outcome::Updated);
    assert_eq!(machine.run(accept("k1")), Outcome::Unchanged);
    let marks = ["a", "b", "c", "gone", PASSTHROUGH].map(|name| mark(&machine, name));
    let expected = [of(5, "main"), of(2, "other"), of(6, "main"), of(7, "main"), None];
    assert_eq!(marks, expected);
}

#[test]
fn when_no_number_is_left_nothing_is_half_done() {
    let mut machine = Machine::default();
    for (name, topic) in [("a", "p1"), ("b", "p2")] {
        machine.run(put(name));
        machine.run(alias(name, "t1", "main", topic));
    }
    machine.run(put("later"));
    machine.run(Command::PinCluster {
        cluster: "main".parse().unwrap(),
        kafka_cluster_id: "k1".to_owned(),
    });
    machine.state.last_mark = ProducerMark::HIGHEST;
    let most = ProducerMark::HIGHEST.into();
    let refusal = Refusal::OverLimit(OverLimit {
        limit: Limit::ProducerMarks,
        vcluster: None,
        most,
    });
    let accept = Command::AcceptCluster {
        cluster: "main".parse().unwrap(),
        from: "k1".to_owned(),
        to: "k2".to_owned(),
    };
    let before = machine.state.clone();
    for command in [
        hiding("s", "s-"),
        alias("later", "t1", "main", "p3"),
        accept.clone(),
    ] {
        assert_eq!(machine.refusal(command), refusal);
    }
    let (slots, vclusters) = (&machine.state.slots, &machine.state.vclusters);
    assert_eq!((slots, vclusters), (&before.slots, &before.vclusters));
    assert_eq!(machine.state.pinned_clusters, before.pinned_clusters);
    assert_eq!(machine.run(alias("a", "t2", "main", "p4")), Outcome::Created);

    machine.state.last_mark -= 1;
    assert_eq!(machine.refusal(accept), refusal, "there is one, and two need one");
    assert_eq!(machine.run(hiding("s", "s-")), Outcome::Created);
    assert_eq!(mark(&machine, "s"), of(ProducerMark::HIGHEST, "main"));
}
