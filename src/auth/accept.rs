//! The login of a client that is asked nothing, on listeners without SASL: by its certificate, or as nobody. Pure.

use std::sync::Arc;

use klamm_raft::model::Demand;

use super::certificate::ClientCertificate;
use super::login::LoginBasis;
use super::{Directory, Login, LoginLost, LoginRefusal};
use crate::authz::Principal;

/// Kafka's name for a client that does not say who it is.
const NOBODY: &str = "ANONYMOUS";

/// Who a client is that shows this certificate, or none. A certificate counts before `anonymous`, wherever that stands in
/// the list, and the login ends with it.
///
/// # Errors
/// The virtual cluster demands another certificate, or takes nobody without SASL.
pub(super) fn login(
    directory: &Directory,
    certificate: Option<&Arc<ClientCertificate>>,
) -> Result<Login, LoginRefusal> {
    let by_certificate = match (directory.client_certificate(), certificate) {
        (Some((_, rules)), Some(shown)) => {
            let name = rules.and_then(|rules| rules.map(&shown.subject));
            Some(name.ok_or(LoginRefusal::UnmappedCertificate)?)
        }
        (Some((Demand::Required, _)), None) => return Err(LoginRefusal::NoCertificate),
        (Some((Demand::Optional, _)), None) | (None, _) => None,
    };
    let account = by_certificate.as_ref().and_then(|name| {
        let (account, created) = directory.external(name)?;
        Some((account.clone(), created))
    });
    let principal = match (&account, &by_certificate) {
        (Some((account, _)), _) => Principal::user(account.as_str()),
        (None, Some(name)) => Principal::user(name),
        (None, None) if directory.takes_anybody() => Principal::user(NOBODY),
        (None, None) => return Err(LoginRefusal::SaslOnly),
    };
    Ok(Login {
        principal,
        mechanism: None,
        expires: by_certificate
            .as_ref()
            .and(certificate)
            .map(|shown| shown.not_after),
        basis: LoginBasis::Accepted {
            certificate: certificate.cloned(),
            is_named: by_certificate.is_some(),
            account,
        },
    })
}

/// Whether the client would still be the same.
pub(super) fn check(
    held: &Login,
    certificate: Option<&Arc<ClientCertificate>>,
    directory: &Directory,
) -> Result<(), LoginLost> {
    match login(directory, certificate) {
        Ok(now) if now == *held => Ok(()),
        Ok(now) if now.account() != held.account() => Err(LoginLost::AccountChanged),
        Ok(_) | Err(_) => Err(LoginLost::MethodChanged),
    }
}

#[cfg(test)]
mod tests {
    use klamm_raft::model::{AccountKind, AccountName, Authentication, Method, Revision, VclusterState};

    use super::*;
    use crate::auth::UnixMillis;
    use crate::auth::token::samples;

    const SUBJECT: &str = "CN=Writer,O=Acme";
    const NOT_AFTER: UnixMillis = UnixMillis(7_000);

    fn certificates(demand: Demand, rules: &str) -> Method {
        Method::ClientCertificate {
            demand,
            principal_mapping_rules: rules.to_owned(),
        }
    }

    fn state(methods: Vec<Method>) -> VclusterState {
        let mut state = samples::state();
        state.spec.authentication = Authentication(methods);
        state
    }

    /// Gives `alice` a name elsewhere.
    fn known_as(state: &mut VclusterState, name: &str) {
        let alice: AccountName = "alice".parse().unwrap();
        let alice = state.accounts.get_mut(&alice).unwrap();
        alice.spec.kind = AccountKind::External {
            names: [name.to_owned()].into(),
        };
    }

    fn log_in(state: &VclusterState, certificate: Option<&str>) -> Result<Login, LoginRefusal> {
        let certificate = certificate.map(|subject| {
            Arc::new(ClientCertificate {
                subject: subject.to_owned(),
                not_after: NOT_AFTER,
            })
        });
        login(&samples::directory(state), certificate.as_ref())
    }

    fn check_login(methods: Vec<Method>, certificate: Option<&str>, expected: Result<&str, LoginRefusal>) {
        let principal = log_in(&state(methods), certificate).map(|login| login.principal);
        assert_eq!(principal, expected.map(Principal::user));
    }

    #[test]
    fn the_list_says_who_may_come_without_sasl() {
        use Demand::{Optional, Required};
        let any = || certificates(Optional, "DEFAULT");
        let must = || certificates(Required, "DEFAULT");
        check_login(vec![Method::Anonymous], None, Ok("ANONYMOUS"));
        check_login(vec![Method::Anonymous], Some(SUBJECT), Ok("ANONYMOUS"));
        check_login(vec![Method::Anonymous, any()], Some(SUBJECT), Ok(SUBJECT));
        check_login(vec![any(), Method::Anonymous], None, Ok("ANONYMOUS"));
        check_login(vec![any()], None, Err(LoginRefusal::SaslOnly));
        check_login(vec![must()], Some(SUBJECT), Ok(SUBJECT));
        check_login(
            vec![Method::Anonymous, must()],
            None,
            Err(LoginRefusal::NoCertificate),
        );
        check_login(
            Authentication::default().0,
            Some(SUBJECT),
            Err(LoginRefusal::SaslOnly),
        );
    }

    #[test]
    fn rules_name_the_principal_and_who_none_is_for_stays_out() {
        let rules = certificates(Demand::Optional, "RULE:^CN=(.*?),O=Acme$/$1/L");
        check_login(vec![rules.clone()], Some(SUBJECT), Ok("writer"));
        let other = Some("CN=Writer,O=Other");
        check_login(
            vec![rules, Method::Anonymous],
            other,
            Err(LoginRefusal::UnmappedCertificate),
        );
    }

    #[test]
    fn an_account_may_have_the_name_of_a_certificate() {
        let mut state = state(vec![certificates(Demand::Required, "RULE:^CN=(.*?),.*$/$1/")]);
        known_as(&mut state, "Writer");
        let login = log_in(&state, Some(SUBJECT)).unwrap();
        assert_eq!(login.principal, Principal::user("alice"));
        assert_eq!(login.account().map(ToString::to_string).as_deref(), Some("alice"));
    }

    fn check_after(change: impl FnOnce(&mut VclusterState), expected: Result<(), LoginLost>) {
        let mut state = state(vec![
            certificates(Demand::Optional, "RULE:^CN=(.*?),O=Acme$/$1/"),
            Method::Anonymous,
        ]);
        known_as(&mut state, "somebody");
        let login = log_in(&state, Some(SUBJECT)).unwrap();
        change(&mut state);
        assert_eq!(login.check(&samples::directory(&state)), expected);
    }

    #[test]
    fn a_login_holds_while_its_certificate_means_the_same() {
        check_after(|_| (), Ok(()));
        check_after(|state| state.accounts.clear(), Ok(()));
        check_after(
            |state| {
                state.spec.authentication.0[0] = certificates(Demand::Required, "RULE:^CN=(.*?),O=.*$/$1/")
            },
            Ok(()),
        );
        check_after(
            |state| state.spec.authentication.0[0] = certificates(Demand::Required, "DEFAULT"),
            Err(LoginLost::MethodChanged),
        );
        check_after(
            |state| drop(state.spec.authentication.0.remove(0)),
            Err(LoginLost::MethodChanged),
        );
        check_after(|state| known_as(state, "Writer"), Err(LoginLost::AccountChanged));
    }

    #[test]
    fn a_login_ends_with_the_certificate_that_it_rests_on() {
        let methods = vec![certificates(Demand::Optional, "DEFAULT"), Method::Anonymous];
        let expires = |certificate| log_in(&state(methods.clone()), certificate).unwrap().expires;
        assert_eq!(expires(Some(SUBJECT)), Some(NOT_AFTER));
        assert_eq!(expires(None), None);
        let anybody = log_in(&state(vec![Method::Anonymous]), Some(SUBJECT)).unwrap();
        assert_eq!(anybody.expires, None);
    }

    #[test]
    fn an_account_that_is_made_again_is_another() {
        let mut state = state(vec![certificates(Demand::Required, "DEFAULT")]);
        known_as(&mut state, SUBJECT);
        let login = log_in(&state, Some(SUBJECT)).unwrap();
        for account in state.accounts.values_mut() {
            account.created = Revision(99);
        }
        let lost = login.check(&samples::directory(&state));
        assert_eq!(lost, Err(LoginLost::MethodChanged));
    }
}
