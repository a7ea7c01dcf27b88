//! Keys in AWS KMS, as moto has it: it checks signatures and rights by AWS's own library for Python.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{
    KAFKA_STORAGE_ERROR, NONE, at_the_broker, consume, everything, fetch, forget, open, produce, setup, write,
};
use crate::batch;
use crate::scene::{Scene, eventually, json as parsed};

const REGION: &str = "eu-central-1";

/// The name of the user of the nodes.
const USER: &str = "klamm";

/// More calls than a test makes.
const ALL: &str = "1000000";

/// moto, with a user, a key, and a data key for keys of records. It ends with the test.
struct Moto {
    process: Child,
    url: String,
    /// The id of the key.
    key: String,
    record_key: String,
    /// The credentials of the user.
    id: String,
    secret: String,
}

impl Drop for Moto {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(open)?;
    Some(rest.split_once(close)?.0)
}

/// A call as it may be made while moto asks for no rights.
fn call(url: &str, service: &str, target: Option<&str>, body: &str) -> Result<String> {
    let place = format!("Credential=x/20260101/{REGION}/{service}/aws4_request");
    let mut request = ureq::post(url).header(
        "authorization",
        format!("AWS4-HMAC-SHA256 {place}, SignedHeaders=host, Signature=x"),
    );
    request = match target {
        Some(target) => request
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target),
        None => request.header("content-type", "application/x-www-form-urlencoded"),
    };
    Ok(request.send(body)?.body_mut().read_to_string()?)
}

impl Moto {
    fn start() -> Result<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka/encryption/moto.sh");
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let process = Command::new(script)
            .args(["serve", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut moto = Self {
            process,
            url: format!("http://127.0.0.1:{port}"),
            key: String::new(),
            record_key: String::new(),
            id: String::new(),
            secret: String::new(),
        };
        eventually("moto serves", || Ok(moto.asks_for_rights(false).is_ok()))?;
        let made = call(&moto.url, "kms", Some("TrentService.CreateKey"), "{}")?;
        let made: Value = serde_json::from_str(&made)?;
        moto.key = made["KeyMetadata"]["KeyId"].as_str().context("a key")?.to_owned();
        let alias = json!({"AliasName": "alias/orders", "TargetKeyId": moto.key});
        call(
            &moto.url,
            "kms",
            Some("TrentService.CreateAlias"),
            &alias.to_string(),
        )?;
        let asked = json!({"KeyId": moto.key, "KeySpec": "AES_256"}).to_string();
        let made = call(
            &moto.url,
            "kms",
            Some("TrentService.GenerateDataKeyWithoutPlaintext"),
            &asked,
        )?;
        let made: Value = serde_json::from_str(&made)?;
        moto.record_key = made["CiphertextBlob"].as_str().context("a data key")?.to_owned();
        moto.iam(&format!("Action=CreateUser&UserName={USER}"))?;
        let made = moto.iam(&format!("Action=CreateAccessKey&UserName={USER}"))?;
        let part =
            |name: &str| between(&made, &format!("<{name}>"), &format!("</{name}>")).map(str::to_owned);
        moto.id = part("AccessKeyId").context("an id")?;
        moto.secret = part("SecretAccessKey").context("a secret")?;
        moto.may(&["kms:GenerateDataKey", "kms:Decrypt"])?;
        Ok(moto)
    }

    fn iam(&self, form: &str) -> Result<String> {
        call(&self.url, "iam", None, &format!("{form}&Version=2010-05-08"))
    }

    /// Whether calls need signatures and rights.
    fn asks_for_rights(&self, does: bool) -> Result<()> {
        let count = if does { "0" } else { ALL };
        ureq::post(format!("{}/moto-api/reset-auth", self.url)).send(count)?;
        Ok(())
    }

    /// Gives the user these rights, and no other.
    fn may(&self, rights: &[&str]) -> Result<()> {
        self.asks_for_rights(false)?;
        let statement = json!({"Version": "2012-10-17", "Statement":
            [{"Effect": "Allow", "Action": rights, "Resource": "*"}]});
        let document: String = statement
            .to_string()
            .bytes()
            .map(|byte| format!("%{byte:02X}"))
            .collect();
        self.iam(&format!(
            "Action=PutUserPolicy&UserName={USER}&PolicyName=keys&PolicyDocument={document}"
        ))?;
        self.asks_for_rights(true)
    }

    /// Stops it, or has it go on.
    fn signal(&self, signal: &str) -> Result<()> {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status()?;
        ensure!(sent.success(), "kill {signal}");
        Ok(())
    }
}

/// Why the node says that a key cannot be used.
fn warning(scene: &Scene, key: &str) -> Result<String> {
    let url = format!("{}/health/ready", scene.stage.nodes()[0].admin_url());
    let ready = parsed(&ureq::get(url).call()?.body_mut().read_to_string()?)?;
    let warnings = ready["warnings"].as_array().cloned().unwrap_or_default();
    let of_key = |warning: &Value| warning.to_string().contains(&format!("key {key} for records"));
    Ok(warnings
        .into_iter()
        .find(of_key)
        .map_or_else(String::new, |warning| warning.to_string()))
}

/// A node with the keys `orders`, and `abroad`, which is in a region where there is no such key.
fn node(moto: &Moto, secret: &Path, id: &Path) -> Result<Scene> {
    Scene::start_with(1, "127.0.0.1", |_| {
        let credentials = format!(
            "access.key.id: '${{file[{}]}}', secret.access.key: '${{file[{}]}}'",
            id.display(),
            secret.display()
        );
        let (url, key, record_key) = (&moto.url, &moto.key, &moto.record_key);
        let keys = format!(
            "{{orders: {{kind: aws_kms, key: alias/orders, region: {REGION}, endpoint: '{url}', record.key: '{record_key}', {credentials}}}, \
             abroad: {{kind: aws_kms, key: {key}, region: eu-west-1, endpoint: '{url}', {credentials}}}}}"
        );
        Ok(vec![("KLAMM_KEYS".to_owned(), keys)])
    })
}

/// A key that cannot be used is one for now: clients try again, and the node says why; the secret is nowhere.
fn is_refused(scene: &mut Scene, moto: &Moto, (name, words): (&str, &str)) -> Result<()> {
    forget(scene)?;
    let user = scene.login(name, "super-user", 1)?;
    let mut wire = open(&user)?;
    let refused = write(&mut wire, "orders", batch::of(batch::record("one"))?)?;
    ensure!(refused.error_code == KAFKA_STORAGE_ERROR, "{words}: {refused:?}");
    let withheld = fetch(&mut wire, "orders", 0)?;
    ensure!(
        withheld.error_code == KAFKA_STORAGE_ERROR,
        "{words}: {withheld:?}"
    );
    let why = warning(scene, "orders")?;
    ensure!(
        why.contains(words) && !why.contains(&moto.secret),
        "{words}: {why}"
    );
    Ok(())
}

fn goes_on(scene: &Scene, name: &str) -> Result<()> {
    let user = scene.login(name, "super-user", 1)?;
    let mut wire = open(&user)?;
    eventually("records are encrypted again", || {
        Ok(write(&mut wire, "orders", batch::of(batch::record("one"))?)?.error_code == NONE)
    })?;
    eventually("records are decrypted again", || {
        Ok(fetch(&mut wire, "orders", 0)?.error_code == NONE)
    })
}

#[test]
#[ignore = "needs moto: make encryption"]
fn aws_kms_wraps_the_keys() -> Result<()> {
    const NAME: &str = "encrypted-aws";
    let moto = Moto::start()?;
    let directory = tempfile::tempdir()?;
    let (id, secret): (PathBuf, PathBuf) = (directory.path().join("id"), directory.path().join("secret"));
    fs::write(&id, &moto.id)?;
    fs::write(&secret, &moto.secret)?;
    let mut scene = node(&moto, &secret, &id)?;
    let user = setup(&scene, NAME, &everything("orders"))?;
    let sent: Vec<String> = (0..3)
        .map(|number| format!("ssn:secret-{number}\tsecret-key\tsecret-{number}"))
        .collect();
    produce(&scene, &user, "lz4", &sent)?;
    ensure!(consume(&scene, &user, 3)? == sent);
    ensure!(!at_the_broker(&scene, NAME, 3)?.contains("secret"));

    fs::write(&secret, "not-the-secret")?;
    is_refused(&mut scene, &moto, (NAME, "the status 403"))?;
    fs::write(&secret, &moto.secret)?;
    goes_on(&scene, NAME)?;
    ensure!(
        consume(&scene, &user, 3)? == sent,
        "a node that was started again decrypts keys, too"
    );

    moto.may(&["kms:DescribeKey"])?;
    is_refused(&mut scene, &moto, (NAME, "the status 403"))?;
    moto.may(&["kms:GenerateDataKey", "kms:Decrypt"])?;
    goes_on(&scene, NAME)?;

    moto.signal("-STOP")?;
    let silent = is_refused(&mut scene, &moto, (NAME, "does not answer"));
    moto.signal("-CONT")?;
    silent?;
    goes_on(&scene, NAME)?;

    // Another region has no such key; the topics of other keys go on.
    let abroad = setup(
        &scene,
        "encrypted-abroad",
        &json!({"type": "encrypt", "key": "abroad"}),
    )?;
    let refused = write(&mut open(&abroad)?, "orders", batch::of(batch::record("one"))?)?;
    ensure!(refused.error_code == KAFKA_STORAGE_ERROR, "{refused:?}");
    ensure!(warning(&scene, "abroad")?.contains("NotFoundException"));
    goes_on(&scene, NAME)
}
