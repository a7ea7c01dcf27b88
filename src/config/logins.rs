//! From the SASL properties of a physical cluster to the credentials that the gateway shows its brokers.

use klamm_raft::model::ScramHash;

use crate::backend::config::{BearerLogin, PlainLogin, ScramLogin, UpstreamLogin};
use crate::oauth::{Location, OauthClient};
use crate::secret::Secret;

use super::backends::{BackendReader, Layer, Text};
use super::jaas::{self, JaasEntry, JaasError, Module};
use super::kafka_names::{
    LOGIN_CALLBACK, OAUTH_CLIENT_ID, OAUTH_CLIENT_SECRET, OAUTH_SCOPE, SASL_JAAS_CONFIG, SASL_MECHANISM,
    TOKEN_ENDPOINT,
};
use super::problem::Problem;

/// The handlers that fetch tokens as the gateway does, as Kafka's releases call them.
const KNOWN_CALLBACKS: [&str; 2] = [
    "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler",
    "org.apache.kafka.common.security.oauthbearer.secured.OAuthBearerLoginCallbackHandler",
];

/// The settings of OAUTHBEARER beside the entry.
struct Bearer {
    endpoint: Option<Text>,
    client_id: Option<Text>,
    client_secret: Option<Text>,
    scope: Option<Text>,
}

impl BackendReader<'_> {
    /// Reads the credentials. `None` when there are none, or a problem.
    pub(super) fn login(&mut self, sasl: Layer) -> Option<UpstreamLogin> {
        let mechanism = self.take(SASL_MECHANISM);
        let jaas = self.take(SASL_JAAS_CONFIG);
        let callback = self.take(LOGIN_CALLBACK);
        let bearer = Bearer {
            endpoint: self.take(TOKEN_ENDPOINT),
            client_id: self.take(OAUTH_CLIENT_ID),
            client_secret: self.take(OAUTH_CLIENT_SECRET),
            scope: self.take(OAUTH_SCOPE),
        };
        match sasl {
            Layer::Without => {
                for unused in [mechanism, jaas, callback]
                    .into_iter()
                    .chain(bearer.texts())
                    .flatten()
                {
                    self.problems.push(
                        Problem::new(unused.place, "the security protocol does not use SASL")
                            .hint("set security.protocol to SASL_SSL or SASL_PLAINTEXT, or remove this"),
                    );
                }
                return None;
            }
            Layer::Unknown => return None,
            Layer::With => {}
        }
        let Some(mechanism) = mechanism else {
            self.missing(
                SASL_MECHANISM,
                "the security protocol needs this: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER",
            );
            if jaas.is_none() {
                self.missing(SASL_JAAS_CONFIG, "the security protocol needs this");
            }
            return None;
        };
        if mechanism.text == "OAUTHBEARER" {
            if let Some(callback) = callback
                && !KNOWN_CALLBACKS.contains(&callback.text.as_str())
            {
                let message = format!("the handler {:?} is unknown", callback.text);
                self.refuse(callback.place, message);
            }
            return self.bearer(jaas, bearer);
        }
        for unused in [callback].into_iter().chain(bearer.texts()).flatten() {
            self.refuse(unused.place, "this is for the mechanism OAUTHBEARER");
        }
        match mechanism.text.as_str() {
            "PLAIN" => {
                let (username, password) = self.user(jaas, Module::Plain)?;
                Some(UpstreamLogin::Plain(PlainLogin { username, password }))
            }
            "SCRAM-SHA-256" => self.scram(jaas, ScramHash::Sha256),
            "SCRAM-SHA-512" => self.scram(jaas, ScramHash::Sha512),
            other => {
                let message = format!("the SASL mechanism {other:?} is not supported");
                self.problems.push(
                    Problem::new(mechanism.place, message)
                        .hint("use PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"),
                );
                None
            }
        }
    }

    /// The entry, which must be for this module.
    fn entry(&mut self, jaas: Option<Text>, module: Module) -> Option<(JaasEntry, Text)> {
        let Some(jaas) = jaas else {
            self.missing(SASL_JAAS_CONFIG, "the security protocol needs this");
            return None;
        };
        if jaas.is_unread() {
            return Some((JaasEntry::unread(module), jaas));
        }
        match jaas::parse(&jaas.text) {
            Ok(mut entry) if entry.module == module => {
                self.options_valued(&mut entry, &jaas);
                Some((entry, jaas))
            }
            Ok(_) => {
                let message = format!(
                    "the login module that goes with the mechanism is {}",
                    module.name()
                );
                self.refuse(jaas.place, message);
                None
            }
            Err(error) => {
                self.refuse(jaas.place, error.to_string());
                None
            }
        }
    }

    fn user(&mut self, jaas: Option<Text>, module: Module) -> Option<(String, Secret)> {
        let (mut entry, jaas) = self.entry(jaas, module)?;
        let mut both =
            || -> Result<_, JaasError> { Ok((entry.demand("username")?, entry.demand("password")?)) };
        match both() {
            Ok((username, password)) => Some((username.reveal().to_owned(), password)),
            Err(error) => {
                self.refuse(jaas.place, error.to_string());
                None
            }
        }
    }

    fn scram(&mut self, jaas: Option<Text>, hash: ScramHash) -> Option<UpstreamLogin> {
        let (username, password) = self.user(jaas, Module::Scram)?;
        Some(UpstreamLogin::Scram(ScramLogin {
            hash,
            username,
            password,
        }))
    }

    /// Client and scope come from the entry, or from properties of their own, as with Kafka's clients since 4.1.
    fn bearer(&mut self, jaas: Option<Text>, bearer: Bearer) -> Option<UpstreamLogin> {
        let (mut entry, jaas) = self.entry(jaas, Module::Bearer)?;
        let text = |text: Option<Text>| text.map(|text| Secret::new(text.text));
        let client_id = text(bearer.client_id).or_else(|| entry.take("clientId"));
        let client_secret = text(bearer.client_secret).or_else(|| entry.take("clientSecret"));
        let scope = text(bearer.scope).or_else(|| entry.take("scope"));
        let Some(endpoint) = bearer.endpoint else {
            self.missing(TOKEN_ENDPOINT, "the mechanism needs this");
            return None;
        };
        let location = match endpoint.text.parse() {
            Ok(Location::File(_)) => {
                self.refuse(
                    endpoint.place,
                    "this must be the URL of a token endpoint, not of a file",
                );
                return None;
            }
            Ok(location) => location,
            Err(error) => {
                self.refuse(endpoint.place, format!("{error}"));
                return None;
            }
        };
        let (Some(client_id), Some(client_secret)) = (client_id, client_secret) else {
            let message = format!(
                "clientId and clientSecret are missing (or {OAUTH_CLIENT_ID} and {OAUTH_CLIENT_SECRET})"
            );
            self.refuse(jaas.place, message);
            return None;
        };
        Some(UpstreamLogin::Bearer(BearerLogin {
            client: OauthClient {
                endpoint: location,
                client_id: client_id.reveal().to_owned(),
                client_secret,
                scope: scope.map(|scope| scope.reveal().to_owned()),
            },
            extensions: entry.extensions,
        }))
    }
}

impl Bearer {
    fn texts(self) -> [Option<Text>; 4] {
        [self.endpoint, self.client_id, self.client_secret, self.scope]
    }
}
