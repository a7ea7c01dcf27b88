//! A successful login: who it is, on what it rests, and how long it holds.

use klamm_raft::model::{AccountName, Revision, ScramCredential, ScramUser, TokenId};

use super::{Directory, Mechanism, UnixMillis};
use crate::authz::Principal;

/// Somebody who has logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub principal: Principal,
    pub mechanism: Mechanism,
    /// From then on the session serves nothing until it is authenticated again (KIP-368); `None`: it holds for ever.
    pub expires: Option<UnixMillis>,
    pub(super) account: AccountName,
    pub(super) account_created: Revision,
    pub(super) basis: Basis,
}

/// The credential that a login rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Basis {
    Token(TokenId),
    Scram(ScramUser, ScramCredential),
}

/// Why a login that once succeeded holds no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LoginLost {
    #[error("the account was deleted")]
    AccountDeleted,
    #[error("the token was withdrawn")]
    TokenWithdrawn,
    #[error("the password was changed or removed")]
    PasswordChanged,
    #[error("the mechanism is no longer offered")]
    MechanismWithdrawn,
}

impl Login {
    /// Whether the directory still holds what this login rests on.
    pub fn check(&self, directory: &Directory) -> Result<(), LoginLost> {
        if directory.account_created(&self.account) != Some(self.account_created) {
            return Err(LoginLost::AccountDeleted);
        }
        if directory.mechanism(self.mechanism.name()).is_none() {
            return Err(LoginLost::MechanismWithdrawn);
        }
        match &self.basis {
            Basis::Token(id) if directory.token(*id).is_none() => Err(LoginLost::TokenWithdrawn),
            Basis::Scram(user, credential) if directory.scram(user) != Some(credential) => {
                Err(LoginLost::PasswordChanged)
            }
            Basis::Token(_) | Basis::Scram(..) => Ok(()),
        }
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
