//! The data that is authenticated beside what is encrypted: a part that is moved to another record key, another part or
//! another key cannot be opened.

use klamm_raft::model::KeyName;

use super::mark::VERSION;

/// A part of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedPart<'a> {
    Value,
    Key,
    /// The value of a header of this name.
    Header(&'a [u8]),
}

/// Writes what goes with a part, in the place of what was in `out`. `record_key` is the key as the broker has it, encrypted if it
/// is to be; a key itself goes with none. Neither topic nor offset is in it: records are copied to other topics as they are.
pub fn associated(out: &mut Vec<u8>, key: &KeyName, part: SealedPart<'_>, record_key: Option<&[u8]>) {
    out.clear();
    out.push(VERSION);
    with_length(out, key.as_str().as_bytes());
    match part {
        SealedPart::Value => out.push(1),
        SealedPart::Key => out.push(2),
        SealedPart::Header(name) => {
            out.push(3);
            with_length(out, name);
        }
    }
    match record_key.filter(|_| part != SealedPart::Key) {
        Some(bytes) => {
            out.push(1);
            with_length(out, bytes);
        }
        None => out.push(0),
    }
}

fn with_length(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
    out.extend_from_slice(bytes);
}
