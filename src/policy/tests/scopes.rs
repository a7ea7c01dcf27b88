//! Whom and what policies concern.

use klamm_raft::model::PolicyKey;

use super::*;

fn marks(policies: &Policies, account: &str, topic: &str) -> Vec<String> {
    let chain = policies.chain(PolicyPhase::Consume, &client(account), topic);
    let Some(mut chain) = chain else {
        return Vec::new();
    };
    let consumed = consume(&mut chain, &[record("", &[])]).unwrap();
    consumed[0].1.iter().map(|(name, _)| name.clone()).collect()
}

/// A policy that shows by a header that it concerns a record.
fn marking(mark: &str) -> Policy {
    modify(PolicyPhase::Consume, &[set(mark, "x")], None)
}

fn all(name: &str) -> PolicyId {
    PolicyId::of_all(name.parse().unwrap())
}

fn group(name: &str, group: &str) -> PolicyId {
    PolicyId {
        name: name.parse().unwrap(),
        scope: PolicyScope::Group(group.parse().unwrap()),
    }
}

fn members(groups: &[(&str, &[&str])]) -> GroupMembers {
    let group = |(name, accounts): &(&str, &[&str])| {
        let accounts = accounts.iter().map(|account| account.parse().unwrap());
        (name.parse().unwrap(), Arc::new(accounts.collect()))
    };
    groups.iter().map(group).collect()
}

#[test]
fn of_one_name_the_narrowest_holds() {
    let everywhere = BTreeMap::from([
        (all("p"), marking("everywhere-p")),
        (all("q"), marking("everywhere-q")),
    ]);
    let mut own_policies = BTreeMap::from([(own("p", None), marking("own-p"))]);
    let compile =
        |own: &BTreeMap<PolicyId, Policy>| Policies::compile(&everywhere, own, &GroupMembers::new());
    assert_eq!(
        marks(&compile(&BTreeMap::new()), "alice", "t"),
        ["everywhere-p", "everywhere-q"]
    );
    assert_eq!(
        marks(&compile(&own_policies), "alice", "t"),
        ["own-p", "everywhere-q"]
    );
    own_policies.insert(own("p", Some("alice")), marking("alice-p"));
    own_policies.insert(own("q", Some("alice")), marking("alice-q"));
    let policies = compile(&own_policies);
    assert_eq!(marks(&policies, "alice", "t"), ["alice-p", "alice-q"]);
    assert_eq!(marks(&policies, "bob", "t"), ["own-p", "everywhere-q"]);
    // One that is not enabled holds, and does nothing.
    own_policies.get_mut(&own("q", Some("alice"))).unwrap().enabled = false;
    own_policies.get_mut(&own("p", None)).unwrap().enabled = false;
    let policies = compile(&own_policies);
    assert_eq!(marks(&policies, "alice", "t"), ["alice-p"]);
    assert_eq!(marks(&policies, "bob", "t"), ["everywhere-q"]);
    // So does one of the other phase.
    own_policies.insert(
        own("q", None),
        modify(PolicyPhase::Produce, &[set("x", "y")], None),
    );
    assert_eq!(marks(&compile(&own_policies), "bob", "t"), Vec::<String>::new());
}

#[test]
fn policies_of_groups_are_for_their_members() {
    let everywhere = BTreeMap::from([
        (all("p"), marking("everybody")),
        (group("p", "billing"), marking("billing-everywhere")),
        (own("p", Some("carol")), marking("carol-everywhere")),
    ]);
    let mut own_policies = BTreeMap::from([
        (group("p", "audit"), marking("audit")),
        (own("p", Some("alice")), marking("alice")),
    ]);
    let groups = members(&[
        ("audit", &["alice", "bob", "dave"]),
        ("billing", &["bob", "carol"]),
        ("nobodys", &["eve"]),
    ]);
    let compile = |own: &BTreeMap<PolicyId, Policy>| Policies::compile(&everywhere, own, &groups);
    let policies = compile(&own_policies);
    for (account, expected) in [
        ("alice", vec!["alice"]),
        // Who is in two groups that have one has both, by the names of the groups.
        ("bob", vec!["audit", "billing-everywhere"]),
        ("carol", vec!["carol-everywhere"]),
        ("dave", vec!["audit"]),
        ("eve", vec!["everybody"]),
    ] {
        assert_eq!(marks(&policies, account, "t"), expected, "{account}");
    }
    // That of the virtual cluster holds in the place of that of all, for the same group or account.
    own_policies.insert(group("p", "billing"), marking("billing"));
    own_policies.insert(own("p", Some("carol")), marking("carol"));
    let policies = compile(&own_policies);
    assert_eq!(marks(&policies, "bob", "t"), ["audit", "billing"]);
    assert_eq!(marks(&policies, "carol", "t"), ["carol"]);
    // One that is not enabled keeps the wider one away.
    own_policies.get_mut(&group("p", "audit")).unwrap().enabled = false;
    assert_eq!(marks(&compile(&own_policies), "dave", "t"), Vec::<String>::new());
    // A group without members here is for nobody here.
    let alone = Policies::compile(&everywhere, &BTreeMap::new(), &GroupMembers::new());
    assert_eq!(marks(&alone, "bob", "t"), ["everybody"]);
}

#[test]
fn whole_names_of_topics_match_an_expression() {
    let on = |mark: &str, topics: &[TopicPattern]| {
        let mut policy = marking(mark);
        policy.topics = topics.iter().cloned().collect();
        policy
    };
    let regex = |text: &str| TopicPattern::Regex(text.parse().unwrap());
    let literal = TopicPattern::Literal("bills".parse().unwrap());
    let policies = compiled(&[
        ("1", on("m1", &[regex("orders-[0-9]+|orders"), literal])),
        ("2", on("m2", &[regex(".*s")])),
    ]);
    for (topic, expected) in [
        ("orders", vec!["m1", "m2"]),
        ("orders-7", vec!["m1"]),
        ("orders-7x", vec![]),
        ("my-orders", vec!["m2"]),
        ("bills", vec!["m1", "m2"]),
    ] {
        assert_eq!(marks(&policies, "alice", topic), expected, "{topic}");
    }
    let refused = |topics: &[TopicPattern]| check(&on("m", topics)).unwrap_err().to_string();
    assert!(refused(&[regex("a("), regex("b")]).contains("the regular expression is invalid"));
    assert!(
        refused(&[regex("a(?=b)")]).contains("spec.topics.name"),
        "nothing looks ahead"
    );
    assert!(refused(&[regex("(a{100}){100}")]).contains("too large"));
    assert!(refused(&[regex("a"), regex("b")]).contains("one regular expression at most"));
    // Of one that this node cannot read nobody knows which topics it means, nor what it would keep back.
    let broken = compiled(&[("1", on("m1", &[regex("a(")]))]);
    let mut chain = broken
        .chain(PolicyPhase::Consume, &client("alice"), "any")
        .unwrap();
    assert!(consume(&mut chain, &[record("", &[])]).is_err());
}

/// The reference for what is compiled: what an operator is told about a client.
fn told(
    everywhere: &BTreeMap<PolicyId, Policy>,
    own: &BTreeMap<PolicyId, Policy>,
    groups: &GroupMembers,
    account: &str,
) -> Vec<String> {
    let account = account.parse().unwrap();
    let in_groups = groups.iter().filter(|(_, members)| members.contains(&account));
    let in_groups = in_groups.map(|(name, _)| name.clone()).collect();
    let vcluster = "tenant".parse().unwrap();
    let mut held: Vec<_> = keyed_in(&vcluster, everywhere, own).collect();
    retain_holding(&mut held, Some(&account), &in_groups);
    held.retain(|(_, policy)| policy.enabled);
    held.sort_by(|(a, first), (b, second)| (first.priority, a.id()).cmp(&(second.priority, b.id())));
    let mark = |(_, policy): &(PolicyKey, &Policy)| match &policy.action {
        PolicyAction::ModifyHeaders { actions } => match &actions[0] {
            HeaderAction::Set { key, .. } => key.to_string(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    held.iter().map(mark).collect()
}

proptest! {
    #[test]
    fn what_an_operator_is_told_about_a_client_is_what_is_done(
        policies in proptest::collection::vec((any::<bool>(), 0..2_u8, 0..5_u8, -1..2_i32, any::<bool>()), 0..12),
        groups in proptest::collection::vec(proptest::collection::btree_set(0..3_u8, 0..3), 2),
    ) {
        let mut maps = [BTreeMap::new(), BTreeMap::new()];
        for (number, (is_own, name, scope, priority, enabled)) in policies.iter().enumerate() {
            let name = format!("p{name}");
            let id = match scope {
                0 => all(&name),
                1 | 2 => group(&name, &format!("g{scope}")),
                _ => own(&name, Some(&format!("user-{scope}"))),
            };
            let policy = Policy { priority: *priority, enabled: *enabled, ..marking(&format!("m{number}")) };
            maps[usize::from(*is_own)].insert(id, policy);
        }
        let [everywhere, own_policies] = maps;
        let groups: GroupMembers = (1..).zip(&groups).map(|(number, accounts)| {
            let accounts = accounts.iter().map(|account| format!("user-{}", account + 2).parse().unwrap());
            (format!("g{number}").parse().unwrap(), Arc::new(accounts.collect()))
        }).collect();
        let compiled = Policies::compile(&everywhere, &own_policies, &groups);
        for account in ["user-2", "user-3", "user-4"] {
            let expected = told(&everywhere, &own_policies, &groups, account);
            prop_assert_eq!(marks(&compiled, account, "t"), expected, "{}", account);
        }
    }
}

fn patterns(literal: &[&str], prefixed: &[&str]) -> BTreeSet<TopicPattern> {
    let literal = literal
        .iter()
        .map(|name| TopicPattern::Literal(name.parse().unwrap()));
    let prefixed = prefixed
        .iter()
        .map(|name| TopicPattern::Prefixed(name.parse().unwrap()));
    literal.chain(prefixed).collect()
}

#[test]
fn topics_are_named_or_begin_alike() {
    let on = |mark: &str, literal: &[&str], prefixed: &[&str]| {
        let mut policy = marking(mark);
        policy.topics = patterns(literal, prefixed);
        policy
    };
    let policies = compiled(&[
        ("1", on("m1", &["orders"], &[])),
        ("2", on("m2", &[], &["ord"])),
        ("3", on("m3", &[], &["orders-", "a"])),
        ("4", on("m4", &["orders"], &["orders", "ord"])),
    ]);
    let mut with_all = vec![("0", marking("m0"))];
    assert_eq!(marks(&policies, "alice", "orders"), ["m1", "m2", "m4"]);
    assert_eq!(marks(&policies, "alice", "orders-eu"), ["m2", "m3", "m4"]);
    assert_eq!(marks(&policies, "alice", "order"), ["m2", "m4"]);
    assert_eq!(marks(&policies, "alice", "orz"), Vec::<String>::new());
    assert_eq!(marks(&policies, "alice", "or"), Vec::<String>::new());
    assert_eq!(marks(&policies, "alice", "a"), ["m3"]);
    with_all.push(("1", on("m1", &["orders"], &[])));
    let policies = compiled(&with_all);
    assert_eq!(marks(&policies, "alice", "orders"), ["m0", "m1"]);
    assert_eq!(marks(&policies, "alice", "x"), ["m0"]);
}

proptest! {
    #[test]
    fn a_topic_has_the_policies_of_which_a_pattern_fits(
        sets in proptest::collection::vec((proptest::collection::vec("[ab]{1,5}", 0..4), proptest::collection::vec("[ab]{1,4}", 0..4)), 1..8),
        topics in proptest::collection::vec("[ab]{1,6}", 1..10),
    ) {
        let policies: Vec<BTreeSet<TopicPattern>> = sets
            .iter()
            .map(|(literal, prefixed)| {
                let borrowed = |list: &[String]| -> Vec<String> { list.to_vec() };
                let (literal, prefixed) = (borrowed(literal), borrowed(prefixed));
                let literal: Vec<&str> = literal.iter().map(String::as_str).collect();
                let prefixed: Vec<&str> = prefixed.iter().map(String::as_str).collect();
                patterns(&literal, &prefixed)
            })
            .collect();
        let index = topics::PoliciesByTopic::new(policies.iter().map(BTreeSet::iter));
        for topic in &topics {
            let fits = |patterns: &BTreeSet<TopicPattern>| {
                patterns.is_empty() || patterns.iter().any(|pattern| match pattern {
                    TopicPattern::Literal(name) => name.as_str() == topic,
                    TopicPattern::Prefixed(prefix) => topic.starts_with(prefix.as_str()),
                    TopicPattern::Regex(_) => false,
                })
            };
            let expected: Vec<usize> = (0..policies.len()).filter(|place| fits(&policies[*place])).collect();
            prop_assert_eq!(index.of(topic), expected, "{}", topic);
        }
    }
}
