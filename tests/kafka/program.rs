//! A program of the tests at work: what it prints goes to files, and it can be told something.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use klamm::quickstart::child;

use crate::scene::{Login, Scene, eventually, script};

/// It ends with this.
#[derive(Debug)]
pub(crate) struct Program {
    name: String,
    process: Child,
    log: PathBuf,
}

impl Program {
    /// Runs `tests/kafka/java/NAME.java` as somebody of a virtual cluster.
    pub(crate) fn start(scene: &Scene, name: &str, user: &Login, arguments: &[&str]) -> Result<Self> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/kafka/java/{name}.java"));
        let mut command = script("tool");
        command
            .arg(source)
            .args([&user.bootstrap, &user.file])
            .args(arguments);
        Self::run(scene, name, command)
    }

    /// Runs a command, whose name is that of the files that it prints to.
    pub(crate) fn run(scene: &Scene, name: &str, mut command: Command) -> Result<Self> {
        let log = scene.stage.directory().join(format!("{name}.out"));
        command
            .stdin(Stdio::piped())
            .stdout(File::create(&log)?)
            .stderr(File::create(log.with_extension("err"))?);
        Ok(Self {
            name: name.to_owned(),
            process: child::start(command)?,
            log,
        })
    }

    /// The output of the program so far.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The end of what it has printed and complained of.
    pub(crate) fn end(&self) -> String {
        let errors = fs::read_to_string(self.log.with_extension("err")).unwrap_or_default();
        child::log_end(&format!("{}\n{errors}", self.said()))
    }

    /// Asks until it is so, as long as it runs.
    pub(crate) fn shows(&mut self, what: &str, is_so: impl Fn(&str) -> bool) -> Result<()> {
        eventually(what, || {
            let is_over = self.process.try_wait()?.is_some();
            let is_so = is_so(&self.said());
            ensure!(is_so || !is_over, "{} has ended", self.name);
            Ok(is_so)
        })
        .with_context(|| self.end())
    }

    /// Waits until it has printed or complained of this.
    pub(crate) fn complains(&mut self, words: &str) -> Result<()> {
        eventually(words, || Ok(self.end().contains(words))).with_context(|| self.end())
    }

    /// Writes a line to its input.
    pub(crate) fn tell(&mut self, line: &str) -> Result<()> {
        let input = self.process.stdin.as_mut().context("it has an input")?;
        let told = writeln!(input, "{line}").and_then(|()| input.flush());
        told.with_context(|| format!("{} has ended: {}", self.name, self.end()))
    }

    /// Waits until it has ended well; what it has printed.
    pub(crate) fn finish(&mut self, limit: Duration) -> Result<String> {
        let ended = child::wait(&mut self.process, limit);
        let status = ended.with_context(|| format!("{} hangs: {}", self.name, self.end()))?;
        ensure!(status.success(), "{status}: {}", self.end());
        Ok(self.said())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
