//! `klamm check-config` and `klamm serve` read a configuration once: what one refuses the other refuses, in the same words.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const PAGE: &str = include_str!("../docs/CONFIGURATION.md");

/// The exit code of both commands for a wrong configuration (`EX_CONFIG` of sysexits.h).
const REFUSED: i32 = 78;

/// How long either may take on a busy machine. A node that serves does not end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A wrong value for each key.
const KEYS: [(&str, &str); 69] = [
    ("gateway.backend.kafka.selector", "nonsense"),
    ("gateway.bind.host", "no host"),
    ("gateway.advertised.host", "no host"),
    ("gateway.listeners", "nonsense"),
    ("gateway.port.start", "70000"),
    ("gateway.port.count", "0"),
    ("gateway.http.host", "no host"),
    ("gateway.http.port", "http"),
    ("gateway.http.tls.certificate", "/nowhere/a.crt"),
    ("gateway.http.tls.key", "/nowhere/a.key"),
    ("klamm.http.hosts", "no host"),
    ("klamm.metrics.public", "maybe"),
    ("klamm.env.allow", "*"),
    ("gateway.admin.api.users", "nonsense"),
    ("gateway.user.pool.secret.key", "nonsense"),
    ("gateway.acl.enabled", "maybe"),
    ("gateway.super.users", "two\nlines"),
    ("gateway.passthrough.authentication", "nonsense"),
    ("gateway.oauth.providers", "nonsense"),
    ("klamm.registries", "nonsense"),
    ("klamm.keys", "nonsense"),
    ("gateway.connections.max.reauth.ms", "-1"),
    ("klamm.node.id", "0"),
    ("klamm.data.dir", " "),
    ("klamm.storage.key.file", "/nowhere/storage.key"),
    ("klamm.storage.key.previous.file", "/nowhere/storage.key"),
    ("klamm.backup.key.file", "/nowhere/backup.key"),
    ("klamm.backup.dir", "/nowhere"),
    ("klamm.backup.every.minutes", "0"),
    ("klamm.backup.keep", "none"),
    ("klamm.secrets.env.prefix", "KLAMM_"),
    ("klamm.secrets.dir", " "),
    ("klamm.raft.listen", "nonsense"),
    ("klamm.raft.advertised", "nonsense"),
    ("klamm.raft.peers", "nonsense"),
    ("klamm.raft.join", "nonsense"),
    ("klamm.raft.secret", "short"),
    ("klamm.raft.tls.certificate", "/nowhere/a.crt"),
    ("klamm.raft.tls.key", "/nowhere/a.key"),
    ("klamm.raft.tls.ca", "/nowhere/ca.crt"),
    ("klamm.cluster.upgrade", "sometimes"),
    ("klamm.authorization.isolated", "perhaps"),
    ("klamm.limits.connections", "0"),
    ("klamm.limits.connections.before.login", "many"),
    ("klamm.limits.frame.bytes", "1"),
    ("klamm.limits.buffer.bytes", "1"),
    ("klamm.limits.policy.bytes", "1"),
    ("klamm.limits.vcluster.bytes.in", "0"),
    ("klamm.limits.vcluster.bytes.out", "much"),
    ("klamm.limits.vcluster.requests", "0"),
    ("klamm.limits.vcluster.connections", "-1"),
    ("klamm.limits.vcluster.connections.new", "0"),
    ("klamm.limits.vcluster.topics", "few"),
    ("klamm.limits.vcluster.partitions", "-1"),
    ("klamm.usage.keep.days", "0"),
    ("klamm.usage.write.seconds", "60"),
    ("klamm.usage.names", "0"),
    ("klamm.metrics.accounts", "-1"),
    ("klamm.metrics.topics", "many"),
    ("klamm.drain.seconds", "-1"),
    ("klamm.threads", "0"),
    ("klamm.log.filter", "loud"),
    ("klamm.log.format", "xml"),
    // Values that are well formed and lead nowhere.
    (
        "gateway.passthrough.authentication",
        r#"[{"type": "oauth_bearer", "provider": "nobody"}]"#,
    ),
    ("gateway.passthrough.authentication", "[]"),
    (
        "gateway.oauth.providers",
        "{id: {issuer: 'https://id.example.com', jwks: {url: 'https://id.example.com/keys', ca.file: /dev/null}, audiences: [kafka]}}",
    ),
    (
        "gateway.oauth.providers",
        "{id: {issuer: 'https://id.example.com'}}",
    ),
    ("klamm.registries", "{central: {url: 'http://registry'}}"),
    ("klamm.keys", "{payroll: {kind: aws, arn: 'arn:aws:kms:x'}}"),
];

type Beside = (&'static str, &'static str);

/// A wrong value for each property of a physical cluster, and the properties that it stands beside.
const PROPERTIES: [(&str, &str, &[Beside]); 20] = [
    ("bootstrap.servers", "nonsense", &[]),
    ("security.protocol", "TLS", &[]),
    ("sasl.mechanism", "GSSAPI", &[SASL]),
    (
        "sasl.jaas.config",
        "nonsense",
        &[SASL, ("sasl.mechanism", "PLAIN")],
    ),
    (
        "sasl.oauthbearer.token.endpoint.url",
        "nonsense",
        &[SASL, BEARER, CLIENT],
    ),
    (
        "sasl.oauthbearer.client.credentials.client.id",
        "other",
        &[SASL, BEARER, NO_CLIENT, ENDPOINT],
    ),
    (
        "sasl.oauthbearer.client.credentials.client.secret",
        "other",
        &[SASL, BEARER, NO_CLIENT, ENDPOINT],
    ),
    ("sasl.oauthbearer.scope", "a b", &[]),
    ("sasl.login.callback.handler.class", "Other", &[SASL, BEARER]),
    ("ssl.truststore.type", "JKS", &[TLS]),
    ("ssl.truststore.location", "/nowhere/ca.crt", &[TLS]),
    ("ssl.truststore.certificates", "nonsense", &[TLS]),
    ("ssl.keystore.type", "JKS", &[TLS]),
    ("ssl.keystore.location", "/nowhere/a.pem", &[TLS]),
    ("ssl.keystore.certificate.chain", "nonsense", &[TLS]),
    ("ssl.keystore.key", "nonsense", &[TLS]),
    ("ssl.endpoint.identification.algorithm", "maybe", &[TLS]),
    ("gateway.roles", "downstream", &[]),
    ("gateway.failover.for", "east", &[]),
    ("gateway.allow.anonymous", "maybe", &[]),
];

const SASL: Beside = ("security.protocol", "SASL_PLAINTEXT");
const BEARER: Beside = ("sasl.mechanism", "OAUTHBEARER");
const CLIENT: Beside = (
    "sasl.jaas.config",
    r#"org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required clientId="a" clientSecret="b";"#,
);
const NO_CLIENT: Beside = (
    "sasl.jaas.config",
    "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;",
);
const ENDPOINT: Beside = (
    "sasl.oauthbearer.token.endpoint.url",
    "https://id.example.com/token",
);
const TLS: Beside = ("security.protocol", "SSL");

/// A wrong value for each key of a listener, and what it stands beside.
const LISTENERS: [(&str, &str, &str); 16] = [
    ("name", "'no name'", "port.start: 6969"),
    ("protocol", "KAFKA", "name: a, port.start: 6969"),
    ("routing", "magic", "name: a, port.start: 6969"),
    ("bind.host", "'no host'", "name: a, port.start: 6969"),
    ("advertised.host", "'no host'", "name: a, port.start: 6969"),
    ("port.start", "many", "name: a"),
    ("port.count", "many", "name: a, port.start: 6969"),
    ("port", "many", "name: a, routing: sni, domain: kafka.example.com"),
    ("domain", "'no domain'", "name: a, routing: sni, port: 6969"),
    ("advertised.port", "many", "name: a, port.start: 6969"),
    (
        "tls.certificate",
        "/nowhere/b.crt",
        "name: a, port.start: 6969, tls.key: /nowhere/a.key",
    ),
    (
        "tls.key",
        "/nowhere/b.key",
        "name: a, port.start: 6969, tls.client.auth: none",
    ),
    (
        "tls.certificates",
        "many",
        "name: a, port.start: 6969, protocol: SSL",
    ),
    ("tls.client.auth", "maybe", PAIR),
    ("tls.client.ca", "/nowhere/ca.crt", PAIR),
    ("proxy.protocol.from", "[nowhere]", "name: a, port.start: 6969"),
];

const PAIR: &str = "name: a, port.start: 6969, tls.certificate: /nowhere/a.crt, tls.key: /nowhere/a.key";

/// The names in the first column of a table, which begins with this word.
fn documented(head: &str) -> BTreeSet<&'static str> {
    let head = format!("| {head} |");
    let table = PAGE.lines().skip_while(|line| !line.starts_with(&head));
    let rows = table.skip(2).take_while(|line| line.starts_with('|'));
    rows.filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
        .flat_map(|cell| cell.split(", "))
        .map(|name| name.trim_matches('`'))
        .collect()
}

fn variable(key: &str) -> String {
    key.replace(['.', '-'], "_").to_ascii_uppercase()
}

fn of_main(property: &str) -> String {
    format!("KAFKA_MAIN_{}", variable(property))
}

/// How the command ends with these variables and no others, and what it says.
fn run(verb: &str, variables: &[(String, String)]) -> (Option<i32>, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let said = directory.path().join("said");
    let mut process = Command::new(env!("CARGO_BIN_EXE_klamm"))
        .arg(verb)
        .env_clear()
        .env("KAFKA_MAIN_BOOTSTRAP_SERVERS", "127.0.0.1:1")
        .envs(variables.iter().cloned())
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&said).expect("a file"))
        .spawn()
        .expect("it starts");
    let code = ended(&mut process);
    (code, fs::read_to_string(said).expect("what it said"))
}

/// The exit code; none of a process that had to be killed.
fn ended(process: &mut Child) -> Option<i32> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if let Some(status) = process.try_wait().expect("it can be waited for") {
            return status.code();
        }
        thread::sleep(Duration::from_millis(5));
    }
    process.kill().expect("it can be killed");
    process.wait().expect("it can be waited for");
    None
}

/// The fault in how both commands take these variables, if there is one; `named` is what they must name.
fn offence(variables: &[(String, String)], named: &[&str]) -> Option<String> {
    let (checked, served) = (run("check-config", variables), run("serve", variables));
    let is_named = named.iter().any(|name| checked.1.contains(name));
    let is_fine = checked.0 == Some(REFUSED) && checked == served && is_named;
    (!is_fine).then(|| format!("{variables:?}\n  check-config: {checked:?}\n  serve: {served:?}"))
}

#[track_caller]
fn check(cases: impl IntoIterator<Item = Option<String>>) {
    let offences: Vec<String> = cases.into_iter().flatten().collect();
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

#[test]
fn a_wrong_value_of_any_key_is_refused_by_both_commands_in_the_same_words() {
    let tried = KEYS.map(|(key, _)| key).into();
    assert_eq!(documented("key"), tried, "each key has a wrong value here");
    check(KEYS.map(|(key, value)| {
        let name = variable(key);
        offence(&[(name.clone(), value.to_owned())], &[&name, key])
    }));
}

#[test]
fn a_wrong_property_of_a_physical_cluster_is_refused_by_both_commands_in_the_same_words() {
    let tried = PROPERTIES.map(|(property, ..)| property).into();
    assert_eq!(
        documented("property"),
        tried,
        "each property has a wrong value here"
    );
    check(PROPERTIES.map(|(property, value, beside)| {
        let beside = beside
            .iter()
            .map(|(name, value)| (of_main(name), (*value).to_owned()));
        let name = of_main(property);
        let variables: Vec<_> = beside.chain([(name.clone(), value.to_owned())]).collect();
        offence(&variables, &[&name, property])
    }));
}

#[test]
fn a_wrong_key_of_a_listener_is_refused_by_both_commands_in_the_same_words() {
    let tried = LISTENERS.map(|(key, ..)| key).into();
    assert_eq!(
        documented("key of a listener"),
        tried,
        "each key has a wrong value here"
    );
    check(LISTENERS.map(|(key, value, beside)| {
        let listeners = format!("[{{{beside}, {key}: {value}}}]");
        offence(&[("GATEWAY_LISTENERS".to_owned(), listeners)], &[key, value])
    }));
}
