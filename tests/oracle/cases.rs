//! Random ACLs and questions from small alphabets, so that they meet; and how they are written for the oracle.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use klamm::authz::{AclIndex, IfNoAcl, Principal, Resource, host_text};
use klamm_raft::model::{
    AclBinding, AclEntry, Operation, PatternType, Permission, ResourcePattern, ResourceType,
};

const TYPES: [(ResourceType, &str); 6] = [
    (ResourceType::Topic, "TOPIC"),
    (ResourceType::Group, "GROUP"),
    (ResourceType::Cluster, "CLUSTER"),
    (ResourceType::TransactionalId, "TRANSACTIONAL_ID"),
    (ResourceType::DelegationToken, "DELEGATION_TOKEN"),
    (ResourceType::User, "USER"),
];
const OPERATIONS: [(Operation, &str); 14] = [
    (Operation::All, "ALL"),
    (Operation::Read, "READ"),
    (Operation::Write, "WRITE"),
    (Operation::Create, "CREATE"),
    (Operation::Delete, "DELETE"),
    (Operation::Alter, "ALTER"),
    (Operation::Describe, "DESCRIBE"),
    (Operation::ClusterAction, "CLUSTER_ACTION"),
    (Operation::DescribeConfigs, "DESCRIBE_CONFIGS"),
    (Operation::AlterConfigs, "ALTER_CONFIGS"),
    (Operation::IdempotentWrite, "IDEMPOTENT_WRITE"),
    (Operation::CreateTokens, "CREATE_TOKENS"),
    (Operation::DescribeTokens, "DESCRIBE_TOKENS"),
    (Operation::TwoPhaseCommit, "TWO_PHASE_COMMIT"),
];
const NAMES: [&str; 16] = [
    "*",
    "**",
    "*a",
    "!x",
    "a",
    "aa",
    "aab",
    "ab",
    "abab",
    "b",
    "ba",
    "hard",
    "hardcode",
    "hardcodes",
    "äö",
    "kafka-cluster",
];
/// None is named `*`: Kafka's authorizer fails for it.
const USERS: [&str; 5] = ["a", "b", "a*", "a:b", "ANONYMOUS"];
const ENTRY_PRINCIPALS: [&str; 8] = [
    "User:a", "User:b", "User:*", "User:a*", "Group:*", "Group:a", "user:a", "User:a:b",
];
/// As a client has them; an entry has their text in Java's form.
const ADDRESSES: [&str; 4] = ["10.0.0.1", "10.0.0.2", "::1", "2001:db8::a1"];

/// SplitMix64: small, and the same everywhere.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let sides = u64::try_from(sides).unwrap();
        usize::try_from((mixed ^ (mixed >> 31)) % sides).unwrap()
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())]
    }

    /// Seldom the rarer kinds, so that what is asked for is often what there is.
    fn resource_type(&mut self) -> (ResourceType, &'static str) {
        match self.roll(3) {
            0 => self.pick(&TYPES),
            _ => TYPES[self.roll(2)],
        }
    }

    fn name(&mut self) -> String {
        match self.roll(3) {
            0 => (0..=self.roll(6)).map(|_| self.pick(&['a', 'b', '*'])).collect(),
            _ => self.pick(&NAMES).to_owned(),
        }
    }

    fn host(&mut self) -> String {
        match self.roll(2) {
            0 => "*".to_owned(),
            _ => host_text(self.pick(&ADDRESSES).parse().unwrap()),
        }
    }

    fn acl(&mut self) -> AclBinding {
        let pattern_type = self.pick(&[PatternType::Literal, PatternType::Prefixed]);
        let permission = self.pick(&[Permission::Allow, Permission::Allow, Permission::Deny]);
        AclBinding {
            pattern: ResourcePattern {
                resource_type: self.resource_type().0,
                name: self.name(),
                pattern_type,
            },
            entry: AclEntry {
                principal: self.pick(&ENTRY_PRINCIPALS).to_owned(),
                host: self.host(),
                operation: self.pick(&OPERATIONS).0,
                permission,
            },
        }
    }
}

/// The setup of an authorizer.
#[derive(Debug)]
pub(crate) struct World {
    acls: BTreeSet<AclBinding>,
    super_users: BTreeSet<Principal>,
    if_no_acl: IfNoAcl,
}

impl World {
    pub(crate) fn random(dice: &mut Dice) -> Self {
        let most = dice.pick(&[5, 20, 80, 300]);
        let count = dice.roll(most);
        let super_users = match dice.roll(4) {
            0 => BTreeSet::from([Principal::user(dice.pick(&USERS))]),
            _ => BTreeSet::new(),
        };
        Self {
            acls: (0..count).map(|_| dice.acl()).collect(),
            super_users,
            if_no_acl: dice.pick(&[IfNoAcl::Deny, IfNoAcl::Allow]),
        }
    }

    pub(crate) fn compile(&self) -> AclIndex {
        AclIndex::compile(&self.acls, &self.super_users, self.if_no_acl)
    }

    /// For the oracle.
    pub(crate) fn write(&self, script: &mut String) {
        let everyone = self.if_no_acl == IfNoAcl::Allow;
        let users: Vec<&str> = self.super_users.iter().map(Principal::as_str).collect();
        writeln!(script, "S\t{everyone}\t{}", users.join(";")).unwrap();
        for AclBinding { pattern, entry } in &self.acls {
            let fields = [
                name_of(&TYPES, pattern.resource_type),
                &pattern.name,
                match pattern.pattern_type {
                    PatternType::Literal => "LITERAL",
                    PatternType::Prefixed => "PREFIXED",
                },
                &entry.principal,
                &entry.host,
                name_of(&OPERATIONS, entry.operation),
                match entry.permission {
                    Permission::Allow => "ALLOW",
                    Permission::Deny => "DENY",
                },
            ];
            writeln!(script, "A\t{}", fields.join("\t")).unwrap();
        }
    }
}

fn name_of<T: PartialEq>(names: &[(T, &'static str)], value: T) -> &'static str {
    names
        .iter()
        .find(|(known, _)| *known == value)
        .map(|(_, name)| *name)
        .unwrap()
}

/// A question of somebody.
#[derive(Debug)]
pub(crate) struct Ask {
    user: &'static str,
    address: &'static str,
    what: What,
}

#[derive(Debug)]
enum What {
    Decision(ResourceType, String, Operation),
    Bits(ResourceType, String),
    AnyTopicWrite,
}

impl Ask {
    pub(crate) fn random(dice: &mut Dice) -> Self {
        let what = match dice.roll(10) {
            0 => What::AnyTopicWrite,
            1 => What::Bits(dice.resource_type().0, dice.name()),
            _ => What::Decision(dice.resource_type().0, dice.name(), dice.pick(&OPERATIONS).0),
        };
        Self {
            user: dice.pick(&USERS),
            address: dice.pick(&ADDRESSES),
            what,
        }
    }

    /// As the oracle answers it.
    pub(crate) fn answer(&self, index: &AclIndex) -> i32 {
        let (principal, host) = (
            Principal::user(self.user),
            host_text(self.address.parse().unwrap()),
        );
        let resource = |resource_type: &ResourceType, name| Resource {
            resource_type: *resource_type,
            name,
        };
        match &self.what {
            What::Decision(kind, name, operation) => {
                let decision = index.decide(&principal, &host, *operation, resource(kind, name));
                i32::from(decision.is_allowed())
            }
            What::Bits(kind, name) => index.authorized_operations(&principal, &host, resource(kind, name)),
            What::AnyTopicWrite => i32::from(index.decide_any_topic_write(&principal, &host).is_allowed()),
        }
    }
}

/// For the oracle.
impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = format!("{}\t{}", self.user, self.address);
        match &self.what {
            What::Decision(kind, name, operation) => {
                let (kind, operation) = (name_of(&TYPES, *kind), name_of(&OPERATIONS, *operation));
                write!(f, "Q\t{who}\t{kind}\t{name}\t{operation}")
            }
            What::Bits(kind, name) => write!(f, "B\t{who}\t{}\t{name}", name_of(&TYPES, *kind)),
            What::AnyTopicWrite => write!(f, "T\t{who}\tTOPIC\tWRITE"),
        }
    }
}
