//! A change of a namespace, a list or an alias reaches those who use what changed, and nobody loses a connection.

use anyhow::{Context as _, Result, ensure};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{MetadataRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use klamm::quickstart::admin;
use serde_json::{Value, json};

use crate::scene::{CLUSTER, Login, Scene, eventually};
use crate::wire::{Wire, plain};

const NONE: i16 = 0;
const UNKNOWN_TOPIC: i16 = 3;

fn open(user: &Login) -> Result<Wire> {
    let mut wire = Wire::connect(&user.bootstrap)?;
    let answer = wire.log_in("PLAIN", &plain(&user.username, &user.token))?;
    ensure!(answer.error_code == NONE, "{answer:?}");
    Ok(wire)
}

/// The error code of a topic.
fn told(wire: &mut Wire, topic: &str) -> Result<i16> {
    let name = TopicName(StrBytes::from_string(topic.to_owned()));
    let request = MetadataRequest::default()
        .with_topics(Some(vec![MetadataRequestTopic::default().with_name(Some(name))]))
        .with_allow_auto_topic_creation(false);
    let answer = wire.ask(9, &request)?;
    let topic = answer.topics.first().context("the topic is told")?;
    Ok(topic.error_code)
}

fn tells(wire: &mut Wire, topic: &str, code: i16) -> Result<()> {
    eventually(&format!("{topic} is told with code {code}"), || {
        Ok(told(wire, topic)? == code)
    })
}

fn namespace(additional: &[&str]) -> Value {
    json!({
        "kind": "VirtualCluster", "apiVersion": "gateway/v2", "metadata": {"name": "changing"},
        "spec": {"type": "Standard", "backend": CLUSTER, "aclEnabled": true, "superUsers": ["super-user"],
            "namespace": {"mode": "hide_prefix", "prefix": "changing-",
                "additional": {"topics": additional, "consumerGroups": []}}},
    })
}

#[test]
fn changes_are_seen_by_open_sessions_and_close_none() -> Result<()> {
    let scene = Scene::shared()?;
    for topic in [
        "changing-own",
        "shared-list",
        "staying-physical",
        "later-physical",
    ] {
        scene.topic(topic, 1)?;
    }
    let admin = scene.stage.admin(1);
    admin.put("virtual-cluster", &namespace(&[]))?;
    let changing = scene.login("changing", "super-user", 1)?;
    scene.vcluster("staying", &[("kept", "staying-physical")])?;
    let staying = scene.login("staying", "super-user", 1)?;
    let (mut user, mut other) = (open(&changing)?, open(&staying)?);
    tells(&mut user, "own", NONE)?;
    tells(&mut other, "kept", NONE)?;
    ensure!(told(&mut user, "shared-list")? == UNKNOWN_TOPIC);

    admin.put("virtual-cluster", &namespace(&["shared-*"]))?;
    ensure!(
        told(&mut user, "shared-list")? == NONE,
        "once it is answered it is seen"
    );
    admin.put("virtual-cluster", &namespace(&[]))?;
    ensure!(told(&mut user, "shared-list")? == UNKNOWN_TOPIC);

    let alias = admin::alias("changing", "later", (CLUSTER, "later-physical"));
    admin.put("alias-topic", &alias)?;
    tells(&mut user, "later", NONE)?;
    let mut moved = admin::alias("changing", "later", (CLUSTER, "shared-list"));
    moved["spec"]["repoint"] = json!(true);
    admin.put("alias-topic", &moved)?;
    tells(&mut user, "later", NONE)?;
    let gone = json!({"name": "later", "vCluster": "changing"});
    let deleted = admin.call("DELETE", "alias-topic", Some(&gone))?;
    ensure!(deleted.status == 204, "{deleted:?}");
    ensure!(told(&mut user, "later")? == UNKNOWN_TOPIC);

    scene.direct(
        "kafka-topics",
        &["--create", "--topic", "changing-new", "--partitions", "1"],
        "",
    )?;
    tells(&mut user, "new", NONE)?;
    scene.direct("kafka-topics", &["--delete", "--topic", "changing-new"], "")?;
    tells(&mut user, "new", UNKNOWN_TOPIC)?;

    ensure!(told(&mut user, "own")? == NONE && told(&mut other, "kept")? == NONE);
    Ok(())
}
