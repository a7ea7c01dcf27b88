//! A client's exchange with a broker, as it passes by: who the client says it is, and when the broker is satisfied. Pure.

use super::oauth::{self, BearerMessage};
use super::plain::PlainCredentials;
use super::scram;
use super::{LoginRefusal, Mechanism, UnixMillis};
use crate::secret::Secret;

/// How many messages a client of SCRAM sends.
const SCRAM_ROUNDS: u8 = 2;

/// A message of the client that the broker has to judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToBroker {
    pub mechanism: Mechanism,
    /// Whether it is the first of the exchange: a handshake comes before it.
    pub is_first: bool,
    pub message: Secret,
}

impl ToBroker {
    /// Whether the client is logged in with this answer to the message.
    pub fn is_settled_by(&self, answer: &BrokerAnswer) -> bool {
        let round = match self.is_first {
            true => 1,
            false => SCRAM_ROUNDS,
        };
        answer.error_code == 0 && is_complete(self.mechanism, round, answer)
    }
}

/// A broker's answer to a relayed message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerAnswer {
    pub error_code: i16,
    pub error_message: Option<String>,
    pub bytes: Vec<u8>,
    /// Milliseconds after which the broker ends the session; 0: never.
    pub lifetime_ms: u64,
}

/// How far an exchange is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RelayProgress {
    /// The client has more to say.
    More,
    Complete,
    Refused,
}

/// An exchange that is relayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Relay {
    pub(super) mechanism: Mechanism,
    /// Who the client says it is.
    pub(super) name: String,
    /// When what it showed runs out, if the gateway knows.
    pub(super) expires: Option<UnixMillis>,
    rounds: u8,
}

impl Relay {
    /// Learns from the client's first message who it says it is. `principal_claim` names the claim of a token.
    pub(super) fn begin(
        mechanism: Mechanism,
        message: &[u8],
        principal_claim: Option<&str>,
    ) -> Result<Self, LoginRefusal> {
        let name = match mechanism {
            Mechanism::Plain => PlainCredentials::parse(message)?.username.to_owned(),
            // Delegation tokens name themselves there and log in their owner, whom nobody can know here: refused.
            Mechanism::Scram(_) => scram::First::parse(message)?.user,
            Mechanism::OauthBearer => {
                let message = BearerMessage::parse(message)?;
                let name = oauth::unverified_subject(message.token, principal_claim.unwrap_or("sub"))
                    .ok_or(LoginRefusal::NoSubject)?;
                if message.authzid.is_some_and(|authzid| authzid != name) {
                    return Err(LoginRefusal::ForeignAuthzid);
                }
                name
            }
        };
        Ok(Self::of(mechanism, name))
    }

    /// An exchange whose client is known already.
    pub(super) fn of(mechanism: Mechanism, name: String) -> Self {
        Self {
            mechanism,
            name,
            expires: None,
            rounds: 0,
        }
    }

    /// When a login ends that this answer completes: with the broker's session or with what the client showed, whichever
    /// comes first.
    pub(super) fn expires_after(&self, answer: &BrokerAnswer, now: UnixMillis) -> Option<UnixMillis> {
        let of_broker = match answer.lifetime_ms {
            0 => None,
            lifetime_ms => Some(UnixMillis(now.0.saturating_add(lifetime_ms))),
        };
        self.expires.into_iter().chain(of_broker).min()
    }

    /// Takes the broker's answer to the last message.
    pub(super) fn answered(&mut self, answer: &BrokerAnswer) -> RelayProgress {
        if answer.error_code != 0 {
            return RelayProgress::Refused;
        }
        self.rounds = self.rounds.saturating_add(1);
        match is_complete(self.mechanism, self.rounds, answer) {
            true => RelayProgress::Complete,
            false => RelayProgress::More,
        }
    }
}

/// Whether an exchange is over with an answer that refuses nothing, the answer to the client's message of this number.
fn is_complete(mechanism: Mechanism, round: u8, answer: &BrokerAnswer) -> bool {
    match mechanism {
        Mechanism::Plain => true,
        Mechanism::Scram(_) => round >= SCRAM_ROUNDS,
        // With something to say, the broker has refused and waits for the client to have read it.
        Mechanism::OauthBearer => answer.bytes.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use klamm_raft::model::ScramHash;

    use super::*;
    use crate::auth::oauth::samples;

    const SCRAM: Mechanism = Mechanism::Scram(ScramHash::Sha256);

    fn check(mechanism: Mechanism, message: &str, expected: Result<&str, LoginRefusal>) {
        let relay = Relay::begin(mechanism, message.as_bytes(), Some("sub"));
        let name = relay.map(|relay| relay.name);
        assert_eq!(name, expected.map(str::to_owned), "{message:?}");
    }

    /// The meaning of a message for the session that sends it on, and for the exchange that it is a part of.
    #[test]
    fn an_exchange_is_settled_when_it_is_complete() {
        for mechanism in [Mechanism::Plain, SCRAM, Mechanism::OauthBearer] {
            for bytes in [b"".to_vec(), b"more".to_vec()] {
                for error_code in [0, 58] {
                    let answer = BrokerAnswer {
                        error_code,
                        error_message: None,
                        bytes: bytes.clone(),
                        lifetime_ms: 0,
                    };
                    let mut relay = Relay::of(mechanism, "alice".to_owned());
                    for is_first in [true, false] {
                        let to_broker = ToBroker {
                            mechanism,
                            is_first,
                            message: Secret::new("a message"),
                        };
                        let progress = relay.answered(&answer);
                        assert_eq!(
                            to_broker.is_settled_by(&answer),
                            progress == RelayProgress::Complete,
                            "{to_broker:?} {answer:?}"
                        );
                        if progress != RelayProgress::More {
                            break;
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_user_is_learned_from_the_first_message() {
        check(Mechanism::Plain, "\0alice\0secret", Ok("alice"));
        check(SCRAM, "n,,n=alice,r=abc", Ok("alice"));
        check(SCRAM, "y,a=alice,n=alice,r=abc,x=y", Ok("alice"));
        check(SCRAM, "n,,n=a=2Cb=3D,r=abc", Ok("a,b="));
        let token = samples::token(&samples::claims());
        check(
            Mechanism::OauthBearer,
            &format!("n,,\x01auth=Bearer {token}\x01\x01"),
            Ok("alice"),
        );
        check(
            Mechanism::OauthBearer,
            &format!("n,a=alice,\x01auth=Bearer {token}\x01\x01"),
            Ok("alice"),
        );
    }

    #[test]
    fn whoever_cannot_be_known_is_not_relayed() {
        check(SCRAM, "n,a=root,n=alice,r=abc", Err(LoginRefusal::ForeignAuthzid));
        check(
            SCRAM,
            "n,,n=token-id,r=abc,tokenauth=true",
            Err(LoginRefusal::UnsupportedMechanism),
        );
        for message in [
            "",
            "n",
            "n,,",
            "n,,r=abc",
            "n,,n=,r=abc",
            "n,,n=alice",
            "n,,m=ext,n=alice,r=abc",
            "p=tls-unique,,n=alice,r=abc",
            "n,,n=a=2c,r=abc",
            "n,x,n=alice,r=abc",
            "n,,n=a\nb,r=abc",
        ] {
            check(SCRAM, message, Err(LoginRefusal::MalformedMessage));
        }
        check(
            Mechanism::Plain,
            "root\0alice\0secret",
            Err(LoginRefusal::ForeignAuthzid),
        );
        let token = samples::token(&samples::claims());
        check(
            Mechanism::OauthBearer,
            &format!("n,a=root,\x01auth=Bearer {token}\x01\x01"),
            Err(LoginRefusal::ForeignAuthzid),
        );
        check(
            Mechanism::OauthBearer,
            "n,,\x01auth=Bearer opaque\x01\x01",
            Err(LoginRefusal::NoSubject),
        );
    }

    #[test]
    fn the_broker_decides_when_it_is_over() {
        let answer = |error_code, bytes: &[u8]| BrokerAnswer {
            error_code,
            error_message: None,
            bytes: bytes.to_vec(),
            lifetime_ms: 0,
        };
        let of = |mechanism| Relay::of(mechanism, "alice".to_owned());
        assert_eq!(
            of(Mechanism::Plain).answered(&answer(0, b"")),
            RelayProgress::Complete
        );
        assert_eq!(
            of(Mechanism::Plain).answered(&answer(58, b"")),
            RelayProgress::Refused
        );
        let mut scram = of(SCRAM);
        assert_eq!(scram.answered(&answer(0, b"r=x,s=y,i=4096")), RelayProgress::More);
        assert_eq!(scram.answered(&answer(0, b"v=z")), RelayProgress::Complete);
        let mut bearer = of(Mechanism::OauthBearer);
        assert_eq!(bearer.answered(&answer(0, b"{}")), RelayProgress::More);
        assert_eq!(bearer.answered(&answer(58, b"")), RelayProgress::Refused);
        assert_eq!(
            of(Mechanism::OauthBearer).answered(&answer(0, b"")),
            RelayProgress::Complete
        );
    }
}
