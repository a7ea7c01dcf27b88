//! Child processes that cannot outlive this one, and commands with a time limit.

use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use crate::quickstart::error::QuickstartError;

/// How often a wait looks again.
pub(crate) const POLL: Duration = Duration::from_millis(20);

/// Of a log, what an error shows.
const LOG_END_BYTES: usize = 4_000;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Makes every wait of this process for a child end, so that everything is put away in order.
pub(crate) fn interrupt() {
    INTERRUPTED.store(true, Ordering::Relaxed);
}

/// Takes the interruption back, for what must still be put away.
pub(crate) fn calm() {
    INTERRUPTED.store(false, Ordering::Relaxed);
}

/// An error once somebody has interrupted.
pub(crate) fn check_interrupt() -> Result<(), QuickstartError> {
    if INTERRUPTED.load(Ordering::Relaxed) {
        Err(QuickstartError::Interrupted)
    } else {
        Ok(())
    }
}

type Order = (Command, SyncSender<io::Result<Child>>);

/// The kernel ties a guarded child to the *thread* that started it, so one thread starts them all and never ends.
static STARTER: LazyLock<SyncSender<Order>> = LazyLock::new(|| {
    let (sender, orders) = mpsc::sync_channel::<Order>(1);
    thread::spawn(move || {
        for (mut command, reply) in orders {
            // Nobody waits any more when the send fails; then the child is of no use either.
            if let Err(mpsc::SendError(Ok(mut child))) = reply.send(command.spawn()) {
                child.kill().ok();
            }
        }
    });
    sender
});

/// A command whose process is killed when this one ends, even by SIGKILL, where the system can do that.
#[must_use]
pub fn guarded(program: &str) -> Command {
    static GUARD: LazyLock<bool> = LazyLock::new(|| {
        let probe = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "true"])
            .stderr(Stdio::null())
            .status();
        probe.is_ok_and(|status| status.success())
    });
    if !*GUARD {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", program]);
    command
}

/// Starts a command from the thread that lives as long as the process.
///
/// # Errors
/// As [`Command::spawn`].
pub fn start(command: Command) -> io::Result<Child> {
    let (reply, child) = mpsc::sync_channel(1);
    STARTER
        .send((command, reply))
        .map_err(|_| io::Error::other("no thread starts children any more"))?;
    child
        .recv()
        .map_err(|_| io::Error::other("the thread that starts children is gone"))?
}

/// The output of a command.
#[derive(Debug)]
pub struct Output {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// Both streams, for people and for searching.
    #[must_use]
    pub fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// Runs a command to its end, gives it `input`, and kills it at the limit.
///
/// # Errors
/// When it cannot be started or does not end in time.
pub fn run(mut command: Command, input: &str, limit: Duration) -> Result<Output, QuickstartError> {
    let name = describe(&command);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = start(command).map_err(QuickstartError::io(format!("start {name}")))?;
    let mut stdin = child.stdin.take();
    let input = input.to_owned();
    let feed = thread::spawn(move || {
        // A tool may end without reading its input.
        stdin.take().map(|mut pipe| pipe.write_all(input.as_bytes()))
    });
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let ended = wait_while(&mut child, limit, || check_interrupt().is_ok());
    if ended.is_none() {
        child.kill().ok();
        child.wait().ok();
    }
    feed.join().ok();
    let stdout = stdout.join().unwrap_or_default();
    let stderr = stderr.join().unwrap_or_default();
    check_interrupt()?;
    match ended {
        Some(status) => Ok(Output {
            status,
            stdout,
            stderr,
        }),
        None => Err(QuickstartError::Late {
            what: name,
            limit,
            log: log_end(&format!("{stdout}{stderr}")),
        }),
    }
}

/// Waits for the end of a child, but not longer than the limit.
pub fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    wait_while(child, limit, || true)
}

fn wait_while(child: &mut Child, limit: Duration, patient: impl Fn() -> bool) -> Option<ExitStatus> {
    let deadline = Instant::now() + limit;
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if Instant::now() >= deadline || !patient() {
            return None;
        }
        thread::sleep(POLL);
    }
}

/// The last lines of a log.
#[must_use]
pub fn log_end(log: &str) -> String {
    let mut start = log.len().saturating_sub(LOG_END_BYTES);
    while !log.is_char_boundary(start) {
        start += 1;
    }
    log[start..].trim_end().to_owned()
}

fn collect<R: Read + Send + 'static>(pipe: Option<R>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read until an error is still worth showing.
            pipe.read_to_end(&mut bytes).ok();
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn describe(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = guarded("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_command_gets_its_input_and_gives_its_output() {
        let output = run(
            shell("tr a-z A-Z; echo oops >&2; exit 3"),
            "abc",
            Duration::from_secs(10),
        )
        .unwrap();
        assert_eq!(
            (output.stdout.as_str(), output.stderr.as_str()),
            ("ABC", "oops\n")
        );
        assert_eq!(output.status.code(), Some(3));
    }

    #[test]
    fn a_command_that_hangs_is_killed_and_its_words_are_shown() {
        let error = run(
            shell("echo so far; exec sleep 60"),
            "",
            Duration::from_millis(300),
        )
        .unwrap_err();
        assert!(error.to_string().contains("so far"), "{error}");
    }
}
