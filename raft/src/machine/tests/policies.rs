//! Policies: each in its scope, none of a level that the cluster does not have, and no end of them.

use super::*;
use crate::codec::tests::level_2::{acls, policy};
use crate::model::{
    NewPolicy, OrderedPolicies, OverLimit, Policy, PolicyAction, PolicyId, PolicyKey, PolicyPhase,
    PolicyScope, PolicySpelling, Times,
};

fn everywhere(name: &str) -> PolicyKey {
    PolicyKey::Everywhere(PolicyId::of_all(name.parse().unwrap()))
}

fn of(vcluster: &str, name: &str, account: Option<&str>) -> PolicyKey {
    let id = PolicyId {
        name: name.parse().unwrap(),
        scope: account.map_or(PolicyScope::All, |account| {
            PolicyScope::Account(account.parse().unwrap())
        }),
    };
    PolicyKey::In(vcluster.parse().unwrap(), id)
}

pub(super) fn filter(condition: &str) -> Policy {
    Policy {
        condition: Some(condition.to_owned()),
        ..policy(PolicyPhase::Consume, PolicyAction::SkipRecord)
    }
}

pub(super) fn put_policy(key: &PolicyKey, policy: Policy) -> Command {
    Command::PutPolicy {
        key: key.clone(),
        policy,
    }
}

pub(super) fn delete_policy(key: &PolicyKey) -> Command {
    Command::DeletePolicy { key: key.clone() }
}

/// At level 2, with a virtual cluster.
pub(super) fn machine() -> Machine {
    let mut machine = Machine::default();
    machine.state.level = Level::POLICIES;
    machine.run(put("one"));
    machine
}

pub(super) fn any_command() -> impl Strategy<Value = Command> {
    let vcluster = prop::sample::select(vec!["a", "b", "c"]);
    let account = prop::option::of(prop::sample::select(vec!["alice", "admin"]));
    let key = (prop::option::of(vcluster), account).prop_map(|(vcluster, account)| match vcluster {
        Some(vcluster) => of(vcluster, "p", account),
        None => everywhere("p"),
    });
    let name = prop::sample::select(vec!["p", "q"]);
    (key, name, 0..5_u8).prop_map(|(key, name, what)| match (key, what) {
        (PolicyKey::In(vcluster, _), 3) => create_policy(vcluster.as_str(), name, &[name]),
        (PolicyKey::In(vcluster, _), 4) => order_policies(vcluster.as_str(), &["q", "p"]),
        (key, 0) => delete_policy(&key),
        (key, 1) => put_policy(&key, filter("true")),
        (key, _) => put_policy(&key, filter("false")),
    })
}

fn ids(names: &[&str]) -> Vec<PolicyId> {
    let id = |name: &&str| PolicyId::of_all(name.parse().unwrap());
    names.iter().map(id).collect()
}

/// Creates a filter at its place among others.
fn create_policy(vcluster: &str, name: &str, order: &[&str]) -> Command {
    Command::CreatePolicy(Box::new(NewPolicy {
        vcluster: vcluster.parse().unwrap(),
        id: ids(&[name]).remove(0),
        policy: filter("true"),
        order: ids(order),
    }))
}

fn order_policies(vcluster: &str, order: &[&str]) -> Command {
    Command::OrderPolicies(OrderedPolicies {
        vcluster: vcluster.parse().unwrap(),
        phase: PolicyPhase::Consume,
        order: ids(order),
    })
}

/// The names of the filters of a virtual cluster, in order of effect, with their priorities.
fn in_effect(machine: &Machine) -> Vec<(i32, &str)> {
    let of_phase = machine.state.vclusters["one"].policies.iter();
    let of_phase = of_phase.filter(|(_, policy)| policy.phase == PolicyPhase::Consume);
    let mut all: Vec<_> = of_phase
        .map(|(id, policy)| (policy.priority, id.name.as_str()))
        .collect();
    all.sort_unstable();
    all
}

#[test]
fn a_policy_is_created_at_its_place_and_all_are_put_in_order() {
    let mut machine = machine();
    // Those of another phase have nothing to do with it.
    let other = policy(PolicyPhase::Produce, PolicyAction::SkipRecord);
    machine.run(put_policy(&of("one", "other", None), other));
    for (name, order) in [
        ("m", &["m"][..]),
        ("a", &["m", "a"]),
        ("z", &["z", "m", "a"]),
        ("b", &["z", "m", "b", "a"]),
    ] {
        assert_eq!(machine.run(create_policy("one", name, order)), Outcome::Created);
        let names: Vec<&str> = in_effect(&machine).into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, order);
    }
    assert_eq!(
        in_effect(&machine),
        [(100, "z"), (101, "m"), (102, "b"), (103, "a")]
    );
    let exists = machine.refusal(create_policy("one", "a", &["z", "m", "b", "a"]));
    assert_eq!(exists, Refusal::PolicyExists(of("one", "a", None)));

    let order = ["a", "b", "z", "m"];
    assert_eq!(machine.run(order_policies("one", &order)), Outcome::Updated);
    assert_eq!(machine.run(order_policies("one", &order)), Outcome::Unchanged);
    // They keep the priorities that there are, so that they stay where they were among policies of all virtual clusters.
    assert_eq!(
        in_effect(&machine),
        [(100, "a"), (101, "b"), (102, "z"), (103, "m")]
    );
    assert_eq!(
        machine.state.policy(&of("one", "other", None)).unwrap().priority,
        -7
    );

    let before = machine.state.clone();
    let wrong: [&[&str]; 4] = [
        &["a", "b", "z"],
        &["a", "b", "z", "m", "m"],
        &["a", "b", "z", "n"],
        &[],
    ];
    for order in wrong {
        let refused = Refusal::OrderOfOthers("one".parse().unwrap());
        assert_eq!(machine.refusal(order_policies("one", order)), refused);
        assert_eq!(machine.refusal(create_policy("one", "n", order)), refused);
    }
    assert_eq!(
        machine.state.vclusters, before.vclusters,
        "a refusal changes nothing"
    );
    let nowhere = Refusal::NoSuchVcluster("two".parse().unwrap());
    assert_eq!(machine.refusal(order_policies("two", &[])), nowhere);
}

#[test]
fn the_highest_priorities_leave_room_below_them() {
    let mut machine = machine();
    for (name, priority) in [("a", i32::MAX), ("b", i32::MAX), ("c", 5)] {
        let policy = Policy {
            priority,
            ..filter("true")
        };
        machine.run(put_policy(&of("one", name, None), policy));
    }
    machine.run(order_policies("one", &["c", "b", "a"]));
    let highest = i32::MAX;
    assert_eq!(
        in_effect(&machine),
        [(5, "c"), (highest - 1, "b"), (highest, "a")]
    );
    machine.run(create_policy("one", "0", &["c", "b", "a", "0"]));
    let expected = [(5, "c"), (highest - 2, "b"), (highest - 1, "a"), (highest, "0")];
    assert_eq!(in_effect(&machine), expected);
}

#[test]
fn a_change_keeps_when_a_policy_was_made() {
    let mut machine = machine();
    let key = of("one", "p", None);
    let at = |seconds: u64, condition: &str| Policy {
        times: Times {
            created_s: seconds,
            updated_s: seconds,
        },
        ..filter(condition)
    };
    machine.run(put_policy(&key, at(1, "true")));
    assert_eq!(machine.run(put_policy(&key, at(2, "true"))), Outcome::Unchanged);
    assert_eq!(machine.run(put_policy(&key, at(3, "false"))), Outcome::Updated);
    let times = machine.state.policy(&key).unwrap().times;
    assert_eq!((times.created_s, times.updated_s), (1, 3));
}

#[test]
fn a_policy_brings_acls_only_where_they_are_checked() {
    let mut machine = machine();
    let brings = policy(PolicyPhase::Cluster, acls());
    let key = of("one", "rights", None);
    assert_eq!(machine.run(put_policy(&key, brings.clone())), Outcome::Created);
    let standard = VirtualCluster {
        acl_enabled: false,
        ..VirtualCluster::new(VclusterKind::Passthrough)
    };
    machine.run(Command::PutVcluster {
        name: PASSTHROUGH.parse().unwrap(),
        spec: standard,
        kafka_cluster_id: "id".to_owned(),
        at_s: 0,
        beside: None,
    });
    let key = of(PASSTHROUGH, "rights", None);
    let off = Refusal::AclsOff(PASSTHROUGH.parse().unwrap());
    assert_eq!(machine.refusal(put_policy(&key, brings.clone())), off);
    let asleep = Policy {
        enabled: false,
        ..brings
    };
    assert_eq!(machine.run(put_policy(&key, asleep)), Outcome::Created);
}

#[test]
fn a_policy_is_put_changed_and_deleted_in_its_scope() {
    let mut machine = machine();
    let keys = [
        everywhere("p"),
        of("one", "p", None),
        of("one", "p", Some("alice")),
    ];
    for key in &keys {
        assert_eq!(
            machine.refusal(delete_policy(key)),
            Refusal::NoSuchPolicy(key.clone())
        );
        assert_eq!(machine.run(put_policy(key, filter("true"))), Outcome::Created);
        assert_eq!(machine.run(put_policy(key, filter("true"))), Outcome::Unchanged);
        assert_eq!(machine.run(put_policy(key, filter("false"))), Outcome::Updated);
        assert_eq!(machine.state.policy(key), Some(&filter("false")));
    }
    assert_eq!(machine.run(delete_policy(&keys[1])), Outcome::Deleted);
    assert_eq!(machine.state.policy(&keys[1]), None);
    assert!(machine.state.policy(&keys[0]).is_some() && machine.state.policy(&keys[2]).is_some());
}

#[test]
fn a_policy_keeps_the_words_that_it_was_put_in_until_it_is_changed_in_others() {
    let mut machine = machine();
    let key = everywhere("p");
    let spelled = |plugin: Option<&str>, condition: &str| Policy {
        spelling: plugin.map(|plugin| PolicySpelling::Interceptor {
            plugin_class: plugin.to_owned(),
            config: "{}".to_owned(),
        }),
        ..filter(condition)
    };
    for (policy, outcome, kept) in [
        (spelled(Some("a"), "true"), Outcome::Created, Some("a")),
        (spelled(None, "true"), Outcome::Unchanged, Some("a")),
        (spelled(Some("b"), "true"), Outcome::Updated, Some("b")),
        (spelled(None, "false"), Outcome::Updated, None),
    ] {
        assert_eq!(machine.run(put_policy(&key, policy.clone())), outcome);
        let stored = machine.state.policy(&key).unwrap();
        assert_eq!(stored, &spelled(kept, policy.condition.as_deref().unwrap()));
    }
}

#[test]
fn policies_of_a_virtual_cluster_go_with_it() {
    let mut machine = machine();
    let (own, all) = (of("one", "p", None), everywhere("p"));
    machine.run(put_policy(&own, filter("true")));
    machine.run(put_policy(&all, filter("true")));
    assert_eq!(machine.run(delete("one")), Outcome::Deleted);
    let gone = Refusal::NoSuchVcluster("one".parse().unwrap());
    assert_eq!(machine.refusal(put_policy(&own, filter("true"))), gone);
    assert_eq!(machine.refusal(delete_policy(&own)), gone);
    machine.run(put("one"));
    assert_eq!(machine.state.policy(&own), None);
    assert!(machine.state.policy(&all).is_some());
}

#[test]
fn a_cluster_of_level_1_has_none() {
    let mut machine = machine();
    machine.state.level = Level::FIRST;
    for command in [
        put_policy(&everywhere("p"), filter("true")),
        delete_policy(&everywhere("p")),
    ] {
        let refused = machine.refusal(command);
        let needs = Refusal::LevelTooLow {
            needs: Level(2),
            level: Level(1),
        };
        assert_eq!(refused, needs);
        assert!(
            refused.to_string().contains("klamm cluster upgrade finalize"),
            "{refused}"
        );
    }
    assert!(machine.state.policies.is_empty());
}

#[test]
fn there_are_no_more_than_there_may_be() {
    let mut machine = machine();
    type Key = fn(u64) -> PolicyKey;
    let cases: [(Key, Limit, Option<&str>); 2] = [
        (
            |n| of("one", &format!("p{n}"), None),
            Limit::Policies,
            Some("one"),
        ),
        (|n| everywhere(&format!("p{n}")), Limit::GlobalPolicies, None),
    ];
    for (key, limit, vcluster) in cases {
        for n in 0..256 {
            assert_eq!(machine.run(put_policy(&key(n), filter("true"))), Outcome::Created);
        }
        let over = Refusal::OverLimit(OverLimit {
            limit,
            vcluster: vcluster.map(|name| name.parse().unwrap()),
            most: 256,
        });
        assert_eq!(machine.refusal(put_policy(&key(256), filter("true"))), over);
        assert_eq!(
            machine.run(put_policy(&key(0), filter("false"))),
            Outcome::Updated
        );
        assert_eq!(machine.state.used(limit), 256);
    }
}

#[test]
fn no_policy_is_larger_than_64_kib() {
    let mut machine = machine();
    let key = everywhere("p");
    let without = codec::size(&filter("")) as usize;
    let of_length = |bytes: usize| filter(&"x".repeat(bytes));
    // The length itself takes two bytes more when it is large.
    let most = 64 * 1024 - without - 2;
    assert_eq!(
        machine.refusal(put_policy(&key, of_length(most + 1))),
        Refusal::PolicyTooLarge(key.clone())
    );
    assert_eq!(machine.run(put_policy(&key, of_length(most))), Outcome::Created);
    assert!(machine.state.used(Limit::StateBytes) > 64 * 1024, "it is counted");
    machine.run(put_policy(&of("one", "p", None), of_length(most)));
    assert!(
        machine.state.used(Limit::StateBytes) > 2 * 64 * 1024,
        "so is this one"
    );
}
