//! The Kafka error codes that the gateway itself answers with.

use crate::wire::Value;

/// A Kafka error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub(super) enum ErrorCode {
    UnknownServerError = -1,
    UnknownTopicOrPartition = 3,
    LeaderNotAvailable = 5,
    NotLeaderOrFollower = 6,
    RequestTimedOut = 7,
    CoordinatorLoadInProgress = 14,
    CoordinatorNotAvailable = 15,
    NotCoordinator = 16,
    InvalidTopic = 17,
    IllegalGeneration = 22,
    InconsistentGroupProtocol = 23,
    InvalidGroupId = 24,
    UnknownMemberId = 25,
    TopicAuthorizationFailed = 29,
    GroupAuthorizationFailed = 30,
    ClusterAuthorizationFailed = 31,
    UnsupportedSaslMechanism = 33,
    UnsupportedVersion = 35,
    InvalidRequest = 42,
    PolicyViolation = 44,
    TransactionalIdAuthorizationFailed = 53,
    SecurityDisabled = 54,
    OperationNotAttempted = 55,
    GroupIdNotFound = 69,
    FetchSessionIdNotFound = 70,
    FencedInstanceId = 82,
    ResourceNotFound = 91,
    DuplicateResource = 92,
    UnacceptableCredential = 93,
    UnknownTopicId = 100,
    MismatchedEndpointType = 114,
    UnsupportedEndpointType = 115,
    ShareSessionNotFound = 122,
    InvalidRegularExpression = 128,
    StreamsInvalidTopology = 130,
}

impl ErrorCode {
    /// Kafka's number.
    pub(super) fn code(self) -> i16 {
        self as i16
    }
}

/// What a broker says of an authorization error, where an answer has room for words.
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

/// What a broker says of the errors with which items are refused, where an answer has room for words.
pub(super) fn message(code: i16) -> Option<&'static str> {
    const MESSAGES: [(ErrorCode, &str); 3] = [
        (
            ErrorCode::UnknownTopicOrPartition,
            "This server does not host this topic-partition.",
        ),
        (
            ErrorCode::CoordinatorNotAvailable,
            "The coordinator is not available.",
        ),
        (ErrorCode::InvalidGroupId, "The group id is invalid."),
    ];
    let known = MESSAGES.iter().find(|(error, _)| error.code() == code);
    known.map(|(_, text)| *text).or_else(|| denial(code))
}

impl From<ErrorCode> for Value {
    fn from(error: ErrorCode) -> Self {
        Self::from(error.code())
    }
}
