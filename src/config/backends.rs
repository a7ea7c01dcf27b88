//! From the properties of one physical cluster to a typed [`BackendConfig`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use klamm_raft::model::{ClusterId, CredentialsName, MAIN_CLUSTER};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::address::HostPort;
use crate::backend::check_tls;
use crate::backend::config::{
    AnonymousClients, BackendConfig, ClientIdentity, HostCheck, Security, TlsConfig, UpstreamLogin,
};
use crate::chain::Chain;
use crate::secret::Secret;
use crate::tls::Trust;

use super::clusters::{ClusterProperties, ClusterSection, unreadable};
use super::kafka_names::{
    ALLOW_ANONYMOUS, BOOTSTRAP_SERVERS, ENDPOINT_IDENTIFICATION, FAILOVER_FOR, KEYSTORE_CHAIN, KEYSTORE_KEY,
    KEYSTORE_LOCATION, KEYSTORE_TYPE, OAUTH_CLIENT_ID, OAUTH_CLIENT_SECRET, ROLES, SASL_JAAS_CONFIG,
    SECURITY_PROTOCOL, TRUSTSTORE_CERTIFICATES, TRUSTSTORE_LOCATION, TRUSTSTORE_TYPE,
};
use super::problem::{Problem, SettingPlace};
use super::reference::variable;
use super::settings::Setting;
use super::tree::TreeValue;
use super::values::{TextOrigin, Values};

/// Reads the properties of one cluster. `None` when there is a problem. `anonymous` is for a cluster that does not say.
pub(super) fn backend(
    id: &ClusterId,
    cluster: ClusterSection,
    anonymous: AnonymousClients,
    values: Values<'_>,
    problems: &mut Vec<Problem>,
) -> Option<BackendConfig> {
    let before = problems.len();
    let ClusterSection {
        properties,
        credentials,
    } = cluster;
    let shared = shared_by_credentials(&properties);
    let mut reader = BackendReader {
        id,
        properties,
        values,
        is_unread: false,
        problems,
    };
    let bootstrap = reader.bootstrap();
    let protocol = reader.protocol();
    let stands_in_for = reader.roles();
    let anonymous = reader.anonymous().unwrap_or(anonymous);
    let login = reader.login(protocol.sasl);
    let security = reader.security(protocol.tls);
    let credentials = credentials
        .into_iter()
        .filter_map(|(name, own)| {
            reader.properties = shared.clone();
            reader.properties.extend(own);
            Some((name, reader.login(protocol.sasl)?))
        })
        .collect::<BTreeMap<CredentialsName, UpstreamLogin>>();
    let complete = problems.len() == before;
    complete.then(|| BackendConfig {
        id: id.clone(),
        bootstrap,
        security,
        login,
        credentials,
        anonymous,
        stands_in_for,
    })
}

/// The properties that further credentials need not say again: everything of SASL but who it is.
fn shared_by_credentials(properties: &ClusterProperties) -> ClusterProperties {
    let own = [SASL_JAAS_CONFIG, OAUTH_CLIENT_ID, OAUTH_CLIENT_SECRET];
    properties
        .iter()
        .filter(|(name, _)| name.starts_with("sasl.") && !own.contains(*name))
        .map(|(name, setting)| (*name, setting.clone()))
        .collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    With,
    Without,
    /// The protocol itself is wrong: say nothing more about what depends on it.
    Unknown,
}

struct Protocol {
    tls: Layer,
    sasl: Layer,
}

pub(super) struct BackendReader<'a> {
    id: &'a ClusterId,
    properties: ClusterProperties,
    pub(super) values: Values<'a>,
    /// Whether there was a reference that was not followed.
    pub(super) is_unread: bool,
    pub(super) problems: &'a mut Vec<Problem>,
}

/// A property's text and its place.
pub(super) struct Text {
    pub(super) text: String,
    pub(super) place: SettingPlace,
    pub(super) origin: TextOrigin,
}

impl BackendReader<'_> {
    pub(super) fn take(&mut self, name: &'static str) -> Option<Text> {
        let Setting { place, value } = self.properties.remove(name)?;
        match value {
            TreeValue::Text(text) => Some(self.valued(name, text, place)),
            TreeValue::Null => Some(self.valued(name, String::new(), place)),
            other => {
                self.refuse(place, format!("a text is expected, not {}", other.kind()));
                None
            }
        }
    }

    pub(super) fn refuse(&mut self, place: SettingPlace, message: impl Into<String>) {
        self.problems.push(Problem::new(place, message));
    }

    pub(super) fn missing(&mut self, name: &str, why: &str) {
        if let Values::Referring(_) = self.values {
            let place = SettingPlace::Resource(format!("spec.properties.{name}"));
            return self.problems.push(Problem::new(place, why));
        }
        let place = SettingPlace::Unset(format!("{}: {name}", self.id));
        let hint = format!(
            "as a variable it is KAFKA_{}_{}",
            variable(self.id.as_str()),
            variable(name)
        );
        self.problems.push(Problem::new(place, why).hint(hint));
    }

    fn bootstrap(&mut self) -> Vec<HostPort> {
        let set = self.properties.contains_key(BOOTSTRAP_SERVERS);
        self.join_list(BOOTSTRAP_SERVERS);
        let Some(servers) = self.take(BOOTSTRAP_SERVERS) else {
            if !set {
                self.missing(BOOTSTRAP_SERVERS, "this is required");
            }
            return Vec::new();
        };
        let mut addresses = Vec::new();
        let texts = servers
            .text
            .split(',')
            .map(str::trim)
            .filter(|text| !text.is_empty());
        for text in texts {
            match text.parse() {
                Ok(address) => addresses.push(address),
                Err(invalid) => self.refuse(servers.place.clone(), format!("{invalid}")),
            }
        }
        if servers.text.trim().trim_matches(',').is_empty() {
            self.refuse(servers.place, "at least one host:port is required");
        }
        addresses
    }

    /// Makes one text with commas of a property that is written as a list of texts.
    fn join_list(&mut self, name: &'static str) {
        let Some(Setting { value, .. }) = self.properties.get_mut(name) else {
            return;
        };
        if let TreeValue::List(items) = value {
            let texts: Option<Vec<&str>> = items.iter().map(|item| item.value.text()).collect();
            if let Some(texts) = texts {
                *value = TreeValue::Text(texts.join(","));
            }
        }
    }

    fn protocol(&mut self) -> Protocol {
        let of = |tls, sasl| Protocol { tls, sasl };
        let Some(protocol) = self.take(SECURITY_PROTOCOL) else {
            return of(Layer::Without, Layer::Without);
        };
        match protocol.text.to_ascii_uppercase().as_str() {
            "PLAINTEXT" => of(Layer::Without, Layer::Without),
            "SSL" => of(Layer::With, Layer::Without),
            "SASL_PLAINTEXT" => of(Layer::Without, Layer::With),
            "SASL_SSL" => of(Layer::With, Layer::With),
            _ => {
                let message = format!("the security protocol {:?} is unknown", protocol.text);
                self.problems.push(
                    Problem::new(protocol.place, message)
                        .hint("use PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"),
                );
                of(Layer::Unknown, Layer::Unknown)
            }
        }
    }

    /// The physical cluster that this one stands in for, if it has that role.
    fn roles(&mut self) -> Option<ClusterId> {
        let role = self.take(ROLES);
        let original = self.take(FAILOVER_FOR);
        match role.as_ref().map(|role| role.text.as_str()) {
            Some("failover") => {}
            None | Some("upstream") => {
                if let Some(original) = original {
                    let why = "only a physical cluster with gateway.roles: failover stands in for another";
                    self.refuse(original.place, why);
                }
                return None;
            }
            Some(other) => {
                let message = format!("the role {other:?} is unknown");
                let place = role.map(|role| role.place)?;
                self.problems
                    .push(Problem::new(place, message).hint("the roles are upstream and failover"));
                return None;
            }
        }
        if self.id.is_main() {
            let why = "main serves itself: give the role to the physical cluster that is to stand in for it";
            self.refuse(role?.place, why);
            return None;
        }
        let named = original.map(|original| (original.text.parse::<ClusterId>(), original.place));
        match named {
            None => MAIN_CLUSTER.parse().ok(),
            Some((Ok(original), place)) if original == *self.id => {
                self.refuse(place, "a physical cluster cannot stand in for itself");
                None
            }
            Some((Ok(original), _)) => Some(original),
            Some((Err(invalid), place)) => {
                self.refuse(place, invalid.to_string());
                None
            }
        }
    }

    fn anonymous(&mut self) -> Option<AnonymousClients> {
        let said = self.take(ALLOW_ANONYMOUS)?;
        match said.text.trim() {
            "true" => Some(AnonymousClients::Allowed),
            "false" => Some(AnonymousClients::Refused),
            other => {
                let message = format!("{other:?} is neither true nor false");
                self.refuse(said.place, message);
                None
            }
        }
    }

    fn security(&mut self, tls: Layer) -> Security {
        if tls == Layer::Without {
            let unused: Vec<&'static str> = self
                .properties
                .keys()
                .copied()
                .filter(|n| n.starts_with("ssl."))
                .collect();
            for name in unused {
                if let Some(setting) = self.properties.remove(name) {
                    self.problems.push(
                        Problem::new(setting.place, "the security protocol does not use TLS")
                            .hint("set security.protocol to SSL or SASL_SSL, or remove this"),
                    );
                }
            }
            return Security::Plaintext;
        }
        let (given, problems) = (self.certificates_at(), self.problems.len());
        let config = TlsConfig {
            trust: self.trust(),
            identity: self.identity(),
            host_check: self.host_check(),
        };
        // Each is in good form; whether they can be used together is another question.
        if let Some(place) = given
            && self.problems.len() == problems
            && !self.is_unread
            && let Err(error) = check_tls(&config)
        {
            self.refuse(place, Chain(&error).to_string());
        }
        Security::Tls(config)
    }

    /// Where certificates are given, if any are.
    fn certificates_at(&self) -> Option<SettingPlace> {
        let given = [
            KEYSTORE_LOCATION,
            KEYSTORE_CHAIN,
            TRUSTSTORE_LOCATION,
            TRUSTSTORE_CERTIFICATES,
        ];
        let given = given.into_iter().find_map(|name| self.properties.get(name));
        given.map(|setting| setting.place.clone())
    }

    fn host_check(&mut self) -> HostCheck {
        let Some(algorithm) = self.take(ENDPOINT_IDENTIFICATION) else {
            return HostCheck::Https;
        };
        match algorithm.text.to_ascii_lowercase().as_str() {
            "https" => HostCheck::Https,
            "" => HostCheck::Off,
            _ => {
                self.refuse(algorithm.place, "this must be https or empty");
                HostCheck::Https
            }
        }
    }

    /// Checks that a store, if one is given, is said to be PEM: Kafka's default would be JKS. `file` is where it is, when
    /// it is a file.
    fn pem_store(&mut self, type_name: &'static str, given: Option<&SettingPlace>, file: Option<&str>) {
        match (self.take(type_name), given) {
            (Some(store), _) if store.text != "PEM" => {
                let message = format!("the store type {:?} is not supported: only PEM is", store.text);
                let problem = Problem::new(store.place, message);
                self.problems
                    .push(match conversion(type_name, &store.text, file) {
                        Some(command) => problem.hint(format!("convert it with: {command}")),
                        None => problem,
                    });
            }
            (Some(store), None) => self.refuse(store.place, "the type of a store is set, but no store"),
            (None, Some(place)) => self.problems.push(
                Problem::new(
                    place.clone(),
                    "only PEM stores are supported, and Kafka's default type is JKS",
                )
                .hint(match conversion(type_name, "JKS", file) {
                    Some(command) => format!("set {type_name} to PEM, or convert the store with: {command}"),
                    None => format!("set {type_name} to PEM"),
                }),
            ),
            _ => {}
        }
    }

    fn trust(&mut self) -> Trust {
        let location = self.take(TRUSTSTORE_LOCATION);
        let inline = self.take(TRUSTSTORE_CERTIFICATES);
        self.pem_store(
            TRUSTSTORE_TYPE,
            location.as_ref().or(inline.as_ref()).map(|text| &text.place),
            location.as_ref().map(|text| text.text.as_str()),
        );
        if let (Some(_), Some(inline)) = (&location, &inline) {
            self.refuse(
                inline.place.clone(),
                format!("{TRUSTSTORE_LOCATION} is set as well"),
            );
        }
        let pem = location.and_then(|file| self.file(file)).or(inline);
        match pem {
            Some(pem) => {
                self.check_certificates(&pem);
                Trust::Pem(pem.text)
            }
            None => Trust::System,
        }
    }

    fn identity(&mut self) -> Option<ClientIdentity> {
        let location = self.take(KEYSTORE_LOCATION);
        let chain = self.take(KEYSTORE_CHAIN);
        let key = self.take(KEYSTORE_KEY);
        let given = location
            .as_ref()
            .or(chain.as_ref())
            .or(key.as_ref())
            .map(|text| &text.place);
        let file = location.as_ref().map(|text| text.text.as_str());
        self.pem_store(KEYSTORE_TYPE, given, file);
        let (chain, key) = match (location, chain, key) {
            (None, None, None) => return None,
            (Some(file), None, None) => {
                let both = self.file(file)?;
                let key = Text {
                    text: both.text.clone(),
                    place: both.place.clone(),
                    origin: both.origin,
                };
                (both, key)
            }
            (None, Some(chain), Some(key)) => (chain, key),
            (Some(file), _, _) => {
                self.refuse(
                    file.place,
                    format!("{KEYSTORE_CHAIN} or {KEYSTORE_KEY} is set as well"),
                );
                return None;
            }
            (None, Some(chain), None) => {
                self.refuse(chain.place, format!("{KEYSTORE_KEY} is missing"));
                return None;
            }
            (None, None, Some(key)) => {
                self.refuse(key.place, format!("{KEYSTORE_CHAIN} is missing"));
                return None;
            }
        };
        self.check_certificates(&chain);
        if !key.is_unread() && PrivateKeyDer::from_pem_slice(key.text.as_bytes()).is_err() {
            self.refuse(key.place, "there is no unencrypted private key in PEM form");
        }
        Some(ClientIdentity {
            chain_pem: chain.text,
            key_pem: Secret::new(key.text),
        })
    }

    fn file(&mut self, location: Text) -> Option<Text> {
        let path = PathBuf::from(&location.text);
        let Values::Written(read) = self.values else {
            let message = format!(
                "a resource has no paths: set {TRUSTSTORE_CERTIFICATES}, or {KEYSTORE_CHAIN} and {KEYSTORE_KEY}, to a reference as ${{file[PATH]}}"
            );
            self.refuse(location.place, message);
            return None;
        };
        match read(&path) {
            Ok(text) => Some(Text {
                text,
                place: location.place,
                origin: location.origin,
            }),
            Err(error) => {
                self.problems.push(unreadable(location.place, &path, &error));
                None
            }
        }
    }

    fn check_certificates(&mut self, pem: &Text) {
        if !pem.is_unread() && !holds_certificates(&pem.text) {
            self.refuse(pem.place.clone(), NO_CERTIFICATE);
        }
    }
}

/// The problem of a text without certificates.
pub(super) const NO_CERTIFICATE: &str = "there is no certificate in PEM form";

pub(super) fn holds_certificates(pem: &str) -> bool {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    certificates.is_ok_and(|list| !list.is_empty())
}

/// The command that makes a PEM file of a store of Java.
fn conversion(type_name: &str, store: &str, file: Option<&str>) -> Option<String> {
    let file = file?;
    let pem = format!("{file}.pem");
    let is_pkcs12 = store.eq_ignore_ascii_case("PKCS12");
    if !is_pkcs12 && !store.eq_ignore_ascii_case("JKS") {
        return None;
    }
    Some(match (type_name == TRUSTSTORE_TYPE, is_pkcs12) {
        (true, _) => format!("keytool -list -rfc -keystore {file} > {pem}"),
        (false, true) => format!("openssl pkcs12 -in {file} -nodes -out {pem}"),
        (false, false) => format!(
            "keytool -importkeystore -srckeystore {file} -destkeystore {file}.p12 -deststoretype PKCS12 && \
             openssl pkcs12 -in {file}.p12 -nodes -out {pem}"
        ),
    })
}
