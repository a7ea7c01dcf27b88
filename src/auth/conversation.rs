//! The SASL side of one connection: handshake, exchange, and both again for re-authentication (KIP-368). Pure.

use super::login::Basis;
use super::messages::{self, Authenticated, SASL_AUTHENTICATE, SASL_HANDSHAKE, SaslError};
use super::plain::PlainCredentials;
use super::scram::{self, Nonce, Proven};
use super::{Directory, Login, Mechanism, Refusal, UnixMillis, token};
use crate::authz::Principal;
use crate::wire::Segments;

/// A session may start to authenticate again this long after it last did, as with Kafka.
const MIN_REAUTHENTICATION_INTERVAL_MS: u64 = 1000;

/// A SaslHandshake or SaslAuthenticate.
#[derive(Debug, Clone, Copy)]
pub struct SaslRequest<'a> {
    pub api_key: i16,
    pub api_version: i16,
    pub correlation_id: i32,
    /// What follows the request header.
    pub body: &'a [u8],
}

/// What became of one SASL request.
#[derive(Debug)]
pub enum Turn {
    /// Send the answer and read on.
    Answer(Segments),
    /// [`Conversation::login`] holds a new login. Send the answer and read on.
    LoggedIn(Segments),
    /// Send the answer, if there is one, after a delay that makes guessing slow; then close.
    Refused { kind: Refusal, answer: Option<Segments> },
}

/// How the SASL messages after a handshake arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// Each as a SaslAuthenticate request (handshake v1).
    Requests,
    /// Bare, with a length prefix and no request header (handshake v0).
    Raw,
}

/// What a step of an exchange may use beside its message.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    pub now: UnixMillis,
    /// Random, and used for nothing else.
    pub nonce: Nonce,
}

/// An exchange between handshake and login.
#[derive(Debug)]
struct Exchange {
    framing: Framing,
    step: Step,
}

/// The message that is awaited.
#[derive(Debug)]
enum Step {
    First(Mechanism),
    Proof(Box<scram::Exchange>),
}

/// What a message of an exchange led to, with what the mechanism answers.
enum Progress {
    Challenged(Vec<u8>),
    /// With the milliseconds that the login holds; zero: for ever.
    LoggedIn(Vec<u8>, u64),
}

/// The SASL state of one connection.
#[derive(Debug, Default)]
pub struct Conversation {
    login: Option<Login>,
    exchange: Option<Exchange>,
    last_begun: Option<UnixMillis>,
    attempted_user: Option<String>,
}

impl Conversation {
    /// Who has logged in.
    pub fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    /// The user name of the last exchange, for the audit log: text that a client chose, of bounded length.
    pub fn attempted_user(&self) -> Option<&str> {
        self.attempted_user.as_deref()
    }

    /// Whether a handshake was made whose exchange is not complete. Nothing but SASL may be sent then.
    pub fn is_under_way(&self) -> bool {
        self.exchange.is_some()
    }

    /// Whether the next frame is a bare SASL message, for [`Self::raw`].
    pub fn expects_raw(&self) -> bool {
        self.exchange
            .as_ref()
            .is_some_and(|exchange| exchange.framing == Framing::Raw)
    }

    /// Whether requests with this key are for [`Self::request`].
    pub fn is_sasl(api_key: i16) -> bool {
        matches!(api_key, SASL_HANDSHAKE | SASL_AUTHENTICATE)
    }

    /// Takes a SaslHandshake or SaslAuthenticate.
    pub fn request(&mut self, request: &SaslRequest<'_>, directory: &Directory, moment: Moment) -> Turn {
        match (request.api_key, request.api_version) {
            (SASL_HANDSHAKE, 0) => self.handshake(request, Framing::Raw, directory, moment.now),
            (SASL_HANDSHAKE, 1) => self.handshake(request, Framing::Requests, directory, moment.now),
            (SASL_AUTHENTICATE, 0..=2) => self.authenticate(request, directory, moment),
            _ => Turn::Refused {
                kind: Refusal::MalformedMessage,
                answer: None,
            },
        }
    }

    /// Takes a bare SASL message.
    pub fn raw(&mut self, message: &[u8], directory: &Directory, moment: Moment) -> Turn {
        match self.exchanged(message, directory, moment) {
            Ok(Progress::Challenged(challenge)) => Turn::Answer(messages::raw_answer(&challenge)),
            Ok(Progress::LoggedIn(answer, _)) => Turn::LoggedIn(messages::raw_answer(&answer)),
            Err(kind) => Turn::Refused { kind, answer: None },
        }
    }

    fn handshake(
        &mut self,
        request: &SaslRequest<'_>,
        framing: Framing,
        directory: &Directory,
        now: UnixMillis,
    ) -> Turn {
        let offered: Vec<Mechanism> = directory.mechanisms().collect();
        let answer = |error| messages::handshake_answer(request.correlation_id, error, &offered);
        if self.exchange.is_some() {
            return Turn::Refused {
                kind: Refusal::IllegalState,
                answer: Some(answer(SaslError::IllegalState)),
            };
        }
        let too_soon = |begun| now.since(begun) < MIN_REAUTHENTICATION_INTERVAL_MS;
        if self.login.is_some() && self.last_begun.is_some_and(too_soon) {
            return Turn::Answer(answer(SaslError::IllegalState));
        }
        let Ok(name) = messages::parse_handshake(request.body) else {
            return Turn::Refused {
                kind: Refusal::MalformedMessage,
                answer: None,
            };
        };
        let Some(mechanism) = directory.mechanism(name) else {
            return Turn::Refused {
                kind: Refusal::UnsupportedMechanism,
                answer: Some(answer(SaslError::UnsupportedMechanism)),
            };
        };
        self.exchange = Some(Exchange {
            framing,
            step: Step::First(mechanism),
        });
        self.attempted_user = None;
        self.last_begun = Some(now);
        Turn::Answer(answer(SaslError::None))
    }

    fn authenticate(&mut self, request: &SaslRequest<'_>, directory: &Directory, moment: Moment) -> Turn {
        let answer = |error, message: &[u8], lifetime_ms| {
            let answer = Authenticated {
                error,
                message,
                lifetime_ms,
            };
            messages::authenticate_answer(request.api_version, request.correlation_id, answer)
        };
        if self.exchange.is_none() && self.login.is_some() {
            return Turn::Answer(answer(SaslError::IllegalState, &[], 0));
        }
        let message = messages::parse_authenticate(request.api_version, request.body);
        let result = match message {
            Ok(message) => self.exchanged(message, directory, moment),
            Err(messages::Malformed) => Err(Refusal::MalformedMessage),
        };
        match result {
            Ok(Progress::Challenged(challenge)) => Turn::Answer(answer(SaslError::None, &challenge, 0)),
            Ok(Progress::LoggedIn(message, lifetime_ms)) => {
                Turn::LoggedIn(answer(SaslError::None, &message, lifetime_ms))
            }
            Err(kind) => {
                let error = match kind {
                    Refusal::IllegalState => SaslError::IllegalState,
                    _ => SaslError::AuthenticationFailed,
                };
                Turn::Refused {
                    kind,
                    answer: Some(answer(error, &[], 0)),
                }
            }
        }
    }

    /// One message of the exchange.
    fn exchanged(
        &mut self,
        message: &[u8],
        directory: &Directory,
        moment: Moment,
    ) -> Result<Progress, Refusal> {
        let Exchange { framing, step } = self.exchange.take().ok_or(Refusal::IllegalState)?;
        match step {
            Step::First(Mechanism::Plain) => {
                let credentials = PlainCredentials::parse(message)?;
                self.attempted_user = Some(credentials.username.to_owned());
                let login = token::verify(directory, credentials.username, credentials.password, moment.now)?;
                self.logged_in(login, Vec::new(), moment.now)
            }
            Step::First(Mechanism::Scram(hash)) => {
                let (exchange, challenge) = scram::Exchange::begin(hash, message, directory, moment.nonce)?;
                self.attempted_user = Some(exchange.user().to_owned());
                self.exchange = Some(Exchange {
                    framing,
                    step: Step::Proof(Box::new(exchange)),
                });
                Ok(Progress::Challenged(challenge))
            }
            Step::Proof(exchange) => {
                let proven = exchange.finish(message)?;
                let (login, answer) = scram_login(proven, directory)?;
                self.logged_in(login, answer, moment.now)
            }
        }
    }

    fn logged_in(&mut self, login: Login, answer: Vec<u8>, now: UnixMillis) -> Result<Progress, Refusal> {
        if let Some(previous) = &self.login
            && (previous.principal != login.principal || previous.mechanism != login.mechanism)
        {
            return Err(Refusal::ChangedIdentity);
        }
        let lifetime_ms = login.expires.map_or(0, |expires| expires.since(now));
        self.login = Some(login);
        Ok(Progress::LoggedIn(answer, lifetime_ms))
    }
}

/// The login of somebody who proved to know a password.
fn scram_login(proven: Proven, directory: &Directory) -> Result<(Login, Vec<u8>), Refusal> {
    let Proven {
        user,
        credential,
        answer,
    } = proven;
    let account_created = directory
        .account_created(&user.account)
        .ok_or(Refusal::UnknownAccount)?;
    let login = Login {
        principal: Principal::user(user.account.as_str()),
        mechanism: Mechanism::Scram(user.hash),
        expires: None,
        account: user.account.clone(),
        account_created,
        basis: Basis::Scram(user, credential),
    };
    Ok((login, answer))
}

#[cfg(test)]
mod tests;
