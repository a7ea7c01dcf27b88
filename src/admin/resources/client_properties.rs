//! The properties of a Kafka client, as a template: braces stand for what only the client knows.

use std::collections::BTreeMap;

use klamm_raft::model::{Authentication, Method, Protocol};
use serde::Serialize;

use crate::auth::Mechanism;

/// How client properties are spelled: the API that this one is modelled on changed that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// Those of the first method that the listener has.
    Flat,
    /// Those of every method that the listener has, by its name.
    ByMethod,
}

/// Client properties, in one of the spellings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum ClientProperties {
    Flat(Properties),
    ByMethod(BTreeMap<&'static str, Properties>),
}

/// Client properties of one method, under the names that Kafka's own clients know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Properties {
    #[serde(rename = "security.protocol")]
    security_protocol: &'static str,
    #[serde(flatten)]
    sasl: Option<Sasl>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Sasl {
    #[serde(rename = "sasl.mechanism")]
    mechanism: &'static str,
    #[serde(rename = "sasl.jaas.config")]
    jaas_config: String,
}

impl Spelling {
    /// The properties that clients need on a listener with this protocol, where they log in by these methods.
    pub(super) fn properties(self, protocol: Protocol, authentication: &Authentication) -> ClientProperties {
        let of = |mechanism: Option<Mechanism>| Properties {
            security_protocol: protocol.name(),
            sasl: mechanism.map(|mechanism| Sasl {
                mechanism: mechanism.name(),
                jaas_config: self.jaas_config(mechanism),
            }),
        };
        match self {
            Self::Flat => {
                let mechanism = authentication.0.iter().find_map(Mechanism::of);
                ClientProperties::Flat(of(mechanism.filter(|_| protocol.has_sasl())))
            }
            Self::ByMethod => {
                let on_it = |method: &Method| match Mechanism::of(method) {
                    Some(mechanism) => protocol
                        .has_sasl()
                        .then(|| (mechanism.name(), of(Some(mechanism)))),
                    None => match (method, protocol) {
                        (Method::ClientCertificate { .. }, Protocol::Ssl) => Some(("MTLS", of(None))),
                        (Method::Anonymous, Protocol::Plaintext | Protocol::Ssl) => {
                            Some(("ANONYMOUS", of(None)))
                        }
                        _ => None,
                    },
                };
                ClientProperties::ByMethod(authentication.0.iter().filter_map(on_it).collect())
            }
        }
    }

    fn jaas_config(self, mechanism: Mechanism) -> String {
        let (module, options) = match mechanism {
            Mechanism::Plain => ("plain.PlainLoginModule", ["username", "password"]),
            Mechanism::Scram(_) => ("scram.ScramLoginModule", ["username", "password"]),
            Mechanism::OauthBearer => ("oauthbearer.OAuthBearerLoginModule", ["clientId", "clientSecret"]),
        };
        let options = options.map(|option| match self {
            Self::Flat => format!("{option}={{{{{option}}}}}"),
            Self::ByMethod => format!("{option}='{{{{{option}}}}}'"),
        });
        format!(
            "org.apache.kafka.common.security.{module} required {};",
            options.join(" ")
        )
    }
}

#[cfg(test)]
mod tests {
    use klamm_raft::model::{Mediation, Method, ScramHash};

    use super::*;

    fn check(protocol: Protocol, methods: Vec<Method>, expected: &str) {
        let properties = Spelling::Flat.properties(protocol, &Authentication(methods));
        assert_eq!(serde_json::to_string(&properties).unwrap(), expected);
    }

    #[test]
    fn they_fit_the_listener_and_the_first_mechanism() {
        let scram = || Method::SaslScram {
            hash: ScramHash::Sha512,
            mediation: Mediation::Terminate,
        };
        check(
            Protocol::SaslSsl,
            vec![Method::Anonymous, scram()],
            concat!(
                r#"{"security.protocol":"SASL_SSL","sasl.mechanism":"SCRAM-SHA-512","sasl.jaas.config":"#,
                r#""org.apache.kafka.common.security.scram.ScramLoginModule required username={{username}} password={{password}};"}"#
            ),
        );
        check(
            Protocol::Ssl,
            vec![Method::Anonymous, scram()],
            r#"{"security.protocol":"SSL"}"#,
        );
        check(
            Protocol::SaslPlaintext,
            vec![Method::Anonymous],
            r#"{"security.protocol":"SASL_PLAINTEXT"}"#,
        );
    }
}
