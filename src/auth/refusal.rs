//! Why a login was refused: a closed set for metrics and the audit log. The client sees one constant instead.

/// Why a login failed. What the client is told never depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    #[error("the SASL message does not parse")]
    MalformedMessage,
    #[error("the authorization id differs from the user name")]
    ForeignAuthzid,
    #[error("no signing key is known yet")]
    NoSigningKey,
    #[error("the password is not a token that this gateway signed")]
    InvalidToken,
    #[error("the token has expired")]
    ExpiredToken,
    #[error("the token is for another virtual cluster")]
    OtherVcluster,
    #[error("the token is for another user name")]
    OtherUsername,
    #[error("the token was never issued or is withdrawn")]
    UnknownToken,
    #[error("the account does not exist or is not the one that the token was issued for")]
    UnknownAccount,
    #[error("there is no such user, or none with a credential for this mechanism")]
    UnknownUser,
    #[error("the password is wrong")]
    WrongPassword,
    #[error("the mechanism is not offered")]
    UnsupportedMechanism,
    #[error("the request does not fit the state of the login")]
    IllegalState,
    #[error("the principal or mechanism differs from that of the running session")]
    ChangedIdentity,
}

impl Refusal {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 14] = [
        Self::MalformedMessage,
        Self::ForeignAuthzid,
        Self::NoSigningKey,
        Self::InvalidToken,
        Self::ExpiredToken,
        Self::OtherVcluster,
        Self::OtherUsername,
        Self::UnknownToken,
        Self::UnknownAccount,
        Self::UnknownUser,
        Self::WrongPassword,
        Self::UnsupportedMechanism,
        Self::IllegalState,
        Self::ChangedIdentity,
    ];

    /// The label of a metric.
    pub fn label(self) -> &'static str {
        match self {
            Self::MalformedMessage => "malformed_message",
            Self::ForeignAuthzid => "foreign_authzid",
            Self::NoSigningKey => "no_signing_key",
            Self::InvalidToken => "invalid_token",
            Self::ExpiredToken => "expired_token",
            Self::OtherVcluster => "other_vcluster",
            Self::OtherUsername => "other_username",
            Self::UnknownToken => "unknown_token",
            Self::UnknownAccount => "unknown_account",
            Self::UnknownUser => "unknown_user",
            Self::WrongPassword => "wrong_password",
            Self::UnsupportedMechanism => "unsupported_mechanism",
            Self::IllegalState => "illegal_state",
            Self::ChangedIdentity => "changed_identity",
        }
    }
}
