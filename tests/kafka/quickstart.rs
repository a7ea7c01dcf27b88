//! `klamm quickstart`, as somebody runs it.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Result, ensure};
use klamm::quickstart::child;

use crate::scene::{LIMIT, Scene, lines};

/// One demonstration at a time: the second would take the usual ports of a node that the first one kills.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The names of everything that a quickstart could have left in the directory for temporary files.
fn leftovers(pid: u32) -> Vec<String> {
    let prefix = format!("klamm-quickstart.{pid}.");
    let entries = std::fs::read_dir(std::env::temp_dir())
        .into_iter()
        .flatten()
        .flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with(&prefix))
        .collect()
}

#[test]
fn it_demonstrates_and_leaves_nothing_behind() -> Result<()> {
    let _alone = alone();
    let mut command = child::guarded(env!("CARGO_BIN_EXE_klamm"));
    command.args(["quickstart", "--exit"]);
    let output = child::run(command, "", LIMIT)?;
    ensure!(output.status.success(), "{}", output.all());
    for shown in [
        "the partner cannot write topic2",
        "the partner cannot read with another group",
        "order 1 shipped",
        "the partner logs in with SCRAM-SHA-512, too",
        "and with OAUTHBEARER",
        "the records of other orders are not shown",
        "a console consumer at clusterA reads nothing of it",
    ] {
        ensure!(
            output.stdout.contains(shown),
            "{shown:?} is missing in\n{}",
            output.all()
        );
    }
    ensure!(
        !output.stdout.contains('\u{1b}'),
        "colours although it is no terminal"
    );
    Ok(())
}

#[test]
fn it_uses_somebodys_own_kafka_and_stays_until_it_is_told_to_end() -> Result<()> {
    let scene = Scene::shared()?;
    let _alone = alone();
    let mut command = child::guarded(env!("CARGO_BIN_EXE_klamm"));
    command.args(["quickstart", "--nodes", "1", "--backend", scene.physical()]);
    let log = scene.stage.directory().join("quickstart.out");
    command.stdout(std::fs::File::create(&log)?);
    let mut process = child::start(command)?;
    let text = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    crate::scene::eventually("it stays up", || {
        ensure!(process.try_wait()?.is_none(), "it ended: {}", text(&log));
        Ok(text(&log).contains("until Ctrl-C"))
    })?;
    let pid = process.id();
    std::process::Command::new("kill")
        .args(["-INT", &pid.to_string()])
        .status()?;
    let status = child::wait(&mut process, LIMIT);
    ensure!(
        status.is_some_and(|status| status.success()),
        "{status:?}: {}",
        text(&log)
    );
    ensure!(leftovers(pid).is_empty(), "{:?}", leftovers(pid));
    let topics = lines(&scene.direct("kafka-topics", &["--list"], "")?);
    ensure!(
        !topics
            .iter()
            .any(|topic| topic.starts_with("internal-topic-name")),
        "{topics:?}"
    );
    Ok(())
}
