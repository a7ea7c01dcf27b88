//! A stock consumer that subscribes by a regular expression which the group's coordinator is asked to evaluate.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use klamm::quickstart::{admin, child};

use crate::scene::{CLUSTER, LIMIT, Scene, eventually, lines, script};

#[test]
fn an_alias_that_comes_later_is_subscribed_to() -> Result<()> {
    let scene = Scene::shared()?;
    for (topic, record) in [("expression-1", "one"), ("expression-2", "two")] {
        scene.topic(topic, 1)?;
        scene.direct("kafka-console-producer", &["--topic", topic], record)?;
    }
    scene.vcluster("expressions", &[("data-1", "expression-1")])?;
    let user = scene.login("expressions", "super-user", 1)?;
    let log = scene.stage.directory().join("follower.out");
    let errors = log.with_extension("err");
    let mut command = script("tool");
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka/java/Follower.java"))
        .args([&user.bootstrap, &user.file])
        .args(["app", "data-.*", "2"])
        .stdin(Stdio::null())
        .stdout(File::create(&log)?)
        .stderr(File::create(&errors)?);
    let mut follower = child::start(command)?;
    let said = || lines(&std::fs::read_to_string(&log).unwrap_or_default());
    let first = eventually("what is there is read", || Ok(said() == ["data-1 one"]));
    let added = first.and_then(|()| {
        let alias = admin::alias("expressions", "data-2", (CLUSTER, "expression-2"));
        Ok(scene.stage.admin(1).put("alias-topic", &alias)?)
    });
    let ended = added.map(|()| child::wait(&mut follower, LIMIT));
    follower.kill().ok();
    let shown = || child::log_end(&std::fs::read_to_string(&errors).unwrap_or_default());
    let status = ended
        .with_context(shown)?
        .with_context(|| format!("the consumer hangs: {}", shown()))?;
    ensure!(status.success(), "{status}: {}", shown());
    ensure!(said() == ["data-1 one", "data-2 two"], "{:?}", said());
    Ok(())
}
