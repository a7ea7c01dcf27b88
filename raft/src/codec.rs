//! Bytes of everything that goes to disk or to a peer: the only file that names the encoder.
//!
//! Every value is one version byte, the bincode of our own struct, and a CRC-32C of both. The version is the lowest
//! feature level that has everything in the value. openraft's types never reach the encoder, so that a new openraft
//! cannot change what is on disk. The layout of a released version never changes; golden files of each type and version
//! prove it.

use std::io;

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::{Level, VclusterName};

pub(crate) mod layout;

/// The largest value that is read: a snapshot of the whole state.
pub(crate) const MAX_VALUE_BYTES: usize = 256 * 1024 * 1024;

const CHECKSUM_BYTES: usize = 4;

const CONFIG: Configuration<LittleEndian, Varint, Limit<MAX_VALUE_BYTES>> =
    bincode::config::standard().with_limit::<MAX_VALUE_BYTES>();

/// Why bytes are not a value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CodecError {
    #[error("{bytes} bytes are too few for a value")]
    Short { bytes: usize },
    #[error("the checksum is {stored:08x} but the content sums to {computed:08x}")]
    Checksum { stored: u32, computed: u32 },
    /// Nothing is wrong with the bytes.
    #[error(
        "it has format version {version}, but this version of klamm supports versions up to {highest} only"
    )]
    Newer { version: Level, highest: Level },
    #[error("there is no format version 0")]
    NoVersion,
    #[error("a value of format version {version} contains what belongs to another version")]
    OtherLevel { version: Level },
    #[error("{bytes} bytes are left over after the value")]
    LeftOver { bytes: usize },
    #[error("a value of {bytes} bytes exceeds the limit of {MAX_VALUE_BYTES}")]
    TooLarge { bytes: usize },
    #[error("the content cannot be decoded")]
    Decode(#[from] bincode::error::DecodeError),
    #[error("the value cannot be encoded")]
    Encode(#[from] bincode::error::EncodeError),
    #[error("the membership is invalid: {0}")]
    Membership(String),
    #[error("it has something of virtual cluster {0}, and no such virtual cluster")]
    AdditionToNobody(VclusterName),
}

/// A value that can be written and read. A type whose layout is another at some level says how.
pub(crate) trait Format: Serialize + DeserializeOwned {
    /// The lowest level that has everything in the value.
    fn level(&self) -> Level {
        Level::FIRST
    }

    /// Appends the value as its level has it.
    fn write(&self, bytes: &mut Vec<u8>) -> Result<(), CodecError> {
        write(self, bytes)
    }

    /// The value that begins `content` as the level has it, and how many bytes it takes.
    fn read(_level: Level, content: &[u8]) -> Result<(Self, usize), CodecError> {
        read(content)
    }
}

fn write<T: Serialize>(value: &T, bytes: &mut Vec<u8>) -> Result<(), CodecError> {
    bincode::serde::encode_into_std_write(value, bytes, CONFIG)?;
    Ok(())
}

fn read<T: DeserializeOwned>(content: &[u8]) -> Result<(T, usize), CodecError> {
    Ok(bincode::serde::decode_from_slice(content, CONFIG)?)
}

/// The bytes of `value`.
pub(crate) fn encode<T: Format>(value: &T) -> Result<Vec<u8>, CodecError> {
    let mut bytes = vec![value.level().0];
    value.write(&mut bytes)?;
    let checksum = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    if bytes.len() > MAX_VALUE_BYTES {
        return Err(CodecError::TooLarge { bytes: bytes.len() });
    }
    Ok(bytes)
}

/// How many bytes `value` takes as a part of what is written.
pub(crate) fn size<T: Serialize>(value: &T) -> u64 {
    let mut counter = Counter(0);
    // What cannot be encoded is never written.
    bincode::serde::encode_into_std_write(value, &mut counter, CONFIG).ok();
    counter.0
}

/// Counts what is written to it.
struct Counter(u64);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The value that `bytes` are, all of them, for a reader that knows levels up to `highest`.
pub(crate) fn decode<T: Format>(bytes: &[u8], highest: Level) -> Result<T, CodecError> {
    let short = || CodecError::Short { bytes: bytes.len() };
    let (sealed, checksum) = bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or_else(short)?;
    let stored = u32::from_le_bytes(*checksum);
    let computed = crc32c::crc32c(sealed);
    if stored != computed {
        return Err(CodecError::Checksum { stored, computed });
    }
    let (version, content) = sealed.split_first().ok_or_else(short)?;
    let version = Level(*version);
    if version < Level::FIRST {
        return Err(CodecError::NoVersion);
    }
    if version > highest {
        return Err(CodecError::Newer { version, highest });
    }
    let (value, read) = T::read(version, content)?;
    match content.len() - read {
        0 if value.level() == version => Ok(value),
        0 => Err(CodecError::OtherLevel { version }),
        bytes => Err(CodecError::LeftOver { bytes }),
    }
}

#[cfg(test)]
pub(crate) mod tests;
