//! Mistakes that are planted for fault runs: only where the feature is, and in no release.

use std::path::PathBuf;
use std::process::{Command, Output};

use super::{check, root, rust_files};

/// All files that know of planted mistakes.
const MAY_PLANT: [&str; 16] = [
    "raft/src/boots/known.rs",
    "raft/src/clock.rs",
    "raft/src/lease.rs",
    "raft/src/lib.rs",
    "raft/src/machine/levels.rs",
    "raft/src/machine/members.rs",
    "raft/src/machine/routes.rs",
    "raft/src/node/core.rs",
    "raft/src/node/granting.rs",
    "raft/src/node/leasing.rs",
    "src/admin/handlers/switch.rs",
    "src/app.rs",
    "src/metrics/leases.rs",
    "src/session.rs",
    "src/session/serve.rs",
    "src/session/undecided.rs",
];

/// The mistakes themselves.
const PLANTED: &str = "raft/src/planted.rs";

#[test]
fn mistakes_are_planted_in_few_places() {
    let files = rust_files();
    let product = files
        .iter()
        .filter(|file| !file.is_test() && file.path != PLANTED);
    let others = product
        .filter(|file| file.text.contains("planted::") || file.text.contains("\"planted\""))
        .filter(|file| !MAY_PLANT.contains(&file.path.as_str()))
        .map(|file| file.path.clone());
    check("these files know of planted mistakes:", others.collect());
    for manifest in ["Cargo.toml", "raft/Cargo.toml"] {
        let text = std::fs::read_to_string(root().join(manifest)).expect("a manifest");
        assert!(
            !text.contains("default = ["),
            "{manifest}: features that everybody has"
        );
    }
}

#[test]
fn no_release_is_built_with_planted_mistakes() {
    let refused = compiled("no");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(
        !refused.status.success() && said.contains("only debug builds may have it"),
        "{said}"
    );
    // It was refused for nothing else.
    let debug = compiled("yes");
    assert!(
        debug.status.success(),
        "{}",
        String::from_utf8_lossy(&debug.stderr)
    );
}

/// Compiles the file alone.
fn compiled(debug_assertions: &str) -> Output {
    let directory = tempfile::tempdir().expect("a directory");
    let rustc = std::env::var_os("RUSTC").map_or_else(|| PathBuf::from("rustc"), PathBuf::from);
    Command::new(rustc)
        .args(["--edition", "2024", "--crate-type", "lib", "--emit", "metadata"])
        .args(["-C", &format!("debug-assertions={debug_assertions}"), "--out-dir"])
        .arg(directory.path())
        .arg(root().join(PLANTED))
        .output()
        .expect("rustc")
}
