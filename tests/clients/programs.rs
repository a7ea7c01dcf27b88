//! The clients and how each is run. Everything that a program says is judged elsewhere.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use klamm::quickstart::child;

use super::desk::java;
use crate::scene::script;

/// How long all the steps of one program may take together.
const PROGRAM_LIMIT: Duration = Duration::from_secs(240);

/// A client and the programs that do its steps, one after another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client {
    pub(crate) name: &'static str,
    programs: &'static [Program],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    /// A Java source file with the Kafka that all tests use.
    Java(&'static str),
    /// A program that `clients.sh run` knows by this name.
    Script(&'static str),
}

pub(crate) const CLIENTS: [Client; 8] = [
    Client {
        name: "java-4.3",
        programs: &[
            Program::Java("Client.java"),
            Program::Java("Share.java"),
            Program::Script("streams"),
        ],
    },
    Client {
        name: "java-3.9",
        programs: &[Program::Script("java-3.9")],
    },
    Client {
        name: "librdkafka",
        programs: &[Program::Script("librdkafka")],
    },
    Client {
        name: "franz-go",
        programs: &[Program::Script("franz-go")],
    },
    Client {
        name: "sarama",
        programs: &[Program::Script("sarama")],
    },
    Client {
        name: "kafkajs",
        programs: &[Program::Script("kafkajs")],
    },
    Client {
        name: "aiokafka",
        programs: &[Program::Script("aiokafka")],
    },
    Client {
        name: "kafka-python",
        programs: &[Program::Script("kafka-python")],
    },
];

/// How a step went, as the program says or as was found afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    Ok,
    /// The client has no such thing.
    Cannot(String),
    Failed(String),
}

impl Program {
    pub(super) fn command(self, scenario: &Path) -> Command {
        let mut command = match self {
            Self::Java(file) => {
                let mut command = script("tool");
                command.arg(java(file));
                command
            }
            Self::Script(name) => {
                let mut command = child::guarded("bash");
                let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/clients.sh");
                command.arg(script).args(["run", name]);
                command
            }
        };
        command.arg(scenario);
        command
    }
}

impl Client {
    /// Runs all programs; `please` does what they ask for. A step that no program names is missing in the answer.
    pub(crate) fn run(
        self,
        scenario: &Path,
        log: &Path,
        mut please: impl FnMut(&str) -> Result<()>,
    ) -> Result<BTreeMap<String, Cell>> {
        let mut cells = BTreeMap::new();
        for program in self.programs {
            let log: PathBuf = log.with_extension("err");
            play(program.command(scenario), &log, &mut cells, &mut please)
                .with_context(|| format!("{} with {program:?}", self.name))?;
        }
        Ok(cells)
    }
}

fn play(
    mut command: Command,
    log: &Path,
    cells: &mut BTreeMap<String, Cell>,
    please: &mut impl FnMut(&str) -> Result<()>,
) -> Result<()> {
    let errors = std::fs::File::options().create(true).append(true).open(log)?;
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(errors);
    let mut process = child::start(command)?;
    let mut input = process.stdin.take().context("an input")?;
    let output = process.stdout.take().context("an output")?;
    let finished = Arc::new(AtomicBool::new(false));
    let guard = {
        let finished = Arc::clone(&finished);
        thread::spawn(move || {
            let deadline = Instant::now() + PROGRAM_LIMIT;
            while !finished.load(Ordering::Relaxed) && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(50));
            }
            process.kill().ok();
            process.wait()
        })
    };
    let mut asked = Ok(());
    for line in BufReader::new(output).lines() {
        let line = line?;
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let (step, reason) = rest.split_once(": ").unwrap_or((rest, ""));
        let cell = match word {
            "ok" => Cell::Ok,
            "cannot" => Cell::Cannot(reason.to_owned()),
            "failed" => Cell::Failed(reason.to_owned()),
            "please" => {
                asked = please(rest);
                if asked.is_err() {
                    break;
                }
                // A program that has ended says nothing further anyway.
                writeln!(input, "done").ok();
                continue;
            }
            _ => continue,
        };
        cells.insert(step.to_owned(), cell);
    }
    finished.store(true, Ordering::Relaxed);
    guard.join().ok();
    asked
}
