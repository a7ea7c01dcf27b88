//! A broker that demands a login by any mechanism and tells its users apart, a provider of tokens, and one gateway node.

use std::fs;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use klamm::quickstart::admin;
use klamm::quickstart::child::{self, Output};
use klamm::quickstart::stage::{Nodes, PortChoice, Stage};
use serde_json::{Value, json};

use super::provider::{CLIENT_SECRET, Provider};
use crate::scene::{LIMIT, kcat_at, read_to_end, script};

/// A topic that users of the broker may write and read, and the gateway itself may not.
pub(crate) const OWNED: &str = "owned";

/// How long a session of PLAIN lasts at the broker, in milliseconds.
pub(crate) const SESSION_MS: i64 = 6_000;

/// Users of the broker, with the mechanism of each. The password is the name with `-secret`.
const SCRAM_USERS: [(&str, &str); 4] = [
    ("gateway", "SCRAM-SHA-512"),
    ("billing", "SCRAM-SHA-256"),
    ("bob", "SCRAM-SHA-256"),
    ("carol", "SCRAM-SHA-512"),
];

/// The properties of a Java client.
#[derive(Debug)]
pub(crate) struct Client {
    /// The file of its properties.
    properties: String,
    /// Its options of Java.
    jvm: Option<String>,
}

/// The provider, Kafka and the gateway, all of them running.
#[derive(Debug)]
pub(crate) struct Federation {
    pub(crate) stage: Stage,
    /// The broker knows its keys, too.
    pub(crate) provider: Provider,
    /// Another, for a test that changes its keys.
    pub(crate) rotating: Provider,
}

impl Federation {
    /// One for all tests that ask at the same time; each has virtual clusters of its own.
    pub(crate) fn shared() -> Result<Arc<Self>> {
        static SHARED: Mutex<Weak<Federation>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(scene) = shared.upgrade() {
            return Ok(scene);
        }
        let scene = Arc::new(Self::start(|_| Ok(Vec::new()))?);
        *shared = Arc::downgrade(&scene);
        Ok(scene)
    }

    /// Starts all of it, with further environment variables for the node once it is clear where things are.
    pub(crate) fn start(more: impl FnOnce(&Stage) -> Result<Vec<(String, String)>>) -> Result<Self> {
        let mut stage = Stage::new()?;
        let provider = Provider::start()?;
        let keys = stage.directory().join("keys.json");
        fs::write(&keys, provider.keys())?;
        let keys = format!("file://{}", keys.display());
        let sasl_port = stage.spare_port(0);
        start_broker(&mut stage, sasl_port, &keys)?;
        fill_broker(&stage)?;
        let clusters = clusters(sasl_port, &provider);
        fs::write(stage.directory().join("clusters.yaml"), clusters)?;
        let rotating = Provider::start()?;
        let entry = |name: &str, url: &str| {
            format!(
                "{name}: {{issuer: '{url}', jwks: {{url: '{url}/keys'}}, audiences: [kafka], algorithms: [ES256]}}"
            )
        };
        let providers = [
            entry("corporate", &provider.url),
            entry("rotating", &rotating.url),
        ]
        .join(", ");
        let mut variables = vec![
            ("GATEWAY_OAUTH_PROVIDERS".to_owned(), format!("{{{providers}}}")),
            (
                "GATEWAY_PASSTHROUGH_AUTHENTICATION".to_owned(),
                r#"[{"type": "sasl_plain", "mediation": "passthrough"}]"#.to_owned(),
            ),
            ("GATEWAY_ACL_ENABLED".to_owned(), "false".to_owned()),
        ];
        variables.extend(more(&stage)?);
        stage.start_nodes(&Nodes {
            program: env!("CARGO_BIN_EXE_klamm").into(),
            count: 1,
            advertised_host: "127.0.0.1".to_owned(),
            ports: PortChoice::Any,
            more: variables,
        })?;
        Ok(Self {
            stage,
            provider,
            rotating,
        })
    }

    /// A virtual cluster with these super users and methods, and the alias `orders` of [`OWNED`]; gives its address.
    pub(crate) fn vcluster(&self, name: &str, super_users: &[&str], methods: &Value) -> Result<String> {
        self.vcluster_of(OWNED, name, super_users, methods)
    }

    /// Creates a virtual cluster that shows another physical topic.
    pub(crate) fn vcluster_of(
        &self,
        topic: &str,
        name: &str,
        super_users: &[&str],
        methods: &Value,
    ) -> Result<String> {
        let admin = self.stage.admin(1);
        let mut vcluster = admin::vcluster(name, "super-user");
        vcluster["spec"]["superUsers"] = json!(super_users);
        vcluster["spec"]["authentication"] = methods.clone();
        admin.put("virtual-cluster", &vcluster)?;
        admin.put("alias-topic", &admin::alias(name, "orders", ("main", topic)))?;
        Ok(admin.bootstrap(name)?)
    }

    /// All records of [`OWNED`], read without the gateway.
    pub(crate) fn stored(&self) -> Result<Vec<String>> {
        self.stored_in(OWNED)
    }

    /// The records that the broker has of any topic.
    pub(crate) fn stored_in(&self, topic: &str) -> Result<Vec<String>> {
        let bootstrap = self.stage.bootstrap("main").context("main was started")?;
        read_to_end(kcat_at(bootstrap), topic, &[])
    }

    /// A client of OAUTHBEARER with this token.
    pub(crate) fn bearer(&self, name: &str, token: &str) -> Result<Client> {
        let directory = self.stage.directory();
        let file = directory.join(format!("{name}.jwt"));
        fs::write(&file, token)?;
        let url = format!("file://{}", file.display());
        let package = "org.apache.kafka.common.security.oauthbearer";
        let properties = format!(
            "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=OAUTHBEARER\n\
             sasl.login.callback.handler.class={package}.OAuthBearerLoginCallbackHandler\n\
             sasl.oauthbearer.token.endpoint.url={url}\n\
             sasl.jaas.config={package}.OAuthBearerLoginModule required;\n"
        );
        let path = directory.join(format!("{name}.properties"));
        fs::write(&path, properties)?;
        Ok(Client {
            properties: path.display().to_string(),
            jvm: Some(jvm(&url)),
        })
    }

    /// A client of SCRAM as a user of the broker.
    pub(crate) fn scram(&self, mechanism: &str, user: &str) -> Result<Client> {
        let module = "org.apache.kafka.common.security.scram.ScramLoginModule";
        let properties = format!(
            "security.protocol=SASL_PLAINTEXT\nsasl.mechanism={mechanism}\n\
             sasl.jaas.config={module} required username=\"{user}\" password=\"{user}-secret\";\n"
        );
        let path = self.stage.directory().join(format!("{user}.properties"));
        fs::write(&path, properties)?;
        Ok(Client {
            properties: path.display().to_string(),
            jvm: None,
        })
    }

    /// Runs a stock tool.
    pub(crate) fn tool(
        &self,
        tool: &str,
        bootstrap: &str,
        client: &Client,
        (arguments, input): (&[&str], &str),
    ) -> Result<Output> {
        let mut command = self.stage.kafka().tool(tool);
        command.envs(client.jvm.as_ref().map(|jvm| ("KLAMM_KAFKA_JVM", jvm)));
        command.args([
            "--bootstrap-server",
            bootstrap,
            "--command-config",
            &client.properties,
        ]);
        command.args(arguments);
        Ok(child::run(command, input, LIMIT)?)
    }

    /// kcat as a user of PLAIN.
    pub(crate) fn kcat(
        &self,
        bootstrap: &str,
        (user, password): (&str, &str),
        arguments: &[&str],
        input: &str,
    ) -> Result<Output> {
        let mut command = script("kcat");
        command.args(["-b", bootstrap, "-X", "security.protocol=SASL_PLAINTEXT"]);
        for (name, value) in [
            ("sasl.mechanism", "PLAIN"),
            ("sasl.username", user),
            ("sasl.password", password),
        ] {
            command.args(["-X", &format!("{name}={value}")]);
        }
        command.args(arguments);
        Ok(child::run(command, input, LIMIT)?)
    }

    /// Writes a record to `orders` with kcat; an error holds what kcat said.
    pub(crate) fn write(&self, bootstrap: &str, login: (&str, &str), record: &str) -> Result<()> {
        let limit = ["-X", "message.timeout.ms=20000"];
        let arguments = [&["-P", "-t", "orders"][..], &limit].concat();
        let output = self.kcat(bootstrap, login, &arguments, &format!("{record}\n"))?;
        ensure!(
            output.status.success() && !output.stderr.contains("ERROR"),
            "{}",
            output.all()
        );
        Ok(())
    }

    /// All records of `orders`, read with kcat.
    pub(crate) fn read(&self, bootstrap: &str, login: (&str, &str)) -> Result<Vec<String>> {
        let arguments = ["-C", "-t", "orders", "-o", "beginning", "-e", "-q"];
        let output = self.kcat(bootstrap, login, &arguments, "")?;
        ensure!(output.status.success(), "{}", output.all());
        Ok(output.stdout.lines().map(str::to_owned).collect())
    }
}

/// Options of Java, which reads tokens and keys only from where it was told to.
fn jvm(url: &str) -> String {
    let path = url.trim_start_matches("file://");
    let allowed = "-Dorg.apache.kafka.sasl.oauthbearer.allowed";
    format!("-Xmx256m -XX:TieredStopAtLevel=1 {allowed}.urls={url} {allowed}.files={path}")
}

fn start_broker(stage: &mut Stage, sasl_port: u16, keys: &str) -> Result<()> {
    let package = "org.apache.kafka.common.security";
    let listener = "listener.name.sasl_plaintext";
    let scram = format!("{package}.scram.ScramLoginModule required;");
    let settings = [
        "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER".to_owned(),
        format!("{listener}.scram-sha-256.sasl.jaas.config={scram}"),
        format!("{listener}.scram-sha-512.sasl.jaas.config={scram}"),
        format!("{listener}.plain.connections.max.reauth.ms={SESSION_MS}"),
        format!(
            "{listener}.oauthbearer.sasl.jaas.config={package}.oauthbearer.OAuthBearerLoginModule required;"
        ),
        format!(
            "{listener}.oauthbearer.sasl.server.callback.handler.class={package}.oauthbearer.OAuthBearerValidatorCallbackHandler"
        ),
        format!("{listener}.oauthbearer.sasl.oauthbearer.jwks.endpoint.url={keys}"),
        format!("{listener}.oauthbearer.sasl.oauthbearer.expected.audience=kafka"),
    ];
    let port = sasl_port.to_string();
    let jvm = jvm(keys);
    let mut options = vec![
        "--sasl",
        &port,
        "--user",
        "alice=alice-secret",
        "--authorizer",
        "root",
        "--jvm",
        &jvm,
    ];
    for setting in &settings {
        options.extend(["--set", setting.as_str()]);
    }
    stage.start_kafka("main", &options)?;
    Ok(())
}

/// Users of SCRAM, the topic, and who may what.
fn fill_broker(stage: &Stage) -> Result<()> {
    let bootstrap = stage.bootstrap("main").context("main was started")?;
    let run = |tool: &str, arguments: &[&str]| {
        let words = [&[tool, "--bootstrap-server", bootstrap], arguments].concat();
        let output = stage.kafka().run(&words, "", LIMIT)?;
        ensure!(output.status.success(), "{arguments:?}: {}", output.all());
        Ok(())
    };
    let all_of = |user: &'static str| {
        [
            "--add",
            "--allow-principal",
            user,
            "--operation",
            "All",
            "--group",
            "*",
        ]
    };
    thread::scope(|scope| {
        let mut jobs = Vec::new();
        for (user, mechanism) in SCRAM_USERS {
            let config = format!("{mechanism}=[iterations=4096,password={user}-secret]");
            jobs.push(scope.spawn(move || {
                let entity = ["--alter", "--entity-type", "users", "--entity-name", user];
                run(
                    "kafka-configs",
                    &[&entity[..], &["--add-config", &config]].concat(),
                )
            }));
        }
        jobs.push(scope.spawn(|| {
            run(
                "kafka-topics",
                &["--create", "--topic", OWNED, "--partitions", "1"],
            )
        }));
        jobs.push(scope.spawn(|| {
            let more = ["--topic", "*", "--cluster", "--transactional-id", "*"];
            run("kafka-acls", &[&all_of("User:gateway")[..], &more].concat())
        }));
        jobs.push(scope.spawn(|| {
            let deny = ["--add", "--deny-principal", "User:gateway", "--topic", OWNED];
            run(
                "kafka-acls",
                &[&deny[..], &["--operation", "Read", "--operation", "Write"]].concat(),
            )
        }));
        jobs.push(scope.spawn(|| {
            let mut allow = all_of("User:alice").to_vec();
            for user in [
                "User:bob",
                "User:carol",
                "User:dora",
                "User:eve",
                "User:billing",
                "User:machine",
            ] {
                allow.extend(["--allow-principal", user]);
            }
            run("kafka-acls", &[&allow[..], &["--topic", OWNED]].concat())
        }));
        for job in jobs {
            job.join().map_err(|_| anyhow!("a tool panicked"))??;
        }
        Ok(())
    })
}

/// The gateway's own credentials for the broker, and two more.
fn clusters(sasl_port: u16, provider: &Provider) -> String {
    let scram = "org.apache.kafka.common.security.scram.ScramLoginModule required";
    let bearer = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required";
    let url = &provider.url;
    format!(
        "config:
  main:
    bootstrap.servers: 127.0.0.1:{sasl_port}
    security.protocol: SASL_PLAINTEXT
    sasl.mechanism: SCRAM-SHA-512
    sasl.jaas.config: '{scram} username=\"gateway\" password=\"gateway-secret\";'
    credentials:
      billing:
        sasl.mechanism: SCRAM-SHA-256
        sasl.jaas.config: '{scram} username=\"billing\" password=\"billing-secret\";'
      machine:
        sasl.mechanism: OAUTHBEARER
        sasl.oauthbearer.token.endpoint.url: '{url}/token'
        sasl.jaas.config: '{bearer} clientId=\"machine\" clientSecret=\"{CLIENT_SECRET}\";'
"
    )
}
