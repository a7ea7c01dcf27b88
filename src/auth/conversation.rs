//! The SASL side of one connection: handshake, exchange, and both again for re-authentication (KIP-368). Pure.

mod step;

use std::sync::Arc;
use std::time::Duration;

use klamm_raft::model::{AccountName, PasswordHash, ProviderName};

use super::accept;
use super::certificate::ClientCertificate;
use super::messages::{self, SASL_AUTHENTICATE, SASL_HANDSHAKE, SaslAnswer, SaslError};
use super::oauth::{self, Keyring};
use super::password::{PasswordCheck, PasswordVerdict};
use super::relay::{BrokerAnswer, Relay, RelayProgress, ToBroker};
use super::scram::{self, Nonce};
use super::{Directory, Login, LoginRefusal, Mechanism, UnixMillis};
use crate::secret::Secret;
use crate::wire::Segments;

/// A session may start to authenticate again this long after it last did, as with Kafka.
const MIN_REAUTHENTICATION_INTERVAL_MS: u64 = 1000;

/// The most that is shown of a broker's own message, in characters.
const MAX_BROKER_MESSAGE_CHARS: usize = 500;

/// A SaslHandshake or SaslAuthenticate.
#[derive(Debug, Clone, Copy)]
pub struct SaslRequest<'a> {
    pub api_key: i16,
    pub api_version: i16,
    pub correlation_id: i32,
    /// The bytes that follow the request header.
    pub body: &'a [u8],
}

/// The result of one SASL request.
#[derive(Debug)]
pub enum Turn {
    /// Send the answer and read on.
    Answer(Segments),
    /// [`Conversation::login`] holds a new login. Send the answer and read on.
    LoggedIn(Segments),
    /// Send the answer, if there is one, after a delay that makes guessing slow; then close.
    Refused {
        kind: LoginRefusal,
        answer: Option<Segments>,
    },
    /// The keys of a provider are needed before the token can be judged. Read them, and go on with
    /// [`Conversation::with_keys`].
    Keys { provider: ProviderName, need: KeyNeed },
    /// Make the check, which takes milliseconds; go on with [`Conversation::checked`].
    Password(PasswordCheck),
    /// Have the broker judge this; go on with [`Conversation::relayed`].
    Relay(ToBroker),
}

/// How fresh the keys of a provider must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyNeed {
    /// Those that are held will do.
    AsTheyAre,
    /// They must be read again first, or for the first time.
    Fresher,
}

/// How the SASL messages after a handshake arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// Each as a SaslAuthenticate request (handshake v1).
    Requests,
    /// Bare, with a length prefix and no request header (handshake v0).
    Raw,
}

/// The time and chance that a step of an exchange may use beside its message.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    pub now: UnixMillis,
    /// Random, and used for nothing else.
    pub nonce: Nonce,
}

/// An exchange that has begun.
#[derive(Debug)]
struct Exchange {
    mechanism: Mechanism,
    framing: Framing,
    stage: Stage,
}

/// How far an exchange is.
#[derive(Debug)]
enum Stage {
    /// The client's first message is awaited.
    First,
    /// The client was challenged to prove that it knows a password.
    Proof(Box<scram::Exchange>),
    /// The password of this user is checked; none: of somebody whom the list does not hold.
    Password(Option<(AccountName, PasswordHash)>),
    /// The client was told that its token is not good, and has yet to say that it has read that (RFC 7628 §3.2.3).
    Doomed(LoginRefusal),
    /// The broker has heard the client's last message, or is going to.
    Relayed(Relay),
}

/// How the answer to the message at hand is framed.
#[derive(Debug, Clone, Copy)]
enum Reply {
    Raw,
    Request { version: i16, correlation_id: i32 },
}

/// A message that cannot be judged yet.
#[derive(Debug)]
struct Held {
    message: Secret,
    reply: Reply,
}

/// The outcome of one message.
enum Outcome {
    LoggedIn {
        lifetime_ms: u64,
        bytes: Vec<u8>,
    },
    /// The server's part of an exchange that goes on.
    More(Vec<u8>),
    Keys(ProviderName, KeyNeed),
    Password(PasswordCheck),
    Relay(ToBroker),
}

/// The SASL state of one connection.
#[derive(Debug, Default)]
pub struct Conversation {
    login: Option<Login>,
    exchange: Option<Exchange>,
    held: Option<Held>,
    last_begun: Option<UnixMillis>,
    attempted_user: Option<String>,
    unmet_rule: Option<String>,
    /// A login lasts no longer than this.
    max_lifetime: Option<Duration>,
}

impl Conversation {
    /// Nobody has logged in. A login lasts at most `max_lifetime`; none: as long as its credential.
    pub fn new(max_lifetime: Option<Duration>) -> Self {
        Self {
            max_lifetime,
            ..Self::default()
        }
    }

    /// Who has logged in.
    pub fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    /// The user name of the last exchange, for the audit log: text that a client chose, of bounded length.
    pub fn attempted_user(&self) -> Option<&str> {
        self.attempted_user.as_deref()
    }

    /// The words of the rule, as the virtual cluster has it, that the last token did not meet.
    pub fn unmet_rule(&self) -> Option<&str> {
        self.unmet_rule.as_deref()
    }

    /// Whether a handshake was made whose exchange is not complete. Nothing but SASL may be sent then.
    pub fn is_under_way(&self) -> bool {
        self.exchange.is_some()
    }

    /// Why the exchange under way has failed, if that is decided and not yet acknowledged.
    pub fn doom(&self) -> Option<LoginRefusal> {
        match self.exchange.as_ref()?.stage {
            Stage::Doomed(kind) => Some(kind),
            Stage::First | Stage::Proof(_) | Stage::Password(_) | Stage::Relayed(_) => None,
        }
    }

    /// Whether the next message is to prove that the client knows a password.
    pub fn awaits_proof(&self) -> bool {
        matches!(&self.exchange, Some(exchange) if matches!(exchange.stage, Stage::Proof(_)))
    }

    /// Whether the next frame is a bare SASL message, for [`Self::raw`].
    pub fn expects_raw(&self) -> bool {
        matches!(&self.exchange, Some(exchange) if exchange.framing == Framing::Raw)
    }

    /// Whether requests with this key are for [`Self::request`].
    pub fn is_sasl(api_key: i16) -> bool {
        matches!(api_key, SASL_HANDSHAKE | SASL_AUTHENTICATE)
    }

    /// Logs in a client of a listener without SASL, by its certificate or as nobody.
    ///
    /// # Errors
    /// The virtual cluster does not take it.
    pub fn accepted(
        &mut self,
        directory: &Directory,
        certificate: Option<&Arc<ClientCertificate>>,
    ) -> Result<(), LoginRefusal> {
        self.attempted_user = certificate.map(|shown| shown.subject.clone());
        self.login = Some(accept::login(directory, certificate)?);
        Ok(())
    }

    /// Takes a SaslHandshake or SaslAuthenticate.
    pub fn request(&mut self, request: &SaslRequest<'_>, directory: &Directory, moment: Moment) -> Turn {
        match (request.api_key, request.api_version) {
            (SASL_HANDSHAKE, 0) => self.handshake(request, Framing::Raw, directory, moment.now),
            (SASL_HANDSHAKE, 1) => self.handshake(request, Framing::Requests, directory, moment.now),
            (SASL_AUTHENTICATE, 0..=2) => self.authenticate(request, directory, moment),
            _ => Turn::Refused {
                kind: LoginRefusal::MalformedMessage,
                answer: None,
            },
        }
    }

    /// Takes a bare SASL message.
    pub fn raw(&mut self, message: &[u8], directory: &Directory, moment: Moment) -> Turn {
        let outcome = self.exchanged(message, directory, moment);
        self.turn(outcome, Reply::Raw, message)
    }

    /// Goes on with the keys that [`Turn::Keys`] asked for.
    pub fn with_keys(
        &mut self,
        directory: &Directory,
        keys: &Keyring,
        need: KeyNeed,
        now: UnixMillis,
    ) -> Turn {
        let Some(Held { message, reply }) = self.held.take() else {
            return Turn::Refused {
                kind: LoginRefusal::IllegalState,
                answer: None,
            };
        };
        let message = message.reveal().as_bytes();
        let outcome = self.verified(message, directory, (keys, need), now);
        self.turn(outcome, reply, message)
    }

    /// Goes on with what came of the check that [`Turn::Password`] asked for.
    pub fn checked(&mut self, verdict: PasswordVerdict, directory: &Directory, now: UnixMillis) -> Turn {
        let Some(Held { reply, .. }) = self.held.take() else {
            return Turn::Refused {
                kind: LoginRefusal::IllegalState,
                answer: None,
            };
        };
        let outcome = self.compared(verdict, directory, now);
        self.turn(outcome, reply, b"")
    }

    /// Goes on with the broker's answer to what [`Turn::Relay`] gave.
    pub fn relayed(&mut self, answer: BrokerAnswer, directory: &Directory, now: UnixMillis) -> Turn {
        let (Some(Held { reply, .. }), Some(mut exchange)) = (self.held.take(), self.exchange.take()) else {
            return Turn::Refused {
                kind: LoginRefusal::IllegalState,
                answer: None,
            };
        };
        let Stage::Relayed(relay) = &mut exchange.stage else {
            return Turn::Refused {
                kind: LoginRefusal::IllegalState,
                answer: None,
            };
        };
        let outcome = match relay.answered(&answer) {
            RelayProgress::Refused => {
                let message = answer.error_message.as_deref().map(shortened);
                return refused(LoginRefusal::BrokerRefused, reply, message.as_deref());
            }
            RelayProgress::More => {
                self.exchange = Some(exchange);
                Ok(Outcome::More(answer.bytes))
            }
            RelayProgress::Complete => {
                let expires = relay.expires_after(&answer, now);
                let login = Login::external(directory, relay.mechanism, &relay.name, expires);
                let login = login.ok_or(LoginRefusal::UnsupportedMechanism);
                self.accept(login, answer.bytes, directory, now)
            }
        };
        self.turn(outcome, reply, b"")
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
                kind: LoginRefusal::IllegalState,
                answer: Some(answer(SaslError::IllegalState)),
            };
        }
        if self.login.as_ref().is_some_and(|login| login.mechanism.is_none()) {
            // As a broker answers where there is no SASL.
            let refused = messages::handshake_answer(request.correlation_id, SaslError::IllegalState, &[]);
            return Turn::Answer(refused);
        }
        let too_soon = |begun| now.since(begun) < MIN_REAUTHENTICATION_INTERVAL_MS;
        if self.login.is_some() && self.last_begun.is_some_and(too_soon) {
            return Turn::Answer(answer(SaslError::IllegalState));
        }
        let Ok(name) = messages::parse_handshake(request.body) else {
            return Turn::Refused {
                kind: LoginRefusal::MalformedMessage,
                answer: None,
            };
        };
        let Some(mechanism) = directory.mechanism(name) else {
            return Turn::Refused {
                kind: LoginRefusal::UnsupportedMechanism,
                answer: Some(answer(SaslError::UnsupportedMechanism)),
            };
        };
        self.exchange = Some(Exchange {
            mechanism,
            framing,
            stage: Stage::First,
        });
        self.attempted_user = None;
        self.unmet_rule = None;
        self.last_begun = Some(now);
        Turn::Answer(answer(SaslError::None))
    }

    fn authenticate(&mut self, request: &SaslRequest<'_>, directory: &Directory, moment: Moment) -> Turn {
        let reply = Reply::Request {
            version: request.api_version,
            correlation_id: request.correlation_id,
        };
        if self.exchange.is_none() && self.login.is_some() {
            return Turn::Answer(reply.frame(&SaslAnswer::error(SaslError::IllegalState)));
        }
        match messages::parse_authenticate(request.api_version, request.body) {
            Ok(message) => {
                // Like a broker, it says at the end what it said of the token.
                let told = self.doom().map(|_| oauth::INVALID_TOKEN);
                match self.exchanged(message, directory, moment) {
                    Err(kind) => refused(kind, reply, told),
                    outcome => self.turn(outcome, reply, message),
                }
            }
            Err(messages::Malformed) => refused(LoginRefusal::MalformedMessage, reply, None),
        }
    }

    fn turn(&mut self, outcome: Result<Outcome, LoginRefusal>, reply: Reply, message: &[u8]) -> Turn {
        // Only text is ever held: what is none was refused before.
        let held = |message| Held {
            message: Secret::new(String::from_utf8_lossy(message)),
            reply,
        };
        match outcome {
            Ok(Outcome::LoggedIn { lifetime_ms, bytes }) => Turn::LoggedIn(reply.frame(&SaslAnswer {
                error: SaslError::None,
                message: None,
                bytes: &bytes,
                lifetime_ms,
            })),
            Ok(Outcome::More(bytes)) => Turn::Answer(reply.frame(&SaslAnswer {
                error: SaslError::None,
                message: None,
                bytes: &bytes,
                lifetime_ms: 0,
            })),
            Ok(Outcome::Keys(provider, need)) => {
                self.held = Some(held(message));
                Turn::Keys { provider, need }
            }
            Ok(Outcome::Password(check)) => {
                // The check has the message.
                self.held = Some(held(b""));
                Turn::Password(check)
            }
            Ok(Outcome::Relay(to_broker)) => {
                self.held = Some(held(message));
                Turn::Relay(to_broker)
            }
            Err(kind) => refused(kind, reply, None),
        }
    }
}

fn refused(kind: LoginRefusal, reply: Reply, message: Option<&str>) -> Turn {
    let error = match kind {
        LoginRefusal::IllegalState => SaslError::IllegalState,
        _ => SaslError::AuthenticationFailed,
    };
    let answer = match (reply, kind) {
        // A bare exchange has no way to say so; and what nobody has judged may be good.
        (Reply::Raw, _) | (_, LoginRefusal::NoKeys | LoginRefusal::NotChecked) => None,
        _ => Some(reply.frame(&SaslAnswer {
            message,
            ..SaslAnswer::error(error)
        })),
    };
    Turn::Refused { kind, answer }
}

fn shortened(message: &str) -> String {
    message.chars().take(MAX_BROKER_MESSAGE_CHARS).collect()
}

impl Reply {
    fn frame(self, answer: &SaslAnswer<'_>) -> Segments {
        match self {
            Self::Raw => messages::raw_answer(answer.bytes),
            Self::Request {
                version,
                correlation_id,
            } => messages::authenticate_answer(version, correlation_id, answer),
        }
    }
}

#[cfg(test)]
mod tests;
