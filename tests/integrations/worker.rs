//! A worker of Kafka Connect or MirrorMaker 2 as a process. What it logs is shown when it ends too early.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use klamm::quickstart::child;

use crate::scene::Scene;

/// How long Maven may take for the first time.
const INSTALL_LIMIT: Duration = Duration::from_secs(600);

/// It ends with this.
#[derive(Debug)]
pub(super) struct Worker {
    process: Child,
    log: PathBuf,
}

/// Fetches what workers are made of, once.
pub(crate) fn install() -> Result<()> {
    let installed = child::run(script("install"), "", INSTALL_LIMIT)?;
    ensure!(installed.status.success(), "{}", installed.all());
    Ok(())
}

impl Worker {
    /// Starts `integrations.sh KIND` with these properties.
    pub(super) fn start(scene: &Scene, kind: &str, name: &str, properties: &str) -> Result<Self> {
        let file = scene.stage.directory().join(format!("{name}.{kind}.properties"));
        fs::write(&file, properties)?;
        let log = file.with_extension("log");
        let mut command = script(kind);
        command
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(File::create(&log)?)
            .stderr(File::options().append(true).open(&log)?);
        Ok(Self {
            process: child::start(command)?,
            log,
        })
    }

    /// Fails once the process has ended.
    pub(super) fn check(&mut self) -> Result<()> {
        let ended = self.process.try_wait()?;
        ensure!(ended.is_none(), "it has ended:\n{}", self.end());
        Ok(())
    }

    /// The last that it complained of, and the last that it logged.
    fn end(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let is_complaint = |line: &&str| {
            ["] WARN ", "] ERROR ", "Caused by: "]
                .iter()
                .any(|word| line.contains(word))
        };
        let complaints: Vec<&str> = log.lines().filter(is_complaint).collect();
        format!(
            "{}\n…\n{}",
            child::log_end(&complaints.join("\n")),
            child::log_end(&log)
        )
    }

    /// As `result`, with the end of the log if it is an error.
    pub(super) fn explain<T>(&self, result: Result<T>) -> Result<T> {
        result.with_context(|| format!("the worker's log ends with:\n{}", self.end()))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn script(verb: &str) -> Command {
    let mut command = child::guarded("bash");
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integrations/integrations.sh"))
        .arg(verb);
    command
}
