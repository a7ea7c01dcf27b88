//! Records that a policy cannot judge, in every failure mode of both phases and with every codec. In each cell a
//! batch has such a record between two others, which the policy changes.

use std::fmt::{self, Display};

use anyhow::{Context as _, Result, ensure};
use klamm::quickstart::child::{self, Output};
use serde_json::json;

use crate::clients::desk::Desk;
use crate::scene::{CLUSTER, LIMIT, Login, Scene, lines, script};

/// The codecs of producers. Each has the partition of its place.
const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Produce,
    Consume,
}

/// The fate of one of the three records of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The policy has judged it, and added its header.
    Changed,
    /// It has a header that says that the policy could not judge it, and no other.
    Marked,
    /// As it was written.
    Untouched,
    /// It is not there.
    Absent,
}

/// How a client fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    /// Its tool ends with an error that has these words.
    Error(&'static str),
}

use Fate::{Absent, Changed, Marked, Untouched};

/// Each mode: what becomes of the records, and what the client is told.
const MODES: [(Phase, &str, [Fate; 3], Told); 7] = [
    (
        Phase::Produce,
        "reject",
        [Absent; 3],
        Told::Error("failed to validate record"),
    ),
    (Phase::Produce, "mark", [Changed, Marked, Changed], Told::Nothing),
    (
        Phase::Produce,
        "passthrough",
        [Changed, Untouched, Changed],
        Told::Nothing,
    ),
    (
        Phase::Consume,
        "error",
        [Changed, Absent, Absent],
        Told::Error("Broker: Invalid message"),
    ),
    (Phase::Consume, "skip", [Changed, Absent, Changed], Told::Nothing),
    (Phase::Consume, "mark", [Changed, Marked, Changed], Told::Nothing),
    (
        Phase::Consume,
        "passthrough",
        [Changed, Untouched, Changed],
        Told::Nothing,
    ),
];

/// The header that the policy adds.
const ADDED: &str = "judged=yes";

impl Display for Phase {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Produce => "produce",
            Self::Consume => "consume",
        })
    }
}

/// The virtual cluster of a mode.
fn vcluster(phase: Phase, mode: &str) -> String {
    format!("failing-{phase}-{mode}")
}

/// Three records of a mode. The policy reads JSON, and the second is none. They are worth compressing.
fn records(mode: &str) -> [String; 3] {
    let padding = "x".repeat(200);
    let judged = |number| format!("{{\"mode\":\"{mode}\",\"number\":{number},\"padding\":\"{padding}\"}}");
    [judged(0), format!("mode {mode}, number 1, {padding}"), judged(2)]
}

/// kcat as somebody of a virtual cluster, or at the broker itself.
fn kcat(scene: &Scene, user: Option<&Login>, words: &[&str], input: &str) -> Result<Output> {
    if let Some(user) = user {
        return scene.kcat(user, words, input);
    }
    let mut command = script("kcat");
    command.args(["-b", scene.physical()]).args(words);
    Ok(child::run(command, input, LIMIT)?)
}

/// Writes three records in one batch.
fn write(scene: &Scene, user: Option<&Login>, (topic, codec): (&str, usize), mode: &str) -> Result<Output> {
    let partition = codec.to_string();
    let words = [
        "-P",
        "-t",
        topic,
        "-p",
        &partition,
        "-z",
        CODECS[codec],
        "-X",
        "linger.ms=300",
    ];
    kcat(scene, user, &words, &records(mode).join("\n"))
}

/// The fates of the records of a mode in a partition, and what the reader was told.
fn read(
    scene: &Scene,
    user: Option<&Login>,
    (topic, codec): (&str, usize),
    mode: &str,
) -> Result<([Fate; 3], Output)> {
    let partition = codec.to_string();
    let words = [
        "-C",
        "-t",
        topic,
        "-p",
        &partition,
        "-o",
        "beginning",
        "-e",
        "-q",
        "-f",
        "%h\t%s\n",
    ];
    let output = kcat(scene, user, &words, "")?;
    let mut fates = [Absent; 3];
    for line in output.stdout.lines() {
        let (headers, value) = line.split_once('\t').with_context(|| output.all())?;
        let Some(place) = records(mode).iter().position(|record| record == value) else {
            continue;
        };
        ensure!(fates[place] == Absent, "twice: {}", output.all());
        fates[place] = match headers {
            "" => Untouched,
            ADDED => Changed,
            other if other.starts_with("klamm/policy-failure-checked=") && !other.contains(ADDED) => Marked,
            other => anyhow::bail!("headers {other}"),
        };
    }
    Ok((fates, output))
}

fn check_told(told: Told, output: &Output) -> Result<()> {
    match told {
        Told::Nothing => ensure!(output.status.success(), "{}", output.all()),
        Told::Error(words) => {
            ensure!(
                !output.status.success() && output.all().contains(words),
                "{}",
                output.all()
            );
        }
    }
    Ok(())
}

/// A virtual cluster of a mode, whose policy reads JSON, and somebody in it.
fn lay_out(scene: &Scene, phase: Phase, mode: &str) -> Result<Login> {
    let vcluster = vcluster(phase, mode);
    scene.vcluster(&vcluster, &[("records", &format!("failing-{phase}"))])?;
    let policy = json!({
        "kind": "Policy", "apiVersion": "gateway/v2",
        "metadata": {"name": "checked", "vCluster": vcluster},
        "spec": {
            "phase": phase.to_string(), "failureMode": mode,
            "condition": format!("record.value.content.mode == '{}'", if phase == Phase::Produce { mode } else { "any" }),
            "action": {"type": "modify_headers", "actions": [{"op": "set", "key": "judged", "value": "yes"}]},
        },
    });
    scene.stage.admin(1).put("policy", &policy)?;
    scene.login(&vcluster, "super-user", 1)
}

fn cell(scene: &Scene, user: &Login, codec: usize, case: (Phase, &str, [Fate; 3], Told)) -> Result<()> {
    let (phase, mode, wanted, told) = case;
    let fates = match phase {
        Phase::Produce => {
            check_told(told, &write(scene, Some(user), ("records", codec), mode)?)?;
            read(scene, None, ("failing-produce", codec), mode)?.0
        }
        Phase::Consume => {
            let (fates, output) = read(scene, Some(user), ("records", codec), "any")?;
            check_told(told, &output)?;
            fates
        }
    };
    ensure!(fates == wanted, "{fates:?} instead of {wanted:?}");
    Ok(())
}

#[test]
fn every_failure_mode_does_what_it_says_with_every_codec() -> Result<()> {
    let scene = Scene::shared()?;
    for phase in [Phase::Produce, Phase::Consume] {
        scene.topic(&format!("failing-{phase}"), u16::try_from(CODECS.len())?)?;
    }
    for codec in 0..CODECS.len() {
        let written = write(&scene, None, ("failing-consume", codec), "any")?;
        ensure!(written.status.success(), "{}", written.all());
    }
    let mut wrong = Vec::new();
    for case in MODES {
        let (phase, mode, ..) = case;
        let user = lay_out(&scene, phase, mode)?;
        for (codec, name) in CODECS.iter().enumerate() {
            if let Err(error) = cell(&scene, &user, codec, case) {
                wrong.push(format!("{phase} {mode} {name}: {error:#}"));
            }
        }
    }
    ensure!(wrong.is_empty(), "not as expected:\n{}", wrong.join("\n"));
    a_java_consumer_is_told_the_offset(&scene)?;
    batches_keep_their_codec(&scene)
}

/// The error of a consumer that cannot go on names the record.
fn a_java_consumer_is_told_the_offset(scene: &Scene) -> Result<()> {
    let user = scene.login(&vcluster(Phase::Consume, "error"), "super-user", 1)?;
    let words = [
        "--topic",
        "records",
        "--partition",
        "0",
        "--offset",
        "earliest",
        "--timeout-ms",
        "20000",
    ];
    let read = scene.client(&user, "kafka-console-consumer", &words, "")?;
    let is_told = lines(&read.stdout).len() == 1 && read.all().contains("offset 1");
    ensure!(is_told, "{}", read.all());
    Ok(())
}

/// Batches that were changed on their way to the broker, and those of the consumers, are of the codec of their producer.
fn batches_keep_their_codec(scene: &Scene) -> Result<()> {
    let mut desk = Desk::start(&scene.stage.directory().join("failing-desk.err"))?;
    let data = scene.stage.data_of(CLUSTER).context("the cluster was started")?;
    // Two modes of produce let records through.
    for (phase, count) in [(Phase::Produce, 2), (Phase::Consume, 1)] {
        for (partition, codec) in CODECS.iter().enumerate() {
            let file = data.join(format!(
                "1/data/failing-{phase}-{partition}/00000000000000000000.log"
            ));
            let batches = desk.batches(&[file.display().to_string()])?;
            let are_right = batches
                .iter()
                .all(|batch| batch.compression == *codec && batch.values.len() == 3);
            ensure!(
                batches.len() == count && are_right,
                "{phase} {codec}: {batches:?}"
            );
        }
    }
    Ok(())
}
