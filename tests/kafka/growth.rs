//! A gateway of one node grows to three while clients produce, outlives its first node, and lets a node go, which is told so.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use klamm::quickstart::admin::Admin;
use klamm::quickstart::child;
use klamm::quickstart::node::{GatewayNode, NodeSettings};
use serde_json::Value;

use crate::failover::{RECORDS, acknowledged, start_producer};
use crate::scene::{self, Scene, eventually};

/// The exit code for a configuration, or a data directory, that cannot be used (`EX_CONFIG` of sysexits.h).
const EXIT_CONFIG: i32 = 78;

/// How long a node that was removed may take to end.
const ENDS: Duration = Duration::from_secs(60);

/// A node that joins the first one of the scene.
pub(crate) fn joining(scene: &Scene, place: u16) -> NodeSettings {
    let first = scene.stage.nodes()[0].settings();
    let at = |number| format!("127.0.0.1:{}", scene.stage.spare_port(number));
    let mut settings = NodeSettings {
        id: place + 1,
        data_dir: first.data_dir.with_file_name(format!("joined{place}")),
        http_port: first.http_port + place,
        port_start: first.port_start + place * first.port_count,
        ..first.clone()
    };
    settings.more.retain(|(name, _)| !name.starts_with("KLAMM_RAFT"));
    settings.more.extend([
        ("KLAMM_NODE_ID".to_owned(), "auto".to_owned()),
        ("KLAMM_RAFT_JOIN".to_owned(), at(0)),
        ("KLAMM_RAFT_ADVERTISED".to_owned(), at(place)),
    ]);
    settings
}

/// Runs `klamm cluster` at a node; what it prints.
pub(crate) fn cluster(node: &GatewayNode, words: &[&str]) -> Result<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_klamm"))
        .arg("cluster")
        .args(words)
        .args(["--admin-url", &node.admin_url()])
        .output()?;
    ensure!(
        output.status.success(),
        "cluster {words:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// The numbers of the nodes that have a role.
pub(crate) fn with_role(node: &GatewayNode, role: &str) -> Result<Vec<u64>> {
    let view: Value = scene::json(&cluster(node, &["members", "-o", "json"])?)?;
    let members = view["members"].as_array().context("members")?;
    let ids = members.iter().filter(|member| member["role"] == role);
    Ok(ids.filter_map(|member| member["id"].as_u64()).collect())
}

pub(crate) fn voters_become(node: &GatewayNode, voters: &[u64]) -> Result<()> {
    eventually("the voters change", || Ok(with_role(node, "VOTER")? == voters))
}

/// Starts it again, and waits until it ends by itself; its exit code, and all it has written.
fn ends(node: &mut GatewayNode) -> Result<(Option<i32>, String)> {
    let began = std::time::Instant::now();
    while began.elapsed() < ENDS {
        if let Some(status) = node.ended() {
            return Ok((status.code(), node.log()));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    anyhow::bail!("it goes on: {}", child::log_end(&node.log()))
}

#[test]
fn one_node_grows_to_three_while_clients_produce_and_a_removed_node_is_told_so() -> Result<()> {
    let mut scene = Scene::start_with(1, "127.0.0.1", |stage| {
        let advertised = format!("127.0.0.1:{}", stage.spare_port(0));
        Ok(vec![("KLAMM_RAFT_ADVERTISED".to_owned(), advertised)])
    })?;
    scene.topic("growth", 3)?;
    scene.vcluster("growth", &[("orders", "growth")])?;
    let user = scene.login("growth", "super-user", 1)?;
    let producer = start_producer(&scene, &user)?;

    let mut joined = Vec::new();
    for place in 1..=2 {
        let mut node = GatewayNode::start(joining(&scene, place))?;
        node.await_ready()?;
        joined.push(node);
    }
    ensure!(with_role(&joined[1], "LEARNER")? == [2, 3]);
    // They serve clients before they vote.
    let at_second = Admin::new(&joined[0].admin_url()).bootstrap("growth")?;
    ensure!(at_second.split(',').count() == 3, "{at_second}");
    cluster(&joined[0], &["voters", "--target", "3"])?;
    voters_become(&joined[1], &[1, 2, 3])?;

    ensure!(
        acknowledged(&producer.finish()?).len() == RECORDS,
        "clients noticed nothing"
    );

    // Clients and the cluster go on without the node that all began with.
    let user = scene.login_with(at_second, "super-user", user.token)?;
    let producer = start_producer(&scene, &user)?;
    eventually("the producer is at work", || {
        Ok(producer.acknowledged() > RECORDS / 8)
    })?;
    scene.stage.node_mut(1).kill();
    let made = cluster(&joined[0], &["demote", "1"])?;
    ensure!(made.contains("done"), "{made}");
    ensure!(
        acknowledged(&producer.finish()?).len() == RECORDS,
        "clients go on"
    );
    scene.stage.node_mut(1).restart()?;
    scene.stage.node_mut(1).await_ready()?;
    cluster(&joined[1], &["promote", "1"])?;
    voters_become(scene.stage.node_mut(1), &[1, 2, 3])?;

    let (mut second, third) = (joined.remove(0), joined.remove(0));
    let made = cluster(&third, &["remove", "2"])?;
    ensure!(made.contains("done"), "{made}");
    voters_become(&third, &[1, 3])?;
    let (code, log) = ends(&mut second)?;
    ensure!(code == Some(EXIT_CONFIG), "{code:?}: {}", child::log_end(&log));
    ensure!(
        log.contains("removed from its cluster at revision"),
        "{}",
        child::log_end(&log)
    );
    let mut again = GatewayNode::start(second.settings().clone())?;
    let (code, log) = ends(&mut again)?;
    ensure!(
        code == Some(EXIT_CONFIG) && log.contains("delete its data directory"),
        "{code:?}: {}",
        child::log_end(&log)
    );
    // As a new node it may come back, and gets a number that nobody has had.
    std::fs::remove_dir_all(&second.settings().data_dir)?;
    let mut again = GatewayNode::start(second.settings().clone())?;
    again.await_ready()?;
    ensure!(with_role(&third, "LEARNER")? == [4]);
    Ok(())
}
