//! The steps of an exchange: what each mechanism makes of one message, and who may take over a session.

use klamm_raft::model::{AccountName, Mediation, Method, OauthBearer};

use super::{Conversation, Exchange, KeyNeed, Moment, Outcome, Stage};
use crate::auth::oauth::{self, BearerMessage, Fault, Keyring};
use crate::auth::password::{PasswordCheck, PasswordVerdict};
use crate::auth::plain::PlainCredentials;
use crate::auth::relay::{Relay, ToBroker};
use crate::auth::{Directory, Login, LoginRefusal, Mechanism, UnixMillis, scram, token};
use crate::secret::Secret;

impl Conversation {
    /// One message of the exchange. The exchange is over unless it is put back.
    pub(super) fn exchanged(
        &mut self,
        message: &[u8],
        directory: &Directory,
        moment: Moment,
    ) -> Result<Outcome, LoginRefusal> {
        let mut exchange = self.exchange.take().ok_or(LoginRefusal::IllegalState)?;
        let mechanism = exchange.mechanism;
        match exchange.stage {
            Stage::First => {}
            Stage::Proof(proof) => {
                let proven = proof.finish(message)?;
                let login = Login::scram(proven.user, proven.credential, directory);
                return self.accept(login, proven.answer, directory, moment.now);
            }
            // A client sends nothing while its password is checked, and nothing is read.
            Stage::Password(_) => return Err(LoginRefusal::IllegalState),
            // Whatever it says, it was told already; it should be one byte, 1.
            Stage::Doomed(kind) => return Err(kind),
            Stage::Relayed(_) => {
                let relayed = to_broker(mechanism, message, Part::Further)?;
                self.exchange = Some(exchange);
                return Ok(Outcome::Relay(relayed));
            }
        }
        // The list may have changed since the handshake.
        let method = directory
            .method(mechanism)
            .ok_or(LoginRefusal::UnsupportedMechanism)?;
        match method {
            Method::SaslPlain {
                mediation: Mediation::Terminate,
                users,
            } => {
                let credentials = PlainCredentials::parse(message)?;
                let (username, password) = (credentials.username, credentials.password);
                self.attempted_user = Some(username.to_owned());
                let login = token::verify(directory, username, password, moment.now);
                let is_token = !matches!(
                    login,
                    Err(LoginRefusal::InvalidToken | LoginRefusal::NoSigningKey)
                );
                if is_token || users.is_empty() {
                    return self.accept(login, Vec::new(), directory, moment.now);
                }
                let user = username.parse::<AccountName>().ok();
                let user = user.and_then(|name| users.get_key_value(&name));
                let user = user.map(|(name, hash)| (name.clone(), hash.clone()));
                let check = PasswordCheck::new(password, user.as_ref().map(|(_, hash)| hash.clone()));
                exchange.stage = Stage::Password(user);
                self.exchange = Some(exchange);
                Ok(Outcome::Password(check))
            }
            Method::SaslScram {
                hash,
                mediation: Mediation::Terminate,
            } => {
                let (proof, challenge) = scram::Exchange::begin(*hash, message, directory, moment.nonce)?;
                self.attempted_user = Some(proof.user().to_owned());
                exchange.stage = Stage::Proof(Box::new(proof));
                self.exchange = Some(exchange);
                Ok(Outcome::More(challenge))
            }
            Method::OauthBearer(oauth) if oauth.mediation != Mediation::Passthrough => {
                let provider = oauth.provider.clone();
                self.exchange = Some(exchange);
                Ok(Outcome::Keys(provider, KeyNeed::AsTheyAre))
            }
            Method::SaslPlain { .. } | Method::SaslScram { .. } | Method::OauthBearer(_) => {
                let claim = principal_claim(method);
                let relay = Relay::begin(mechanism, message, claim)?;
                self.attempted_user = Some(relay.name.clone());
                self.relay(&mut exchange, relay, directory)?;
                self.exchange = Some(exchange);
                Ok(Outcome::Relay(to_broker(mechanism, message, Part::First)?))
            }
            Method::Anonymous | Method::ClientCertificate { .. } => Err(LoginRefusal::UnsupportedMechanism),
        }
    }

    /// Puts an exchange into the broker's hands, unless it would make somebody else of a running session.
    fn relay(
        &self,
        exchange: &mut Exchange,
        relay: Relay,
        directory: &Directory,
    ) -> Result<(), LoginRefusal> {
        if let Some(previous) = &self.login {
            let login = Login::external(directory, relay.mechanism, &relay.name, None);
            let same = login.is_some_and(|login| login.is_same_identity(previous));
            if !same {
                return Err(LoginRefusal::ChangedIdentity);
            }
        }
        exchange.stage = Stage::Relayed(relay);
        Ok(())
    }

    /// Takes over what came of the check of a password.
    pub(super) fn compared(
        &mut self,
        verdict: PasswordVerdict,
        directory: &Directory,
        now: UnixMillis,
    ) -> Result<Outcome, LoginRefusal> {
        let exchange = self.exchange.take().ok_or(LoginRefusal::IllegalState)?;
        match (exchange.stage, verdict) {
            (Stage::Password(Some((user, hash))), PasswordVerdict::Right) => {
                self.accept(Ok(Login::password(user, hash)), Vec::new(), directory, now)
            }
            (Stage::Password(_), PasswordVerdict::NotChecked) => Err(LoginRefusal::NotChecked),
            (Stage::Password(Some(_)), PasswordVerdict::Wrong) => Err(LoginRefusal::WrongPassword),
            (Stage::Password(None), _) => Err(LoginRefusal::UnknownUser),
            _ => Err(LoginRefusal::IllegalState),
        }
    }

    /// Judges a token by the keys of its provider.
    pub(super) fn verified(
        &mut self,
        message: &[u8],
        directory: &Directory,
        (keys, need): (&Keyring, KeyNeed),
        now: UnixMillis,
    ) -> Result<Outcome, LoginRefusal> {
        let mut exchange = self.exchange.take().ok_or(LoginRefusal::IllegalState)?;
        let mechanism = exchange.mechanism;
        let method = directory
            .method(mechanism)
            .ok_or(LoginRefusal::UnsupportedMechanism)?;
        let Method::OauthBearer(oauth) = method else {
            return Err(LoginRefusal::UnsupportedMechanism);
        };
        let bearer = BearerMessage::parse(message)?;
        self.attempted_user = oauth::unverified_subject(bearer.token, &oauth.principal_claim);
        let verified = match judged(&bearer, oauth, directory, keys, now) {
            Ok(verified) => verified,
            Err(Fault::UnknownKey) if need == KeyNeed::AsTheyAre => {
                self.exchange = Some(exchange);
                return Ok(Outcome::Keys(oauth.provider.clone(), KeyNeed::Fresher));
            }
            Err(Fault::UnknownKey) if !keys.has_keys(&oauth.provider) => return Err(LoginRefusal::NoKeys),
            Err(Fault::UnknownKey) => return self.doomed(exchange, LoginRefusal::UnknownKey),
            // A client that is told nothing tries again, and by then the keys may be there.
            Err(Fault::Bad(LoginRefusal::NoKeys)) => return Err(LoginRefusal::NoKeys),
            Err(Fault::Bad(LoginRefusal::ForeignAuthzid)) => return Err(LoginRefusal::ForeignAuthzid),
            Err(Fault::Bad(kind)) => return self.doomed(exchange, kind),
            Err(Fault::Rule(number)) => {
                self.unmet_rule = oauth.rules.get(number).map(|rule| rule.message.clone());
                return self.doomed(exchange, LoginRefusal::RuleNotMet);
            }
        };
        if oauth.mediation == Mediation::Terminate {
            let login = Login::external(directory, mechanism, &verified.subject, Some(verified.expires));
            let login = login.ok_or(LoginRefusal::UnsupportedMechanism);
            return self.accept(login, Vec::new(), directory, now);
        }
        let mut relay = Relay::of(mechanism, verified.subject);
        relay.expires = Some(verified.expires);
        self.relay(&mut exchange, relay, directory)?;
        self.exchange = Some(exchange);
        Ok(Outcome::Relay(to_broker(mechanism, message, Part::First)?))
    }

    /// Tells a client that its token is not good; with its next message it is refused.
    fn doomed(&mut self, exchange: Exchange, kind: LoginRefusal) -> Result<Outcome, LoginRefusal> {
        self.exchange = Some(Exchange {
            stage: Stage::Doomed(kind),
            ..exchange
        });
        Ok(Outcome::More(oauth::INVALID_TOKEN.into()))
    }

    /// Takes a login over, unless it would make somebody else of a running session.
    pub(super) fn accept(
        &mut self,
        login: Result<Login, LoginRefusal>,
        bytes: Vec<u8>,
        directory: &Directory,
        now: UnixMillis,
    ) -> Result<Outcome, LoginRefusal> {
        let mut login = login?;
        // An exchange takes its time: what it began with may be gone.
        login.check(directory).map_err(|_| LoginRefusal::Withdrawn)?;
        if let Some(previous) = &self.login
            && !login.is_same_identity(previous)
        {
            return Err(LoginRefusal::ChangedIdentity);
        }
        if let Some(lifetime) = self.max_lifetime {
            let end = now.plus(lifetime);
            login.expires = Some(login.expires.map_or(end, |expires| expires.min(end)));
        }
        let lifetime_ms = login.expires.map_or(0, |expires| expires.since(now).max(1));
        self.login = Some(login);
        Ok(Outcome::LoggedIn { lifetime_ms, bytes })
    }
}

/// Whether it is the first message of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    First,
    Further,
}

fn to_broker(mechanism: Mechanism, message: &[u8], part: Part) -> Result<ToBroker, LoginRefusal> {
    let message = std::str::from_utf8(message).map_err(|_| LoginRefusal::MalformedMessage)?;
    Ok(ToBroker {
        mechanism,
        is_first: part == Part::First,
        message: Secret::new(message),
    })
}

fn principal_claim(method: &Method) -> Option<&str> {
    match method {
        Method::OauthBearer(oauth) => Some(&oauth.principal_claim),
        _ => None,
    }
}

/// Whether a token is good by what is known of its provider.
fn judged(
    message: &BearerMessage<'_>,
    oauth: &OauthBearer,
    directory: &Directory,
    keys: &Keyring,
    now: UnixMillis,
) -> Result<oauth::Verified, Fault> {
    let (provider, keys) = keys
        .providers
        .get(&oauth.provider)
        .ok_or(Fault::Bad(LoginRefusal::NoKeys))?;
    let demand = directory.demand().ok_or(Fault::Bad(LoginRefusal::NoKeys))?;
    let verified = match keys {
        Some(keys) => oauth::verify(message.token, provider, keys, demand, now)?,
        // They may be on their way.
        None => return Err(Fault::UnknownKey),
    };
    match &message.authzid {
        Some(authzid) if *authzid != verified.subject => Err(Fault::Bad(LoginRefusal::ForeignAuthzid)),
        _ => Ok(verified),
    }
}
