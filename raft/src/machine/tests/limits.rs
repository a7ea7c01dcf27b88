//! Nothing grows without an end, and what makes room or takes rights away is never refused.

use super::*;
use crate::model::{AclPart, Of, OverLimit, TooLong};

const FEW: u64 = 3;

/// Adds number `n` of something to the virtual cluster `one`.
type Add = fn(u64) -> Command;

fn one_acl(n: u64) -> Command {
    acls("one", &[&format!("topic-{n}")])
}

fn one_token(n: u64) -> Command {
    // Its account was made right after the virtual cluster.
    token("one", u8::try_from(n).unwrap(), "alice", 2, (100, 200))
}

fn one_credential(n: u64) -> Command {
    let user = scram(
        ["alice", "bob", "carol", "dave"][n as usize % 4],
        ScramHash::Sha256,
    );
    alter_scram(&[user], &[])
}

/// A copy of the virtual cluster with limits of its own.
fn limited(mut command: Command, limits: &[(Limit, u64)]) -> Command {
    if let Command::PutVcluster { spec, .. } = &mut command {
        spec.limits = Limits(limits.iter().copied().collect());
    }
    command
}

fn with_limits(name: &str, limits: &[(Limit, u64)]) -> Command {
    limited(put(name), limits)
}

fn over(limit: Limit, vcluster: Option<&str>, most: u64) -> Refusal {
    Refusal::OverLimit(OverLimit {
        limit,
        vcluster: vcluster.map(|name| name.parse().unwrap()),
        most,
    })
}

#[test]
fn a_virtual_cluster_has_no_more_than_it_is_given() {
    let all: [(Limit, Add); 5] = [
        (Limit::AliasTopics, |n| {
            alias("one", &format!("t{n}"), "main", &format!("p{n}"))
        }),
        (Limit::ServiceAccounts, |n| {
            account("one", &format!("account-{n}"))
        }),
        (Limit::Tokens, one_token),
        (Limit::ScramCredentials, one_credential),
        (Limit::Acls, one_acl),
    ];
    let tried = all.iter().map(|(limit, _)| *limit);
    assert!(
        Limit::of_state()
            .filter(|limit| limit.is_given() && *limit != Limit::AclBytes)
            .eq(tried),
        "every limit is tried"
    );
    for (limit, add) in all {
        let mut machine = Machine::default();
        machine.run(put("one"));
        machine.run(account("one", "alice"));
        let there = machine.vcluster("one").used(limit);
        machine.run(with_limits("one", &[(limit, there + FEW)]));
        for n in 0..FEW {
            let outcome = machine.run(add(n));
            assert!(!matches!(outcome, Outcome::Refused(_)), "{limit:?}: {outcome:?}");
        }
        assert_eq!(machine.vcluster("one").used(limit), there + FEW);
        assert_eq!(
            machine.refusal(add(FEW)),
            over(limit, Some("one"), there + FEW),
            "{limit:?}"
        );
        assert_eq!(machine.run(add(0)), Outcome::Unchanged, "{limit:?}: it is there");
        // Less is no reason to take something away; more lets more in.
        machine.run(with_limits("one", &[(limit, 1)]));
        assert_eq!(machine.vcluster("one").used(limit), there + FEW);
        machine.run(with_limits("one", &[(limit, there + FEW + 1)]));
        let outcome = machine.run(add(FEW));
        assert!(!matches!(outcome, Outcome::Refused(_)), "{limit:?}: {outcome:?}");
    }
}

/// An older version would not know what it reads.
#[test]
fn limits_of_what_clients_do_take_their_level() {
    let mut machine = Machine::default();
    machine.run(put("one"));
    let limited = || with_limits("one", &[(Limit::BytesIn, 1_000), (Limit::Acls, 5)]);
    machine.state.level = Level::FIRST;
    let refused = machine.refusal(limited());
    assert!(matches!(refused, Refusal::LevelTooLow { .. }), "{refused:?}");
    machine.run(with_limits("one", &[(Limit::Acls, 5)]));
    machine.state.level = Level::QUOTAS;
    assert_eq!(machine.run(limited()), Outcome::Updated);
    assert_eq!(machine.vcluster("one").most(Limit::BytesIn), 1_000);
}

#[test]
fn tokens_that_have_expired_do_not_count() {
    let mut machine = Machine::default();
    machine.run(put("one"));
    machine.run(account("one", "alice"));
    machine.run(with_limits("one", &[(Limit::Tokens, 1)]));
    machine.run(token("one", 1, "alice", 2, (100, 200)));
    let next = |issued| token("one", 2, "alice", 2, (issued, 900));
    assert_eq!(machine.refusal(next(150)), over(Limit::Tokens, Some("one"), 1));
    assert_eq!(machine.run(next(201)), Outcome::Created);
}

#[test]
fn acls_are_bounded_in_bytes() {
    let mut machine = Machine::default();
    machine.run(put("one"));
    let size = codec::size(&acl("topic-0"));
    machine.run(with_limits("one", &[(Limit::AclBytes, 4 * size)]));
    for n in 0..3 {
        assert_eq!(machine.run(one_acl(n)), Outcome::Created);
    }
    let most = over(Limit::AclBytes, Some("one"), 4 * size);
    assert_eq!(machine.refusal(acls("one", &["topic-4", "topic-5"])), most);
    let wide = Command::DeleteAcls {
        vcluster: "one".parse().unwrap(),
        acls: vec![acl("topic-0")],
    };
    assert_eq!(machine.run(wide), Outcome::Deleted);
    assert_eq!(machine.run(one_acl(4)), Outcome::Created);

    let declared: Vec<String> = (0..5).map(|n| format!("topic-{n}")).collect();
    let declared: Vec<&str> = declared.iter().map(String::as_str).collect();
    let putting = limited(declaring(rest(&declared)), &[(Limit::AclBytes, 4 * size)]);
    assert_eq!(
        machine.refusal(putting),
        over(Limit::AclBytes, Some("declared"), 4 * size)
    );
}

#[test]
fn no_text_of_an_acl_is_longer_than_what_it_names() {
    let with = |resource_type, name: usize, principal: usize, host: usize| {
        let mut acl = acl(&"n".repeat(name));
        acl.pattern.resource_type = resource_type;
        acl.entry.principal = format!("User:{}", "p".repeat(principal - 5));
        acl.entry.host = "h".repeat(host);
        Command::CreateAcls {
            vcluster: "one".parse().unwrap(),
            acls: vec![acl],
        }
    };
    let mut machine = Machine::default();
    machine.run(put("one"));
    let longest = [
        (ResourceType::Topic, 249),
        (ResourceType::Group, 1024),
        (ResourceType::TransactionalId, 1024),
        (ResourceType::User, 512),
    ];
    for (kind, name) in longest {
        assert_eq!(
            machine.run(with(kind, name, 512, 64)),
            Outcome::Created,
            "{kind:?}"
        );
        for ((name, principal, host), part, most) in [
            ((name + 1, 10, 1), AclPart::ResourceName, name),
            ((name, 513, 1), AclPart::Principal, 512),
            ((name, 10, 65), AclPart::Host, 64),
        ] {
            let most = u16::try_from(most).unwrap();
            assert_eq!(
                machine.refusal(with(kind, name, principal, host)),
                Refusal::TooLong(TooLong { part, most }),
                "{kind:?}"
            );
        }
    }
}

#[test]
fn the_resource_of_a_virtual_cluster_is_bounded() {
    let mut machine = Machine::default();
    let name = "u".repeat(200);
    let users: Vec<String> = (0..6_000).map(|n| format!("{n}{name}")).collect();
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    assert_eq!(
        machine.refusal(put_with("one", &users)),
        over(Limit::SpecBytes, Some("one"), Limit::SpecBytes.most())
    );
    assert_eq!(machine.run(put_with("one", &users[..4_000])), Outcome::Created);
}

#[test]
fn nodes_and_physical_clusters_and_contested_names_are_bounded() {
    let mut machine = Machine::default();
    let pin = |n: u64| Command::PinCluster {
        cluster: format!("c{n}").parse().unwrap(),
        kafka_cluster_id: "id".to_owned(),
    };
    for n in 0..Limit::PhysicalClusters.most() {
        assert_eq!(machine.run(pin(n)), Outcome::Created);
    }
    let most = Limit::PhysicalClusters.most();
    assert_eq!(
        machine.refusal(pin(most)),
        over(Limit::PhysicalClusters, None, most)
    );
    let node = |n: u64| Command::PutNode {
        id: NodeId(n),
        record: NodeRecord::with_ports("localhost", 7000, 10),
    };
    for n in 0..Limit::Nodes.most() {
        assert_eq!(machine.run(node(n)), Outcome::Created);
    }
    let most = Limit::Nodes.most();
    assert_eq!(machine.refusal(node(most)), over(Limit::Nodes, None, most));
    assert_eq!(machine.run(node(0)), Outcome::Unchanged);

    let hide = Namespace::HidePrefix("dev-".parse().unwrap());
    machine.run(standard("dev", "main", hide, &["t*"]));
    let most = usize::try_from(Limit::ContestedNames.most()).unwrap();
    let names: Vec<String> = (0..=most).map(|number| format!("t{number}")).collect();
    let held: Vec<_> = names.iter().map(|name| (name.as_str(), Holder::Own)).collect();
    assert_eq!(machine.run(settle("dev", &held[..most], &[])), Outcome::Updated);
    assert_eq!(
        machine.refusal(settle("dev", &held[most..], &[])),
        over(Limit::ContestedNames, Some("dev"), Limit::ContestedNames.most())
    );
}

/// ACLs of a virtual cluster that take all that it may have.
fn full_of_acls() -> BTreeSet<AclBinding> {
    let mut large = acl("");
    large.pattern.resource_type = ResourceType::Group;
    large.entry.principal = format!("User:{}", "p".repeat(500));
    let numbered = |n: u64| {
        let mut acl = large.clone();
        acl.pattern.name = format!("{n:0>1000}");
        acl
    };
    let size = codec::size(&numbered(0));
    (0..Limit::AclBytes.most() / size - 1).map(numbered).collect()
}

#[test]
fn a_state_at_its_limit_is_written_and_read_and_room_can_be_made() {
    let mut machine = Machine::default();
    let acls = full_of_acls();
    let mut filled = 0;
    let full = over(Limit::StateBytes, None, Limit::StateBytes.most());
    loop {
        let name = format!("vc-{filled}");
        machine.run(put(&name));
        match machine.run(all_of(&acls, &name)) {
            Outcome::Created => filled += 1,
            Outcome::Refused(refusal) => break assert_eq!(refusal, full),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(filled, 16, "of 8 MiB each");
    let bytes = codec::encode(&machine.state).expect("a snapshot of it can be written");
    assert!(bytes.len() as u64 <= machine.state.used(Limit::StateBytes));
    let read: State = codec::decode(&bytes, Level::NEWEST).expect("and read");
    assert_eq!(
        read.used(Limit::StateBytes),
        machine.state.used(Limit::StateBytes)
    );

    assert_eq!(machine.refusal(all_of(&acls, "vc-16")), full);
    let one = acls.first().cloned().expect("many");
    let drop = Command::DeleteAcls {
        vcluster: "vc-0".parse().unwrap(),
        acls: vec![one],
    };
    assert_eq!(machine.run(drop), Outcome::Deleted);
    let demoted = machine.run(put_with("vc-1", &[]));
    assert_eq!(demoted, Outcome::Updated, "a right is taken away");
}

fn all_of(acls: &BTreeSet<AclBinding>, vcluster: &str) -> Command {
    Command::CreateAcls {
        vcluster: vcluster.parse().unwrap(),
        acls: acls.iter().cloned().collect(),
    }
}

#[test]
fn every_limit_says_whose_it_is_and_what_to_do() {
    for limit in Limit::ALL {
        let vcluster = (limit.of() == Of::Vcluster).then_some("one");
        let text = over(limit, vcluster, 7).to_string();
        assert!(text.contains("more than 7 "), "{text}");
        assert_eq!(
            limit.is_given(),
            text.contains(&format!("spec.limits.{}", limit.name())),
            "{text}"
        );
    }
}
