//! Whom and what policies concern.

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

#[test]
fn of_one_name_the_narrowest_holds() {
    let name = |text: &str| text.parse::<PolicyName>().unwrap();
    let everywhere = BTreeMap::from([
        (name("p"), marking("everywhere-p")),
        (name("q"), marking("everywhere-q")),
    ]);
    let mut own_policies = BTreeMap::from([(own("p", None), marking("own-p"))]);
    let compile = |own: &BTreeMap<PolicyId, Policy>| Policies::compile(&everywhere, own);
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
                })
            };
            let expected: Vec<usize> = (0..policies.len()).filter(|place| fits(&policies[*place])).collect();
            prop_assert_eq!(index.of(topic), expected, "{}", topic);
        }
    }
}
