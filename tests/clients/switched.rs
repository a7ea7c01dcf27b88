//! Transactional producers, and groups that read what was committed, while requests are switched to another Kafka cluster and back, and
//! from one that is dead. A transaction is whole where it was committed, and nowhere where it had to be aborted.

use std::collections::BTreeMap;
use std::fs;
use std::ops::RangeInclusive;
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use klamm::quickstart::child;

use super::gaps::longest_gap;
use super::paced::now_ms;
use super::programs::Program as Source;
use crate::program::Program;
use crate::scene::{CLUSTER, LIMIT, Login, Scene, THIRD, eventually, lines};

/// The clients, their programs, and the protocol of their groups.
const CLIENTS: [(&str, Source, &str); 4] = [
    ("java-4.3", Source::Java("Switched.java"), "consumer"),
    ("java-3.9", Source::Script("java-3.9-switched"), "classic"),
    ("librdkafka", Source::Script("librdkafka-switched"), "classic"),
    ("franz-go", Source::Script("franz-go-switched"), "classic"),
];

/// The topic on both clusters, and its name in the virtual cluster.
const TOPIC: &str = "switched-transactions";
const ALIAS: &str = "orders";

/// Records of each transaction.
const RECORDS: usize = 3;

/// For how long a transaction may be open, in milliseconds: those that are left on a cluster hold up who reads there.
const TIMEOUT_MS: u64 = 15_000;

/// Transactions that were committed so shortly before a broker was killed need not be seen there, in milliseconds.
const HIDDEN_MS: u64 = 3_000;

/// So many transactions after a switch show that a client goes on.
const GOES_ON: usize = 10;

/// So many transactions may have to be aborted for each switch: the one that was open, and the next one of a client that asks for no
/// other id before that one fails, too.
const ABORTED: usize = 2;

/// Members that brokers assign are forgotten sooner than usual: a group that comes back waits for those that it had.
const SESSIONS: [&str; 4] = [
    "--set",
    "group.consumer.min.session.timeout.ms=5000",
    "--set",
    "group.consumer.session.timeout.ms=6000",
];

/// When a client said something of a transaction, in milliseconds since the Unix epoch, and the number of that.
fn times(said: &str, what: &str) -> Vec<(u64, u64)> {
    let lines = said.lines().filter_map(|line| line.strip_prefix(what));
    lines
        .filter_map(|rest| {
            let mut words = rest.split_whitespace();
            Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
        })
        .collect()
}

/// The clients at work.
#[derive(Debug)]
struct Switched(BTreeMap<&'static str, Program>);

impl Switched {
    fn start(scene: &Scene, user: &Login) -> Result<Self> {
        let mut programs = BTreeMap::new();
        for (client, source, protocol) in CLIENTS {
            let scenario = scene.stage.directory().join(format!("{client}.scenario"));
            let (bootstrap, username, password) = (&user.bootstrap, &user.username, &user.token);
            let text = format!(
                "bootstrap={bootstrap}\nusername={username}\npassword={password}\ntopic={ALIAS}\n\
                 client={client}\nprotocol={protocol}\ntimeout={TIMEOUT_MS}\n"
            );
            fs::write(&scenario, text)?;
            let program = Program::run(scene, client, source.command(&scenario))?;
            programs.insert(client, program);
        }
        Ok(Self(programs))
    }

    /// Waits until each has committed transactions, and read them, that began after now.
    fn go_on(&mut self) -> Result<()> {
        let now = now_ms();
        for (client, program) in &mut self.0 {
            program.shows(&format!("{client} goes on"), |said| {
                let committed = times(said, "committed");
                // The first one may have begun before.
                let later = committed.iter().filter(|(at, _)| *at > now).skip(1);
                let later: Vec<u64> = later.map(|(_, number)| *number).collect();
                let read = times(said, "read");
                let read = read.iter().filter(|(_, number)| later.contains(number));
                let has_failed = said.lines().any(|line| line.starts_with("failed"));
                has_failed || (later.len() > GOES_ON && read.count() > GOES_ON)
            })?;
            let said = program.said();
            let failed = said.lines().find(|line| line.starts_with("failed"));
            ensure!(failed.is_none(), "{client}: {failed:?}\n{}", program.end());
        }
        Ok(())
    }

    /// Ends them; the output of each.
    fn finish(mut self) -> Result<BTreeMap<&'static str, String>> {
        let mut said = BTreeMap::new();
        for (client, program) in &mut self.0 {
            program.tell("finish")?;
            said.insert(*client, program.finish(LIMIT)?);
        }
        Ok(said)
    }
}

/// Switches; how long that took, and how long until the clients went on.
fn switch(scene: &Scene, clients: &mut Switched, to: &str) -> Result<(Duration, Duration)> {
    let begun = Instant::now();
    let url = scene.stage.nodes()[0].admin_url();
    // Of a cluster that has died it takes a moment to know that it has.
    eventually("requests are switched", || {
        let mut command = child::guarded(env!("CARGO_BIN_EXE_klamm"));
        command.args(["cluster", "switch", CLUSTER, "--to", to, "--admin-url", &url]);
        Ok(child::run(command, "", LIMIT)?.status.success())
    })?;
    let switched = begun.elapsed();
    clients.go_on()?;
    Ok((switched, begun.elapsed()))
}

/// How many records of each transaction of a client are there, for those who read what was committed.
fn stored(scene: &Scene) -> Result<BTreeMap<String, usize>> {
    let words = ["--topic", TOPIC, "--from-beginning", "--timeout-ms", "10000"];
    let words = [&words[..], &["--isolation-level", "read_committed"]].concat();
    let mut counts = BTreeMap::new();
    for cluster in [CLUSTER, THIRD] {
        let said = scene.direct_at(cluster, ("kafka-console-consumer", &words), "")?;
        for record in lines(&said) {
            let (transaction, _) = record.rsplit_once(' ').context("a part")?;
            *counts.entry(transaction.to_owned()).or_default() += 1;
        }
    }
    Ok(counts)
}

/// Faults in the transactions of a client: each is there as a whole if it was committed, and else not at all, but for one that
/// was on its way to a cluster that died. A broker that is killed while it ends a transaction may leave that pending for ever, which hides
/// what was committed beside it.
fn wrong(
    client: &str,
    said: &str,
    stored: &BTreeMap<String, usize>,
    killed: &RangeInclusive<u64>,
) -> Vec<String> {
    let count = |number: u64| {
        let of = stored.get(&format!("{client} {number}"));
        of.copied().unwrap_or_default()
    };
    let committed = times(said, "committed").into_iter();
    let committed = committed.filter(|(at, number)| {
        let may_be_hidden = (killed.start().saturating_sub(HIDDEN_MS)..=*killed.end()).contains(at);
        let count = count(*number);
        count != RECORDS && !(count == 0 && may_be_hidden)
    });
    let aborted = times(said, "aborts").into_iter().filter(|(at, number)| {
        let count = count(*number);
        count != 0 && !(at > killed.start() && count == RECORDS)
    });
    let told = |what: &str, (at, number): (u64, u64)| {
        let (of, begun) = (count(number), killed.start());
        format!("{client} {number}: {what} at {at}, {of} of {RECORDS} are there; killed at {begun}")
    };
    let committed = committed.map(|one| told("committed", one));
    let aborted = aborted.map(|one| told("aborted", one));
    committed.chain(aborted).collect()
}

/// Ended with the test.
#[derive(Debug)]
struct Broker(Child);

impl Drop for Broker {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
#[ignore = "takes some minutes: make switches"]
fn transactions_go_on_after_switches() -> Result<()> {
    let scene = Scene::with_stand_in_of(1, &SESSIONS)?;
    for cluster in [CLUSTER, THIRD] {
        scene.topic_on(cluster, TOPIC, 1)?;
    }
    scene.vcluster("switched", &[(ALIAS, TOPIC)])?;
    let user = scene.login("switched", "super-user", 1)?;
    let mut clients = Switched::start(&scene, &user)?;
    clients.go_on()?;
    let begun = now_ms();
    let there = switch(&scene, &mut clients, THIRD)?;
    let back = switch(&scene, &mut clients, CLUSTER)?;
    let before = now_ms();
    scene.kill_broker(CLUSTER, 1)?;
    let killed = before..=now_ms();
    let away = switch(&scene, &mut clients, THIRD)?;
    let ended = now_ms();
    println!("switched, and all clients went on: {there:.1?}, {back:.1?}, of a cluster that died {away:.1?}");
    let said = clients.finish()?;
    let _broker = Broker(scene.start_broker(CLUSTER, 1)?);
    let all_wrong = || -> Result<Vec<String>> {
        let stored = stored(&scene)?;
        let wrong = said
            .iter()
            .flat_map(|(client, said)| wrong(client, said, &stored, &killed));
        Ok(wrong.collect())
    };
    let mut left = Vec::new();
    let found = eventually("what was committed is there", || {
        left = all_wrong().unwrap_or_else(|error| vec![format!("{error:#}")]);
        Ok(left.is_empty())
    });
    found.with_context(|| {
        format!(
            "{} are not whole, or there: {:?}",
            left.len(),
            &left[..left.len().min(20)]
        )
    })?;
    for (client, said) in &said {
        let committed: Vec<u64> = times(said, "committed").iter().map(|(at, _)| *at).collect();
        let aborted = times(said, "aborts").len();
        let gap = longest_gap(&committed, begun, ended);
        println!(
            "{client:12} {:5} transactions, {aborted} aborted, longest gap {gap:6} ms",
            committed.len()
        );
        ensure!(
            aborted <= 3 * ABORTED,
            "{client} had to abort {aborted} transactions: {:?}",
            said.lines()
                .filter(|line| line.starts_with("aborts"))
                .collect::<Vec<_>>()
        );
    }
    let aborted = said.values().filter(|said| !times(said, "aborts").is_empty());
    ensure!(aborted.count() > 0, "no transaction was open at a switch");
    Ok(())
}

#[test]
fn a_transaction_that_is_half_there_is_found() {
    let said = "committed 2000 1\naborts 6000 2 why\naborts 9000 3 why\nread 9000 1 0\n";
    let stored = |counts: [usize; 3]| -> BTreeMap<String, usize> {
        let counts = (1..).zip(counts);
        counts
            .map(|(number, count)| (format!("x {number}"), count))
            .collect()
    };
    let wrong = |counts, killed| wrong("x", said, &stored(counts), &(killed..=killed + 10)).len();
    assert_eq!(wrong([3, 0, 0], 7_000), 0);
    assert_eq!(wrong([3, 0, 3], 7_000), 0, "in doubt");
    for counts in [[2, 0, 0], [6, 0, 0], [3, 3, 0], [3, 0, 2]] {
        assert_eq!(wrong(counts, 7_000), 1, "{counts:?}");
    }
    assert_eq!(wrong([0, 0, 0], 7_000), 1, "lost");
    assert_eq!(wrong([0, 0, 0], 4_000), 0, "hidden");
    assert_eq!(wrong([0, 0, 0], 1_995), 0, "while it is killed");
}
