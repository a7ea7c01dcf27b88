//! `principals` of `sasl_plain`: users and their passwords, which are read and never shown.

use std::collections::BTreeMap;

use aws_lc_rs::rand;
use klamm_raft::model::{AccountName, Authentication, Mediation, Method, PasswordHash};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::invalid::{Invalid, required};
use super::schema::ACCOUNTS;
use crate::admin::variables::Variables;
use crate::auth::password::{self, SALT_BYTES};
use crate::secret::Secret;

/// The most users of one list: each costs milliseconds when the list is put.
const MAX_USERS: usize = 1000;

/// The longest password, in bytes: the longest that a client may send.
const MAX_PASSWORD_BYTES: usize = 4096;

/// One user. A user who is known already may be put without a password, and keeps the one that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct PrincipalSpec {
    #[schemars(regex(pattern = ACCOUNTS))]
    pub(super) username: String,
    /// A text, or ${env['NAME']}: a variable of the node that takes the request, which begins with KLAMM_SECRET_ or is listed
    /// in klamm.env.allow there. Who is in the list already keeps the password if none is given.
    #[serde(default, skip_serializing, deserialize_with = "secret")]
    #[schemars(with = "Option<String>", length(min = 1, max = MAX_PASSWORD_BYTES), extend("writeOnly" = true))]
    password: Option<Secret>,
}

fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
}

impl PrincipalSpec {
    /// A user as it is shown.
    pub(super) fn shown(name: &AccountName) -> Self {
        Self {
            username: name.to_string(),
            password: None,
        }
    }
}

/// The users that are put, with their passwords, or the names of variables that hold them, as they are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Principals(BTreeMap<AccountName, Option<Secret>>);

impl Principals {
    /// Checks the list.
    pub(super) fn read(specs: Vec<PrincipalSpec>, mediation: Mediation) -> Result<Self, Invalid> {
        if !specs.is_empty() && mediation != Mediation::Terminate {
            return Err(Invalid::new(
                "spec.authentication.principals is for the mediation terminate: otherwise the users are those of the physical cluster",
            ));
        }
        if specs.len() > MAX_USERS {
            return Err(Invalid::new(format!(
                "spec.authentication.principals has more than {MAX_USERS} users"
            )));
        }
        let mut users = BTreeMap::new();
        for PrincipalSpec { username, password } in specs {
            let name: AccountName = required("spec.authentication.principals.username", &username)?;
            if users.insert(name, password).is_some() {
                return Err(Invalid::new(format!(
                    "spec.authentication.principals lists {username} twice"
                )));
            }
        }
        Ok(Self(users))
    }

    /// Puts the users into the list of methods. A password that is as it was stays as it is kept, so that putting the same
    /// list again changes nothing and ends no session. Takes milliseconds for each user.
    pub(crate) fn put_into(
        self,
        authentication: &mut Authentication,
        known: &Authentication,
        variables: &Variables,
    ) -> Result<(), Invalid> {
        let Some(users) = authentication.0.iter_mut().find_map(|method| match method {
            Method::SaslPlain { users, .. } => Some(users),
            _ => None,
        }) else {
            return Ok(());
        };
        let known = known.0.iter().find_map(|method| match method {
            Method::SaslPlain { users, .. } => Some(users),
            _ => None,
        });
        for (name, password) in self.0 {
            let kept = known.and_then(|users| users.get(&name));
            let password = match password {
                Some(text) => Some(resolved(&name, &text, variables)?),
                None => None,
            };
            let hash = hashed(&name, password.as_ref(), kept)?;
            users.insert(name, hash);
        }
        Ok(())
    }

    /// Whether nothing is to be hashed.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn hashed(
    name: &AccountName,
    password: Option<&Secret>,
    kept: Option<&PasswordHash>,
) -> Result<PasswordHash, Invalid> {
    match (password, kept) {
        (None, Some(kept)) => Ok(kept.clone()),
        (None, None) => Err(Invalid::new(format!(
            "spec.authentication.principals: the password of {name} is missing; only users that are already in the list can be put without one"
        ))),
        (Some(password), Some(kept)) if password::is_right(kept, password.reveal()) => Ok(kept.clone()),
        (Some(password), _) => {
            let mut salt = [0; SALT_BYTES];
            rand::fill(&mut salt)
                .map_err(|_| Invalid::new("the operating system provides no random bytes"))?;
            Ok(password::hash(password.reveal(), salt))
        }
    }
}

/// The password itself: the text, or what the environment variable holds that it names.
fn resolved(name: &AccountName, text: &Secret, variables: &Variables) -> Result<Secret, Invalid> {
    let invalid = |why: String| {
        Invalid::new(format!(
            "spec.authentication.principals: the password of {name} {why}"
        ))
    };
    let text = text.reveal();
    let password = match text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
        None => Secret::new(text),
        Some(reference) => {
            let Some(named) = variable_name(reference) else {
                return Err(invalid("is neither a text nor ${env['NAME']}".to_owned()));
            };
            variables
                .read(named)
                .map_err(|why| invalid(format!("is in the environment variable {named}, {why}")))?
        }
    };
    let given = password.reveal();
    if given.is_empty() || given.len() > MAX_PASSWORD_BYTES || given.contains('\0') {
        return Err(invalid(format!(
            "must have 1 to {MAX_PASSWORD_BYTES} bytes, none of them 0"
        )));
    }
    Ok(password)
}

/// The name in `env['NAME']` or `env["NAME"]`.
fn variable_name(reference: &str) -> Option<&str> {
    let inner = reference.strip_prefix("env[")?.strip_suffix(']')?;
    let quoted = |quote| inner.strip_prefix(quote)?.strip_suffix(quote);
    quoted('\'')
        .or_else(|| quoted('"'))
        .filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        let read = |name: &str| match name {
            "KLAMM_SECRET_BOB" | "PATH" => Some("hunter2".to_owned()),
            _ => None,
        };
        Variables::new(&[], read)
    }

    fn put(json: &str, known: &Authentication) -> Result<Authentication, String> {
        let specs = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let principals = Principals::read(specs, Mediation::Terminate);
        let mut authentication = Authentication::default();
        principals
            .and_then(|principals| principals.put_into(&mut authentication, known, &variables()))
            .map_err(|error| error.to_string())?;
        Ok(authentication)
    }

    fn is_right(authentication: &Authentication, name: &str, password: &str) -> bool {
        let Method::SaslPlain { users, .. } = &authentication.0[0] else {
            panic!("{authentication:?}");
        };
        password::is_right(&users[&name.parse::<AccountName>().unwrap()], password)
    }

    #[test]
    fn passwords_are_texts_or_variables() {
        let nobody = Authentication::default();
        for reference in [
            "${env['KLAMM_SECRET_BOB']}",
            "${env[\\\"KLAMM_SECRET_BOB\\\"]}",
            "hunter2",
        ] {
            let json = format!(r#"[{{"username":"bob","password":"{reference}"}}]"#);
            let put = put(&json, &nobody).unwrap();
            assert!(is_right(&put, "bob", "hunter2"), "{reference}");
        }
    }

    #[test]
    fn the_same_list_again_is_the_same() {
        let nobody = Authentication::default();
        let list = r#"[{"username":"bob","password":"one"},{"username":"ann","password":"two"}]"#;
        let first = put(list, &nobody).unwrap();
        assert_eq!(put(list, &first).unwrap(), first);
        let shown = r#"[{"username":"bob"},{"username":"ann"}]"#;
        assert_eq!(
            put(shown, &first).unwrap(),
            first,
            "what is shown can be put back"
        );
        let other = put(r#"[{"username":"bob","password":"other"}]"#, &first).unwrap();
        assert!(is_right(&other, "bob", "other") && !is_right(&other, "bob", "one"));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let check = |json: &str, part: &str| {
            let error = put(json, &Authentication::default()).unwrap_err();
            assert!(error.contains(part), "{json}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        };
        check(r#"[{"username":"bob"}]"#, "the password of bob is missing");
        check(
            r#"[{"username":"bob","password":"${env['KLAMM_SECRET_NOBODY']}"}]"#,
            "the environment variable KLAMM_SECRET_NOBODY, which is not set on the node",
        );
        for name in ["PATH", "NOBODY"] {
            check(
                &format!(r#"[{{"username":"bob","password":"${{env['{name}']}}"}}]"#),
                &format!(
                    "{name}, which resources may not name: they may name variables that begin with KLAMM_SECRET_"
                ),
            );
        }
        check(
            r#"[{"username":"bob","password":"${vault['hunter2']}"}]"#,
            "is neither a text nor ${env['NAME']}",
        );
        check(
            r#"[{"username":"bob","password":""}]"#,
            "must have 1 to 4096 bytes",
        );
        check(
            r#"[{"username":"bob","password":"a"},{"username":"bob","password":"b"}]"#,
            "lists bob twice",
        );
        check(r#"[{"username":" a","password":"c"}]"#, "principals.username");
        let passthrough = Principals::read(
            vec![PrincipalSpec::shown(&"bob".parse().unwrap())],
            Mediation::Passthrough,
        );
        assert!(
            passthrough
                .unwrap_err()
                .to_string()
                .contains("for the mediation terminate")
        );
    }

    #[test]
    fn passwords_are_not_shown() {
        let json = r#"{"username":"bob","password":"hunter2"}"#;
        let spec: PrincipalSpec = serde_json::from_str(json).unwrap();
        assert!(!format!("{spec:?}").contains("hunter2"));
        assert_eq!(serde_json::to_string(&spec).unwrap(), r#"{"username":"bob"}"#);
    }
}
