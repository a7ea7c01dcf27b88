//! Credentials that the gateway itself checks, with stock clients: SCRAM, lists of users, sessions that expire. Every login
//! of this scene lasts a few seconds only, so that all that takes longer logs in again underneath.

use std::fs;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use klamm::quickstart::child::{self, Output};
use klamm::quickstart::stage::{Nodes, PortChoice, Stage};
use serde_json::{Value, json};

use crate::program::Program;
use crate::scene::{LIMIT, Login, Scene, lines, script};
use crate::wire::{Wire, plain};

/// How long a login lasts in this scene, in milliseconds.
const LIFETIME_MS: i64 = 4_000;

/// The error code for clients that are refused.
const AUTHENTICATION_FAILED: i16 = 58;

/// Where a password of a list is, in the environment of the node.
const VARIABLE: (&str, &str) = ("KLAMM_SECRET_SHOP", "out-of-the-environment");

/// One Kafka cluster and one node, used by all tests that ask at the same time.
fn scene() -> Result<Arc<Scene>> {
    static SHARED: Mutex<Weak<Scene>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(scene) = shared.upgrade() {
        return Ok(scene);
    }
    let mut stage = Stage::new()?;
    let main = stage.start_kafka("main", &[])?;
    stage.configure(&[("main", &[("bootstrap.servers", &main)])])?;
    let lifetime = LIFETIME_MS.to_string();
    let variables = [("GATEWAY_CONNECTIONS_MAX_REAUTH_MS", lifetime.as_str()), VARIABLE];
    stage.start_nodes(&Nodes {
        program: env!("CARGO_BIN_EXE_klamm").into(),
        count: 1,
        advertised_host: "127.0.0.1".to_owned(),
        ports: PortChoice::Any,
        more: variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
    })?;
    let scene = Arc::new(Scene { stage });
    *shared = Arc::downgrade(&scene);
    Ok(scene)
}

/// A virtual cluster with topics of its own, these methods and these super users; gives its address.
fn vcluster(scene: &Scene, name: &str, super_users: &[&str], methods: &Value) -> Result<String> {
    let resource = json!({
        "kind": "VirtualCluster",
        "apiVersion": "gateway/v2",
        "metadata": {"name": name},
        "spec": {
            "backend": "main",
            "namespace": {"mode": "hide_prefix", "prefix": format!("{name}.")},
            "aclEnabled": true,
            "superUsers": super_users,
            "authentication": methods,
        },
    });
    let admin = scene.stage.admin(1);
    admin.put("virtual-cluster", &resource)?;
    Ok(admin.bootstrap(name)?)
}

/// Somebody who logs in by a password.
struct User<'a> {
    bootstrap: &'a str,
    mechanism: &'a str,
    name: &'a str,
    password: &'a str,
}

impl User<'_> {
    /// Runs a stock tool; `option` is how it calls the file of client properties.
    fn tool(&self, scene: &Scene, (tool, option): (&str, &str), arguments: &[&str]) -> Result<Output> {
        let module = match self.mechanism {
            "PLAIN" => "plain.PlainLoginModule",
            _ => "scram.ScramLoginModule",
        };
        let text = format!(
            "security.protocol=SASL_PLAINTEXT\nsasl.mechanism={}\nsasl.jaas.config=org.apache.kafka.common.security.\
             {module} required username=\"{}\" password=\"{}\";\n",
            self.mechanism, self.name, self.password
        );
        let name = format!("{}-{}-{}.properties", self.mechanism, self.name, self.password);
        let file = scene.stage.directory().join(name);
        fs::write(&file, text)?;
        let words = [
            tool,
            "--bootstrap-server",
            self.bootstrap,
            option,
            &file.display().to_string(),
        ];
        scene.tool(&[&words, arguments].concat(), "")
    }

    fn topics(&self, scene: &Scene) -> Result<Output> {
        self.tool(scene, ("kafka-topics", "--command-config"), &["--list"])
    }

    /// A command of kcat that lists the brokers and topics.
    fn kcat(&self, scene: &Scene) -> Command {
        let mut command = script("kcat");
        command.args(["-b", self.bootstrap, "-L", "-m", "20"]);
        for (key, value) in [
            ("security.protocol", "SASL_PLAINTEXT"),
            ("sasl.mechanism", self.mechanism),
            ("sasl.username", self.name),
            ("sasl.password", self.password),
        ] {
            command.args(["-X", &format!("{key}={value}")]);
        }
        command.current_dir(scene.stage.directory());
        command
    }

    /// kcat complains of this. It would go on trying for a while.
    fn kcat_says(&self, scene: &Scene, words: &str) -> Result<()> {
        let mut kcat = Program::run(
            scene,
            &format!("kcat-{}-{}", self.name, self.mechanism),
            self.kcat(scene),
        )?;
        kcat.complains(words)
    }

    /// A Java client and librdkafka see the topic `orders`.
    fn is_let_in(&self, scene: &Scene) -> Result<()> {
        let listed = self.topics(scene)?;
        ensure!(lines(&listed.stdout) == ["orders"], "{}", listed.all());
        let listed = child::run(self.kcat(scene), "", LIMIT)?;
        ensure!(
            listed.status.success() && listed.stdout.contains("topic \"orders\""),
            "{}",
            listed.all()
        );
        Ok(())
    }

    /// Nobody answers at the address any more.
    fn is_gone(&self, scene: &Scene) -> Result<()> {
        self.kcat_says(scene, "Connection refused")
    }

    /// Both are told that their login failed, and nothing of what is wrong.
    fn is_refused(&self, scene: &Scene) -> Result<()> {
        let refused = self.topics(scene)?;
        ensure!(
            refused.all().contains("SaslAuthenticationException") && !refused.status.success(),
            "{}",
            refused.all()
        );
        self.kcat_says(scene, "SASL authentication error")
    }
}

/// Changes or shows SCRAM credentials with `kafka-configs`; it must succeed.
fn users(scene: &Scene, admin: &Login, arguments: &[&str]) -> Result<String> {
    let users = ["--entity-type", "users"];
    scene.client_ok(admin, "kafka-configs", &[arguments, &users].concat())
}

/// Logs in with SCRAM-SHA-256 by a client of its own kind, which checks the server's signature too.
fn scram_login(wire: &mut Wire, user: &str, password: &str) -> Result<i16> {
    let answer = wire.handshake("SCRAM-SHA-256")?;
    ensure!(answer.error_code == 0, "{answer:?}");
    let client = scram::ScramClient::new(user, password, None);
    let (client, first) = client.client_first();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).context("text");
    let challenge = text(&wire.authenticate(&first)?.auth_bytes)?;
    let client = client
        .handle_server_first(&challenge)
        .map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let (client, last) = client.client_final();
    let answer = wire.authenticate(&last)?;
    if answer.error_code == 0 {
        let signature = text(&answer.auth_bytes)?;
        let checked = client.handle_server_final(&signature);
        checked.map_err(|error| anyhow::anyhow!("{error:?}"))?;
    }
    Ok(answer.error_code)
}

#[test]
fn scram_credentials_are_managed_by_stock_tools_and_log_in() -> Result<()> {
    let scene = scene()?;
    let methods = json!([
        {"type": "sasl_plain"}, {"type": "sasl_scram_sha_256"}, {"type": "sasl_scram_sha_512"},
    ]);
    let bootstrap = vcluster(&scene, "scram", &["super-user", "alice"], &methods)?;
    let admin = scene.login("scram", "super-user", 1)?;
    scene.client_ok(&admin, "kafka-topics", &["--create", "--topic", "orders"])?;
    let of_alice = ["--alter", "--entity-name", "alice"];
    // One at a time: brokers take no second change of a user in one request.
    for credential in [
        "SCRAM-SHA-256=[iterations=8192,password=alice-secret]",
        "SCRAM-SHA-512=[password=alice-secret]",
    ] {
        let add = ["--add-config", credential];
        users(&scene, &admin, &[&of_alice[..], &add].concat())?;
    }
    let described = users(&scene, &admin, &["--describe"])?;
    ensure!(
        described.contains("SCRAM-SHA-256=iterations=8192")
            && described.contains("SCRAM-SHA-512=iterations=4096"),
        "{described}"
    );

    let user = |mechanism, name, password| User {
        bootstrap: &bootstrap,
        mechanism,
        name,
        password,
    };
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
        user(mechanism, "alice", "alice-secret")
            .is_let_in(&scene)
            .context(mechanism)?;
    }
    user("SCRAM-SHA-512", "alice", "guess").is_refused(&scene)?;
    user("SCRAM-SHA-512", "nobody", "alice-secret").is_refused(&scene)?;

    let mut open = Wire::connect(&bootstrap)?;
    ensure!(scram_login(&mut open, "alice", "alice-secret")? == 0 && open.is_served());
    let guess = scram_login(&mut Wire::connect(&bootstrap)?, "alice", "guess")?;
    ensure!(guess == AUTHENTICATION_FAILED, "{guess}");
    let delete = [&of_alice[..], &["--delete-config", "SCRAM-SHA-256"]].concat();
    users(&scene, &admin, &delete)?;
    ensure!(
        !open.is_served(),
        "a session outlives the credential that it rests on"
    );
    let described = users(&scene, &admin, &["--describe", "--entity-name", "alice"])?;
    ensure!(!described.contains("SCRAM-SHA-256"), "{described}");
    user("SCRAM-SHA-256", "alice", "alice-secret").is_refused(&scene)?;
    let listed = user("SCRAM-SHA-512", "alice", "alice-secret").topics(&scene)?;
    ensure!(lines(&listed.stdout) == ["orders"], "{}", listed.all());
    Ok(())
}

/// A list of users of PLAIN.
fn list(users: &[(&str, &str)]) -> Value {
    let principals = users
        .iter()
        .map(|(username, password)| json!({"username": username, "password": password}));
    json!([{"type": "sasl_plain", "mediation": "terminate", "principals": principals.collect::<Vec<_>>()}])
}

#[test]
fn users_of_a_list_log_in_and_do_not_notice_when_others_come_and_go() -> Result<()> {
    let scene = scene()?;
    let from_environment = format!("${{env['{}']}}", VARIABLE.0);
    let both = [("billing", "in the resource"), ("shop", &*from_environment)];
    let bootstrap = vcluster(&scene, "lists", &["billing", "shop"], &list(&both))?;
    let user = |name, password| User {
        bootstrap: &bootstrap,
        mechanism: "PLAIN",
        name,
        password,
    };
    let created = user("billing", "in the resource").tool(
        &scene,
        ("kafka-topics", "--command-config"),
        &["--create", "--topic", "orders"],
    )?;
    ensure!(created.status.success(), "{}", created.all());
    user("shop", VARIABLE.1).is_let_in(&scene)?;
    user("shop", &from_environment).is_refused(&scene)?;
    user("nobody", "in the resource").is_refused(&scene)?;

    let unset = vcluster(
        &scene,
        "lists",
        &["billing"],
        &list(&[("eve", "${env['KLAMM_SECRET_NOT_SET']}")]),
    );
    let refused = format!("{:#}", unset.expect_err("a variable that is not set"));
    ensure!(
        refused.contains("NOT_SET, which is not set on the node"),
        "{refused}"
    );

    let mut open = Wire::connect(&bootstrap)?;
    let mut logged_in = Instant::now();
    let answer = open.log_in("PLAIN", &plain("billing", "in the resource"))?;
    ensure!(
        (1..=LIFETIME_MS).contains(&answer.session_lifetime_ms),
        "{answer:?}"
    );
    thread::scope(|scope| {
        let load = scope.spawn(|| produce(&scene, &user("shop", VARIABLE.1)));
        for turn in 0..20 {
            let passing = format!("passing-{turn}");
            let three = [both[0], both[1], (&*passing, "briefly")];
            vcluster(&scene, "lists", &["billing", "shop"], &list(&three))?;
            let answer = Wire::connect(&bootstrap)?.log_in("PLAIN", &plain(&passing, "briefly"))?;
            ensure!(answer.error_code == 0, "{passing}: {answer:?}");
            // It logs in again before its time is over, but not more often than it may.
            if logged_in.elapsed() > Duration::from_millis(1100) {
                logged_in = Instant::now();
                let again = open.log_in("PLAIN", &plain("billing", "in the resource"))?;
                ensure!(again.error_code == 0, "{again:?}");
            }
            ensure!(open.is_served(), "the change ended a session of another user");
        }
        load.join().expect("the producer's thread")
    })?;
    // From now on it does not log in again.
    thread::sleep(Duration::from_millis(LIFETIME_MS.unsigned_abs()));
    ensure!(!open.is_served(), "an expired session is served");

    vcluster(&scene, "lists", &["billing", "shop"], &list(&both[..1]))?;
    user("shop", VARIABLE.1).is_refused(&scene)
}

/// Produces for longer than two logins last; every record must arrive, over connections that stay.
fn produce(scene: &Scene, user: &User<'_>) -> Result<()> {
    let arguments = [
        "--topic",
        "orders",
        "--num-records",
        "5000",
        "--record-size",
        "100",
        "--throughput",
        "500",
    ];
    let produced = user.tool(
        scene,
        ("kafka-producer-perf-test", "--command-config"),
        &arguments,
    )?;
    ensure!(
        produced.stdout.contains("5000 records sent") && !produced.all().contains("isconnected"),
        "{}",
        produced.all()
    );
    let log = scene.stage.nodes()[0].log();
    // The next ones within ten seconds are only counted.
    let mut lines = log.lines();
    let has_again =
        lines.any(|line| line.contains("again=true") && line.contains(&format!("User:{}", user.name)));
    ensure!(has_again, "the producer did not log in again");
    Ok(())
}

/// Made in the words of another product's API, and used.
#[test]
fn a_virtual_cluster_of_event_gateways_is_served() -> Result<()> {
    let scene = scene()?;
    let body = json!({
        "name": "translated",
        "dns_label": "vc-1",
        "destination": {"id": "main"},
        "acl_mode": "enforce_on_gateway",
        "super_users": ["billing"],
        "authentication": [
            {"type": "sasl_plain", "mediation": "terminate",
             "principals": [{"username": "billing", "password": format!("${{env[\"{}\"]}}", VARIABLE.0)}]},
        ],
        "namespace": {"mode": "hide_prefix", "prefix": "translated_"},
    });
    let url = format!(
        "{}/v1/event-gateways/default/virtual-clusters",
        scene.stage.nodes()[0].admin_url()
    );
    let curl = |arguments: &[&str]| -> Result<Output> {
        let mut command = Command::new("curl");
        command.args([
            "--silent",
            "--show-error",
            "--fail-with-body",
            "--user",
            "admin:conduktor",
        ]);
        command.args(arguments);
        Ok(child::run(command, "", LIMIT)?)
    };
    let created = curl(&["--include", "--data-raw", &body.to_string(), &url])?;
    ensure!(created.stdout.starts_with("HTTP/1.1 201"), "{}", created.all());
    let answer = created.stdout.split("\r\n\r\n").nth(1).context("a body")?;
    let made: Value = serde_json::from_str(answer).context(answer.to_owned())?;
    let text = |field: &str| made[field].as_str().map(str::to_owned).context(field.to_owned());
    let (id, bootstrap) = (text("id")?, text("bootstrap_servers")?);
    let user = User {
        bootstrap: &bootstrap,
        mechanism: "PLAIN",
        name: "billing",
        password: VARIABLE.1,
    };
    let arguments = ["--create", "--topic", "orders"];
    let created = user.tool(&scene, ("kafka-topics", "--command-config"), &arguments)?;
    ensure!(created.status.success(), "{}", created.all());
    user.is_let_in(&scene)?;
    let deleted = curl(&["--request", "DELETE", "--include", &format!("{url}/{id}")])?;
    ensure!(deleted.stdout.starts_with("HTTP/1.1 204"), "{}", deleted.all());
    user.is_gone(&scene)
}
