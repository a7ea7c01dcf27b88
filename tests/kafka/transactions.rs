//! Transactions of a stock client through the gateway: exactly once, whatever is restarted meanwhile; and the tool that
//! looks at them.

use anyhow::{Context, Result, ensure};

use crate::program::Program;
use crate::scene::{CLUSTER, LIMIT, Login, Scene, counted, kcat_at, lines, read_to_end};

const RECORDS: usize = 4_000;

/// How many records the copier last said are committed.
fn committed(said: &str) -> usize {
    let counts = said
        .lines()
        .rev()
        .filter_map(|line| line.strip_prefix("committed "));
    counts.filter_map(|count| count.parse().ok()).next().unwrap_or(0)
}

fn reaches(copier: &mut Program, count: usize) -> Result<()> {
    copier.shows(&format!("{count} records are committed"), |said| {
        committed(said) >= count
    })
}

/// The records of a physical topic to its end.
fn read(scene: &Scene, isolation: &str, topic: &str) -> Result<Vec<String>> {
    let isolation = format!("isolation.level={isolation}");
    read_to_end(kcat_at(scene.physical()), topic, &["-X", &isolation])
}

/// A virtual cluster whose super user may do everything, with an input and an output topic.
fn setup(scene: &Scene, name: &str) -> Result<Login> {
    let (input, output) = (format!("{name}-in"), format!("{name}-out"));
    scene.topic(&input, 2)?;
    scene.topic(&output, 2)?;
    scene.vcluster(name, &[("input", &input), ("output", &output)])?;
    scene.login(name, "super-user", 1)
}

#[test]
fn every_record_is_copied_exactly_once_through_restarts() -> Result<()> {
    let mut scene = Scene::start(1, "127.0.0.1")?;
    let user = setup(&scene, "copying")?;
    let records: Vec<String> = (0..RECORDS).map(|number| format!("record {number}")).collect();
    let words = [
        "--topic",
        "copying-in",
        "--producer-property",
        "partitioner.class=\
        org.apache.kafka.clients.producer.RoundRobinPartitioner",
    ];
    scene.direct("kafka-console-producer", &words, &records.join("\n"))?;

    let mut copier = Program::start(
        &scene,
        "Copier",
        &user,
        &["input", "output", &RECORDS.to_string()],
    )?;
    reaches(&mut copier, RECORDS / 5)?;
    scene.stage.nodes_mut()[0].restart()?;
    scene.stage.nodes_mut()[0].await_ready()?;
    reaches(&mut copier, RECORDS * 3 / 5)?;
    // In the middle of a transaction, but not at its end. A broker that is alone forgets the markers of a transaction that it
    // was ending when it was killed: it looks for their partitions' leaders before it leads them again, finds none, and takes
    // the topics for deleted. Their records and offsets stay pending then, with a gateway or without.
    copier.tell("hold")?;
    copier.shows("it holds", |said| said.contains("holding"))?;
    scene.kill_broker(CLUSTER, 1)?;
    let mut broker = scene.start_broker(CLUSTER, 1)?;
    copier.tell("go on")?;
    ensure!(
        committed(&copier.said()) < RECORDS,
        "all was over before the broker ended"
    );
    let said = copier.finish(LIMIT);

    let checked = said.and_then(|said| {
        ensure!(said.contains("aborted"), "no transaction was aborted");
        let copied = read(&scene, "read_committed", "copying-out")?;
        let wanted: Vec<String> = records.iter().map(|record| record.to_uppercase()).collect();
        let (copied, wanted) = (counted(&copied), counted(&wanted));
        ensure!(copied == wanted, "{} of {} are right", copied.len(), wanted.len());
        let written = read(&scene, "read_uncommitted", "copying-out")?;
        ensure!(written.len() > RECORDS, "nothing that was aborted is there");
        let group = ["--describe", "--group", "copying:copier"];
        let offsets = scene.direct("kafka-consumer-groups", &group, "")?;
        ensure!(offsets.contains("copying-in"), "{offsets}");
        Ok(())
    });
    broker.kill().ok();
    broker.wait().ok();
    checked
}

/// librdkafka knows nothing of KIP-890: it adds partitions itself.
#[test]
fn an_older_client_adds_partitions_to_its_transaction() -> Result<()> {
    let scene = Scene::shared()?;
    let user = setup(&scene, "older")?;
    let produce = |login: &Login, records: &str| {
        let words = ["-P", "-t", "output", "-X", "transactional.id=old"];
        scene.kcat(login, &words, records)
    };
    let produced = produce(&user, "one\ntwo\n")?;
    ensure!(produced.status.success(), "{}", produced.all());
    let mut stored = read(&scene, "read_committed", "older-out")?;
    stored.sort();
    ensure!(stored == ["one", "two"], "{stored:?}");
    let alice = scene.login("older", "alice", 1)?;
    let refused = produce(&alice, "three\n")?;
    ensure!(!refused.status.success(), "{}", refused.all());
    Ok(())
}

#[test]
fn the_transactions_tool_shows_this_virtual_cluster_and_ends_nothing() -> Result<()> {
    let scene = Scene::shared()?;
    let user = setup(&scene, "looking")?;
    let alice = scene.login("looking", "alice", 1)?;
    let produce = |login: &Login| {
        let sent = "--topic output --num-records 100 --record-size 10 --throughput -1";
        let transaction = "--transactional-id shop --transaction-duration-ms 50";
        let words: Vec<&str> = sent.split(' ').chain(transaction.split(' ')).collect();
        scene.client(login, "kafka-producer-perf-test", &words, "")
    };
    let refused = produce(&alice)?.all();
    ensure!(
        refused.contains("TransactionalIdAuthorizationException"),
        "{refused}"
    );
    let produced = produce(&user)?;
    ensure!(produced.status.success(), "{}", produced.all());

    let listed = |login: &Login, more: &[&str]| {
        let words = [&["list"], more].concat();
        scene.client_ok(login, "kafka-transactions", &words)
    };
    let all = listed(&user, &[])?;
    ensure!(all.contains("shop") && !all.contains("looking:"), "{all}");
    ensure!(!listed(&alice, &[])?.contains("shop"), "alice may describe none");
    for (pattern, is_shown) in [("^s.+p$", true), ("looking:.*", false)] {
        let matched = listed(&user, &["--transactional-id-pattern", pattern])?;
        ensure!(matched.contains("shop") == is_shown, "{pattern}: {matched}");
    }
    let described = scene.client_ok(
        &user,
        "kafka-transactions",
        &["describe", "--transactional-id", "shop"],
    )?;
    ensure!(described.contains("CompleteCommit"), "{described}");
    let features = scene.client_ok(&user, "kafka-features", &["describe"])?;
    let second = features
        .lines()
        .any(|line| line.contains("transaction.version") && line.contains("FinalizedVersionLevel: 2"));
    ensure!(
        second,
        "clients would not use transactions of KIP-890: {features}"
    );
    end_somebodys_transaction(&scene, &user)
}

/// The tool asks for the end of a producer's transaction; the gateway refuses, and nothing is written.
fn end_somebodys_transaction(scene: &Scene, user: &Login) -> Result<()> {
    let producers = |partition: &str| {
        let words = [
            "describe-producers",
            "--topic",
            "output",
            "--partition",
            partition,
        ];
        scene.client_ok(user, "kafka-transactions", &words)
    };
    let (partition, before) = match producers("0")? {
        none if lines(&none).len() == 1 => ("1", producers("1")?),
        some => ("0", some),
    };
    let id = lines(&before)
        .get(1)
        .and_then(|line| Some(line.split_whitespace().next()?.to_owned()))
        .with_context(|| format!("no producer is described: {before}"))?;
    let abort = "abort --topic output --producer-epoch 9 --coordinator-epoch 9 --producer-id";
    let more = [id.as_str(), "--partition", partition];
    let words: Vec<&str> = abort.split(' ').chain(more).collect();
    let refused = scene.client(user, "kafka-transactions", &words, "")?;
    ensure!(!refused.status.success(), "{}", refused.all());
    let after = producers(partition)?;
    ensure!(before == after, "{before}\n{after}");
    Ok(())
}
