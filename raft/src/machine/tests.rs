//! Tests of what each command does, and of what holds after any of them.

mod groups;
mod judged;
mod levels;
mod limits;
mod marks;
mod members;
mod physical;
mod policies;
mod quotas;
mod routes;
mod signing;

use super::*;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::codec;
use crate::command::{Author, AuthorKind, ProposalId, Revoked};
use crate::model::{
    AccessRole, AccessToken, AccessTokenId, AccountKind, AccountSpec, AclBinding, AclEntry, AclMode,
    AliasTopic, Authentication, Beside, BrokerKey, ClusterId, Conflict, Holder, Level, Limit, Limits,
    ListenerName, Liveness, Mediation, Method, Namespace, NodeId, NodeRecord, Notes, Operation, PASSTHROUGH,
    PatternType, Permission, PortSlot, ResourcePattern, ResourceType, ScramCredential, ScramHash, ScramUser,
    SigningKey, SigningKeys, Standard, TokenId, TokenRecord, VclusterKind, VirtualCluster, WrittenAlias,
};

/// Applies commands one after the other, each a proposal of its own.
struct Machine {
    state: State,
    next: u64,
}

impl Default for Machine {
    /// One whose cluster has a signing key.
    fn default() -> Self {
        let state = State {
            signing_keys: Some(SigningKeys::new(key(1), key(0))),
            ..State::default()
        };
        Self { state, next: 0 }
    }
}

fn key(byte: u8) -> SigningKey {
    SigningKey(vec![byte; 32])
}

impl Machine {
    fn run(&mut self, command: Command) -> Outcome {
        self.next += 1;
        let mut proposal = proposal(self.next, self.next, command);
        proposal.judged_at = self.state.revision;
        apply(&mut self.state, proposal, Revision(self.next))
    }

    fn refusal(&mut self, command: Command) -> Refusal {
        match self.run(command) {
            Outcome::Refused(refusal) => refusal,
            outcome => panic!("not refused: {outcome:?}"),
        }
    }

    fn vcluster(&self, name: &str) -> &VclusterState {
        &self.state.vclusters[name]
    }
}

fn proposal(sequence: u64, settled: u64, command: Command) -> Proposal {
    Proposal {
        node: NodeId(1),
        id: ProposalId { boot: 1, sequence },
        settled,
        author: Author::example(),
        judged_at: Revision(1),
        command,
    }
}

fn put(name: &str) -> Command {
    put_with(name, &["admin"])
}

fn put_with(name: &str, super_users: &[&str]) -> Command {
    Command::PutVcluster {
        name: name.parse().unwrap(),
        spec: VirtualCluster {
            super_users: super_users.iter().map(|name| name.parse().unwrap()).collect(),
            ..VirtualCluster::new(VclusterKind::Partner)
        },
        kafka_cluster_id: format!("id-of-{name}"),
        at_s: 0,
        beside: None,
    }
}

fn create(name: &str) -> Command {
    let Command::PutVcluster {
        name,
        spec,
        kafka_cluster_id,
        ..
    } = put(name)
    else {
        unreachable!("it puts a virtual cluster")
    };
    Command::CreateVcluster {
        name,
        spec,
        kafka_cluster_id,
        at_s: 0,
        beside: None,
    }
}

fn standard(name: &str, backend: &str, namespace: Namespace, topics: &[&str]) -> Command {
    Command::PutVcluster {
        name: name.parse().unwrap(),
        spec: VirtualCluster::new(VclusterKind::Standard(Standard {
            backend: backend.parse().unwrap(),
            namespace,
            topics: topics.iter().map(|text| text.parse().unwrap()).collect(),
            groups: BTreeSet::new(),
        })),
        kafka_cluster_id: format!("id-of-{name}"),
        at_s: 0,
        beside: None,
    }
}

fn hiding(name: &str, prefix: &str) -> Command {
    standard(name, "main", Namespace::HidePrefix(prefix.parse().unwrap()), &[])
}

fn delete(name: &str) -> Command {
    Command::DeleteVcluster {
        name: name.parse().unwrap(),
    }
}

fn alias(vcluster: &str, name: &str, cluster: &str, physical: &str) -> Command {
    Command::PutAlias {
        vcluster: vcluster.parse().unwrap(),
        name: name.parse().unwrap(),
        alias: AliasTopic {
            physical_cluster: cluster.parse().unwrap(),
            physical_name: physical.parse().unwrap(),
        },
    }
}

fn repoint(vcluster: &str, name: &str, cluster: &str, physical: &str) -> Command {
    match alias(vcluster, name, cluster, physical) {
        Command::PutAlias {
            vcluster,
            name,
            alias,
        } => Command::RepointAlias {
            vcluster,
            name,
            alias,
        },
        other => other,
    }
}

fn settle(vcluster: &str, held: &[(&str, Holder)], released: &[(&str, Holder)]) -> Command {
    let records = |records: &[(&str, Holder)]| {
        let records = records.iter();
        records
            .map(|(name, holder)| (name.parse().unwrap(), *holder))
            .collect()
    };
    Command::SettleNames {
        vcluster: vcluster.parse().unwrap(),
        held: records(held),
        released: records(released),
    }
}

fn unalias(vcluster: &str, name: &str) -> Command {
    Command::DeleteAlias {
        vcluster: vcluster.parse().unwrap(),
        name: name.parse().unwrap(),
    }
}

fn account(vcluster: &str, name: &str) -> Command {
    Command::PutAccount {
        vcluster: vcluster.parse().unwrap(),
        name: name.parse().unwrap(),
        spec: AccountSpec::local(),
    }
}

fn drop_account(vcluster: &str, name: &str) -> Command {
    Command::DeleteAccount {
        vcluster: vcluster.parse().unwrap(),
        name: name.parse().unwrap(),
    }
}

fn token(vcluster: &str, id: u8, account: &str, created: u64, times_s: (u64, u64)) -> Command {
    Command::PutToken {
        vcluster: vcluster.parse().unwrap(),
        id: TokenId([id; 16]),
        record: TokenRecord {
            account: account.parse().unwrap(),
            account_created: Revision(created),
            issued_at_s: times_s.0,
            expires_at_s: times_s.1,
            key: key(1).id(),
        },
    }
}

fn brokers(vcluster: &str, cluster: &str, ids: &[i32]) -> Command {
    let key = |id: &i32| BrokerKey {
        cluster: cluster.parse().unwrap(),
        physical_id: *id,
    };
    Command::AssignBrokers {
        vcluster: vcluster.parse().unwrap(),
        brokers: ids.iter().map(key).collect(),
    }
}

fn node(id: u64, port_count: u16) -> Command {
    Command::PutNode {
        id: NodeId(id),
        record: NodeRecord::with_ports(format!("gateway{id}"), 6969, port_count),
    }
}

fn acl(name: &str) -> AclBinding {
    AclBinding {
        pattern: ResourcePattern {
            resource_type: ResourceType::Topic,
            name: name.to_owned(),
            pattern_type: PatternType::Literal,
        },
        entry: AclEntry {
            principal: "User:alice".to_owned(),
            host: "*".to_owned(),
            operation: Operation::Read,
            permission: Permission::Allow,
        },
    }
}

fn acls(vcluster: &str, names: &[&str]) -> Command {
    Command::CreateAcls {
        vcluster: vcluster.parse().unwrap(),
        acls: names.iter().map(|name| acl(name)).collect(),
    }
}

#[test]
fn a_virtual_cluster_is_created_changed_and_deleted() {
    let mut machine = Machine::default();
    assert_eq!(machine.run(put("one")), Outcome::Created);
    assert_eq!(machine.run(put("one")), Outcome::Unchanged);
    assert_eq!(machine.run(put_with("one", &["root"])), Outcome::Updated);
    assert_eq!(machine.vcluster("one").kafka_cluster_id, "id-of-one");
    assert_eq!(machine.vcluster("one").bootstrap, PortSlot(0));
    assert_eq!(machine.run(delete("one")), Outcome::Deleted);
    assert_eq!(
        machine.refusal(delete("one")),
        Refusal::NoSuchVcluster("one".parse().unwrap())
    );
    assert!(machine.state.slots.is_empty());
}

#[test]
fn what_is_created_was_not_there() {
    let mut machine = Machine::default();
    assert_eq!(machine.run(create("partner1")), Outcome::Created);
    let name = "partner1".parse().unwrap();
    assert_eq!(machine.refusal(create("partner1")), Refusal::VclusterExists(name));
    assert_eq!(machine.run(put("partner1")), Outcome::Unchanged);
}

#[test]
fn a_proposal_that_comes_again_is_answered_as_the_first_time() {
    let mut state = State::default();
    assert_eq!(
        apply(&mut state, proposal(1, 1, put("one")), Revision(1)),
        Outcome::Created
    );
    assert_eq!(
        apply(&mut state, proposal(2, 1, delete("one")), Revision(2)),
        Outcome::Deleted
    );
    let before = state.clone();
    assert_eq!(
        apply(&mut state, proposal(1, 1, put("one")), Revision(3)),
        Outcome::Created
    );
    assert_eq!(
        state,
        State {
            revision: Revision(3),
            ..before
        }
    );
}

#[test]
fn proposals_may_overtake_each_other() {
    let mut state = State::default();
    assert_eq!(
        apply(&mut state, proposal(2, 1, put("two")), Revision(1)),
        Outcome::Created
    );
    assert_eq!(
        apply(&mut state, proposal(1, 1, put("one")), Revision(2)),
        Outcome::Created
    );
    assert_eq!(state.vclusters.len(), 2);
}

#[test]
fn what_a_settled_proposal_came_to_is_forgotten_but_not_that_it_was() {
    let mut state = State::default();
    apply(&mut state, proposal(1, 1, put("one")), Revision(1));
    apply(&mut state, proposal(2, 2, delete("one")), Revision(2));
    assert_eq!(state.proposals[&NodeId(1)].boots[0].outcomes.len(), 1);
    let late = apply(&mut state, proposal(1, 1, put("one")), Revision(3));
    assert_eq!(late, Outcome::Refused(Refusal::Duplicate));
    assert!(state.vclusters.is_empty());
}

#[test]
fn late_copies_from_an_earlier_process_are_recognised() {
    let mut state = State::default();
    apply(&mut state, proposal(1, 1, put("one")), Revision(1));
    let mut restarted = proposal(1, 1, delete("one"));
    restarted.id.boot = 2;
    assert_eq!(apply(&mut state, restarted, Revision(2)), Outcome::Deleted);
    assert_eq!(
        apply(&mut state, proposal(1, 1, put("one")), Revision(3)),
        Outcome::Created
    );
    assert!(state.vclusters.is_empty(), "answered, but not applied again");
}

#[test]
fn boots_that_are_remembered_are_bounded() {
    let mut state = State::default();
    for boot in 0..100 {
        let mut proposal = proposal(1, 1, put("one"));
        proposal.id.boot = boot;
        apply(&mut state, proposal, Revision(boot + 1));
    }
    assert_eq!(state.proposals[&NodeId(1)].boots.len(), 4);
}

#[test]
fn fresh_slots_go_first_then_the_oldest_freed() {
    let mut machine = Machine::default();
    machine.run(node(1, 3));
    machine.run(put("a"));
    machine.run(put("b"));
    machine.run(delete("b"));
    machine.run(delete("a"));
    machine.run(put("c"));
    assert_eq!(machine.vcluster("c").bootstrap, PortSlot(2));
    machine.run(put("d"));
    assert_eq!(
        machine.vcluster("d").bootstrap,
        PortSlot(1),
        "freed before slot 0"
    );
    machine.run(put("e"));
    assert_eq!(machine.vcluster("e").bootstrap, PortSlot(0));
    assert_eq!(machine.refusal(put("f")), Refusal::NoSlotLeft { in_use: 3 });
}

#[test]
fn the_node_with_the_fewest_ports_sets_the_limit() {
    let mut machine = Machine::default();
    machine.run(node(1, 100));
    machine.run(node(2, 1));
    machine.run(put("a"));
    assert_eq!(machine.refusal(put("b")), Refusal::NoSlotLeft { in_use: 1 });
    assert_eq!(machine.run(node(2, 2)), Outcome::Updated);
    assert_eq!(machine.run(put("b")), Outcome::Created);
    let too_few = Refusal::TooFewPorts {
        node: 3,
        port_count: 1,
        highest: 1,
    };
    assert_eq!(machine.refusal(node(3, 1)), too_few);
}

#[test]
fn aliases_are_on_several_physical_clusters() {
    let mut machine = Machine::default();
    machine.run(put("one"));
    machine.run(alias("one", "t1", "main", "p"));
    assert_eq!(
        machine.run(alias("one", "t2", "Other", "p")),
        Outcome::Created,
        "another topic"
    );
    assert_eq!(
        machine.refusal(alias("one", "t3", "other", "p")),
        Refusal::PhysicalTopicTaken {
            physical: "p".parse().unwrap(),
            taken_by: "t2".to_owned(),
        }
    );
    assert_eq!(machine.run(brokers("one", "main", &[1])), Outcome::Updated);
    assert_eq!(machine.run(brokers("one", "other", &[1, 2])), Outcome::Updated);
    let ids: Vec<i32> = machine
        .vcluster("one")
        .brokers
        .values()
        .map(|slot| slot.virtual_id)
        .collect();
    assert_eq!(ids, [1, 2, 3], "the same physical id is two brokers");
    machine.run(repoint("one", "t2", "main", "q"));
    let vcluster = machine.vcluster("one");
    assert!(vcluster.foreign_clusters().is_empty());
    assert_eq!(
        vcluster.brokers.len(),
        1,
        "the brokers of a cluster that is out of reach are given up"
    );
    assert_eq!(machine.state.free_slots.len(), 2);
}

#[test]
fn the_home_stays_while_there_is_an_alias() {
    let mut machine = Machine::default();
    machine.run(put("one"));
    machine.run(alias("one", "t1", "main", "p"));
    machine.run(alias("one", "t2", "other", "p"));
    machine.run(unalias("one", "t1"));
    assert_eq!(
        machine.vcluster("one").home,
        Some("main".parse::<ClusterId>().unwrap()),
        "groups live there"
    );
    machine.run(unalias("one", "t2"));
    assert_eq!(machine.vcluster("one").home, None);
}

#[test]
fn who_logs_in_at_brokers_has_one_physical_cluster() {
    let mut machine = Machine::default();
    let relaying = |name: &str| {
        let Command::PutVcluster {
            name,
            mut spec,
            kafka_cluster_id,
            ..
        } = put(name)
        else {
            unreachable!("it puts a virtual cluster");
        };
        let mediation = Mediation::Passthrough;
        spec.authentication = Authentication(vec![Method::SaslPlain {
            mediation,
            users: BTreeMap::new(),
        }]);
        Command::PutVcluster {
            name,
            spec,
            kafka_cluster_id,
            at_s: 0,
            beside: None,
        }
    };
    let is_refused = |outcome| matches!(outcome, Outcome::Refused(Refusal::Relayed { .. }));
    machine.run(relaying("one"));
    machine.run(alias("one", "t1", "main", "p"));
    assert!(is_refused(machine.run(alias("one", "t2", "other", "p"))));
    machine.run(put("two"));
    machine.run(alias("two", "t1", "main", "p"));
    machine.run(alias("two", "t2", "other", "p"));
    assert!(is_refused(machine.run(relaying("two"))));
}

#[test]
fn ids_on_another_cluster_meet_no_namespace_there() {
    let hide = |prefix: &str| Namespace::HidePrefix(prefix.parse().unwrap());
    let mut machine = Machine::default();
    let taken =
        |machine: &mut Machine, command| matches!(machine.refusal(command), Refusal::NamespaceTaken { .. });
    machine.run(standard("shop", "main", hide("s-"), &[]));
    machine.run(standard("x", "other", hide("sh"), &[]));
    assert!(taken(&mut machine, alias("shop", "t", "other", "p")));
    machine.run(standard("y", "third", hide("y-"), &[]));
    assert_eq!(machine.run(alias("y", "t", "other", "p")), Outcome::Created);
    assert!(
        taken(&mut machine, standard("z", "other", hide("y"), &[])),
        "its groups there begin with its name"
    );
}

#[test]
fn the_first_alias_decides_the_home_and_the_last_one_gives_it_up() {
    let mut machine = Machine::default();
    machine.run(put("one"));
    let out_of_reach = |cluster: &str| Refusal::OutOfReach {
        vcluster: "one".parse().unwrap(),
        cluster: cluster.parse().unwrap(),
    };
    assert_eq!(
        machine.refusal(brokers("one", "main", &[1])),
        out_of_reach("main")
    );
    assert_eq!(machine.run(alias("one", "t1", "Main", "p1")), Outcome::Created);
    assert_eq!(machine.run(alias("one", "t2", "MAIN", "p2")), Outcome::Created);
    assert_eq!(
        machine.refusal(brokers("one", "other", &[1])),
        out_of_reach("other")
    );
    assert_eq!(machine.run(brokers("one", "main", &[1, 2, 1])), Outcome::Updated);
    assert_eq!(machine.run(brokers("one", "MAIN", &[2])), Outcome::Unchanged);
    assert_eq!(machine.vcluster("one").brokers.len(), 2);
    machine.run(unalias("one", "t1"));
    assert_eq!(
        machine.vcluster("one").home,
        Some("Main".parse::<ClusterId>().unwrap())
    );
    machine.run(unalias("one", "t2"));
    assert_eq!(machine.vcluster("one").home, None);
    assert_eq!(machine.state.slots, BTreeSet::from([PortSlot(0)]));
    machine.run(alias("one", "t1", "other", "p1"));
    machine.run(brokers("one", "other", &[1]));
    let slot = machine.vcluster("one").brokers.values().next().unwrap();
    assert_eq!(
        (slot.virtual_id, slot.port),
        (3, PortSlot(3)),
        "neither id nor slot is used again early"
    );
}

#[test]
fn an_alias_stands_for_another_topic_only_when_that_is_said() {
    let mut machine = Machine::default();
    machine.run(put("one"));
    assert_eq!(machine.run(repoint("one", "t1", "main", "p1")), Outcome::Created);
    let kept = Refusal::WouldRepoint {
        vcluster: "one".parse().unwrap(),
        name: "t1".parse().unwrap(),
        cluster: "main".parse().unwrap(),
        physical: "p1".parse().unwrap(),
    };
    assert_eq!(machine.refusal(alias("one", "t1", "main", "p2")), kept);
    assert_eq!(machine.refusal(alias("one", "t1", "other", "p1")), kept);
    assert_eq!(
        machine.run(repoint("one", "t1", "main", "p1")),
        Outcome::Unchanged
    );
    assert_eq!(machine.run(repoint("one", "t1", "other", "p1")), Outcome::Updated);
}

#[test]
fn a_name_that_two_topics_would_have_keeps_its_first_holder() {
    use Holder::{LetIn, Own};
    let hide = || Namespace::HidePrefix("dev-".parse().unwrap());
    let mut machine = Machine::default();
    machine.run(standard("dev", "main", hide(), &["pay*", "rates"]));
    let on_record = |machine: &Machine| {
        let holders = &machine.vcluster("dev").holders;
        let holders = holders.iter().map(|(name, holder)| (name.to_string(), *holder));
        holders.collect::<Vec<_>>()
    };
    let both = [("payouts", LetIn), ("rates", Own)];
    assert_eq!(machine.run(settle("dev", &both, &[])), Outcome::Updated);
    let other_way = [("payouts", Own), ("rates", LetIn)];
    assert_eq!(machine.run(settle("dev", &other_way, &[])), Outcome::Unchanged);
    assert_eq!(machine.run(settle("dev", &[], &other_way)), Outcome::Unchanged);
    let strange = [("orders", Own)];
    assert_eq!(
        machine.run(settle("dev", &strange, &[])),
        Outcome::Unchanged,
        "no selector lets it in"
    );
    assert_eq!(
        on_record(&machine),
        [("payouts".to_owned(), LetIn), ("rates".to_owned(), Own)]
    );
    let released = [("payouts", LetIn)];
    assert_eq!(
        machine.run(settle("dev", &[("payouts", Own)], &released)),
        Outcome::Updated
    );
    assert_eq!(on_record(&machine)[0], ("payouts".to_owned(), Own));
    // Another list keeps what it still lets in, another namespace nothing.
    machine.run(standard("dev", "main", hide(), &["pay*"]));
    assert_eq!(on_record(&machine), [("payouts".to_owned(), Own)]);
    let other = Namespace::HidePrefix("test-".parse().unwrap());
    machine.run(standard("dev", "main", other, &["pay*"]));
    assert_eq!(on_record(&machine), []);
    machine.run(put("partner"));
    assert_eq!(machine.run(settle("partner", &released, &[])), Outcome::Unchanged);
}

#[test]
fn a_physical_topic_has_one_alias() {
    let mut machine = Machine::default();
    machine.run(put("one"));
    machine.run(alias("one", "t1", "main", "p1"));
    assert_eq!(machine.run(alias("one", "t1", "MAIN", "p1")), Outcome::Unchanged);
    let taken = Refusal::PhysicalTopicTaken {
        physical: "p1".parse().unwrap(),
        taken_by: "t1".to_owned(),
    };
    assert_eq!(machine.refusal(alias("one", "t2", "main", "p1")), taken);
    assert_eq!(machine.run(repoint("one", "t1", "main", "p2")), Outcome::Updated);
    assert_eq!(machine.run(alias("one", "t2", "main", "p1")), Outcome::Created);
    let gone = Refusal::NoSuchAlias {
        vcluster: "one".parse().unwrap(),
        name: "t3".parse().unwrap(),
    };
    assert_eq!(machine.refusal(unalias("one", "t3")), gone);
}

#[test]
fn what_is_referred_to_is_not_deleted() {
    let mut machine = Machine::default();
    machine.run(put("one"));
    machine.run(alias("one", "t1", "main", "p1"));
    machine.run(account("one", "alice"));
    let by = vec![
        "AliasTopic/t1".to_owned(),
        "GatewayServiceAccount/alice".to_owned(),
    ];
    let referenced = Refusal::StillReferenced {
        vcluster: "one".parse().unwrap(),
        by,
    };
    assert_eq!(machine.refusal(delete("one")), referenced);
    machine.run(unalias("one", "t1"));
    machine.run(drop_account("one", "alice"));
    assert_eq!(machine.run(delete("one")), Outcome::Deleted);
}

#[test]
fn super_users_are_names_whether_or_not_such_accounts_exist() {
    let mut machine = Machine::default();
    machine.run(put_with("one", &["root"]));
    assert_eq!(machine.run(account("one", "root")), Outcome::Created);
    assert_eq!(machine.run(drop_account("one", "root")), Outcome::Deleted);
    let gone = Refusal::NoSuchAccount {
        vcluster: "one".parse().unwrap(),
        name: "root".parse().unwrap(),
    };
    assert_eq!(machine.refusal(drop_account("one", "root")), gone);
    assert_eq!(
        machine.run(delete("one")),
        Outcome::Deleted,
        "nothing is left that refers to it"
    );
}

#[test]
fn tokens_belong_to_one_life_of_an_account() {
    let mut machine = Machine::default();
    machine.run(put("one"));
    assert_eq!(machine.run(account("one", "alice")), Outcome::Created);
    let created = machine.vcluster("one").accounts["alice"].created.0;
    assert_eq!(created, machine.next);
    assert_eq!(machine.run(account("one", "alice")), Outcome::Unchanged);
    assert_eq!(
        machine.run(token("one", 1, "alice", created, (100, 200))),
        Outcome::Created
    );
    assert_eq!(
        machine.refusal(token("one", 2, "alice", created + 1, (100, 200))),
        Refusal::AccountChanged
    );
    machine.run(token("one", 3, "alice", created, (201, 300)));
    assert_eq!(machine.vcluster("one").tokens.len(), 1, "the expired record went");
    machine.run(drop_account("one", "alice"));
    assert!(machine.vcluster("one").tokens.is_empty());
    machine.run(account("one", "alice"));
    assert_eq!(
        machine.refusal(token("one", 4, "alice", created, (1, 2))),
        Refusal::AccountChanged
    );
}

#[test]
fn acls_are_a_set() {
    let mut machine = Machine::default();
    machine.run(put("one"));
    assert_eq!(machine.run(acls("one", &["a", "b"])), Outcome::Created);
    assert_eq!(machine.run(acls("one", &["a"])), Outcome::Unchanged);
    assert_eq!(machine.run(acls("one", &["a", "c"])), Outcome::Created);
    let remove = |names: &[&str]| Command::DeleteAcls {
        vcluster: "one".parse().unwrap(),
        acls: names.iter().map(|name| acl(name)).collect(),
    };
    assert_eq!(machine.run(remove(&["a", "x"])), Outcome::Deleted);
    assert_eq!(machine.run(remove(&["a"])), Outcome::Unchanged);
    assert_eq!(machine.vcluster("one").acls.len(), 2);
}

#[test]
fn what_does_not_change_keeps_its_pointer() {
    let mut machine = Machine::default();
    machine.run(put("one"));
    machine.run(put("two"));
    machine.run(acls("one", &["a"]));
    let before = machine.state.clone();
    machine.run(acls("two", &["a"]));
    assert!(Arc::ptr_eq(
        &before.vclusters["one"],
        &machine.state.vclusters["one"]
    ));
    assert!(!Arc::ptr_eq(
        &before.vclusters["two"],
        &machine.state.vclusters["two"]
    ));
    assert!(
        before.vclusters["two"].acls.is_empty(),
        "readers keep what they had"
    );
    let before = machine.state.clone();
    machine.run(acls("two", &["a"]));
    machine.run(put("two"));
    assert!(Arc::ptr_eq(
        &before.vclusters["two"],
        &machine.state.vclusters["two"]
    ));
}

#[test]
fn one_more_alias_copies_nothing_of_others_and_only_the_aliases_of_its_own() {
    const VCLUSTERS: usize = 100;
    let mut machine = Machine::default();
    for index in 0..VCLUSTERS {
        let name = format!("v{index}");
        machine.run(put(&name));
        machine.run(account(&name, "reader"));
        machine.run(acls(&name, &["orders"]));
        for topic in 0..20 {
            let physical = format!("{name}-{topic}");
            machine.run(alias(&name, &format!("t{topic}"), "main", &physical));
        }
    }
    let before = machine.state.clone();
    assert_eq!(machine.run(alias("v7", "more", "main", "more")), Outcome::Created);

    let copied: Vec<&str> = before
        .vclusters
        .iter()
        .filter(|(name, known)| !Arc::ptr_eq(known, &machine.state.vclusters[*name]))
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(copied, ["v7"]);
    let (old, new) = (&before.vclusters["v7"], machine.vcluster("v7"));
    assert!(std::ptr::eq(&raw const *old.accounts, &raw const *new.accounts));
    assert!(std::ptr::eq(&raw const *old.acls, &raw const *new.acls));
    assert_eq!(
        (old.aliases.len(), new.aliases.len()),
        (20, 21),
        "readers keep what they had"
    );
}

#[test]
fn nodes_keep_their_liveness_and_what_they_cannot_open_and_clusters_their_pin() {
    let mut machine = Machine::default();
    let liveness = |liveness| Command::SetLiveness {
        id: NodeId(1),
        liveness,
    };
    assert_eq!(machine.refusal(liveness(Liveness::Up)), Refusal::NoSuchNode(1));
    assert_eq!(machine.run(node(1, 10)), Outcome::Created);
    assert_eq!(machine.run(liveness(Liveness::Down)), Outcome::Updated);
    assert_eq!(machine.run(liveness(Liveness::Down)), Outcome::Unchanged);
    assert_eq!(machine.run(node(1, 10)), Outcome::Unchanged);
    assert_eq!(machine.run(node(1, 20)), Outcome::Updated);
    assert_eq!(machine.state.nodes[&NodeId(1)].liveness, Liveness::Down);
    let unopened = |id, slots: &[u16]| Command::SetUnopened {
        id: NodeId(id),
        unopened: match slots {
            [] => BTreeMap::new(),
            _ => [(
                ListenerName::short_form(),
                slots.iter().copied().map(PortSlot).collect(),
            )]
            .into(),
        },
    };
    assert_eq!(machine.refusal(unopened(2, &[3])), Refusal::NoSuchNode(2));
    assert_eq!(machine.run(unopened(1, &[3, 4])), Outcome::Updated);
    assert_eq!(machine.run(unopened(1, &[3, 4])), Outcome::Unchanged);
    assert_eq!(machine.run(node(1, 10)), Outcome::Updated);
    let is_closed = |machine: &Machine, slot| {
        let record = &machine.state.nodes[&NodeId(1)];
        record.is_closed(&ListenerName::short_form(), PortSlot(slot))
    };
    assert!(
        is_closed(&machine, 3) && !is_closed(&machine, 5),
        "a restart opens nothing"
    );
    assert_eq!(machine.run(unopened(1, &[])), Outcome::Updated);
    assert!(!is_closed(&machine, 3));
    let pin = |cluster: &str, id: &str| Command::PinCluster {
        cluster: cluster.parse().unwrap(),
        kafka_cluster_id: id.to_owned(),
    };
    assert_eq!(machine.run(pin("main", "k1")), Outcome::Created);
    assert_eq!(machine.run(pin("MAIN", "k1")), Outcome::Unchanged);
    let elsewhere = Refusal::PinnedElsewhere {
        cluster: "Main".parse().unwrap(),
        pinned: "k1".to_owned(),
    };
    assert_eq!(machine.refusal(pin("Main", "k2")), elsewhere);
}

#[test]
fn a_kafka_cluster_that_was_built_anew_is_accepted_by_name() {
    let mut machine = Machine::default();
    let pin = |cluster: &str, id: &str| Command::PinCluster {
        cluster: cluster.parse().unwrap(),
        kafka_cluster_id: id.to_owned(),
    };
    let accept = |cluster: &str, from: &str, to: &str| Command::AcceptCluster {
        cluster: cluster.parse().unwrap(),
        from: from.to_owned(),
        to: to.to_owned(),
    };
    let pinned = |machine: &Machine, cluster: &str| {
        let pinned = &machine.state.pinned_clusters[&cluster.parse::<ClusterId>().unwrap()];
        pinned.kafka_cluster_id.clone()
    };
    let never = Refusal::NeverSeen("main".parse().unwrap());
    assert_eq!(machine.refusal(accept("main", "k1", "k2")), never);
    machine.run(pin("main", "k1"));
    machine.run(pin("other", "o1"));
    let elsewhere = Refusal::PinnedElsewhere {
        cluster: "main".parse().unwrap(),
        pinned: "k1".to_owned(),
    };
    assert_eq!(machine.refusal(accept("main", "k0", "k2")), elsewhere);
    assert_eq!(pinned(&machine, "main"), "k1");
    assert_eq!(machine.run(accept("main", "k1", "k2")), Outcome::Updated);
    assert_eq!(machine.run(accept("main", "k1", "k2")), Outcome::Unchanged);
    assert_eq!(
        (pinned(&machine, "main"), pinned(&machine, "other")),
        ("k2".to_owned(), "o1".to_owned())
    );
}

/// Commands over few enough names that they meet.
fn any_command() -> impl Strategy<Value = Command> {
    let vcluster = prop::sample::select(vec!["a", "b", "c"]);
    let topic = prop::sample::select(vec!["t1", "t2", "t3"]);
    let cluster = prop::sample::select(vec!["main", "MAIN", "other"]);
    let physical = prop::sample::select(vec!["p1", "p2", "p3"]);
    let user = prop::sample::select(vec!["alice", "admin"]);
    prop_oneof![
        vcluster.clone().prop_map(put),
        vcluster.clone().prop_map(delete),
        (
            vcluster.clone(),
            prop::sample::select(vec!["a", "p", "pp", "t", "p.p", "p_"])
        )
            .prop_map(|(v, prefix)| hiding(v, prefix)),
        vcluster.clone().prop_map(|v| {
            let hide = Namespace::HidePrefix("q".parse().unwrap());
            standard(v, "main", hide, &["t*"])
        }),
        (
            vcluster.clone(),
            cluster.clone(),
            prop::sample::select(vec!["p1", "t*", "p*"])
        )
            .prop_map(|(v, c, topics)| standard(v, c, Namespace::None, &[topics])),
        (vcluster.clone(), topic.clone(), cluster.clone(), physical.clone())
            .prop_map(|(v, t, c, p)| alias(v, t, c, p)),
        (vcluster.clone(), topic.clone(), cluster.clone(), physical)
            .prop_map(|(v, t, c, p)| repoint(v, t, c, p)),
        (vcluster.clone(), topic.clone()).prop_map(|(v, t)| unalias(v, t)),
        (vcluster.clone(), topic, any::<bool>()).prop_map(|(v, t, is_own)| {
            let holder = if is_own { Holder::Own } else { Holder::LetIn };
            settle(v, &[(t, holder)], &[])
        }),
        (vcluster.clone(), user.clone()).prop_map(|(v, u)| account(v, u)),
        (vcluster.clone(), user.clone()).prop_map(|(v, u)| drop_account(v, u)),
        (vcluster.clone(), cluster, prop::collection::vec(0..6_i32, 1..4))
            .prop_map(|(v, c, ids)| brokers(v, c, &ids)),
        (
            vcluster.clone(),
            any::<u8>(),
            user,
            0..40_u64,
            (0..50_u64, 0..50_u64)
        )
            .prop_map(|(v, id, u, created, times)| token(v, id, u, created, times)),
        (vcluster, prop::sample::select(vec!["x", "y"])).prop_map(|(v, name)| acls(v, &[name])),
        (1..4_u64, 1..12_u16).prop_map(|(id, ports)| node(id, ports)),
        policies::any_command(),
        groups::any_command(),
        physical::any_command(),
    ]
}

/// Every slot in use is somebody's, nobody shares one, and none is both free and in use.
fn check_slots(state: &State) {
    let mut owners: BTreeMap<PortSlot, String> = BTreeMap::new();
    for (name, vcluster) in &state.vclusters {
        let of_brokers = vcluster.brokers.values().map(|broker| broker.port);
        for slot in of_brokers.chain([vcluster.bootstrap]) {
            assert_eq!(
                owners.insert(slot, name.to_string()),
                None,
                "slot {slot:?} has two owners"
            );
            assert!(slot.0 < state.next_slot);
        }
    }
    assert_eq!(owners.keys().copied().collect::<BTreeSet<_>>(), state.slots);
    let free: BTreeSet<_> = state.free_slots.iter().copied().collect();
    assert_eq!(free.len(), state.free_slots.len(), "a slot was freed twice");
    assert!(free.is_disjoint(&state.slots));
    assert_eq!(
        free.len() + state.slots.len(),
        usize::from(state.next_slot),
        "a slot was lost"
    );
}

/// No name on a physical cluster begins with what belongs to two virtual clusters.
fn check_namespaces(state: &State) {
    let begins: Vec<(&ClusterId, String)> = state
        .vclusters
        .iter()
        .filter_map(|(name, vcluster)| {
            let prefix = match &vcluster.spec.kind {
                VclusterKind::Standard(standard) => standard.namespace.prefix(),
                _ => None,
            };
            let begin = prefix.map_or_else(|| format!("{name}:"), ToString::to_string);
            Some((vcluster.home.as_ref()?, begin))
        })
        .collect();
    for (at, (home, one)) in begins.iter().enumerate() {
        for (_, other) in begins[at + 1..].iter().filter(|(other, _)| other == home) {
            let (one, other) = (one.replace('.', "_"), other.replace('.', "_"));
            assert!(
                !one.starts_with(other.as_str()) && !other.starts_with(one.as_str()),
                "{one} meets {other}"
            );
        }
    }
}

fn check_vclusters(state: &State) {
    check_namespaces(state);
    for vcluster in state.vclusters.values() {
        match &vcluster.spec.kind {
            VclusterKind::Standard(standard) => {
                assert_eq!(vcluster.home.as_ref(), Some(&standard.backend));
                let beside = vcluster.aliases.iter();
                for (name, alias) in beside.filter(|(_, alias)| alias.physical_cluster == standard.backend) {
                    assert_eq!(standard.shown_beside(name, &alias.physical_name), None);
                }
            }
            _ => assert_eq!(vcluster.home.is_none(), vcluster.aliases.is_empty()),
        }
        assert!(vcluster.home.is_some() || vcluster.brokers.is_empty());
        for key in vcluster.brokers.keys() {
            assert!(vcluster.reaches(&key.cluster));
        }
        let physical: BTreeSet<_> = vcluster.aliases.values().collect();
        assert_eq!(
            physical.len(),
            vcluster.aliases.len(),
            "two aliases share a physical topic"
        );
        let ids: BTreeSet<_> = vcluster
            .brokers
            .values()
            .map(|broker| broker.virtual_id)
            .collect();
        assert_eq!(ids.len(), vcluster.brokers.len());
        assert!(ids.iter().all(|id| (1..vcluster.next_broker_id).contains(id)));
        assert!(vcluster.tokens.values().all(|token| {
            vcluster
                .accounts
                .get(&token.account)
                .is_some_and(|a| a.created == token.account_created)
        }));
    }
}

proptest! {
    #[test]
    fn invariants_hold_after_every_command(commands in prop::collection::vec(any_command(), 1..80)) {
        let mut machine = Machine::default();
        for command in commands {
            let before = machine.state.clone();
            let outcome = machine.run(command);
            check_slots(&machine.state);
            check_vclusters(&machine.state);
            groups::check(&machine.state);
            physical::check(&machine.state);
            if matches!(outcome, Outcome::Refused(_) | Outcome::Unchanged) {
                prop_assert_eq!(&before.vclusters, &machine.state.vclusters);
                prop_assert_eq!(&before.slots, &machine.state.slots);
                prop_assert_eq!(&before.nodes, &machine.state.nodes);
                prop_assert_eq!(&before.groups, &machine.state.groups);
                prop_assert_eq!(&before.physical_clusters, &machine.state.physical_clusters);
            }
        }
    }

    #[test]
    fn the_same_commands_make_the_same_bytes(commands in prop::collection::vec(any_command(), 1..60), cut in 0..60_usize) {
        let mut straight = Machine::default();
        let mut restored = Machine::default();
        for (at, command) in commands.into_iter().enumerate() {
            if at == cut {
                let bytes = codec::encode(&restored.state).unwrap();
                restored.state = codec::decode(&bytes, Level::NEWEST).unwrap();
            }
            prop_assert_eq!(straight.run(command.clone()), restored.run(command));
        }
        prop_assert_eq!(codec::encode(&straight.state).unwrap(), codec::encode(&restored.state).unwrap());
    }
}

#[test]
fn the_passthrough_is_built_in() {
    let passthrough = |kind| Command::PutVcluster {
        name: PASSTHROUGH.parse().unwrap(),
        spec: VirtualCluster {
            acl_enabled: false,
            ..VirtualCluster::new(kind)
        },
        kafka_cluster_id: "id".into(),
        at_s: 0,
        beside: None,
    };
    let mut world = Machine::default();
    let built_in = Refusal::BuiltIn(PASSTHROUGH.parse().unwrap());
    assert_eq!(world.refusal(passthrough(VclusterKind::Partner)), built_in);
    assert_eq!(
        world.run(passthrough(VclusterKind::Passthrough)),
        Outcome::Created
    );
    assert_eq!(
        world.run(passthrough(VclusterKind::Passthrough)),
        Outcome::Unchanged
    );
    let home = world
        .vcluster(PASSTHROUGH)
        .home
        .as_ref()
        .map(|home| home.as_str());
    assert_eq!(home, Some("main"));
    assert_eq!(world.refusal(passthrough(VclusterKind::Partner)), built_in);
    assert_eq!(world.refusal(delete(PASSTHROUGH)), built_in);
    assert_eq!(world.refusal(alias(PASSTHROUGH, "a", "main", "b")), built_in);
    let elsewhere = Command::PutVcluster {
        name: "other".parse().unwrap(),
        spec: (*world.vcluster(PASSTHROUGH).spec).clone(),
        kafka_cluster_id: "id".into(),
        at_s: 0,
        beside: None,
    };
    assert_eq!(
        world.refusal(elsewhere),
        Refusal::BuiltIn("other".parse().unwrap())
    );
}

#[test]
fn a_standard_keeps_its_type_and_its_backend() {
    let mut machine = Machine::default();
    assert_eq!(machine.run(hiding("dev", "dev-")), Outcome::Created);
    assert_eq!(machine.run(hiding("dev", "dev-")), Outcome::Unchanged);
    assert_eq!(machine.run(hiding("dev", "d-")), Outcome::Updated);
    let fixed = Refusal::Fixed("dev".parse().unwrap());
    assert_eq!(machine.refusal(put("dev")), fixed);
    assert_eq!(
        machine.refusal(standard("dev", "other", Namespace::None, &["*"])),
        fixed
    );
    machine.run(alias("dev", "t1", "main", "p1"));
    machine.run(brokers("dev", "main", &[1]));
    machine.run(unalias("dev", "t1"));
    assert_eq!(
        machine.vcluster("dev").brokers.len(),
        1,
        "the home stays without aliases"
    );
}

#[test]
fn namespaces_do_not_meet() {
    let mut machine = Machine::default();
    machine.run(hiding("dev", "dev-"));
    let taken = |prefix: &str, other: &str, theirs: &str| Refusal::NamespaceTaken {
        prefix: prefix.parse().unwrap(),
        other: other.parse().unwrap(),
        theirs: theirs.to_owned(),
    };
    for prefix in ["dev-", "dev-a-", "d"] {
        assert_eq!(
            machine.refusal(hiding("other", prefix)),
            taken(prefix, "dev", "dev-")
        );
    }
    let elsewhere = Namespace::HidePrefix("dev-".parse().unwrap());
    assert_eq!(
        machine.run(standard("other", "second", elsewhere, &[])),
        Outcome::Created
    );
    // The ids of a virtual cluster without a prefix begin with its name.
    assert_eq!(machine.refusal(put("dev-x")), taken("dev-", "dev", "dev-x:"));
    machine.run(put("test"));
    assert_eq!(
        machine.refusal(hiding("third", "te")),
        taken("te", "test", "test:")
    );
    assert_eq!(machine.run(hiding("third", "test-")), Outcome::Created);
}

#[test]
fn namespaces_do_not_collide() {
    let mut machine = Machine::default();
    machine.run(hiding("one", "acme."));
    for prefix in ["acme_", "acme_x-"] {
        let refusal = Refusal::NamespaceCollides {
            prefix: prefix.parse().unwrap(),
            other: "one".parse().unwrap(),
            theirs: "acme.".parse().unwrap(),
        };
        assert_eq!(machine.refusal(hiding("two", prefix)), refusal);
    }
    let elsewhere = Namespace::HidePrefix("acme_".parse().unwrap());
    assert_eq!(
        machine.run(standard("two", "second", elsewhere, &[])),
        Outcome::Created
    );
    assert_eq!(machine.run(hiding("three", "acme-")), Outcome::Created);
    // What an older release took can be changed in everything else.
    machine.run(standard(
        "four",
        "main",
        Namespace::HidePrefix("bill.".parse().unwrap()),
        &[],
    ));
    machine.run(standard(
        "five",
        "main",
        Namespace::HidePrefix("bills-".parse().unwrap()),
        &[],
    ));
    let five = machine
        .state
        .vclusters
        .get_mut("five")
        .map(Arc::make_mut)
        .unwrap();
    if let VclusterKind::Standard(standard) = &mut five.spec.kind {
        standard.namespace = Namespace::HidePrefix("bill_".parse().unwrap());
    }
    let changed = standard(
        "five",
        "main",
        Namespace::HidePrefix("bill_".parse().unwrap()),
        &["more"],
    );
    assert_eq!(machine.run(changed), Outcome::Updated);
}

#[test]
fn groups_of_a_namespace_are_named_by_no_other() {
    let mut machine = Machine::default();
    let lists = |groups: &[&str]| {
        let Command::PutVcluster {
            name,
            mut spec,
            kafka_cluster_id,
            at_s,
            beside,
        } = standard("lists", "main", Namespace::None, &["*"])
        else {
            unreachable!("it puts a virtual cluster")
        };
        if let VclusterKind::Standard(standard) = &mut spec.kind {
            standard.groups = groups.iter().map(|group| group.parse().unwrap()).collect();
        }
        Command::PutVcluster {
            name,
            spec,
            kafka_cluster_id,
            at_s,
            beside,
        }
    };
    let taken = |selector: &str, prefix: &str, owner: &str| Refusal::GroupsTaken {
        selector: selector.parse().unwrap(),
        lets_in: "lists".parse().unwrap(),
        prefix: prefix.parse().unwrap(),
        owner: owner.parse().unwrap(),
    };
    machine.run(hiding("dev", "dev-"));
    for selector in ["dev-app", "dev-*", "dev-a?", "dev-"] {
        assert_eq!(
            machine.refusal(lists(&["*", selector])),
            taken(selector, "dev-", "dev")
        );
    }
    // Patterns pass over what is another's, and whoever comes later is kept from nothing by them.
    let groups = ["*", "?ev-*", "dev", "test-app", "d*"];
    assert_eq!(machine.run(lists(&groups)), Outcome::Created);
    assert_eq!(
        machine.refusal(hiding("test", "test-")),
        taken("test-app", "test-", "test")
    );
    let elsewhere = Namespace::HidePrefix("test-".parse().unwrap());
    assert_eq!(
        machine.run(standard("test", "second", elsewhere, &[])),
        Outcome::Created
    );
    assert_eq!(machine.run(hiding("late", "late-")), Outcome::Created);
}

#[test]
fn nothing_is_shown_twice() {
    let mut machine = Machine::default();
    let prefix: crate::model::NamePrefix = "dev-".parse().unwrap();
    let hidden = |topics: &[&str]| {
        standard(
            "dev",
            "main",
            Namespace::HidePrefix("dev-".parse().unwrap()),
            topics,
        )
    };
    assert_eq!(
        machine.refusal(hidden(&["d*"])),
        Refusal::SelectorInNamespace {
            selector: "d*".parse().unwrap(),
            prefix
        }
    );
    machine.run(hidden(&["shared"]));
    let shown = |physical: &str, taken_by: &str| Refusal::PhysicalTopicTaken {
        physical: physical.parse().unwrap(),
        taken_by: taken_by.to_owned(),
    };
    assert_eq!(
        machine.refusal(alias("dev", "t1", "main", "dev-t2")),
        shown("dev-t2", "t2")
    );
    assert_eq!(
        machine.refusal(alias("dev", "t1", "main", "shared")),
        shown("shared", "shared")
    );
    assert_eq!(
        machine.refusal(alias("dev", "shared", "main", "p1")),
        Refusal::NameTaken {
            vcluster: "dev".parse().unwrap(),
            name: "shared".parse().unwrap()
        }
    );
    assert_eq!(machine.run(alias("dev", "t1", "main", "p1")), Outcome::Created);
    assert_eq!(machine.refusal(hidden(&["p1"])), shown("p1", "p1"));
}

#[test]
fn topics_of_kafka_itself_are_let_in_by_no_name() {
    let mut machine = Machine::default();
    machine.run(put("one"));
    machine.run(hiding("dev", "dev-"));
    for own in [
        "__consumer_offsets",
        "__transaction_state",
        "__share_group_state",
        "__cluster_metadata",
    ] {
        let refusal = Refusal::KafkasOwn(own.parse().unwrap());
        assert_eq!(machine.refusal(alias("one", "audit", "main", own)), refusal);
        assert_eq!(machine.refusal(alias("dev", own, "other", own)), refusal);
        assert_eq!(
            machine.refusal(standard("list", "main", Namespace::None, &["orders", own])),
            refusal
        );
    }
    let heartbeats = "__debezium-heartbeat.shop";
    assert_eq!(
        machine.run(alias("one", "beats", "main", heartbeats)),
        Outcome::Created
    );
    let list = standard("list", "main", Namespace::None, &["__*", "*", heartbeats]);
    assert_eq!(machine.run(list), Outcome::Created);
}

#[test]
fn an_external_name_belongs_to_one_account() {
    let mut machine = Machine::default();
    machine.run(put("one"));
    let external = |name: &str, names: &[&str]| Command::PutAccount {
        vcluster: "one".parse().unwrap(),
        name: name.parse().unwrap(),
        spec: AccountSpec {
            kind: AccountKind::External {
                names: names.iter().map(|name| (*name).to_owned()).collect(),
            },
            upstream_credentials: None,
        },
    };
    assert_eq!(
        machine.run(external("alice", &["sub-1", "CN=alice"])),
        Outcome::Created
    );
    assert_eq!(
        machine.refusal(external("bob", &["sub-2", "CN=alice"])),
        Refusal::ExternalNameTaken {
            name: "CN=alice".to_owned(),
            taken_by: "alice".parse().unwrap()
        }
    );
    assert_eq!(machine.run(external("alice", &["sub-1"])), Outcome::Updated);
    assert_eq!(machine.run(external("bob", &["CN=alice"])), Outcome::Created);
    let created = machine.vcluster("one").accounts["alice"].created.0;
    let refused = machine.refusal(token("one", 1, "alice", created, (1, 2)));
    assert!(matches!(refused, Refusal::ExternalAccount { .. }), "{refused}");
}

fn scram(account: &str, hash: ScramHash) -> ScramUser {
    ScramUser {
        account: account.parse().unwrap(),
        hash,
    }
}

fn alter_scram(put: &[ScramUser], delete: &[ScramUser]) -> Command {
    let credential = ScramCredential {
        salt: vec![1; 16],
        iterations: 4096,
        stored_key: vec![2; 32],
        server_key: vec![3; 32],
    };
    Command::AlterScramCredentials {
        vcluster: "one".parse().unwrap(),
        put: put
            .iter()
            .map(|user| (user.clone(), credential.clone()))
            .collect(),
        delete: delete.to_vec(),
    }
}

#[test]
fn scram_credentials_are_of_local_accounts_which_they_make() {
    let mut machine = Machine::default();
    machine.run(put("one"));
    let (small, large) = (
        scram("alice", ScramHash::Sha256),
        scram("alice", ScramHash::Sha512),
    );
    assert_eq!(
        machine.run(alter_scram(&[small.clone(), large.clone()], &[])),
        Outcome::Updated
    );
    assert_eq!(
        machine.vcluster("one").accounts["alice"].spec.kind,
        AccountKind::Local
    );
    assert_eq!(
        machine.run(alter_scram(std::slice::from_ref(&small), &[])),
        Outcome::Unchanged
    );
    assert_eq!(
        machine.run(alter_scram(&[], std::slice::from_ref(&large))),
        Outcome::Updated
    );
    assert_eq!(machine.run(alter_scram(&[], &[large])), Outcome::Unchanged);
    machine.run(drop_account("one", "alice"));
    assert!(machine.vcluster("one").scram.is_empty());
    machine.run(Command::PutAccount {
        vcluster: "one".parse().unwrap(),
        name: "alice".parse().unwrap(),
        spec: AccountSpec {
            kind: AccountKind::External {
                names: ["x".to_owned()].into(),
            },
            upstream_credentials: None,
        },
    });
    let refused = machine.refusal(alter_scram(&[small], &[]));
    assert!(matches!(refused, Refusal::ExternalAccount { .. }), "{refused}");
}

#[test]
fn tokens_are_revoked_one_by_one_or_all_of_an_account() {
    let mut machine = Machine::default();
    machine.run(put("one"));
    for name in ["alice", "bob"] {
        machine.run(account("one", name));
    }
    let created = |machine: &Machine, name: &str| machine.vcluster("one").accounts[name].created.0;
    let (alice, bob) = (created(&machine, "alice"), created(&machine, "bob"));
    for (id, name, created) in [
        (1, "alice", alice),
        (2, "alice", alice),
        (3, "alice", alice),
        (4, "bob", bob),
    ] {
        machine.run(token("one", id, name, created, (100, 200)));
    }
    let revoke = |tokens| Command::RevokeTokens {
        vcluster: "one".parse().unwrap(),
        tokens,
    };
    let first = *machine.vcluster("one").tokens.keys().next().unwrap();
    assert_eq!(machine.run(revoke(Revoked::One(first))), Outcome::Deleted);
    assert_eq!(machine.run(revoke(Revoked::One(first))), Outcome::Unchanged);
    assert_eq!(machine.vcluster("one").tokens.len(), 3);
    assert_eq!(
        machine.run(revoke(Revoked::AllOf("alice".parse().unwrap()))),
        Outcome::Deleted
    );
    let left: Vec<_> = machine
        .vcluster("one")
        .tokens
        .values()
        .map(|token| token.account.as_str())
        .collect();
    assert_eq!(left, ["bob"]);
    let refused = machine.refusal(revoke(Revoked::AllOf("nobody".parse().unwrap())));
    assert!(matches!(refused, Refusal::NoSuchAccount { .. }), "{refused}");
}

/// The virtual cluster `declared`, with this mode of ACLs.
fn declaring(mode: Option<AclMode>) -> Command {
    let mut command = put("declared");
    if let Command::PutVcluster { spec, .. } = &mut command {
        spec.acl_mode = mode;
    }
    command
}

/// The mode in which there are just ACLs for resources of these names.
fn rest(names: &[&str]) -> Option<AclMode> {
    let acls: BTreeSet<_> = names.iter().map(|name| acl_of(name)).collect();
    Some(AclMode::RestApi(acls.into()))
}

fn acl_of(name: &str) -> AclBinding {
    let mut acl = codec::tests::acl();
    name.clone_into(&mut acl.pattern.name);
    acl
}

/// For which resources ACLs hold.
fn holding(world: &Machine) -> Vec<&str> {
    let acls = world.state.vclusters["declared"].acls();
    acls.iter().map(|acl| acl.pattern.name.as_str()).collect()
}

#[test]
fn access_tokens_come_and_go_and_are_not_too_many() {
    let mut machine = Machine::default();
    let id = |n: usize| AccessTokenId((n as u128).to_be_bytes());
    let issue = |n: usize, issued_at_s, expires_at_s| Command::PutAccessToken {
        id: id(n),
        token: AccessToken {
            name: "ci".parse().unwrap(),
            username: "admin".to_owned(),
            role: AccessRole::Admin,
            digest: [1; 32],
            issued_at_s,
            expires_at_s,
            last_used_s: None,
        },
    };
    let most = usize::try_from(Limit::AccessTokens.most()).unwrap();
    for n in 0..most {
        assert_eq!(machine.run(issue(n, 10, 20)), Outcome::Created);
    }
    let one_more = machine.refusal(issue(most, 20, 90));
    assert!(
        one_more.to_string().contains("more than 1000 access tokens"),
        "{one_more}"
    );
    let revoke = |n| Command::RevokeAccessToken { id: id(n) };
    assert_eq!(machine.run(revoke(3)), Outcome::Deleted);
    assert_eq!(machine.run(revoke(3)), Outcome::Unchanged);
    assert_eq!(machine.run(issue(3, 10, 20)), Outcome::Created);
    assert_eq!(
        machine.run(issue(7_000, 21, 90)),
        Outcome::Created,
        "the others have expired"
    );
    assert_eq!(machine.state.access_tokens.len(), 1);

    let used = |at_s| Command::UseAccessToken { id: id(7_000), at_s };
    assert_eq!(machine.run(used(100)), Outcome::Updated);
    assert_eq!(machine.run(used(100 + 3599)), Outcome::Unchanged);
    assert_eq!(machine.run(used(100 + 3600)), Outcome::Updated);
    let last = machine.state.access_tokens[&id(7_000)].last_used_s;
    assert_eq!(last, Some(3700));
    let gone = Command::UseAccessToken { id: id(3), at_s: 9 };
    assert_eq!(machine.run(gone), Outcome::Unchanged);
}

#[test]
fn declared_acls_are_all_there_are_and_change_with_the_virtual_cluster() {
    let name: VclusterName = "declared".parse().unwrap();
    let mut world = Machine::default();
    assert_eq!(world.run(declaring(rest(&["one"]))), Outcome::Created);
    assert_eq!(world.run(declaring(rest(&["one"]))), Outcome::Unchanged);
    assert_eq!(holding(&world), ["one"]);
    let declared = Refusal::AclsDeclared(name.clone());
    for acls in [vec![acl_of("two")], vec![acl_of("one")]] {
        let create = Command::CreateAcls {
            vcluster: name.clone(),
            acls: acls.clone(),
        };
        assert_eq!(world.refusal(create), declared);
        let delete = Command::DeleteAcls {
            vcluster: name.clone(),
            acls,
        };
        assert_eq!(world.refusal(delete), declared);
    }
    assert_eq!(holding(&world), ["one"]);
    assert_eq!(world.run(declaring(rest(&["two", "three"]))), Outcome::Updated);
    assert_eq!(holding(&world), ["three", "two"]);
    assert_eq!(world.run(declaring(rest(&[]))), Outcome::Updated);
    assert!(holding(&world).is_empty());
}

#[test]
fn whether_acls_are_declared_stays_as_it_was_created() {
    let fixed = |mode: &str| Refusal::AclModeFixed {
        vcluster: "declared".parse().unwrap(),
        mode: mode.to_owned(),
    };
    let mut world = Machine::default();
    assert_eq!(world.run(declaring(rest(&[]))), Outcome::Created);
    for mode in [None, Some(AclMode::KafkaApi)] {
        assert_eq!(world.refusal(declaring(mode)), fixed("REST_API"));
    }
    // A mode that was not said is the one of Kafka clients.
    assert_eq!(world.run(delete("declared")), Outcome::Deleted);
    assert_eq!(world.run(declaring(None)), Outcome::Created);
    assert_eq!(world.run(declaring(Some(AclMode::KafkaApi))), Outcome::Updated);
    assert_eq!(world.refusal(declaring(rest(&[]))), fixed("KAFKA_API"));
}

/// Puts a virtual cluster with a description and alias topics that are parts of it.
fn written(at_s: u64, aliases: &[(&str, &str)], description: &str) -> Command {
    let Command::PutVcluster {
        name,
        spec,
        kafka_cluster_id,
        ..
    } = hiding("one", "one-")
    else {
        unreachable!("it puts a virtual cluster");
    };
    let part = |name: &str| WrittenAlias {
        name: name.parse().unwrap(),
        conflict: Conflict::Warn,
    };
    let topic = |physical: &str| AliasTopic {
        physical_cluster: "main".parse().unwrap(),
        physical_name: physical.parse().unwrap(),
    };
    let beside = Beside {
        notes: Notes {
            description: description.to_owned(),
            aliases: aliases.iter().map(|(name, _)| part(name)).collect(),
            ..Notes::default()
        },
        aliases: aliases
            .iter()
            .map(|(name, physical)| (name.parse().unwrap(), topic(physical)))
            .collect(),
        repointed: Default::default(),
    };
    Command::PutVcluster {
        name,
        spec,
        kafka_cluster_id,
        at_s,
        beside: Some(Box::new(beside)),
    }
}

#[test]
fn what_is_written_with_a_virtual_cluster_comes_and_goes_with_it() {
    let mut machine = Machine::default();
    let names = |machine: &Machine| -> Vec<String> {
        let aliases = &machine.vcluster("one").aliases;
        aliases.keys().map(ToString::to_string).collect()
    };
    let both = [("a", "p1"), ("b", "p2")];
    assert_eq!(machine.run(written(10, &both, "")), Outcome::Created);
    assert_eq!(machine.run(written(20, &both, "")), Outcome::Unchanged);
    assert_eq!(names(&machine), ["a", "b"]);
    let times = |machine: &Machine| {
        (
            machine.vcluster("one").times.created_s,
            machine.vcluster("one").times.updated_s,
        )
    };
    assert_eq!(times(&machine), (10, 10));

    // All or nothing: of three aliases the last stands for what has a name already.
    let before = machine.vcluster("one").clone();
    let refused = machine.refusal(written(30, &[("a", "p1"), ("c", "p3"), ("d", "one-x")], "new"));
    assert!(matches!(refused, Refusal::PhysicalTopicTaken { .. }), "{refused}");
    assert_eq!(*machine.vcluster("one"), before);

    // It stands for something else only when that is said.
    let elsewhere = [("a", "p7"), ("b", "p2")];
    let refused = machine.refusal(written(31, &elsewhere, ""));
    assert!(matches!(refused, Refusal::WouldRepoint { .. }), "{refused}");
    assert_eq!(*machine.vcluster("one"), before);
    let repointed = |at_s, aliases| match written(at_s, aliases, "") {
        Command::PutVcluster {
            name,
            spec,
            kafka_cluster_id,
            at_s,
            beside: Some(mut beside),
        } => {
            beside.repointed = ["a".parse().unwrap()].into();
            Command::PutVcluster {
                name,
                spec,
                kafka_cluster_id,
                at_s,
                beside: Some(beside),
            }
        }
        other => other,
    };
    assert_eq!(machine.run(repointed(32, &elsewhere)), Outcome::Updated);
    let now = machine.vcluster("one").aliases.get("a");
    assert_eq!(now.unwrap().physical_name.as_str(), "p7");
    assert_eq!(machine.run(repointed(33, &elsewhere)), Outcome::Unchanged);
    machine.run(repointed(34, &both));

    // One made alone stays, and what was written and is written no more goes.
    machine.run(alias("one", "alone", "main", "p9"));
    assert_eq!(
        machine.run(written(40, &[("b", "p2"), ("c", "p1")], "new")),
        Outcome::Updated
    );
    assert_eq!(names(&machine), ["alone", "b", "c"]);
    assert_eq!(times(&machine), (10, 40));

    // Other words do not speak of notes.
    assert_eq!(machine.run(hiding("one", "one-")), Outcome::Unchanged);
    assert_eq!(machine.run(hiding("one", "two-")), Outcome::Updated);
    assert_eq!(machine.vcluster("one").notes.description, "new");

    let refused = machine.refusal(delete("one"));
    let Refusal::StillReferenced { by, .. } = refused else {
        panic!("{refused}")
    };
    assert_eq!(by, ["AliasTopic/alone"]);
    machine.run(unalias("one", "alone"));
    assert_eq!(machine.run(delete("one")), Outcome::Deleted);
}
