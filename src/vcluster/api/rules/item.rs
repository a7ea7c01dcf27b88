//! An item of a request, as rules ask for it: where each kind of requests has its fields.

use std::borrow::Cow;

use super::super::config_reader::{BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC};
use super::super::description::Api;
use super::super::resources;
use crate::authz::codes::{self, Coded};
use crate::expression::{Keyed, NoAnswer, Operand};
use crate::policy::{RequestFacts, RequestVariable};
use crate::wire::{BatchHeader, Class, Field, Node, batch_headers, field};
use klamm_raft::model::{Operation, PatternType, Permission, RequestKind, ResourceType};

/// An item of a request.
#[derive(Debug)]
pub(super) struct RequestItem<'a> {
    kind: RequestKind,
    api: &'static Api,
    version: i16,
    root: Node<'a>,
    node: Node<'a>,
    topic: Option<&'a str>,
    configs: ItemConfigs<'a>,
    operations: ConfigOperations<'a>,
}

impl<'a> RequestItem<'a> {
    pub(super) fn new(
        kind: RequestKind,
        (api, version): (&'static Api, i16),
        (root, node): (Node<'a>, Node<'a>),
        topic: Option<&'a str>,
    ) -> Self {
        Self {
            kind,
            api,
            version,
            root,
            node,
            topic,
            configs: ItemConfigs(node),
            operations: ConfigOperations(node),
        }
    }

    /// How many partitions a topic is to have: where replicas are assigned, as many as there are assignments.
    fn partitions(&self) -> Result<Operand<'_>, NoAnswer> {
        match (self.kind, self.assignments().count()) {
            (RequestKind::CreatePartitions, _) => int(self.node, field::COUNT),
            (_, 0) => int(self.node, field::NUM_PARTITIONS),
            (_, assigned) => i64::try_from(assigned)
                .map(Operand::Int)
                .map_err(|_| NoAnswer::Arithmetic),
        }
    }

    /// How many replicas a topic is to have: where they are assigned, as many as the first partition has, as brokers
    /// demand of all.
    fn replication_factor(&self) -> Result<Operand<'_>, NoAnswer> {
        match self.assignments().next() {
            Some(first) => i64::try_from(first.i32s().count())
                .map(Operand::Int)
                .map_err(|_| NoAnswer::Arithmetic),
            None => int(self.node, field::REPLICATION_FACTOR),
        }
    }

    /// The brokers of each partition that has some assigned.
    fn assignments(&self) -> impl Iterator<Item = Node<'a>> {
        let items = self.node.items(field::ASSIGNMENTS);
        items.filter_map(|item| item.child(field::BROKER_IDS))
    }

    /// The header of the only batch. Of several, something is said only where all say the same.
    fn of_batches<T: PartialEq>(&self, what: impl Fn(BatchHeader) -> T) -> Result<T, NoAnswer> {
        let records = self.node.child_of(Class::Records).and_then(Node::bytes);
        let mut said = batch_headers(records.ok_or(NoAnswer::Missing)?).map(what);
        let first = said.next().ok_or(NoAnswer::Missing)?;
        match said.all(|other| other == first) {
            true => Ok(first),
            false => Err(NoAnswer::Twice),
        }
    }

    fn resource_type(&self) -> Result<Operand<'_>, NoAnswer> {
        match self.kind {
            RequestKind::CreateAcls => {
                coded(self.code(field::RESOURCE_TYPE), codes::resource_type, of_resource)
            }
            RequestKind::DeleteAcls => coded(
                self.code(field::RESOURCE_TYPE_FILTER),
                codes::resource_type,
                of_resource,
            ),
            _ => word(match resources::kind_of(self.node) {
                TOPIC => "topic",
                GROUP => "group",
                BROKER => "broker",
                BROKER_LOGGER => "broker_logger",
                CLIENT_METRICS => "client_metrics",
                _ => return Err(NoAnswer::Missing),
            }),
        }
    }

    fn code(&self, field: Field) -> i8 {
        let code = self.node.int_in(field).and_then(|code| i8::try_from(code).ok());
        code.unwrap_or_default()
    }

    /// A field that is called otherwise where it is of a filter.
    fn of_acl(&self, named: Field, of_filter: Field) -> Field {
        match self.kind {
            RequestKind::DeleteAcls => of_filter,
            _ => named,
        }
    }

    fn of_acls(&self, variable: RequestVariable) -> Result<Operand<'_>, NoAnswer> {
        match variable {
            RequestVariable::PatternType => {
                let field = self.of_acl(field::RESOURCE_PATTERN_TYPE, field::PATTERN_TYPE_FILTER);
                coded(self.code(field), codes::pattern_type, of_pattern)
            }
            RequestVariable::Principal => {
                text(self.node, self.of_acl(field::PRINCIPAL, field::PRINCIPAL_FILTER))
            }
            RequestVariable::Host => text(self.node, self.of_acl(field::HOST, field::HOST_FILTER)),
            RequestVariable::Operation => coded(self.code(field::OPERATION), codes::operation, of_operation),
            RequestVariable::Permission => coded(
                self.code(field::PERMISSION_TYPE),
                codes::permission,
                of_permission,
            ),
            _ => Err(NoAnswer::Missing),
        }
    }
}

impl RequestFacts for RequestItem<'_> {
    fn value(&self, variable: RequestVariable) -> Result<Operand<'_>, NoAnswer> {
        let (root, node) = (self.root, self.node);
        match variable {
            RequestVariable::Api => word(self.api.name()),
            RequestVariable::Version => Ok(Operand::Int(self.version.into())),
            RequestVariable::Partitions => self.partitions(),
            RequestVariable::ReplicationFactor => self.replication_factor(),
            RequestVariable::Assignments => {
                let brokers = |array: Node<'_>| array.i32s().map(|(_, id)| Operand::Int(id.into())).collect();
                let assigned = self.assignments().map(|array| Operand::Literal(brokers(array)));
                Ok(Operand::Literal(assigned.collect()))
            }
            RequestVariable::Configs => Ok(Operand::Keyed(&self.configs)),
            RequestVariable::ConfigOperations => Ok(Operand::Keyed(&self.operations)),
            RequestVariable::ValidateOnly => {
                let flag = root.bool_in(field::VALIDATE_ONLY);
                flag.map(Operand::Bool).ok_or(NoAnswer::Missing)
            }
            RequestVariable::ResourceType => self.resource_type(),
            RequestVariable::ResourceName => text(
                node,
                self.of_acl(field::RESOURCE_NAME, field::RESOURCE_NAME_FILTER),
            ),
            RequestVariable::Acks => int(root, field::ACKS),
            RequestVariable::TimeoutMs => int(root, field::TIMEOUT_MS),
            RequestVariable::TransactionalId => text(root, field::TRANSACTIONAL_ID),
            RequestVariable::Compression => codec(self.of_batches(|batch| batch.codec())?),
            RequestVariable::Idempotent => self.of_batches(|batch| batch.producer_id >= 0).map(Operand::Bool),
            RequestVariable::Transactional => self
                .of_batches(|batch| batch.is_transactional())
                .map(Operand::Bool),
            RequestVariable::IsolationLevel => word(match root.int_in(field::ISOLATION_LEVEL) {
                Some(0) => "read_uncommitted",
                Some(1) => "read_committed",
                _ => return Err(NoAnswer::Missing),
            }),
            RequestVariable::MaxBytes => int(root, field::MAX_BYTES),
            RequestVariable::MinBytes => int(root, field::MIN_BYTES),
            RequestVariable::MaxWaitMs => int(root, field::MAX_WAIT_MS),
            RequestVariable::RackId => text(root, field::RACK_ID),
            RequestVariable::GroupId => text(node, field::GROUP_ID),
            RequestVariable::MemberId => text(root, field::MEMBER_ID),
            RequestVariable::GroupInstanceId => text(root, field::GROUP_INSTANCE_ID),
            RequestVariable::MemberEpoch => int(root, self.epoch()),
            RequestVariable::SessionTimeoutMs => int(root, field::SESSION_TIMEOUT_MS),
            RequestVariable::RebalanceTimeoutMs => int(root, field::REBALANCE_TIMEOUT_MS),
            RequestVariable::ProtocolType => text(root, field::PROTOCOL_TYPE),
            RequestVariable::ServerAssignor => text(root, field::SERVER_ASSIGNOR),
            RequestVariable::PatternType
            | RequestVariable::Principal
            | RequestVariable::Host
            | RequestVariable::Operation
            | RequestVariable::Permission => self.of_acls(variable),
        }
    }

    fn item(&self) -> String {
        let topic = || format!("topic {}", self.topic.unwrap_or_default());
        let named =
            |what: &str, field: Field| format!("{what} {}", self.node.text_in(field).unwrap_or_default());
        match self.kind {
            RequestKind::CreateTopics | RequestKind::CreatePartitions | RequestKind::Fetch => topic(),
            RequestKind::AlterConfigs | RequestKind::IncrementalAlterConfigs => {
                named("resource", field::RESOURCE_NAME)
            }
            RequestKind::Produce => {
                let partition = self.node.partition_index().unwrap_or_default();
                format!("partition {partition} of {}", topic())
            }
            RequestKind::JoinGroup
            | RequestKind::ConsumerGroupHeartbeat
            | RequestKind::OffsetCommit
            | RequestKind::OffsetFetch
            | RequestKind::TxnOffsetCommit
            | RequestKind::Heartbeat => named("group", field::GROUP_ID),
            RequestKind::CreateAcls => named("ACL on", field::RESOURCE_NAME),
            RequestKind::DeleteAcls => named("ACLs on", field::RESOURCE_NAME_FILTER),
            RequestKind::Any => format!("request {}", self.api.name()),
        }
    }
}

impl RequestItem<'_> {
    /// Where the epoch of a member is.
    fn epoch(&self) -> Field {
        match self.kind {
            RequestKind::OffsetCommit => field::GENERATION_ID_OR_MEMBER_EPOCH,
            RequestKind::TxnOffsetCommit | RequestKind::Heartbeat => field::GENERATION_ID,
            _ => field::MEMBER_EPOCH,
        }
    }
}

fn int(of: Node<'_>, field: Field) -> Result<Operand<'_>, NoAnswer> {
    of.int_in(field).map(Operand::Int).ok_or(NoAnswer::Missing)
}

/// A text, or null. A version may not have the field.
fn text<'a>(of: Node<'a>, field: Field) -> Result<Operand<'a>, NoAnswer> {
    text_of(of.child(field).ok_or(NoAnswer::Missing)?)
}

fn text_of(node: Node<'_>) -> Result<Operand<'_>, NoAnswer> {
    node.bytes().map_or(Ok(Operand::Null), Operand::of_bytes)
}

fn word(text: &str) -> Result<Operand<'_>, NoAnswer> {
    Ok(Operand::Text(Cow::Borrowed(text)))
}

fn codec(number: i16) -> Result<Operand<'static>, NoAnswer> {
    word(match number {
        0 => "none",
        1 => "gzip",
        2 => "snappy",
        3 => "lz4",
        4 => "zstd",
        _ => return Err(NoAnswer::Missing),
    })
}

/// The word for a code of an ACL.
fn coded<T>(
    code: i8,
    read: impl Fn(i8) -> Coded<T>,
    concrete: impl Fn(T) -> &'static str,
) -> Result<Operand<'static>, NoAnswer> {
    match read(code) {
        Coded::Any => word("any"),
        Coded::Match => word("match"),
        Coded::Is(value) => word(concrete(value)),
        Coded::Unknown | Coded::OutOfRange => Err(NoAnswer::Missing),
    }
}

fn of_resource(kind: ResourceType) -> &'static str {
    match kind {
        ResourceType::Topic => "topic",
        ResourceType::Group => "group",
        ResourceType::Cluster => "cluster",
        ResourceType::TransactionalId => "transactional_id",
        ResourceType::DelegationToken => "delegation_token",
        ResourceType::User => "user",
    }
}

fn of_pattern(kind: PatternType) -> &'static str {
    match kind {
        PatternType::Literal => "literal",
        PatternType::Prefixed => "prefixed",
    }
}

fn of_permission(permission: Permission) -> &'static str {
    match permission {
        Permission::Allow => "allow",
        Permission::Deny => "deny",
    }
}

fn of_operation(operation: Operation) -> &'static str {
    match operation {
        Operation::All => "all",
        Operation::Read => "read",
        Operation::Write => "write",
        Operation::Create => "create",
        Operation::Delete => "delete",
        Operation::Alter => "alter",
        Operation::Describe => "describe",
        Operation::ClusterAction => "cluster_action",
        Operation::DescribeConfigs => "describe_configs",
        Operation::AlterConfigs => "alter_configs",
        Operation::IdempotentWrite => "idempotent_write",
        Operation::CreateTokens => "create_tokens",
        Operation::DescribeTokens => "describe_tokens",
        Operation::TwoPhaseCommit => "two_phase_commit",
    }
}

/// The configurations of an item, by name. One that is there twice has no value, as nobody knows which one counts.
#[derive(Debug)]
struct ItemConfigs<'a>(Node<'a>);

impl Keyed for ItemConfigs<'_> {
    fn count(&self) -> usize {
        self.0.items(field::CONFIGS).count()
    }

    fn member(&self, name: &str) -> Result<Operand<'_>, NoAnswer> {
        text(only(self.0, name)?, field::VALUE)
    }

    fn names(&self) -> Vec<&str> {
        names(self.0)
    }
}

/// The operations on the configurations of an item, by name.
#[derive(Debug)]
struct ConfigOperations<'a>(Node<'a>);

impl Keyed for ConfigOperations<'_> {
    fn count(&self) -> usize {
        self.0.items(field::CONFIGS).count()
    }

    fn member(&self, name: &str) -> Result<Operand<'_>, NoAnswer> {
        word(match only(self.0, name)?.int_in(field::CONFIG_OPERATION) {
            Some(0) => "set",
            Some(1) => "delete",
            Some(2) => "append",
            Some(3) => "subtract",
            _ => return Err(NoAnswer::Missing),
        })
    }

    fn names(&self) -> Vec<&str> {
        names(self.0)
    }
}

/// The only configuration of this name.
fn only<'a>(item: Node<'a>, name: &str) -> Result<Node<'a>, NoAnswer> {
    let mut named = item
        .items(field::CONFIGS)
        .filter(|config| config.text_in(field::NAME) == Some(name));
    match (named.next(), named.next()) {
        (None, _) => Err(NoAnswer::Missing),
        (Some(config), None) => Ok(config),
        (Some(_), Some(_)) => Err(NoAnswer::Twice),
    }
}

fn names(item: Node<'_>) -> Vec<&str> {
    let names = item
        .items(field::CONFIGS)
        .filter_map(|config| config.text_in(field::NAME));
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names.dedup();
    names
}
