//! Who asks, as far as policies look at it.

use std::sync::Arc;

use klamm_raft::model::VclusterName;

use crate::authz::Principal;

/// The client of a session. It changes when the client logs in again.
#[derive(Debug, Clone)]
pub struct PolicyContext {
    pub vcluster: VclusterName,
    pub auth: AuthType,
    pub principal: Principal,
    /// The client id of the request, if it has one.
    pub client_id: Option<Arc<str>>,
    /// The IP address.
    pub client_address: Arc<str>,
}

/// How a client logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthType {
    Anonymous,
    Plain,
    ScramSha256,
    ScramSha512,
    OauthBearer,
    ClientCertificate,
}

impl AuthType {
    /// The word for it in expressions.
    pub fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Plain => "sasl_plain",
            Self::ScramSha256 => "sasl_scram_sha256",
            Self::ScramSha512 => "sasl_scram_sha512",
            Self::OauthBearer => "sasl_oauth_bearer",
            Self::ClientCertificate => "client_certificate",
        }
    }
}
