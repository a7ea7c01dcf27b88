//! From settings to a [`Config`]: types, bounds, and what contradicts what.

mod http;
mod node;
mod passthrough;
mod ports;
mod secrets;
mod storage;
mod tls;
mod usage;

pub(crate) use storage::key_in;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use klamm_raft::model::{
    ClusterId, KeyName, Limit, Limits, ListenerName, PhysicalCluster, ProviderName, RegistryName, Routing,
    SigningKey, Speech,
};

use crate::backend::config::{AnonymousClients, BackendConfig};
use crate::keys::KeyConfig;
use crate::listener::config::ListenerConfig;
use crate::oauth::ProviderConfig;
use crate::registries::RegistryConfig;
use crate::session;
use crate::telemetry::{self, LogFormat};

use super::clusters::{Clusters, unreadable};
use super::failover;
use super::listeners::{Defaults, NamesFrom};
use super::problem::{Problem, SettingPlace};
use super::reference::{self, variable};
use super::settings::{Setting, Settings};
use super::tree::TreeValue;
use super::values::Values;
use super::{
    Config, ConfigError, Inputs, LimitsConfig, LogConfig, NodeConfig, ReadFile, backends, keys, listeners,
    providers, registries,
};

/// The hint where a secret of nodes is missing.
const MAKE_SECRET: &str = "create one with `klamm cluster secret`; it must be the same on every node";

/// The longest time after which a login must be made again, in milliseconds: a year.
const MAX_REAUTH_MS: u64 = 31_536_000_000;

/// The shortest signing key: HMAC-SHA-256 wants as many bytes as it gives (RFC 7518 §3.2).
const SHORTEST_SIGNING_KEY: usize = 32;

/// The properties of the physical clusters as they are written, secrets included.
pub(super) fn written_clusters(
    inputs: Inputs<'_>,
) -> Result<BTreeMap<ClusterId, PhysicalCluster>, ConfigError> {
    let mut builder = Builder::new(inputs);
    let clusters = builder.clusters(inputs.file, inputs.read);
    builder.problems.extend(clusters.problems);
    if !builder.problems.is_empty() {
        return Err(ConfigError::of(builder.problems));
    }
    let written = clusters.by_id.into_iter();
    Ok(written.map(|(id, section)| (id, section.as_written())).collect())
}

pub(super) fn config(inputs: Inputs<'_>) -> Result<Config, ConfigError> {
    let mut builder = Builder::new(inputs);
    let listeners = builder.listeners(inputs.read);
    let anonymous = anonymous_clients(&listeners);
    let (backends, mut warnings) = builder.backends(inputs.file, anonymous, inputs.read);
    let http = builder.http(&listeners, inputs.read);
    let node = builder.node(inputs);
    builder.check_advertised(&listeners, &node);
    builder.check_ports(&listeners, &http, &node);
    warnings.extend(builder.ephemeral_ports((&listeners, &http, &node), inputs.read));
    let oauth = builder.oauth(inputs.read);
    let config = Config {
        signing_key: builder.signing_key(),
        passthrough: builder.passthrough(inputs.methods, &backends, &oauth),
        oauth,
        keys: builder.keys(inputs),
        registries: builder.registries(inputs.read),
        secrets: builder.secrets(),
        anonymous,
        limits: builder.limits(),
        log: builder.log(),
        http,
        listeners,
        node,
        backends,
        warnings: Vec::new(),
    };
    if !builder.problems.is_empty() {
        return Err(ConfigError::of(builder.problems));
    }
    warnings.append(&mut builder.settings.warnings);
    warnings.sort();
    Ok(Config { warnings, ..config })
}

struct Builder {
    settings: Settings,
    problems: Vec<Problem>,
}

impl Builder {
    /// Reads the main file and the variables.
    fn new(inputs: Inputs<'_>) -> Self {
        let mut problems = Vec::new();
        let mut settings = Settings::default();
        if let Some(path) = inputs.file {
            match (inputs.read)(path) {
                Ok(text) => settings.add_file(path, &text, &mut problems),
                Err(error) => problems.push(unreadable(SettingPlace::file(path), path, &error)),
            }
        }
        settings.add_variables(inputs.variables, &mut problems);
        Self { settings, problems }
    }

    fn refuse(&mut self, place: SettingPlace, message: impl Display) {
        self.problems.push(Problem::new(place, message.to_string()));
    }

    /// Where a key is set, or its name.
    fn place(&self, key: &str) -> SettingPlace {
        match self.settings.keys.get(key) {
            Some(setting) => setting.place.clone(),
            None => SettingPlace::Unset(format!("{key} ({})", variable(key))),
        }
    }

    fn is_set(&self, key: &str) -> bool {
        self.settings.keys.contains_key(key)
    }

    fn text(&mut self, key: &'static str) -> Option<String> {
        let Setting { place, value } = self.settings.keys.get(key)?.clone();
        match value {
            TreeValue::Text(text) if !text.trim().is_empty() => Some(text),
            TreeValue::Text(_) | TreeValue::Null => {
                self.refuse(place, "this is empty");
                None
            }
            other => {
                self.refuse(place, format!("a single value is expected, not {}", other.kind()));
                None
            }
        }
    }

    fn number<T>(&mut self, key: &'static str, allowed: RangeInclusive<T>, default: T) -> T
    where
        T: FromStr + PartialOrd + Display,
    {
        let Some(text) = self.text(key) else {
            return default;
        };
        match text.trim().parse::<T>() {
            Ok(number) if allowed.contains(&number) => number,
            _ => {
                let message = format!(
                    "{text:?} is not a whole number from {} to {}",
                    allowed.start(),
                    allowed.end()
                );
                self.refuse(self.place(key), message);
                default
            }
        }
    }

    /// The properties of physical clusters, wherever they are written.
    fn clusters(&mut self, file: Option<&Path>, read: ReadFile<'_>) -> Clusters {
        let mut clusters = Clusters::default();
        let section = self.settings.kafka.take();
        if let Some(selector) = self.settings.keys.get(reference::SELECTOR) {
            if let Some(section) = &section {
                let message = format!(
                    "physical clusters are configured both here and at {}",
                    selector.place
                );
                clusters
                    .problems
                    .push(Problem::new(section.place.clone(), message).hint("configure them in one place"));
            }
            clusters.add_selected(selector, read);
        } else if let (Some(section), Some(path)) = (section, file) {
            clusters.add_section(path, section);
        }
        clusters.add_variables(std::mem::take(&mut self.settings.kafka_variables));
        clusters
    }

    fn backends(
        &mut self,
        file: Option<&Path>,
        anonymous: AnonymousClients,
        read: ReadFile<'_>,
    ) -> (BTreeMap<ClusterId, BackendConfig>, Vec<Problem>) {
        let mut clusters = self.clusters(file, read);
        let unreadable = !clusters.problems.is_empty();
        self.problems.append(&mut clusters.problems);
        let main_given = clusters.by_id.keys().any(ClusterId::is_main);
        // A file that cannot be read is problem enough.
        if !main_given && !unreadable {
            self.problems.push(
                Problem::new(SettingPlace::Unset("kafka.main".to_owned()), "the physical cluster main is not configured")
                    .hint("set KAFKA_MAIN_BOOTSTRAP_SERVERS=host:port, or name a file in GATEWAY_BACKEND_KAFKA_SELECTOR"),
            );
        }
        let aims = failover::aims(&clusters.by_id);
        let backends: BTreeMap<ClusterId, BackendConfig> = clusters
            .by_id
            .into_iter()
            .filter_map(|(id, cluster)| {
                let backend =
                    backends::backend(&id, cluster, anonymous, Values::Written(read), &mut self.problems)?;
                Some((id, backend))
            })
            .collect();
        let found = failover::check(&backends, aims);
        self.problems.extend(found.problems);
        clusters.warnings.extend(found.warnings);
        (backends, clusters.warnings)
    }

    fn host(&mut self, key: &'static str) -> Option<String> {
        let text = self.text(key)?;
        match listeners::parse_host(&text) {
            Ok(host) => Some(host),
            Err(why) => {
                self.refuse(self.place(key), why);
                None
            }
        }
    }

    fn listeners(&mut self, read: ReadFile<'_>) -> Vec<ListenerConfig> {
        let defaults = Defaults {
            bind_host: self.host(reference::BIND_HOST),
            advertised_host: self.host(reference::ADVERTISED_HOST),
        };
        let Some(setting) = self.settings.keys.get(reference::LISTENERS).cloned() else {
            return vec![self.only_listener(&defaults)];
        };
        for key in [reference::PORT_START, reference::PORT_COUNT] {
            if self.is_set(key) {
                let problem = Problem::new(
                    self.place(key),
                    "this is only for a node without gateway.listeners",
                );
                self.problems
                    .push(problem.hint("set port.start and port.count of each listener there"));
            }
        }
        listeners::parse(setting, &defaults, read, &mut self.problems)
    }

    /// The short form.
    fn only_listener(&mut self, defaults: &Defaults) -> ListenerConfig {
        let advertised_host = defaults.advertised_host().to_owned();
        if advertised_host
            .parse()
            .is_ok_and(|ip: IpAddr| ip.is_unspecified())
        {
            let place = self.place(reference::ADVERTISED_HOST);
            self.refuse(place, format!("clients cannot connect to {advertised_host}"));
        }
        let start = self.number(reference::PORT_START, 1..=u16::MAX, 6969);
        let count = self.number(reference::PORT_COUNT, 1..=u16::MAX, 256);
        if u32::from(start) + u32::from(count) - 1 > u32::from(u16::MAX) {
            let place = self.place(reference::PORT_COUNT);
            self.refuse(
                place,
                format!("{count} ports starting at {start} go beyond 65535"),
            );
        }
        ListenerConfig {
            name: ListenerName::short_form(),
            speech: Speech::by_methods(),
            bind_host: defaults.bind_host(NamesFrom::Default).to_owned(),
            bind_port: start,
            routing: Routing::Port {
                host: advertised_host,
                start,
                count,
            },
            tls: None,
            proxies: None,
        }
    }

    fn check_advertised(&mut self, listeners: &[ListenerConfig], node: &NodeConfig) {
        let tells_localhost = |listener: &ListenerConfig| matches!(&listener.routing, Routing::Port { host, .. } if host == "localhost");
        if !self.is_set(reference::ADVERTISED_HOST)
            && listeners.iter().any(tells_localhost)
            && node
                .raft_peers
                .values()
                .chain(&node.raft_join)
                .any(|peer| !is_loopback(&peer.host))
        {
            self.problems.push(
                Problem::new(
                    self.place(reference::ADVERTISED_HOST),
                    "a node of a cluster over several hosts must say which host clients are to connect to",
                )
                .hint("the default is localhost, which is wrong on every other host"),
            );
        }
    }

    fn signing_key(&mut self) -> Option<SigningKey> {
        let text = self.text(reference::SIGNING_KEY)?;
        match STANDARD.decode(text.trim()) {
            Ok(bytes) if bytes.len() >= SHORTEST_SIGNING_KEY => Some(SigningKey(bytes)),
            _ => {
                self.problems.push(
                    Problem::new(
                        self.place(reference::SIGNING_KEY),
                        format!("the key is not base64 of at least {SHORTEST_SIGNING_KEY} bytes"),
                    )
                    .hint("create one with `head -c 32 /dev/urandom | base64`"),
                );
                None
            }
        }
    }

    fn oauth(&mut self, read: ReadFile<'_>) -> BTreeMap<ProviderName, ProviderConfig> {
        match self.settings.keys.get(reference::OAUTH_PROVIDERS).cloned() {
            Some(setting) => providers::parse(setting, read, &mut self.problems),
            None => BTreeMap::new(),
        }
    }

    fn keys(&mut self, inputs: Inputs<'_>) -> BTreeMap<KeyName, KeyConfig> {
        match self.settings.keys.get(reference::KEYS_OF_RECORDS).cloned() {
            Some(setting) => {
                let around = (inputs.read, inputs.variables);
                keys::parse(setting, around, &mut self.problems)
            }
            None => BTreeMap::new(),
        }
    }

    fn registries(&mut self, read: ReadFile<'_>) -> BTreeMap<RegistryName, RegistryConfig> {
        match self.settings.keys.get(reference::REGISTRIES).cloned() {
            Some(setting) => registries::parse(setting, read, &mut self.problems),
            None => BTreeMap::new(),
        }
    }

    fn limits(&mut self) -> LimitsConfig {
        let usual = session::Limits::default();
        let limits = LimitsConfig {
            connections: self.number(reference::LIMIT_CONNECTIONS, 1..=1_000_000, usual.max_connections),
            before_login: self.number(reference::LIMIT_LOGINS, 1..=1_000_000, usual.max_unauthenticated),
            frame_bytes: self.number(reference::LIMIT_FRAME, 65_536..=1 << 30, usual.max_frame_bytes),
            buffer_bytes: self.number(
                reference::LIMIT_BUFFER,
                65_536..=1 << 40,
                usual.max_buffered_bytes,
            ),
            policy_bytes: self.number(
                reference::LIMIT_POLICY,
                1_048_576..=1 << 40,
                usual.max_policy_bytes,
            ),
            session_lifetime: match self.number(reference::MAX_REAUTH_MS, 0..=MAX_REAUTH_MS, 0) {
                0 => None,
                millis => Some(Duration::from_millis(millis)),
            },
            drain: Duration::from_secs(self.number(
                reference::DRAIN_SECONDS,
                0..=3600,
                usual.drain_timeout.as_secs(),
            )),
            threads: match self.is_set(reference::THREADS) {
                true => NonZeroU16::new(self.number(reference::THREADS, 1..=256, 1)),
                false => None,
            },
            vclusters: self.limits_of_vclusters(),
        };
        if limits.buffer_bytes < limits.frame_bytes {
            let place = self.place(reference::LIMIT_BUFFER);
            let message = format!(
                "{} bytes are too few for one frame of {} bytes",
                limits.buffer_bytes, limits.frame_bytes
            );
            self.refuse(place, message);
        }
        limits
    }

    /// The limits of virtual clusters that have none of their own.
    fn limits_of_vclusters(&mut self) -> Limits {
        let keys = [
            (Limit::BytesIn, reference::LIMIT_BYTES_IN),
            (Limit::BytesOut, reference::LIMIT_BYTES_OUT),
            (Limit::Requests, reference::LIMIT_REQUESTS),
            (Limit::Connections, reference::LIMIT_OF_CONNECTIONS),
            (Limit::NewConnections, reference::LIMIT_NEW_CONNECTIONS),
            (Limit::Topics, reference::LIMIT_TOPICS),
            (Limit::Partitions, reference::LIMIT_PARTITIONS),
        ];
        let mut limits = Limits::default();
        for (limit, key) in keys {
            if self.is_set(key) {
                let most = self.number(key, limit.least()..=limit.ceiling(), limit.most());
                limits.0.insert(limit, most);
            }
        }
        limits
    }

    fn log(&mut self) -> LogConfig {
        let filter = self
            .text(reference::LOG_FILTER)
            .unwrap_or_else(|| "info".to_owned());
        if let Err(problem) = telemetry::check_filter(&filter) {
            let place = self.place(reference::LOG_FILTER);
            self.problems.push(
                Problem::new(place, problem.to_string()).hint("for instance info,klamm::session=debug"),
            );
        }
        let format = match self.text(reference::LOG_FORMAT).map(|text| text.parse()) {
            Some(Ok(format)) => format,
            Some(Err(error)) => {
                let place = self.place(reference::LOG_FORMAT);
                self.refuse(place, error);
                LogFormat::default()
            }
            None => LogFormat::default(),
        };
        LogConfig { filter, format }
    }
}

/// Whether clients that do not log in may reach a physical cluster that does not say.
fn anonymous_clients(listeners: &[ListenerConfig]) -> AnonymousClients {
    match listeners.iter().all(|listener| is_loopback(&listener.bind_host)) {
        true => AnonymousClients::Allowed,
        false => AnonymousClients::Refused,
    }
}

/// Whether only this machine can reach a host.
fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}
