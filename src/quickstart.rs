//! `klamm quickstart`: the whole product on one machine, as a demonstration that anybody can repeat.
//!
//! Starts real Apache Kafka and gateway nodes as child processes, walks through sharing topics with a partner by
//! stock tools, then stays up until Ctrl-C. Its parts ([`stage::Stage`] first of all) also carry the tests on real
//! Kafka. It uses the gateway from outside only: no module of the data or control plane.

pub mod admin;
pub mod child;
pub mod error;
pub mod kafka;
pub mod node;
pub mod ports;
mod screen;
pub mod signer;
pub mod stage;
mod story;

use std::path::PathBuf;
use std::thread;

use crate::quickstart::error::QuickstartError;

/// The options of a quickstart.
#[derive(Debug, Clone)]
pub struct Options {
    /// Somebody's own Kafka, as `host:port`; otherwise two clusters are started.
    pub backend: Option<String>,
    /// Kafka client properties for it, such as credentials.
    pub backend_properties: Option<PathBuf>,
    /// How many gateway nodes, 1 to [`stage::MAX_NODES`].
    pub nodes: u16,
    pub afterwards: Afterwards,
}

/// The end of a quickstart, after the demonstration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Afterwards {
    /// Everything runs on until Ctrl-C.
    Stay,
    /// The command ends.
    Exit,
}

/// Runs the demonstration. Nothing of it is left when this returns, whatever the reason.
///
/// # Errors
/// At the first step that fails or does not show what it should.
pub fn run(options: &Options) -> Result<(), QuickstartError> {
    end_in_order_on_signals()?;
    match story::tell(options) {
        // Ctrl-C is how the demonstration is meant to end.
        Err(QuickstartError::Interrupted) => Ok(()),
        other => other,
    }
}

/// The first SIGINT or SIGTERM ends all waiting; the second one ends the process at once (its children go with it).
fn end_in_order_on_signals() -> Result<(), QuickstartError> {
    let failed = || QuickstartError::io("watch for signals");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(failed())?;
    let (mut interrupts, mut terminations) = {
        use tokio::signal::unix::{SignalKind, signal};
        let _context = runtime.enter();
        (
            signal(SignalKind::interrupt()).map_err(failed())?,
            signal(SignalKind::terminate()).map_err(failed())?,
        )
    };
    thread::spawn(move || {
        runtime.block_on(async {
            for first in [true, false] {
                tokio::select! {
                    _ = interrupts.recv() => {}
                    _ = terminations.recv() => {}
                }
                if first {
                    child::interrupt();
                } else {
                    std::process::exit(EXIT_INTERRUPTED);
                }
            }
        });
    });
    Ok(())
}

/// The exit code that shells report for a program that Ctrl-C ended.
const EXIT_INTERRUPTED: i32 = 130;
