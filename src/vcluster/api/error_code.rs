//! The Kafka error codes that the gateway itself answers with.

use klamm_raft::model::TopicName;

use crate::wire::{Item, Value, field};

/// Writes the enum with its two ways of reading.
macro_rules! error_codes {
    ($($name:ident = $code:literal $label:literal,)*) => {
        /// A Kafka error code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(i16)]
        pub(in crate::vcluster) enum ErrorCode {
            $($name = $code,)*
        }

        impl ErrorCode {
            /// The error of this number, if the gateway answers with it.
            pub(in crate::vcluster) fn of(code: i16) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Kafka's name.
            pub(in crate::vcluster) fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)*
                }
            }
        }
    };
}

error_codes! {
    UnknownServerError = -1 "UNKNOWN_SERVER_ERROR",
    None = 0 "NONE",
    CorruptMessage = 2 "CORRUPT_MESSAGE",
    UnknownTopicOrPartition = 3 "UNKNOWN_TOPIC_OR_PARTITION",
    LeaderNotAvailable = 5 "LEADER_NOT_AVAILABLE",
    NotLeaderOrFollower = 6 "NOT_LEADER_OR_FOLLOWER",
    RequestTimedOut = 7 "REQUEST_TIMED_OUT",
    CoordinatorLoadInProgress = 14 "COORDINATOR_LOAD_IN_PROGRESS",
    CoordinatorNotAvailable = 15 "COORDINATOR_NOT_AVAILABLE",
    NotCoordinator = 16 "NOT_COORDINATOR",
    InvalidTopic = 17 "INVALID_TOPIC_EXCEPTION",
    IllegalGeneration = 22 "ILLEGAL_GENERATION",
    InconsistentGroupProtocol = 23 "INCONSISTENT_GROUP_PROTOCOL",
    InvalidGroupId = 24 "INVALID_GROUP_ID",
    UnknownMemberId = 25 "UNKNOWN_MEMBER_ID",
    RebalanceInProgress = 27 "REBALANCE_IN_PROGRESS",
    TopicAuthorizationFailed = 29 "TOPIC_AUTHORIZATION_FAILED",
    GroupAuthorizationFailed = 30 "GROUP_AUTHORIZATION_FAILED",
    ClusterAuthorizationFailed = 31 "CLUSTER_AUTHORIZATION_FAILED",
    UnsupportedSaslMechanism = 33 "UNSUPPORTED_SASL_MECHANISM",
    IllegalSaslState = 34 "ILLEGAL_SASL_STATE",
    UnsupportedVersion = 35 "UNSUPPORTED_VERSION",
    TopicAlreadyExists = 36 "TOPIC_ALREADY_EXISTS",
    InvalidPartitions = 37 "INVALID_PARTITIONS",
    InvalidConfig = 40 "INVALID_CONFIG",
    InvalidRequest = 42 "INVALID_REQUEST",
    UnsupportedForMessageFormat = 43 "UNSUPPORTED_FOR_MESSAGE_FORMAT",
    PolicyViolation = 44 "POLICY_VIOLATION",
    TransactionalIdAuthorizationFailed = 53 "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
    SecurityDisabled = 54 "SECURITY_DISABLED",
    OperationNotAttempted = 55 "OPERATION_NOT_ATTEMPTED",
    KafkaStorageError = 56 "KAFKA_STORAGE_ERROR",
    UnknownProducerId = 59 "UNKNOWN_PRODUCER_ID",
    GroupIdNotFound = 69 "GROUP_ID_NOT_FOUND",
    FetchSessionIdNotFound = 70 "FETCH_SESSION_ID_NOT_FOUND",
    UnsupportedCompressionType = 76 "UNSUPPORTED_COMPRESSION_TYPE",
    FencedInstanceId = 82 "FENCED_INSTANCE_ID",
    InvalidRecord = 87 "INVALID_RECORD",
    ThrottlingQuotaExceeded = 89 "THROTTLING_QUOTA_EXCEEDED",
    ResourceNotFound = 91 "RESOURCE_NOT_FOUND",
    DuplicateResource = 92 "DUPLICATE_RESOURCE",
    UnacceptableCredential = 93 "UNACCEPTABLE_CREDENTIAL",
    UnknownTopicId = 100 "UNKNOWN_TOPIC_ID",
    MismatchedEndpointType = 114 "MISMATCHED_ENDPOINT_TYPE",
    UnsupportedEndpointType = 115 "UNSUPPORTED_ENDPOINT_TYPE",
    ShareSessionNotFound = 122 "SHARE_SESSION_NOT_FOUND",
    InvalidRegularExpression = 128 "INVALID_REGULAR_EXPRESSION",
    StreamsInvalidTopology = 130 "STREAMS_INVALID_TOPOLOGY",
}

impl ErrorCode {
    /// Kafka's number.
    pub(in crate::vcluster) fn code(self) -> i16 {
        self as i16
    }
}

/// The words of a broker on a topic that is named twice where it is created or grows.
pub(super) const REPEATED: &str = "Duplicate topic name.";

/// The words on a topic that cannot be changed through a virtual cluster, where an answer has room for them.
pub(super) const NOT_OWNED: &str =
    "The topic does not belong to this virtual cluster: it is shown by an alias or a selector.";

/// The words on a request that the whole cluster must permit, where a broker names the permission.
pub(super) const NEEDS_DESCRIBE: &str = "The request needs DESCRIBE permission.";
pub(super) const NEEDS_ALTER: &str = "The request needs ALTER permission.";

/// The words of a broker on mutations that are more than a quota allows.
pub(super) const OVER_QUOTA: &str = "The throttling quota has been exceeded.";

/// The words of a broker with an authorization error, where an answer has room for them.
pub(super) fn denial(code: i16) -> Option<&'static str> {
    const DENIALS: [(ErrorCode, &str); 4] = [
        (ErrorCode::TopicAuthorizationFailed, "Topic authorization failed."),
        (ErrorCode::GroupAuthorizationFailed, "Group authorization failed."),
        (
            ErrorCode::ClusterAuthorizationFailed,
            "Cluster authorization failed.",
        ),
        (
            ErrorCode::TransactionalIdAuthorizationFailed,
            "Transactional Id authorization failed.",
        ),
    ];
    let denial = DENIALS.iter().find(|(error, _)| error.code() == code);
    denial.map(|(_, text)| *text)
}

/// The words of a broker with the errors that items are refused with, where an answer has room for them.
pub(super) fn message(code: i16) -> Option<&'static str> {
    const MESSAGES: [(ErrorCode, &str); 4] = [
        (
            ErrorCode::UnknownTopicOrPartition,
            "This server does not host this topic-partition.",
        ),
        (
            ErrorCode::CoordinatorNotAvailable,
            "The coordinator is not available.",
        ),
        (ErrorCode::InvalidGroupId, "The group id is invalid."),
        (
            ErrorCode::PolicyViolation,
            "The group does not belong to this virtual cluster: it is shown by a selector.",
        ),
    ];
    let known = MESSAGES.iter().find(|(error, _)| error.code() == code);
    known.map(|(_, text)| *text).or_else(|| denial(code))
}

/// The error for a topic that is not there, which is another one where no topic can have that name.
pub(super) fn naming_error(error: ErrorCode, name: &str) -> ErrorCode {
    if error == ErrorCode::UnknownTopicOrPartition && name.parse::<TopicName>().is_err() {
        ErrorCode::InvalidTopic
    } else {
        error
    }
}

/// Adds a broker's words to a refused item, and null where there are none.
pub(super) fn in_words_or_none(item: &mut Item, error: i16) {
    item.set(
        field::ERROR_MESSAGE,
        message(error).map_or(Value::Null, Value::from),
    );
}

impl From<ErrorCode> for Value {
    fn from(error: ErrorCode) -> Self {
        Self::from(error.code())
    }
}
