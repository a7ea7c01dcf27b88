//! The SASL side of one connection: handshake, exchange, and both again for re-authentication (KIP-368). Pure.

use super::messages::{self, SASL_AUTHENTICATE, SASL_HANDSHAKE, SaslError};
use super::plain::PlainCredentials;
use super::{Directory, Login, Mechanism, Refusal, UnixMillis, token};
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

/// The SASL state of one connection.
#[derive(Debug, Default)]
pub struct Conversation {
    login: Option<Login>,
    exchange: Option<(Mechanism, Framing)>,
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
        matches!(self.exchange, Some((_, Framing::Raw)))
    }

    /// Whether requests with this key are for [`Self::request`].
    pub fn is_sasl(api_key: i16) -> bool {
        matches!(api_key, SASL_HANDSHAKE | SASL_AUTHENTICATE)
    }

    /// Takes a SaslHandshake or SaslAuthenticate.
    pub fn request(&mut self, request: &SaslRequest<'_>, directory: &Directory, now: UnixMillis) -> Turn {
        match (request.api_key, request.api_version) {
            (SASL_HANDSHAKE, 0) => self.handshake(request, Framing::Raw, now),
            (SASL_HANDSHAKE, 1) => self.handshake(request, Framing::Requests, now),
            (SASL_AUTHENTICATE, 0..=2) => self.authenticate(request, directory, now),
            _ => Turn::Refused {
                kind: Refusal::MalformedMessage,
                answer: None,
            },
        }
    }

    /// Takes a bare SASL message.
    pub fn raw(&mut self, message: &[u8], directory: &Directory, now: UnixMillis) -> Turn {
        match self.exchanged(message, directory, now) {
            Ok(_lifetime_ms) => Turn::LoggedIn(messages::raw_answer()),
            Err(kind) => Turn::Refused { kind, answer: None },
        }
    }

    fn handshake(&mut self, request: &SaslRequest<'_>, framing: Framing, now: UnixMillis) -> Turn {
        let answer = |error| messages::handshake_answer(request.correlation_id, error);
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
        let Some(mechanism) = Mechanism::find(name) else {
            return Turn::Refused {
                kind: Refusal::UnsupportedMechanism,
                answer: Some(answer(SaslError::UnsupportedMechanism)),
            };
        };
        self.exchange = Some((mechanism, framing));
        self.attempted_user = None;
        self.last_begun = Some(now);
        Turn::Answer(answer(SaslError::None))
    }

    fn authenticate(&mut self, request: &SaslRequest<'_>, directory: &Directory, now: UnixMillis) -> Turn {
        let answer = |error, lifetime_ms| {
            messages::authenticate_answer(request.api_version, request.correlation_id, error, lifetime_ms)
        };
        if self.exchange.is_none() && self.login.is_some() {
            return Turn::Answer(answer(SaslError::IllegalState, 0));
        }
        let message = messages::parse_authenticate(request.api_version, request.body);
        let result = match message {
            Ok(message) => self.exchanged(message, directory, now),
            Err(messages::Malformed) => Err(Refusal::MalformedMessage),
        };
        match result {
            Ok(lifetime_ms) => Turn::LoggedIn(answer(SaslError::None, lifetime_ms)),
            Err(kind) => {
                let error = match kind {
                    Refusal::IllegalState => SaslError::IllegalState,
                    _ => SaslError::AuthenticationFailed,
                };
                Turn::Refused {
                    kind,
                    answer: Some(answer(error, 0)),
                }
            }
        }
    }

    /// One message of the exchange. Every offered mechanism is complete after one. Gives the milliseconds that the
    /// login holds.
    fn exchanged(&mut self, message: &[u8], directory: &Directory, now: UnixMillis) -> Result<u64, Refusal> {
        let (mechanism, _) = self.exchange.take().ok_or(Refusal::IllegalState)?;
        let login = match mechanism {
            Mechanism::Plain => {
                let credentials = PlainCredentials::parse(message)?;
                self.attempted_user = Some(credentials.username.to_owned());
                token::verify(directory, credentials.username, credentials.password, now)?
            }
        };
        if let Some(previous) = &self.login
            && (previous.principal != login.principal || previous.mechanism != login.mechanism)
        {
            return Err(Refusal::ChangedIdentity);
        }
        let lifetime_ms = login.expires.since(now);
        self.login = Some(login);
        Ok(lifetime_ms)
    }
}

#[cfg(test)]
mod tests;
