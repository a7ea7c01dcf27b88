//! Groups of accounts: members that there are, and policies for them.

use super::policies::{delete_policy, filter, machine, put_policy};
use super::*;
use crate::model::{AccountGroup, GroupMember, GroupName, OverLimit, PolicyId, PolicyKey, PolicyScope};

fn name(text: &str) -> GroupName {
    text.parse().unwrap()
}

fn put_group(group: &str, members: &[(&str, &str)]) -> Command {
    let member = |(vcluster, account): &(&str, &str)| GroupMember {
        vcluster: vcluster.parse().unwrap(),
        account: account.parse().unwrap(),
    };
    Command::PutGroup {
        name: name(group),
        group: AccountGroup {
            members: members.iter().map(member).collect(),
        },
    }
}

fn delete_group(group: &str) -> Command {
    Command::DeleteGroup { name: name(group) }
}

fn of_group(vcluster: Option<&str>, group: &str) -> PolicyKey {
    let id = PolicyId {
        name: "p".parse().unwrap(),
        scope: PolicyScope::Group(name(group)),
    };
    match vcluster {
        Some(vcluster) => PolicyKey::In(vcluster.parse().unwrap(), id),
        None => PolicyKey::Everywhere(id),
    }
}

/// Every member is an account.
pub(super) fn check(state: &State) {
    for member in state.groups.values().flat_map(|group| &group.members) {
        let accounts = &state.vclusters[&member.vcluster].accounts;
        assert!(accounts.contains_key(&member.account), "{member:?}");
    }
}

pub(super) fn any_command() -> impl Strategy<Value = Command> {
    let member = (
        prop::sample::select(vec!["a", "b", "c"]),
        prop::sample::select(vec!["alice", "admin"]),
    );
    let members = prop::collection::vec(member, 0..3);
    (prop::sample::select(vec!["g", "h"]), members, 0..4_u8).prop_map(|(group, members, what)| match what {
        0 => delete_group(group),
        1 => put_policy(&of_group(None, group), filter("true")),
        _ => put_group(group, &members),
    })
}

#[test]
fn members_are_accounts_and_go_with_them() {
    let mut machine = machine();
    machine.run(put("two"));
    let nobody = |vcluster: &str| Refusal::NoSuchAccount {
        vcluster: vcluster.parse().unwrap(),
        name: "alice".parse().unwrap(),
    };
    assert_eq!(
        machine.refusal(put_group("g", &[("one", "alice")])),
        nobody("one")
    );
    let nowhere = machine.refusal(put_group("g", &[("nowhere", "alice")]));
    assert_eq!(nowhere, Refusal::NoSuchVcluster("nowhere".parse().unwrap()));
    machine.run(account("one", "alice"));
    machine.run(account("two", "alice"));
    let both = [("one", "alice"), ("two", "alice")];
    assert_eq!(machine.run(put_group("g", &both)), Outcome::Created);
    assert_eq!(machine.run(put_group("g", &both)), Outcome::Unchanged);
    assert_eq!(machine.run(put_group("h", &both[..1])), Outcome::Created);
    assert_eq!(machine.run(drop_account("one", "alice")), Outcome::Deleted);
    let left = &machine.state.groups[&name("g")];
    let in_two: Vec<String> = left
        .members_in(&"two".parse().unwrap())
        .map(ToString::to_string)
        .collect();
    assert_eq!((left.members.len(), in_two), (1, vec!["alice".to_owned()]));
    assert!(
        machine.state.groups[&name("h")].members.is_empty(),
        "it is still there"
    );
    // Who is made again is somebody else.
    machine.run(account("one", "alice"));
    assert!(machine.state.groups[&name("h")].members.is_empty());
}

#[test]
fn a_group_stays_while_policies_are_for_its_members() {
    let mut machine = machine();
    let keys = [of_group(None, "g"), of_group(Some("one"), "g")];
    for key in &keys {
        let refused = machine.refusal(put_policy(key, filter("true")));
        assert_eq!(refused, Refusal::NoSuchGroup(name("g")));
        assert!(refused.is_of_absence());
    }
    machine.run(put_group("g", &[]));
    for key in &keys {
        assert_eq!(machine.run(put_policy(key, filter("true"))), Outcome::Created);
    }
    let refused = machine.refusal(delete_group("g"));
    assert_eq!(
        refused.to_string(),
        "group g is still the scope of policy p for the group g of all virtual clusters, policy p for the group g of \
         virtual cluster one"
    );
    for key in &keys {
        assert!(matches!(
            machine.refusal(delete_group("g")),
            Refusal::GroupInUse { .. }
        ));
        assert_eq!(machine.run(delete_policy(key)), Outcome::Deleted);
    }
    assert_eq!(machine.run(delete_group("g")), Outcome::Deleted);
    assert_eq!(
        machine.refusal(delete_group("g")),
        Refusal::NoSuchGroup(name("g"))
    );
}

#[test]
fn a_cluster_of_level_1_has_none() {
    let mut machine = machine();
    machine.state.level = Level::FIRST;
    for command in [put_group("g", &[]), delete_group("g")] {
        let refused = machine.refusal(command);
        assert!(
            matches!(refused, Refusal::LevelTooLow { needs: Level(2), .. }),
            "{refused}"
        );
    }
}

#[test]
fn there_are_no_more_than_there_may_be() {
    let mut machine = machine();
    let over = |limit: Limit| {
        Refusal::OverLimit(OverLimit {
            limit,
            vcluster: None,
            most: limit.most(),
        })
    };
    for n in 0..Limit::Groups.most() {
        assert_eq!(machine.run(put_group(&format!("g{n}"), &[])), Outcome::Created);
    }
    assert_eq!(machine.refusal(put_group("one-more", &[])), over(Limit::Groups));
    let accounts: Vec<String> = (0..100).map(|n| format!("user-{n}")).collect();
    for user in &accounts {
        machine.run(account("one", user));
    }
    let members: Vec<(&str, &str)> = accounts.iter().map(|user| ("one", user.as_str())).collect();
    for n in 0..Limit::GroupMembers.most() / 100 {
        assert_eq!(
            machine.run(put_group(&format!("g{n}"), &members)),
            Outcome::Updated
        );
    }
    assert_eq!(
        machine.refusal(put_group("g999", &members[..1])),
        over(Limit::GroupMembers)
    );
    assert_eq!(machine.run(put_group("g0", &members[..99])), Outcome::Updated);
    assert_eq!(machine.run(put_group("g999", &members[..1])), Outcome::Updated);
    assert_eq!(
        machine.state.used(Limit::GroupMembers),
        Limit::GroupMembers.most()
    );
}
