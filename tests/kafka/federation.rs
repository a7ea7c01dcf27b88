//! Logins for which somebody else vouches, with stock clients: tokens of a provider, users of the broker, and accounts
//! that reach the broker as themselves.

#[path = "federation/provider.rs"]
pub(crate) mod provider;
#[path = "federation/scene.rs"]
pub(crate) mod scene;

use anyhow::{Context, Result, ensure};
use klamm::quickstart::admin;
use klamm::quickstart::signer::now_s;
use serde_json::{Value, json};

use crate::scene::{IDLE_MS, eventually, lines};
use crate::wire::{Wire, bearer, plain};
use scene::{Client, Federation, OWNED, SESSION_MS};

/// The answer to a client whose token is not good (RFC 7628 §3.2.2), whatever is wrong.
const INVALID_TOKEN: &str = "{\"status\":\"invalid_token\"}";
const AUTHENTICATION_FAILED: i16 = 58;

/// The method of tokens, with further properties.
fn oauth(mediation: &str, more: &Value) -> Value {
    let mut method = json!({"type": "oauth_bearer", "mediation": mediation, "provider": "corporate"});
    for (name, value) in more.as_object().into_iter().flatten() {
        method[name] = value.clone();
    }
    json!([method])
}

/// Logs in with a token; gives the milliseconds that the session has.
fn log_in(bootstrap: &str, token: &str) -> Result<i64> {
    let answer = Wire::connect(bootstrap)?.log_in("OAUTHBEARER", &bearer(token))?;
    ensure!(
        answer.error_code == 0 && answer.auth_bytes.is_empty(),
        "{answer:?}"
    );
    Ok(answer.session_lifetime_ms)
}

/// Shows a token that must be refused, in two steps and without a word about what is wrong with it.
fn refused(bootstrap: &str, token: &str) -> Result<()> {
    let mut wire = Wire::connect(bootstrap)?;
    let answer = wire.log_in("OAUTHBEARER", &bearer(token))?;
    ensure!(
        answer.error_code == 0 && answer.auth_bytes == INVALID_TOKEN,
        "{answer:?}"
    );
    let answer = wire.authenticate("\x01")?;
    let message = answer.error_message.as_deref();
    ensure!(
        answer.error_code == AUTHENTICATION_FAILED && message == Some(INVALID_TOKEN),
        "{answer:?}"
    );
    ensure!(wire.authenticate("\x01").is_err(), "the session goes on");
    Ok(())
}

#[test]
fn tokens_of_a_provider_log_in() -> Result<()> {
    let scene = Federation::shared()?;
    let provider = &scene.provider;
    let demands = json!({
        "requiredScopes": ["write"],
        "rules": [{"expression": "claims.tenant == 'a'", "message": "of tenant a"}],
    });
    let bootstrap = scene.vcluster("tokens", &["dora", "mapped"], &oauth("terminate", &demands))?;
    let right = json!({"tenant": "a"});
    let token = provider.token("dora", &right)?;

    let client = scene.bearer("dora", &token)?;
    let listed = scene.tool("kafka-topics", &bootstrap, &client, (&["--list"], ""))?;
    ensure!(lines(&listed.stdout) == ["orders"], "{}", listed.all());

    let lifetime = log_in(&bootstrap, &token)?;
    ensure!((1..=300_000).contains(&lifetime), "{lifetime}");
    let now = now_s();
    for wrong in [
        json!({"tenant": "a", "exp": now - 100}),
        json!({"tenant": "a", "nbf": now + 100}),
        json!({"tenant": "a", "aud": "elsewhere"}),
        json!({"tenant": "a", "iss": "http://127.0.0.1:1"}),
        json!({"tenant": "a", "scope": "read"}),
        json!({"tenant": "b"}),
        json!({}),
    ] {
        refused(&bootstrap, &provider.token("dora", &wrong)?).with_context(|| wrong.to_string())?;
    }
    // What is refused is refused for a Java client too, as a failure of the login.
    let client = scene.bearer("wrong", &provider.token("dora", &json!({"tenant": "b"}))?)?;
    let said = scene.tool("kafka-topics", &bootstrap, &client, (&["--list"], ""))?;
    ensure!(
        said.all().contains("SaslAuthenticationException"),
        "{}",
        said.all()
    );
    let log = scene.stage.nodes()[0].log();
    ensure!(
        log.contains("rule=\"of tenant a\""),
        "the log does not name the rule"
    );

    let mut account = admin::account("tokens", "mapped");
    account["spec"] = json!({"type": "EXTERNAL", "externalNames": ["subject-7"]});
    scene.stage.admin(1).put("service-account", &account)?;
    let client = scene.bearer("mapped", &provider.token("subject-7", &right)?)?;
    let listed = scene.tool("kafka-topics", &bootstrap, &client, (&["--list"], ""))?;
    ensure!(lines(&listed.stdout) == ["orders"], "{}", listed.all());

    again_is_the_same(&bootstrap, &token, &provider.token("eve", &right)?)
}

/// A session goes on with the same principal and mechanism, and with no other.
fn again_is_the_same(bootstrap: &str, token: &str, of_another: &str) -> Result<()> {
    let mut wire = Wire::connect(bootstrap)?;
    wire.log_in("OAUTHBEARER", &bearer(token))?;
    // Sessions log in again at most once a second.
    let pause = || std::thread::sleep(std::time::Duration::from_millis(1100));
    pause();
    let answer = wire.log_in("OAUTHBEARER", &bearer(token))?;
    ensure!(answer.error_code == 0 && wire.is_served(), "{answer:?}");
    pause();
    let answer = wire.log_in("OAUTHBEARER", &bearer(of_another))?;
    ensure!(answer.error_code == AUTHENTICATION_FAILED, "{answer:?}");
    ensure!(!wire.is_served(), "the session goes on");
    Ok(())
}

#[test]
fn keys_are_rotated_and_outlive_an_outage() -> Result<()> {
    let scene = Federation::shared()?;
    let provider = &scene.rotating;
    let mut methods = oauth("terminate", &json!({}));
    methods[0]["provider"] = json!("rotating");
    let bootstrap = scene.vcluster("rotating", &["dora"], &methods)?;
    let first = provider.token("dora", &json!({}))?;
    log_in(&bootstrap, &first)?;

    provider.rotate("k2")?;
    let second = provider.token("dora", &json!({}))?;
    // Tokens make the gateway ask for keys only every few seconds.
    eventually("the second key is read", || {
        Ok(log_in(&bootstrap, &second).is_ok())
    })?;
    refused(&bootstrap, &first).context("the first key is gone")?;

    provider.set_up(false);
    provider.rotate("k3")?;
    let third = provider.token("dora", &json!({}))?;
    refused(&bootstrap, &third).context("nobody can know the third key")?;
    log_in(&bootstrap, &second).context("the second key is still good")?;

    provider.set_up(true);
    eventually("the third key is read", || Ok(log_in(&bootstrap, &third).is_ok()))
}

#[test]
fn good_tokens_are_sent_on_and_others_are_not() -> Result<()> {
    let scene = Federation::shared()?;
    let demands = json!({"requiredScopes": ["write"]});
    let bootstrap = scene.vcluster("forward", &["dora"], &oauth("validate_forward", &demands))?;
    // The broker lets dora write, and not the gateway.
    let client = scene.bearer("forwarded", &scene.provider.token("dora", &json!({}))?)?;
    writes_and_reads(&scene, &bootstrap, &client, "forwarded")?;
    refused(
        &bootstrap,
        &scene.provider.token("dora", &json!({"scope": "read"}))?,
    )
}

/// Writes a record to `orders` and reads one there, with the console tools; it is the broker that has what was written.
fn writes_and_reads(scene: &Federation, bootstrap: &str, client: &Client, record: &str) -> Result<()> {
    let input = format!("{record}\n");
    let written = scene.tool(
        "kafka-console-producer",
        bootstrap,
        client,
        (&["--topic", "orders"], &input),
    )?;
    ensure!(
        written.status.success() && !written.stderr.contains("ERROR"),
        "{}",
        written.all()
    );
    let read = [
        "--topic",
        "orders",
        "--from-beginning",
        "--max-messages",
        "1",
        "--timeout-ms",
        IDLE_MS,
    ];
    let read = scene.tool("kafka-console-consumer", bootstrap, client, (&read, ""))?;
    ensure!(lines(&read.stdout).len() == 1, "{}", read.all());
    let stored = scene.stored()?;
    ensure!(stored.iter().any(|line| line == record), "{stored:?}");
    Ok(())
}

#[test]
fn users_of_the_broker_log_in_there() -> Result<()> {
    let scene = Federation::shared()?;
    let relayed = |kind: &str| json!({"type": kind, "mediation": "passthrough"});
    let mut methods = oauth("passthrough", &json!({}));
    let list = methods.as_array_mut().context("a list")?;
    list.extend(["sasl_plain", "sasl_scram_sha_256", "sasl_scram_sha_512"].map(relayed));
    let bootstrap = scene.vcluster("relayed", &["alice", "bob", "carol", "dora"], &methods)?;
    let alice = ("alice", "alice-secret");
    scene.write(&bootstrap, alice, "by alice")?;
    let read = scene.read(&bootstrap, alice)?;
    ensure!(read.contains(&"by alice".to_owned()), "{read:?}");
    for (mechanism, user) in [("SCRAM-SHA-256", "bob"), ("SCRAM-SHA-512", "carol")] {
        let client = scene.scram(mechanism, user)?;
        writes_and_reads(&scene, &bootstrap, &client, &format!("by {user}"))?;
    }
    let client = scene.bearer("relayed", &scene.provider.token("dora", &json!({}))?)?;
    writes_and_reads(&scene, &bootstrap, &client, "by dora")?;
    // The broker would let her; the gateway's ACLs do not.
    let client = scene.bearer("eve", &scene.provider.token("eve", &json!({}))?)?;
    let listed = scene.tool("kafka-topics", &bootstrap, &client, (&["--list"], ""))?;
    ensure!(
        listed.status.success() && lines(&listed.stdout).is_empty(),
        "{}",
        listed.all()
    );
    the_broker_has_the_last_word(&bootstrap)
}

/// Its message is what the client reads, and its session's lifetime what the session has.
fn the_broker_has_the_last_word(bootstrap: &str) -> Result<()> {
    let mut wire = Wire::connect(bootstrap)?;
    let answer = wire.log_in("PLAIN", &plain("alice", "wrong"))?;
    let message = answer.error_message.as_deref();
    ensure!(answer.error_code == AUTHENTICATION_FAILED, "{answer:?}");
    ensure!(
        message == Some("Authentication failed: Invalid username or password"),
        "{answer:?}"
    );
    ensure!(!wire.is_served(), "the session goes on");

    let mut wire = Wire::connect(bootstrap)?;
    let answer = wire.log_in("PLAIN", &plain("alice", "alice-secret"))?;
    ensure!(answer.error_code == 0, "{answer:?}");
    ensure!(
        (1..=SESSION_MS).contains(&answer.session_lifetime_ms),
        "{answer:?}"
    );
    ensure!(wire.is_served(), "no session");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let answer = wire.log_in("PLAIN", &plain("alice", "alice-secret"))?;
    ensure!(answer.error_code == 0 && wire.is_served(), "{answer:?}");
    Ok(())
}

#[test]
fn the_virtual_cluster_that_is_built_in_leaves_logins_and_rights_to_the_broker() -> Result<()> {
    let scene = Federation::shared()?;
    let bootstrap = scene.stage.admin(1).bootstrap("passthrough")?;
    let alice = ("alice", "alice-secret");
    let listed = scene.kcat(&bootstrap, alice, &["-L", "-t", OWNED], "")?;
    ensure!(
        listed.stdout.contains("topic \"owned\" with 1 partitions"),
        "{}",
        listed.all()
    );
    // The broker lets alice see that topic and no other.
    let written = scene.kcat(
        &bootstrap,
        alice,
        &["-P", "-t", "hidden", "-X", "message.timeout.ms=5000"],
        "x\n",
    )?;
    ensure!(!written.status.success(), "{}", written.all());
    let answer = Wire::connect(&bootstrap)?.handshake("SCRAM-SHA-512")?;
    ensure!(
        answer.error_code == 33 && answer.mechanisms.len() == 1,
        "{answer:?}"
    );
    Ok(())
}

#[test]
fn accounts_reach_the_broker_as_themselves() -> Result<()> {
    let scene = Federation::shared()?;
    let users = ["clerk", "robot"];
    let bootstrap = scene.vcluster("owners", &users, &json!([{"type": "sasl_plain"}]))?;
    let admin = scene.stage.admin(1);
    let put = |name: &str, credentials: Option<&str>| {
        let mut account = admin::account("owners", name);
        account["spec"]["upstreamCredentials"] = json!(credentials);
        admin.put("service-account", &account)
    };
    put("clerk", None)?;
    put("robot", Some("machine"))?;
    let (clerk, robot) = (
        admin.token("owners", "clerk", 3600)?,
        admin.token("owners", "robot", 3600)?,
    );
    let clerk = ("clerk", clerk.as_str());
    // The broker does not let the gateway write, which is not the clerk's fault.
    let refused = scene.write(&bootstrap, clerk, "by nobody");
    let said = format!("{:?}", refused.err());
    ensure!(said.contains("Unknown broker error"), "{said}");
    put("clerk", Some("billing"))?;
    scene.write(&bootstrap, clerk, "by billing")?;
    scene.write(&bootstrap, ("robot", &robot), "by machine")?;
    let read = scene.read(&bootstrap, clerk)?;
    ensure!(!read.contains(&"by nobody".to_owned()), "{read:?}");
    ensure!(
        read.contains(&"by billing".to_owned()) && read.contains(&"by machine".to_owned()),
        "{read:?}"
    );
    Ok(())
}
