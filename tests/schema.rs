//! The committed schema table is what the generator makes of Kafka's definitions and our classes.
//!
//! `KLAMM_BLESS=1 cargo test --test schema` writes the table, for instance after a new Kafka release.

#[path = "schema/classes.rs"]
mod classes;
#[path = "schema/definitions.rs"]
mod definitions;
#[path = "schema/emit.rs"]
mod emit;
#[path = "schema/jar.rs"]
mod jar;

use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::classes::Classes;
use crate::definitions::Definition;

/// Messages without a key that travel inside the bytes of others.
const EMBEDDED: [&str; 2] = ["ConsumerProtocolAssignment", "ConsumerProtocolSubscription"];

#[test]
fn table_is_what_the_definitions_say() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let all = definitions::read(&jar::jar()?)?;
    let for_clients: Vec<i16> = all
        .iter()
        .filter(|definition| definition.listeners.iter().any(|listener| listener == "broker"))
        .filter_map(|definition| definition.key)
        .collect();
    let wanted = |definition: &Definition| match definition.key {
        Some(key) => for_clients.contains(&key),
        None => EMBEDDED.contains(&definition.name.as_str()),
    };
    let served: Vec<Definition> = all.into_iter().filter(wanted).collect();
    let mut classes = Classes::parse(&std::fs::read_to_string(root.join("tests/schema/classes.txt"))?)?;
    let generated = emit::emit(&served, &mut classes)?;
    classes.all_used()?;
    check(&root.join("src/wire/schema/field.rs"), &generated.names)?;
    check(&root.join("src/wire/schema/table.rs"), &generated.table)
}

fn check(path: &Path, wanted: &str) -> Result<()> {
    if std::env::var_os("KLAMM_BLESS").is_some() {
        return std::fs::write(path, wanted).with_context(|| path.display().to_string());
    }
    let found = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    ensure!(
        found == wanted,
        "{} is not what the definitions say: run `KLAMM_BLESS=1 cargo test --test schema` and review the difference",
        path.display()
    );
    Ok(())
}
