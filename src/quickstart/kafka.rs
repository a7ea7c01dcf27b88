//! Apache Kafka on loopback: the script that installs and runs it, as values. Knows nothing of the gateway.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::quickstart::child::{self, Output};
use crate::quickstart::error::QuickstartError;

const SCRIPT: &str = include_str!("../../tests/kafka/kafka.sh");
const POM: &str = include_str!("../../tests/kafka/pom.xml");

/// Maven downloads about 50 MB the first time.
const INSTALL_LIMIT: Duration = Duration::from_secs(600);

/// How long reading a topic waits for one more record, the first one included (fewer than were written may be left): a busy
/// machine takes seconds to start with.
const READ_IDLE_MS: &str = "20000";

/// How long a broker may take to go.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// An installed Apache Kafka.
#[derive(Debug, Clone)]
pub struct Kafka {
    script: PathBuf,
    home: PathBuf,
}

impl Kafka {
    /// Unpacks the script into `directory` and lets it fetch Kafka, which takes a moment the first time.
    ///
    /// # Errors
    /// When Java or Maven are missing, or Maven cannot fetch Kafka.
    pub fn install(directory: &Path) -> Result<Self, QuickstartError> {
        let script = directory.join("kafka.sh");
        fs::write(&script, SCRIPT).map_err(QuickstartError::io("unpack kafka.sh"))?;
        fs::write(directory.join("pom.xml"), POM).map_err(QuickstartError::io("unpack pom.xml"))?;
        let kafka = Self { script, home: home() };
        let output = child::run(kafka.command("install"), "", INSTALL_LIMIT)?;
        if !output.status.success() {
            return Err(QuickstartError::Command {
                command: "kafka.sh install".into(),
                output: output.all(),
            });
        }
        Ok(kafka)
    }

    /// Starts a cluster of one broker on `port` and `port + 1`. `options` are those of `kafka.sh run`.
    ///
    /// # Errors
    /// When it does not come up; the error shows its log.
    pub fn cluster(&self, name: &str, port: u16, options: &[&str]) -> Result<Cluster, QuickstartError> {
        let mut command = self.command("run");
        command.args([name, &port.to_string()]).args(options);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let doing = || format!("start the Kafka cluster {name}");
        let mut process = child::start(command).map_err(QuickstartError::io(doing()))?;
        let mut ready = String::new();
        if let Some(stdout) = process.stdout.take() {
            // The script itself gives up after a minute, which ends the stream.
            BufReader::new(stdout)
                .read_line(&mut ready)
                .map_err(QuickstartError::io(doing()))?;
        }
        let Some(directory) = ready.trim_end().strip_prefix("ready ") else {
            let output = process.wait_with_output().map_err(QuickstartError::io(doing()))?;
            let log = child::log_end(&String::from_utf8_lossy(&output.stderr));
            return Err(QuickstartError::Command {
                command: format!("kafka.sh run {name}"),
                output: log,
            });
        };
        Ok(Cluster {
            bootstrap: format!("127.0.0.1:{port}"),
            port,
            directory: directory.into(),
            process,
        })
    }

    /// A stock tool such as `kafka-topics`, ready for its arguments.
    #[must_use]
    pub fn tool(&self, name: &str) -> Command {
        let mut command = self.command("tool");
        command.arg(name);
        command
    }

    /// Runs a stock tool to its end.
    ///
    /// # Errors
    /// When it does not end in time. Its exit code is the caller's to judge.
    pub fn run(&self, words: &[&str], input: &str, limit: Duration) -> Result<Output, QuickstartError> {
        let mut command = self.command("tool");
        command.args(words);
        child::run(command, input, limit)
    }

    /// All records of a topic. `connection` are a tool's options to reach the cluster.
    ///
    /// # Errors
    /// When the tools do not end in time or fail.
    pub fn records(
        &self,
        connection: &[&str],
        topic: &str,
        limit: Duration,
    ) -> Result<Vec<String>, QuickstartError> {
        let run = |tool: &'static str, more: &[&str]| {
            let output = self.run(
                &[&[tool], connection, &["--topic", topic], more].concat(),
                "",
                limit,
            )?;
            if output.status.success() {
                return Ok(output.stdout);
            }
            Err(QuickstartError::Command {
                command: tool.into(),
                output: child::log_end(&output.all()),
            })
        };
        // One line per partition: topic:partition:offset.
        let ends = run("kafka-get-offsets", &[])?;
        let end = |line: &str| {
            line.rsplit(':')
                .next()
                .and_then(|offset| offset.trim().parse::<u64>().ok())
        };
        let count: u64 = ends.lines().filter_map(end).sum();
        if count == 0 {
            return Ok(Vec::new());
        }
        let arguments = [
            "--from-beginning",
            "--max-messages",
            &count.to_string(),
            "--timeout-ms",
            READ_IDLE_MS,
        ];
        let read = run("kafka-console-consumer", &arguments)?;
        Ok(read.lines().map(str::to_owned).collect())
    }

    /// Writes a small executable per tool into `directory`, named as in a Kafka distribution.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn write_tools(&self, directory: &Path, names: &[&str]) -> Result<(), QuickstartError> {
        fs::create_dir_all(directory).map_err(QuickstartError::io("make a directory for tools"))?;
        for name in names {
            let (home, script) = (self.home.display(), self.script.display());
            let text =
                format!("#!/bin/sh\nKLAMM_KAFKA_HOME='{home}' exec bash '{script}' tool {name} \"$@\"\n");
            let path = directory.join(name);
            fs::write(&path, text).map_err(QuickstartError::io("write a tool"))?;
            make_executable(&path).map_err(QuickstartError::io("make a tool executable"))?;
        }
        Ok(())
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = child::guarded("bash");
        command
            .arg(&self.script)
            .arg(verb)
            .env("KLAMM_KAFKA_HOME", &self.home);
        own_group(&mut command);
        command
    }
}

/// A running cluster; it ends and its data goes when this value is dropped.
#[derive(Debug)]
pub struct Cluster {
    bootstrap: String,
    port: u16,
    directory: PathBuf,
    process: Child,
}

impl Cluster {
    /// `host:port` for clients.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// The port of its first broker.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its data and logs are.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The end of its input is the script's signal to end.
        drop(self.process.stdin.take());
        if child::wait(&mut self.process, STOP_LIMIT).is_none() {
            self.process.kill().ok();
            self.process.wait().ok();
        }
    }
}

/// Where Kafka's jars are kept: `KLAMM_KAFKA_HOME`, else in the build directory of this program, else in the user's
/// cache.
fn home() -> PathBuf {
    if let Some(home) = std::env::var_os("KLAMM_KAFKA_HOME") {
        return home.into();
    }
    let program = std::env::current_exe().unwrap_or_default();
    if let Some(target) = program
        .ancestors()
        .find(|directory| directory.join("CACHEDIR.TAG").is_file())
    {
        return target.join("kafka");
    }
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache")));
    cache
        .unwrap_or_else(std::env::temp_dir)
        .join("klamm")
        .join("kafka")
}

/// Keeps Ctrl-C, which a terminal sends to a whole process group, from a child that must end in its turn.
pub(crate) fn own_group(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

fn make_executable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}
