//! The listeners: a list of maps, one for each.

use std::net::IpAddr;
use std::path::PathBuf;

use klamm_raft::model::{ListenerName, Protocol, Routing};

use crate::address::HostPort;
use crate::chain::Chain;
use crate::listener::config::ListenerConfig;
use crate::listener::networks::Networks;
use crate::tls::{CertificateFiles, ClientCertificates, TlsFiles};

use super::fields::Fields;
use super::problem::{Place, Problem};
use super::settings::Setting;
use super::{ReadFile, fields};

const FORM: &str = "the form is [{name: clients, protocol: SASL_SSL, port.start: 6969, port.count: 256, tls.certificate: tls.crt, tls.key: tls.key}]";

/// A domain leaves room for the label of a broker before it: 63 bytes, a dot, and 253 in all.
const MAX_DOMAIN_BYTES: usize = 189;

/// What listeners have that do not say otherwise.
#[derive(Debug, Clone)]
pub(super) struct Defaults {
    pub(super) bind_host: String,
    pub(super) advertised_host: String,
}

/// The keys of a listener.
const NAMES: [&str; 17] = [
    "name",
    "protocol",
    "bind.host",
    "advertised.host",
    "routing",
    "port.start",
    "port.count",
    "port",
    "advertised.port",
    "domain",
    "tls.certificate",
    "tls.key",
    "tls.certificates",
    "tls.client.auth",
    "tls.client.ca",
    "proxy.protocol.from",
    "proxy.protocol",
];

/// Reads the list, given as YAML or as a text that holds YAML.
pub(super) fn parse(
    setting: Setting,
    defaults: &Defaults,
    read: ReadFile<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<ListenerConfig> {
    let maps = fields::list(setting, &NAMES, FORM, problems);
    let mut listeners: Vec<ListenerConfig> = Vec::new();
    for (place, fields) in maps {
        let mut reader = Reader {
            place,
            fields,
            read,
            problems,
        };
        let Some(listener) = reader.listener(defaults) else {
            continue;
        };
        if listeners.iter().any(|known| known.name == listener.name) {
            let message = format!("the listener {:?} is given twice", listener.name.as_str());
            reader.refuse(message);
        }
        listeners.push(listener);
    }
    listeners
}

struct Reader<'a> {
    place: Place,
    fields: Fields,
    read: ReadFile<'a>,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn refuse(&mut self, message: impl Into<String>) {
        self.problems.push(Problem::new(self.place.clone(), message));
    }

    fn refuse_with(&mut self, message: impl Into<String>, hint: impl Into<String>) {
        let problem = Problem::new(self.place.clone(), message).hint(hint);
        self.problems.push(problem);
    }

    fn text(&mut self, name: &str) -> Option<String> {
        self.fields.text(name, &self.place, self.problems)
    }

    /// `None` when there is a problem.
    fn listener(&mut self, defaults: &Defaults) -> Option<ListenerConfig> {
        let before = self.problems.len();
        let name = self.name();
        if let Some(name) = &name {
            // From now on it is clear which one is meant.
            self.place = fields::within(&self.place, name.as_str());
        }
        let protocol = self.protocol();
        let bind_host = self.host("bind.host", &defaults.bind_host);
        let (bind_port, routing) = self.routing(defaults, protocol);
        let tls = self.tls(protocol);
        let proxies = self.proxies();
        let (name, bind_port, routing) = (name?, bind_port?, routing?);
        (self.problems.len() == before).then_some(ListenerConfig {
            name,
            protocol,
            bind_host,
            bind_port,
            routing,
            tls,
            proxies,
        })
    }

    fn name(&mut self) -> Option<ListenerName> {
        let Some(text) = self.text("name") else {
            self.refuse_with("a listener has no name", FORM);
            return None;
        };
        match text.parse() {
            Ok(name) => Some(name),
            Err(invalid) => {
                let invalid: klamm_raft::model::InvalidName = invalid;
                self.refuse(invalid.to_string());
                None
            }
        }
    }

    fn protocol(&mut self) -> Protocol {
        let Some(text) = self.text("protocol") else {
            return Protocol::SaslPlaintext;
        };
        text.parse()
            .unwrap_or_else(|unknown: klamm_raft::model::UnknownProtocol| {
                self.refuse_with(format!("the protocol {text:?} is not known"), unknown.to_string());
                Protocol::SaslPlaintext
            })
    }

    fn host(&mut self, name: &str, default: &str) -> String {
        let Some(text) = self.text(name) else {
            return default.to_owned();
        };
        match parse_host(&text) {
            Ok(host) => host,
            Err(why) => {
                self.refuse(format!("{name}: {why}"));
                default.to_owned()
            }
        }
    }

    fn number(&mut self, name: &str) -> Option<u16> {
        let text = self.text(name)?;
        match text.trim().parse::<u16>() {
            Ok(number) if number > 0 => Some(number),
            _ => {
                self.refuse(format!("{name}: {text:?} is not a whole number from 1 to 65535"));
                None
            }
        }
    }

    fn unfit(&mut self, names: &[&str], routing: &str) {
        for name in names {
            if self.fields.remove(name).is_some() {
                self.refuse(format!("{name} means nothing with routing: {routing}"));
            }
        }
    }

    fn routing(&mut self, defaults: &Defaults, protocol: Protocol) -> (Option<u16>, Option<Routing>) {
        match self.text("routing").as_deref() {
            None | Some("port") => self.by_port(defaults),
            Some("sni") => self.by_name(protocol),
            Some(other) => {
                let message = format!("the routing {other:?} is not known");
                self.refuse_with(
                    message,
                    "there are port, a port for each virtual broker, and sni, one port for all",
                );
                (None, None)
            }
        }
    }

    fn by_port(&mut self, defaults: &Defaults) -> (Option<u16>, Option<Routing>) {
        self.unfit(&["port", "domain"], "port");
        let host = self.host("advertised.host", &defaults.advertised_host);
        if host.parse().is_ok_and(|ip: IpAddr| ip.is_unspecified()) {
            self.refuse(format!("clients cannot connect to {host}"));
        }
        if !self.fields.has("port.start") {
            self.refuse_with("port.start is missing", "it is the first of the listener's ports");
        }
        let count = match self.fields.has("port.count") {
            true => self.number("port.count"),
            false => Some(256),
        };
        let advertised = self.number("advertised.port");
        let (Some(first), Some(count)) = (self.number("port.start"), count) else {
            return (None, None);
        };
        let start = advertised.unwrap_or(first);
        for first in [first, start] {
            if u32::from(first) + u32::from(count) - 1 > u32::from(u16::MAX) {
                self.refuse(format!("{count} ports from {first} on go beyond 65535"));
            }
        }
        (Some(first), Some(Routing::Port { host, start, count }))
    }

    fn by_name(&mut self, protocol: Protocol) -> (Option<u16>, Option<Routing>) {
        self.unfit(&["port.start", "port.count", "advertised.host"], "sni");
        if !protocol.has_tls() {
            let message = format!("routing: sni needs TLS, and the protocol {protocol} has none");
            self.refuse_with(message, "set protocol to SASL_SSL or SSL, or routing to port");
        }
        if !self.fields.has("port") {
            self.refuse_with(
                "port is missing",
                "it is the one port of a listener with routing: sni",
            );
        }
        let port = self.number("port");
        let advertised = self.number("advertised.port").or(port);
        let Some(domain) = self.text("domain") else {
            let hint = "with domain: kafka.example.com a virtual cluster is reached as <dnsLabel>.kafka.example.com, its brokers as b1-<dnsLabel>.kafka.example.com";
            self.refuse_with("domain is missing", hint);
            return (None, None);
        };
        let domain = domain.trim_start_matches('.').to_ascii_lowercase();
        if !is_domain(&domain) {
            self.refuse(format!(
                "domain: {domain:?} is not a domain of at most {MAX_DOMAIN_BYTES} characters"
            ));
        }
        (port, advertised.map(|port| Routing::Sni { domain, port }))
    }

    fn tls(&mut self, protocol: Protocol) -> Option<TlsFiles> {
        if !protocol.has_tls() {
            let unused: Vec<&str> = NAMES
                .into_iter()
                .filter(|name| name.starts_with("tls."))
                .collect();
            for name in unused {
                if self.fields.remove(name).is_some() {
                    let message = format!("{name} means nothing with the protocol {protocol}");
                    self.refuse_with(message, "set protocol to SASL_SSL or SSL, or remove it");
                }
            }
            return None;
        }
        let certificates = self.certificates()?;
        let clients = self.client_certificates()?;
        let files = TlsFiles {
            certificates,
            clients,
        };
        if let Err(error) = files.load(self.read) {
            self.refuse(Chain(&error).to_string());
        }
        Some(files)
    }

    fn certificates(&mut self) -> Option<Vec<CertificateFiles>> {
        let mut pairs = Vec::new();
        match (self.text("tls.certificate"), self.text("tls.key")) {
            (Some(chain), Some(key)) => pairs.push(pair(&chain, &key)),
            (None, None) => {}
            (Some(_), None) => {
                self.refuse("tls.key is missing: the file of the certificate's private key");
                return None;
            }
            (None, Some(_)) => {
                self.refuse("tls.certificate is missing: the file of the key's certificate");
                return None;
            }
        }
        if let Some(value) = self.fields.remove("tls.certificates") {
            let form = "the form is [{certificate: a.crt, key: a.key}]";
            let setting = Setting {
                place: self.place.clone(),
                value,
            };
            for (place, mut map) in fields::list(setting, &["certificate", "key"], form, self.problems) {
                let chain = map.text("certificate", &place, self.problems);
                let key = map.text("key", &place, self.problems);
                match (chain, key) {
                    (Some(chain), Some(key)) => pairs.push(pair(&chain, &key)),
                    _ => self.refuse_with("tls.certificates: a certificate and its key are needed", form),
                }
            }
        }
        if pairs.is_empty() {
            let hint = "set tls.certificate and tls.key to PEM files";
            self.refuse_with("a listener with TLS needs a certificate", hint);
            return None;
        }
        Some(pairs)
    }

    fn client_certificates(&mut self) -> Option<ClientCertificates> {
        let demand = self.text("tls.client.auth");
        let authorities = self.text("tls.client.ca").map(PathBuf::from);
        match (demand.as_deref(), authorities) {
            (None | Some("none"), None) => Some(ClientCertificates::NotAsked),
            (Some("optional" | "requested"), Some(path)) => Some(ClientCertificates::Optional(path)),
            (Some("required"), Some(path)) => Some(ClientCertificates::Required(path)),
            (Some("optional" | "requested" | "required"), None) => {
                let hint = "it is the PEM file of the authorities that clients' certificates come from";
                self.refuse_with("tls.client.ca is missing", hint);
                None
            }
            (None | Some("none"), Some(_)) => {
                let message = "tls.client.ca is given, but clients are not asked for certificates";
                self.refuse_with(message, "set tls.client.auth to required or optional");
                None
            }
            (Some(other), _) => {
                let message = format!("tls.client.auth: {other:?} is not known");
                self.refuse_with(message, "it is none, optional or required");
                None
            }
        }
    }

    fn proxies(&mut self) -> Option<Networks> {
        if self.fields.remove("proxy.protocol").is_some() {
            let hint = "proxy.protocol.from: [10.0.0.0/8] turns it on for the load balancers of that network";
            self.refuse_with("the PROXY protocol is taken from trusted sources only", hint);
        }
        let texts = self
            .fields
            .texts("proxy.protocol.from", &self.place, self.problems)?;
        let mut networks = Vec::new();
        for text in texts {
            match text.parse() {
                Ok(network) => networks.push(network),
                Err(invalid) => {
                    let invalid: crate::listener::networks::InvalidNetwork = invalid;
                    self.refuse(format!("proxy.protocol.from: {invalid}"));
                }
            }
        }
        Some(Networks(networks))
    }
}

fn pair(chain: &str, key: &str) -> CertificateFiles {
    CertificateFiles {
        chain: chain.into(),
        key: key.into(),
    }
}

/// Reads a host name or an IP address.
pub(super) fn parse_host(text: &str) -> Result<String, String> {
    let host = text
        .strip_prefix('[')
        .and_then(|t| t.strip_suffix(']'))
        .unwrap_or(text);
    if host.parse::<IpAddr>().is_ok() {
        return Ok(host.to_owned());
    }
    let address = HostPort {
        host: host.to_owned(),
        port: 1,
    };
    if address.to_string().parse::<HostPort>().as_ref() != Ok(&address) {
        return Err(format!("{text:?} is not a host name or an IP address"));
    }
    if host.contains(':') {
        return Err(format!(
            "{text:?} is not a host name: a port is set by a key of its own"
        ));
    }
    Ok(host.to_owned())
}

fn is_domain(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(legal);
    text.len() <= MAX_DOMAIN_BYTES && text.split('.').all(is_label)
}
