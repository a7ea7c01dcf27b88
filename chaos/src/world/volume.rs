//! A file system of a node's own, in memory, that can be filled.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

/// The file that takes the room.
const FILLER: &str = "filler";
/// Written at once.
const PIECE: usize = 256 << 10;

/// A mounted file system. It is unmounted in the end.
#[derive(Debug)]
pub(crate) struct Volume(PathBuf);

impl Volume {
    /// Mounts an empty one of this size. Only root may.
    pub(super) fn mount(at: &Path, bytes: u64) -> anyhow::Result<Self> {
        fs::create_dir_all(at)?;
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "klamm-chaos"])
            .arg(at)
            .status()
            .context("mount cannot be run")?;
        ensure!(
            status.success(),
            "no file system could be mounted: that takes root"
        );
        Ok(Self(at.to_owned()))
    }

    /// Leaves so many bytes free, or fewer where that is not a multiple of what a file takes.
    pub(crate) fn fill(&self, leave: u64) -> anyhow::Result<()> {
        let mut filler = File::options()
            .create(true)
            .append(true)
            .open(self.0.join(FILLER))?;
        let piece = vec![1; PIECE];
        let mut rest = usize::try_from(self.free()?.saturating_sub(leave))?;
        while rest > 0 {
            match filler.write(&piece[..rest.min(PIECE)]) {
                Ok(written) => rest = rest.saturating_sub(written),
                Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Gives the room back.
    pub(crate) fn empty(&self) -> anyhow::Result<()> {
        Ok(fs::remove_file(self.0.join(FILLER))?)
    }

    fn free(&self) -> anyhow::Result<u64> {
        let output = Command::new("stat")
            .args(["-f", "--format=%a %S"])
            .arg(&self.0)
            .output()?;
        let text = String::from_utf8(output.stdout)?;
        let (blocks, size) = text.trim().split_once(' ').context("blocks and their size")?;
        Ok(blocks.parse::<u64>()? * size.parse::<u64>()?)
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // Nothing more can be done about one that stays.
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}
