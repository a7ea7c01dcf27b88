//! Records that are as their schemas say, that are not, and of which nobody knows for a while.

#[path = "schemas/apicurio.rs"]
mod apicurio;
#[path = "schemas/registry.rs"]
mod registry;

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::Record;
use serde_json::{Value, json};

use crate::batch;
use crate::encryption::{fetch, open, records, write};
use crate::scene::{Login, Scene, eventually, json as parsed};
use crate::wire::Wire;
use registry::Registry;

const NONE: i16 = 0;
const CORRUPT_MESSAGE: i16 = 2;
const KAFKA_STORAGE_ERROR: i16 = 56;
const INVALID_RECORD: i16 = 87;

const UNIQUE: &str = "01010101-0101-0101-0101-010101010101";

/// A node that asks a registry with a schema of each format, which it may do within a second.
fn started(registry: &Registry) -> Result<Scene> {
    let orders =
        json!({ "type": "object", "required": ["id"], "properties": { "id": { "type": "integer" } } });
    registry.register(1, Some("JSON"), &orders);
    registry.register(
        2,
        None,
        &json!({ "type": "record", "name": "Order", "fields": [{ "name": "id", "type": "long" }] }),
    );
    registry.register_unique(UNIQUE, Some("JSON"), &orders);
    let url = registry.url();
    Scene::start_with(1, "127.0.0.1", |_| {
        let registries = format!("{{central: {{url: '{url}', timeout.ms: 1000}}}}");
        Ok(vec![("KLAMM_REGISTRIES".to_owned(), registries)])
    })
}

/// A virtual cluster of a test, with an alias `orders` of a topic of its name.
fn setup(scene: &Scene, name: &str) -> Result<Login> {
    scene.topic(name, 1)?;
    scene.vcluster(name, &[("orders", name)])?;
    scene.login(name, "super-user", 1)
}

/// Puts a validation in the place of the one of this phase that there was.
fn validate(scene: &Scene, name: &str, phase: &str, (action, mode): (&Value, Option<&str>)) -> Result<()> {
    let policy_name = match phase {
        "produce" => "good",
        _ => "seen",
    };
    let mut action = action.clone();
    action["type"] = json!("schema_validation");
    let mut policy = json!({
        "kind": "Policy", "apiVersion": "gateway/v2",
        "metadata": { "name": policy_name, "vCluster": name },
        "spec": { "phase": phase, "action": action },
    });
    if let Some(mode) = mode {
        policy["spec"]["failureMode"] = json!(mode);
    }
    scene.stage.admin(1).put("policy", &policy)?;
    Ok(())
}

fn of(value: impl Into<Bytes>) -> Record {
    Record {
        value: Some(value.into()),
        ..batch::record("")
    }
}

/// A value with the number of its schema before it.
fn framed(id: u8, value: &str) -> Record {
    of([&[0, 0, 0, 0, id], value.as_bytes()].concat())
}

/// A value whose schema a header names.
fn with_header(value: &str) -> Record {
    let mut record = of(value.to_owned());
    let header = StrBytes::from_static_str("__value_schema_id");
    record.headers.insert(header, Some(Bytes::from([1; 17].to_vec())));
    record
}

fn is_warned_of(scene: &Scene, registry: &str) -> Result<bool> {
    let url = format!("{}/health/ready", scene.stage.nodes()[0].admin_url());
    let ready = parsed(&ureq::get(url).call()?.body_mut().read_to_string()?)?;
    ensure!(ready["status"] == "READY", "{ready}");
    let warnings = ready["warnings"].to_string();
    Ok(warnings.contains(&format!("schema registry {registry}:")))
}

/// A validation, a record that is good, and records that are not.
type Case = (Value, Record, Vec<Record>);

fn cases() -> Vec<Case> {
    let json_schema = json!({ "validate": "schema", "registry": "central", "formats": ["json_schema"] });
    let any = || json!({ "validate": "schema", "registry": "central" });
    vec![
        (
            json!({ "validate": "json" }),
            of("{\"a\":[1]}"),
            vec![of("{\"a\":"), framed(1, "{}")],
        ),
        (
            json!({ "validate": "id" }),
            framed(99, "x"),
            vec![of("x"), of("")],
        ),
        (
            json!({ "validate": "id", "registry": "central" }),
            framed(1, "x"),
            vec![framed(99, "x"), of("x")],
        ),
        (
            json_schema,
            framed(1, "{\"id\":7}"),
            vec![
                framed(1, "{\"id\":\"7\"}"),
                framed(1, "{"),
                framed(2, "\u{e}"),
                of("{\"id\":7}"),
            ],
        ),
        (
            any(),
            framed(2, "\u{e}"),
            vec![framed(2, "\u{e}x"), framed(2, ""), framed(1, "\u{e}")],
        ),
        (any(), with_header("{\"id\":7}"), vec![with_header("{}")]),
    ]
}

/// Of each kind of validation, what goes through and what does not; nothing would be refused without the policy.
#[test]
fn what_is_produced_is_as_its_schema_says() -> Result<()> {
    const NAME: &str = "schemas-produced";
    let registry = Registry::start()?;
    let scene = started(&registry)?;
    let user = setup(&scene, NAME)?;
    let mut wire = open(&user)?;
    let mut sent = 0;
    for (action, good, bad) in cases() {
        validate(&scene, NAME, "produce", (&action, None))?;
        for record in bad {
            refused_or_let_through(&scene, &mut wire, (NAME, &action, record), sent)?;
            sent += 2;
        }
        let written = write(&mut wire, "orders", batch::of(good)?)?;
        ensure!(written.error_code == NONE, "{action}: {written:?}");
        sent += 1;
    }
    ensure!(registry.calls() < 10, "schemas are kept: {}", registry.calls());
    let shown = scene.metrics(1)?;
    for line in [
        "klamm_registry_calls_total{outcome=\"ok\",registry=\"central\"} 3",
        "klamm_registry_usable{registry=\"central\"} 1",
    ] {
        ensure!(shown.contains(line), "{line}");
    }
    Ok(())
}

/// A bad record is refused; in other modes it goes through, marked or not.
fn refused_or_let_through(
    scene: &Scene,
    wire: &mut Wire,
    (name, action, record): (&str, &Value, Record),
    sent: i64,
) -> Result<()> {
    let refused = write(wire, "orders", batch::of(record.clone())?)?;
    ensure!(
        refused.error_code == INVALID_RECORD,
        "{action} {record:?}: {refused:?}"
    );
    let words = refused.error_message.as_deref().unwrap_or_default();
    ensure!(
        words.contains("by the policy good, the value"),
        "{action}: {words}"
    );
    for mode in ["mark", "passthrough"] {
        validate(scene, name, "produce", (action, Some(mode)))?;
        ensure!(
            write(wire, "orders", batch::of(record.clone())?)?.error_code == NONE,
            "{mode}"
        );
    }
    validate(scene, name, "produce", (action, None))?;
    let stored = records(&fetch(&mut Wire::connect(scene.physical())?, name, sent)?)?;
    let [marked, passed] = &stored[..] else {
        bail!("{action}: {stored:?}")
    };
    let mark = StrBytes::from_static_str("klamm/policy-failure-good");
    ensure!(marked.headers.contains_key(&mark) && !passed.headers.contains_key(&mark));
    Ok(())
}

/// Records that others wrote, past the gateway, and what becomes of them in each mode.
#[test]
fn what_is_consumed_is_as_its_schema_says() -> Result<()> {
    const NAME: &str = "schemas-consumed";
    let registry = Registry::start()?;
    let scene = started(&registry)?;
    let user = setup(&scene, NAME)?;
    let mut broker = Wire::connect(scene.physical())?;
    for value in ["{\"id\":1}", "{}", "{\"id\":3}"] {
        ensure!(write(&mut broker, NAME, batch::of(framed(1, value))?)?.error_code == NONE);
    }
    let mut wire = open(&user)?;
    let action = json!({ "validate": "schema", "registry": "central" });
    let offsets = |wire: &mut Wire, from| -> Result<(i16, Vec<i64>)> {
        let partition = fetch(wire, "orders", from)?;
        let offsets = records(&partition)?.iter().map(|record| record.offset).collect();
        Ok((partition.error_code, offsets))
    };
    ensure!(
        offsets(&mut wire, 0)? == (NONE, vec![0, 1, 2]),
        "without a policy"
    );
    for mode in [None, Some("error")] {
        validate(&scene, NAME, "consume", (&action, mode))?;
        ensure!(offsets(&mut wire, 0)? == (NONE, vec![0]), "all before it");
        ensure!(offsets(&mut wire, 1)?.0 == CORRUPT_MESSAGE);
        ensure!(offsets(&mut wire, 2)? == (NONE, vec![2]));
    }
    validate(&scene, NAME, "consume", (&action, Some("skip")))?;
    ensure!(offsets(&mut wire, 0)? == (NONE, vec![0, 2]));
    validate(&scene, NAME, "consume", (&action, Some("passthrough")))?;
    ensure!(offsets(&mut wire, 0)? == (NONE, vec![0, 1, 2]));
    validate(&scene, NAME, "consume", (&action, Some("mark")))?;
    let marked = records(&fetch(&mut wire, "orders", 0)?)?;
    let marks: Vec<usize> = marked.iter().map(|record| record.headers.len()).collect();
    ensure!(marks == [0, 1, 0], "{marked:?}");
    Ok(())
}

/// While a registry is away, records of schemas that are known go on, and others are told to be tried again: also those whose
/// policy would skip or mark bad ones. Nothing is refused for good, and soon after it is back everything goes on.
#[test]
fn a_registry_that_is_killed_turns_nothing_away_for_longer_than_that() -> Result<()> {
    const NAME: &str = "schemas-away";
    let mut registry = Registry::start()?;
    let scene = started(&registry)?;
    let user = setup(&scene, NAME)?;
    let action = json!({ "validate": "schema", "registry": "central" });
    validate(&scene, NAME, "produce", (&action, None))?;
    let mut wire = open(&user)?;
    let known = || batch::of(framed(1, "{\"id\":1}"));
    let other = || batch::of(framed(2, "\u{e}"));
    ensure!(write(&mut wire, "orders", known()?)?.error_code == NONE);

    registry.kill()?;
    for mode in [None, Some("mark")] {
        validate(&scene, NAME, "produce", (&action, mode))?;
        let refused = write(&mut wire, "orders", other()?)?;
        ensure!(refused.error_code == KAFKA_STORAGE_ERROR, "{mode:?}: {refused:?}");
        let words = refused.error_message.as_deref().unwrap_or_default();
        ensure!(
            words.contains("the schema registry cannot be asked now"),
            "{words}"
        );
        ensure!(
            write(&mut wire, "orders", known()?)?.error_code == NONE,
            "it is known"
        );
        let bad = write(&mut wire, "orders", batch::of(framed(1, "{\"id\":1"))?)?;
        ensure!(bad.error_code == if mode.is_none() { INVALID_RECORD } else { NONE });
    }
    ensure!(is_warned_of(&scene, "central")?);
    ensure!(
        scene
            .metrics(1)?
            .contains("klamm_registry_usable{registry=\"central\"} 0")
    );
    validate(&scene, NAME, "produce", (&action, Some("passthrough")))?;
    ensure!(
        write(&mut wire, "orders", other()?)?.error_code == NONE,
        "the policy says so"
    );
    let last = records(&fetch(&mut wire, "orders", 0)?)?
        .last()
        .context("a record")?
        .offset;
    validate(&scene, NAME, "consume", (&action, Some("skip")))?;
    ensure!(
        fetch(&mut wire, "orders", last)?.error_code == KAFKA_STORAGE_ERROR,
        "a good one is not skipped"
    );

    // Good records are written again soon after the registry is back, also those that nobody sent meanwhile.
    validate(&scene, NAME, "produce", (&action, None))?;
    registry.revive()?;
    let begun = Instant::now();
    while write(&mut wire, "orders", other()?)?.error_code != NONE {
        ensure!(
            begun.elapsed() < Duration::from_secs(5),
            "for longer than it lasts"
        );
        thread::sleep(Duration::from_millis(100));
    }
    eventually("nobody is warned any more", || {
        Ok(!is_warned_of(&scene, "central")?)
    })?;
    ensure!(fetch(&mut wire, "orders", last)?.error_code == NONE);
    Ok(())
}

/// One that is slow is waited for, and one that is too slow is away. A registry that the node does not have closes the topic, whatever
/// the policy says, and is told by its name.
#[test]
fn a_registry_that_is_slow_is_waited_for_and_one_that_is_missing_is_told() -> Result<()> {
    const NAME: &str = "schemas-slow";
    let registry = Registry::start()?;
    let scene = started(&registry)?;
    let user = setup(&scene, NAME)?;
    let action = json!({ "validate": "schema", "registry": "central" });
    validate(&scene, NAME, "produce", (&action, None))?;
    let mut wire = open(&user)?;
    registry.register(3, None, &json!("string"));
    registry.delay(Duration::from_millis(300));
    ensure!(write(&mut wire, "orders", batch::of(framed(3, "\u{2}a"))?)?.error_code == NONE);
    registry.delay(Duration::from_secs(3));
    let late = write(&mut wire, "orders", batch::of(framed(1, "{\"id\":1}"))?)?;
    ensure!(late.error_code == KAFKA_STORAGE_ERROR, "{late:?}");
    registry.delay(Duration::ZERO);

    let missing = json!({ "validate": "schema", "registry": "nowhere" });
    validate(&scene, NAME, "produce", (&missing, Some("passthrough")))?;
    let closed = write(&mut wire, "orders", batch::of(framed(3, "\u{2}a"))?)?;
    ensure!(closed.error_code == KAFKA_STORAGE_ERROR, "{closed:?}");
    ensure!(is_warned_of(&scene, "nowhere")?);
    Ok(())
}
