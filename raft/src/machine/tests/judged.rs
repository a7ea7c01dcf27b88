//! Changes that were judged before their author lost the right to make them.

use super::policies::{delete_policy, filter, machine, put_policy};
use super::*;
use crate::model::{PolicyId, PolicyKey};

impl Machine {
    /// Applies a command by somebody who was judged by the state at `judged_at`.
    fn judged(&mut self, kind: AuthorKind, judged_at: u64, command: Command) -> Outcome {
        self.next += 1;
        let mut proposal = proposal(self.next, self.next, command);
        proposal.author.kind = kind;
        proposal.judged_at = Revision(judged_at);
        apply(&mut self.state, proposal, Revision(self.next))
    }
}

fn acl_on(resource_type: ResourceType) -> AclBinding {
    AclBinding {
        pattern: ResourcePattern {
            resource_type,
            pattern_type: PatternType::Literal,
            name: "kafka-cluster".to_owned(),
        },
        entry: AclEntry {
            principal: "User:alice".to_owned(),
            host: "*".to_owned(),
            operation: Operation::Alter,
            permission: Permission::Allow,
        },
    }
}

fn create_acls(acl: AclBinding) -> Command {
    Command::CreateAcls {
        vcluster: "one".parse().unwrap(),
        acls: vec![acl],
    }
}

fn delete_acls(acl: AclBinding) -> Command {
    Command::DeleteAcls {
        vcluster: "one".parse().unwrap(),
        acls: vec![acl],
    }
}

/// A change that any client could ask for.
fn asked() -> Command {
    create_acls(acl_on(ResourceType::Topic))
}

const OUTDATED: Outcome = Outcome::Refused(Refusal::Outdated);

#[test]
fn a_change_that_was_judged_before_its_author_lost_the_right_is_refused() {
    let everywhere = PolicyKey::Everywhere(PolicyId::of_all("p".parse().unwrap()));
    let of_one = PolicyKey::In("one".parse().unwrap(), PolicyId::of_all("p".parse().unwrap()));
    let withdrawals = [
        delete_acls(acl_on(ResourceType::Cluster)),
        put_with("one", &[]),
        drop_account("one", "alice"),
        put_policy(&everywhere, filter("true")),
        put_policy(&of_one, filter("true")),
        delete_policy(&of_one),
    ];
    for withdrawal in withdrawals {
        let mut machine = machine();
        machine.run(account("one", "alice"));
        machine.run(create_acls(acl_on(ResourceType::Cluster)));
        if matches!(withdrawal, Command::DeletePolicy { .. }) {
            machine.run(put_policy(&of_one, filter("false")));
        }
        let judged_at = machine.next;
        let outcome = machine.run(withdrawal.clone());
        assert!(
            !matches!(outcome, Outcome::Unchanged | Outcome::Refused(_)),
            "{withdrawal:?}: {outcome:?}"
        );
        let late = machine.judged(AuthorKind::Client, judged_at, asked());
        assert_eq!(late, OUTDATED, "after {withdrawal:?}");
        assert!(
            machine
                .vcluster("one")
                .acls
                .iter()
                .all(|acl| acl.pattern.resource_type != ResourceType::Topic)
        );
        let again = machine.judged(AuthorKind::Client, machine.next, asked());
        assert_eq!(again, Outcome::Created);
    }
}

#[test]
fn other_changes_and_changes_elsewhere_make_none_outdated() {
    let mut machine = machine();
    machine.run(put("two"));
    let judged_at = machine.next;
    machine.run(delete_acls(acl_on(ResourceType::Cluster)));
    machine.run(create_acls(acl_on(ResourceType::Group)));
    machine.run(delete_acls(acl_on(ResourceType::Group)));
    machine.run(put_with("two", &[]));
    assert_eq!(
        machine.judged(AuthorKind::Client, judged_at, asked()),
        Outcome::Created
    );
    machine.run(put_with("one", &[]));
    let mine = machine.judged(
        AuthorKind::Node,
        judged_at,
        delete_acls(acl_on(ResourceType::Topic)),
    );
    assert_eq!(mine, Outcome::Deleted, "a node has its rights from nobody");
}

#[test]
fn a_virtual_cluster_that_has_the_name_of_another_one_is_not_changed_for_clients_of_that_one() {
    let mut machine = machine();
    let judged_at = machine.next;
    machine.run(Command::DeleteVcluster {
        name: "one".parse().unwrap(),
    });
    machine.run(put("one"));
    assert_eq!(machine.judged(AuthorKind::Client, judged_at, asked()), OUTDATED);
}

#[test]
fn revoking_an_access_token_makes_changes_over_the_admin_api_outdated() {
    let mut machine = machine();
    let id = AccessTokenId([1; 16]);
    let token = AccessToken {
        name: "ci".parse().unwrap(),
        username: "admin".to_owned(),
        role: AccessRole::Admin,
        digest: [1; 32],
        issued_at_s: 1,
        expires_at_s: 100,
        last_used_s: None,
    };
    machine.run(Command::PutAccessToken { id, token });
    let judged_at = machine.next;
    machine.run(Command::RevokeAccessToken { id });
    assert_eq!(
        machine.judged(AuthorKind::Administrator, judged_at, put("two")),
        OUTDATED
    );
    assert_eq!(
        machine.judged(AuthorKind::Client, judged_at, asked()),
        Outcome::Created
    );
    let again = machine.judged(AuthorKind::Administrator, machine.next, put("two"));
    assert_eq!(again, Outcome::Created);
}

#[test]
fn level_1_asks_for_no_judgement() {
    let mut machine = machine();
    machine.state.level = Level::FIRST;
    let judged_at = machine.next;
    machine.run(put_with("one", &[]));
    assert_eq!(
        machine.judged(AuthorKind::Client, judged_at, asked()),
        Outcome::Created
    );
    assert_eq!(
        machine.vcluster("one").rights_withdrawn,
        Revision(1),
        "of when it was made"
    );
}
