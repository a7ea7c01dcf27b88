//! Where the `kafka-clients` jar is.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Finds the jar: `KLAMM_KAFKA_CLIENTS_JAR`, else where `tests/kafka/kafka.sh` installs it.
pub(crate) fn jar() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("KLAMM_KAFKA_CLIENTS_JAR") {
        return Ok(path.into());
    }
    let target = || {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("target")
            .into_os_string()
    };
    let home = std::env::var_os("KLAMM_KAFKA_HOME")
        .map(PathBuf::from)
        .unwrap_or_else(|| {
            Path::new(&std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(target)).join("kafka")
        });
    let libs = home.join("libs");
    let mut found: Vec<PathBuf> = std::fs::read_dir(&libs)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("kafka-clients-") && name.ends_with(".jar")
        })
        .collect();
    found.sort();
    found.pop().with_context(|| {
        format!(
            "no kafka-clients jar in {}: run `make kafka`, or set KLAMM_KAFKA_CLIENTS_JAR to one",
            libs.display()
        )
    })
}
