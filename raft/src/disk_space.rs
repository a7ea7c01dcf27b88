//! Whether the file system of the data directory has room left.
//!
//! After a write that failed for want of room, nobody knows what is on disk, and the process ends. So changes are
//! refused before it comes to that, and taken again when there is room.

use std::path::PathBuf;

/// Looks at one directory's file system.
#[derive(Debug, Clone)]
pub(crate) struct DiskSpace {
    directory: PathBuf,
    reserve_bytes: u64,
}

impl DiskSpace {
    pub(crate) fn new(directory: PathBuf, reserve_bytes: u64) -> Self {
        Self {
            directory,
            reserve_bytes,
        }
    }

    /// Whether more than the reserve is left. A file system that does not say counts as empty enough.
    pub(crate) fn is_enough(&self) -> bool {
        match rustix::fs::statvfs(&self.directory) {
            Ok(system) => system.f_bavail.saturating_mul(system.f_frsize) > self.reserve_bytes,
            Err(error) => {
                tracing::warn!(%error, "cannot determine how full the disk is");
                true
            }
        }
    }
}
