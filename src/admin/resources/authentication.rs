//! `spec.authentication` of a `VirtualCluster`: the methods by which clients say who they are, as JSON.

use std::collections::BTreeMap;

use klamm_raft::model::{Authentication, ClaimRule, Demand, Mediation, Method, OauthBearer, ScramHash};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::invalid::{Invalid, required};
use super::object::{object, objects};
use super::principals::{PrincipalSpec, Principals};
use super::schema::CONFIGURED;
use crate::auth::mapping::MappingRules;
use crate::auth::rule::CompiledRule;

/// The most methods that a virtual cluster lists.
pub(super) const MAX_METHODS: usize = 16;

/// The most rules about claims.
const MAX_RULES: usize = 32;

/// One method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum MethodSpec {
    Anonymous {},
    SaslPlain {
        #[serde(default = "terminate")]
        #[schemars(extend("enum" = ["terminate", "passthrough"]))]
        mediation: MediationSpec,
        #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "objects")]
        principals: Vec<PrincipalSpec>,
    },
    #[serde(rename = "sasl_scram_sha_256")]
    SaslScramSha256 {
        #[serde(default = "terminate")]
        #[schemars(extend("enum" = ["terminate", "passthrough"]))]
        mediation: MediationSpec,
    },
    #[serde(rename = "sasl_scram_sha_512")]
    SaslScramSha512 {
        #[serde(default = "terminate")]
        #[schemars(extend("enum" = ["terminate", "passthrough"]))]
        mediation: MediationSpec,
    },
    #[serde(rename_all = "camelCase")]
    OauthBearer {
        #[serde(default = "terminate")]
        mediation: MediationSpec,
        #[schemars(regex(pattern = CONFIGURED))]
        provider: String,
        #[serde(default)]
        audiences: Vec<String>,
        #[serde(default)]
        required_scopes: Vec<String>,
        #[serde(default, deserialize_with = "object")]
        claims: ClaimsSpec,
        #[serde(default, deserialize_with = "objects")]
        rules: Vec<RuleSpec>,
    },
    #[serde(rename_all = "camelCase")]
    ClientCertificate {
        #[serde(default)]
        required: bool,
        #[serde(default = "default_rules")]
        principal_mapping_rules: String,
    },
}

/// Who checks a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum MediationSpec {
    Terminate,
    Passthrough,
    ValidateForward,
}

/// Which claims mean what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(inline)]
pub(super) struct ClaimsSpec {
    #[schemars(length(min = 1))]
    pub(super) principal: String,
    #[schemars(length(min = 1))]
    pub(super) scope: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct RuleSpec {
    expression: String,
    #[serde(default)]
    message: String,
}

impl Default for ClaimsSpec {
    fn default() -> Self {
        Self {
            principal: "sub".to_owned(),
            scope: "scope".to_owned(),
        }
    }
}

fn terminate() -> MediationSpec {
    MediationSpec::Terminate
}

fn default_rules() -> String {
    "DEFAULT".to_owned()
}

/// Checks the list; none is the default list.
/// The users of the list of PLAIN are still to be put into it.
pub(super) fn read(specs: Option<Vec<MethodSpec>>) -> Result<(Authentication, Principals), Invalid> {
    let Some(mut specs) = specs else {
        return Ok((Authentication::default(), Principals::default()));
    };
    if specs.is_empty() || specs.len() > MAX_METHODS {
        return Err(Invalid::new(format!(
            "spec.authentication must list 1 to {MAX_METHODS} methods; without it the default is used"
        )));
    }
    let principals = read_principals(&mut specs)?;
    let methods: Vec<Method> = specs.into_iter().map(read_method).collect::<Result<_, _>>()?;
    for (at, method) in methods.iter().enumerate() {
        if methods[..at].iter().any(|other| word(other) == word(method)) {
            return Err(Invalid::new(format!(
                "spec.authentication lists {} twice",
                word(method)
            )));
        }
        check_available(method)?;
    }
    Ok((Authentication(methods), principals))
}

fn read_principals(specs: &mut [MethodSpec]) -> Result<Principals, Invalid> {
    for spec in specs {
        if let MethodSpec::SaslPlain {
            mediation,
            principals,
        } = spec
        {
            return Principals::read(std::mem::take(principals), (*mediation).into());
        }
    }
    Ok(Principals::default())
}

/// Reads a list that is written as JSON. It holds no users: what is hashed with fresh salt is never the same twice.
///
/// # Errors
/// The text is no valid method list; the error says for people why.
pub fn from_json(text: &str) -> Result<Authentication, String> {
    let specs: Vec<MethodSpec> = crate::admin::body::read_text(text)?;
    let (authentication, principals) = read(Some(specs)).map_err(|error| error.to_string())?;
    match principals == Principals::default() {
        true => Ok(authentication),
        false => Err("principals are not allowed here".to_owned()),
    }
}

fn read_method(spec: MethodSpec) -> Result<Method, Invalid> {
    Ok(match spec {
        MethodSpec::Anonymous {} => Method::Anonymous,
        MethodSpec::SaslPlain { mediation, .. } => Method::SaslPlain {
            mediation: without_forward(mediation, "sasl_plain")?,
            users: BTreeMap::new(),
        },
        MethodSpec::SaslScramSha256 { mediation } => Method::SaslScram {
            hash: ScramHash::Sha256,
            mediation: without_forward(mediation, "sasl_scram_sha_256")?,
        },
        MethodSpec::SaslScramSha512 { mediation } => Method::SaslScram {
            hash: ScramHash::Sha512,
            mediation: without_forward(mediation, "sasl_scram_sha_512")?,
        },
        MethodSpec::OauthBearer {
            mediation,
            provider,
            audiences,
            required_scopes,
            claims,
            rules,
        } => Method::OauthBearer(OauthBearer {
            mediation: mediation.into(),
            provider: required("spec.authentication.provider", &provider)?,
            audiences,
            required_scopes,
            principal_claim: claims.principal,
            scope_claim: claims.scope,
            rules: rules
                .into_iter()
                .map(|rule| ClaimRule {
                    expression: rule.expression,
                    message: rule.message,
                })
                .collect(),
        }),
        MethodSpec::ClientCertificate {
            required,
            principal_mapping_rules,
        } => Method::ClientCertificate {
            demand: match required {
                true => Demand::Required,
                false => Demand::Optional,
            },
            principal_mapping_rules,
        },
    })
}

fn without_forward(mediation: MediationSpec, method: &str) -> Result<Mediation, Invalid> {
    match mediation {
        MediationSpec::ValidateForward => Err(Invalid::new(format!(
            "spec.authentication: {method} does not support the mediation validate_forward; use terminate or passthrough"
        ))),
        other => Ok(other.into()),
    }
}

/// Refuses what cannot be served.
fn check_available(method: &Method) -> Result<(), Invalid> {
    match method {
        Method::Anonymous | Method::SaslPlain { .. } | Method::SaslScram { .. } => Ok(()),
        Method::OauthBearer(oauth) => check_rules(oauth),
        Method::ClientCertificate {
            principal_mapping_rules,
            ..
        } => MappingRules::parse(principal_mapping_rules)
            .map(drop)
            .map_err(|error| Invalid::new(format!("spec.authentication.principalMappingRules: {error}"))),
    }
}

/// Refuses what nothing could be compared with.
fn check_rules(oauth: &OauthBearer) -> Result<(), Invalid> {
    if oauth.rules.len() > MAX_RULES {
        return Err(Invalid::new(format!(
            "spec.authentication.rules has more than {MAX_RULES} rules"
        )));
    }
    if oauth.principal_claim.is_empty() || oauth.scope_claim.is_empty() {
        return Err(Invalid::new(
            "spec.authentication.claims names an empty claim".to_owned(),
        ));
    }
    for rule in &oauth.rules {
        CompiledRule::compile(&rule.expression).map_err(|error| {
            Invalid::new(format!(
                "spec.authentication.rules: {:?} is not a rule: {error}",
                rule.expression
            ))
        })?;
    }
    Ok(())
}

/// The name of a method in JSON.
pub(crate) fn word(method: &Method) -> &'static str {
    match method {
        Method::Anonymous => "anonymous",
        Method::SaslPlain { .. } => "sasl_plain",
        Method::SaslScram {
            hash: ScramHash::Sha256,
            ..
        } => "sasl_scram_sha_256",
        Method::SaslScram {
            hash: ScramHash::Sha512,
            ..
        } => "sasl_scram_sha_512",
        Method::OauthBearer(_) => "oauth_bearer",
        Method::ClientCertificate { .. } => "client_certificate",
    }
}

/// The list as it is shown; it can be put back.
pub(super) fn show(authentication: &Authentication) -> Vec<MethodSpec> {
    authentication.0.iter().map(show_method).collect()
}

fn show_method(method: &Method) -> MethodSpec {
    match method {
        Method::Anonymous => MethodSpec::Anonymous {},
        Method::SaslPlain { mediation, users } => MethodSpec::SaslPlain {
            mediation: (*mediation).into(),
            principals: users.keys().map(PrincipalSpec::shown).collect(),
        },
        Method::SaslScram { hash, mediation } => match hash {
            ScramHash::Sha256 => MethodSpec::SaslScramSha256 {
                mediation: (*mediation).into(),
            },
            ScramHash::Sha512 => MethodSpec::SaslScramSha512 {
                mediation: (*mediation).into(),
            },
        },
        Method::OauthBearer(oauth) => MethodSpec::OauthBearer {
            mediation: oauth.mediation.into(),
            provider: oauth.provider.to_string(),
            audiences: oauth.audiences.clone(),
            required_scopes: oauth.required_scopes.clone(),
            claims: ClaimsSpec {
                principal: oauth.principal_claim.clone(),
                scope: oauth.scope_claim.clone(),
            },
            rules: oauth.rules.iter().map(show_rule).collect(),
        },
        Method::ClientCertificate {
            demand,
            principal_mapping_rules,
        } => MethodSpec::ClientCertificate {
            required: *demand == Demand::Required,
            principal_mapping_rules: principal_mapping_rules.clone(),
        },
    }
}

fn show_rule(rule: &ClaimRule) -> RuleSpec {
    RuleSpec {
        expression: rule.expression.clone(),
        message: rule.message.clone(),
    }
}

impl From<MediationSpec> for Mediation {
    fn from(spec: MediationSpec) -> Self {
        match spec {
            MediationSpec::Terminate => Self::Terminate,
            MediationSpec::Passthrough => Self::Passthrough,
            MediationSpec::ValidateForward => Self::ValidateForward,
        }
    }
}

impl From<Mediation> for MediationSpec {
    fn from(mediation: Mediation) -> Self {
        match mediation {
            Mediation::Terminate => Self::Terminate,
            Mediation::Passthrough => Self::Passthrough,
            Mediation::ValidateForward => Self::ValidateForward,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: Result<&str, &str>) {
        let read = serde_json::from_str(json)
            .map_err(|error| error.to_string())
            .and_then(|specs| read(Some(specs)).map_err(|error| error.to_string()));
        match (read, expected) {
            (Ok((read, _)), Ok(shown)) => assert_eq!(serde_json::to_string(&show(&read)).unwrap(), shown),
            (Err(error), Err(part)) => assert!(error.contains(part), "{json}: {error}"),
            (read, _) => panic!("{json}: {read:?}"),
        }
    }

    #[test]
    fn a_list_is_shown_as_it_was_put() {
        let list = r#"[{"type":"sasl_plain","mediation":"terminate"}]"#;
        check(list, Ok(list));
        check(r#"[{"type":"sasl_plain"}]"#, Ok(list));
        let list = concat!(
            r#"[{"type":"oauth_bearer","mediation":"validate_forward","provider":"corporate","audiences":["kafka"],"#,
            r#""requiredScopes":["write"],"claims":{"principal":"azp","scope":"scp"},"#,
            r#""rules":[{"expression":"claims.tenant == 'a'","message":"of tenant a"}]},"#,
            r#"{"type":"sasl_scram_sha_512","mediation":"passthrough"}]"#
        );
        check(list, Ok(list));
        let list = concat!(
            r#"[{"type":"client_certificate","required":true,"principalMappingRules":"RULE:^CN=(.*?),.*$/$1/L"},"#,
            r#"{"type":"anonymous"}]"#
        );
        check(list, Ok(list));
        check(
            r#"[{"type":"client_certificate"}]"#,
            Ok(r#"[{"type":"client_certificate","required":false,"principalMappingRules":"DEFAULT"}]"#),
        );
    }

    #[test]
    fn a_text_holds_no_users() {
        let read = from_json(r#"[{"type":"sasl_plain","mediation":"passthrough"}]"#).unwrap();
        assert!(read.relays());
        let check = |text: &str, part: &str| {
            let error = from_json(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        };
        check("", "this is not valid JSON");
        check("[]", "must list 1 to 16 methods");
        check(
            r#"[{"type":"sasl_plain","principals":[{"username":"alice","password":"secret"}]}]"#,
            "principals are not allowed here",
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        check("[]", Err("must list 1 to 16 methods"));
        check(
            r#"[{"type":"sasl_plain"},{"type":"sasl_plain"}]"#,
            Err("lists sasl_plain twice"),
        );
        check(
            r#"[{"type":"sasl_scram_sha_256","mediation":"validate_forward"}]"#,
            Err("does not support the mediation validate_forward"),
        );
        check(
            r#"[{"type":"oauth_bearer","provider":"corporate","rules":[{"expression":"claims.sub =="}]}]"#,
            Err("is not a rule"),
        );
        check(
            r#"[{"type":"client_certificate","principalMappingRules":"RULE:(/x/"}]"#,
            Err("principalMappingRules: the pattern"),
        );
        check(r#"[{"type":"oauth_bearer"}]"#, Err("missing field `provider`"));
        check(r#"[{"type":"kerberos"}]"#, Err("unknown variant `kerberos`"));
        check(
            r#"[{"type":"sasl_plain","mediatoin":"terminate"}]"#,
            Err("unknown field `mediatoin`"),
        );
    }
}
