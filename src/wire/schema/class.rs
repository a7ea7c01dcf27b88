//! The class of a field: what it is to a gateway. Knows no wire format.

/// The meaning of a field. Which field has which is in `tests/schema/classes.txt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Of no interest; walked over.
    Nothing,
    TopicName,
    TopicId,
    /// A regular expression over topic names.
    TopicPattern,
    GroupId,
    TransactionalId,
    /// A regular expression over transactional ids.
    TransactionalIdPattern,
    /// A group id, transactional id or share key, as [`Class::CoordinatorType`] says.
    CoordinatorKey,
    CoordinatorType,
    BrokerId,
    /// Who fetches: -1 for a client.
    ReplicaId,
    /// A broker's host.
    Host,
    /// A broker's port.
    Port,
    Rack,
    ClusterId,
    PartitionIndex,
    /// The epoch of a partition's leader, by which clients tell what is old.
    LeaderEpoch,
    /// Record batches, never looked into by the walker.
    Records,
    /// Bytes that hold a `ConsumerProtocolSubscription` when the group's protocol type is `consumer`.
    Subscription,
    /// Bytes that hold a `ConsumerProtocolAssignment` when the group's protocol type is `consumer`.
    Assignment,
    ProtocolType,
    ErrorCode,
    /// A broker's text, which may name physical things.
    ErrorMessage,
    ThrottleTimeMs,
    AuthorizedOperations,
    Acks,
    ProducerId,
    ProducerEpoch,
    FetchSessionId,
    FetchSessionEpoch,
    ResourceType,
    /// A name whose kind [`Class::ResourceType`] says.
    ResourceName,
    Principal,
    AclHost,
    QuotaEntityType,
    QuotaEntity,
    UserName,
    Secret,
    ConfigName,
    ConfigValue,
    LogDir,
    /// The address that a member of a group connects from.
    ClientHost,
    /// An array of structs that name a topic, each a [`Class::Topic`].
    Topics,
    Topic,
    /// An array of structs that name a partition, each a [`Class::Partition`].
    Partitions,
    Partition,
    /// Any other array.
    Array,
    /// Any other struct.
    Struct,
}
