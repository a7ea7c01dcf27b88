//! One set of credentials for the brokers of a physical cluster, with what is remembered of it: keys that take long to
//! derive, and a token. Shared by all that dial.

use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::backend::config::{BearerLogin, PlainLogin, ScramLogin, UpstreamLogin};
use crate::backend::login::Proof;
use crate::backend::scram::{Derivation, ScramKeys};
use crate::oauth::{Fetcher, Grant, GrantError};

/// How many bytes of chance are in a nonce.
const NONCE_BYTES: usize = 24;

/// Why credentials cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("no token could be obtained")]
    Grant(#[from] GrantError),
    #[error("the operating system provides no random bytes")]
    Chance,
    #[error("the thread that derives keys has ended")]
    Aborted,
}

/// Credentials, ready to be shown.
#[derive(Debug)]
pub(crate) enum Identity {
    Plain(PlainLogin),
    Scram(Arc<ScramLogin>, Derived),
    Bearer(BearerLogin, Box<Grant>),
}

/// The keys that were derived last. Dials are rare, so a lock does not matter.
#[derive(Default)]
pub(crate) struct Derived(Mutex<Option<(Derivation, ScramKeys)>>);

impl Identity {
    /// `fetcher` fetches tokens, when these are credentials that need them.
    pub(crate) fn new(login: UpstreamLogin, fetcher: &Fetcher) -> Self {
        match login {
            UpstreamLogin::Plain(login) => Self::Plain(login),
            UpstreamLogin::Scram(login) => Self::Scram(Arc::new(login), Derived::default()),
            UpstreamLogin::Bearer(login) => {
                let grant = Grant::new(&login.client, fetcher.clone());
                Self::Bearer(login, Box::new(grant))
            }
        }
    }

    /// The proof that one login shows.
    pub(crate) async fn proof(&self) -> Result<Proof<'_>, IdentityError> {
        match self {
            Self::Plain(login) => Ok(Proof::Plain(login)),
            Self::Scram(login, _) => {
                let mut nonce = [0; NONCE_BYTES];
                rand::fill(&mut nonce).map_err(|_| IdentityError::Chance)?;
                Ok(Proof::Scram(login, STANDARD_NO_PAD.encode(nonce)))
            }
            Self::Bearer(login, grant) => Ok(Proof::Bearer(grant.token().await?, &login.extensions)),
        }
    }

    /// The keys for a challenge: those of last time, or fresh ones, made on a thread for that.
    pub(crate) async fn derive(&self, derivation: Derivation) -> Result<ScramKeys, IdentityError> {
        let Self::Scram(login, derived) = self else {
            return Err(IdentityError::Aborted);
        };
        if let Some(keys) = derived.get(&derivation) {
            return Ok(keys);
        }
        let login = Arc::clone(login);
        let (derivation, keys) = tokio::task::spawn_blocking(move || {
            let keys = derivation.run(&login);
            (derivation, keys)
        })
        .await
        .map_err(|_| IdentityError::Aborted)?;
        derived.put(derivation, keys.clone());
        Ok(keys)
    }
}

impl Derived {
    fn get(&self, derivation: &Derivation) -> Option<ScramKeys> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref()
            .filter(|(known, _)| known == derivation)
            .map(|(_, keys)| keys.clone())
    }

    fn put(&self, derivation: Derivation, keys: ScramKeys) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((derivation, keys));
    }
}

impl std::fmt::Debug for Derived {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Derived(..)")
    }
}
