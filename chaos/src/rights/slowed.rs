//! A node whose disk is slow: strace holds back each call that writes to it.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context;

/// The thread of a node that writes.
const WRITER: &str = "klamm-store";

/// A process whose writes are slow as long as this lives.
#[derive(Debug)]
pub(super) struct SlowWrites(Child);

impl SlowWrites {
    /// Whether there is what it takes.
    pub(super) fn are_possible() -> bool {
        let found = Command::new("strace").arg("-V").stdout(Stdio::null()).status();
        found.is_ok_and(|status| status.success())
    }

    /// From now on each write of a process to its disk takes so much longer.
    pub(super) fn of(process: u32, by: Duration) -> anyhow::Result<Self> {
        let threads = fs::read_dir(format!("/proc/{process}/task"))?;
        let writer = threads.flatten().find(|thread| {
            let name = fs::read_to_string(thread.path().join("comm"));
            name.is_ok_and(|name| name.trim() == WRITER)
        });
        let writer = writer.context("the node has no thread that writes")?.file_name();
        let strace = Command::new("strace")
            .args(["-q", "-o", "/dev/null", "-e", "trace=fsync,fdatasync"])
            .arg("-e")
            .arg(format!("inject=fsync,fdatasync:delay_enter={}", by.as_micros()))
            .arg("-p")
            .arg(writer)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self(strace))
    }
}

impl Drop for SlowWrites {
    fn drop(&mut self) {
        // It lets the process go on when it is told to end.
        drop(Command::new("kill").arg(self.0.id().to_string()).status());
        drop(self.0.wait());
    }
}
