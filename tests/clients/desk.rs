//! One JVM that runs stock tools one after another and reads topics to their end. It knows nothing of the gateway.

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use klamm::quickstart::child;

use crate::scene::{LIMIT, lines, script};

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

    /// All committed records of a topic, sorted.
    pub(crate) fn read(&mut self, bootstrap: &str, topic: &str) -> Result<Vec<Stored>> {
        let said = self.ask(&["read", bootstrap, topic])?;
        ensure!(said.status == 0, "{topic} cannot be read:\n{}", said.all());
        let record = |line: &str| {
            let mut fields = line.split('\t').skip(1).map(str::to_owned);
            let (key, value) = (fields.next()?, fields.next()?);
            Some(Stored {
                key,
                value,
                headers: fields.collect(),
            })
        };
        let mut records = said
            .out
            .lines()
            .map(|line| record(line).with_context(|| line.to_owned()))
            .collect::<Result<Vec<_>>>()?;
        records.sort();
        Ok(records)
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
