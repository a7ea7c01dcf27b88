//! Holds the index against the plain model: random ACLs and questions from small alphabets, so that they meet.

use std::collections::BTreeSet;

use klamm_raft::model::{
    AclBinding, AclEntry, Operation, PatternType, Permission, ResourcePattern, ResourceType,
};
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

const RESOURCE_TYPES: usize = 6;
use crate::authz::model::{Model, Verdict};

const RESOURCE_KINDS: [ResourceType; RESOURCE_TYPES] = [
    ResourceType::Topic,
    ResourceType::Group,
    ResourceType::Cluster,
    ResourceType::TransactionalId,
    ResourceType::DelegationToken,
    ResourceType::User,
];
const OPERATIONS: [Operation; 14] = [
    Operation::All,
    Operation::Read,
    Operation::Write,
    Operation::Create,
    Operation::Delete,
    Operation::Alter,
    Operation::Describe,
    Operation::ClusterAction,
    Operation::DescribeConfigs,
    Operation::AlterConfigs,
    Operation::IdempotentWrite,
    Operation::CreateTokens,
    Operation::DescribeTokens,
    Operation::TwoPhaseCommit,
];
const NAMES: [&str; 22] = [
    "",
    "*",
    "**",
    "*a",
    "*foo",
    "!x",
    "a",
    "aa",
    "aaa",
    "aaaa",
    "aab",
    "ab",
    "abab",
    "b",
    "ba",
    "hard",
    "hardcode",
    "hardcodes",
    "ä",
    "äö",
    "kafka-cluster",
    "kafka-",
];
const LONG_NAME: &str = "abbabaabbaababbabaababbaabbabaabbaababbaabbabaababbabaabbaababba";
const PRINCIPALS: [&str; 9] = [
    "User:a", "User:b", "User:*", "User:a*", "Group:*", "Group:a", "user:a", ":", "User:a:b",
];
const HOSTS: [&str; 5] = ["*", "10.0.0.1", "10.0.0.2", "", "0:0:0:0:0:0:0:1"];

/// One set of ACLs and one question.
#[derive(Debug, Clone)]
struct Case {
    acls: BTreeSet<AclBinding>,
    super_users: BTreeSet<Principal>,
    if_no_acl: IfNoAcl,
    principal: Principal,
    host: &'static str,
    operation: Operation,
    resource_type: ResourceType,
    name: String,
}

/// Every answer about the case must be the model's, and the ACL that is named must be one that decides so.
fn check(case: &Case, index: &AclIndex) {
    let model = Model {
        acls: &case.acls,
        super_users: &case.super_users,
        if_no_acl: case.if_no_acl,
        principal: &case.principal,
        host: case.host,
    };
    let resource = Resource {
        resource_type: case.resource_type,
        name: &case.name,
    };
    let decision = index.decide(&case.principal, case.host, case.operation, resource);
    assert_eq!(
        verdict(decision),
        model.decide(case.operation, resource),
        "{case:#?}"
    );
    if let Some(acl) = named(decision) {
        let acl = binding(index.matched(acl));
        assert!(case.acls.contains(&acl), "{acl:?} is not stored: {case:#?}");
        let alone = BTreeSet::from([acl]);
        let model = Model {
            acls: &alone,
            ..model
        };
        assert_eq!(
            verdict(decision),
            model.decide(case.operation, resource),
            "{case:#?}"
        );
    }
    assert_eq!(
        index.authorized_operations(&case.principal, case.host, resource),
        model.authorized_operations(resource),
        "{case:#?}"
    );
    assert_eq!(
        index
            .decide_any_topic_write(&case.principal, case.host)
            .is_allowed(),
        model.may_write_any_topic(),
        "{case:#?}"
    );
}

fn verdict(decision: Decision) -> Verdict {
    match decision {
        Decision::Allowed(authorized) => match authorized.rule() {
            Rule::SuperUser => Verdict::SuperUser,
            Rule::Acl(_) => Verdict::AclAllows,
            Rule::DefaultAllow => Verdict::DefaultAllows,
            Rule::AclsDisabled => panic!("ACLs decide in these tests"),
        },
        Decision::Denied(DenyRule::Acl(_)) => Verdict::AclDenies,
        Decision::Denied(DenyRule::Default) => Verdict::DefaultDenies,
    }
}

fn named(decision: Decision) -> Option<AclRef> {
    match decision {
        Decision::Denied(DenyRule::Acl(acl)) => Some(acl),
        Decision::Denied(DenyRule::Default) => None,
        Decision::Allowed(authorized) => match authorized.rule() {
            Rule::Acl(acl) => Some(acl),
            Rule::SuperUser | Rule::DefaultAllow | Rule::AclsDisabled => None,
        },
    }
}

fn binding(acl: MatchedAcl<'_>) -> AclBinding {
    AclBinding {
        pattern: ResourcePattern {
            resource_type: acl.resource_type,
            name: acl.resource_name.to_owned(),
            pattern_type: acl.pattern_type,
        },
        entry: AclEntry {
            principal: acl.principal.to_owned(),
            host: acl.host.to_owned(),
            operation: acl.operation,
            permission: acl.permission,
        },
    }
}

/// A principal with any type, which clients do not have today but the rules know.
fn principal(text: &str) -> Principal {
    Principal::from_text(text)
}

/// SplitMix64: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % sides as u64) as usize
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())]
    }

    fn name(&mut self) -> String {
        if self.roll(3) == 0 {
            return (0..self.roll(7)).map(|_| self.pick(&['a', 'b', '*'])).collect();
        }
        if self.roll(4) == 0 {
            // Parts of one long name, so that prefixes of many lengths cover each other.
            let part = &LONG_NAME[..self.roll(LONG_NAME.len() + 1)];
            return format!("{part}{}", self.pick(&["", "", "a", "b"]));
        }
        self.pick(&NAMES).to_owned()
    }

    /// Few types and operations, or all: the first lets many entries meet.
    fn acl(&mut self, types: usize, operations: usize) -> AclBinding {
        AclBinding {
            pattern: ResourcePattern {
                resource_type: RESOURCE_KINDS[self.roll(types)],
                name: self.name(),
                pattern_type: self.pick(&[PatternType::Literal, PatternType::Prefixed]),
            },
            entry: AclEntry {
                principal: self.pick(&PRINCIPALS).to_owned(),
                host: self.pick(&HOSTS).to_owned(),
                operation: OPERATIONS[self.roll(operations)],
                permission: self.pick(&[Permission::Allow, Permission::Allow, Permission::Deny]),
            },
        }
    }

    fn case(&mut self) -> Case {
        let types = self.pick(&[1, 1, 2, RESOURCE_TYPES]);
        let operations = self.pick(&[3, OPERATIONS.len()]);
        let size = self.pick(&[1, 2, 3, 5, 8, 20, 300]);
        let count = self.roll(size + 1);
        let mut acls: BTreeSet<_> = (0..count).map(|_| self.acl(types, operations)).collect();
        if self.roll(3) == 0 {
            // One pattern with many holders.
            let pattern = self.acl(types, operations).pattern;
            for _ in 0..40 {
                let AclBinding { entry, .. } = self.acl(types, operations);
                acls.insert(AclBinding {
                    pattern: pattern.clone(),
                    entry,
                });
            }
        }
        let mut case = Case {
            acls,
            super_users: BTreeSet::from([principal("User:root")]),
            if_no_acl: self.pick(&[IfNoAcl::Deny, IfNoAcl::Allow]),
            principal: principal("User:a"),
            host: "*",
            operation: Operation::All,
            resource_type: RESOURCE_KINDS[self.roll(types)],
            name: String::new(),
        };
        self.ask(&mut case);
        case
    }

    fn ask(&mut self, case: &mut Case) {
        case.principal = match self.roll(8) {
            0 => principal("User:root"),
            1 => principal("User:stranger"),
            2 => principal(self.pick(&PRINCIPALS)),
            _ => principal("User:a"),
        };
        case.host = self.pick(&["10.0.0.1", "10.0.0.2", "192.168.0.1", "0:0:0:0:0:0:0:1"]);
        case.operation = self.pick(&OPERATIONS);
        case.name = self.name();
    }
}

#[test]
fn the_index_says_what_the_rules_say() {
    const SETS: usize = 4_000;
    const QUESTIONS: usize = 30;
    let seed = std::env::var("KLAMM_TEST_SEED").map_or_else(
        |_| std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0),
        |text| text.parse().expect("KLAMM_TEST_SEED is a number"),
    );
    println!("KLAMM_TEST_SEED={seed}");
    let mut dice = Dice(seed);
    for _ in 0..SETS {
        let mut case = dice.case();
        let index = AclIndex::compile(&case.acls, &case.super_users, case.if_no_acl);
        for _ in 0..QUESTIONS {
            check(&case, &index);
            dice.ask(&mut case);
        }
    }
}

fn any_acl() -> impl Strategy<Value = AclBinding> {
    let pattern = (
        select(&RESOURCE_KINDS[..2]),
        prop_oneof![select(&NAMES[..]).prop_map(str::to_owned), "[ab*]{0,5}"],
        select(&[PatternType::Literal, PatternType::Prefixed][..]),
    );
    let entry = (
        select(&PRINCIPALS[..]),
        select(&HOSTS[..]),
        select(&OPERATIONS[..]),
        select(&[Permission::Allow, Permission::Deny][..]),
    );
    (pattern, entry).prop_map(
        |((resource_type, name, pattern_type), (principal, host, operation, permission))| AclBinding {
            pattern: ResourcePattern {
                resource_type,
                name,
                pattern_type,
            },
            entry: AclEntry {
                principal: principal.to_owned(),
                host: host.to_owned(),
                operation,
                permission,
            },
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Compares the index with the rules in cases that shrink to the smallest one that fails.
    #[test]
    fn the_index_says_what_the_rules_say_in_small_cases(
        acls in proptest::collection::btree_set(any_acl(), 0..12),
        if_no_acl in select(&[IfNoAcl::Deny, IfNoAcl::Allow][..]),
        who in select(&PRINCIPALS[..]),
        host in select(&HOSTS[..]),
        operation in select(&OPERATIONS[..]),
        resource_type in select(&RESOURCE_KINDS[..2]),
        name in prop_oneof![select(&NAMES[..]).prop_map(str::to_owned), "[ab*]{0,5}"],
    ) {
        let case = Case {
            acls, super_users: BTreeSet::new(), if_no_acl, principal: principal(who), host, operation, resource_type, name,
        };
        check(&case, &AclIndex::compile(&case.acls, &case.super_users, case.if_no_acl));
    }
}

/// `allow|deny operation type:pattern-type:name`, for `User:a` from anywhere.
fn acl(text: &str) -> AclBinding {
    let [permission, operation, pattern_type, name] = text.split(' ').collect::<Vec<_>>()[..] else {
        panic!("four words: {text}");
    };
    AclBinding {
        pattern: ResourcePattern {
            resource_type: ResourceType::Topic,
            name: name.to_owned(),
            pattern_type: match pattern_type {
                "literal" => PatternType::Literal,
                "prefixed" => PatternType::Prefixed,
                other => panic!("{other}"),
            },
        },
        entry: AclEntry {
            principal: "User:a".to_owned(),
            host: "*".to_owned(),
            operation: *OPERATIONS
                .iter()
                .find(|known| format!("{known:?}") == operation)
                .expect("known"),
            permission: match permission {
                "allow" => Permission::Allow,
                "deny" => Permission::Deny,
                other => panic!("{other}"),
            },
        },
    }
}

fn index(acls: &[&str]) -> AclIndex {
    AclIndex::compile(
        &acls.iter().map(|text| acl(text)).collect(),
        &BTreeSet::new(),
        IfNoAcl::Deny,
    )
}

#[test]
fn any_topic_as_it_was_measured_on_a_broker() {
    for (acls, allowed) in [
        (&["allow Write prefixed t", "deny Write literal t"][..], true),
        (&["allow Write prefixed te", "deny Write prefixed t"], false),
        (&["allow Write literal t", "deny Write literal *"], false),
        (&["allow Write literal *", "deny Write prefixed t"], true),
        (&["allow Read literal t"], false),
        (&["allow Write literal t", "deny All literal t"], false),
        (
            &[
                "allow Write literal t",
                "deny Write literal t",
                "allow All literal u",
            ],
            true,
        ),
    ] {
        let decision = index(acls).decide_any_topic_write(&principal("User:a"), "10.0.0.1");
        assert_eq!(decision.is_allowed(), allowed, "{acls:?}");
    }
}

#[test]
fn bitfields_as_they_were_measured_on_a_broker() {
    for (acls, bits) in [
        (&["allow Read literal t"][..], 264),
        (&["allow Write literal t"], 272),
        (&["allow Describe literal t"], 256),
        (&["allow All literal t"], 3576),
        (&["allow All literal *", "deny Read prefixed t"], 3568),
        (&["allow Read literal other"], 0),
    ] {
        let operations =
            index(acls).authorized_operations(&principal("User:a"), "10.0.0.1", Resource::topic("t"));
        assert_eq!(operations, bits, "{acls:?}");
    }
}

#[test]
fn with_acls_disabled_everybody_may_do_everything() {
    let index = AclIndex::disabled();
    assert!(!index.is_enforced());
    let asker = index.asker(&Principal::user("anybody"), "10.0.0.1");
    let decision = asker.decide(Operation::Alter, Resource::CLUSTER);
    assert_eq!(decision.authorized().map(|a| a.rule()), Some(Rule::AclsDisabled));
    assert!(asker.decide_any_topic_write().is_allowed());
    assert_eq!(asker.authorized_operations(Resource::topic("t")), 3576);
}
