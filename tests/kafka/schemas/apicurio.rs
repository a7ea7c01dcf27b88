//! Apicurio Registry, by its API that is Confluent's, and Confluent's serializers.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::validate;
use crate::scene::{LIMIT, Scene, eventually, lines};
use klamm::quickstart::child;

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka/schemas/apicurio.sh")
}

/// The registry. It ends with the test.
struct Apicurio {
    process: Child,
    url: String,
}

impl Drop for Apicurio {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Apicurio {
    fn start() -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let process = Command::new(script())
            .args(["serve", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let apicurio = Self {
            process,
            url: format!("http://127.0.0.1:{port}/apis/ccompat/v7"),
        };
        eventually("Apicurio serves", || {
            Ok(ureq::get(format!("{}/subjects", apicurio.url)).call().is_ok())
        })?;
        Ok(apicurio)
    }
}

/// Whatever Confluent's serializers write, with schemas that they register, goes through to consumers with deserializers; what is cut
/// off, too long, without an id, or of an unknown one is refused to the producer.
#[test]
#[ignore = "takes Apicurio Registry, and a minute: make schemas"]
fn what_serializers_write_goes_through_and_what_is_spoiled_does_not() -> Result<()> {
    const NAME: &str = "schemas-apicurio";
    let apicurio = Apicurio::start()?;
    let scene = Scene::start_with(1, "127.0.0.1", |_| {
        let registries = format!("{{central: {{url: '{}'}}}}", apicurio.url);
        Ok(vec![("KLAMM_REGISTRIES".to_owned(), registries)])
    })?;
    let topics = ["orders-json", "orders-avro"];
    for topic in topics {
        scene.topic(topic, 1)?;
    }
    scene.vcluster(NAME, &topics.map(|topic| (topic, topic)))?;
    let user = scene.login(NAME, "super-user", 1)?;
    let action = json!({ "validate": "schema", "registry": "central" });
    for phase in ["produce", "consume"] {
        validate(&scene, NAME, phase, (&action, None))?;
    }
    let mut command = Command::new(script());
    command
        .arg("python")
        .args([&user.bootstrap, &user.username, &user.token, &apicurio.url]);
    let said = child::run(command, "", LIMIT)?;
    ensure!(said.status.success(), "{}", said.all());
    let said: Vec<Value> = lines(&said.stdout)
        .iter()
        .map(|line| serde_json::from_str(line))
        .collect::<Result<_, _>>()?;
    let mut expected = Vec::new();
    for topic in topics {
        expected.push(json!({ "topic": topic, "good": ["None"], "count": 20 }));
        for bad in ["cut", "longer", "plain", "unknown"] {
            expected.push(json!({ "topic": topic, "bad": bad, "error": "INVALID_RECORD" }));
        }
        expected.push(json!({ "topic": topic, "same": true, "read": 20 }));
    }
    ensure!(said == expected, "{said:#?}");
    Ok(())
}
