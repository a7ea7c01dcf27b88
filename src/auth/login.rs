//! A successful login: who it is, on what it rests, and how long it holds.

use std::sync::Arc;

use klamm_raft::model::{
    AccountName, CredentialsName, Mediation, Method, PasswordHash, Revision, ScramCredential, ScramUser,
    TokenId,
};

use super::certificate::ClientCertificate;
use super::{Directory, LoginRefusal, Mechanism, UnixMillis, accept};
use crate::authz::Principal;

/// Somebody who has logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub principal: Principal,
    /// None on listeners without SASL.
    pub mechanism: Option<Mechanism>,
    /// From then on the session serves nothing until it is authenticated again (KIP-368); `None`: it holds for ever.
    pub expires: Option<UnixMillis>,
    pub(super) basis: LoginBasis,
}

/// The things that a login rests on: without it, it is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LoginBasis {
    Token {
        account: AccountName,
        account_created: Revision,
        token: TokenId,
    },
    Scram {
        user: ScramUser,
        account_created: Revision,
        credential: ScramCredential,
    },
    /// An entry of the list of users of PLAIN.
    Password { user: AccountName, hash: PasswordHash },
    /// Nothing was asked: there is no SASL.
    Accepted {
        /// If the client showed one.
        certificate: Option<Arc<ClientCertificate>>,
        /// Whether the certificate names the client.
        is_named: bool,
        /// The account that has this name, if one has.
        account: Option<(AccountName, Revision)>,
    },
    /// Somebody else vouches, by a method of the list.
    External {
        method: Arc<Method>,
        /// The name of the client there.
        name: String,
        /// The account that has this name, if one has.
        account: Option<(AccountName, Revision)>,
    },
}

/// Why a login that once succeeded holds no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LoginLost {
    #[error("the account was deleted")]
    AccountDeleted,
    #[error("the token was revoked")]
    TokenWithdrawn,
    #[error("the password was changed or removed")]
    PasswordChanged,
    #[error("the mechanism is no longer offered")]
    MechanismWithdrawn,
    #[error("the method of authentication was changed")]
    MethodChanged,
    #[error("another account now has the external name of this client")]
    AccountChanged,
}

impl Login {
    /// Whether the directory still holds what this login rests on.
    pub fn check(&self, directory: &Directory) -> Result<(), LoginLost> {
        if let LoginBasis::Accepted { certificate, .. } = &self.basis {
            return accept::check(self, certificate.as_ref(), directory);
        }
        let now = self.mechanism.and_then(|mechanism| directory.method(mechanism));
        let now = now.ok_or(LoginLost::MechanismWithdrawn)?;
        let lives = |account: &AccountName, created: Revision| {
            let lives = directory.account_created(account) == Some(created);
            lives.then_some(()).ok_or(LoginLost::AccountDeleted)
        };
        let holds = match &self.basis {
            LoginBasis::Token {
                account,
                account_created,
                token,
            } => {
                lives(account, *account_created)?;
                directory.token(*token).ok_or(LoginLost::TokenWithdrawn)?;
                now.mediation() == Some(Mediation::Terminate)
            }
            LoginBasis::Scram {
                user,
                account_created,
                credential,
            } => {
                lives(&user.account, *account_created)?;
                if directory.scram(user) != Some(credential) {
                    return Err(LoginLost::PasswordChanged);
                }
                now.mediation() == Some(Mediation::Terminate)
            }
            LoginBasis::Password { user, hash } => {
                let kept = match now {
                    Method::SaslPlain { users, .. } => users.get(user),
                    _ => None,
                };
                if kept != Some(hash) {
                    return Err(LoginLost::PasswordChanged);
                }
                now.mediation() == Some(Mediation::Terminate)
            }
            LoginBasis::External {
                method,
                name,
                account,
            } => {
                let learned = account.as_ref().map(|(account, created)| (account, *created));
                if directory.external(name) != learned {
                    return Err(LoginLost::AccountChanged);
                }
                now == &**method
            }
            // Looked at above.
            LoginBasis::Accepted { .. } => true,
        };
        holds.then_some(()).ok_or(LoginLost::MethodChanged)
    }

    /// Whether somebody else could have guessed what it rests on.
    pub fn is_guessable(&self) -> bool {
        match self.basis {
            LoginBasis::Scram { .. } | LoginBasis::Password { .. } | LoginBasis::External { .. } => true,
            LoginBasis::Token { .. } | LoginBasis::Accepted { .. } => false,
        }
    }

    /// The mechanism, if the client said by SASL who it is.
    pub fn mechanism(&self) -> Option<Mechanism> {
        self.mechanism
    }

    /// Whether the client said by SASL who it is.
    pub fn is_by_sasl(&self) -> bool {
        self.mechanism.is_some()
    }

    /// As whom requests of this login reach physical clusters, unless it was made there; none: as the gateway.
    pub fn upstream_credentials<'a>(&self, directory: &'a Directory) -> Option<&'a CredentialsName> {
        directory.upstream_credentials(self.account()?)
    }

    /// The account of the virtual cluster that this is, if it is one's. A user of a list may have an account too.
    pub fn account(&self) -> Option<&AccountName> {
        match &self.basis {
            LoginBasis::Token { account, .. } => Some(account),
            LoginBasis::Scram { user, .. } => Some(&user.account),
            LoginBasis::Password { user, .. } => Some(user),
            LoginBasis::Accepted { account, .. } | LoginBasis::External { account, .. } => {
                account.as_ref().map(|(account, _)| account)
            }
        }
    }

    /// The login of somebody who proved to know a password.
    pub(super) fn scram(
        user: ScramUser,
        credential: ScramCredential,
        directory: &Directory,
    ) -> Result<Self, LoginRefusal> {
        let account_created = directory
            .account_created(&user.account)
            .ok_or(LoginRefusal::UnknownAccount)?;
        Ok(Self {
            principal: Principal::user(user.account.as_str()),
            mechanism: Some(Mechanism::Scram(user.hash)),
            expires: None,
            basis: LoginBasis::Scram {
                user,
                account_created,
                credential,
            },
        })
    }

    /// The login of somebody who sent the password of a list of users.
    pub(super) fn password(user: AccountName, hash: PasswordHash) -> Self {
        Self {
            principal: Principal::user(user.as_str()),
            mechanism: Some(Mechanism::Plain),
            expires: None,
            basis: LoginBasis::Password { user, hash },
        }
    }

    /// A login by a method for which somebody else vouches.
    pub(super) fn external(
        directory: &Directory,
        mechanism: Mechanism,
        name: &str,
        expires: Option<UnixMillis>,
    ) -> Option<Self> {
        let method = Arc::new(directory.method(mechanism)?.clone());
        let account = directory
            .external(name)
            .map(|(account, created)| (account.clone(), created));
        Some(Self {
            principal: match &account {
                Some((account, _)) => Principal::user(account.as_str()),
                None => Principal::user(name),
            },
            mechanism: Some(mechanism),
            expires,
            basis: LoginBasis::External {
                method,
                name: name.to_owned(),
                account,
            },
        })
    }

    /// How it came about, for the audit log.
    pub fn means(&self) -> &'static str {
        match (self.mechanism, &self.basis) {
            (Some(mechanism), _) => mechanism.name(),
            (None, _) if self.is_by_certificate() => "client_certificate",
            (None, _) => "anonymous",
        }
    }

    /// Whether a certificate says who the client is.
    pub fn is_by_certificate(&self) -> bool {
        matches!(self.basis, LoginBasis::Accepted { is_named: true, .. })
    }

    /// Whether a running session may go on with this login.
    pub(super) fn is_same_identity(&self, previous: &Self) -> bool {
        self.principal == previous.principal && self.mechanism == previous.mechanism
    }

    /// Whether the credential has run out.
    pub fn is_expired(&self, now: UnixMillis) -> bool {
        self.expires.is_some_and(|expires| now >= expires)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::token::{self, samples};

    fn login() -> Login {
        let token = samples::token();
        token::verify(
            &samples::directory(&samples::state()),
            "alice",
            &token,
            samples::NOW,
        )
        .unwrap()
    }

    #[test]
    fn it_holds_while_account_and_token_exist() {
        assert_eq!(login().check(&samples::directory(&samples::state())), Ok(()));
    }

    #[test]
    fn it_is_lost_with_its_account_even_if_one_of_that_name_is_created_again() {
        let mut state = samples::state();
        for account in state.accounts.values_mut() {
            account.created = Revision(99);
        }
        assert_eq!(
            login().check(&samples::directory(&state)),
            Err(LoginLost::AccountDeleted)
        );
        state.accounts.clear();
        assert_eq!(
            login().check(&samples::directory(&state)),
            Err(LoginLost::AccountDeleted)
        );
    }

    #[test]
    fn it_is_lost_with_its_token() {
        let mut state = samples::state();
        state.tokens.clear();
        assert_eq!(
            login().check(&samples::directory(&state)),
            Err(LoginLost::TokenWithdrawn)
        );
    }

    #[test]
    fn it_expires_with_its_token() {
        let login = login();
        assert!(!login.is_expired(UnixMillis(samples::EXPIRES_S * 1000 - 1)));
        assert!(login.is_expired(UnixMillis(samples::EXPIRES_S * 1000)));
    }
}
