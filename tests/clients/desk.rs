//! One JVM that runs stock tools one after another and reads topics to their end. It knows nothing of the gateway.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use klamm::quickstart::child;

use crate::scene::{LIMIT, Login, lines, script};

/// The JVM. It ends with its input.
#[derive(Debug)]
pub(crate) struct Desk {
    process: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// The output of a tool. Status 124 is a tool that did not end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// Both streams.
    pub(crate) fn all(&self) -> String {
        format!("{}{}", self.out, self.err)
    }
}

/// A committed record as the broker has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stored {
    pub(crate) key: String,
    pub(crate) value: String,
    /// `key=value`
    pub(crate) headers: Vec<String>,
}

/// A record batch on disk.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) compression: String,
    /// −1 without idempotence.
    pub(crate) producer: i64,
    pub(crate) values: Vec<String>,
}

/// The file of a Java program here.
pub(crate) fn java(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clients/java")
        .join(name)
}

impl Desk {
    pub(crate) fn start(log: &Path) -> Result<Self> {
        let classes = child::run(script("classes"), "", LIMIT)?;
        let mut command = script("tool");
        command
            .arg(java("Desk.java"))
            .args(lines(&classes.stdout))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(log)?);
        let mut process = child::start(command)?;
        let requests = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().context("an output")?);
        Ok(Self {
            process,
            requests,
            answers,
        })
    }

    fn ask(&mut self, words: &[&str]) -> Result<Said> {
        let request: Vec<String> = words.iter().map(|word| STANDARD.encode(word)).collect();
        let requests = self.requests.as_mut().context("the desk is open")?;
        writeln!(requests, "{}", request.join(" "))?;
        requests.flush()?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        let parts: Vec<&str> = answer.trim_end().split(' ').collect();
        ensure!(parts.len() == 3, "the desk said {answer:?} to {words:?}");
        let text = |part: &str| -> Result<String> {
            let bytes = STANDARD.decode(part.trim_start_matches('='))?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        Ok(Said {
            status: parts[0].parse()?,
            out: text(parts[1])?,
            err: text(parts[2])?,
        })
    }

    /// Runs a tool: its name, then its arguments.
    pub(crate) fn tool(&mut self, words: &[&str], input: &str) -> Result<Said> {
        self.ask(&[&["tool", input], words].concat())
    }

    /// Runs a tool that must succeed.
    pub(crate) fn ok(&mut self, words: &[&str]) -> Result<String> {
        let said = self.tool(words, "")?;
        ensure!(
            said.status == 0,
            "{words:?} ended with {}:\n{}",
            said.status,
            said.all()
        );
        Ok(said.out)
    }

    /// Has producers write to topics alike, step by step: `write PRODUCER CODEC KEY…` a batch, `commit PRODUCER`,
    /// `abort PRODUCER`. A producer whose name begins with `transactional` is one.
    pub(crate) fn write(&mut self, bootstrap: &str, topics: &[&str], steps: &[String]) -> Result<()> {
        let topics = topics.join(",");
        let steps = steps.iter().map(String::as_str);
        let words: Vec<&str> = ["write", bootstrap, &topics].into_iter().chain(steps).collect();
        self.done(&words).map(drop)
    }

    /// Sets what is configured for groups, all alike: `key=value,…`.
    pub(crate) fn configure(&mut self, user: &Login, settings: &str, groups: &[String]) -> Result<()> {
        let groups = groups.iter().map(String::as_str);
        let words = ["configure", &user.bootstrap, &user.file, settings];
        let words: Vec<&str> = words.into_iter().chain(groups).collect();
        self.done(&words).map(drop)
    }

    /// How far groups of any kind are in a topic, and where it ends. Whoever has committed nothing is not there.
    pub(crate) fn committed(
        &mut self,
        user: &Login,
        groups: &[String],
    ) -> Result<BTreeMap<String, (i64, i64)>> {
        let groups = groups.iter().map(String::as_str);
        let words: Vec<&str> = ["committed", &user.bootstrap, &user.file]
            .into_iter()
            .chain(groups)
            .collect();
        let said = self.done(&words)?;
        let offsets = said.lines().map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            ensure!(words.len() == 4, "{line}");
            Ok((words[0].to_owned(), (words[2].parse()?, words[3].parse()?)))
        });
        offsets.collect()
    }

    /// The batches in files of a log.
    pub(crate) fn batches(&mut self, files: &[String]) -> Result<Vec<Batch>> {
        let dump = self.ok(&["kafka-dump-log", "--print-data-log", "--files", &files.join(",")])?;
        let mut batches: Vec<Batch> = Vec::new();
        for line in dump.lines() {
            if line.starts_with("baseOffset:") {
                let words: Vec<&str> = line.split_whitespace().collect();
                let fields: BTreeMap<&str, &str> = words.windows(2).map(|pair| (pair[0], pair[1])).collect();
                batches.push(Batch {
                    compression: fields
                        .get("compresscodec:")
                        .copied()
                        .unwrap_or_default()
                        .to_owned(),
                    producer: fields.get("producerId:").unwrap_or(&"-1").parse()?,
                    values: Vec::new(),
                });
            } else if let (Some(batch), Some((_, value))) = (batches.last_mut(), line.split_once("payload: "))
            {
                batch.values.push(value.trim().to_owned());
            }
        }
        ensure!(!batches.is_empty(), "no batches in:\n{dump}");
        Ok(batches)
    }

    fn done(&mut self, words: &[&str]) -> Result<String> {
        let said = self.ask(words)?;
        ensure!(said.status == 0, "{} failed:\n{}", words[0], said.all());
        Ok(said.out)
    }

    /// All committed records of a topic, sorted.
    pub(crate) fn read(&mut self, bootstrap: &str, topic: &str) -> Result<Vec<Stored>> {
        let records = self.read_in_order(bootstrap, topic)?;
        let mut records: Vec<Stored> = records.into_iter().map(|(_, record)| record).collect();
        records.sort();
        Ok(records)
    }

    /// All committed records of a topic, each with its partition. Those of one partition are in order.
    pub(crate) fn read_in_order(&mut self, bootstrap: &str, topic: &str) -> Result<Vec<(u32, Stored)>> {
        let said = self.done(&["read", bootstrap, topic])?;
        let record = |line: &str| {
            let mut fields = line.split('\t').map(str::to_owned);
            let (partition, key, value) = (fields.next()?.parse().ok()?, fields.next()?, fields.next()?);
            let headers = fields.collect();
            Some((partition, Stored { key, value, headers }))
        };
        let records = said
            .lines()
            .map(|line| record(line).with_context(|| line.to_owned()));
        records.collect()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        drop(self.requests.take());
        if child::wait(&mut self.process, LIMIT).is_none() {
            self.process.kill().ok();
            self.process.wait().ok();
        }
    }
}
