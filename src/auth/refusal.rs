//! Why a login was refused: a closed set for metrics and the audit log. The client sees one constant instead.

use crate::metrics::LoginFailedFor;

/// Why a login failed. What the client is told never depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum LoginRefusal {
    #[error("the SASL message cannot be parsed")]
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
    #[error("the token was never issued or has been revoked")]
    UnknownToken,
    #[error("the account does not exist or is not the one that the token was issued for")]
    UnknownAccount,
    #[error("there is no such user, or none with a credential for this mechanism")]
    UnknownUser,
    #[error("the password is wrong")]
    WrongPassword,
    #[error("the mechanism is not offered")]
    UnsupportedMechanism,
    #[error("the request is not expected at this point of the login")]
    IllegalState,
    #[error("the principal or mechanism differs from that of the running session")]
    ChangedIdentity,
    #[error("the token is not valid yet")]
    NotYetValid,
    #[error("the token is from another issuer")]
    OtherIssuer,
    #[error("the token is for another audience")]
    OtherAudience,
    #[error("the token lacks a required scope")]
    MissingScope,
    #[error("the token does not name its user as configured")]
    NoSubject,
    #[error("the token does not satisfy a rule")]
    RuleNotMet,
    #[error("the token is signed with a key that the provider does not list")]
    UnknownKey,
    #[error("the provider's keys could not be read yet")]
    NoKeys,
    #[error("the broker rejected the client's credentials")]
    BrokerRefused,
    #[error("the account, credential or method of this login was withdrawn in the meantime")]
    Withdrawn,
    #[error("too many passwords are waiting to be checked")]
    NotChecked,
    #[error("a certificate is required, but the client presented none")]
    NoCertificate,
    #[error("no mapping rule matches the subject of the client's certificate")]
    UnmappedCertificate,
    #[error("the virtual cluster has no authentication method for listeners without SASL")]
    SaslOnly,
    #[error("the token was signed with a key that has been retired")]
    RetiredKey,
    #[error("too many logins under this name from this address failed without waiting for their answers")]
    NotHeard,
}

impl LoginRefusal {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 30] = [
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
        Self::NotYetValid,
        Self::OtherIssuer,
        Self::OtherAudience,
        Self::MissingScope,
        Self::NoSubject,
        Self::RuleNotMet,
        Self::UnknownKey,
        Self::NoKeys,
        Self::BrokerRefused,
        Self::Withdrawn,
        Self::NotChecked,
        Self::NoCertificate,
        Self::UnmappedCertificate,
        Self::SaslOnly,
        Self::RetiredKey,
        Self::NotHeard,
    ];

    /// Whether a password was wrong, so that the next one may be another guess. Nobody guesses tokens.
    pub fn is_guess(self) -> bool {
        matches!(
            self,
            Self::UnknownUser | Self::WrongPassword | Self::BrokerRefused
        )
    }

    /// The label of a metric.
    pub fn label(self) -> LoginFailedFor {
        match self {
            Self::MalformedMessage => LoginFailedFor::MalformedMessage,
            Self::ForeignAuthzid => LoginFailedFor::ForeignAuthzid,
            Self::NoSigningKey => LoginFailedFor::NoSigningKey,
            Self::InvalidToken => LoginFailedFor::InvalidToken,
            Self::ExpiredToken => LoginFailedFor::ExpiredToken,
            Self::OtherVcluster => LoginFailedFor::OtherVcluster,
            Self::OtherUsername => LoginFailedFor::OtherUsername,
            Self::UnknownToken => LoginFailedFor::UnknownToken,
            Self::UnknownAccount => LoginFailedFor::UnknownAccount,
            Self::UnknownUser => LoginFailedFor::UnknownUser,
            Self::WrongPassword => LoginFailedFor::WrongPassword,
            Self::UnsupportedMechanism => LoginFailedFor::UnsupportedMechanism,
            Self::IllegalState => LoginFailedFor::IllegalState,
            Self::ChangedIdentity => LoginFailedFor::ChangedIdentity,
            Self::NotYetValid => LoginFailedFor::NotYetValid,
            Self::OtherIssuer => LoginFailedFor::OtherIssuer,
            Self::OtherAudience => LoginFailedFor::OtherAudience,
            Self::MissingScope => LoginFailedFor::MissingScope,
            Self::NoSubject => LoginFailedFor::NoSubject,
            Self::RuleNotMet => LoginFailedFor::RuleNotMet,
            Self::UnknownKey => LoginFailedFor::UnknownKey,
            Self::NoKeys => LoginFailedFor::NoKeys,
            Self::BrokerRefused => LoginFailedFor::BrokerRefused,
            Self::Withdrawn => LoginFailedFor::Withdrawn,
            Self::NotChecked => LoginFailedFor::NotChecked,
            Self::NoCertificate => LoginFailedFor::NoCertificate,
            Self::UnmappedCertificate => LoginFailedFor::UnmappedCertificate,
            Self::SaslOnly => LoginFailedFor::SaslOnly,
            Self::RetiredKey => LoginFailedFor::RetiredKey,
            Self::NotHeard => LoginFailedFor::NotHeard,
        }
    }
}
