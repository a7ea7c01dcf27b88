//! Nodes that encrypt what they keep: nothing of it is in clear on any disk.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use anyhow::{Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use klamm::quickstart::stage::Stage;

use crate::access_tokens::{content, holds};
use crate::scene::Scene;

/// The variables of nodes with a storage key.
pub(crate) fn variables(stage: &Stage) -> Result<Vec<(String, String)>> {
    let path = stage.directory().join("storage.key");
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    file.write_all(STANDARD.encode([7; 32]).as_bytes())?;
    let path = path.display().to_string();
    Ok(vec![("KLAMM_STORAGE_KEY_FILE".to_owned(), path)])
}

/// None of these names, which the nodes know, is on a disk of theirs.
pub(crate) fn check_disks(scene: &Scene, names: &[&str]) -> Result<()> {
    for node in scene.stage.nodes() {
        let kept = content(&node.settings().data_dir)?;
        for name in names {
            ensure!(!holds(&kept, name), "{name} is in clear on a disk");
        }
    }
    Ok(())
}
