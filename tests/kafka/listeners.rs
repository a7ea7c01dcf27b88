//! Listeners with TLS, names, certificates of clients and load balancers before them, with stock clients.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use klamm::quickstart::admin;
use klamm::quickstart::child::{self, Output};
use klamm::quickstart::stage::Stage;
use serde_json::{Value, json};

use crate::pki::{Authority, Identity};
use crate::relay::{RELAY, Relay};
use crate::scene::{CLUSTER, LIMIT, Login, Scene, address, eventually, lines, script};

/// Where the listener with names finds its virtual clusters.
const DOMAIN: &str = "kafka.test";

/// The client that the load balancer of these tests speaks for: 192.0.2.7, in a header of PROXY version 2.
const GREETING: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\x0a\0\0\x01\xd4\x31\x1b\x39";

/// The listeners with a port for each virtual broker, and where in the ports for clients each begins.
const BY_PORT: [(&str, &str); 5] = [
    ("secure", "SASL_SSL"),
    ("mutual", "SSL"),
    ("open", "PLAINTEXT"),
    ("swapped", "SASL_SSL"),
    ("balanced", "SASL_PLAINTEXT"),
];
const PORTS: u16 = 40;

/// A node with listeners of every kind.
#[derive(Debug)]
struct Listeners {
    scene: Scene,
    /// Made the certificates of the gateway.
    servers: Authority,
    /// Made those of clients.
    clients: Authority,
}

impl Listeners {
    /// Used by all tests that ask at the same time.
    fn shared() -> Result<Arc<Self>> {
        static SHARED: Mutex<Weak<Listeners>> = Mutex::new(Weak::new());
        // A test that panicked here left nothing half done.
        let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(listeners) = shared.upgrade() {
            return Ok(listeners);
        }
        let mut authorities = None;
        let scene = Scene::start_with(1, "127.0.0.1", |stage| {
            let servers = Authority::new(stage.directory(), "servers")?;
            let clients = Authority::new(stage.directory(), "clients")?;
            let list = configuration(stage, &servers, &clients)?;
            authorities = Some((servers, clients));
            Ok(vec![("GATEWAY_LISTENERS".to_owned(), list.to_string())])
        })?;
        let (servers, clients) = authorities.context("they were made")?;
        let listeners = Arc::new(Self {
            scene,
            servers,
            clients,
        });
        *shared = Arc::downgrade(&listeners);
        Ok(listeners)
    }

    /// A virtual cluster with the alias `orders` of a new physical topic, and the super user `admin`.
    fn vcluster(&self, name: &str, authentication: &Value) -> Result<()> {
        let topic = format!("{name}-physical");
        self.scene.topic(&topic, 1)?;
        let admin = self.scene.stage.admin(1);
        let mut resource = admin::vcluster(name, "admin");
        resource["spec"]["authentication"] = authentication.clone();
        admin.put("virtual-cluster", &resource)?;
        admin.put("alias-topic", &admin::alias(name, "orders", (CLUSTER, &topic)))?;
        Ok(())
    }

    fn stored(&self, vcluster: &str) -> Result<Vec<String>> {
        self.scene.stored(&format!("{vcluster}-physical"))
    }

    /// Where clients of a listener begin.
    fn bootstrap(&self, vcluster: &str, listener: &str) -> Result<String> {
        address(&self.scene.stage.admin(1), vcluster, listener)
    }

    /// A token of an account, which is made.
    fn token(&self, vcluster: &str, username: &str) -> Result<String> {
        let admin = self.scene.stage.admin(1);
        admin.put("service-account", &admin::account(vcluster, username))?;
        Ok(admin.token(vcluster, username, 3600)?)
    }

    /// Client properties in a file, for a virtual cluster on a listener.
    fn client(&self, (vcluster, listener): (&str, &str), name: &str, properties: &str) -> Result<Login> {
        let file = format!("{vcluster}-{listener}-{name}.properties");
        let file = self.scene.stage.directory().join(file);
        fs::write(&file, properties)?;
        Ok(Login {
            bootstrap: self.bootstrap(vcluster, listener)?,
            file: file.display().to_string(),
            username: name.to_owned(),
            token: String::new(),
        })
    }

    /// A client that has a token, on a listener with SASL and TLS.
    fn with_token(&self, vcluster: &str, listener: &str, username: &str) -> Result<Login> {
        let properties = plain(username, &self.token(vcluster, username)?, &self.servers);
        self.client((vcluster, listener), username, &properties)
    }

    /// A client that shows a certificate of the right authority.
    fn with_certificate(&self, vcluster: &str, name: &str) -> Result<(Login, Identity)> {
        let identity = self.clients.identity(&format!("{vcluster}-{name}"), &[])?;
        let properties = format!(
            "security.protocol=SSL\n{}{}",
            trusted(&self.servers),
            shown(&identity)?
        );
        Ok((self.client((vcluster, "mutual"), name, &properties)?, identity))
    }

    /// Produces with the stock producer; says what came of it.
    fn produce(&self, login: &Login, record: &str) -> Result<Output> {
        let few = ["--topic", "orders", "--max-block-ms", "8000", "--sync"];
        self.scene.client(login, "kafka-console-producer", &few, record)
    }

    /// Lets a client produce, under the name that it is known by; before that it is denied.
    fn let_produce(&self, client: &Login, (admin, principal): (&Login, &str)) -> Result<()> {
        let denied = self.produce(client, "too early")?;
        ensure!(
            denied.all().contains("TopicAuthorizationException"),
            "{}",
            denied.all()
        );
        let allow = [
            "--add",
            "--allow-principal",
            principal,
            "--producer",
            "--topic",
            "orders",
        ];
        self.scene.client_ok(admin, "kafka-acls", &allow)?;
        Ok(())
    }

    fn log(&self) -> String {
        self.scene.stage.nodes()[0].log()
    }

    /// Waits until the node has logged a line with all of these.
    fn logged(&self, parts: &[&str]) -> Result<()> {
        let holds = |line: &str| parts.iter().all(|part| line.contains(part));
        eventually(&format!("a log line with {parts:?}"), || {
            Ok(self.log().lines().any(holds))
        })
    }
}

/// Runs kcat with properties of librdkafka.
fn kcat(bootstrap: &str, properties: &[String], words: &[&str]) -> Result<Output> {
    let mut command = script("kcat");
    command.args(["-b", bootstrap]);
    for property in properties {
        command.args(["-X", property]);
    }
    command.args(words);
    Ok(child::run(command, "", LIMIT)?)
}

/// The listeners, as `GATEWAY_LISTENERS` takes them.
fn configuration(stage: &Stage, servers: &Authority, clients: &Authority) -> Result<Value> {
    let identity = servers.identity("gateway", &["127.0.0.1"])?;
    // The second is chosen by the name that clients ask for.
    let unnamed = servers.identity("unnamed", &["127.0.0.1"])?;
    let named = servers.identity("named", &["*.kafka.test"])?;
    let swapped = servers.identity("swapped", &["127.0.0.1"])?;
    let mut list: Vec<Value> = (0..)
        .zip(BY_PORT)
        .map(|(number, (name, protocol))| {
            json!({
                "name": name, "protocol": protocol,
                "port.start": stage.client_port(number * PORTS), "port.count": PORTS,
            })
        })
        .collect();
    let certificate = |identity: &Identity| json!({"certificate": identity.chain, "key": identity.key});
    list[0]["tls"] = certificate(&identity);
    list[1]["tls"] = certificate(&identity);
    list[1]["tls"]["client"] = json!({"auth": "optional", "ca": clients.file});
    list[3]["tls"] = certificate(&swapped);
    list[4]["advertised.host"] = json!(RELAY);
    list[4]["proxy.protocol.from"] = json!(["127.0.0.0/8"]);
    list.push(json!({
        "name": "names", "protocol": "SASL_SSL", "routing": "sni", "domain": DOMAIN,
        "port": stage.client_port(5 * PORTS), "tls": {"certificates": [certificate(&unnamed), certificate(&named)]},
    }));
    Ok(Value::Array(list))
}

/// The setting that makes a Java client trust only this authority.
fn trusted(authority: &Authority) -> String {
    format!(
        "ssl.truststore.type=PEM\nssl.truststore.location={}\n",
        authority.file.display()
    )
}

/// The setting that makes a Java client show this certificate: one file with the key and the chain.
fn shown(identity: &Identity) -> Result<String> {
    let store = identity.chain.with_extension("store");
    fs::write(
        &store,
        fs::read_to_string(&identity.key)? + &fs::read_to_string(&identity.chain)?,
    )?;
    Ok(format!(
        "ssl.keystore.type=PEM\nssl.keystore.location={}\n",
        store.display()
    ))
}

/// The properties of a Java client with a token over TLS.
fn plain(username: &str, token: &str, authority: &Authority) -> String {
    let module = "org.apache.kafka.common.security.plain.PlainLoginModule";
    format!(
        "security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\n{}\
         sasl.jaas.config={module} required username=\"{username}\" password=\"{token}\";\n",
        trusted(authority)
    )
}

fn with_tokens() -> Value {
    json!([{"type": "sasl_plain"}, {"type": "sasl_scram_sha_512"}])
}

/// The output of a client that had no trouble.
fn untroubled(output: &Output) -> Result<()> {
    let all = output.all();
    ensure!(
        output.status.success() && !all.contains("ERROR") && !all.contains("WARN"),
        "{all}"
    );
    Ok(())
}

#[test]
fn tokens_and_scram_over_tls() -> Result<()> {
    let listeners = Listeners::shared()?;
    listeners.vcluster("secure", &with_tokens())?;
    let java = listeners.with_token("secure", "secure", "admin")?;
    untroubled(&listeners.produce(&java, "by token")?)?;
    let alter = [
        "--alter",
        "--entity-type",
        "users",
        "--entity-name",
        "admin",
        "--add-config",
        "SCRAM-SHA-512=[iterations=4096,password=admin-secret]",
    ];
    listeners.scene.client_ok(&java, "kafka-configs", &alter)?;

    let module = "org.apache.kafka.common.security.scram.ScramLoginModule";
    let properties = format!(
        "security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\n{}\
         sasl.jaas.config={module} required username=\"admin\" password=\"admin-secret\";\n",
        trusted(&listeners.servers)
    );
    let by_scram = listeners.client(("secure", "secure"), "by-scram", &properties)?;
    ensure!(
        listeners
            .scene
            .client_ok(&by_scram, "kafka-topics", &["--list"])?
            .contains("orders")
    );

    let properties = [
        "security.protocol=SASL_SSL".to_owned(),
        "sasl.mechanism=PLAIN".to_owned(),
        "sasl.username=admin".to_owned(),
        format!("sasl.password={}", listeners.token("secure", "admin")?),
        format!("ssl.ca.location={}", listeners.servers.file.display()),
    ];
    let read = ["-C", "-t", "orders", "-o", "beginning", "-e", "-q"];
    let consumed = kcat(&java.bootstrap, &properties, &read)?;
    ensure!(lines(&consumed.stdout) == ["by token"], "{}", consumed.all());

    // A client that does not trust the authority does not log in.
    let stranger = Authority::new(listeners.scene.stage.directory(), "strangers")?;
    let token = listeners.token("secure", "admin")?;
    let stranger = listeners.client(
        ("secure", "secure"),
        "strange",
        &plain("admin", &token, &stranger),
    )?;
    let refused = listeners
        .scene
        .client(&stranger, "kafka-topics", &["--list"], "")?;
    ensure!(
        !refused.status.success() && refused.all().contains("PKIX"),
        "{}",
        refused.all()
    );
    listeners.logged(&["a connection was closed", "the client rejected the handshake"])
}

#[test]
fn one_port_serves_all_by_name() -> Result<()> {
    let listeners = Listeners::shared()?;
    listeners.vcluster("names", &with_tokens())?;
    listeners.vcluster("others", &with_tokens())?;
    let (java, others) = (
        listeners.with_token("names", "names", "admin")?,
        listeners.with_token("others", "names", "admin")?,
    );
    let port = listeners.scene.stage.client_port(5 * PORTS);
    ensure!(
        java.bootstrap == format!("names.{DOMAIN}:{port}"),
        "{}",
        java.bootstrap
    );
    ensure!(
        others.bootstrap == format!("others.{DOMAIN}:{port}"),
        "{}",
        others.bootstrap
    );

    let named = Named::new(&listeners)?;
    let produced = named.run(
        &java,
        "kafka-console-producer",
        &["--topic", "orders", "--sync"],
        "by name",
    )?;
    untroubled(&produced)?;
    ensure!(listeners.stored("names")? == ["by name"] && listeners.stored("others")?.is_empty());
    // Metadata names the broker as the certificate and the port expect it.
    let versions = named.run(&java, "kafka-broker-api-versions", &[], "")?;
    ensure!(
        versions.stdout.contains(&format!("b1-names.{DOMAIN}:{port} ")),
        "{}",
        versions.all()
    );

    // A token of one virtual cluster is none of another, whatever name the client knows.
    let crossed = Login {
        bootstrap: others.bootstrap,
        ..java.clone()
    };
    let refused = named.run(&crossed, "kafka-topics", &["--list"], "")?;
    ensure!(
        refused.all().contains("SaslAuthenticationException"),
        "{}",
        refused.all()
    );
    let unknown = Login {
        bootstrap: format!("nobody.{DOMAIN}:{port}"),
        ..java
    };
    let refused = named.run(&unknown, "kafka-topics", &["--list"], "")?;
    ensure!(refused.all().contains("unrecognized_name"), "{}", refused.all());
    listeners.logged(&[
        "nobody.kafka.test",
        "which is not the name of a virtual cluster or broker here",
    ])
}

/// Java with names that no name server knows.
struct Named<'a> {
    listeners: &'a Listeners,
    options: String,
}

impl<'a> Named<'a> {
    fn new(listeners: &'a Listeners) -> Result<Self> {
        let hosts = listeners.scene.stage.directory().join("hosts");
        let names = ["names", "b1-names", "others", "b1-others", "nobody"];
        let names: Vec<String> = names.iter().map(|name| format!("{name}.{DOMAIN}")).collect();
        fs::write(&hosts, format!("127.0.0.1 {}\n", names.join(" ")))?;
        let options = format!(
            "-Xmx256m -XX:TieredStopAtLevel=1 -Djdk.net.hosts.file={}",
            hosts.display()
        );
        Ok(Self { listeners, options })
    }

    fn run(&self, login: &Login, tool: &str, more: &[&str], input: &str) -> Result<Output> {
        let mut command = self.listeners.scene.stage.kafka().tool(tool);
        command.args([
            "--bootstrap-server",
            &login.bootstrap,
            "--command-config",
            &login.file,
        ]);
        command.args(more).env("KLAMM_KAFKA_JVM", &self.options);
        Ok(child::run(command, input, LIMIT)?)
    }
}

#[test]
fn certificates_of_clients_are_logins() -> Result<()> {
    let listeners = Listeners::shared()?;
    let methods = json!([{
        "type": "client_certificate", "required": true,
        "principalMappingRules": r"RULE:^CN=certified-(.*?),O=Acme\\, Inc\.$/$1/L",
    }]);
    listeners.vcluster("certified", &methods)?;
    let (admin, _) = listeners.with_certificate("certified", "Admin")?;
    let (writer, identity) = listeners.with_certificate("certified", "Writer")?;
    let account = json!({
        "kind": "GatewayServiceAccount", "apiVersion": "gateway/v2",
        "metadata": {"name": "orders-app", "vCluster": "certified"},
        "spec": {"type": "EXTERNAL", "externalNames": ["writer"]},
    });
    listeners.scene.stage.admin(1).put("service-account", &account)?;

    listeners.let_produce(&writer, (&admin, "User:orders-app"))?;
    untroubled(&listeners.produce(&writer, "by certificate")?)?;
    ensure!(listeners.stored("certified")? == ["by certificate"]);
    let ca = format!("ssl.ca.location={}", listeners.servers.file.display());
    let certificate = |identity: &Identity| {
        [
            "security.protocol=SSL".to_owned(),
            ca.clone(),
            format!("ssl.certificate.location={}", identity.chain.display()),
            format!("ssl.key.location={}", identity.key.display()),
        ]
    };
    let shown = certificate(&identity);
    let metadata = kcat(&writer.bootstrap, &shown, &["-L"])?;
    ensure!(
        metadata.stdout.contains("topic \"orders\" with 1 partitions"),
        "{}",
        metadata.all()
    );
    listeners.logged(&[
        "event=\"login\"",
        "certified",
        "User:orders-app",
        "client_certificate",
    ])?;

    let nobody = kcat(&writer.bootstrap, &shown[..2], &["-L", "-m", "5"])?;
    ensure!(!nobody.status.success(), "{}", nobody.all());
    listeners.logged(&["login_refused", "certified", "no_certificate"])?;
    // OpenSSL shows it although another authority was asked for; Java would show none.
    let stranger = Authority::new(listeners.scene.stage.directory(), "foreign")?.identity("stranger", &[])?;
    let shown = certificate(&stranger);
    let refused = kcat(&writer.bootstrap, &shown, &["-L", "-m", "5"])?;
    ensure!(
        !refused.status.success() && refused.all().contains("unknown ca"),
        "{}",
        refused.all()
    );
    listeners.logged(&["a connection was closed", "the client's certificate was rejected"])
}

#[test]
fn whoever_comes_is_anonymous_where_that_is_allowed() -> Result<()> {
    let listeners = Listeners::shared()?;
    let methods = json!([{"type": "anonymous"}, {"type": "sasl_plain"}]);
    listeners.vcluster("open", &methods)?;
    let admin = listeners.with_token("open", "secure", "admin")?;
    let anybody = listeners.client(("open", "open"), "anybody", "security.protocol=PLAINTEXT\n")?;
    listeners.let_produce(&anybody, (&admin, "User:ANONYMOUS"))?;
    untroubled(&listeners.produce(&anybody, "by nobody")?)?;
    ensure!(listeners.stored("open")? == ["by nobody"]);

    // Who asks for SASL there is told that there is none.
    let confused = fs::read_to_string(&admin.file)?.replace("SASL_SSL", "SASL_PLAINTEXT");
    let confused = listeners.client(("open", "open"), "confused", &confused)?;
    let refused = listeners
        .scene
        .client(&confused, "kafka-topics", &["--list"], "")?;
    ensure!(
        refused.all().contains("IllegalSaslStateException"),
        "{}",
        refused.all()
    );

    listeners.vcluster("closed", &with_tokens())?;
    let closed = listeners.bootstrap("closed", "open")?;
    let refused = kcat(&closed, &[], &["-L", "-m", "3"])?;
    ensure!(!refused.status.success(), "{}", refused.all());
    listeners.logged(&["login_refused", "closed", "sasl_only"])
}

#[test]
fn the_client_behind_a_load_balancer_is_the_host_of_acls() -> Result<()> {
    let listeners = Listeners::shared()?;
    listeners.vcluster("balanced", &with_tokens())?;
    let admin = listeners.with_token("balanced", "secure", "admin")?;
    let token = listeners.token("balanced", "writer")?;
    let first = listeners.scene.stage.client_port(4 * PORTS);
    let _balancer = Relay::greeting(first..first + PORTS, GREETING)?;
    let properties = plain("writer", &token, &listeners.servers).replace("SASL_SSL", "SASL_PLAINTEXT");
    let writer = listeners.client(("balanced", "balanced"), "writer", &properties)?;
    let allow = |host: &str| {
        let words = [
            "--add",
            "--allow-principal",
            "User:writer",
            "--allow-host",
            host,
            "--producer",
            "--topic",
            "orders",
        ];
        listeners.scene.client_ok(&admin, "kafka-acls", &words)
    };
    allow("127.0.0.1")?;
    let denied = listeners.produce(&writer, "from the balancer")?;
    ensure!(
        denied.all().contains("TopicAuthorizationException"),
        "{}",
        denied.all()
    );
    allow("192.0.2.7")?;
    untroubled(&listeners.produce(&writer, "from the client")?)?;
    ensure!(listeners.stored("balanced")? == ["from the client"]);
    listeners.logged(&["event=\"login\"", "balanced", "peer=192.0.2.7:54321"])
}

#[test]
fn certificates_are_swapped_under_load() -> Result<()> {
    let listeners = Listeners::shared()?;
    listeners.vcluster("swapped", &with_tokens())?;
    let user = listeners.with_token("swapped", "swapped", "admin")?;
    let directory = listeners.scene.stage.directory().to_owned();
    let replaced = replace_certificate(&listeners, &directory);
    // It connects before the change and has no reason to connect again.
    let load = [
        "kafka-producer-perf-test",
        "--bootstrap-server",
        &user.bootstrap,
        "--command-config",
        &user.file,
        "--topic",
        "orders",
        "--num-records",
        "2400",
        "--record-size",
        "100",
        "--throughput",
        "300",
        "--command-property",
        "retries=0",
    ];
    let produced = listeners.scene.tool(&load, "")?;
    let authority = replaced.join().expect("no panic there")?;
    untroubled(&produced)?;
    ensure!(
        produced.stdout.contains("2400 records sent"),
        "{}",
        produced.all()
    );
    ensure!(listeners.stored("swapped")?.len() == 2400);

    // Who connects now is shown the new certificate, which another authority made.
    let token = listeners.token("swapped", "admin")?;
    let now = listeners.client(("swapped", "swapped"), "now", &plain("admin", &token, &authority))?;
    listeners.scene.client_ok(&now, "kafka-topics", &["--list"])?;
    let before = listeners.scene.client(&user, "kafka-topics", &["--list"], "")?;
    ensure!(before.all().contains("PKIX"), "{}", before.all());
    Ok(())
}

/// Once records arrive: first with what is no certificate, then with one of another authority.
fn replace_certificate(
    listeners: &Arc<Listeners>,
    directory: &Path,
) -> thread::JoinHandle<Result<Authority>> {
    let (listeners, directory) = (Arc::clone(listeners), directory.to_owned());
    thread::spawn(move || {
        listeners.logged(&["event=\"login\"", "swapped", "User:admin"])?;
        fs::write(directory.join("swapped.crt"), "garbage")?;
        listeners.logged(&["changed certificate files cannot be used"])?;
        let authority = Authority::new(&directory, "successors")?;
        authority.identity("swapped", &["127.0.0.1"])?;
        listeners.logged(&["certificates were reloaded", "swapped.crt"])?;
        Ok(authority)
    })
}

#[test]
fn what_speaks_something_else_is_said() -> Result<()> {
    let listeners = Listeners::shared()?;
    listeners.vcluster("mistaken", &with_tokens())?;
    let (secure, plain) = (
        listeners.bootstrap("mistaken", "secure")?,
        listeners.bootstrap("mistaken", "open")?,
    );
    let speak = |address: &str, bytes: &[u8]| -> Result<()> {
        let mut socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(Duration::from_secs(20)))?;
        socket.write_all(bytes)?;
        // Closed, or reset because not everything was read.
        let mut rest = Vec::new();
        let ended = socket.read_to_end(&mut rest);
        let late = matches!(&ended, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock);
        ensure!(
            !late && rest.is_empty(),
            "{address} answers or stays open: {rest:?}"
        );
        Ok(())
    };
    speak(&secure, b"GET / HTTP/1.1\r\n\r\n")?;
    listeners.logged(&["a connection was closed", "listener=secure", "HTTP"])?;
    speak(&secure, b"\0\0\0\x10\0\x12\0\0\0\0\0\x01\0\x06client")?;
    listeners.logged(&[
        "a connection was closed",
        "listener=secure",
        "Kafka without encryption",
    ])?;
    let hello = b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03";
    listeners.vcluster("mistaken-open", &json!([{"type": "anonymous"}]))?;
    for address in [plain, listeners.bootstrap("mistaken-open", "open")?] {
        speak(&address, hello)?;
    }
    listeners.logged(&["session closed", "mistaken-open", "TLS"])
}
