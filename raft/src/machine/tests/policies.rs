//! Policies: each in its scope, none of a level that the cluster does not have, and no end of them.

use super::*;
use crate::codec::tests::level_2::policy;
use crate::model::{
    OverLimit, Policy, PolicyAction, PolicyId, PolicyKey, PolicyPhase, PolicyScope, PolicySpelling,
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
    (key, 0..3_u8).prop_map(|(key, what)| match what {
        0 => delete_policy(&key),
        1 => put_policy(&key, filter("true")),
        _ => put_policy(&key, filter("false")),
    })
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
