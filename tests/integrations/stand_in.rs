//! MirrorMaker 2 keeps a stand-in up to date, topics under their own names and offsets of groups: after a switch a group reads everything
//! that it has not read, and again no more than the rehearsal said; and what is encrypted was copied as it is.

use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};
use klamm::quickstart::child;

use super::mirror::COMMON;
use super::worker::Worker;
use crate::encryption::{encrypted, everything};
use crate::scene::{CLUSTER, IDLE_MS, LIMIT, Login, Scene, THIRD, counted, eventually, lines};

const TOPIC: &str = "moved-feed";
const NAME: &str = "to-stand-in";
const GROUP: &str = "reader";

/// The topic of a virtual cluster whose records are encrypted.
const SECRET_TOPIC: &str = "moved-secret";
const SECRET_NAME: &str = "to-stand-in-secret";
/// Records there.
const SECRETS: usize = 20;

/// Records that the group reads before the switch, and those that it does not.
const READ: usize = 500;
const UNREAD: usize = 50;

/// The recipe of `docs/OPERATIONS.md`, and shorter intervals than by default.
const RECIPE: &str = "\
main->spare.enabled=true
main->spare.topics=moved-feed,moved-secret
spare->main.enabled=false
replication.policy.class=org.apache.kafka.connect.mirror.IdentityReplicationPolicy
sync.group.offsets.enabled=true
sync.group.offsets.interval.seconds=1
";

fn records(numbers: std::ops::Range<usize>) -> String {
    let mut text = String::new();
    for number in numbers {
        writeln!(text, "record {number}").ok();
    }
    text
}

fn start_worker(scene: &Scene) -> Result<Worker> {
    let at = |cluster| scene.stage.bootstrap(cluster).context("it was started");
    let (main, spare) = (at(CLUSTER)?, at(THIRD)?);
    let properties = format!(
        "clusters=main,spare\nmain.bootstrap.servers={main}\nspare.bootstrap.servers={spare}\n{RECIPE}{COMMON}"
    );
    Worker::start(scene, "mirror", NAME, &properties)
}

/// Everything that the group reads until nothing more comes.
fn read(scene: &Scene, user: &Login) -> Result<Vec<String>> {
    let words = [
        "--topic",
        "feed",
        "--group",
        GROUP,
        "--from-beginning",
        "--timeout-ms",
        IDLE_MS,
    ];
    let output = scene.client(user, "kafka-console-consumer", &words, "")?;
    Ok(lines(&output.stdout))
}

fn klamm(scene: &Scene, words: &[&str]) -> Result<String> {
    let mut command = child::guarded(env!("CARGO_BIN_EXE_klamm"));
    let url = scene.stage.nodes()[0].admin_url();
    command.args(words).args(["--admin-url", &url]);
    let output = child::run(command, "", LIMIT)?;
    ensure!(output.status.success(), "{words:?}: {}", output.all());
    Ok(output.stdout)
}

/// How many records the group would read again at most, once its offsets are on the stand-in.
fn rehearsed(scene: &Scene) -> Result<usize> {
    let mut again = 0;
    eventually("the offsets of the group are on the stand-in", || {
        let said = klamm(scene, &["cluster", "switch", CLUSTER, "--to", THIRD, "--dry-run"])?;
        let groups = said.lines().find(|line| line.contains(" groups "));
        let Some((_, lag)) = groups.and_then(|groups| groups.split_once("they would read ")) else {
            return Ok(false);
        };
        let words = lag.split_whitespace();
        again = words.filter_map(|word| word.parse().ok()).next().unwrap_or(0);
        Ok(!said.contains("BLOCK") && said.contains("1 of 1 groups have their offsets"))
    })?;
    Ok(again)
}

/// Writes records that are encrypted.
fn write_secrets(scene: &Scene) -> Result<Login> {
    scene.topic_on(CLUSTER, SECRET_TOPIC, 1)?;
    scene.vcluster(SECRET_NAME, &[("feed", SECRET_TOPIC)])?;
    encrypted(&scene.stage.admin(1), SECRET_NAME, &everything("payroll"))?;
    let user = scene.login(SECRET_NAME, "super-user", 1)?;
    let words = ["--topic", "feed"];
    let written = scene.client(&user, "kafka-console-producer", &words, &records(0..SECRETS))?;
    ensure!(written.status.success(), "{}", written.all());
    Ok(user)
}

/// Waits until the stand-in has so many records of a topic.
fn copied(scene: &Scene, worker: &mut Worker, topic: &str, count: usize) -> Result<()> {
    let copied = eventually("everything is copied", || {
        worker.check()?;
        let ends = scene.direct_at(THIRD, ("kafka-get-offsets", &["--topic", topic]), "");
        Ok(ends.unwrap_or_default().trim() == format!("{topic}:0:{count}"))
    });
    worker.explain(copied)
}

pub(super) fn keeps_up(_: &mut Scene) -> Result<()> {
    let scene = Scene::with_stand_in(1)?;
    scene.topic_on(CLUSTER, TOPIC, 1)?;
    scene.vcluster(NAME, &[("feed", TOPIC)])?;
    let user = scene.login(NAME, "super-user", 1)?;
    let secret = write_secrets(&scene)?;
    let produce =
        |text: &str| scene.direct_at(CLUSTER, ("kafka-console-producer", &["--topic", TOPIC]), text);
    let mut worker = start_worker(&scene)?;
    produce(&records(0..READ))?;
    let first = read(&scene, &user)?;
    ensure!(first.len() == READ, "the group has read {} records", first.len());
    produce(&records(READ..READ + UNREAD))?;
    copied(&scene, &mut worker, TOPIC, READ + UNREAD)?;
    copied(&scene, &mut worker, SECRET_TOPIC, SECRETS)?;
    let again = rehearsed(&scene);
    let again = worker.explain(again)?;
    klamm(&scene, &["cluster", "switch", CLUSTER, "--to", THIRD])?;
    drop(worker);
    let second = read(&scene, &user)?;
    let text = records(0..READ + UNREAD);
    let all = lines(&text);
    let missing = all[READ..]
        .iter()
        .filter(|record| !second.contains(record))
        .count();
    ensure!(missing == 0, "{missing} of {UNREAD} records were not read");
    ensure!(counted(&second).len() == second.len(), "some were read twice");
    let re_read = second.len() - UNREAD;
    ensure!(
        re_read <= again,
        "{re_read} records were read again, and the rehearsal said {again}"
    );
    let sealed = scene.stored_on(THIRD, SECRET_TOPIC)?;
    let is_plain = sealed.iter().any(|record| record.contains("record"));
    ensure!(!sealed.is_empty() && !is_plain, "the stand-in has {sealed:?}");
    let opened = read(&scene, &secret)?;
    ensure!(opened == lines(&records(0..SECRETS)), "{opened:?}");
    Ok(())
}
