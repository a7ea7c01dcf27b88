//! Java, librdkafka and franz-go at their default settings, each with a producer and a group of one consumer that are always at
//! work, while something happens to what serves them; and that nothing is lost, doubled or out of order meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};

use super::programs::Program as Source;
use crate::program::Program;
use crate::scene::{LIMIT, Login, Scene};

/// The name of the topic in the virtual cluster.
pub(super) const ALIAS: &str = "orders";

/// The clients, their programs, and whether their producers are idempotent unless told otherwise.
const CLIENTS: [(&str, Source, bool); 3] = [
    ("java", Source::Java("Pace.java"), true),
    ("librdkafka", Source::Script("librdkafka-pace"), false),
    ("franz-go", Source::Script("franz-go-pace"), true),
];

/// So many deeds after something happened show that a client goes on.
const GOES_ON: usize = 50;

/// The two things that a client does all the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Stored,
    Read,
}

impl Deed {
    pub(super) const ALL: [Self; 2] = [Self::Stored, Self::Read];

    /// As programs write it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Read => "read",
        }
    }
}

/// Milliseconds since the Unix epoch.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The output of each client, by its name.
#[derive(Debug)]
pub(super) struct Said(BTreeMap<&'static str, String>);

impl Said {
    pub(super) fn by_client(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(client, said)| (*client, said.as_str()))
    }
}

/// When a client did something, in milliseconds since the Unix epoch, and the numbers of the records.
fn deeds(said: &str, deed: Deed) -> impl Iterator<Item = (u64, u64)> {
    let lines = said
        .lines()
        .filter_map(move |line| line.strip_prefix(deed.name()));
    lines.filter_map(|rest| {
        let (time, number) = rest.trim().split_once(' ')?;
        Some((time.parse().ok()?, number.parse().ok()?))
    })
}

/// When a client did something, in milliseconds since the Unix epoch.
pub(super) fn times(said: &str, deed: Deed) -> Vec<u64> {
    deeds(said, deed).map(|(time, _)| time).collect()
}

/// All clients at work on one topic.
#[derive(Debug)]
pub(super) struct Clients(Vec<(&'static str, Program)>);

impl Clients {
    /// Starts them, somewhere that goes by this name, and waits until all are at work.
    pub(super) fn start(
        scene: &Scene,
        name: &str,
        (topic, bootstrap): (&str, &str),
        user: Option<&Login>,
    ) -> Result<Self> {
        let (username, password) = user.map_or(("", ""), |user| (&user.username, &user.token));
        let scenario = scene.stage.directory().join(format!("{name}.scenario"));
        let text =
            format!("bootstrap={bootstrap}\nusername={username}\npassword={password}\ntopic={topic}\n");
        fs::write(&scenario, text)?;
        let mut programs = Vec::new();
        for (client, source, _) in CLIENTS {
            let name = format!("{name}-{client}");
            programs.push((client, Program::run(scene, &name, source.command(&scenario))?));
        }
        let mut clients = Self(programs);
        clients.go_on_after(now_ms())?;
        Ok(clients)
    }

    /// Waits until each has written and read so much after that time.
    pub(super) fn go_on_after(&mut self, time: u64) -> Result<()> {
        for (client, program) in &mut self.0 {
            program.shows(&format!("{client} goes on"), |said| {
                Deed::ALL.iter().all(|deed| {
                    let after = deeds(said, *deed).filter(|(at, _)| *at > time);
                    after.count() > GOES_ON
                })
            })?;
        }
        Ok(())
    }

    /// Ends them. No error was told, and what was told to be stored is there and was read.
    pub(super) fn finish(self, scene: &Scene, topic: &str) -> Result<Said> {
        let said = self.end()?;
        let stored = scene.stored(topic)?;
        for (client, _, is_idempotent) in CLIENTS {
            agrees(&said[client], &own(client, &stored), is_idempotent)
                .map_err(|error| error.context(client))?;
        }
        Ok(Said(said))
    }

    /// Ends them after switches between clusters, of which the first serves now. No error was told; what was told to be stored is on one
    /// of them; and everything was read that the first one has up to where a group is there.
    pub(super) fn finish_on(self, scene: &Scene, topic: &str, brokers: &[String]) -> Result<Said> {
        let said = self.end()?;
        let mut stored = Vec::new();
        for broker in brokers {
            let at = ["--bootstrap-server", broker.as_str()];
            stored.push(scene.stage.kafka().records(&at, topic, LIMIT)?);
        }
        for (&client, text) in &said {
            let own: Vec<Vec<u64>> = stored.iter().map(|stored| own(client, stored)).collect();
            is_somewhere(text, &own).map_err(|error| error.context(client))?;
        }
        Ok(Said(said))
    }

    /// Ends them, and no error was told.
    fn end(mut self) -> Result<BTreeMap<&'static str, String>> {
        let mut said = BTreeMap::new();
        for (client, program) in &mut self.0 {
            program.tell("finish")?;
            let all = program.finish(LIMIT)?;
            let failed: Vec<&str> = all
                .lines()
                .filter(|line| line.starts_with("failed"))
                .take(5)
                .collect();
            ensure!(failed.is_empty(), "{client}: {failed:?}");
            said.insert(*client, all);
        }
        Ok(said)
    }
}

/// The numbers of a client's records among all of a topic.
fn own(client: &str, stored: &[String]) -> Vec<u64> {
    let own = stored.iter().filter_map(|value| value.strip_prefix(client));
    own.filter_map(|number| number.trim().parse().ok()).collect()
}

/// Compares what a client said with the numbers of its records on several clusters, of which the first is read to its end.
fn is_somewhere(said: &str, clusters: &[Vec<u64>]) -> Result<()> {
    let told: BTreeSet<u64> = deeds(said, Deed::Stored).map(|(_, number)| number).collect();
    let there: BTreeSet<u64> = clusters.iter().flatten().copied().collect();
    let lost: Vec<&u64> = told.difference(&there).take(5).collect();
    ensure!(lost.is_empty(), "records {lost:?} are lost, and others");
    let first = clusters.first().map_or(&[][..], Vec::as_slice);
    let read: BTreeSet<u64> = deeds(said, Deed::Read).map(|(_, number)| number).collect();
    let end = first
        .iter()
        .rposition(|number| read.contains(number))
        .unwrap_or(0);
    let unread = first[..end].iter().filter(|number| !read.contains(number));
    let unread: Vec<&u64> = unread.take(5).collect();
    ensure!(unread.is_empty(), "records {unread:?} were not read, and others");
    Ok(())
}

/// Compares what a client said with the numbers of its records, as the topic of one partition has them.
fn agrees(said: &str, topic: &[u64], is_idempotent: bool) -> Result<()> {
    let told: BTreeSet<u64> = deeds(said, Deed::Stored).map(|(_, number)| number).collect();
    let there: BTreeSet<u64> = topic.iter().copied().collect();
    let lost: Vec<&u64> = told.difference(&there).take(5).collect();
    ensure!(lost.is_empty(), "records {lost:?} are lost, and others");
    if is_idempotent {
        let wrong = topic.windows(2).find(|pair| pair[0] >= pair[1]);
        ensure!(wrong.is_none(), "doubled or out of order: {wrong:?}");
    }
    let read: BTreeSet<u64> = deeds(said, Deed::Read).map(|(_, number)| number).collect();
    let last = read.last().copied().unwrap_or(0);
    let unread: Vec<&u64> = there
        .range(..last)
        .filter(|number| !read.contains(number))
        .take(5)
        .collect();
    // An unordered producer may store an earlier number behind the last one that was read.
    ensure!(
        unread.is_empty() || !is_idempotent && are_behind(&unread, topic, &read),
        "records {unread:?} were not read, and others"
    );
    Ok(())
}

/// Whether these are all stored behind everything that was read.
fn are_behind(unread: &[&u64], topic: &[u64], read: &BTreeSet<u64>) -> bool {
    let end = topic
        .iter()
        .rposition(|number| read.contains(number))
        .unwrap_or(0);
    unread.iter().all(|number| !topic[..end].contains(number))
}

#[test]
fn a_client_is_believed_only_where_the_topic_agrees() {
    let said = "stored 10 0\nread 12 0\nstored 20 1\nstored 30 2\nread 40 2\nread 45 1\n";
    assert_eq!(times(said, Deed::Read), [12, 40, 45]);
    assert!(
        agrees(said, &[0, 1, 2, 3], true).is_ok(),
        "the last is not yet read"
    );
    let wrong = |topic: &[u64], is_idempotent: bool| {
        agrees(said, topic, is_idempotent).expect_err("wrong").to_string()
    };
    assert!(wrong(&[0, 2], true).contains("[1] are lost"));
    assert!(wrong(&[0, 1, 1, 2], true).contains("doubled"));
    assert!(agrees(said, &[0, 1, 1, 2], false).is_ok());
    let unread = "stored 10 0\nstored 20 1\nstored 30 2\nread 40 0\nread 40 2\n";
    assert!(agrees(unread, &[0, 1, 2], true).is_err());
    assert!(agrees(unread, &[0, 1, 2], false).is_err());
    assert!(agrees(unread, &[0, 2, 1], false).is_ok(), "it comes later");
    let at = |clusters: &[&[u64]]| {
        let clusters: Vec<Vec<u64>> = clusters.iter().map(|numbers| numbers.to_vec()).collect();
        is_somewhere(unread, &clusters)
    };
    assert!(at(&[&[0, 2, 3], &[1, 2]]).is_ok());
    assert!(at(&[&[0, 2], &[]]).is_err(), "lost");
    assert!(at(&[&[0, 1, 2], &[]]).is_err(), "not read");
}
