//! Every key of the configuration, with its default and its meaning. The documentation is made from this table.

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// As in the file, for instance `gateway.http.port`.
    pub name: &'static str,
    /// For people; empty when there is none.
    pub default: &'static str,
    pub meaning: &'static str,
}

impl Key {
    /// The environment variable: the name in capitals, with `_` for `.`.
    pub fn variable(&self) -> String {
        variable(self.name)
    }
}

/// The one rule of variable names.
pub(super) fn variable(key: &str) -> String {
    key.replace(['.', '-'], "_").to_ascii_uppercase()
}

macro_rules! keys {
    ($($constant:ident = $name:literal, $default:literal, $meaning:literal;)*) => {
        $(pub(super) const $constant: &str = $name;)*

        /// All keys but those of physical clusters, in the order of the documentation.
        pub const KEYS: &[Key] = &[$(Key { name: $name, default: $default, meaning: $meaning }),*];
    };
}

keys! {
    SELECTOR = "gateway.backend.kafka.selector", "",
        "The file with the physical clusters, as `file: {path: cluster-config.yaml}`. The file has one key, `config`, with a map of Kafka client properties for each cluster id.";
    BIND_HOST = "gateway.bind.host", "0.0.0.0 once `gateway.advertised.host` is set, 127.0.0.1 before",
        "The IP address, or host name, on which listeners open their ports unless they say otherwise.";
    ADVERTISED_HOST = "gateway.advertised.host", "localhost",
        "The host name or IP address of this node that listeners give to Kafka clients unless they say otherwise.";
    LISTENERS = "gateway.listeners", "one, `default`, made of `gateway.port.start` and `gateway.port.count`",
        "What this node opens for Kafka clients: a list, see [Listeners](#listeners).";
    PORT_START = "gateway.port.start", "6969",
        "The first of this node's Kafka ports. Each virtual cluster takes one port for its bootstrap address and one for each broker.";
    PORT_COUNT = "gateway.port.count", "256",
        "How many Kafka ports this node may open, starting at `gateway.port.start`.";
    HTTP_HOST = "gateway.http.host", "127.0.0.1, or `gateway.bind.host` once `gateway.admin.api.users` is set",
        "The IP address, or host name, on which the admin API is opened.";
    HTTP_PORT = "gateway.http.port", "8888",
        "The port of the admin API, the health checks and the metrics.";
    HTTP_CERTIFICATE = "gateway.http.tls.certificate", "plain HTTP",
        "The PEM file with the certificate of the admin API, followed by the intermediate ones. Its port then speaks HTTPS only. The file is reloaded when it changes.";
    HTTP_KEY = "gateway.http.tls.key", "",
        "The PEM file of the private key of that certificate, unencrypted.";
    HTTP_HOSTS = "klamm.http.hosts", "",
        "Further names of the admin API, as a list without ports: those of load balancers and proxies through which browsers reach it. Pages under any other name than these, `gateway.http.host` and the advertised names are refused (see SECURITY-MODEL.md); programs may use any name.";
    METRICS_PUBLIC = "klamm.metrics.public", "`true` while `gateway.http.host` is a loopback address",
        "Whether `/metrics` is open to everybody, `true` or `false`. With `false` a scraper needs a login or an access token.";
    ENV_ALLOW = "klamm.env.allow", "",
        "The environment variables that resources may name in `${env['NAME']}`, beside those that begin with `KLAMM_SECRET_`: a list of names, or of prefixes that end with `*`.";
    USERS = "gateway.admin.api.users", "`[{username: admin, password: conduktor, admin: true}]`",
        "The users of the admin API. Without `admin: true` a user can only read. The default is refused when the admin API is reachable from other hosts.";
    SIGNING_KEY = "gateway.user.pool.secret.key", "generated and shared by all nodes",
        "The first key that signs the tokens of service accounts: base64 of at least 32 bytes, the same on every node. `head -c 32 /dev/urandom | base64` creates one. Once `klamm run rotateSigningKey` has replaced it, it has no effect (see OPERATIONS.md).";
    ACL_ENABLED = "gateway.acl.enabled", "true",
        "Whether ACLs decide in the virtual cluster `passthrough`, `true` or `false`. With `false` everybody who logs in there may do everything on the physical cluster `main`. In all other virtual clusters ACLs decide.";
    SUPER_USERS = "gateway.super.users", "",
        "The super users of the virtual cluster `passthrough`: names of service accounts, separated by `;`.";
    PASSTHROUGH_AUTHENTICATION = "gateway.passthrough.authentication", "tokens and SCRAM",
        "How clients of the virtual cluster `passthrough` log in: a text with JSON as in `spec.authentication` of the others (see AUTHENTICATION.md), such as `[{\"type\": \"sasl_plain\", \"mediation\": \"passthrough\"}]`. Lists of users are for other virtual clusters.";
    OAUTH_PROVIDERS = "gateway.oauth.providers", "",
        "The providers of OAuth tokens that virtual clusters may name, as a map from a name to `issuer`, `jwks.url` (https, http on this machine, or `file:///path`), `audiences` (one of them must be in the token's `aud`), `algorithms` (default `RS256, ES256`; only asymmetric ones), `leeway.seconds` (30), `jwks.refresh.seconds` (600) and `jwks.ca.file` (PEM; default: the authorities of the operating system). Every node should be given the same.";
    REGISTRIES = "klamm.registries", "",
        "The schema registries that policies may name, as a map from a name to `url` (the beginning of an API as Confluent's Schema Registry has it; https, or http on this machine), `username` with `password.file`, or `token.file` (a bearer token), `timeout.ms` (how long a call may take, 100 to 10000, default 5000) and `ca.file` (PEM; default: the authorities of the operating system). The files are read for each call. Every node should be given the same registries. See [Schemas](POLICIES.md#schemas).";
    KEYS_OF_RECORDS = "klamm.keys", "",
        "The keys that policies may name to encrypt records with, as a map from a name to `kind: file` with `file`, or `kind: vault` with `url` (https, or http on this machine), `key` (its name in Vault's transit engine), `token.file`, `mount` (default `transit`), `namespace` and `ca.file` (PEM; default: the authorities of the operating system), or `kind: aws_kms` with `key` (an id, ARN or alias), `region`, `endpoint`, `access.key.id`, `secret.access.key` and `session.token` (each `${env[NAME]}` or `${file[PATH]}`) and `ca.file`. Either may have `record.key`, a wrapped data key for keys of records. A key file has a line for each version of the key, `1 <base64 of 32 random bytes>`, and must not be readable by everybody. `(umask 077; echo 1 $(head -c 32 /dev/urandom | base64) > payroll.keys)` creates one. Files are followed as they change. Every node should be given the same keys. See [Encryption](POLICIES.md#encryption).";
    MAX_REAUTH_MS = "gateway.connections.max.reauth.ms", "0",
        "How long a login lasts at most, in milliseconds, whatever the credential (KIP-368): clients log in again on the same connection in time, or are disconnected. 0: as long as the credential is valid.";
    NODE_ID = "klamm.node.id", "1",
        "The number of this node in its cluster, from 1. It stays with the node's data directory, and no other node ever gets it. `auto`: the one of the data directory, or, if that is empty, the one that `klamm.raft.peers` has for this node's address when the cluster is founded, or the one that the cluster gives a node that joins.";
    DATA_DIR = "klamm.data.dir", "./klamm-data",
        "The directory of this node's durable state. No two nodes share one.";
    STORAGE_KEY = "klamm.storage.key.file", "the data directory is not encrypted",
        "The file with the key under which this node encrypts its data directory: base64 of 32 random bytes. The file must not be readable by everybody. `(umask 077; head -c 32 /dev/urandom | base64 > storage.key)` creates one. Existing data is encrypted again with it when the node starts. `none`: encrypted data is decrypted (see OPERATIONS.md).";
    STORAGE_PREVIOUS = "klamm.storage.key.previous.file", "",
        "The file with the key under which the data directory was encrypted until now, while the key is being changed or removed.";
    BACKUP_KEY = "klamm.backup.key.file", "",
        "The file with the key under which backups of the replicated state are encrypted: base64 of 32 random bytes, not readable by everybody. `(umask 077; head -c 32 /dev/urandom | base64 > backup.key)` creates one. Keep a copy of it away from the gateway: without it no backup can be restored.";
    BACKUP_DIR = "klamm.backup.dir", "no backups are made by themselves",
        "The directory in which this node, whenever it leads the gateway cluster, writes encrypted backups by itself. It may be one directory for all nodes.";
    BACKUP_EVERY = "klamm.backup.every.minutes", "1440",
        "How many minutes pass between two backups that are made by themselves.";
    BACKUP_KEEP = "klamm.backup.keep", "7",
        "How many of these backups are kept in the directory; older ones of this cluster are deleted.";
    SECRETS_PREFIX = "klamm.secrets.env.prefix", "KLAMM_SECRET_",
        "The beginning of the names of the environment variables that physical clusters which are resources may refer to, by `${env[NAME]}`. Whoever may put one may have what is in them sent to brokers of their choice, so nothing else should begin like that.";
    SECRETS_DIR = "klamm.secrets.dir", "no file",
        "The directory of the files that physical clusters which are resources may refer to, by `${file[PATH]}`; the path is relative to it, or absolute and inside. A link that leads out of it is not followed. A file is read again when it changes.";
    RAFT_LISTEN = "klamm.raft.listen", "the address at which the others reach this node, if there are others",
        "The `host:port` that this node opens for the other nodes. A single node opens it only where `klamm.raft.advertised` is set, too.";
    RAFT_ADVERTISED = "klamm.raft.advertised", "the node's own address in `klamm.raft.peers`, or `klamm.raft.listen`",
        "The `host:port` by which the other nodes reach this one. It may change with a restart.";
    RAFT_PEERS = "klamm.raft.peers", "a single node",
        "The nodes that found the cluster, this one included, as `1=host:port,2=host:port,3=host:port`, the same on all of them. Later nodes may come and go (`klamm cluster members`): then the addresses in it still count, and not who is listed.";
    RAFT_JOIN = "klamm.raft.join", "",
        "Addresses of nodes of a cluster, as `host:port,host:port`; a name may stand for several. A node with an empty data directory joins that cluster: it serves clients like every other node, and votes once it is promoted (see OPERATIONS.md). With data it has no effect.";
    RAFT_SECRET = "klamm.raft.secret", "",
        "The secret by which nodes recognize each other, the same on every node. Only secrets from `klamm cluster secret` are accepted. It is needed as soon as a node is reached at anything but a loopback address, unless nodes have certificates (`klamm.raft.tls.certificate`).";
    RAFT_CERTIFICATE = "klamm.raft.tls.certificate", "",
        "The PEM file with the certificate that this node presents to the other nodes, in both directions. It must name the host of this node in `klamm.raft.peers`. Either all nodes have one or none. The file is reloaded when it changes.";
    RAFT_KEY = "klamm.raft.tls.key", "",
        "The PEM file of the private key of that certificate, unencrypted.";
    RAFT_CA = "klamm.raft.tls.ca", "",
        "The PEM file of the authority that issues the certificates of the nodes. Whoever has a certificate of this authority for the host of a node is taken for that node, so it should issue no others, or `klamm.raft.secret` should be set as well.";
    UPGRADE = "klamm.cluster.upgrade", "auto",
        "When the feature level of the cluster is raised after an upgrade: `auto`, 24 hours after every node supports the next one, or `manual`, when somebody runs `klamm cluster upgrade finalize`. After that there is no way back to the older version. The same on every node.";
    ISOLATED = "klamm.authorization.isolated", "refuse",
        "What this node does when it does not hear from the leader of the gateway cluster for 2.5 seconds, or does not keep up: `refuse` holds requests back and closes the connections, so that clients go to other nodes and nobody uses a right that was taken away; `decide` goes on with the rights that it knows. See CONSISTENCY.md.";
    LIMIT_CONNECTIONS = "klamm.limits.connections", "10000",
        "How many client connections that have logged in this node holds at a time. To make room for one more, a session is closed: the one that has been idle longest, of the virtual cluster, then the principal, then the address with the most sessions. See SECURITY-MODEL.md.";
    LIMIT_LOGINS = "klamm.limits.connections.before.login", "2000",
        "How many connections that have not logged in yet this node holds in addition. To make room for one more, the oldest one of the address with the most of them is closed.";
    LIMIT_FRAME = "klamm.limits.frame.bytes", "104857600",
        "The largest request or response, in bytes. Before login it is 65536.";
    LIMIT_BUFFER = "klamm.limits.buffer.bytes", "536870912",
        "How many bytes of requests this node holds at a time, and as many of responses: one virtual cluster can use at most half of it, one principal a quarter. When a share is used up, the node stops reading.";
    LIMIT_POLICY = "klamm.limits.policy.bytes", "536870912",
        "How many bytes of memory records take at a time while policies look at them, beside the requests and responses that they are in: one virtual cluster can use at most half of it, one principal a quarter. When a share is used up, requests and responses wait for up to 10 seconds; then the client is told to try again.";
    LIMIT_BYTES_IN = "klamm.limits.vcluster.bytes.in", "no limit",
        "How many bytes of requests in a second a virtual cluster may send where its `spec.limits` has no `bytesInPerSecond`. This and the next six hold for all nodes together, must be the same on every node, and are not for `passthrough`. See QUOTAS.md.";
    LIMIT_BYTES_OUT = "klamm.limits.vcluster.bytes.out", "no limit",
        "How many bytes of answers in a second a virtual cluster may get where its `spec.limits` has no `bytesOutPerSecond`.";
    LIMIT_REQUESTS = "klamm.limits.vcluster.requests", "no limit",
        "How many requests in a second a virtual cluster may make where its `spec.limits` has no `requestsPerSecond`.";
    LIMIT_OF_CONNECTIONS = "klamm.limits.vcluster.connections", "no limit",
        "How many connections that have logged in a virtual cluster may have where its `spec.limits` has no `connections`.";
    LIMIT_NEW_CONNECTIONS = "klamm.limits.vcluster.connections.new", "no limit",
        "How many connections may log in to a virtual cluster in a second where its `spec.limits` has no `newConnectionsPerSecond`.";
    LIMIT_TOPICS = "klamm.limits.vcluster.topics", "no limit",
        "How many topics of its own a virtual cluster may have where its `spec.limits` has no `topics`.";
    LIMIT_PARTITIONS = "klamm.limits.vcluster.partitions", "no limit",
        "How many partitions its own topics may have together where its `spec.limits` has no `partitions`.";
    USAGE_DAYS = "klamm.usage.keep.days", "400",
        "For how many days this node keeps [usage](QUOTAS.md#usage-and-how-to-bill-it).";
    USAGE_WRITE_SECONDS = "klamm.usage.write.seconds", "30",
        "How many seconds pass, 1 to 55, until usage is on the disk: a node that is killed loses so much, and two seconds more.";
    USAGE_NAMES = "klamm.usage.names", "10000",
        "How many accounts of a virtual cluster, and how many pairs of an account and a topic, usage tells apart in an hour. What is beyond that is summed as `(other)`.";
    METRICS_ACCOUNTS = "klamm.metrics.accounts", "1000",
        "How many accounts have metrics of their own on this node; those beyond, and who is no service account, are counted together as `_other`.";
    METRICS_TOPICS = "klamm.metrics.topics", "1000",
        "How many topics of virtual clusters have metrics of their own on this node; those beyond are counted together as `_other`.";
    DRAIN_SECONDS = "klamm.drain.seconds", "30",
        "How long a node that is asked to stop waits for requests in flight.";
    THREADS = "klamm.threads", "one for each core",
        "How many threads carry client connections, from 1 to 256.";
    LOG_FILTER = "klamm.log.filter", "info",
        "What is logged, as `level` or `level,target=level`: `info,klamm::session=debug`.";
    LOG_FORMAT = "klamm.log.format", "text",
        "`text` for people or `json` for machines.";
}

/// The key that is called `name`.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Names that users of other gateways may bring along, and what to say of them.
pub(super) const ELSEWHERE: &[(&str, &str)] = &[
    (
        "gateway.security.protocol",
        "each listener has its own: gateway.listeners",
    ),
    ("gateway.security.mode", "the gateway checks credentials itself"),
    ("gateway.cluster.id", "nodes form a cluster by klamm.raft.peers"),
    (
        "gateway.routing.mechanism",
        "each listener has its own: gateway.listeners, with routing: port or sni",
    ),
    (
        "gateway.min.brokerid",
        "ports are given to brokers as they appear",
    ),
    (
        "connections.max.reauth.ms",
        "this gateway calls it gateway.connections.max.reauth.ms",
    ),
    ("gateway.license.key", "there are no licence keys"),
];

const INTRODUCTION: &str = "\
# Configuration

<!-- Made from src/config/reference.rs and src/config/kafka_names.rs: `KLAMM_BLESS=1 cargo test --lib config::` writes it. -->

`klamm serve --config klamm.yaml` reads one YAML file; `klamm serve` alone works from environment variables.
`klamm check-config` reports everything that is wrong with a configuration at once, and does nothing else.

* A key is written with dots. In the file, nesting and dots mean the same: `gateway.http.port: 8888` is
  `gateway: {http: {port: 8888}}`.
* The variable of a key is the key in capitals, with `_` for `.` and `-`: `GATEWAY_HTTP_PORT`. Lists and maps are
  written as YAML in the variable's text. **Variables win over the file.**
* Unknown keys are refused, and so are unknown variables that begin with `GATEWAY_` or `KLAMM_` (except `KLAMM_SECRET_…`, which resources name) and variables that begin
  with `KAFKA_` and are almost one of the gateway's. Other variables that begin with `KAFKA_` are ignored with a warning. (Variables
  of Kafka's own scripts such as `KAFKA_HEAP_OPTS`, and those that Kubernetes sets for a service, are left alone.)
* Relative paths are relative to the working directory.

```yaml
gateway:
  advertised.host: gateway-1.example.com
  admin.api.users:
    - {username: admin, password: change-me, admin: true}
    - {username: auditor, password: change-me-too, admin: false}
klamm:
  node.id: 1
  data.dir: /var/lib/klamm
kafka:
  main:
    bootstrap.servers: kafka-1.example.com:9092
    security.protocol: SASL_SSL
    sasl.mechanism: PLAIN
    sasl.jaas.config: org.apache.kafka.common.security.plain.PlainLoginModule required username=\"klamm\" password=\"...\";
```
";

const CLUSTERS: &str = "\
## Physical clusters

Each has an id and Kafka client properties. The cluster `main` must exist. They are configured in one of these places:

* the section `kafka` of the file, as above;
* a file of their own, named by `gateway.backend.kafka.selector`, with the same map under the key `config`;
* variables `KAFKA_<ID>_<PROPERTY>`, alone or on top of a file: `KAFKA_MAIN_BOOTSTRAP_SERVERS`,
  `KAFKA_CLUSTERA_SASL_JAAS_CONFIG`. Ids are compared without case and may contain `_`: the longest known property at the end
  of the name counts. In a variable `_` stands for `.`, `-` and `_` of an id.

Beside the properties there can be `credentials`: a map from a name to SASL properties. A service account that names one of
them in `spec.upstreamCredentials` reaches the brokers with it instead of the cluster's own, so that they can tell
clients apart. Whatever is not set there, such as the mechanism, is taken from the cluster's own properties.

```yaml
kafka:
  main:
    bootstrap.servers: kafka-1.example.com:9092
    security.protocol: SASL_SSL
    sasl.mechanism: SCRAM-SHA-512
    sasl.jaas.config: org.apache.kafka.common.security.scram.ScramLoginModule required username=\"klamm\" password=\"...\";
    credentials:
      billing:
        sasl.jaas.config: org.apache.kafka.common.security.scram.ScramLoginModule required username=\"billing\" password=\"...\";
```

Further physical clusters can be resources, which are added and changed while the gateway runs:
[Physical clusters that come and go](OPERATIONS.md#physical-clusters-that-come-and-go).
";

const LISTENERS_SECTION: &str = "\
## Listeners

Without `gateway.listeners` a node has one listener, `default`, without TLS and with a port for each virtual broker, from
`gateway.port.start` on. It does not fix a protocol (see below). With `gateway.listeners` a node has the listeners of that list:

```yaml
gateway:
  advertised.host: gateway-1.example.com
  listeners:
    - name: internal
      protocol: SASL_PLAINTEXT
      port: {start: 6969, count: 256}
    - name: public
      protocol: SASL_SSL
      routing: sni
      port: 9092
      domain: kafka.example.com
      tls: {certificate: /etc/klamm/tls.crt, key: /etc/klamm/tls.key}
    - name: partners
      protocol: SSL
      port: {start: 7300, count: 256}
      tls:
        certificates:
          - {certificate: /etc/klamm/a.crt, key: /etc/klamm/a.key}
          - {certificate: /etc/klamm/b.crt, key: /etc/klamm/b.key}
        client: {auth: required, ca: /etc/klamm/partners-ca.pem}
      proxy.protocol.from: [10.0.0.0/8]
```

A client of a listener is given only addresses of the listener with the same name, on every node where it speaks the same protocol.

A listener without `protocol` speaks whatever the methods of a virtual cluster require (`spec.authentication`, see
AUTHENTICATION.md), with TLS if it has a certificate:

| the methods are | clients speak |
|---|---|
| all with SASL | SASL_PLAINTEXT, or SASL_SSL |
| `anonymous`, `client_certificate`, or both | PLAINTEXT, or SSL |
| of both kinds | either: a client that begins with SASL logs in with it, any other is identified by its certificate, or is `anonymous` |

When the methods are changed, the ports stay open. New connections speak what is required from then on; those that logged in with a
method that no longer exists end. Methods that no listener of any node serves are refused, and so is `anonymous` for a physical
cluster without `gateway.allow.anonymous`.

| key of a listener | default | meaning |
|---|---|---|
| `name` | none | The listener's name, the same on all nodes that have it. |
| `protocol` | what the methods require | PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL. Without SASL a client logs in with its certificate, or as `anonymous`, as its virtual cluster allows. |
| `routing` | port | `port`: a port for each virtual broker. `sni`: one port, where the host name that a client connects to selects the virtual broker; this needs TLS. |
| `bind.host` | `gateway.bind.host`; 0.0.0.0 if neither is set, and `advertised.host` or `domain` is | The address on which its ports are opened. |
| `advertised.host` | `gateway.advertised.host` | With `routing: port`: the host that clients are given. |
| `port.start`, `port.count` | none, 256 | With `routing: port`: the first port, and how many there are. |
| `port`, `domain` | none | With `routing: sni`: the port, and the domain of all names. The virtual cluster `team-a` is bootstrapped at `team-a.<domain>`, its brokers are `b1-team-a.<domain>` and so on. A DNS entry for `*.<domain>`, and a certificate for it, serve all of them. `spec.dnsLabel` of a virtual cluster gives it a label other than its name. |
| `advertised.port` | the port that is opened | The port, or the first port, that clients are given, if a load balancer uses different ones. |
| `tls.certificate`, `tls.key` | none | PEM files: the certificate, followed by the intermediate ones, and its unencrypted private key. |
| `tls.certificates` | none | Several of them, chosen by the name that a client asks for; the first one if it asks for none. |
| `tls.client.auth`, `tls.client.ca` | none | `none`, `optional` or `required`: whether clients present certificates, and the PEM file of the authorities that issue them. |
| `proxy.protocol.from` | off | The load balancers, as networks, that pass on the client's address with the PROXY protocol, version 2. All other sources are turned away. |

Certificate files are reloaded when they change: new connections get the new certificates, open ones
continue. Files that cannot be used change nothing; the log says why, and `klamm_tls_reloads_total` counts it.
";

/// The text of `docs/CONFIGURATION.md`.
pub fn markdown() -> String {
    use super::kafka_names::{IGNORED, NOT_YET, USED};

    let mut text =
        format!("{INTRODUCTION}\n## Keys\n\n| key | variable | default | meaning |\n|---|---|---|---|\n");
    for key in KEYS {
        let default = if key.default.is_empty() {
            "none"
        } else {
            key.default
        };
        text += &format!(
            "| `{}` | `{}` | {default} | {} |\n",
            key.name,
            key.variable(),
            key.meaning
        );
    }
    text += &format!("\n{LISTENERS_SECTION}\n{CLUSTERS}\n| property | meaning |\n|---|---|\n");
    for property in USED {
        text += &format!("| `{}` | {} |\n", property.name, property.meaning);
    }
    let list = |names: &[&str]| {
        names
            .iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    text += &format!(
        "\nNot meaningful for a gateway, and ignored with a warning: {}.\n",
        list(IGNORED)
    );
    text += &format!(
        "\nRefused, because they are not supported yet: {}.\n",
        list(NOT_YET)
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/CONFIGURATION.md");
        if std::env::var_os("KLAMM_BLESS").is_some() {
            std::fs::write(path, markdown()).expect("the documentation can be written");
        }
        let written = std::fs::read_to_string(path).expect("the documentation exists");
        assert!(
            written == markdown(),
            "docs/CONFIGURATION.md is old: run with KLAMM_BLESS=1"
        );
    }

    #[test]
    fn every_key_has_a_variable_of_its_own() {
        let mut variables: Vec<String> = KEYS.iter().map(Key::variable).collect();
        variables.sort();
        variables.dedup();
        assert_eq!(variables.len(), KEYS.len());
        assert!(
            variables
                .iter()
                .all(|name| name.starts_with("GATEWAY_") || name.starts_with("KLAMM_"))
        );
    }
}
