//! Free loopback ports for programs that cannot pick their own. Knows nothing of who uses them, and of no other file:
//! tests of other crates include it by its path.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// Ports are taken below the range from which systems hand out their own.
const FIRST: u16 = 20_000;
const LAST: u16 = 32_000;

/// How many ports one block has.
pub const BLOCK: u16 = 256;

/// Why no ports are to be had.
#[derive(Debug, thiserror::Error)]
pub enum NoPorts {
    #[error("no {BLOCK} free ports in a row from {FIRST} to {LAST}")]
    AllTaken,
    #[error("cannot hold ports with a lock file in {directory}")]
    Lock {
        directory: String,
        #[source]
        source: io::Error,
    },
}

/// Consecutive free ports. Other processes that ask here get other ones as long as this value lives.
#[derive(Debug)]
pub struct PortBlock {
    first: u16,
    _lock: File,
}

impl PortBlock {
    /// Takes the first block that nobody holds and in which nothing listens.
    ///
    /// # Errors
    /// When all blocks are taken or the lock files cannot be made.
    pub fn take() -> Result<Self, NoPorts> {
        let directory = std::env::temp_dir().join("klamm-ports");
        let failed = |source| NoPorts::Lock {
            directory: directory.display().to_string(),
            source,
        };
        fs::create_dir_all(&directory).map_err(failed)?;
        for first in (FIRST..=LAST - BLOCK).step_by(usize::from(BLOCK)) {
            let path = directory.join(first.to_string());
            let lock = File::create(&path).map_err(failed)?;
            if lock.try_lock().is_ok() && (first..first + BLOCK).all(is_free) {
                return Ok(Self { first, _lock: lock });
            }
        }
        Err(NoPorts::AllTaken)
    }

    /// The port at a distance from the first one.
    #[must_use]
    pub fn port(&self, offset: u16) -> u16 {
        debug_assert!(offset < BLOCK, "a port of the block");
        self.first + offset
    }
}

/// Whether nothing listens on the port, on whichever address.
#[must_use]
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_blocks_share_no_port() {
        let (a, b) = (PortBlock::take().unwrap(), PortBlock::take().unwrap());
        assert!(a.port(0).abs_diff(b.port(0)) >= BLOCK);
    }

    #[test]
    fn a_used_port_is_not_free() {
        let block = PortBlock::take().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, block.port(3))).unwrap();
        assert!(!is_free(block.port(3)));
        drop(listener);
        assert!(is_free(block.port(3)));
    }
}
