//! Leases through the program: a node that hears no leader decides nothing, and one that was paused allows nothing that was
//! taken away in the meantime.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{MetadataRequest, MetadataResponse, TopicName};
use kafka_protocol::protocol::StrBytes;
use serde_json::{Value, json};

use crate::scene::{self, Login, READER, Scene, eventually};
use crate::wire::{Wire, plain};

/// How often a node is paused.
const ROUNDS: usize = 3;

const TOPIC_AUTHORIZATION_FAILED: i16 = 29;

/// The others are paused, so that the first node hears no leader.
pub(crate) fn a_node_that_hears_no_leader_decides_nothing(scene: &Scene, user: &Login) -> Result<()> {
    eventually("it says that it holds no lease", || {
        let mut ready = ureq::get(format!("{}/health/ready", scene.stage.nodes()[0].admin_url()))
            .config()
            .http_status_as_error(false)
            .build()
            .call()?;
        Ok(ready.body_mut().read_to_string()?.contains("holds no lease"))
    })?;
    let metrics = scene.metrics(1)?;
    for figure in [
        "klamm_lease_seconds_left 0",
        "klamm_deciding_without_lease 0",
        "klamm_raft{figure=\"has_leader\"} 0",
        "klamm_nodes{state=\"up\"} 1",
    ] {
        ensure!(
            metrics.lines().any(|line| line == figure),
            "{figure:?} is missing in {metrics}"
        );
    }
    ensure!(deciding(scene)? == "NO");
    let credentials = plain(&user.username, &user.token);
    let mut held = Wire::connect(&user.bootstrap)?;
    held.handshake("PLAIN")?;
    // A refusal would be for good: clients give up. One that is cut off tries elsewhere.
    let answer = held.authenticate(&credentials);
    ensure!(answer.is_err() && held.is_closed()?, "{answer:?}");
    ensure!(
        scene.metrics(1)?.lines().any(|line| {
            line.strip_prefix("klamm_requests_held_total{outcome=\"closed\"} ")
                .is_some_and(|count| count != "0")
        }),
        "nobody counted it"
    );
    // Somebody who knows that the others are lost, and not only out of reach.
    allow(scene, 600)?;
    let mut served = Wire::connect(&user.bootstrap)?;
    served.log_in("PLAIN", &credentials)?;
    ensure!(served.is_served(), "it was allowed to");
    ensure!(deciding(scene)? == "AS_ALLOWED");
    ensure!(
        scene
            .metrics(1)?
            .lines()
            .any(|line| line == "klamm_deciding_without_lease 1")
    );
    clients_are_sent_to_it_alone(scene, user)?;
    allow(scene, 0)
}

/// Whoever comes to the first node is told of no other, for it hears none; Java and librdkafka work through it.
fn clients_are_sent_to_it_alone(scene: &Scene, user: &Login) -> Result<()> {
    let node = scene.stage.nodes()[0].settings();
    let ports = node.port_start..node.port_start + node.port_count;
    let user = Login {
        bootstrap: address_at(scene, user, 0)?,
        ..user.clone()
    };
    let mut wire = Wire::connect(&user.bootstrap)?;
    wire.log_in("PLAIN", &plain(&user.username, &user.token))?;
    let all = MetadataRequest::default().with_topics(None);
    let told: MetadataResponse = wire.ask(4, &all)?;
    let is_here = |port: i32| u16::try_from(port).is_ok_and(|port| ports.contains(&port));
    ensure!(
        !told.brokers.is_empty() && told.brokers.iter().all(|broker| is_here(broker.port)),
        "{:?}",
        told.brokers
    );
    let produced = scene.kcat(&user, &["-P", "-t", "orders"], "through the one that is left\n")?;
    ensure!(produced.status.success(), "{}", produced.all());
    let offsets = scene.client_ok(&user, "kafka-get-offsets", &["--topic", "orders"])?;
    ensure!(offsets.contains("orders:"), "{offsets}");
    Ok(())
}

/// The grounds on which the first node says that it decides requests.
fn deciding(scene: &Scene) -> Result<Value> {
    let answer = scene.stage.admin(1).call("GET", "cluster", None)?.ok()?;
    Ok(scene::json(&answer.body)?["deciding"].clone())
}

/// Has the first node decide by itself for so long, whatever it hears of others.
pub(crate) fn allow(scene: &Scene, seconds: u32) -> Result<()> {
    let body = json!({ "seconds": seconds });
    let answer = scene
        .stage
        .admin(1)
        .call("POST", "cluster/isolate-ok", Some(&body))?;
    ensure!(answer.status == 200, "{answer:?}");
    Ok(())
}

/// The bootstrap address that somebody has at one node.
pub(crate) fn address_at(scene: &Scene, login: &Login, index: usize) -> Result<String> {
    let node = scene.stage.nodes()[index].settings();
    let ports = node.port_start..node.port_start + node.port_count;
    let is_its = |address: &&str| {
        let port = address.rsplit(':').next().and_then(|port| port.parse().ok());
        port.is_some_and(|port| ports.contains(&port))
    };
    let its = login.bootstrap.split(',').find(is_its);
    Ok(its.context("an address")?.to_owned())
}

/// Sends a signal to a node.
pub(crate) fn signal(scene: &Scene, index: usize, name: &str) -> Result<()> {
    let pid = scene.stage.nodes()[index].pid().to_string();
    let status = Command::new("kill").args([name, &pid]).status()?;
    ensure!(status.success(), "kill {name} {pid}");
    Ok(())
}

/// A request that lies in the socket of a paused node while a right is taken away is not allowed when the node goes on.
pub(crate) fn a_node_that_was_paused_allows_nothing_that_was_taken_away(scene: &Scene) -> Result<()> {
    let leader = scene.stage.admin(1).leader()? - 1;
    let paused = (0..3).find(|index| *index != leader).context("another node")?;
    let reader = scene.login("failover", "reader", leader + 1)?;
    let anywhere = scene.login("failover", "super-user", leader + 1)?;
    let there = address_at(scene, &anywhere, paused)?;
    let admin = Login {
        bootstrap: address_at(scene, &anywhere, leader)?,
        ..anywhere
    };
    let acls = |verb: &[&str]| scene.client_ok(&admin, "kafka-acls", &[verb, &READER].concat());
    let metadata = MetadataRequest::default().with_topics(Some(vec![
        MetadataRequestTopic::default().with_name(Some(TopicName(StrBytes::from_static_str("orders")))),
    ]));
    let error = |answer: &MetadataResponse| answer.topics.first().map(|topic| topic.error_code);
    let signal = |name: &str| signal(scene, paused, name);
    for round in 0..ROUNDS {
        acls(&["--add"])?;
        let mut client = Wire::connect(&there)?;
        client.log_in("PLAIN", &plain(&reader.username, &reader.token))?;
        ensure!(error(&client.ask(4, &metadata)?) == Some(0), "it may read");
        signal("-STOP")?;
        let removed = acls(&["--remove", "--force"]);
        let sent = client.send(4, &metadata);
        signal("-CONT")?;
        removed?;
        sent?;
        if let Ok(answer) = client.receive::<MetadataRequest>(4) {
            ensure!(
                error(&answer) == Some(TOPIC_AUTHORIZATION_FAILED),
                "round {round}: it was allowed after the right was gone: {answer:?}"
            );
        }
        eventually("the node serves by the new rights", || {
            let mut client = Wire::connect(&there)?;
            Ok(client
                .log_in("PLAIN", &plain(&reader.username, &reader.token))
                .and_then(|_| client.ask(4, &metadata))
                .is_ok_and(|answer| error(&answer) == Some(TOPIC_AUTHORIZATION_FAILED)))
        })?;
    }
    Ok(())
}
