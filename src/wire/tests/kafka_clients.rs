//! The engine against Kafka's own message classes, which know every version that the table has.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::differential::each_version;
use super::sample::Sampler;
use crate::wire::item::Item;
use crate::wire::schema::{self, Direction, MessageDef};

#[path = "../../../tests/schema/jar.rs"]
mod jar;

/// The bytes that Kafka writes for each line: see `tests/schema/Messages.java`.
fn ask(lines: String) -> Result<Vec<String>> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schema/Messages.java");
    let mut java = Command::new("java")
        .args(["-XX:TieredStopAtLevel=1", "-cp"])
        .arg(jar::jar()?)
        .arg(source)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("a JDK is needed for these tests")?;
    let mut input = java.stdin.take().context("standard input")?;
    // Kafka answers when it has read all.
    input.write_all(lines.as_bytes())?;
    drop(input);
    let mut answers = String::new();
    java.stdout
        .take()
        .context("standard output")?
        .read_to_string(&mut answers)?;
    ensure!(java.wait()?.success(), "java failed");
    Ok(answers.lines().map(str::to_owned).collect())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").expect("writing to a string cannot fail");
        out
    })
}

fn api(def: &MessageDef, version: i16) -> String {
    let direction = if def.direction == Direction::Request {
        "request"
    } else {
        "response"
    };
    format!("{} {direction} {version}", def.key)
}

/// Kafka reads our random messages, unknown tags too, and writes the same bytes.
#[test]
fn random_messages() -> Result<()> {
    let (mut lines, mut wanted) = (String::new(), Vec::new());
    each_version(|def, version, seed| {
        if seed < 6 {
            let message = hex(&Sampler::new(def, version).message(def, seed));
            writeln!(lines, "{} {message}", api(def, version))?;
            wanted.push((api(def, version), seed, message));
        }
        Ok(())
    })?;
    let written = ask(lines)?;
    ensure!(written.len() == wanted.len());
    for ((api, seed, message), written) in wanted.into_iter().zip(written) {
        ensure!(written == message, "{api}, seed {seed}:\n{message}\n{written}");
    }
    Ok(())
}

/// A message of which nothing is set is what Kafka writes of a new message.
#[test]
fn defaults() -> Result<()> {
    let (mut lines, mut wanted) = (String::new(), Vec::new());
    for def in schema::messages() {
        for version in def.versions.lo..=def.versions.hi {
            let item = match def.direction {
                Direction::Request => Item::request(def.key, version)?,
                _ => Item::response(def.key, version)?,
            };
            let mut written = Vec::new();
            item.write(&mut written)?;
            writeln!(lines, "{} default", api(def, version))?;
            wanted.push((api(def, version), hex(&written)));
        }
    }
    let written = ask(lines)?;
    ensure!(written.len() == wanted.len());
    for ((api, message), written) in wanted.into_iter().zip(written) {
        ensure!(written == message, "{api}:\n{message}\n{written}");
    }
    Ok(())
}
