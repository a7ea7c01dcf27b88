//! One decision as a line of the audit log, in the words that a Kafka broker's `kafka.authorizer.logger` uses.

use std::fmt::{self, Write as _};

use klamm_raft::model::{Operation, PatternType, Permission, ResourceType};

use super::authorized::Rule;
use super::decision::{AclRef, Decision, DenyRule, MatchedAcl};
use super::index::AclIndex;
use super::principal::Principal;
use super::resource::Resource;

/// A decision with all that it was about. Its `Display` is the line.
#[derive(Debug, Clone, Copy)]
pub struct AuditLine<'a> {
    /// The index that decided.
    pub index: &'a AclIndex,
    pub decision: Decision,
    pub principal: &'a Principal,
    pub host: &'a str,
    pub operation: Operation,
    pub resource: Resource<'a>,
    /// The API's name, such as `Fetch`.
    pub request: &'a str,
    /// How many items of the request referred to the resource.
    pub references: usize,
}

impl fmt::Display for AuditLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.decision.is_allowed() {
            "Allowed"
        } else {
            "Denied"
        };
        write!(
            f,
            "Principal = {} is {verdict} operation = {} from host = {} on resource = {}:LITERAL:{} for request = {} \
             with resourceRefCount = {} based on rule ",
            OneLine(self.principal.as_str()),
            operation_name(self.operation),
            self.host,
            type_title(self.resource.resource_type),
            OneLine(self.resource.name),
            self.request,
            self.references,
        )?;
        match self.decision {
            Decision::Allowed(authorized) => match authorized.rule() {
                Rule::SuperUser => f.write_str("SuperUser"),
                Rule::DefaultAllow => f.write_str("DefaultAllow"),
                Rule::AclsDisabled => f.write_str("AclsDisabled"),
                Rule::Acl(acl) => self.write_acl(acl, f),
            },
            Decision::Denied(DenyRule::Default) => f.write_str("DefaultDeny"),
            Decision::Denied(DenyRule::Acl(acl)) => self.write_acl(acl, f),
        }
    }
}

impl AuditLine<'_> {
    fn write_acl(&self, acl: AclRef, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MatchingAcl(acl={})", self.index.matched(acl))
    }
}

impl fmt::Display for MatchedAcl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "StandardAcl[resourceType={}, resourceName={}, patternType={}, principal={}, host={}, operation={}, \
             permissionType={}]",
            type_name(self.resource_type),
            OneLine(self.resource_name),
            match self.pattern_type {
                PatternType::Literal => "LITERAL",
                PatternType::Prefixed => "PREFIXED",
            },
            OneLine(self.principal),
            OneLine(self.host),
            operation_name(self.operation),
            match self.permission {
                Permission::Allow => "ALLOW",
                Permission::Deny => "DENY",
            },
        )
    }
}

/// The most of a text that is shown, in characters: no topic has a longer name.
const MAX_TEXT_CHARS: usize = 300;

/// Text that a client chose, cut. Its control characters are escaped, so that it cannot end the line and forge another.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut characters = self.0.chars();
        characters
            .by_ref()
            .take(MAX_TEXT_CHARS)
            .try_for_each(|character| {
                if character.is_control() {
                    write!(f, "{}", character.escape_default())
                } else {
                    f.write_char(character)
                }
            })?;
        match characters.next() {
            Some(_) => f.write_str("..."),
            None => Ok(()),
        }
    }
}

/// A resource type as audit lines begin the resource with it.
pub const fn type_title(resource_type: ResourceType) -> &'static str {
    match resource_type {
        ResourceType::Topic => "Topic",
        ResourceType::Group => "Group",
        ResourceType::Cluster => "Cluster",
        ResourceType::TransactionalId => "TransactionalId",
        ResourceType::DelegationToken => "DelegationToken",
        ResourceType::User => "User",
    }
}

/// A resource type as Kafka's enumeration spells it.
const fn type_name(resource_type: ResourceType) -> &'static str {
    match resource_type {
        ResourceType::Topic => "TOPIC",
        ResourceType::Group => "GROUP",
        ResourceType::Cluster => "CLUSTER",
        ResourceType::TransactionalId => "TRANSACTIONAL_ID",
        ResourceType::DelegationToken => "DELEGATION_TOKEN",
        ResourceType::User => "USER",
    }
}

/// An operation as Kafka's enumeration spells it.
pub const fn operation_name(operation: Operation) -> &'static str {
    match operation {
        Operation::All => "ALL",
        Operation::Read => "READ",
        Operation::Write => "WRITE",
        Operation::Create => "CREATE",
        Operation::Delete => "DELETE",
        Operation::Alter => "ALTER",
        Operation::Describe => "DESCRIBE",
        Operation::ClusterAction => "CLUSTER_ACTION",
        Operation::DescribeConfigs => "DESCRIBE_CONFIGS",
        Operation::AlterConfigs => "ALTER_CONFIGS",
        Operation::IdempotentWrite => "IDEMPOTENT_WRITE",
        Operation::CreateTokens => "CREATE_TOKENS",
        Operation::DescribeTokens => "DESCRIBE_TOKENS",
        Operation::TwoPhaseCommit => "TWO_PHASE_COMMIT",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use klamm_raft::model::{AclBinding, AclEntry, ResourcePattern};

    use super::*;
    use crate::authz::IfNoAcl;

    fn check(user: &str, topic: &str, operation: Operation, if_no_acl: IfNoAcl, line: &str) {
        let acl = |name: &str, pattern_type, operation, permission| AclBinding {
            pattern: ResourcePattern {
                resource_type: ResourceType::Topic,
                name: name.to_owned(),
                pattern_type,
            },
            entry: AclEntry {
                principal: "User:bob".to_owned(),
                host: "*".to_owned(),
                operation,
                permission,
            },
        };
        let acls = BTreeSet::from([
            acl("t", PatternType::Prefixed, Operation::Write, Permission::Allow),
            acl("t1", PatternType::Literal, Operation::All, Permission::Deny),
        ]);
        let index = AclIndex::compile(&acls, &BTreeSet::from([Principal::user("admin")]), if_no_acl);
        let (principal, resource) = (Principal::user(user), Resource::topic(topic));
        let audit = AuditLine {
            index: &index,
            decision: index.decide(&principal, "10.0.0.1", operation, resource),
            principal: &principal,
            host: "10.0.0.1",
            operation,
            resource,
            request: "Fetch",
            references: 2,
        };
        assert_eq!(audit.to_string(), line);
    }

    #[test]
    fn each_rule_is_named() {
        check(
            "alice",
            "t",
            Operation::Read,
            IfNoAcl::Deny,
            "Principal = User:alice is Denied operation = READ from host = 10.0.0.1 on resource = Topic:LITERAL:t \
             for request = Fetch with resourceRefCount = 2 based on rule DefaultDeny",
        );
        check(
            "admin",
            "t",
            Operation::ClusterAction,
            IfNoAcl::Deny,
            "Principal = User:admin is Allowed operation = CLUSTER_ACTION from host = 10.0.0.1 on resource = \
             Topic:LITERAL:t for request = Fetch with resourceRefCount = 2 based on rule SuperUser",
        );
        check(
            "alice",
            "free",
            Operation::Read,
            IfNoAcl::Allow,
            "Principal = User:alice is Allowed operation = READ from host = 10.0.0.1 on resource = \
             Topic:LITERAL:free for request = Fetch with resourceRefCount = 2 based on rule DefaultAllow",
        );
        check(
            "bob",
            "t2",
            Operation::Describe,
            IfNoAcl::Deny,
            "Principal = User:bob is Allowed operation = DESCRIBE from host = 10.0.0.1 on resource = \
             Topic:LITERAL:t2 for request = Fetch with resourceRefCount = 2 based on rule \
             MatchingAcl(acl=StandardAcl[resourceType=TOPIC, resourceName=t, patternType=PREFIXED, \
             principal=User:bob, host=*, operation=WRITE, permissionType=ALLOW])",
        );
        check(
            "bob",
            "t1",
            Operation::Write,
            IfNoAcl::Deny,
            "Principal = User:bob is Denied operation = WRITE from host = 10.0.0.1 on resource = Topic:LITERAL:t1 \
             for request = Fetch with resourceRefCount = 2 based on rule \
             MatchingAcl(acl=StandardAcl[resourceType=TOPIC, resourceName=t1, patternType=LITERAL, \
             principal=User:bob, host=*, operation=ALL, permissionType=DENY])",
        );
    }

    #[test]
    fn a_long_name_is_cut() {
        let shown = "é".repeat(MAX_TEXT_CHARS);
        check(
            "alice",
            &"é".repeat(30_000),
            Operation::Read,
            IfNoAcl::Deny,
            &format!(
                "Principal = User:alice is Denied operation = READ from host = 10.0.0.1 on resource = \
                 Topic:LITERAL:{shown}... for request = Fetch with resourceRefCount = 2 based on rule DefaultDeny"
            ),
        );
    }

    #[test]
    fn a_name_cannot_begin_a_line_of_its_own() {
        check(
            "eve\nPrincipal = User:eve",
            "x\r",
            Operation::Read,
            IfNoAcl::Deny,
            "Principal = User:eve\\nPrincipal = User:eve is Denied operation = READ from host = 10.0.0.1 on \
             resource = Topic:LITERAL:x\\r for request = Fetch with resourceRefCount = 2 based on rule DefaultDeny",
        );
    }
}
