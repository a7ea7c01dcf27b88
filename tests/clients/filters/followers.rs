//! Who follows: each client in each protocol that it has, with a group for each topic and isolation. It judges nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde_json::json;

use super::super::programs::Program as Source;
use super::log::{Filter, Isolation};
use crate::integrations::connect::{self, Connect};
use crate::integrations::worker;
use crate::program::Program;
use crate::scene::{Login, Scene};

/// Bytes of a partition that are fetched at once: little, so that many answers have nothing but what is withheld.
const FETCH_BYTES: usize = 4096;

/// How often offsets are committed, in milliseconds.
const COMMIT_MS: usize = 200;

/// The way in which a client is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Means {
    Program(Source),
    Connect,
}

/// A program, and the protocols of groups that it follows in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Follower {
    pub(super) client: &'static str,
    pub(super) protocols: &'static [&'static str],
    means: Means,
}

const fn follower(client: &'static str, source: Source, protocols: &'static [&'static str]) -> Follower {
    Follower {
        client,
        protocols,
        means: Means::Program(source),
    }
}

pub(super) const FOLLOWERS: [Follower; 11] = [
    // A worker takes its time, and then nobody else has begun.
    Follower {
        client: "connect",
        protocols: &["classic", "consumer"],
        means: Means::Connect,
    },
    follower("java-4.3", Source::Java("Client.java"), &["classic", "consumer"]),
    follower("java-4.3", Source::Java("Share.java"), &["share"]),
    follower("java-3.9", Source::Script("java-3.9"), &["classic", "consumer"]),
    follower(
        "librdkafka",
        Source::Script("librdkafka"),
        &["classic", "consumer", "share"],
    ),
    follower(
        "franz-go",
        Source::Script("franz-go"),
        &["classic", "consumer", "share"],
    ),
    follower("sarama", Source::Script("sarama"), &["classic"]),
    follower("kafkajs", Source::Script("kafkajs"), &["classic"]),
    follower("aiokafka", Source::Script("aiokafka"), &["classic"]),
    follower("kafka-python", Source::Script("kafka-python"), &["classic"]),
    follower("streams", Source::Script("streams"), &["classic", "streams"]),
];

/// A topic that one client follows in one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cell {
    pub(super) client: &'static str,
    pub(super) protocol: &'static str,
    pub(super) filter: Filter,
    pub(super) isolation: Isolation,
}

impl Cell {
    /// The group, which nobody else is in. The group of a connector is called like it, behind `connect-`.
    pub(super) fn group(self) -> String {
        let Self { client, protocol, .. } = self;
        format!(
            "{client}-{protocol}-{}-{}",
            self.filter.topic(),
            self.isolation.name()
        )
    }
}

impl Follower {
    pub(super) fn cells(self) -> Vec<Cell> {
        let mut cells = Vec::new();
        for protocol in self.protocols {
            for filter in Filter::ALL {
                cells.extend(Isolation::ALL.map(|isolation| Cell {
                    client: self.client,
                    protocol,
                    filter,
                    isolation,
                }));
            }
        }
        cells
    }

    /// Starts it for these topics.
    pub(super) fn start(self, scene: &Scene, place: &str, user: &Login, cells: &[Cell]) -> Result<Running> {
        match self.means {
            Means::Program(source) => {
                let name = format!("{place}-{}-{}", self.client, self.protocols[0]);
                let scenario = scenario(scene, &name, user, cells)?;
                let program = Program::run(scene, &name, source.command(&scenario))?;
                Ok(Running::Program(program))
            }
            Means::Connect => sinks(scene, place, user, cells),
        }
    }
}

/// A program at work, or a worker of Connect with the files of its sinks.
pub(super) enum Running {
    Program(Program),
    Connect {
        #[expect(dead_code, reason = "it ends with this")]
        connect: Connect,
        sinks: BTreeMap<String, PathBuf>,
    },
}

/// The words of followers: what they were given and complain of, by group.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) got: BTreeMap<String, Vec<String>>,
    pub(super) failed: BTreeMap<String, String>,
}

impl Said {
    /// The keys that a group got, in order.
    pub(super) fn of(&self, cell: Cell) -> &[String] {
        self.got.get(&cell.group()).map_or(&[], Vec::as_slice)
    }

    fn value(&mut self, group: &str, value: &str) {
        let key = value.split(' ').next().unwrap_or_default().to_owned();
        self.got.entry(group.to_owned()).or_default().push(key);
    }
}

impl Running {
    pub(super) fn tell(&self, said: &mut Said) {
        match self {
            Self::Program(program) => {
                let text = program.said();
                // The last line may not be whole yet.
                let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
                for line in whole.lines() {
                    let mut words = line.splitn(3, ' ');
                    match (words.next(), words.next(), words.next()) {
                        (Some("got"), Some(group), Some(value)) => said.value(group, value),
                        (Some("failed"), Some(group), why) => {
                            let group = group.trim_end_matches(':').to_owned();
                            said.failed.insert(group, why.unwrap_or_default().to_owned());
                        }
                        _ => {}
                    }
                }
            }
            Self::Connect { sinks, .. } => {
                for (group, file) in sinks {
                    let text = fs::read_to_string(file).unwrap_or_default();
                    text.lines().for_each(|line| said.value(group, line));
                }
            }
        }
    }
}

/// The scenario that the program reads.
fn scenario(scene: &Scene, name: &str, user: &Login, cells: &[Cell]) -> Result<PathBuf> {
    ensure!(!cells.is_empty(), "{name} has nothing to follow");
    let line = |cell: &Cell| {
        let (topic, isolation) = (cell.filter.topic(), cell.isolation.name());
        format!("{topic}:{isolation}:{}:{}", cell.protocol, cell.group())
    };
    let lines: Vec<String> = cells.iter().map(line).collect();
    let text = format!(
        "bootstrap={}\nprefix=\nusername={}\npassword={}\nfetch.bytes={FETCH_BYTES}\ncommit.ms={COMMIT_MS}\nfollow={}\n",
        user.bootstrap,
        user.username,
        user.token,
        lines.join(",")
    );
    let file = scene.stage.directory().join(format!("{name}.scenario"));
    fs::write(&file, text)?;
    Ok(file)
}

/// A worker with a sink for each topic.
fn sinks(scene: &Scene, place: &str, user: &Login, cells: &[Cell]) -> Result<Running> {
    worker::install()?;
    let mut worker = Connect::start(scene, place, user)?;
    let mut sinks = BTreeMap::new();
    for cell in cells {
        let group = cell.group();
        let name = group.strip_prefix("connect-").unwrap_or(&group);
        let file = scene.stage.directory().join(format!("{place}-{name}.sink"));
        worker.connector(
            name,
            &json!({
                "connector.class": "FileStreamSink", "file": file, "topics": cell.filter.topic(),
                "consumer.override.isolation.level": cell.isolation.name(),
                "consumer.override.group.protocol": cell.protocol,
                "consumer.override.max.partition.fetch.bytes": FETCH_BYTES.to_string(),
            }),
        )?;
        sinks.insert(group, file);
    }
    let connect = worker;
    Ok(Running::Connect { connect, sinks })
}

/// Makes the topics that followers keep things in where they cannot make them themselves.
pub(super) fn provide(scene: &Scene, vcluster: &str, followers: &[Follower]) -> Result<()> {
    let has_connect = followers.iter().any(|follower| follower.means == Means::Connect);
    if has_connect {
        connect::provide(scene, vcluster)?;
    }
    Ok(())
}
