//! The listeners: a list of maps, one for each.

use std::net::IpAddr;
use std::path::PathBuf;

use klamm_raft::model::{Encryption, ListenerName, Protocol, Routing, Sasl, Speech};

use crate::address::HostPort;
use crate::chain::Chain;
use crate::listener::config::ListenerConfig;
use crate::listener::networks::Networks;
use crate::tls::{CertificateFiles, ClientCertificates, TlsFiles};

use super::fields::Fields;
use super::problem::{Problem, SettingPlace};
use super::settings::Setting;
use super::{ReadFile, fields};

const FORM: &str = "the form is [{name: clients, protocol: SASL_SSL, port.start: 6969, port.count: 256, tls.certificate: tls.crt, tls.key: tls.key}]";

/// A domain leaves room for the label of a broker before it: 63 bytes, a dot, and 253 in all.
const MAX_DOMAIN_BYTES: usize = 189;

/// The host that nodes tell which do not say otherwise.
const ADVERTISED_HOST: &str = "localhost";

/// The settings of listeners that do not say otherwise.
#[derive(Debug, Clone)]
pub(super) struct Defaults {
    /// None: all addresses of the machine if clients are told how to reach it, its loopback address otherwise.
    pub(super) bind_host: Option<String>,
    pub(super) advertised_host: Option<String>,
}

/// Whether a listener says by itself how clients reach it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamesFrom {
    Own,
    Default,
}

impl Defaults {
    /// The host that clients are told.
    pub(super) fn advertised_host(&self) -> &str {
        self.advertised_host.as_deref().unwrap_or(ADVERTISED_HOST)
    }

    /// The address that a listener opens its ports on.
    pub(super) fn bind_host(&self, names: NamesFrom) -> &str {
        match (&self.bind_host, &self.advertised_host, names) {
            (Some(host), _, _) => host,
            (None, None, NamesFrom::Default) => "127.0.0.1",
            (None, Some(_), _) | (None, _, NamesFrom::Own) => "0.0.0.0",
        }
    }
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
    place: SettingPlace,
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
        let has_tls = match protocol {
            Some(protocol) => protocol.has_tls(),
            None => self.fields.has_any("tls.") || self.is_by_name(),
        };
        let names = match self.fields.has("advertised.host") || self.is_by_name() {
            true => NamesFrom::Own,
            false => NamesFrom::Default,
        };
        let default = defaults.bind_host(names).to_owned();
        let bind_host = self.host("bind.host", &default);
        let (bind_port, routing) = self.routing(defaults, protocol);
        let tls = match has_tls {
            true => self.tls(),
            false => self.no_tls(protocol),
        };
        let proxies = self.proxies();
        let (name, bind_port, routing) = (name?, bind_port?, routing?);
        (self.problems.len() == before).then_some(ListenerConfig {
            name,
            speech: speech(protocol, tls.as_ref()),
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

    /// None: as the methods of each virtual cluster say, with TLS if there are certificates.
    fn protocol(&mut self) -> Option<Protocol> {
        let text = self.text("protocol")?;
        let known = text.parse();
        Some(
            known.unwrap_or_else(|unknown: klamm_raft::model::UnknownProtocol| {
                self.refuse_with(format!("the protocol {text:?} is unknown"), unknown.to_string());
                Protocol::SaslPlaintext
            }),
        )
    }

    fn is_by_name(&self) -> bool {
        self.fields.is("routing", "sni")
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
                self.refuse(format!("{name} has no effect with routing: {routing}"));
            }
        }
    }

    fn routing(&mut self, defaults: &Defaults, protocol: Option<Protocol>) -> (Option<u16>, Option<Routing>) {
        match self.text("routing").as_deref() {
            None | Some("port") => self.by_port(defaults),
            Some("sni") => self.by_name(protocol),
            Some(other) => {
                let message = format!("the routing {other:?} is unknown");
                self.refuse_with(
                    message,
                    "use port (a port for each virtual broker) or sni (one port for all)",
                );
                (None, None)
            }
        }
    }

    fn by_port(&mut self, defaults: &Defaults) -> (Option<u16>, Option<Routing>) {
        self.unfit(&["port", "domain"], "port");
        let host = self.host("advertised.host", defaults.advertised_host());
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
                self.refuse(format!("{count} ports starting at {first} go beyond 65535"));
            }
        }
        (Some(first), Some(Routing::Port { host, start, count }))
    }

    fn by_name(&mut self, protocol: Option<Protocol>) -> (Option<u16>, Option<Routing>) {
        self.unfit(&["port.start", "port.count", "advertised.host"], "sni");
        if let Some(protocol) = protocol.filter(|protocol| !protocol.has_tls()) {
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
        let domain = domain.trim_matches('.').to_ascii_lowercase();
        if !is_domain(&domain) {
            self.refuse(format!(
                "domain: {domain:?} is not a domain name of at most {MAX_DOMAIN_BYTES} characters"
            ));
        }
        (port, advertised.map(|port| Routing::Sni { domain, port }))
    }

    /// Refuses what is given for TLS and would not be used.
    fn no_tls(&mut self, protocol: Option<Protocol>) -> Option<TlsFiles> {
        let protocol = protocol?;
        for name in NAMES.into_iter().filter(|name| name.starts_with("tls.")) {
            if self.fields.remove(name).is_some() {
                let message = format!("{name} has no effect with the protocol {protocol}");
                self.refuse_with(message, "set protocol to SASL_SSL or SSL, or remove it");
            }
        }
        None
    }

    fn tls(&mut self) -> Option<TlsFiles> {
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
                self.refuse("tls.certificate needs tls.key, the file of its private key");
                return None;
            }
            (None, Some(_)) => {
                self.refuse("tls.key needs tls.certificate, the file of its certificate");
                return None;
            }
        }
        if let Some(value) = self.fields.remove("tls.certificates") {
            let form = "the form is [{certificate: a.crt, key: a.key}]";
            let setting = Setting {
                place: fields::within(&self.place, "tls.certificates"),
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
                let message = "tls.client.ca is set, but clients are not asked for certificates";
                self.refuse_with(message, "set tls.client.auth to required or optional");
                None
            }
            (Some(other), _) => {
                let message = format!("tls.client.auth: {other:?} is unknown");
                self.refuse_with(message, "use none, optional or required");
                None
            }
        }
    }

    fn proxies(&mut self) -> Option<Networks> {
        if self.fields.remove("proxy.protocol").is_some() {
            let hint = "proxy.protocol.from: [10.0.0.0/8] turns it on for the load balancers of that network";
            self.refuse_with("the PROXY protocol is accepted only from trusted sources", hint);
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

/// The protocols that a listener speaks: what is fixed, and for the rest what the methods of its virtual clusters ask
/// for.
fn speech(protocol: Option<Protocol>, tls: Option<&TlsFiles>) -> Speech {
    let encryption = match tls.map(|tls| &tls.clients) {
        None => Encryption::Plain,
        Some(ClientCertificates::NotAsked) => Encryption::Tls,
        Some(ClientCertificates::Optional(_) | ClientCertificates::Required(_)) => {
            Encryption::TlsWithCertificates
        }
    };
    let sasl = protocol.map_or(Sasl::ByMethods, |protocol| Speech::fixed(protocol).sasl);
    Speech { sasl, encryption }
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
    if text.parse::<HostPort>().is_ok() {
        return Err(format!(
            "{text:?} is not a host name: the port is set by a key of its own"
        ));
    }
    if !is_host_name(host) {
        return Err(format!("{text:?} is not a host name or an IP address"));
    }
    Ok(host.to_owned())
}

/// Whether a text can be a host name (RFC 1123 §2.1; underscores are in use, though). One that ends with a number would
/// be taken for an IP address.
fn is_host_name(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let is_label = |label: &str| {
        let has_edges = !label.starts_with('-') && !label.ends_with('-');
        (1..=63).contains(&label.len()) && label.bytes().all(legal) && has_edges
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|b| b.is_ascii_digit());
    name.len() <= 253 && name.split('.').all(is_label) && !is_number
}

fn is_domain(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(legal);
    text.len() <= MAX_DOMAIN_BYTES && text.split('.').all(is_label)
}
