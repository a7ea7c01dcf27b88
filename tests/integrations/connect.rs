//! Kafka Connect: a worker, a source that writes each line exactly once, and a sink, while the gateway is killed.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::place::{self, Place};
use super::worker::Worker;
use crate::scene::{Login, Scene, counted, eventually, kcat_at, lines, properties, read_to_end};

const COMPACT: &[&str] = &["--config", "cleanup.policy=compact"];

/// The topics of Connect itself.
const TOPICS: [(&str, &[&str]); 3] = [
    ("connect-configs", COMPACT),
    ("connect-offsets", COMPACT),
    ("connect-status", COMPACT),
];

/// The rights of a principal that runs a worker with a source and a sink.
const RIGHTS: [&[&str]; 3] = [
    &[
        "--operation",
        "Read",
        "--operation",
        "Write",
        "--operation",
        "DescribeConfigs",
        "--topic",
        "connect-configs",
        "--topic",
        "connect-offsets",
        "--topic",
        "connect-status",
        "--topic",
        "lines",
    ],
    // Members of the group of workers, and of the group of the sink.
    &[
        "--operation",
        "Read",
        "--group",
        "connect-workers",
        "--group",
        "connect-to-file",
    ],
    // The leader's own id, and one for each task.
    &[
        "--operation",
        "Write",
        "--operation",
        "Describe",
        "--resource-pattern-type",
        "prefixed",
        "--transactional-id",
        "connect-",
    ],
];

/// Whether topics are to be created is asked only of those who may.
const MAY_CREATE: &[&str] = &["--operation", "Create", "--cluster"];

/// A worker, and its API.
pub(crate) struct Connect {
    worker: Worker,
    agent: ureq::Agent,
    rest: String,
}

/// A worker with its file of lines, and the file that they come to.
struct Bench {
    connect: Connect,
    source: PathBuf,
    sink: PathBuf,
    written: usize,
}

pub(super) fn moves_lines(scene: &mut Scene, place: Place) -> Result<()> {
    let name = match place {
        Place::Partner => "connect-partner",
        Place::Standard => "connect-standard",
    };
    let user = place.lay_out(scene, name, "connect")?;
    place.provide(scene, name, &TOPICS)?;
    place.provide(scene, name, &[("lines", &[])])?;
    place::grant(scene, name, &user, &RIGHTS)?;
    place::grant(scene, name, &user, &[MAY_CREATE])?;
    let mut bench = Bench::start(scene, name, &user)?;
    let moved = bench.move_lines(scene);
    bench.connect.worker.explain(moved)?;
    let physical = place.physical(name, "lines");
    let committed = read_to_end(kcat_at(scene.physical()), &physical, &[])?;
    let wanted: Vec<String> = (1..=bench.written).map(line).collect();
    ensure!(
        counted(&committed) == counted(&wanted),
        "{} records of {} lines, {} of them different",
        committed.len(),
        wanted.len(),
        counted(&committed).len()
    );
    Ok(())
}

/// Makes the topics of Connect itself in a Partner, where it cannot make them.
pub(crate) fn provide(scene: &Scene, name: &str) -> Result<()> {
    Place::Partner.provide(scene, name, &TOPICS)
}

impl Connect {
    pub(crate) fn start(scene: &Scene, name: &str, user: &Login) -> Result<Self> {
        let rest = format!("http://127.0.0.1:{}", scene.stage.spare_port(0));
        let mut connect = Self {
            worker: Worker::start(scene, "connect", name, &worker(&rest, user))?,
            agent: ureq::Agent::new_with_defaults(),
            rest,
        };
        let ready = eventually("the worker serves", || {
            connect.worker.check()?;
            Ok(connect
                .agent
                .get(format!("{}/connectors", connect.rest))
                .call()
                .is_ok())
        });
        connect.worker.explain(ready)?;
        Ok(connect)
    }

    /// Puts a connector; while workers find each other it is refused for a moment.
    pub(crate) fn connector(&mut self, name: &str, config: &Value) -> Result<()> {
        let url = format!("{}/connectors/{name}/config", self.rest);
        eventually("the connector is taken", || {
            self.worker.check()?;
            Ok(self.agent.put(&url).send_json(config).is_ok())
        })
    }
}

impl Bench {
    fn start(scene: &Scene, name: &str, user: &Login) -> Result<Self> {
        let directory = scene.stage.directory();
        Ok(Self {
            connect: Connect::start(scene, name, user)?,
            source: directory.join(format!("{name}.source")),
            sink: directory.join(format!("{name}.sink")),
            written: 0,
        })
    }

    fn move_lines(&mut self, scene: &mut Scene) -> Result<()> {
        self.write(200)?;
        self.connect.connector(
            "from-file",
            &json!({
                "connector.class": "FileStreamSource", "file": self.source, "topic": "lines",
                "exactly.once.support": "required",
                // Where it is to make the topic itself.
                "topic.creation.default.replication.factor": 1, "topic.creation.default.partitions": 1,
            }),
        )?;
        self.connect.connector(
            "to-file",
            &json!({
                "connector.class": "FileStreamSink", "file": self.sink, "topics": "lines",
                "consumer.override.isolation.level": "read_committed",
            }),
        )?;
        self.arrive("the first lines")?;
        scene.stage.node_mut(1).kill();
        self.write(300)?;
        scene.stage.node_mut(1).restart()?;
        self.write(100)?;
        self.arrive("lines from while the gateway was down")
    }

    fn write(&mut self, count: usize) -> Result<()> {
        let mut more = String::new();
        for number in self.written + 1..=self.written + count {
            writeln!(more, "{}", line(number))?;
        }
        let mut file = File::options().create(true).append(true).open(&self.source)?;
        file.write_all(more.as_bytes())?;
        self.written += count;
        Ok(())
    }

    /// Waits until the sink has each line, as often as it will.
    fn arrive(&mut self, what: &str) -> Result<()> {
        let wanted: BTreeSet<String> = (1..=self.written).map(line).collect();
        eventually(what, || {
            self.connect.worker.check()?;
            let sunk = fs::read_to_string(&self.sink).unwrap_or_default();
            Ok(lines(&sunk).into_iter().collect::<BTreeSet<_>>() == wanted)
        })
    }
}

fn line(number: usize) -> String {
    format!("line {number}")
}

/// The properties of a worker. Its own clients, those of connectors and its administration log in alike. If the gateway
/// is away for longer than a session, the worker comes back as another one, and does not wait for the lost one.
fn worker(rest: &str, user: &Login) -> String {
    let login = properties(&user.username, &user.token);
    let mut text = format!(
        "bootstrap.servers={}\n\
         listeners={rest}\n\
         group.id=connect-workers\n\
         exactly.once.source.support=enabled\n\
         scheduled.rebalance.max.delay.ms=0\n\
         config.storage.topic=connect-configs\nconfig.storage.replication.factor=1\n\
         offset.storage.topic=connect-offsets\noffset.storage.replication.factor=1\noffset.storage.partitions=1\n\
         status.storage.topic=connect-status\nstatus.storage.replication.factor=1\nstatus.storage.partitions=1\n\
         key.converter=org.apache.kafka.connect.storage.StringConverter\n\
         value.converter=org.apache.kafka.connect.storage.StringConverter\n\
         offset.flush.interval.ms=1000\n\
         plugin.discovery=service_load\n",
        user.bootstrap
    );
    for whose in ["", "producer.", "consumer.", "admin."] {
        for line in login.lines() {
            text.push_str(&format!("{whose}{line}\n"));
        }
    }
    text
}
