//! How clients say who they are, in the words of event gateways: another spelling of the same methods.

use klamm_raft::model::{ProviderName, WrittenOauth};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::admin::resources::authentication::{ClaimsSpec, MediationSpec, MethodSpec, RuleSpec};
use crate::admin::resources::invalid::Invalid;
use crate::admin::resources::object::{object, object_or_null, objects};
use crate::admin::resources::principals::PrincipalSpec;
use crate::admin::services::{ProviderFacts, Providers};

/// Which hash function SCRAM takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "snake_case")]
pub(super) enum Algorithm {
    Sha256,
    Sha512,
}

/// One way for clients to say who they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[expect(
    clippy::large_enum_variant,
    reason = "lists of methods are short and live as long as a request"
)]
pub(super) enum Authentication {
    Anonymous {},
    SaslPlain {
        #[schemars(extend("enum" = ["terminate", "passthrough"]))]
        mediation: MediationSpec,
        #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "objects")]
        principals: Vec<PrincipalSpec>,
    },
    /// Without an algorithm: both.
    SaslScram {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        algorithm: Option<Algorithm>,
        #[serde(default = "passthrough")]
        #[schemars(extend("enum" = ["terminate", "passthrough"]))]
        mediation: MediationSpec,
    },
    OauthBearer {
        mediation: MediationSpec,
        /// An entry of the operator's configuration; without it, the one with the keys and the issuer that are named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provider: Option<String>,
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "object_or_null"
        )]
        claims_mapping: Option<ClaimsMapping>,
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "object_or_null"
        )]
        jwks: Option<JwksSpec>,
        #[serde(
            default,
            skip_serializing_if = "Validate::is_absent",
            deserialize_with = "object"
        )]
        validate: Validate,
    },
    ClientCertificate {
        #[serde(default)]
        required: bool,
        #[serde(default = "default_rules")]
        principal_mapping_rules: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields)]
pub(super) struct ClaimsMapping {
    #[serde(default = "sub")]
    sub: String,
    #[serde(default = "scope")]
    scope: String,
}

/// The conditions that a token must meet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Validate {
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "objects")]
    audiences: Vec<Audience>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    required_scopes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "objects")]
    rules: Vec<RuleSpec>,
}

impl Validate {
    fn is_absent(&self) -> bool {
        *self == Self::default()
    }
}

/// Where the keys of tokens are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields)]
pub(super) struct JwksSpec {
    endpoint: String,
    /// How long reading them may take. It is the gateway that decides; this is kept and shown.
    #[serde(default = "timeout")]
    timeout: String,
    /// How long they are kept. The provider's configuration decides; this is kept and shown.
    #[serde(default = "cache_expiration")]
    cache_expiration: String,
}

fn timeout() -> String {
    "10s".to_owned()
}

fn cache_expiration() -> String {
    "1h".to_owned()
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields)]
pub(super) struct Audience {
    name: String,
}

fn passthrough() -> MediationSpec {
    MediationSpec::Passthrough
}

fn default_rules() -> String {
    "DEFAULT".to_owned()
}

fn sub() -> String {
    "sub".to_owned()
}

fn scope() -> String {
    "scope".to_owned()
}

/// The list of methods in the gateway's own words, and how its providers were written.
pub(super) fn translate(
    list: Vec<Authentication>,
    providers: &Providers,
) -> Result<(Vec<MethodSpec>, Option<WrittenOauth>), Invalid> {
    let (mut methods, mut written) = (Vec::with_capacity(list.len()), None);
    for one in list {
        match one {
            Authentication::OauthBearer {
                mediation,
                provider,
                claims_mapping,
                jwks,
                validate,
            } => {
                let asked = Asked {
                    provider,
                    jwks,
                    issuer: validate.issuer,
                };
                let found = asked.find(providers)?;
                written = asked.written();
                methods.push(MethodSpec::OauthBearer {
                    mediation,
                    provider: found,
                    audiences: validate.audiences.into_iter().map(|one| one.name).collect(),
                    required_scopes: validate.required_scopes,
                    claims: claims_mapping.map_or_else(ClaimsSpec::default, |mapping| ClaimsSpec {
                        principal: mapping.sub,
                        scope: mapping.scope,
                    }),
                    rules: validate.rules,
                });
            }
            Authentication::SaslScram {
                algorithm: None,
                mediation,
            } => {
                methods.push(MethodSpec::SaslScramSha256 { mediation });
                methods.push(MethodSpec::SaslScramSha512 { mediation });
            }
            other => methods.extend(simple(other)),
        }
    }
    Ok((methods, written))
}

/// Which provider of tokens is meant.
#[derive(Debug)]
struct Asked {
    provider: Option<String>,
    jwks: Option<JwksSpec>,
    issuer: Option<String>,
}

impl Asked {
    /// The name of the provider. Keys are read from where the operator's configuration says, and from nowhere else, so
    /// that nobody makes the gateway fetch a URL through its API.
    fn find(&self, providers: &Providers) -> Result<String, Invalid> {
        let endpoint = self.jwks.as_ref().map(|jwks| jwks.endpoint.as_str());
        if let (Some(name), None, None) = (&self.provider, endpoint, &self.issuer) {
            return Ok(name.clone());
        }
        let fits = |(name, facts): &(&ProviderName, &ProviderFacts)| {
            self.provider
                .as_ref()
                .is_none_or(|wanted| wanted == name.as_str())
                && endpoint.is_none_or(|endpoint| endpoint == facts.keys)
                && self.issuer.as_ref().is_none_or(|issuer| *issuer == facts.issuer)
        };
        let mut fitting = providers.iter().filter(fits);
        match (fitting.next(), fitting.next()) {
            (Some((name, _)), None) => Ok(name.to_string()),
            (Some(_), Some(_)) => Err(Invalid::new(
                "authentication.provider: several providers match: name one of gateway.oauth.providers",
            )),
            (None, _) => Err(Invalid::new(format!(
                "authentication.jwks.endpoint: token keys are read only from the providers of the gateway's configuration, and none has this jwks.url and issuer: add one to gateway.oauth.providers; {}",
                listed(providers)
            ))),
        }
    }

    fn written(self) -> Option<WrittenOauth> {
        let jwks = self.jwks?;
        Some(WrittenOauth {
            endpoint: jwks.endpoint,
            timeout: jwks.timeout,
            cache_expiration: jwks.cache_expiration,
            issuer: self.issuer,
        })
    }
}

fn listed(providers: &Providers) -> String {
    let all: Vec<String> = providers
        .iter()
        .map(|(name, facts)| format!("{name} ({}, issuer {})", facts.keys, facts.issuer))
        .collect();
    match all.is_empty() {
        true => "there is none".to_owned(),
        false => format!("the configured ones are {}", all.join(", ")),
    }
}

/// The method that has another name here.
fn simple(authentication: Authentication) -> Option<MethodSpec> {
    Some(match authentication {
        Authentication::Anonymous {} => MethodSpec::Anonymous {},
        Authentication::SaslPlain {
            mediation,
            principals,
        } => MethodSpec::SaslPlain {
            mediation,
            principals,
        },
        Authentication::SaslScram {
            algorithm: Some(Algorithm::Sha256),
            mediation,
        } => MethodSpec::SaslScramSha256 { mediation },
        Authentication::SaslScram {
            algorithm: Some(Algorithm::Sha512),
            mediation,
        } => MethodSpec::SaslScramSha512 { mediation },
        Authentication::ClientCertificate {
            required,
            principal_mapping_rules,
        } => MethodSpec::ClientCertificate {
            required,
            principal_mapping_rules,
        },
        Authentication::SaslScram { algorithm: None, .. } | Authentication::OauthBearer { .. } => {
            return None;
        }
    })
}

/// A method as it is shown; what was `written` of a provider's keys, while it still holds.
pub(super) fn show(
    method: MethodSpec,
    written: Option<&WrittenOauth>,
    providers: &Providers,
) -> Authentication {
    let scram = |algorithm, mediation| Authentication::SaslScram {
        algorithm: Some(algorithm),
        mediation,
    };
    match method {
        MethodSpec::Anonymous {} => Authentication::Anonymous {},
        MethodSpec::SaslPlain {
            mediation,
            principals,
        } => Authentication::SaslPlain {
            mediation,
            principals,
        },
        MethodSpec::SaslScramSha256 { mediation } => scram(Algorithm::Sha256, mediation),
        MethodSpec::SaslScramSha512 { mediation } => scram(Algorithm::Sha512, mediation),
        MethodSpec::OauthBearer {
            mediation,
            provider,
            audiences,
            required_scopes,
            claims,
            rules,
        } => {
            let facts = providers.get(provider.as_str());
            let written = written.filter(|written| facts.is_some_and(|facts| facts.keys == written.endpoint));
            Authentication::OauthBearer {
                mediation,
                provider: Some(provider),
                claims_mapping: (claims != ClaimsSpec::default()).then_some(ClaimsMapping {
                    sub: claims.principal,
                    scope: claims.scope,
                }),
                jwks: written.map(|written| JwksSpec {
                    endpoint: written.endpoint.clone(),
                    timeout: written.timeout.clone(),
                    cache_expiration: written.cache_expiration.clone(),
                }),
                validate: Validate {
                    audiences: audiences.into_iter().map(|name| Audience { name }).collect(),
                    issuer: written.and_then(|written| written.issuer.clone()),
                    required_scopes,
                    rules,
                },
            }
        }
        MethodSpec::ClientCertificate {
            required,
            principal_mapping_rules,
        } => Authentication::ClientCertificate {
            required,
            principal_mapping_rules,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: Result<&str, &str>) {
        let facts = |issuer: &str| ProviderFacts {
            issuer: issuer.to_owned(),
            keys: "https://idp/keys".to_owned(),
        };
        let mut providers = Providers::from([("corporate".parse().unwrap(), facts("https://idp"))]);
        providers.insert("partners".parse().unwrap(), facts("https://idp/partners"));
        let one = serde_json::from_str::<Authentication>(json).unwrap();
        let read = translate(vec![one], &providers).map_err(|error| error.to_string());
        match (read, expected) {
            (Ok((mut methods, written)), Ok(provider)) => {
                let shown = show(methods.remove(0), written.as_ref(), &providers);
                let with = json.replace(
                    "\"mediation\":\"terminate\"",
                    &format!("\"mediation\":\"terminate\",\"provider\":\"{provider}\""),
                );
                assert_eq!(
                    serde_json::to_value(shown).unwrap(),
                    serde_json::from_str::<serde_json::Value>(&with).unwrap()
                );
            }
            (Err(error), Err(part)) => assert!(error.contains(part), "{json}: {error}"),
            (read, _) => panic!("{json}: {read:?}"),
        }
    }

    #[test]
    fn a_provider_is_found_by_its_keys_and_its_issuer_and_given_back_as_it_was_written() {
        check(
            concat!(
                r#"{"type":"oauth_bearer","mediation":"terminate","claims_mapping":{"sub":"azp","scope":"scope"},"#,
                r#""jwks":{"endpoint":"https://idp/keys","timeout":"5s","cache_expiration":"2h"},"#,
                r#""validate":{"issuer":"https://idp","audiences":[{"name":"kafka"}]}}"#
            ),
            Ok("corporate"),
        );
        check(
            r#"{"type":"oauth_bearer","mediation":"terminate","jwks":{"endpoint":"https://idp/keys"}}"#,
            Err("several providers match"),
        );
        check(
            r#"{"type":"oauth_bearer","mediation":"terminate","jwks":{"endpoint":"https://evil/keys"}}"#,
            Err(
                "add one to gateway.oauth.providers; the configured ones are corporate (https://idp/keys, issuer https://idp)",
            ),
        );
        check(
            r#"{"type":"oauth_bearer","mediation":"terminate","provider":"partners","jwks":{"endpoint":"https://evil/keys"}}"#,
            Err("authentication.jwks.endpoint"),
        );
    }
}
