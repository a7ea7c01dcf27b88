//! Whole configurations: what they become, and what is said of wrong ones.

use std::time::Duration;

use klamm_raft::model::{Limit, ScramHash, Speech};
use klamm_raft::{Storage, StorageKey};

use super::*;
use crate::backend::config::{AnonymousClients, HostCheck, PlainLogin, Security, TlsConfig, UpstreamLogin};
use crate::secret::Secret;
use crate::tls::Trust;

mod listeners;

/// A secret of nodes.
const SECRET: &str = "klamm_cluster_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9G3XlO";

/// A configuration under test: files by path, and variables.
#[derive(Default)]
struct Given {
    file: Option<&'static str>,
    others: Vec<(&'static str, String)>,
    variables: Vec<(&'static str, String)>,
}

const FILE: &str = "klamm.yaml";

impl Given {
    fn file(text: &'static str) -> Self {
        Self {
            file: Some(text),
            ..Self::default()
        }
    }

    fn variables(list: &[(&'static str, &str)]) -> Self {
        Self::default().with(list)
    }

    fn with(mut self, list: &[(&'static str, &str)]) -> Self {
        self.variables
            .extend(list.iter().map(|(name, value)| (*name, (*value).to_owned())));
        self
    }

    fn other(mut self, path: &'static str, text: impl Into<String>) -> Self {
        self.others.push((path, text.into()));
        self
    }

    fn load(&self) -> Result<Config, ConfigError> {
        let variables = self
            .variables
            .iter()
            .map(|(n, v)| ((*n).to_owned(), v.clone()))
            .collect();
        let read = |path: &Path| {
            let path = path.to_str().expect("a text path");
            if path == FILE {
                return Ok(self.file.expect("a main file").to_owned());
            }
            let other = self.others.iter().find(|(name, _)| *name == path);
            other
                .map(|(_, text)| text.clone())
                .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
        };
        Config::load(Inputs {
            file: self.file.map(|_| Path::new(FILE)),
            variables: &variables,
            read: &read,
            read_secret: &read,
            methods: crate::admin::authentication_from,
        })
    }

    #[track_caller]
    fn good(&self) -> Config {
        self.load().unwrap_or_else(|error| panic!("{error}"))
    }

    /// The problems, as they are shown.
    #[track_caller]
    fn refused(&self, expected: &[&str]) {
        let error = self.load().expect_err("a problem");
        let got: Vec<String> = error.problems().iter().map(ToString::to_string).collect();
        assert_eq!(got, expected);
    }
}

#[test]
fn virtual_clusters_have_limits_where_they_are_set() {
    let set = ("KLAMM_LIMITS_VCLUSTER_BYTES_IN", "5000000");
    let more = ("KLAMM_LIMITS_VCLUSTER_CONNECTIONS_NEW", "20");
    let limits = Given::variables(&[MAIN, set, more]).good().limits.vclusters;
    let expected = [(Limit::BytesIn, 5_000_000), (Limit::NewConnections, 20)];
    assert_eq!(limits.0, expected.into());
    assert!(Given::variables(&[MAIN]).good().limits.vclusters.0.is_empty());
}

#[test]
fn a_login_lasts_as_long_as_is_configured() {
    const KEY: &str = "GATEWAY_CONNECTIONS_MAX_REAUTH_MS";
    let lifetime = |given: &str| {
        let given = Given::variables(&[MAIN, (KEY, given)]);
        given.good().limits.session_lifetime
    };
    assert_eq!(Given::variables(&[MAIN]).good().limits.session_lifetime, None);
    assert_eq!(lifetime("0"), None);
    assert_eq!(lifetime("3600000"), Some(Duration::from_secs(3600)));
    Given::variables(&[MAIN, (KEY, "-1")])
        .refused(&["GATEWAY_CONNECTIONS_MAX_REAUTH_MS: \"-1\" is not a whole number from 0 to 31536000000"]);
}

const MAIN: (&str, &str) = ("KAFKA_MAIN_BOOTSTRAP_SERVERS", "localhost:9092");
const JAAS: &str = r#"org.apache.kafka.common.security.plain.PlainLoginModule required username="key" password="hidden-secret";"#;

fn id(text: &str) -> ClusterId {
    text.parse().expect("a cluster id")
}

fn address(text: &str) -> HostPort {
    text.parse().expect("an address")
}

#[test]
fn one_variable_is_enough() {
    let config = Given::variables(&[MAIN, ("PATH", "/bin"), ("KAFKA_HEAP_OPTS", "-Xmx1g")]).good();
    assert_eq!(config.http.bind, address("127.0.0.1:8888"));
    assert_eq!(config.http.users, users::default_users());
    assert_eq!(config.listeners[0].bind_host, "127.0.0.1");
    assert_eq!(config.listeners[0].speech, Speech::by_methods());
    assert_eq!(
        (config.listeners[0].bind_port, config.listeners[0].port_count()),
        (6969, 256)
    );
    assert_eq!(config.node.id, OwnId::Fixed(NodeId(1)));
    assert_eq!(config.node.data_dir, Path::new("./klamm-data"));
    assert_eq!((config.node.raft_listen, config.node.raft_peers.len()), (None, 0));
    assert_eq!(config.signing_key, None);
    let main = &config.backends[&id("main")];
    assert_eq!(main.bootstrap, [address("localhost:9092")]);
    assert_eq!((&main.security, &main.login), (&Security::Plaintext, &None));
}

#[test]
fn a_documented_default_is_what_holds_without_the_key() {
    let without = Given::variables(&[MAIN]).good();
    for key in reference::KEYS {
        // Prose is for people, and whether a host is told at all has a meaning of its own.
        let is_value = !key.default.is_empty() && !key.default.contains(' ');
        if is_value && key.name != reference::ADVERTISED_HOST {
            let variable: &'static str = key.variable().leak();
            let with = Given::variables(&[MAIN, (variable, key.default)]).good();
            assert_eq!(with, without, "{variable}");
        }
    }
}

#[test]
fn ports_are_opened_for_other_hosts_once_it_is_said_how_these_reach_the_node() {
    let opened = |more: &[(&'static str, &str)]| {
        let config = Given::variables(&[MAIN]).with(more).good();
        let main = config.backends[&id("main")].anonymous;
        (config.listeners[0].bind_host.clone(), main)
    };
    let told = ("GATEWAY_ADVERTISED_HOST", "gw1.example.com");
    let bound = ("GATEWAY_BIND_HOST", "127.0.0.1");
    let allow = ("KAFKA_MAIN_GATEWAY_ALLOW_ANONYMOUS", "true");
    let refuse = ("KAFKA_MAIN_GATEWAY_ALLOW_ANONYMOUS", "false");
    let (here, everywhere) = ("127.0.0.1".to_owned(), "0.0.0.0".to_owned());
    assert_eq!(opened(&[]), (here.clone(), AnonymousClients::Allowed));
    assert_eq!(opened(&[refuse]), (here.clone(), AnonymousClients::Refused));
    assert_eq!(opened(&[told]), (everywhere.clone(), AnonymousClients::Refused));
    assert_eq!(opened(&[told, allow]), (everywhere, AnonymousClients::Allowed));
    assert_eq!(opened(&[told, bound]), (here, AnonymousClients::Allowed));
    Given::variables(&[MAIN, ("KAFKA_MAIN_GATEWAY_ALLOW_ANONYMOUS", "yes")])
        .refused(&["KAFKA_MAIN_GATEWAY_ALLOW_ANONYMOUS: \"yes\" is neither true nor false"]);
}

#[test]
fn the_selected_file_of_clusters_works_as_users_know_it() {
    let clusters = format!(
        "config:\n  main:\n    bootstrap.servers: 'm:9092'\n    security.protocol: 'SASL_SSL'\n    \
         sasl.mechanism: 'PLAIN'\n    sasl.jaas.config: '{JAAS}'\n  clusterA:\n    bootstrap.servers: 'a1:9092,a2:9092'\n    \
         gateway.roles: 'upstream' # a note\n"
    );
    let config = Given::variables(&[(
        "GATEWAY_BACKEND_KAFKA_SELECTOR",
        "file : { path: /cluster-config.yaml}",
    )])
    .other("/cluster-config.yaml", clusters)
    .good();
    let main = &config.backends[&id("main")];
    assert_eq!(
        main.login,
        Some(UpstreamLogin::Plain(PlainLogin {
            username: "key".into(),
            password: Secret::new("hidden-secret")
        }))
    );
    assert_eq!(
        main.security,
        Security::Tls(TlsConfig {
            trust: Trust::System,
            identity: None,
            host_check: HostCheck::Https
        })
    );
    let cluster_a = &config.backends[&id("CLUSTERA")];
    assert_eq!(cluster_a.id.as_str(), "clusterA", "as it is spelled in the file");
    assert_eq!(cluster_a.bootstrap, [address("a1:9092"), address("a2:9092")]);
}

#[test]
fn clusters_come_from_variables_alone() {
    let config = Given::variables(&[
        MAIN,
        ("KAFKA_EU_WEST_BOOTSTRAP_SERVERS", "e:9092"),
        ("KAFKA_EU_WEST_SECURITY_PROTOCOL", "SASL_PLAINTEXT"),
        ("KAFKA_EU_WEST_SASL_MECHANISM", "PLAIN"),
        ("KAFKA_EU_WEST_SASL_JAAS_CONFIG", JAAS),
        ("KAFKA_EU_WEST_GATEWAY_ROLES", "upstream"),
    ])
    .good();
    let west = &config.backends[&id("EU_West")];
    assert!(matches!(&west.login, Some(UpstreamLogin::Plain(login)) if login.username == "key"));
}

#[test]
fn variables_win_over_the_file_property_by_property() {
    let config = Given::file(
        "gateway: {http.port: 1111, port: {start: 7000, count: 10}}\nkafka:\n  main: {bootstrap.servers: 'a:1', client.id: x}\n  eu-west.1: {bootstrap: {servers: 'b:1'}}\n",
    )
    .with(&[
        ("GATEWAY_HTTP_PORT", "2222"),
        ("KAFKA_MAIN_BOOTSTRAP_SERVERS", "c:1"),
        ("KAFKA_EU_WEST_1_BOOTSTRAP_SERVERS", "d:1"),
    ])
    .good();
    assert_eq!(config.http.bind.port, 2222);
    assert_eq!(
        (config.listeners[0].bind_port, config.listeners[0].port_count()),
        (7000, 10)
    );
    assert_eq!(config.backends[&id("main")].bootstrap, [address("c:1")]);
    assert_eq!(config.backends[&id("eu-west.1")].bootstrap, [address("d:1")]);
    assert_eq!(config.backends.len(), 2);
    assert_eq!(
        config
            .warnings
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["klamm.yaml:3: main: client.id: client.id has no meaning for the gateway and is ignored"]
    );
}

#[test]
fn a_stand_in_stands_in_for_what_has_something_of_its_own() {
    let spare: &[(&'static str, &str)] = &[
        MAIN,
        ("KAFKA_SPARE_BOOTSTRAP_SERVERS", "c:1"),
        ("KAFKA_SPARE_GATEWAY_ROLES", "failover"),
    ];
    assert_eq!(Given::variables(spare).good().warnings, []);
    let elsewhere: &[(&'static str, &str)] = &[("KAFKA_SPARE_GATEWAY_FAILOVER_FOR", "west")];
    let warnings = Given::variables(spare).with(elsewhere).good().warnings;
    assert_eq!(
        warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "KAFKA_SPARE_GATEWAY_FAILOVER_FOR: the physical cluster west is not in this configuration\n    requests can be switched only if it is a resource (klamm get physicalclusters)"
        ]
    );
    let of_another: &[(&'static str, &str)] = &[
        ("KAFKA_WEST_BOOTSTRAP_SERVERS", "d:1"),
        ("KAFKA_WEST_GATEWAY_ROLES", "failover"),
    ];
    Given::variables(spare).with(elsewhere).with(of_another).refused(&[
        "KAFKA_SPARE_GATEWAY_FAILOVER_FOR: west itself stands in for main, and has nothing of its own\n    gateway.failover.for: main",
    ]);
}

#[test]
fn a_cluster_of_three() {
    let config = Given::variables(&[
        MAIN,
        ("KLAMM_NODE_ID", "2"),
        ("KLAMM_RAFT_PEERS", "1=n1:9500,2=n2:9500,3=n3:9500"),
        ("KLAMM_RAFT_SECRET", SECRET),
        ("GATEWAY_ADVERTISED_HOST", "n2.example.com"),
    ])
    .good();
    assert_eq!(
        config.node.raft_listen,
        Some(address("n2:9500")),
        "its own address by default"
    );
    assert_eq!(config.node.raft_peers[&NodeId(3)], address("n3:9500"));
    assert_eq!(config.node.cluster_secret, SECRET.parse().ok());
    assert!(config.node.cluster_secret.is_some());

    let on_one_machine = Given::variables(&[
        MAIN,
        ("KLAMM_RAFT_PEERS", "1=127.0.0.1:9501, 2=localhost:9502"),
        ("KLAMM_RAFT_LISTEN", "127.0.0.1:9501"),
    ]);
    assert_eq!(
        on_one_machine.good().node.cluster_secret,
        None,
        "nobody else can reach it"
    );
}

#[test]
fn admin_users_are_a_list_in_the_file_or_in_the_variable() {
    let text = "[{username: root, password: 'p:w', admin: true}, {username: eye, password: 007}]";
    let config = Given::variables(&[MAIN, ("GATEWAY_ADMIN_API_USERS", text)]).good();
    let users: Vec<_> = config
        .http
        .users
        .iter()
        .map(|u| (u.username.as_str(), u.password.reveal(), u.role))
        .collect();
    assert_eq!(
        users,
        [("root", "p:w", Role::Admin), ("eye", "007", Role::ReadOnly)]
    );
    assert_eq!(
        config.http.bind.host, "0.0.0.0",
        "open, because the users are not the default"
    );

    let config =
        Given::file("gateway.admin.api.users:\n  - username: root\n    password: x\n    admin: true\n")
            .with(&[MAIN, ("GATEWAY_HTTP_HOST", "::")])
            .good();
    assert_eq!(
        (config.http.users.len(), config.http.bind.to_string().as_str()),
        (1, "[::]:8888")
    );
}

#[test]
fn the_admin_api_is_known_by_its_own_names_and_those_of_the_list() {
    let hosts = |list: &[(&'static str, &str)]| -> Vec<String> {
        let config = Given::variables(&[MAIN]).with(list).good();
        config.http.hosts.into_iter().collect()
    };
    assert_eq!(hosts(&[]), ["127.0.0.1", "localhost"]);
    let advertised = ("GATEWAY_ADVERTISED_HOST", "gw-1.example.com");
    for list in ["[admin.example.com, b]", "admin.example.com, b"] {
        let named = [
            advertised,
            ("GATEWAY_HTTP_HOST", "localhost"),
            ("KLAMM_HTTP_HOSTS", list),
        ];
        assert_eq!(
            hosts(&named),
            ["admin.example.com", "b", "gw-1.example.com", "localhost"]
        );
    }
    for wrong in ["[]", "['']", "a,,b", "[{a: b}]"] {
        Given::variables(&[MAIN, ("KLAMM_HTTP_HOSTS", wrong)]).refused(&[
            "KLAMM_HTTP_HOSTS: a list of texts is expected, none of them empty\n    for instance [one, two], or one,two",
        ]);
    }
    Given::variables(&[MAIN, ("KLAMM_HTTP_HOSTS", "a:80")])
        .refused(&["KLAMM_HTTP_HOSTS: \"a:80\" is not a host name: the port is set by a key of its own"]);
}

#[test]
fn what_the_gateway_is_is_shown_to_everybody_where_only_its_own_machine_asks() {
    let shown = |list: &[(&'static str, &str)]| {
        let http = Given::variables(&[MAIN]).with(list).good().http;
        (http.metrics, http.description)
    };
    let open = (
        "GATEWAY_ADMIN_API_USERS",
        "[{username: root, password: x, admin: true}]",
    );
    let public = |is: &'static str| ("KLAMM_METRICS_PUBLIC", is);
    assert_eq!(shown(&[]), (Audience::Everybody, Audience::Everybody));
    assert_eq!(shown(&[public("false")]), (Audience::Users, Audience::Everybody));
    assert_eq!(shown(&[open]), (Audience::Users, Audience::Users));
    assert_eq!(
        shown(&[open, public("true")]),
        (Audience::Everybody, Audience::Users)
    );
    Given::variables(&[MAIN, public("yes")])
        .refused(&["KLAMM_METRICS_PUBLIC: \"yes\" is neither true nor false"]);
}

#[test]
fn variables_that_resources_name_are_no_settings() {
    let config =
        Given::variables(&[MAIN, ("KLAMM_SECRET_SHOP", "x"), ("KLAMM_ENV_ALLOW", "A,TEAM_*")]).good();
    assert_eq!(config.http.variables, ["A", "TEAM_*"]);
    for wrong in ["*", "A*B", "a-b"] {
        Given::variables(&[MAIN, ("KLAMM_ENV_ALLOW", wrong)]).refused(&[&format!(
            "KLAMM_ENV_ALLOW: {wrong:?} is neither the name of a variable nor the beginning of one with * at its end"
        )]);
    }
}

#[test]
fn default_users_are_for_loopback_only() {
    Given::variables(&[MAIN, ("GATEWAY_HTTP_HOST", "::1")]).good();
    Given::variables(&[MAIN, ("GATEWAY_HTTP_HOST", "0.0.0.0")]).refused(&[
        "GATEWAY_HTTP_HOST: the admin API would be open on 0.0.0.0 with a user and password that everybody knows\n    \
         set GATEWAY_ADMIN_API_USERS='[{username: ..., password: ..., admin: true}]'",
    ]);
    let explicit = "[{username: admin, password: conduktor, admin: true}]";
    Given::variables(&[
        MAIN,
        ("GATEWAY_HTTP_HOST", "0.0.0.0"),
        ("GATEWAY_ADMIN_API_USERS", explicit),
    ])
    .good();
}

#[test]
fn the_storage_key_is_in_a_file() {
    let text = |byte: u8| {
        let key = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, [byte; 32]);
        format!("{key}\n")
    };
    let key = |byte| Some(StorageKey::new([byte; 32]));
    let (file, before) = ("KLAMM_STORAGE_KEY_FILE", "KLAMM_STORAGE_KEY_PREVIOUS_FILE");
    let given = |list: &[(&'static str, &str)]| {
        let given = Given::variables(&[MAIN]).with(list);
        given
            .other("new", text(1))
            .other("old", text(2))
            .other("short", "c2hvcnQ=")
    };
    let storage = |list: &[(&'static str, &str)]| given(list).good().node.storage;
    assert_eq!(storage(&[]), Storage::default());
    let expected = |key, previous| Storage { key, previous };
    assert_eq!(storage(&[(file, "new")]), expected(key(1), None));
    assert_eq!(
        storage(&[(file, "new"), (before, "old")]),
        expected(key(1), key(2))
    );
    assert_eq!(
        storage(&[(file, "none"), (before, "old")]),
        expected(None, key(2))
    );
    assert_eq!(storage(&[(file, "none")]), Storage::default());
    given(&[(before, "old")]).refused(&[
        "KLAMM_STORAGE_KEY_PREVIOUS_FILE: the previous key is set, but no current one\n    klamm.storage.key.file names the file of the current key; with none the data directory is decrypted",
    ]);
    given(&[(file, "new"), (before, "new")])
        .refused(&["KLAMM_STORAGE_KEY_PREVIOUS_FILE: this is the same key as the current one"]);
    given(&[(file, "short")]).refused(&[
        "KLAMM_STORAGE_KEY_FILE: short is not the base64 of 32 bytes\n    `(umask 077; head -c 32 /dev/urandom | base64 > storage.key)` creates one",
    ]);
    given(&[(file, "lost")])
        .refused(&["KLAMM_STORAGE_KEY_FILE: the file lost cannot be read: entity not found"]);
}

#[test]
fn backups_are_made_under_a_key() {
    let key = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, [1; 32]);
    let given = |list: &[(&'static str, &str)]| {
        Given::variables(&[MAIN])
            .with(list)
            .other("key", format!("{key}\n"))
            .other("short", "c2hvcnQ=")
    };
    let (file, dir) = (("KLAMM_BACKUP_KEY_FILE", "key"), ("KLAMM_BACKUP_DIR", "kept"));
    let backups = |list: &[(&'static str, &str)]| given(list).good().node.backups;
    assert_eq!(backups(&[]), BackupsConfig::default());
    assert_eq!(backups(&[file]).key, Some(StorageKey::new([1; 32])));
    assert_eq!(backups(&[file]).regular, None);
    let regular = backups(&[file, dir]).regular.expect("regular ones");
    assert_eq!((regular.every.as_secs(), regular.keep.get()), (24 * 3600, 7));
    let more = [
        file,
        dir,
        ("KLAMM_BACKUP_EVERY_MINUTES", "5"),
        ("KLAMM_BACKUP_KEEP", "2"),
    ];
    let regular = backups(&more).regular.expect("regular ones");
    assert_eq!((regular.every.as_secs(), regular.keep.get()), (300, 2));
    given(&[dir]).refused(&[
        "KLAMM_BACKUP_DIR: backups hold the key that signs tokens, so they are written encrypted only, and no key is set\n    klamm.backup.key.file names its file: `(umask 077; head -c 32 /dev/urandom | base64 > backup.key)` creates one",
    ]);
    given(&[("KLAMM_BACKUP_KEY_FILE", "short")]).refused(&[
        "KLAMM_BACKUP_KEY_FILE: short is not the base64 of 32 bytes\n    `(umask 077; head -c 32 /dev/urandom | base64 > backup.key)` creates one",
    ]);
}

#[test]
fn the_signing_key_is_base64() {
    let key = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, [7; 32]);
    let config = Given::variables(&[MAIN, ("GATEWAY_USER_POOL_SECRET_KEY", &key)]).good();
    assert_eq!(config.signing_key, Some(SigningKey(vec![7; 32])));
    for wrong in ["hidden-secret", "c2hvcnQ="] {
        Given::variables(&[MAIN, ("GATEWAY_USER_POOL_SECRET_KEY", wrong)]).refused(&[
            "GATEWAY_USER_POOL_SECRET_KEY: the key is not base64 of at least 32 bytes\n    create one with `head -c 32 /dev/urandom | base64`",
        ]);
    }
}

#[test]
fn everything_wrong_is_said_at_once_with_its_place() {
    Given::file(
        "gateway:\n  http.prot: 1\n  port: 12\n  http: {port: lots}\nlog.level: debug\nklamm.node.id: 0\nconfig: {}\n\
         klamm.log.format: xml\nkafka: {main: {bootstrap.servers: nowhere}}\n",
    )
    .with(&[
        ("GATEWAY_PORT_COUNT", "70000"),
        ("GATEWAY_PROT_START", "1"),
        ("KLAMM_WHATEVER", "1"),
        ("GATEWAY_SECURITY_PROTOCOL", "SSL"),
        ("KAFKA_MAIN_BOOTSTRAP_SERVER", "x:1"),
        ("KLAMM_PORT", "tcp://10.0.0.1:80"),
        ("GATEWAY_BIND_HOST", "tcp://10.0.0.1"),
    ])
    .refused(&[
        "klamm.yaml:2: gateway.http.prot: this key is unknown\n    did you mean gateway.http.port?",
        "klamm.yaml:3: gateway.port: this is a section, not a text",
        "klamm.yaml:4: gateway.http.port: \"lots\" is not a whole number from 1 to 65535",
        "klamm.yaml:5: log.level: this key is unknown",
        "klamm.yaml:6: klamm.node.id: \"0\" is not a whole number from 1 to 4294967295",
        "klamm.yaml:7: config: this key is unknown\n    a file of physical clusters is named by gateway.backend.kafka.selector",
        "klamm.yaml:8: klamm.log.format: the log format must be 'text' or 'json'",
        "klamm.yaml:9: main: bootstrap.servers: \"nowhere\" is not of the form host:port: the port is missing",
        "GATEWAY_BIND_HOST: \"tcp://10.0.0.1\" is not a host name or an IP address",
        "GATEWAY_PORT_COUNT: \"70000\" is not a whole number from 1 to 65535",
        "GATEWAY_PROT_START: this variable is unknown\n    did you mean GATEWAY_PORT_START?",
        "GATEWAY_SECURITY_PROTOCOL: this variable is not supported\n    each listener has its own: gateway.listeners",
        "KAFKA_MAIN_BOOTSTRAP_SERVER: this variable does not end with a known Kafka property\n    did you mean KAFKA_MAIN_BOOTSTRAP_SERVERS?",
        "KLAMM_WHATEVER: this variable is unknown\n    variables that begin with GATEWAY_ or KLAMM_ belong to the gateway",
    ]);
}

#[test]
fn variables_of_other_programs_are_named_and_ignored() {
    let strays = [
        ("KAFKA_VERSION", "4.3.0"),
        ("KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT://kafka:9092"),
        ("KAFKA_BROKER_ID", "1"),
    ];
    let config = Given::variables(&[MAIN]).with(&strays).good();
    let warnings: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    for ((name, _), warning) in [strays[1], strays[2], strays[0]].iter().zip(&warnings) {
        let expected = format!("{name}: this variable does not belong to the gateway and is ignored");
        assert!(warning.starts_with(&expected), "{warning}");
    }
    Given::variables(&[MAIN, ("KAFKA_MAIN_SECURITY_PROTOCOLL", "SSL")]).refused(&[
        "KAFKA_MAIN_SECURITY_PROTOCOLL: this variable does not end with a known Kafka property\n    did you mean KAFKA_MAIN_SECURITY_PROTOCOL?",
    ]);
}

#[test]
fn a_node_that_joins_has_any_number_unless_it_says_one() {
    let join = [
        MAIN,
        ("KLAMM_RAFT_JOIN", "n1:9500, n2:9500"),
        ("KLAMM_RAFT_ADVERTISED", "n4:9500"),
        ("KLAMM_RAFT_SECRET", SECRET),
        ("GATEWAY_ADVERTISED_HOST", "n4.example.com"),
    ];
    let with = |more: &[(&'static str, &'static str)]| {
        let all: Vec<_> = join.into_iter().chain(more.iter().copied()).collect();
        Given::variables(&all).good().node
    };
    let node = with(&[("KLAMM_NODE_ID", "auto")]);
    assert_eq!(node.id, OwnId::Given { founding: None });
    assert_eq!(node.raft_join, [address("n1:9500"), address("n2:9500")]);
    assert_eq!(node.raft_listen, Some(address("n4:9500")));
    assert_eq!(with(&[("KLAMM_NODE_ID", "4")]).id, OwnId::Fixed(NodeId(4)));
    let founder = with(&[
        ("KLAMM_NODE_ID", "auto"),
        ("KLAMM_RAFT_PEERS", "1=n1:9500,2=n4:9500"),
        ("KLAMM_RAFT_LISTEN", "0.0.0.0:9500"),
    ]);
    let founding = Some(NodeId(2));
    assert_eq!(founder.id, OwnId::Given { founding }, "the list has its address");
    assert_eq!(
        (founder.raft_listen, founder.raft_address),
        (Some(address("0.0.0.0:9500")), Some(address("n4:9500")))
    );
    Given::variables(&[MAIN, ("KLAMM_NODE_ID", "auto")]).refused(&[
        "KLAMM_NODE_ID: the number of this node is to be given by a cluster (klamm.node.id: auto), and it has none to join\n    set klamm.raft.join, or have klamm.raft.peers name this node's own address (klamm.raft.advertised)",
    ]);
    Given::variables(&[
        MAIN,
        ("KLAMM_RAFT_JOIN", "127.0.0.1:9500"),
        ("KLAMM_RAFT_LISTEN", "0.0.0.0:9501"),
        ("KLAMM_RAFT_SECRET", SECRET),
    ])
    .refused(&[
        "klamm.raft.advertised (KLAMM_RAFT_ADVERTISED): it must be known where the other nodes reach this one\n    set klamm.raft.advertised to the host:port of this node, as the others see it",
    ]);
}

#[test]
fn a_single_node_may_be_told_where_it_would_listen_for_others() {
    for listen in ["127.0.0.1:9000", "0.0.0.0:9300"] {
        let config = Given::variables(&[MAIN, ("KLAMM_RAFT_LISTEN", listen)]).good();
        assert_eq!(
            config.node.raft_listen, None,
            "nothing is opened, so no secret is needed"
        );
    }
}

#[test]
fn a_filter_that_would_silence_everything_is_refused() {
    let filter = |text: &str| Given::variables(&[MAIN, ("KLAMM_LOG_FILTER", text)]);
    filter("info,klamm::session=debug").good();
    filter("inof").refused(&[
        "KLAMM_LOG_FILTER: \"inof\" is not a log level; the levels are: off, error, warn, info, debug, trace\n    for instance info,klamm::session=debug",
    ]);
}

#[test]
fn what_clients_are_told_is_the_name_of_a_host() {
    let told = |host: &str| Given::variables(&[MAIN, ("GATEWAY_ADVERTISED_HOST", host)]);
    for host in [
        "gw-1.example.com",
        "gw_1",
        "gw.example.com.",
        "10.0.0.1",
        "[::1]",
        "node1",
    ] {
        told(host).good();
    }
    for host in [
        "gw 1",
        "-gw",
        "gw..example.com",
        "gw*.example.com",
        "10.0.0.300",
        "1.2.3",
        "http://gw",
        "gw!",
    ] {
        let problem = format!("GATEWAY_ADVERTISED_HOST: {host:?} is not a host name or an IP address");
        told(host).refused(&[&problem]);
    }
    told("gw:9092").refused(&[
        "GATEWAY_ADVERTISED_HOST: \"gw:9092\" is not a host name: the port is set by a key of its own",
    ]);
}

#[test]
fn bootstrap_servers_may_be_a_list() {
    let config =
        Given::file("kafka:\n  main:\n    bootstrap.servers:\n      - a:9092\n      - b:9092\n").good();
    assert_eq!(
        config.backends[&id("main")].bootstrap,
        [address("a:9092"), address("b:9092")]
    );
    Given::file("kafka: {main: {bootstrap.servers: [a:9092, [b:9092]]}}\n")
        .refused(&["klamm.yaml:1: main: bootstrap.servers: a text is expected, not a list"]);
    Given::file("kafka: {main: {bootstrap.servers: []}}\n")
        .refused(&["klamm.yaml:1: main: bootstrap.servers: at least one host:port is required"]);
}

#[test]
fn the_message_lists_the_problems() {
    let error = Given::variables(&[MAIN, ("KLAMM_NODE_ID", "x"), ("KLAMM_LOG_FORMAT", "x")])
        .load()
        .expect_err("problems");
    assert_eq!(
        error.to_string(),
        "the configuration has 2 problems:\n  KLAMM_LOG_FORMAT: the log format must be 'text' or 'json'\n  KLAMM_NODE_ID: \"x\" is not a whole number from 1 to 4294967295"
    );
}

#[test]
fn files_that_cannot_be_used() {
    let mut missing = Given::file("");
    missing.file = None;
    let variables = BTreeMap::from([(MAIN.0.to_owned(), MAIN.1.to_owned())]);
    let error = Config::load(Inputs {
        file: Some(Path::new("none.yaml")),
        variables: &variables,
        read: &|_| Err(io::Error::from(io::ErrorKind::NotFound)),
        read_secret: &|_| Err(io::Error::from(io::ErrorKind::NotFound)),
        methods: crate::admin::authentication_from,
    })
    .expect_err("no file");
    assert!(
        error
            .to_string()
            .contains("none.yaml: the file none.yaml cannot be read: entity not found")
    );

    Given::file("a: [1\n").with(&[MAIN]).load().expect_err("no YAML");
    Given::file("- a\n").with(&[MAIN]).refused(&[
        "klamm.yaml: the file contains a list, not a map of keys\n    for instance: gateway.http.port: 8888",
    ]);
    Given::file("gateway.http.port: 1\ngateway: {http.port: 2}\n")
        .with(&[MAIN])
        .refused(&[
            "klamm.yaml:2: gateway.http.port: this is already set at klamm.yaml:1: gateway.http.port",
        ]);
}

#[test]
fn main_must_exist() {
    let hint = "set KAFKA_MAIN_BOOTSTRAP_SERVERS=host:port, or name a file in GATEWAY_BACKEND_KAFKA_SELECTOR";
    let text = format!("kafka.main: the physical cluster main is not configured\n    {hint}");
    Given::variables(&[]).refused(&[&text]);
    Given::variables(&[("KAFKA_A_BOOTSTRAP_SERVERS", "a:1")]).refused(&[&text]);
    Given::variables(&[("KAFKA_MAIN_SECURITY_PROTOCOL", "PLAINTEXT")]).refused(&[
        "main: bootstrap.servers: this is required\n    as a variable it is KAFKA_MAIN_BOOTSTRAP_SERVERS",
    ]);
}

#[test]
fn a_selector_that_selects_nothing() {
    let hint = "the form is GATEWAY_BACKEND_KAFKA_SELECTOR='file : { path: /cluster-config.yaml }'";
    let text = format!("GATEWAY_BACKEND_KAFKA_SELECTOR: this does not name a file\n    {hint}");
    for wrong in [
        "/cluster-config.yaml",
        "file: x",
        "{file: {path: }}",
        "{file: {path: x}, more: y}",
        "[[",
    ] {
        Given::variables(&[("GATEWAY_BACKEND_KAFKA_SELECTOR", wrong)]).refused(&[&text]);
    }
    let given = |text: &str| {
        Given::variables(&[("GATEWAY_BACKEND_KAFKA_SELECTOR", "file: {path: c.yaml}")]).other("c.yaml", text)
    };
    let hint = "the file has one key, config, with a map of properties for each cluster id";
    given("main: {}").refused(&[&format!("c.yaml:1: the key \"main\" is unknown\n    {hint}")]);
    given("").refused(&[&format!(
        "c.yaml: this is not a file of physical clusters\n    {hint}"
    )]);
    given("config:\n  main: {bootstrap.servers: 'a:1'}\n  MAIN: {bootstrap.servers: 'a:1'}\n").refused(&[
        "c.yaml:3: MAIN: this id is the same as main\n    ids are compared without case, and '.', '-' and '_' are the same in variables",
    ]);
    given("config: {main: {bootstrap.servers: 'a:1'}, 'a b': {bootstrap.servers: 'a:1'}}").refused(&[
        "c.yaml:1: a b: physical cluster id \"a b\" is invalid: 1 to 100 of the characters a-z A-Z 0-9 . _ -",
    ]);
    Given::variables(&[("GATEWAY_BACKEND_KAFKA_SELECTOR", "file: {path: gone.yaml}")])
        .refused(&["GATEWAY_BACKEND_KAFKA_SELECTOR: the file gone.yaml cannot be read: entity not found"]);
    Given::file("gateway.backend.kafka.selector: {file: {path: c.yaml}}\nkafka: {main: {bootstrap.servers: 'a:1'}}\n")
        .other("c.yaml", "config: {main: {bootstrap.servers: 'a:1'}}")
        .refused(&[
            "klamm.yaml:2: kafka: physical clusters are configured both here and at klamm.yaml:1: gateway.backend.kafka.selector\n    configure them in one place",
        ]);
}

/// One property of `main` beside its bootstrap servers.
#[track_caller]
fn property(list: &[(&'static str, &str)], expected: &[&str]) {
    Given::variables(&[MAIN]).with(list).refused(expected);
}

#[test]
fn properties_that_are_wrong_or_not_supported() {
    property(
        &[("KAFKA_MAIN_SECURITY_PROTOCOL", "TLS")],
        &[
            "KAFKA_MAIN_SECURITY_PROTOCOL: the security protocol \"TLS\" is unknown\n    use PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL",
        ],
    );
    property(
        &[("KAFKA_MAIN_GATEWAY_ROLES", "failover")],
        &[
            "KAFKA_MAIN_GATEWAY_ROLES: main serves itself: give the role to the physical cluster that is to stand in for it",
        ],
    );
    property(
        &[("KAFKA_MAIN_GATEWAY_ROLES", "spare")],
        &["KAFKA_MAIN_GATEWAY_ROLES: the role \"spare\" is unknown\n    the roles are upstream and failover"],
    );
    property(
        &[("KAFKA_MAIN_GATEWAY_FAILOVER_FOR", "east")],
        &[
            "KAFKA_MAIN_GATEWAY_FAILOVER_FOR: only a physical cluster with gateway.roles: failover stands in for another",
        ],
    );
    property(
        &[("KAFKA_MAIN_SSL_PROTOCOL", "TLSv1.3")],
        &["KAFKA_MAIN_SSL_PROTOCOL: the property ssl.protocol is not supported yet"],
    );
    property(
        &[
            ("KAFKA_MAIN_SASL_MECHANISM", "PLAIN"),
            ("KAFKA_MAIN_SSL_TRUSTSTORE_TYPE", "PEM"),
        ],
        &[
            "KAFKA_MAIN_SASL_MECHANISM: the security protocol does not use SASL\n    set security.protocol to SASL_SSL or SASL_PLAINTEXT, or remove this",
            "KAFKA_MAIN_SSL_TRUSTSTORE_TYPE: the security protocol does not use TLS\n    set security.protocol to SSL or SASL_SSL, or remove this",
        ],
    );
    property(
        &[("KAFKA_MAIN_SECURITY_PROTOCOL", "SASL_PLAINTEXT")],
        &[
            "main: sasl.jaas.config: the security protocol needs this\n    as a variable it is KAFKA_MAIN_SASL_JAAS_CONFIG",
            "main: sasl.mechanism: the security protocol needs this: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER\n    as a variable it is KAFKA_MAIN_SASL_MECHANISM",
        ],
    );
    property(
        &[
            ("KAFKA_MAIN_SECURITY_PROTOCOL", "SASL_SSL"),
            ("KAFKA_MAIN_SASL_MECHANISM", "GSSAPI"),
        ],
        &[
            "KAFKA_MAIN_SASL_MECHANISM: the SASL mechanism \"GSSAPI\" is not supported\n    use PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER",
        ],
    );
    property(
        &[
            ("KAFKA_MAIN_SECURITY_PROTOCOL", "SASL_PLAINTEXT"),
            ("KAFKA_MAIN_SASL_MECHANISM", "PLAIN"),
            (
                "KAFKA_MAIN_SASL_JAAS_CONFIG",
                "org.apache.kafka.common.security.plain.PlainLoginModule required",
            ),
        ],
        &["KAFKA_MAIN_SASL_JAAS_CONFIG: the entry does not end with a semicolon"],
    );
    Given::file("kafka: {main: {bootstrap.servers: 'a:1', bootstrap.server: 'a:1'}}").refused(&[
        "klamm.yaml:1: main: bootstrap.server: the Kafka property bootstrap.server is unknown\n    did you mean bootstrap.servers?",
    ]);
}

#[test]
fn tls_from_pem_files_and_texts() {
    let made = rcgen::generate_simple_self_signed(vec!["klamm".to_owned()]).expect("a certificate");
    let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let tls = |config: &Config| match &config.backends[&id("main")].security {
        Security::Tls(tls) => tls.clone(),
        Security::Plaintext => panic!("no TLS"),
    };
    let config = Given::variables(&[
        MAIN,
        ("KAFKA_MAIN_SECURITY_PROTOCOL", "SSL"),
        ("KAFKA_MAIN_SSL_TRUSTSTORE_TYPE", "PEM"),
        ("KAFKA_MAIN_SSL_TRUSTSTORE_LOCATION", "ca.pem"),
        ("KAFKA_MAIN_SSL_KEYSTORE_TYPE", "PEM"),
        ("KAFKA_MAIN_SSL_KEYSTORE_CERTIFICATE_CHAIN", &cert),
        ("KAFKA_MAIN_SSL_KEYSTORE_KEY", &key),
        ("KAFKA_MAIN_SSL_ENDPOINT_IDENTIFICATION_ALGORITHM", ""),
    ])
    .other("ca.pem", cert.clone())
    .good();
    let got = tls(&config);
    assert_eq!(
        (got.trust, got.host_check),
        (Trust::Pem(cert.clone()), HostCheck::Off)
    );
    assert_eq!(
        got.identity.map(|identity| identity.key_pem),
        Some(Secret::new(key.clone()))
    );

    let config = Given::variables(&[
        MAIN,
        ("KAFKA_MAIN_SECURITY_PROTOCOL", "SSL"),
        ("KAFKA_MAIN_SSL_KEYSTORE_TYPE", "PEM"),
        ("KAFKA_MAIN_SSL_KEYSTORE_LOCATION", "both.pem"),
    ])
    .other("both.pem", format!("{cert}{key}"))
    .good();
    assert!(tls(&config).identity.is_some());

    let other = rcgen::generate_simple_self_signed(vec!["other".to_owned()]).expect("a certificate");
    let mixed = Given::variables(&[
        MAIN,
        ("KAFKA_MAIN_SECURITY_PROTOCOL", "SSL"),
        ("KAFKA_MAIN_SSL_KEYSTORE_TYPE", "PEM"),
        ("KAFKA_MAIN_SSL_KEYSTORE_LOCATION", "mixed.pem"),
    ])
    .other(
        "mixed.pem",
        format!("{cert}{}", other.signing_key.serialize_pem()),
    );
    let refused = mixed
        .load()
        .expect_err("the key of another certificate")
        .to_string();
    assert!(
        refused.contains("KAFKA_MAIN_SSL_KEYSTORE_LOCATION: the client certificate or its key was rejected"),
        "{refused}"
    );
}

#[test]
fn stores_that_cannot_be_used() {
    let ssl = ("KAFKA_MAIN_SECURITY_PROTOCOL", "SSL");
    property(
        &[ssl, ("KAFKA_MAIN_SSL_TRUSTSTORE_LOCATION", "ca.jks")],
        &[
            "KAFKA_MAIN_SSL_TRUSTSTORE_LOCATION: only PEM stores are supported, and Kafka's default type is JKS\n    set ssl.truststore.type to PEM, or convert the store with: keytool -list -rfc -keystore ca.jks > ca.jks.pem",
            "KAFKA_MAIN_SSL_TRUSTSTORE_LOCATION: the file ca.jks cannot be read: entity not found",
        ],
    );
    property(
        &[
            ssl,
            ("KAFKA_MAIN_SSL_TRUSTSTORE_TYPE", "JKS"),
            ("KAFKA_MAIN_SSL_TRUSTSTORE_CERTIFICATES", "hidden-secret"),
        ],
        &[
            "KAFKA_MAIN_SSL_TRUSTSTORE_CERTIFICATES: there is no certificate in PEM form",
            "KAFKA_MAIN_SSL_TRUSTSTORE_TYPE: the store type \"JKS\" is not supported: only PEM is",
        ],
    );
    for (store, command) in [
        (
            "JKS",
            "keytool -importkeystore -srckeystore own.jks -destkeystore own.jks.p12 -deststoretype PKCS12 && \
             openssl pkcs12 -in own.jks.p12 -nodes -out own.jks.pem",
        ),
        ("PKCS12", "openssl pkcs12 -in own.jks -nodes -out own.jks.pem"),
    ] {
        property(
            &[
                ssl,
                ("KAFKA_MAIN_SSL_KEYSTORE_TYPE", store),
                ("KAFKA_MAIN_SSL_KEYSTORE_LOCATION", "own.jks"),
            ],
            &[
                "KAFKA_MAIN_SSL_KEYSTORE_LOCATION: the file own.jks cannot be read: entity not found",
                &format!(
                    "KAFKA_MAIN_SSL_KEYSTORE_TYPE: the store type \"{store}\" is not supported: only PEM is\n    \
                     convert it with: {command}"
                ),
            ],
        );
    }
    property(
        &[
            ssl,
            ("KAFKA_MAIN_SSL_KEYSTORE_TYPE", "PEM"),
            ("KAFKA_MAIN_SSL_KEYSTORE_KEY", "hidden-secret"),
        ],
        &["KAFKA_MAIN_SSL_KEYSTORE_KEY: ssl.keystore.certificate.chain is missing"],
    );
    property(
        &[ssl, ("KAFKA_MAIN_SSL_KEYSTORE_TYPE", "PEM")],
        &["KAFKA_MAIN_SSL_KEYSTORE_TYPE: the type of a store is set, but no store"],
    );
    property(
        &[ssl, ("KAFKA_MAIN_SSL_ENDPOINT_IDENTIFICATION_ALGORITHM", "dns")],
        &["KAFKA_MAIN_SSL_ENDPOINT_IDENTIFICATION_ALGORITHM: this must be https or empty"],
    );
}

#[test]
fn contradictions() {
    let refused = |list: &[(&'static str, &str)], expected: &[&str]| property(list, expected);
    refused(
        &[("GATEWAY_PORT_START", "65500")],
        &["gateway.port.count (GATEWAY_PORT_COUNT): 256 ports starting at 65500 go beyond 65535"],
    );
    refused(
        &[("GATEWAY_HTTP_PORT", "7000")],
        &["GATEWAY_HTTP_PORT: the port 7000 is one of the Kafka ports, 6969 to 7224"],
    );
    refused(
        &[("GATEWAY_ADVERTISED_HOST", "0.0.0.0")],
        &["GATEWAY_ADVERTISED_HOST: clients cannot connect to 0.0.0.0"],
    );
    refused(
        &[("KLAMM_RAFT_PEERS", "2=127.0.0.1:9002,3=127.0.0.1:9003")],
        &["KLAMM_RAFT_PEERS: this node, 1, is not among the peers"],
    );
    refused(
        &[("KLAMM_RAFT_PEERS", "1=127.0.0.1:7000")],
        &["KLAMM_RAFT_PEERS: the port 7000 is one of the Kafka ports, 6969 to 7224"],
    );
    refused(
        &[("KLAMM_RAFT_PEERS", "1=127.0.0.1:8888")],
        &["KLAMM_RAFT_PEERS: the port 8888 is the port of the admin API"],
    );
    refused(
        &[("KLAMM_LIMITS_BUFFER_BYTES", "1000000")],
        &["KLAMM_LIMITS_BUFFER_BYTES: 1000000 bytes are too few for one frame of 104857600 bytes"],
    );
    refused(
        &[("KLAMM_RAFT_PEERS", "1=n1:9000,2=n2:9000")],
        &[
            "gateway.advertised.host (GATEWAY_ADVERTISED_HOST): a node of a cluster over several hosts must say which host clients are to connect to\n    the default is localhost, which is wrong on every other host",
            "klamm.raft.secret (KLAMM_RAFT_SECRET): nodes are reached at n1:9000, so they must recognize each other by a secret or by certificates\n    create one with `klamm cluster secret`; it must be the same on every node",
        ],
    );
}

#[test]
fn peers_and_secrets_that_are_wrong() {
    let hint = "the form is 1=host:port,2=host:port,3=host:port";
    property(
        &[(
            "KLAMM_RAFT_PEERS",
            "1=127.0.0.1:9001,127.0.0.1:9002,0=a:1,1=127.0.0.1:9003,2=127.0.0.1:9001,3=x",
        )],
        &[
            "KLAMM_RAFT_PEERS: \"0=a:1\" is not a node and its address\n    the form is 1=host:port,2=host:port,3=host:port",
            &format!("KLAMM_RAFT_PEERS: \"127.0.0.1:9002\" is not a node and its address\n    {hint}"),
            "KLAMM_RAFT_PEERS: \"x\" is not of the form host:port: the port is missing",
            "KLAMM_RAFT_PEERS: the node 1 is given twice",
            "KLAMM_RAFT_PEERS: two nodes have the address 127.0.0.1:9001",
        ],
    );
    for (wrong, why) in [
        (
            "Zk3vT0yHq1mWc8rB5nXe7uJdAg2sLp9o",
            "this secret was not created by `klamm cluster secret`, and other secrets can be guessed",
        ),
        (
            &SECRET[..SECRET.len() - 1],
            "a character of the secret is wrong or missing",
        ),
    ] {
        let why = format!(
            "KLAMM_RAFT_SECRET: {why}\n    create one with `klamm cluster secret`; it must be the same on every node"
        );
        property(&[("KLAMM_RAFT_SECRET", wrong)], &[&why]);
    }
    property(
        &[("KLAMM_LOG_FILTER", "a=b=c")],
        &["KLAMM_LOG_FILTER: the filter \"a=b=c\" is invalid\n    for instance info,klamm::session=debug"],
    );
    property(&[("KLAMM_DATA_DIR", "")], &["KLAMM_DATA_DIR: this is empty"]);
}

#[test]
fn users_that_are_wrong() {
    const FORM: &str = "the form is [{username: alice, password: secret, admin: true}]";
    let users = |text: &str, expected: &[&str]| {
        let expected: Vec<String> = expected
            .iter()
            .map(|e| format!("GATEWAY_ADMIN_API_USERS: {e}").replace("FORM", FORM))
            .collect();
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        property(&[("GATEWAY_ADMIN_API_USERS", text)], &expected);
    };
    users("[hidden-secret", &["this is not a YAML list\n    FORM"]);
    users(
        "{username: a, password: b}",
        &["a list of users is expected\n    FORM"],
    );
    users("[]", &["at least one user is needed\n    FORM"]);
    users("[{username: a}]", &["a user has no password\n    FORM"]);
    users(
        "[{password: hidden-secret}]",
        &["a user has no username\n    FORM"],
    );
    users(
        "[{username: 'a:b', password: ''}]",
        &[
            "a password is empty",
            "a username must not be empty or contain a colon",
        ],
    );
    users(
        "[{username: a, password: b, admin: maybe}]",
        &["admin must be true or false"],
    );
    users(
        "[{username: a, pasword: b}]",
        &[
            "a user has no password\n    FORM",
            "the key \"pasword\" of a user is unknown\n    did you mean password?",
        ],
    );
    users(
        "[{username: a, password: b}, {username: a, password: c}]",
        &["the user \"a\" is given twice"],
    );
}

#[test]
fn nothing_shows_a_secret() {
    let given = Given::file(
        "gateway.admin.api.users:\n- {username: a, password: hidden-secret, what: hidden-secret}\nklamm.raft.secret: [hidden-secret]\n",
    )
    .with(&[
        MAIN,
        ("KAFKA_MAIN_SASL_JAAS_CONFIG", "hidden-secret-too-open \"hidden-secret"),
        ("GATEWAY_USER_POOL_SECRET_KEY", "hidden-secret"),
        ("KAFKA_A_BOOTSTRAP_SERVERS", "a:1"),
        ("KAFKA_A_SECURITY_PROTOCOL", "SASL_PLAINTEXT"),
        ("KAFKA_A_SASL_MECHANISM", "PLAIN"),
        (
            "KAFKA_A_SASL_JAAS_CONFIG",
            "org.apache.kafka.common.security.plain.PlainLoginModule required username=a password=\"hidden-secret;",
        ),
    ]);
    let text = given.load().expect_err("problems").to_string();
    assert!(!text.contains("hidden-secret"), "{text}");

    let good = Given::variables(&[
        MAIN,
        (
            "GATEWAY_ADMIN_API_USERS",
            "[{username: a, password: hidden-secret}]",
        ),
        ("KLAMM_RAFT_SECRET", SECRET),
        ("KAFKA_MAIN_SECURITY_PROTOCOL", "SASL_PLAINTEXT"),
        ("KAFKA_MAIN_SASL_MECHANISM", "PLAIN"),
        ("KAFKA_MAIN_SASL_JAAS_CONFIG", JAAS),
    ]);
    let shown = format!("{:?}", good.good());
    assert!(
        !shown.contains("hidden-secret") && !shown.contains("klamm_cluster_"),
        "{shown}"
    );
}

const SCRAM: &str =
    "org.apache.kafka.common.security.scram.ScramLoginModule required username=key password=pass;";
const BEARER: &str = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required clientId=me clientSecret=hidden-secret scope=kafka extension_logicalCluster=\"lkc-1\";";

#[test]
fn upstream_logins_are_those_of_kafkas_clients() {
    let main = |more: &[(&'static str, &'static str)]| {
        let variables = [&[MAIN, ("KAFKA_MAIN_SECURITY_PROTOCOL", "SASL_PLAINTEXT")], more].concat();
        Given::variables(&variables).good().backends[&id("main")]
            .login
            .clone()
            .expect("a login")
    };
    for (mechanism, hash) in [
        ("SCRAM-SHA-256", ScramHash::Sha256),
        ("SCRAM-SHA-512", ScramHash::Sha512),
    ] {
        let login = main(&[
            ("KAFKA_MAIN_SASL_MECHANISM", mechanism),
            ("KAFKA_MAIN_SASL_JAAS_CONFIG", SCRAM),
        ]);
        assert!(
            matches!(login, UpstreamLogin::Scram(login) if login.hash == hash && login.username == "key")
        );
    }
    let login = main(&[
        ("KAFKA_MAIN_SASL_MECHANISM", "OAUTHBEARER"),
        ("KAFKA_MAIN_SASL_JAAS_CONFIG", BEARER),
        (
            "KAFKA_MAIN_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL",
            "https://id.example.com/token",
        ),
        (
            "KAFKA_MAIN_SASL_LOGIN_CALLBACK_HANDLER_CLASS",
            "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler",
        ),
    ]);
    let UpstreamLogin::Bearer(login) = login else {
        panic!("{login:?}")
    };
    assert_eq!(
        (login.client.client_id.as_str(), login.client.scope.as_deref()),
        ("me", Some("kafka"))
    );
    assert_eq!(login.client.client_secret, Secret::new("hidden-secret"));
    assert_eq!(login.extensions["logicalCluster"], "lkc-1");
    let refused = |more: &[(&'static str, &'static str)], problem: &str| {
        Given::variables(&[&[MAIN, ("KAFKA_MAIN_SECURITY_PROTOCOL", "SASL_PLAINTEXT")], more].concat())
            .refused(&[problem]);
    };
    refused(
        &[
            ("KAFKA_MAIN_SASL_MECHANISM", "OAUTHBEARER"),
            ("KAFKA_MAIN_SASL_JAAS_CONFIG", BEARER),
        ],
        "main: sasl.oauthbearer.token.endpoint.url: the mechanism needs this\n    as a variable it is KAFKA_MAIN_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL",
    );
    refused(
        &[
            ("KAFKA_MAIN_SASL_MECHANISM", "SCRAM-SHA-256"),
            ("KAFKA_MAIN_SASL_JAAS_CONFIG", JAAS),
        ],
        "KAFKA_MAIN_SASL_JAAS_CONFIG: the login module that goes with the mechanism is org.apache.kafka.common.security.scram.ScramLoginModule",
    );
}

#[test]
fn further_credentials_take_over_what_they_do_not_say() {
    let clusters = |credentials: &str| {
        let text = format!(
            "config: {{main: {{bootstrap.servers: 'a:1', security.protocol: SASL_PLAINTEXT, sasl: {{mechanism: SCRAM-SHA-512, jaas.config: {SCRAM}}}, credentials: {credentials}}}}}"
        );
        let selector = ("GATEWAY_BACKEND_KAFKA_SELECTOR", "file : { path: /clusters.yaml}");
        Given::variables(&[selector]).other("/clusters.yaml", text)
    };
    let config = clusters("{billing: {sasl.jaas.config: org.apache.kafka.common.security.scram.ScramLoginModule required username=bill password=x;}}").good();
    let billing = &config.backends[&id("main")].credentials["billing"];
    assert!(
        matches!(billing, UpstreamLogin::Scram(login) if login.hash == ScramHash::Sha512 && login.username == "bill")
    );
    clusters("{billing: {bootstrap.servers: 'b:1'}}").refused(&[
        "/clusters.yaml:1: main: credentials.billing: credentials can only have SASL properties, not bootstrap.servers",
        "main: sasl.jaas.config: the security protocol needs this\n    as a variable it is KAFKA_MAIN_SASL_JAAS_CONFIG",
    ]);
}
