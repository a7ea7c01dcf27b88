//! What a Kafka client is configured with, as a template: braces stand for what only the client knows.

use klamm_raft::model::{Authentication, Protocol};
use serde::Serialize;

use crate::auth::Mechanism;

/// Client properties, under the names that Kafka's own clients know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct ClientProperties {
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

impl ClientProperties {
    /// For the first mechanism of the list, on a listener with this protocol.
    pub(super) fn of(protocol: Protocol, authentication: &Authentication) -> Self {
        let mechanism = authentication.0.iter().find_map(Mechanism::of);
        Self {
            security_protocol: protocol.name(),
            sasl: mechanism.filter(|_| protocol.has_sasl()).map(|mechanism| Sasl {
                mechanism: mechanism.name(),
                jaas_config: jaas_config(mechanism),
            }),
        }
    }
}

fn jaas_config(mechanism: Mechanism) -> String {
    let (module, options) = match mechanism {
        Mechanism::Plain => (
            "plain.PlainLoginModule",
            "username={{username}} password={{password}}",
        ),
        Mechanism::Scram(_) => (
            "scram.ScramLoginModule",
            "username={{username}} password={{password}}",
        ),
        Mechanism::OauthBearer => (
            "oauthbearer.OAuthBearerLoginModule",
            "clientId={{clientId}} clientSecret={{clientSecret}}",
        ),
    };
    format!("org.apache.kafka.common.security.{module} required {options};")
}

#[cfg(test)]
mod tests {
    use klamm_raft::model::{Mediation, Method, ScramHash};

    use super::*;

    fn check(protocol: Protocol, methods: Vec<Method>, expected: &str) {
        let properties = ClientProperties::of(protocol, &Authentication(methods));
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
