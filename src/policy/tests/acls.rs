//! ACLs that policies bring: whose they are, which they are, and which policy they come from.

use klamm_raft::model::{AclBinding, AclName, AclRule, Operation, PatternType, Permission, ResourceType};

use super::*;

fn rule(resource_type: ResourceType, names: &[(PatternType, &str)]) -> AclRule {
    let name = |(pattern_type, name): &(PatternType, &str)| AclName {
        pattern_type: *pattern_type,
        name: (*name).to_owned(),
    };
    AclRule {
        permission: Permission::Deny,
        resource_type,
        operations: vec![Operation::Read, Operation::Write],
        names: names.iter().map(name).collect(),
    }
}

fn orders() -> AclRule {
    rule(ResourceType::Topic, &[(PatternType::Literal, "orders")])
}

fn brings(condition: Option<&str>, rules: Vec<AclRule>) -> Policy {
    let principals = principals(condition).unwrap_or_default();
    policy(
        PolicyPhase::Cluster,
        PolicyAction::Acls { principals, rules },
        condition,
    )
}

fn id(name: &str) -> PolicyId {
    PolicyId::of_all(name.parse().unwrap())
}

/// Each as `principal operation pattern:name by policy`.
fn brought(everywhere: &[(&str, Policy)], own: &[(&str, Policy)]) -> Vec<String> {
    let named = |(name, policy): &(&str, Policy)| (id(name), policy.clone());
    let everywhere = everywhere.iter().map(named).collect();
    let own = own.iter().map(named).collect();
    let brought = BroughtAcls::of(&"shop".parse().unwrap(), &everywhere, &own);
    let line = |acl: &AclBinding| {
        let AclBinding { pattern, entry } = acl;
        let (kind, name) = (pattern.pattern_type, &pattern.name);
        let by = brought.by(acl).unwrap();
        format!(
            "{} {:?} {kind:?}:{name} by {by}",
            entry.principal, entry.operation
        )
    };
    brought.iter().map(line).collect()
}

#[test]
fn a_condition_says_whose_they_are() {
    let named = |condition: &str| principals(Some(condition)).map(|all| all.into_iter().collect::<Vec<_>>());
    assert_eq!(principals(None), Ok(["User:*".to_owned()].into()));
    for (condition, expected) in [
        ("true", &["User:*"][..]),
        ("context.auth.principal.name == \"u1\"", &["User:u1"]),
        ("'u1' == context.auth.principal.name", &["User:u1"]),
        ("context.auth.principal.name in ['b', 'a']", &["User:a", "User:b"]),
        (
            "context.auth.principal.name == 'a' || (context.auth.principal.name in ['b'] || 'c' == context.auth.principal.name)",
            &["User:a", "User:b", "User:c"],
        ),
    ] {
        let expected: Vec<String> = expected.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(named(condition), Ok(expected), "{condition}");
    }
    for condition in [
        "context.auth.principal.name != 'a'",
        "!(context.auth.principal.name == 'a')",
        "context.auth.principal.name == 'a' && context.auth.principal.name == 'a'",
        "context.auth.principal.name.startsWith('a')",
        "context.auth.principal.name == 'a' || true",
        "context.auth.principal.name in ['a', 1]",
        "context.auth.principal.name == context.auth.principal.name",
        "'a' in ['a']",
        "false",
    ] {
        assert_eq!(named(condition), Err(PolicyFault::AclCondition), "{condition}");
    }
    // It would be everybody, or nobody.
    for condition in [
        "context.auth.principal.name == '*'",
        "context.auth.principal.name == ''",
        "context.auth.principal.name in []",
    ] {
        assert_eq!(named(condition), Err(PolicyFault::AclPrincipal), "{condition}");
    }
    let other = named("context.topic.name == 'a'").unwrap_err().to_string();
    assert!(other.contains("can only say whose they are"), "{other}");
}

#[test]
fn there_is_one_for_each_principal_operation_and_name() {
    let condition = Some("context.auth.principal.name in ['a', 'b']");
    let names = [(PatternType::Literal, "*"), (PatternType::Prefixed, "x-")];
    let all = brought(
        &[],
        &[("p", brings(condition, vec![rule(ResourceType::Topic, &names)]))],
    );
    let by = "by policy p of virtual cluster shop";
    let expected = [
        format!("User:a Read Literal:* {by}"),
        format!("User:a Write Literal:* {by}"),
        format!("User:b Read Literal:* {by}"),
        format!("User:b Write Literal:* {by}"),
        format!("User:a Read Prefixed:x- {by}"),
    ];
    assert_eq!(all[..5], expected);
    assert_eq!(all.len(), 8);
    let cluster = rule(ResourceType::Cluster, &[(PatternType::Literal, "*")]);
    let all = brought(&[], &[("p", brings(None, vec![cluster]))]);
    assert_eq!(all[0], format!("User:* Read Literal:kafka-cluster {by}"));
}

#[test]
fn one_of_the_virtual_cluster_takes_the_place_of_one_of_all() {
    let of = |name: &str| {
        brings(
            None,
            vec![rule(ResourceType::Topic, &[(PatternType::Literal, name)])],
        )
    };
    let asleep = Policy {
        enabled: false,
        ..of("a")
    };
    let line = |topic: &str, by: &str| format!("User:* Read Literal:{topic} by {by}");
    let reads = |everywhere: &[(&str, Policy)], own: &[(&str, Policy)]| {
        let mut all = brought(everywhere, own);
        all.retain(|line| line.contains("Read"));
        all
    };
    let everywhere = [("p", of("a")), ("q", of("b"))];
    let (all_p, all_q) = (
        "policy p of all virtual clusters",
        "policy q of all virtual clusters",
    );
    assert_eq!(reads(&everywhere, &[]), [line("a", all_p), line("b", all_q)]);
    let own = "policy p of virtual cluster shop";
    assert_eq!(
        reads(&everywhere, &[("p", of("c"))]),
        [line("b", all_q), line("c", own)]
    );
    assert_eq!(reads(&everywhere, &[("p", asleep)]), [line("b", all_q)]);
    assert!(brought(&[], &[("p", skip("true"))]).is_empty());
}

#[test]
fn what_is_no_acl_is_refused() {
    let refused = |policy: &Policy| check(policy).unwrap_err().to_string();
    assert_eq!(check(&brings(None, vec![orders()])), Ok(()));
    let mut of_records = brings(None, vec![orders()]);
    of_records.phase = PolicyPhase::Produce;
    assert_eq!(check(&of_records), Err(PolicyFault::AclsOfRecords));
    let mut of_requests = skip("true");
    of_requests.phase = PolicyPhase::Cluster;
    assert_eq!(check(&of_requests), Err(PolicyFault::RecordsInPhaseOfRequests));
    assert_eq!(check(&brings(None, Vec::new())), Err(PolicyFault::NoAclRules));
    let mut idle = orders();
    idle.operations.clear();
    let long = "x".repeat(250);
    for (rule, why) in [
        (rule(ResourceType::Topic, &[]), "at least one resource"),
        (idle, "at least one"),
        (
            rule(ResourceType::Topic, &[(PatternType::Literal, "")]),
            "is empty",
        ),
        (
            rule(ResourceType::Topic, &[(PatternType::Literal, &long)]),
            "at most 249 bytes",
        ),
        (
            rule(ResourceType::Cluster, &[(PatternType::Literal, "other")]),
            "kafka-cluster",
        ),
        (
            rule(ResourceType::Cluster, &[(PatternType::Prefixed, "kafka-cluster")]),
            "kafka-cluster",
        ),
    ] {
        let refused = refused(&brings(None, vec![orders(), rule]));
        assert!(
            refused.starts_with("spec.action.rules[1]: ") && refused.contains(why),
            "{refused}"
        );
    }
    let many = vec![orders(); 501];
    assert!(refused(&brings(None, many)).contains("more than 1000 ACLs"));
    assert_eq!(check(&brings(None, vec![orders(); 500])), Ok(()));
    let mut of_topics = brings(None, vec![orders()]);
    of_topics.topics = [TopicPattern::Literal("orders".parse().unwrap())].into();
    assert_eq!(check(&of_topics), Err(PolicyFault::AclTopics));
    let mut failing = brings(None, vec![orders()]);
    failing.failure_mode = Some(FailureMode::Refuse);
    assert_eq!(check(&failing), Err(PolicyFault::AclFailureMode));
}
