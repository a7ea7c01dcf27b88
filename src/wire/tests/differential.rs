//! The engine against `kafka-protocol`, and against messages that were written renamed in the first place.

use anyhow::{Context, Result, ensure};
use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestKind, ResponseKind};

use super::sample::{OddTags, Sampler};
use crate::wire::program::Detail;
use crate::wire::schema::{self, Class, Direction, MessageDef};
use crate::wire::tape::Tape;
use crate::wire::{Edits, RequestHeader, walk_request, walk_response};

/// Random messages of each version of each message.
const SAMPLES: u64 = 12;

/// Calls `check` with every message, version and a few seeds.
pub(super) fn each_version(mut check: impl FnMut(&'static MessageDef, i16, u64) -> Result<()>) -> Result<()> {
    for def in schema::messages() {
        for version in def.versions.lo..=def.versions.hi {
            for seed in 0..SAMPLES {
                let context = || format!("{} {:?} version {version} seed {seed}", def.name, def.direction);
                check(def, version, seed).with_context(context)?;
            }
        }
    }
    Ok(())
}

/// A frame without length prefix around a message.
pub(super) fn frame(def: &MessageDef, version: i16, message: &[u8]) -> Bytes {
    let is_flexible = version >= def.flexible_from;
    let mut out = Vec::new();
    if def.direction == Direction::Request {
        out.extend(def.key.to_be_bytes());
        out.extend(version.to_be_bytes());
        out.extend([0, 0, 0, 9, 0, 2, b'm', b'e']);
    } else {
        out.extend([0, 0, 0, 9]);
    }
    if is_flexible && (def.key != 18 || def.direction == Direction::Request) {
        // An unknown tagged field in the header.
        out.extend([1, 77, 3, 1, 2, 3]);
    }
    out.extend(message);
    out.into()
}

/// Walks a frame as what it is.
pub(super) fn walk<'a>(
    def: &MessageDef,
    version: i16,
    frame: &'a [u8],
    (detail, tape): (Detail, &'a mut Tape),
) -> Result<crate::wire::Message<'a>, crate::wire::WireError> {
    match def.direction {
        Direction::Request => walk_request(&RequestHeader::parse(frame)?, frame, detail, tape),
        _ => walk_response((def.key, version), frame, detail, tape),
    }
}

/// The message as `kafka-protocol` reads it: `None` when it does not know the version.
fn oracle(def: &MessageDef, version: i16, message: &[u8]) -> Result<Option<Vec<u8>>> {
    let Ok(key) = ApiKey::try_from(def.key) else {
        return Ok(None);
    };
    let known = key.valid_versions();
    // Offsets by topic id: in the range of the keys, not of the messages.
    let is_announced_only = matches!((def.key, version), (8 | 9, 10));
    if version < known.min || version > known.max || is_announced_only {
        return Ok(None);
    }
    let mut input = Bytes::copy_from_slice(message);
    let mut output = BytesMut::new();
    match def.direction {
        Direction::Request => RequestKind::decode(key, &mut input, version)?.encode(&mut output, version)?,
        _ => ResponseKind::decode(key, &mut input, version)?.encode(&mut output, version)?,
    }
    ensure!(input.is_empty(), "{} bytes left", input.len());
    Ok(Some(output.to_vec()))
}

/// The schema is right: `kafka-protocol` reads what the table says, and writes the same.
#[test]
fn messages_are_what_kafka_protocol_writes() -> Result<()> {
    let (mut compared, mut unknown) = (0, 0);
    each_version(|def, version, seed| {
        let message = Sampler::new(def, version).message(def, seed);
        match oracle(def, version, &message)? {
            Some(written) => {
                ensure!(written == message, "\n{message:x?}\n{written:x?}");
                compared += 1;
            }
            None => unknown += 1,
        }
        Ok(())
    })?;
    assert!(
        compared > 5000 && compared > 10 * unknown,
        "{compared} compared, {unknown} not known"
    );
    Ok(())
}

/// A walk and no edits give the same bytes, whatever the tags.
#[test]
fn identity() -> Result<()> {
    let mut tape = Tape::new();
    each_version(|def, version, seed| {
        for odd_tags in [OddTags::Unknown, OddTags::UnknownAndDefaults] {
            let sampler = Sampler {
                odd_tags,
                ..Sampler::new(def, version)
            };
            let frame = frame(def, version, &sampler.message(def, seed));
            for detail in [Detail::Classified, Detail::Everything] {
                let message = walk(def, version, &frame, (detail, &mut tape))?;
                let written = super::joined(&Edits::new().finish(message, &frame)?);
                ensure!(written[4..] == frame[..]);
                ensure!(written[..4] == (frame.len() as u32).to_be_bytes());
            }
        }
        Ok(())
    })
}

/// Renaming every topic name in place gives what an encoder writes with the other names.
#[test]
fn rename() -> Result<()> {
    let mut tape = Tape::new();
    let mut renamed = 0;
    each_version(|def, version, seed| {
        let physical: fn(&str) -> String = match seed % 3 {
            0 => |name| format!("{}{name}", "p".repeat(150)),
            1 => |name| format!("vc.{name}"),
            _ => |name| name.chars().take(2).collect(),
        };
        let odd_tags = OddTags::UnknownAndDefaults;
        let before = Sampler {
            odd_tags,
            ..Sampler::new(def, version)
        };
        let after = Sampler {
            rename: physical,
            ..before
        };
        let frame_before = frame(def, version, &before.message(def, seed));
        let frame_after = frame(def, version, &after.message(def, seed));
        let message = walk(def, version, &frame_before, (Detail::Classified, &mut tape))?;
        let mut edits = Edits::new();
        for name in message.all(Class::TopicName) {
            if let Some(text) = name.text() {
                edits.set_text(name, Some(&physical(text)));
                renamed += 1;
            }
        }
        let written = super::joined(&edits.finish(message, &frame_before)?);
        ensure!(
            written[4..] == frame_after[..],
            "\n{frame_before:x?}\n{:x?}\n{frame_after:x?}",
            &written[4..]
        );
        Ok(())
    })?;
    assert!(renamed > 5000, "{renamed}");
    Ok(())
}
