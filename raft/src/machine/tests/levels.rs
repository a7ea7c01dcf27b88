//! The feature level: it begins where the first node is, goes up when all know more, and never down.

use super::*;
use crate::codec::tests::level_2;
use crate::model::{Ability, PolicyAction, PolicyId, PolicyKey, PolicyPhase};

fn node(id: u64, highest: u8, since_s: u64) -> Command {
    Command::PutNode {
        id: NodeId(id),
        record: NodeRecord {
            ability: Ability {
                version: format!("1.{highest}"),
                highest: Level(highest),
                since_s,
            },
            ..NodeRecord::with_ports("host", 6969, 20)
        },
    }
}

fn raise(to: u8) -> Command {
    Command::RaiseLevel { to: Level(to) }
}

fn next() -> Command {
    Command::Next {
        text: "new".to_owned(),
    }
}

/// A command of level 2.
fn policy() -> Command {
    Command::PutPolicy {
        key: PolicyKey::Everywhere(PolicyId::of_all("p".parse().unwrap())),
        policy: level_2::policy(PolicyPhase::Consume, PolicyAction::SkipRecord),
    }
}

#[test]
fn a_new_cluster_begins_at_the_highest_level_and_an_old_node_does_not_come_in() {
    let mut machine = Machine::default();
    assert_eq!(machine.run(node(1, 3, 0)), Outcome::Created);
    assert_eq!(machine.state.level, Level::NEXT);
    assert_eq!(machine.run(next()), Outcome::Updated);
    let refused = machine.refusal(node(2, 1, 0));
    assert!(
        matches!(refused, Refusal::NodeTooOld { node: 2, .. }),
        "{refused}"
    );
    assert_eq!(machine.run(node(3, 3, 0)), Outcome::Created);
}

#[test]
fn the_level_is_raised_once_every_node_knows_it_and_until_then_the_way_back_is_open() {
    let mut machine = Machine::default();
    for id in 1..=3 {
        machine.run(node(id, 1, 0));
    }
    assert_eq!(
        machine.refusal(policy()),
        Refusal::LevelTooLow {
            needs: Level(2),
            level: Level(1)
        }
    );
    let behind = |nodes: &[u64]| Refusal::LevelNotEverywhere {
        to: Level(2),
        nodes: nodes.to_vec(),
    };
    assert_eq!(machine.run(node(1, 2, 10)), Outcome::Updated);
    assert_eq!(machine.refusal(raise(2)), behind(&[2, 3]));
    assert_eq!(machine.run(node(1, 1, 20)), Outcome::Updated, "back again");
    assert_eq!(machine.refusal(raise(2)), behind(&[1, 2, 3]));
    for id in 1..=3 {
        assert_eq!(machine.run(node(id, 2, 30)), Outcome::Updated);
    }
    assert_eq!(machine.state.level, Level(1), "not by itself");
    assert_eq!(machine.run(raise(2)), Outcome::Updated);
    assert_eq!(machine.run(raise(2)), Outcome::Unchanged);
    assert_eq!(machine.run(raise(1)), Outcome::Unchanged, "never down");
    assert_eq!(machine.run(policy()), Outcome::Created);
    let refused = machine.refusal(node(2, 1, 40));
    assert!(matches!(refused, Refusal::NodeTooOld { .. }), "{refused}");
}

#[test]
fn a_restart_does_not_change_since_when_a_node_knows_a_level() {
    let mut machine = Machine::default();
    machine.run(node(1, 2, 100));
    assert_eq!(machine.run(node(1, 2, 200)), Outcome::Unchanged);
    assert_eq!(machine.state.nodes[&NodeId(1)].ability.since_s, 100);
    machine.run(node(1, 3, 300));
    assert_eq!(machine.state.nodes[&NodeId(1)].ability.since_s, 300);
}
