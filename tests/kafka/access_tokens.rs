//! Access tokens of the admin API on several nodes: good on all of them, and on none once they are revoked.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use klamm::quickstart::child;
use serde_json::Value;

use crate::scene::{LIMIT, Scene};

/// `klamm` at a node, as the user who is built in or by a token.
pub(crate) fn klamm(
    scene: &Scene,
    node: usize,
    token: Option<&str>,
    arguments: &[&str],
) -> Result<child::Output> {
    let mut command = child::guarded(env!("CARGO_BIN_EXE_klamm"));
    command.args(arguments);
    command.env("KLAMM_ADMIN_URL", scene.stage.nodes()[node].admin_url());
    if let Some(token) = token {
        command.env("KLAMM_ADMIN_TOKEN", token);
    }
    Ok(child::run(command, "", LIMIT)?)
}

/// The status that a node answers the token with: asked once, and not again.
fn status(scene: &Scene, node: usize, token: &str) -> Result<String> {
    let mut command = Command::new("curl");
    command.args(["--silent", "--output", "/dev/null", "--write-out", "%{http_code}"]);
    command.args(["--header", &format!("Authorization: Bearer {token}")]);
    command.arg(format!(
        "{}/gateway/v2/virtual-cluster",
        scene.stage.nodes()[node].admin_url()
    ));
    Ok(child::run(command, "", LIMIT)?.stdout)
}

/// All that a directory holds, as bytes.
pub(crate) fn content(directory: &Path) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        match path.is_dir() {
            true => all.append(&mut content(&path)?),
            false => all.append(&mut fs::read(&path)?),
        }
    }
    Ok(all)
}

pub(crate) fn holds(content: &[u8], text: &str) -> bool {
    content.windows(text.len()).any(|part| part == text.as_bytes())
}

/// Makes a token at one node, uses it at all, revokes it at another.
pub(crate) fn come_and_go(scene: &Scene) -> Result<()> {
    let last = scene.stage.nodes().len() - 1;
    let make = [
        "run",
        "generateAccessToken",
        "--name",
        "nightly",
        "--life-time-seconds",
        "3600",
    ];
    let made = klamm(scene, 0, None, &[&make[..], &["--role", "admin"]].concat())?;
    ensure!(made.status.success(), "{}", made.all());
    let token = made.stdout.trim();
    for node in 0..=last {
        let answered = status(scene, node, token)?;
        ensure!(answered == "200", "node {node} answers {answered}");
    }
    let another = klamm(scene, last, Some(token), &make)?;
    ensure!(
        another.all().contains("cannot create another one"),
        "{}",
        another.all()
    );

    let listed = klamm(scene, last, Some(token), &["get", "access-tokens", "-o", "json"])?;
    let all: Value = serde_json::from_str(&listed.stdout).with_context(|| listed.all())?;
    let one = &all[0];
    ensure!(
        one["name"] == "nightly" && one["username"] == "admin" && one["role"] == "ADMIN",
        "{one}"
    );
    let id = one["id"].as_str().context("an id")?;
    let secret = token.strip_prefix("klamm_pat_").context("a mark")?;
    for node in scene.stage.nodes() {
        let kept = content(&node.settings().data_dir)?;
        ensure!(holds(&kept, "nightly"), "the node does not keep the token's name");
        ensure!(!holds(&kept, secret), "the node keeps the token");
        ensure!(!node.log().contains(secret), "the node logs the token");
    }

    let revoked = klamm(scene, last, None, &["run", "revokeAccessToken", "--id", id])?;
    for node in 0..=last {
        let answered = status(scene, node, token)?;
        ensure!(
            answered == "401",
            "node {node} answers {answered} after: {}",
            revoked.all()
        );
    }
    ensure!(revoked.stdout.contains("REVOKED"), "{}", revoked.all());
    let refused = klamm(scene, 0, Some(token), &["get", "VirtualCluster"])?;
    ensure!(!refused.status.success(), "{}", refused.all());
    let log = scene.stage.nodes()[0].log();
    ensure!(
        log.contains("revoked or unknown access token"),
        "the audit log does not say why"
    );
    Ok(())
}
