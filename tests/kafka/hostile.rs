//! An account without any right that asks for much: what it gets, and what it cannot have done.

use anyhow::{Result, ensure};
use kafka_protocol::messages::create_acls_request::AclCreation;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    CreateAclsRequest, ListTransactionsRequest, ListTransactionsResponse, MetadataRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use crate::scene::{Login, Scene, eventually};
use crate::wire::{Wire, plain};

const FEW_LINES: usize = 10;

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn log_in(user: &Login) -> Result<Wire> {
    let mut wire = Wire::connect(&user.bootstrap)?;
    let answer = wire.log_in("PLAIN", &plain(&user.username, &user.token))?;
    ensure!(answer.error_code == 0, "{answer:?}");
    Ok(wire)
}

#[test]
fn an_account_without_rights_cannot_cost_much() -> Result<()> {
    let scene = Scene::shared()?;
    scene.vcluster("hostile", &[])?;
    let nobody = scene.login("hostile", "nobody", 1)?;
    let metric = |name: &str| -> Result<f64> {
        let all = scene.metrics(1)?;
        let value = all.lines().find_map(|line| line.strip_prefix(name));
        Ok(value.and_then(|value| value.trim().parse().ok()).unwrap_or(0.0))
    };

    // An expression is compiled once, and a large one is not compiled.
    let mut wire = log_in(&nobody)?;
    let mut listed = |pattern: &str| -> Result<ListTransactionsResponse> {
        let pattern = Some(text(pattern));
        wire.ask(
            2,
            &ListTransactionsRequest::default().with_transactional_id_pattern(pattern),
        )
    };
    let before = metric("klamm_patterns_compiled_total")?;
    for _ in 0..50 {
        for (pattern, error) in [(r"(\pL{30}){30}", 128), ("hostile-.*", 0)] {
            ensure!(listed(pattern)?.error_code == error, "{pattern}");
        }
    }
    let compiled = metric("klamm_patterns_compiled_total")? - before;
    ensure!(compiled >= 2.0, "no expression was compiled");
    ensure!(compiled < 50.0, "{compiled} expressions were compiled");

    // What it is denied fills no log.
    for _ in 0..20 {
        let topic = |number| {
            let name = TopicName(text(&format!("hostile-{number}")));
            MetadataRequestTopic::default().with_name(Some(name))
        };
        let topics = (0..300).map(topic).collect();
        wire.ask(1, &MetadataRequest::default().with_topics(Some(topics)))?;
    }
    let denied = || {
        let log = scene.stage.nodes()[0].log();
        let of_nobody = |line: &&str| line.contains("User:nobody is Denied") && line.contains("hostile");
        let (folded, single): (Vec<String>, Vec<String>) = log
            .lines()
            .filter(of_nobody)
            .map(str::to_owned)
            .partition(|line| line.contains("more within"));
        (folded, single)
    };
    let (_, single) = denied();
    ensure!(
        (1..=2 * FEW_LINES).contains(&single.len()),
        "{} lines",
        single.len()
    );
    ensure!(metric("klamm_log_lines_left_out_total")? >= 1_000.0);
    eventually("the number of the other denials", || Ok(!denied().0.is_empty()))?;

    // A request that the gateway answers itself is closed at its first bytes if it is large.
    let entry = AclCreation::default()
        .with_resource_type(2)
        .with_resource_name(text(&"x".repeat(30_000)))
        .with_principal(text("User:nobody"))
        .with_host(text("*"))
        .with_operation(3)
        .with_permission_type(3);
    let many = CreateAclsRequest::default().with_creations(vec![entry; 200]);
    ensure!(log_in(&nobody)?.ask(2, &many).is_err(), "6 MB are read");
    ensure!(log_in(&nobody)?.is_served(), "others go on");
    Ok(())
}
