//! How the gateway introduces itself to a broker: ApiVersions, then SASL when it has credentials. Pure: answers in,
//! requests out; `dial` moves the bytes, keeps the deadline, and does what takes long.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::{
    ApiVersionsRequest, ApiVersionsResponse, SaslAuthenticateRequest, SaslAuthenticateResponse,
    SaslHandshakeRequest, SaslHandshakeResponse,
};
use kafka_protocol::protocol::{Request, StrBytes};

use crate::auth::Mechanism;
use crate::backend::config::{PlainLogin, ScramLogin};
use crate::backend::message::{self, MessageError, UNSUPPORTED_VERSION};
use crate::backend::scram::{Derivation, ScramClient, ScramError, ScramKeys};
use crate::backend::topology::{ApiRanges, Features};
use crate::metrics::UpstreamFault;
use crate::secret::Secret;

/// Version 4 of ApiVersions also names features whose lowest level is 0 (KIP-1022); brokers before it get version 3.
const API_VERSIONS: i16 = 4;
const API_VERSIONS_BEFORE: i16 = 3;

/// Version 1 of SaslHandshake lets the token travel in SaslAuthenticate (KIP-152).
const SASL_HANDSHAKE: i16 = 1;
/// From version 1 on, SaslAuthenticate tells the session's lifetime (KIP-368).
const SASL_AUTHENTICATE: (i16, i16) = (1, 2);

const ILLEGAL_SASL_STATE: i16 = 34;
const UNSUPPORTED_SASL_MECHANISM: i16 = 33;
const SASL_AUTHENTICATION_FAILED: i16 = 58;

/// The most that is kept of a text that a broker sent.
const TEXT_CHARS: usize = 200;

/// Why a broker and the gateway did not come to terms. It is never a client's fault.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The broker does not accept the gateway's own credentials.
    #[error("the broker refused the gateway's own credentials: {text:?}")]
    Refused { text: String },
    /// The broker accepts other mechanisms only.
    #[error("the broker does not offer SASL/{wanted}, only {offered:?}")]
    Mechanism {
        wanted: &'static str,
        offered: Vec<String>,
    },
    #[error("the SCRAM exchange failed")]
    Scram(#[from] ScramError),
    /// The listener that was dialled has no SASL.
    #[error("the broker's listener does not ask for a SASL login: check 'security.protocol'")]
    NoSasl,
    #[error("the broker is too old: it does not support {what}")]
    TooOld { what: &'static str },
    #[error("the broker refused {what} with error code {code}")]
    Code { what: &'static str, code: i16 },
    #[error("the broker and the gateway do not understand each other")]
    Message(#[from] MessageError),
}

impl LoginError {
    /// The label of this error in metrics.
    pub fn kind(&self) -> UpstreamFault {
        match self {
            Self::Refused { .. } | Self::Mechanism { .. } | Self::NoSasl | Self::Scram(_) => {
                UpstreamFault::LoginRefused
            }
            Self::TooOld { .. } => UpstreamFault::TooOld,
            Self::Code { .. } | Self::Message(_) => UpstreamFault::Protocol,
        }
    }
}

/// The offer of a broker.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Offer {
    pub(crate) apis: ApiRanges,
    pub(crate) features: Features,
}

impl Offer {
    /// The newest version of an API within `ours` (lowest, highest) that the broker knows too.
    pub(crate) fn version(&self, api_key: i16, ours: (i16, i16)) -> Option<i16> {
        let &(lowest, highest) = self.apis.0.get(&api_key)?;
        let version = highest.min(ours.1);
        (version >= lowest.max(ours.0)).then_some(version)
    }
}

/// The result of a login.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LoggedIn {
    pub(crate) offer: Offer,
    /// After this time the broker ends the connection (KIP-368); `None`: it does not.
    pub(crate) lifetime: Option<Duration>,
}

/// The proof that a broker is shown.
#[derive(Debug)]
pub(crate) enum Proof<'a> {
    Plain(&'a PlainLogin),
    /// A fresh nonce, too.
    Scram(&'a ScramLogin, String),
    /// A token of the gateway's.
    Bearer(Secret, &'a BTreeMap<String, String>),
}

impl Proof<'_> {
    fn mechanism(&self) -> &'static str {
        match self {
            Self::Plain(_) => Mechanism::Plain.name(),
            Self::Scram(login, _) => Mechanism::Scram(login.hash).name(),
            Self::Bearer(..) => Mechanism::OauthBearer.name(),
        }
    }
}

/// The next step of a login.
#[derive(Debug)]
pub(crate) enum LoginStep {
    /// Write this frame, read a frame, hand it to [`LoginSteps::receive`].
    Send(Bytes),
    /// Run this, away from the thread, and hand the outcome to [`LoginSteps::derived`].
    Derive(Derivation),
    Done(LoggedIn),
}

#[derive(Debug)]
enum Waiting {
    ApiVersions { version: i16 },
    Handshake { authenticate: i16 },
    Authenticate { version: i16 },
}

/// One login in progress.
#[derive(Debug)]
pub(crate) struct LoginSteps<'a> {
    proof: Option<Proof<'a>>,
    /// A SCRAM exchange, once it has begun.
    scram: Option<ScramClient>,
    correlation: i32,
    waiting: Waiting,
    offer: Offer,
}

impl<'a> LoginSteps<'a> {
    /// Begins: the first frame is to be written.
    pub(crate) fn start(proof: Option<Proof<'a>>) -> Result<(Self, Bytes), LoginError> {
        let mut login = Self {
            proof,
            scram: None,
            correlation: 0,
            waiting: Waiting::ApiVersions {
                version: API_VERSIONS,
            },
            offer: Offer::default(),
        };
        let frame = login.ask_versions(API_VERSIONS)?;
        Ok((login, frame))
    }

    /// Takes the broker's next frame, without its length prefix.
    pub(crate) fn receive(&mut self, frame: &Bytes) -> Result<LoginStep, LoginError> {
        match self.waiting {
            Waiting::ApiVersions { version } => {
                let answer = message::response::<ApiVersionsRequest>(self.correlation, version, frame)?;
                self.learn_versions(version, answer)
            }
            Waiting::Handshake { authenticate } => {
                let answer =
                    message::response::<SaslHandshakeRequest>(self.correlation, SASL_HANDSHAKE, frame)?;
                self.authenticate(authenticate, &answer)
            }
            Waiting::Authenticate { version } => {
                let answer = message::response::<SaslAuthenticateRequest>(self.correlation, version, frame)?;
                self.answered(&answer)
            }
        }
    }

    fn ask_versions(&mut self, version: i16) -> Result<Bytes, LoginError> {
        self.waiting = Waiting::ApiVersions { version };
        self.ask(
            version,
            &ApiVersionsRequest::default()
                .with_client_software_name(StrBytes::from_static_str(env!("CARGO_PKG_NAME")))
                .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION"))),
        )
    }

    fn learn_versions(&mut self, asked: i16, answer: ApiVersionsResponse) -> Result<LoginStep, LoginError> {
        match answer.error_code {
            0 => {}
            UNSUPPORTED_VERSION if asked > API_VERSIONS_BEFORE => {
                return Ok(LoginStep::Send(self.ask_versions(API_VERSIONS_BEFORE)?));
            }
            UNSUPPORTED_VERSION => {
                return Err(LoginError::TooOld {
                    what: "ApiVersions 3",
                });
            }
            code => {
                return Err(LoginError::Code {
                    what: "ApiVersions",
                    code,
                });
            }
        }
        self.offer = offer(answer);
        let Some(mechanism) = self.proof.as_ref().map(Proof::mechanism) else {
            return Ok(self.done(None));
        };
        let authenticate = self
            .offer
            .version(SaslAuthenticateRequest::KEY, SASL_AUTHENTICATE)
            .ok_or(LoginError::TooOld {
                what: "SaslAuthenticate 1",
            })?;
        self.waiting = Waiting::Handshake { authenticate };
        let frame = self.ask(
            SASL_HANDSHAKE,
            &SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str(mechanism)),
        )?;
        Ok(LoginStep::Send(frame))
    }

    fn authenticate(
        &mut self,
        version: i16,
        answer: &SaslHandshakeResponse,
    ) -> Result<LoginStep, LoginError> {
        match answer.error_code {
            0 => {}
            UNSUPPORTED_SASL_MECHANISM => {
                let offered = answer
                    .mechanisms
                    .iter()
                    .take(10)
                    .map(|name| excerpt(name))
                    .collect();
                let wanted = self.proof.as_ref().map_or("", Proof::mechanism);
                return Err(LoginError::Mechanism { wanted, offered });
            }
            ILLEGAL_SASL_STATE => return Err(LoginError::NoSasl),
            code => {
                return Err(LoginError::Code {
                    what: "SaslHandshake",
                    code,
                });
            }
        }
        let message = self.first_message();
        self.say(version, message)
    }

    fn first_message(&mut self) -> String {
        match &mut self.proof {
            None => String::new(),
            Some(Proof::Plain(PlainLogin { username, password })) => {
                format!("\0{username}\0{}", password.reveal())
            }
            Some(Proof::Scram(login, nonce)) => {
                let (exchange, message) = ScramClient::start(login, std::mem::take(nonce));
                self.scram = Some(exchange);
                message
            }
            Some(Proof::Bearer(token, extensions)) => {
                let pairs: String = extensions
                    .iter()
                    .map(|(key, value)| format!("{key}={value}\x01"))
                    .collect();
                format!("n,,\x01auth=Bearer {}\x01{pairs}\x01", token.reveal())
            }
        }
    }

    fn say(&mut self, version: i16, message: String) -> Result<LoginStep, LoginError> {
        self.waiting = Waiting::Authenticate { version };
        let request = SaslAuthenticateRequest::default().with_auth_bytes(Bytes::from(message));
        Ok(LoginStep::Send(self.ask(version, &request)?))
    }

    /// The outcome of what [`LoginStep::Derive`] asked for.
    pub(crate) fn derived(&mut self, keys: &ScramKeys) -> Result<LoginStep, LoginError> {
        let Waiting::Authenticate { version } = self.waiting else {
            return Err(ScramError::Malformed.into());
        };
        let exchange = self.scram.as_mut().ok_or(ScramError::Malformed)?;
        let message = exchange.prove(keys)?;
        self.say(version, message)
    }

    fn answered(&mut self, answer: &SaslAuthenticateResponse) -> Result<LoginStep, LoginError> {
        match answer.error_code {
            0 => {}
            SASL_AUTHENTICATION_FAILED => {
                let text = answer.error_message.as_deref().map(excerpt).unwrap_or_default();
                return Err(LoginError::Refused { text });
            }
            code => {
                return Err(LoginError::Code {
                    what: "SaslAuthenticate",
                    code,
                });
            }
        }
        match &mut self.scram {
            Some(exchange) if !exchange.is_proven() => {
                return Ok(LoginStep::Derive(exchange.challenged(&answer.auth_bytes)?));
            }
            Some(exchange) => exchange.finish(&answer.auth_bytes)?,
            // What a server says of a token that it does not accept (RFC 7628 §3.2.2).
            None if !answer.auth_bytes.is_empty() => {
                let text = excerpt(&String::from_utf8_lossy(&answer.auth_bytes));
                return Err(LoginError::Refused { text });
            }
            None => {}
        }
        let lifetime = u64::try_from(answer.session_lifetime_ms)
            .ok()
            .filter(|&ms| ms > 0)
            .map(Duration::from_millis);
        Ok(self.done(lifetime))
    }

    fn ask<R: Request>(&mut self, version: i16, body: &R) -> Result<Bytes, LoginError> {
        self.correlation += 1;
        Ok(message::request(self.correlation, version, body)?)
    }

    fn done(&mut self, lifetime: Option<Duration>) -> LoginStep {
        LoginStep::Done(LoggedIn {
            offer: std::mem::take(&mut self.offer),
            lifetime,
        })
    }
}

fn offer(answer: ApiVersionsResponse) -> Offer {
    let apis = answer
        .api_keys
        .into_iter()
        .map(|api| (api.api_key, (api.min_version, api.max_version)))
        .collect();
    let features = Features {
        supported: answer
            .supported_features
            .into_iter()
            .map(|feature| (feature.name.to_string(), feature.min_version, feature.max_version))
            .collect(),
        finalized: answer
            .finalized_features
            .into_iter()
            .map(|feature| {
                (
                    feature.name.to_string(),
                    feature.min_version_level,
                    feature.max_version_level,
                )
            })
            .collect(),
        finalized_epoch: answer.finalized_features_epoch,
        zk_migration_ready: answer.zk_migration_ready,
    };
    Offer {
        apis: ApiRanges(apis),
        features,
    }
}

fn excerpt(text: &str) -> String {
    text.chars().take(TEXT_CHARS).collect()
}

#[cfg(test)]
mod tests;
