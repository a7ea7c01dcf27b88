//! MirrorMaker 2: from a Partner to another Kafka cluster, and from there into virtual clusters, while the gateway is
//! killed.

use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};

use super::place::{self, Place};
use super::worker::Worker;
use crate::scene::{CLUSTER, Login, NO_MORE_MS, Scene, counted, eventually, lines, properties};

/// The other cluster, which is reached without a gateway.
const OTHER: &str = "main";
const COMPACT: &[&str] = &["--config", "cleanup.policy=compact"];

/// Records before the gateway is killed, and afterwards.
const PORTIONS: [usize; 2] = [200, 100];

/// Properties of both ways. Workers are small, look often, and make topics that a single broker can hold.
pub(super) const COMMON: &str = "\
replication.factor=1
offset-syncs.topic.replication.factor=1
checkpoints.topic.replication.factor=1
heartbeats.topic.replication.factor=1
offset.storage.replication.factor=1
status.storage.replication.factor=1
config.storage.replication.factor=1
emit.heartbeats.enabled=false
sync.topic.acls.enabled=false
emit.checkpoints.interval.seconds=1
refresh.topics.interval.seconds=2
refresh.groups.interval.seconds=2
";

/// The settings of topics are their owner's. And a worker whose group lives in the virtual cluster loses its membership if
/// the gateway is away for longer than a session; when it is back, it would wait for the lost one for five minutes.
const INTO: &str = "\
sync.topic.configs.enabled=false
virtual.scheduled.rebalance.max.delay.ms=0
";

fn records(portion: usize) -> String {
    let before: usize = PORTIONS.iter().take(portion).sum();
    let mut text = String::new();
    for number in before + 1..=before + PORTIONS[portion] {
        writeln!(text, "record {number}").ok();
    }
    text
}

/// The properties of a worker that copies a topic from one cluster to another.
fn worker(flow: (&str, &str), topic: &str, partner: &Login, other: &str, more: &str) -> String {
    let mut text = format!(
        "clusters=virtual,other\nvirtual.bootstrap.servers={}\nother.bootstrap.servers={other}\n\
         {from}->{to}.enabled=true\n{from}->{to}.topics={topic}\n{to}->{from}.enabled=false\n{COMMON}{more}",
        partner.bootstrap,
        from = flow.0,
        to = flow.1,
    );
    for line in properties(&partner.username, &partner.token).lines() {
        text.push_str(&format!("virtual.{line}\n"));
    }
    text
}

fn all_arrive(
    scene: &Scene,
    worker: &mut Worker,
    (cluster, topic): (&str, &str),
    portions: usize,
) -> Result<()> {
    let text: String = (0..portions).map(records).collect();
    let wanted = lines(&text);
    let end = format!("{topic}:0:");
    let arrived = eventually("all records are copied", || {
        worker.check()?;
        // A topic that is not there yet makes the tool fail.
        let ends = scene.direct_at(cluster, ("kafka-get-offsets", &["--topic", topic]), "");
        let ends = ends.unwrap_or_default();
        let end = ends
            .lines()
            .find_map(|line| line.strip_prefix(&end)?.parse().ok());
        Ok(end.is_some_and(|end: usize| end >= wanted.len()))
    });
    worker.explain(arrived)?;
    let copied = scene.stored_on(cluster, topic)?;
    let missing = wanted.iter().filter(|record| !copied.contains(record)).count();
    ensure!(missing == 0, "{missing} of {} are missing", wanted.len());
    ensure!(
        counted(&copied).len() == wanted.len(),
        "records that nobody wrote: {} instead of {}",
        counted(&copied).len(),
        wanted.len()
    );
    Ok(())
}

/// Writes a portion, and has it copied; then kills the gateway, writes another and has that copied too.
fn copy(scene: &mut Scene, worker: &mut Worker, from: (&str, &str), to: (&str, &str)) -> Result<()> {
    let write = |scene: &Scene, portion| {
        let produce = ["--topic", from.1];
        scene.direct_at(from.0, ("kafka-console-producer", &produce), &records(portion))
    };
    write(scene, 0)?;
    all_arrive(scene, worker, to, 1)?;
    scene.stage.node_mut(1).kill();
    write(scene, 1)?;
    scene.stage.node_mut(1).restart()?;
    all_arrive(scene, worker, to, 2)
}

/// Out of a Partner: the partner needs to read, and nothing of the software's is written there.
pub(super) fn out_of_a_partner(scene: &mut Scene) -> Result<()> {
    const NAME: &str = "mirrored";
    let place = Place::Partner;
    let user = place.lay_out(scene, NAME, "mirror")?;
    place.provide(scene, NAME, &[("feed", &[])])?;
    place::grant(
        scene,
        NAME,
        &user,
        &[
            &[
                "--operation",
                "Read",
                "--operation",
                "DescribeConfigs",
                "--topic",
                "feed",
            ],
            &["--operation", "Read", "--group", "reader"],
        ],
    )?;
    let other = scene.stage.bootstrap(OTHER).context("it was started")?.to_owned();
    let more = "offset-syncs.topic.location=target\n\
                sync.group.offsets.enabled=true\nsync.group.offsets.interval.seconds=1\n";
    let properties = worker(("virtual", "other"), "feed", &user, &other, more);
    let mut process = Worker::start(scene, "mirror", NAME, &properties)?;
    let physical = place.physical(NAME, "feed");
    copy(scene, &mut process, (CLUSTER, &physical), (OTHER, "virtual.feed"))?;
    // A group of the partner reads some, and goes on at the same place over there.
    let read = [
        "--topic",
        "feed",
        "--group",
        "reader",
        "--from-beginning",
        "--timeout-ms",
        NO_MORE_MS,
    ];
    scene.client(&user, "kafka-console-consumer", &read, "")?;
    let synced = eventually("the group's offsets are copied", || {
        process.check()?;
        let describe = ["--describe", "--group", "reader"];
        let said = scene.direct_at(OTHER, ("kafka-consumer-groups", &describe), "");
        Ok(said.unwrap_or_default().contains("virtual.feed"))
    });
    process.explain(synced)
}

/// From another cluster into a virtual one. A Partner is given the topics as aliases, and has no right to make any.
pub(super) fn into(scene: &mut Scene, place: Place) -> Result<()> {
    let (name, feed) = match place {
        Place::Partner => ("mirror-partner", "feed-partner"),
        Place::Standard => ("mirror-standard", "feed-standard"),
    };
    let copy_of_feed = format!("other.{feed}");
    let user = place.lay_out(scene, name, "mirror")?;
    let topics: [(&str, &[&str]); 5] = [
        (&copy_of_feed, &[]),
        ("other.checkpoints.internal", COMPACT),
        ("mm2-configs.other.internal", COMPACT),
        ("mm2-offsets.other.internal", COMPACT),
        ("mm2-status.other.internal", COMPACT),
    ];
    place.provide(scene, name, &topics)?;
    let named: Vec<&str> = topics.iter().flat_map(|(topic, _)| ["--topic", topic]).collect();
    let operations = [
        "--operation",
        "Read",
        "--operation",
        "Write",
        "--operation",
        "DescribeConfigs",
    ];
    let mut rights: Vec<Vec<&str>> = vec![
        [&operations[..], &named].concat(),
        vec!["--operation", "Read", "--group", "other-mm2"],
    ];
    if place == Place::Standard {
        rights.push(vec!["--operation", "Create", "--cluster"]);
    }
    let rights: Vec<&[&str]> = rights.iter().map(Vec::as_slice).collect();
    place::grant(scene, name, &user, &rights)?;
    scene.topic_on(OTHER, feed, 1)?;
    let other = scene.stage.bootstrap(OTHER).context("it was started")?.to_owned();
    let properties = worker(("other", "virtual"), feed, &user, &other, INTO);
    let mut process = Worker::start(scene, "mirror", name, &properties)?;
    let physical = place.physical(name, &copy_of_feed);
    copy(scene, &mut process, (OTHER, feed), (CLUSTER, &physical))
}
