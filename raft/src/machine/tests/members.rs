//! Nodes that come and go: numbers are given once, and nobody who has left comes back as who it was.

use super::*;
use crate::command::{ClusterChange, MemberChange};
use crate::model::{ClusterReports, Departure, NewNode, VoterGoal, VoterPlan};

fn ids(ids: &[u64]) -> BTreeSet<NodeId> {
    ids.iter().copied().map(NodeId).collect()
}

fn new(admission: u64, wants: Option<u64>) -> NewNode {
    NewNode {
        admission,
        wants: wants.map(NodeId),
        above: NodeId(3),
        address: format!("node-of-{admission}:9300"),
        record: NodeRecord::with_ports("host", 6969, 20),
    }
}

fn admit(new: NewNode) -> Command {
    Command::ChangeMembers(MemberChange::Admit(Box::new(new)))
}

fn leave(id: u64, departure: Departure) -> Command {
    let id = NodeId(id);
    Command::ChangeMembers(MemberChange::Leave { id, departure })
}

fn remove(id: u64) -> Command {
    Command::ChangeMembers(MemberChange::Remove { id: NodeId(id) })
}

fn change(seen: &[u64], add: &[u64], drop: &[u64]) -> Command {
    Command::ChangeMembers(MemberChange::Plan(VoterPlan::Change {
        seen: ids(seen),
        add: ids(add),
        drop: ids(drop),
    }))
}

/// Nodes 1 to 3.
fn three() -> Machine {
    let mut machine = Machine::default();
    for id in 1..=3 {
        machine.run(node(id, 20));
    }
    machine
}

fn given(machine: &Machine, admission: u64) -> Option<u64> {
    machine.state.roster.admitted(admission).map(|id| id.0)
}

#[test]
fn a_number_is_given_once_however_often_it_is_asked_for_and_never_again() {
    let mut machine = three();
    assert_eq!(machine.run(admit(new(70, None))), Outcome::Created);
    assert_eq!(machine.run(admit(new(70, None))), Outcome::Unchanged);
    assert_eq!(given(&machine, 70), Some(4));
    assert_eq!(machine.state.nodes[&NodeId(4)].liveness, Liveness::Down);
    machine.run(admit(new(71, Some(9))));
    machine.run(admit(new(72, None)));
    assert_eq!((given(&machine, 71), given(&machine, 72)), (Some(9), Some(10)));
    let used = Refusal::NodeIdUsed { wanted: 10, last: 10 };
    assert_eq!(machine.refusal(admit(new(73, Some(10)))), used);
    for id in [10, 9, 4] {
        machine.run(leave(id, Departure::Now));
        assert_eq!(machine.run(remove(id)), Outcome::Deleted);
    }
    assert!(
        matches!(
            machine.refusal(admit(new(72, None))),
            Refusal::NodeRemoved { node: 10, .. }
        ),
        "it is told, and not taken for another one"
    );
    machine.run(admit(new(74, None)));
    assert_eq!(given(&machine, 74), Some(11));
    let far = NewNode {
        above: NodeId(40),
        ..new(75, None)
    };
    machine.run(admit(far));
    assert_eq!(given(&machine, 75), Some(41), "the membership may know more");
}

#[test]
fn a_node_that_the_cluster_cannot_work_with_is_not_taken_in() {
    let mut machine = three();
    for name in 0..10 {
        machine.run(put(&format!("vc-{name}")));
    }
    let few = NewNode {
        record: NodeRecord::with_ports("host", 6969, 3),
        ..new(70, None)
    };
    assert!(matches!(
        machine.refusal(admit(few)),
        Refusal::TooFewPorts {
            node: 4,
            port_count: 3,
            ..
        }
    ));
    let far = NewNode {
        address: "x".repeat(300),
        ..new(70, None)
    };
    assert_eq!(machine.refusal(admit(far)), Refusal::AddressTooLong);
    assert_eq!(machine.state.nodes.len(), 3);
    assert_eq!(given(&machine, 70), None);
}

#[test]
fn a_removed_node_leaves_nothing_behind_and_cannot_put_its_record() {
    let mut machine = three();
    let report = ClusterChange::Report {
        node: NodeId(3),
        reports: ClusterReports::new(),
    };
    machine.run(Command::PhysicalCluster(Box::new(report)));
    assert!(machine.state.cluster_reports.contains_key(&NodeId(3)));
    assert_eq!(machine.run(leave(3, Departure::Drained)), Outcome::Updated);
    assert_eq!(machine.state.nodes[&NodeId(3)].liveness, Liveness::Draining);
    let up = Command::SetLiveness {
        id: NodeId(3),
        liveness: Liveness::Up,
    };
    assert_eq!(machine.run(up), Outcome::Unchanged, "it leaves");
    assert_eq!(machine.run(leave(3, Departure::Now)), Outcome::Updated);
    assert_eq!(machine.run(leave(3, Departure::Drained)), Outcome::Unchanged);
    assert_eq!(machine.run(remove(3)), Outcome::Deleted);
    let roster = &machine.state.roster;
    assert!(roster.leaving.is_empty() && roster.removed.contains_key(&NodeId(3)));
    assert!(!machine.state.nodes.contains_key(&NodeId(3)) && machine.state.cluster_reports.is_empty());
    assert!(matches!(
        machine.refusal(node(3, 20)),
        Refusal::NodeRemoved { node: 3, .. }
    ));
    assert_eq!(machine.refusal(remove(3)), Refusal::NoSuchNode(3));
    machine.run(leave(2, Departure::Now));
    assert_eq!(machine.refusal(leave(1, Departure::Now)), Refusal::LastNode(1));
}

#[test]
fn plans_of_voters_add_up() {
    let mut machine = three();
    machine.run(admit(new(70, None)));
    machine.run(admit(new(71, None)));
    let goal = |machine: &Machine| machine.state.roster.voters.clone();
    // Two who have seen the same each ask for one more.
    assert_eq!(machine.run(change(&[1, 2, 3], &[4], &[])), Outcome::Updated);
    assert_eq!(machine.run(change(&[1, 2, 3], &[5], &[])), Outcome::Updated);
    assert_eq!(goal(&machine), Some(VoterGoal::Nodes(ids(&[1, 2, 3, 4, 5]))));
    assert_eq!(machine.run(change(&[1, 2, 3], &[5], &[])), Outcome::Unchanged);
    assert_eq!(machine.refusal(change(&[], &[6], &[])), Refusal::NoSuchNode(6));
    assert_eq!(
        machine.refusal(change(&[], &[], &[1, 2, 3, 4, 5])),
        Refusal::NoVoters
    );
    machine.run(leave(5, Departure::Now));
    assert_eq!(machine.refusal(change(&[1], &[5], &[])), Refusal::NodeLeaves(5));
    machine.run(remove(5));
    assert_eq!(goal(&machine), Some(VoterGoal::Nodes(ids(&[1, 2, 3, 4]))));
    assert_eq!(
        machine.run(Command::ChangeMembers(MemberChange::Plan(VoterPlan::Count(3)))),
        Outcome::Updated
    );
    assert_eq!(
        machine.refusal(Command::ChangeMembers(MemberChange::Plan(VoterPlan::Count(0)))),
        Refusal::NoVoters
    );
    machine.run(change(&[1, 2, 3], &[], &[3]));
    assert_eq!(goal(&machine), Some(VoterGoal::Nodes(ids(&[1, 2]))));
}

#[test]
fn a_node_says_where_it_is() {
    let mut machine = three();
    let address = |id, address: &str| {
        Command::ChangeMembers(MemberChange::Move {
            id: NodeId(id),
            address: address.to_owned(),
        })
    };
    assert_eq!(machine.run(address(1, "a:1")), Outcome::Updated);
    assert_eq!(machine.run(address(1, "a:1")), Outcome::Unchanged);
    assert_eq!(machine.run(address(1, "b:1")), Outcome::Updated);
    assert_eq!(machine.refusal(address(7, "b:1")), Refusal::NoSuchNode(7));
    assert_eq!(machine.state.roster.addresses[&NodeId(1)], "b:1");
}
