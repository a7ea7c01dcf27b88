//! Why a session ends: a closed set for logs and a metric. A client sees a closed connection and nothing else.

use crate::auth::LoginLost;
use crate::metrics::ClosedFor;
use crate::vcluster::plan::CloseReason;
use crate::wire::Lookalike;

/// Why a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum End {
    #[error("the client closed the connection")]
    ClientClosed,
    #[error("the connection to the client was lost")]
    ClientBroken,
    #[error("this is not Kafka: it looks like {0}")]
    NotKafka(Lookalike),
    #[error("a frame's length is negative or exceeds the limit")]
    FrameLength,
    #[error("the request cannot be parsed, or contains what only brokers may send")]
    BadRequest,
    #[error("the request uses an API or version that is not served")]
    UnsupportedApi,
    #[error("a request was about to be sent to a broker without a permit: this is a bug in the gateway")]
    Unpermitted,
    #[error("a request arrived before the login was complete")]
    NotLoggedIn,
    #[error("the login was refused")]
    LoginRefused,
    #[error("no login succeeded in time")]
    LoginTimeout,
    #[error("the credential expired and the client did not authenticate again")]
    SessionExpired,
    #[error("the account was deleted")]
    AccountDeleted,
    #[error("the token was revoked")]
    TokenWithdrawn,
    #[error("the password was changed or removed")]
    PasswordChanged,
    #[error("the mechanism is no longer offered")]
    MechanismWithdrawn,
    #[error("the operating system provides no random bytes")]
    NoRandomness,
    #[error("the method of authentication was changed or removed")]
    MethodChanged,
    #[error("another account now has the external name of this client")]
    AccountChanged,
    #[error("part of a produce request without acknowledgement was refused")]
    UnansweredRefusal,
    #[error("the connection was idle for too long")]
    Idle,
    #[error("a frame took too long to arrive, or stalled while memory was reserved for it")]
    SlowFrame,
    #[error("the client does not read its answers")]
    SlowReader,
    #[error("upstream: no connection to the broker could be established")]
    UpstreamUnavailable,
    #[error("upstream: the connection to the broker was lost with requests in flight")]
    UpstreamLost,
    #[error("upstream: the broker began an answer but did not finish it")]
    UpstreamStalled,
    #[error("upstream: the broker's answer cannot be parsed or matches no request")]
    BadUpstream,
    #[error("the connection had to make room for a client with fewer connections")]
    SeatGivenAway,
    #[error("all connections are in use, and no other client has more of them")]
    NoSeat,
    #[error("the virtual cluster has as many connections, or new ones, as spec.limits lets it have")]
    OverLimit,
    #[error("this node is shutting down")]
    Drained,
    #[error(
        "this node may not decide requests: it does not hear from the leader of the gateway cluster, or does not keep up"
    )]
    Undecided,
    #[error("requests are being switched to another physical cluster")]
    Switching,
    #[error("the virtual cluster, or this address of it, no longer exists")]
    AddressGone,
}

/// Whose doing an end is; it decides how loudly it is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// An ordinary end.
    Nobody,
    Client,
    Upstream,
}

impl End {
    /// The label of a metric.
    pub fn label(self) -> ClosedFor {
        match self {
            Self::ClientClosed => ClosedFor::ClientClosed,
            Self::ClientBroken => ClosedFor::ClientBroken,
            Self::NotKafka(Lookalike::Tls) => ClosedFor::NotKafkaTls,
            Self::NotKafka(Lookalike::Http) => ClosedFor::NotKafkaHttp,
            Self::NotKafka(Lookalike::Ssh) => ClosedFor::NotKafkaSsh,
            Self::NotKafka(Lookalike::ProxyHeader) => ClosedFor::NotKafkaProxyHeader,
            Self::FrameLength => ClosedFor::FrameLength,
            Self::BadRequest => ClosedFor::BadRequest,
            Self::UnsupportedApi => ClosedFor::UnsupportedApi,
            Self::Unpermitted => ClosedFor::Unpermitted,
            Self::NotLoggedIn => ClosedFor::NotLoggedIn,
            Self::LoginRefused => ClosedFor::LoginRefused,
            Self::LoginTimeout => ClosedFor::LoginTimeout,
            Self::SessionExpired => ClosedFor::SessionExpired,
            Self::AccountDeleted => ClosedFor::AccountDeleted,
            Self::TokenWithdrawn => ClosedFor::TokenWithdrawn,
            Self::PasswordChanged => ClosedFor::PasswordChanged,
            Self::MechanismWithdrawn => ClosedFor::MechanismWithdrawn,
            Self::NoRandomness => ClosedFor::NoRandomness,
            Self::MethodChanged => ClosedFor::MethodChanged,
            Self::AccountChanged => ClosedFor::AccountChanged,
            Self::UnansweredRefusal => ClosedFor::UnansweredRefusal,
            Self::Idle => ClosedFor::Idle,
            Self::SlowFrame => ClosedFor::SlowFrame,
            Self::SlowReader => ClosedFor::SlowReader,
            Self::UpstreamUnavailable => ClosedFor::UpstreamUnavailable,
            Self::UpstreamLost => ClosedFor::UpstreamLost,
            Self::UpstreamStalled => ClosedFor::UpstreamStalled,
            Self::BadUpstream => ClosedFor::BadUpstream,
            Self::SeatGivenAway => ClosedFor::SeatGivenAway,
            Self::NoSeat => ClosedFor::NoSeat,
            Self::OverLimit => ClosedFor::OverLimit,
            Self::Drained => ClosedFor::Drained,
            Self::Undecided => ClosedFor::Undecided,
            Self::Switching => ClosedFor::Switching,
            Self::AddressGone => ClosedFor::AddressGone,
        }
    }

    /// Whose doing it is.
    pub fn blame(self) -> Blame {
        match self {
            Self::ClientClosed
            | Self::ClientBroken
            | Self::Idle
            | Self::SessionExpired
            | Self::AccountDeleted
            | Self::TokenWithdrawn
            | Self::PasswordChanged
            | Self::MechanismWithdrawn
            | Self::MethodChanged
            | Self::AccountChanged
            | Self::UnansweredRefusal
            | Self::Drained
            | Self::Undecided
            | Self::Switching
            | Self::AddressGone => Blame::Nobody,
            Self::NotKafka(_)
            | Self::FrameLength
            | Self::BadRequest
            | Self::UnsupportedApi
            | Self::NotLoggedIn
            | Self::LoginRefused
            | Self::LoginTimeout
            | Self::SlowFrame
            | Self::SlowReader
            | Self::SeatGivenAway
            | Self::NoSeat
            | Self::OverLimit => Blame::Client,
            Self::Unpermitted
            | Self::UpstreamUnavailable
            | Self::UpstreamLost
            | Self::UpstreamStalled
            | Self::BadUpstream
            | Self::NoRandomness => Blame::Upstream,
        }
    }
}

impl From<CloseReason> for End {
    fn from(reason: CloseReason) -> Self {
        match reason {
            CloseReason::BadRequest => Self::BadRequest,
            CloseReason::Unpermitted => Self::Unpermitted,
            CloseReason::UnsupportedApi => Self::UnsupportedApi,
            CloseReason::BadUpstream => Self::BadUpstream,
            CloseReason::Unanswered => Self::UpstreamUnavailable,
            CloseReason::UnansweredRefusal => Self::UnansweredRefusal,
        }
    }
}

impl From<LoginLost> for End {
    fn from(lost: LoginLost) -> Self {
        match lost {
            LoginLost::AccountDeleted => Self::AccountDeleted,
            LoginLost::TokenWithdrawn => Self::TokenWithdrawn,
            LoginLost::PasswordChanged => Self::PasswordChanged,
            LoginLost::MechanismWithdrawn => Self::MechanismWithdrawn,
            LoginLost::MethodChanged => Self::MethodChanged,
            LoginLost::AccountChanged => Self::AccountChanged,
        }
    }
}
